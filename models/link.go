package models

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Conditions calls f for w and every condition inside it, outermost first, with the path of each
// below at.
func (w *Condition) Conditions(at string, f func(w *Condition, at string)) {
	f(w, at)
	for i := range w.All {
		w.All[i].Conditions(item(at+".all", i), f)
	}
	for i := range w.Any {
		w.Any[i].Conditions(item(at+".any", i), f)
	}
	if w.Not != nil {
		w.Not.Conditions(at+".not", f)
	}
}

// reference is a name that a condition uses, with its path.
type reference struct{ name, at string }

func (w *Condition) segments(at string) []reference {
	var out []reference
	w.Conditions(at, func(w *Condition, at string) {
		if w.Segment != "" {
			out = append(out, reference{w.Segment, at + ".segment"})
		}
		if w.Of != "" {
			out = append(out, reference{w.Of, at + ".of"})
		}
	})
	return out
}

// circle is a circle of names, with the place of the reference that closes it.
type circle struct {
	names []string // a, b, a
	at    string
}

// order sorts names so that each comes after those it refers to, and finds circles. refs gives
// the references of a name; those to unknown names are passed over.
func order(names []string, refs func(string) []reference) (sorted []string, circles []circle) {
	const visiting, done = 1, 2
	state := make(map[string]int, len(names))
	known := make(map[string]bool, len(names))
	for _, n := range names {
		known[n] = true
	}
	var stack []string
	var visit func(n string)
	visit = func(n string) {
		state[n] = visiting
		stack = append(stack, n)
		for _, r := range refs(n) {
			switch {
			case !known[r.name]:
			case state[r.name] == visiting:
				from := slices.Index(stack, r.name)
				circles = append(circles, circle{append(slices.Clone(stack[from:]), r.name), r.at})
			case state[r.name] == 0:
				visit(r.name)
			}
		}
		stack = stack[:len(stack)-1]
		state[n] = done
		sorted = append(sorted, n)
	}
	for _, n := range names {
		if state[n] == 0 {
			visit(n)
		}
	}
	return sorted, circles
}

// SegmentOrder lists the segments of an entity so that each comes after those it refers to. The
// error names a circle.
func (m *Model) SegmentOrder(entity string) ([]*Segment, error) {
	byName := map[string]*Segment{}
	for i := range m.Segments {
		if m.Segments[i].Entity == entity {
			byName[m.Segments[i].Name] = &m.Segments[i]
		}
	}
	sorted, circles := order(m.SegmentNames(entity), func(n string) []reference { return byName[n].references() })
	if len(circles) > 0 {
		return nil, fmt.Errorf("segments refer to each other in a circle: %s", strings.Join(circles[0].names, " -> "))
	}
	out := make([]*Segment, len(sorted))
	for i, n := range sorted {
		out[i] = byName[n]
	}
	return out, nil
}

func (c *checker) segmentCircles() {
	_, circles := order(c.m.SegmentNames(""), func(n string) []reference {
		return c.segments[n].references()
	})
	for _, o := range circles {
		if len(o.names) == 2 {
			c.fail(o.at, "models.circle", "take it out", "segment %s refers to itself", o.names[0])
			continue
		}
		c.fail(o.at, "models.circle", "take one of these references out", "segments refer to each other in a circle: %s", strings.Join(o.names, " -> "))
	}
}

// sqlTokenRE splits SQL far enough to find names: text, comments and numbers are passed over.
var sqlTokenRE = regexp.MustCompile(`(?s)[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|"((?:[^"]|"")*)"|` + "`([^`]*)`" + `|([A-Za-z_][A-Za-z0-9_$]*)(\s*\()?|[0-9][A-Za-z0-9_.]*`)

// SQLTraits lists the other traits that an sql trait names, each once, in the order of their
// first use.
func (e *Entity) SQLTraits(t *Trait) []string { return e.TraitsIn(t.SQL) }

// TraitsIn lists the traits that an expression names, each once, in the order of their first use.
// A name before a parenthesis is a function. The reading is lexical: it may find a name that the
// SQL uses for something else, and never misses a trait that is written out.
func (e *Entity) TraitsIn(sql string) []string {
	var out []string
	for _, m := range sqlTokenRE.FindAllStringSubmatch(sql, -1) {
		name := or(m[1], m[2], m[3])
		if name == "" || m[4] != "" {
			continue
		}
		for i := range e.Traits {
			if trait := e.Traits[i].Name; len(trait) == len(name) && strings.EqualFold(trait, name) {
				if !slices.Contains(out, trait) {
					out = append(out, trait)
				}
				break
			}
		}
	}
	return out
}

// TraitOrder lists the traits so that each comes after those that it is computed from. The error
// names a circle.
func (e *Entity) TraitOrder() ([]*Trait, error) {
	sorted, circles := order(e.TraitNames(), func(n string) []reference { return e.traitRefs(e.Trait(n)) })
	if len(circles) > 0 {
		return nil, fmt.Errorf("traits refer to each other in a circle: %s", strings.Join(circles[0].names, " -> "))
	}
	out := make([]*Trait, len(sorted))
	for i, n := range sorted {
		out[i] = e.Trait(n)
	}
	return out, nil
}

func (c *checker) traitCircles(e *Entity) {
	if !slices.ContainsFunc(e.Traits, func(t Trait) bool { return t.Derived() }) {
		return
	}
	_, circles := order(e.TraitNames(), func(n string) []reference { return e.traitRefs(c.traits[e.Name][n]) })
	for _, o := range circles {
		if len(o.names) == 2 {
			c.fail(o.at, "models.circle", "name other traits only", "trait %s is computed from itself", o.names[0])
			continue
		}
		c.fail(o.at, "models.circle", "compute one of them from a source", "traits are computed from each other in a circle: %s", strings.Join(o.names, " -> "))
	}
}
