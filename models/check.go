package models

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-data/weir/models/diag"
)

// Check reports everything about a model that can be known without a warehouse: names,
// references, circles, and what does not go together. Problems are in the order of the model.
// CheckColumns says more once columns are known.
func Check(m *Model) []diag.Problem {
	c := newChecker(m)
	for i := range m.Sources {
		c.source(&m.Sources[i])
	}
	c.relationCircles()
	for i := range m.Entities {
		c.entity(&m.Entities[i])
	}
	for i := range m.Segments {
		c.segment(&m.Segments[i])
	}
	c.segmentCircles()
	for i := range m.Policies {
		c.policy(&m.Policies[i])
	}
	return c.out
}

// checker gathers problems. It indexes names once, since large models have thousands.
type checker struct {
	m        *Model
	sources  map[string]*Source
	entities map[string]*Entity
	segments map[string]*Segment
	traits   map[string]map[string]*Trait // entity, name
	ids      map[string]map[string]int    // entity, identifier type: rank
	from     map[string]map[string]bool   // entity, source of its identity
	out      []diag.Problem
}

func newChecker(m *Model) *checker {
	c := &checker{m: m, sources: map[string]*Source{}, entities: map[string]*Entity{}, segments: map[string]*Segment{},
		traits: map[string]map[string]*Trait{}, ids: map[string]map[string]int{}, from: map[string]map[string]bool{}}
	for i := range m.Sources {
		c.sources[m.Sources[i].Name] = &m.Sources[i]
	}
	for i := range m.Segments {
		c.segments[m.Segments[i].Name] = &m.Segments[i]
	}
	for i := range m.Entities {
		e := &m.Entities[i]
		c.entities[e.Name] = e
		c.traits[e.Name], c.ids[e.Name], c.from[e.Name] = map[string]*Trait{}, map[string]int{}, map[string]bool{}
		for j := range e.Traits {
			c.traits[e.Name][e.Traits[j].Name] = &e.Traits[j]
		}
		for j, id := range e.Identity.Identifiers {
			c.ids[e.Name][id.Type] = j
		}
		for _, s := range e.Identity.From {
			c.from[e.Name][s] = true
		}
	}
	return c
}

// fail reports an error in the value at path.
func (c *checker) fail(path, code, fix, format string, args ...any) {
	c.out = append(c.out, diag.Problem{Path: path, Code: code, What: fmt.Sprintf(format, args...), Fix: fix})
}

// failKey reports an error in the key at path.
func (c *checker) failKey(path, code, fix, format string, args ...any) {
	c.out = append(c.out, diag.Problem{Path: path, OnKey: true, Code: code, What: fmt.Sprintf(format, args...), Fix: fix})
}

// warn reports what is allowed and most likely not meant.
func (c *checker) warn(path, code, fix, format string, args ...any) {
	c.out = append(c.out, diag.Problem{Path: path, Severity: diag.Warning, Code: code, What: fmt.Sprintf(format, args...), Fix: fix})
}

// MaxName is the longest name of anything that is declared. Names become parts of table names,
// and PostgreSQL keeps 63 characters of those.
const MaxName = 40

var nameRE = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// NameProblem says what is wrong with the name of a declared thing, or "".
func NameProblem(name string) (what, fix string) {
	switch {
	case name == "":
		return "a name is empty", "give it a name"
	case len(name) > MaxName:
		return fmt.Sprintf("the name %q has %d characters; at most %d are allowed", name, len(name), MaxName), "shorten it"
	case !nameRE.MatchString(name):
		s := snake(name)
		if s == "" || len(s) > MaxName {
			s = "my_name"
		}
		return fmt.Sprintf("the name %q is not snake_case", name), "use lower-case letters, digits and _, a letter first: " + s
	}
	return "", ""
}

// snake turns a name into snake_case as well as it can.
func snake(name string) string {
	var b strings.Builder
	low := false // the last character was a lower-case letter or digit
	for _, r := range name {
		switch {
		case r >= 'A' && r <= 'Z':
			if low {
				b.WriteByte('_')
			}
			b.WriteRune(r + 'a' - 'A')
			low = false
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
			low = true
		default:
			if s := b.String(); s != "" && s[len(s)-1] != '_' {
				b.WriteByte('_')
			}
			low = false
		}
	}
	return strings.Trim(strings.TrimLeft(b.String(), "0123456789"), "_")
}

// name checks the name of a declared thing, and that it is not one of those that weir keeps for
// itself.
func (c *checker) name(kind, path, name string, reserved ...string) {
	if what, fix := NameProblem(name); what != "" {
		c.failKey(path, "models.name", fix, "%s", what)
	} else if slices.Contains(reserved, name) {
		c.failKey(path, "models.reserved_name", "choose another name", "%q is a name that weir keeps for itself; no %s can have it", name, kind)
	}
}

// unknown reports a reference to something that is not declared.
func (c *checker) unknown(path, kind, name string, candidates []string) {
	fix := diag.DidYouMean(name, candidates)
	if len(candidates) == 0 {
		fix = fmt.Sprintf("declare the %s first", kind)
	}
	c.fail(path, "models.unknown_"+strings.ReplaceAll(kind, " ", "_"), fix, "unknown %s %q", kind, name)
}

// doubles reports values that stand twice in a list.
func (c *checker) doubles(path string, xs []string) {
	for i, x := range xs {
		if slices.Contains(xs[:i], x) {
			c.fail(item(path, i), "models.doubled", "take one of them out", "%q stands twice in this list", x)
		}
	}
}

func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func names[T any](xs []T, of func(*T) string) []string {
	out := make([]string, len(xs))
	for i := range xs {
		out[i] = of(&xs[i])
	}
	return out
}

// SourceNames lists the declared sources.
func (m *Model) SourceNames() []string {
	return names(m.Sources, func(s *Source) string { return s.Name })
}

// EntityNames lists the declared entities.
func (m *Model) EntityNames() []string {
	return names(m.Entities, func(e *Entity) string { return e.Name })
}

// SegmentNames lists the segments of an entity, or all if it is "".
func (m *Model) SegmentNames(entity string) []string {
	var out []string
	for i := range m.Segments {
		if entity == "" || m.Segments[i].Entity == entity {
			out = append(out, m.Segments[i].Name)
		}
	}
	return out
}

// TraitNames lists the entity's traits.
func (e *Entity) TraitNames() []string {
	return names(e.Traits, func(t *Trait) string { return t.Name })
}

// IdentifierNames lists the entity's identifier types, strongest first.
func (e *Entity) IdentifierNames() []string {
	return names(e.Identity.Identifiers, func(i *Identifier) string { return i.Type })
}
