package dialect

import (
	"errors"
	"fmt"
	"strings"
)

// Raw checks a piece of the user's own SQL and returns it without blanks and semicolons at its
// ends. It must be one piece: with parentheses, quotes and comments closed, and no semicolon
// inside. What it means is the warehouse's business. Quotes and comments are those of standard SQL,
// and of PostgreSQL.
func Raw(sql string) (string, error) { return lexicon{}.raw(sql) }

// lexicon is where warehouses differ in quotes and comments. The zero one is that of Raw.
type lexicon struct {
	backslash bool   // a backslash escapes in every quote, two quotes in a row are none, no quote begins with a dollar
	triple    bool   // three quotes begin a text that three end
	hash      bool   // a # begins a comment
	slashes   bool   // two slashes begin a comment
	texts     string // the quotes in which a backslash escapes, beside two quotes in a row
	plain     bool   // a dollar is only a dollar
	rawTexts  bool   // an r before a text takes its escapes away
}

// escapes tells whether a backslash escapes in the quote at a place, where it does not in every one.
func (l lexicon) escapes(sql string, i int) bool {
	if i > 0 && (i == 1 || !wordByte(sql[i-2])) {
		switch sql[i-1] {
		case 'e', 'E':
			if sql[i] == '\'' && !l.plain {
				return true
			}
		case 'r', 'R':
			if l.rawTexts {
				return false
			}
		}
	}
	return strings.IndexByte(l.texts, sql[i]) >= 0
}

// mayComment tells that a text may end with a comment that is not written with dashes.
func (l lexicon) mayComment(sql string) bool {
	return l.hash && strings.Contains(sql, "#") || l.slashes && strings.Contains(sql, "//")
}

func (l lexicon) raw(sql string) (string, error) {
	if err := checkText(sql); err != nil {
		return "", err
	}
	sql = strings.TrimSpace(sql)
	depth, end := 0, len(sql)
	for i := 0; i < len(sql); {
		switch c := sql[i]; {
		case c == '\'' || c == '"' || c == '`':
			var n int
			switch {
			case l.triple && c != '`' && strings.HasPrefix(sql[i:], strings.Repeat(string(c), 3)):
				n = escaped(sql[i:], strings.Repeat(string(c), 3))
			case l.backslash:
				n = escaped(sql[i:], string(c))
			default:
				n = quoted(sql[i:], c, l.escapes(sql, i))
			}
			if n == 0 {
				return "", fmt.Errorf("a quote %c is not closed", c)
			}
			i += n
			continue
		case strings.HasPrefix(sql[i:], "--"), l.hash && c == '#', l.slashes && strings.HasPrefix(sql[i:], "//"):
			n := strings.IndexAny(sql[i:], "\n\r")
			if n < 0 {
				n = len(sql) - i
			}
			i += n
			continue
		case strings.HasPrefix(sql[i:], "/*"):
			n := strings.Index(sql[i+2:], "*/")
			if n < 0 {
				return "", errors.New("a comment is not closed")
			}
			if strings.Contains(sql[i+2:i+2+n], "/*") {
				return "", errors.New("a comment stands inside a comment")
			}
			i += n + 4
			continue
		case c == '$' && !l.backslash && !l.plain && (i == 0 || !wordByte(sql[i-1])):
			if tag := dollarTag(sql[i:]); tag != "" {
				n := strings.Index(sql[i+len(tag):], tag)
				if n < 0 {
					return "", fmt.Errorf("a quote %s is not closed", tag)
				}
				i += n + 2*len(tag)
				continue
			}
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return "", errors.New("a parenthesis is closed that was not opened")
			}
		case c == ';':
			if strings.Trim(sql[i:], "; \t\r\n") != "" {
				return "", errors.New("it has more than one statement: a semicolon may stand only at the end")
			}
			end = min(end, i)
		}
		i++
	}
	if depth > 0 {
		return "", errors.New("a parenthesis is not closed")
	}
	sql = strings.TrimSpace(sql[:end])
	if sql == "" {
		return "", errors.New("it is empty")
	}
	return sql, nil
}

// quoted is the length of a quoted piece at the start of s, or 0 if it does not end.
func quoted(s string, q byte, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == q && i+1 < len(s) && s[i+1] == q:
			i++
		case s[i] == q:
			return i + 1
		}
	}
	return 0
}

// escaped is the length of a piece between two marks at the start of s, in which a backslash takes the
// next byte with it, or 0 if it does not end.
func escaped(s, mark string) int {
	for i := len(mark); i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.HasPrefix(s[i:], mark):
			return i + len(mark)
		}
	}
	return 0
}

// dollarTag is the opening of a dollar quote at the start of s, such as $$ or $body$, or "".
func dollarTag(s string) string {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '$':
			return s[:i+1]
		case !wordByte(s[i]) || i == 1 && s[i] >= '0' && s[i] <= '9':
			return ""
		}
	}
	return ""
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
