package syncs

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/weir-data/weir/models"
)

// TextPart is a piece of a text: literal text, or a trait with what stands in for it where it is
// absent.
type TextPart struct {
	Text     string // literal, if Trait is ""
	Trait    string
	Fallback string
	// Optional is true if a fallback was written, even an empty one. Without one an absent trait
	// makes the row invalid.
	Optional bool
}

var textNameRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ParseText splits a text such as "Hi {first_name|there}". A brace itself is written twice:
// {{ or }}.
func ParseText(s string) ([]TextPart, error) {
	var parts []TextPart
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			parts = append(parts, TextPart{Text: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case (c == '{' || c == '}') && i+1 < len(s) && s[i+1] == c:
			lit.WriteByte(c)
			i++
		case c == '}':
			return nil, fmt.Errorf("a } closes nothing; write }} for the sign itself")
		case c == '{':
			end := strings.IndexAny(s[i+1:], "{}")
			if end < 0 || s[i+1+end] != '}' {
				return nil, fmt.Errorf("a { is not closed; write {{ for the sign itself")
			}
			name, fallback, optional := strings.Cut(s[i+1:i+1+end], "|")
			name = strings.TrimSpace(name)
			if !textNameRE.MatchString(name) {
				return nil, fmt.Errorf("{%s} does not name a trait; write {first_name} or {first_name|there}", s[i+1:i+1+end])
			}
			flush()
			parts = append(parts, TextPart{Trait: name, Fallback: fallback, Optional: optional})
			i += 1 + end
		default:
			lit.WriteByte(c)
		}
	}
	flush()
	return parts, nil
}

// Reentry says when append emits again for somebody who was sent to before.
type Reentry struct {
	Never     bool
	OnReentry bool            // each time they enter
	After     models.Duration // each time they enter, but not sooner than this after the last
}

// Reentry reads Again: never, on_reentry, or "after: 30d", for which 30d is enough. An empty text
// means never.
func (s *Sync) Reentry() (Reentry, error) {
	switch a := strings.TrimSpace(s.Again); a {
	case "", "never":
		return Reentry{Never: true}, nil
	case "on_reentry":
		return Reentry{OnReentry: true}, nil
	default:
		var d models.Duration
		rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(a, "after"), ":"))
		if err := d.UnmarshalText([]byte(rest)); err != nil || d == 0 {
			return Reentry{}, fmt.Errorf(`%q is none of never, on_reentry and "after: 30d"`, s.Again)
		}
		return Reentry{After: d}, nil
	}
}

// String writes what Sync.Reentry reads, in its shortest form: never, on_reentry or 30d.
func (r Reentry) String() string {
	switch {
	case r.OnReentry:
		return "on_reentry"
	case r.After != 0:
		return r.After.String()
	}
	return "never"
}
