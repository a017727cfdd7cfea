package models

import (
	"fmt"
	"slices"
	"strings"
)

// ExpressionProblem says why a piece of SQL is not exactly one expression whose traits can be seen,
// or "". It reads the text as far as all warehouses do alike: quotes, comments and brackets. known
// has the names of traits: such a word is never taken for a keyword.
func ExpressionProblem(sql string, known []string) (what, fix string) {
	if strings.ContainsRune(sql, 0) {
		return "it has a NUL byte in it", "take it out"
	}
	s := sqlReader{text: sql, known: known}
	for s.at < len(s.text) {
		if what, fix := s.next(); what != "" {
			return what, fix
		}
	}
	switch {
	case len(s.open) > 0:
		return fmt.Sprintf("%c is not closed", s.open[len(s.open)-1]), "close it"
	case !s.words:
		return "it is empty", "write an expression over other traits"
	}
	return "", ""
}

// sqlReader reads an expression from left to right.
type sqlReader struct {
	text  string
	at    int
	open  []byte // the brackets that are open
	words bool   // something was read that is not white space or a comment
	known []string
}

var closing = map[byte]byte{'(': ')', '[': ']', '{': '}'}

// next reads one piece, and says what is wrong with it.
func (s *sqlReader) next() (what, fix string) {
	rest := s.text[s.at:]
	c := rest[0]
	switch {
	case strings.HasPrefix(rest, "--"):
		if end := strings.IndexAny(rest, "\n\r"); end >= 0 {
			s.at += end
		} else {
			s.at = len(s.text)
		}
		return "", ""
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			return "a comment is not closed", "write */ where it ends"
		}
		if strings.Contains(rest[2:2+end], "/*") {
			return "a comment stands inside a comment", "take the inner one out"
		}
		s.at += end + 4
		return "", ""
	case strings.ContainsRune(" \t\r\n\f\v", rune(c)):
		s.at++
		return "", ""
	}
	if c == ';' {
		if s.words && len(s.open) == 0 && strings.Trim(rest, "; \t\r\n") == "" {
			return "it ends in a semicolon", "take the semicolon out"
		}
		return "it has a semicolon in it", "write one expression, without semicolons"
	}
	first := !s.words
	s.words = true
	switch {
	case c == '\'' || c == '"' || c == '`':
		return s.quoted(c)
	case c == '$':
		return s.dollar()
	case closing[c] != 0:
		s.open = append(s.open, c)
	case c == ')' || c == ']' || c == '}':
		if len(s.open) == 0 {
			return fmt.Sprintf("%c closes nothing", c), "take it out, or open it before"
		}
		if inner := s.open[len(s.open)-1]; closing[inner] != c {
			return fmt.Sprintf("%c stands where %c must be closed", c, inner), "close what was opened last first"
		}
		s.open = s.open[:len(s.open)-1]
	case c == ',' && len(s.open) == 0:
		return "it is a list: a comma stands outside of parentheses", "write one expression"
	case wordStart(c):
		return s.word(first)
	}
	s.at++
	return "", ""
}

// quoted reads text or a quoted name.
func (s *sqlReader) quoted(q byte) (what, fix string) {
	escapes := q == '\'' && s.at > 0 && strings.IndexByte("eE", s.text[s.at-1]) >= 0 && (s.at == 1 || !wordByte(s.text[s.at-2]))
	from := s.at + 1
	for i := from; i < len(s.text); i++ {
		switch {
		case escapes && s.text[i] == '\\':
			i++
		case s.text[i] != q:
		case i+1 < len(s.text) && s.text[i+1] == q:
			i++
		default:
			// Not every warehouse takes these for quotes.
			if q == '`' && strings.ContainsAny(s.text[from:i], "'\"()[]{};$-/*") {
				return "a name in backticks has a sign in it that is none of a name", "quote it with \""
			}
			s.at = i + 1
			return "", ""
		}
	}
	return fmt.Sprintf("a quote %c is not closed", q), "close it"
}

// dollar reads $tag$ text $tag$, or a sign.
func (s *sqlReader) dollar() (what, fix string) {
	rest := s.text[s.at:]
	if end := strings.IndexByte(rest[1:], '$'); end >= 0 && (s.at == 0 || !wordByte(s.text[s.at-1])) {
		tag := rest[:end+2]
		name := tag[1 : len(tag)-1]
		if (name == "" || wordStart(name[0])) && strings.IndexFunc(name, func(r rune) bool { return r < 0x80 && !wordByte(byte(r)) }) < 0 {
			n := strings.Index(rest[len(tag):], tag)
			if n < 0 {
				return "a quote " + tag + " is not closed", "close it"
			}
			s.at += 2*len(tag) + n
			return "", ""
		}
	}
	s.at++
	return "", ""
}

// statements begin what is no expression; clauses end one.
var (
	statements = strings.Fields("select with insert update delete merge create drop alter truncate grant revoke copy attach detach install load set reset call do execute prepare pragma begin commit rollback values table vacuum explain describe show use export import")
	clauses    = strings.Fields("where group having order limit offset fetch union intersect except into returning as window qualify")
)

// word reads a name or a keyword. Outside of brackets there is none that belongs to a statement.
func (s *sqlReader) word(first bool) (what, fix string) {
	from := s.at
	for s.at < len(s.text) && (wordByte(s.text[s.at]) || s.text[s.at] == '$') {
		s.at++
	}
	word := strings.ToLower(s.text[from:s.at])
	rest := strings.TrimLeft(s.text[s.at:], " \t\r\n")
	part := from > 0 && s.text[from-1] == '.' || strings.HasPrefix(rest, ".")
	call := strings.HasPrefix(rest, "(")
	if slices.Contains(s.known, word) {
		return "", ""
	}
	switch {
	case word == "p" && !part, word == "columns" && call, word == "u" && (strings.HasPrefix(rest, "&'") || strings.HasPrefix(rest, "&\"")):
		return fmt.Sprintf("%s hides which traits are used, so that policies could not be kept", s.text[from:s.at]), "write the traits out"
	case len(s.open) > 0 || part:
		return "", ""
	}
	switch {
	case first && slices.Contains(statements, word) && !(call && word != "select" && word != "with" && word != "values"):
		return "it is a statement: it begins with " + strings.ToUpper(word), "write an expression over traits, such as lifetime_value > 2 * average_order"
	case !first && word == "select":
		return "it has a statement in it", "write a SELECT within an expression in parentheses"
	case !first && slices.Contains(clauses, word) && !s.within(word, from):
		return fmt.Sprintf("%s belongs to a statement, and this is one expression", strings.ToUpper(word)), "take it out"
	case !first && word == "from" && !s.after(from, "distinct"):
		return "FROM belongs to a statement, and this is one expression", "take it out"
	}
	return "", ""
}

// within tells a keyword that stands in an expression, too.
func (s *sqlReader) within(word string, from int) bool {
	return word == "group" && s.after(from, "within")
}

// after reports whether the word before a place is this one.
func (s *sqlReader) after(from int, word string) bool {
	before := strings.TrimRight(s.text[:from], " \t\r\n")
	n := len(before) - len(word)
	return n >= 0 && strings.EqualFold(before[n:], word) && (n == 0 || !wordByte(before[n-1]))
}

func wordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func wordByte(c byte) bool { return wordStart(c) || c >= '0' && c <= '9' }
