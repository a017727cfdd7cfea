package dialect

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Pattern checks that a regular expression means the same on every warehouse. It may have
// literals, the dot (which matches line ends too), classes in brackets, \d \s \w and their
// opposites outside of brackets, \t \n \r, escaped punctuation, ^ and $ (of the whole text),
// groups, alternatives, and greedy repetition up to 255. It may not have flags, word boundaries,
// look-around, lazy repetition, Unicode classes or back-references. Classes know ASCII only.
// Of alternatives none should begin with another: engines differ in which one they take.
func Pattern(p string) error {
	re, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return fmt.Errorf("pattern %q: %w", p, err)
	}
	if err := checkTree(re); err != nil {
		return fmt.Errorf("pattern %q: %w", p, err)
	}
	if err := checkEscapes(p); err != nil {
		return fmt.Errorf("pattern %q: %w", p, err)
	}
	return nil
}

func checkPattern(e rel.Expr) error {
	l, ok := e.(rel.Lit)
	p, isText := l.Value.(string)
	if !ok || l.Type != models.Text || !isText {
		return errors.New("the pattern must be a text literal")
	}
	return Pattern(p)
}

var replacement = regexp.MustCompile(`^([^\\]|\\[1-9])*$`)

// checkReplacement refuses what the engines write differently: of backslashes only groups.
func checkReplacement(e rel.Expr) error {
	l, ok := e.(rel.Lit)
	r, isText := l.Value.(string)
	if !ok || l.Type != models.Text || !isText || !replacement.MatchString(r) {
		return errors.New("the replacement must be a text literal, with a backslash only before a digit from 1 to 9")
	}
	return nil
}

func checkTree(re *syntax.Regexp) error {
	switch {
	case re.Flags&syntax.FoldCase != 0 && re.Op == syntax.OpLiteral:
		return errors.New("flags cannot be used")
	case re.Op == syntax.OpWordBoundary, re.Op == syntax.OpNoWordBoundary:
		return errors.New("word boundaries cannot be used")
	case re.Op == syntax.OpBeginLine, re.Op == syntax.OpEndLine:
		return errors.New("flags cannot be used")
	case re.Op == syntax.OpRepeat && (re.Min > 255 || re.Max > 255):
		return errors.New("a repetition goes to 255 at most")
	case re.Flags&syntax.NonGreedy != 0 && (re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpQuest || re.Op == syntax.OpRepeat):
		return errors.New("lazy repetition cannot be used")
	}
	for _, sub := range re.Sub {
		if err := checkTree(sub); err != nil {
			return err
		}
	}
	return nil
}

var repetition = regexp.MustCompile(`^\{\d{1,3}(,\d{0,3})?\}`)

// checkEscapes refuses spellings that the engines read differently.
func checkEscapes(p string) error {
	bracket := 0 // where the class that is open began, plus one
	for i := 0; i < len(p); i++ {
		rest := p[i:]
		switch {
		case p[i] == '\\':
			i++
			c := p[i] // the parser has refused a backslash at the end
			alnum := wordByte(c) && c != '_'
			if alnum && !strings.ContainsRune("dswtnr", rune(c)) && (bracket > 0 || !strings.ContainsRune("DSW", rune(c))) {
				return fmt.Errorf(`\%c cannot be used`, c)
			}
		case bracket > 0:
			if p[i] == ']' && i > bracket {
				bracket = 0
			} else if strings.HasPrefix(rest, "[.") || strings.HasPrefix(rest, "[=") {
				return errors.New("write [ inside a class as \\[")
			} else if strings.HasPrefix(rest, "[:") {
				i += strings.Index(rest, ":]") + 1 // the parser knows the class, so it ends
			}
		case p[i] == '[':
			bracket = i + 1
			if strings.HasPrefix(rest, "[^") {
				bracket++
				i++
			}
		case strings.HasPrefix(rest, "(?") && !strings.HasPrefix(rest, "(?:"):
			return errors.New("of the groups with a question mark only (?:…) can be used")
		case p[i] == '{' && !repetition.MatchString(rest):
			return errors.New(`write a brace as \{`)
		}
	}
	return nil
}
