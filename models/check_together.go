package models

import (
	"slices"
	"strings"
)

// KeepsProvenance tells whether it is kept which rows the values of traits come from.
func (e *Entity) KeepsProvenance() bool { return e.Provenance == nil || *e.Provenance }

// Companions lists the traits whose values come from the same row as a trait's, itself among
// them, in the order in which they are written.
func (e *Entity) Companions(t *Trait) []*Trait {
	if t.Together == "" {
		return []*Trait{t}
	}
	var out []*Trait
	for i := range e.Traits {
		if e.Traits[i].Together == t.Together {
			out = append(out, &e.Traits[i])
		}
	}
	return out
}

// together checks the groups of traits that take their values from one row: they are read from
// columns of the same sources in the same order, by the same rule, and the rule is one that
// chooses a row.
func (c *checker) together(e *Entity) {
	for i := range e.Traits {
		t := &e.Traits[i]
		if t.Together == "" {
			continue
		}
		path := Path("entities", e.Name, "traits", t.Name, "together")
		sources, ok := t.columnSources()
		first, firstSources := t, sources // of those that are read from columns
		for _, m := range e.Companions(t) {
			if s, ok := m.columnSources(); ok {
				first, firstSources = m, s
				break
			}
		}
		what, fix := NameProblem(t.Together)
		switch {
		case what != "":
			c.fail(path, "models.name", fix, "%s", what)
		case !ok:
			c.failKey(path, "models.not_beside", "take it out, or read the trait from columns, as source.column", "together goes with from: source.column: other traits come from many rows")
		case !slices.Contains([]Keep{Latest, Earliest, FirstFound}, or(t.Keep, Latest)):
			c.fail(path, "models.not_beside", "use keep: latest, earliest or first_found; or take together out", "keep %s chooses a value, not a row, so that nothing can come together with it", t.Keep)
		case first == t:
			if len(e.Companions(t)) == 1 {
				c.warn(path, "models.together_alone", "say the same at another trait, or take it out", "no other trait says together: %s", t.Together)
			}
		case or(t.Keep, Latest) != or(first.Keep, Latest):
			c.fail(path, "models.together", "give both the same keep", "%s is kept %s, and %s beside it %s", t.Name, or(t.Keep, Latest), first.Name, or(first.Keep, Latest))
		case !slices.Equal(sources, firstSources):
			c.fail(path, "models.together", "name a column of the same sources, in the same order", "%s is read from %s, and %s beside it from %s: one row cannot have both",
				t.Name, strings.Join(sources, ", "), first.Name, strings.Join(firstSources, ", "))
		}
	}
}

// columnSources lists the sources of a trait's columns; ok is false if it is not read from columns.
func (t *Trait) columnSources() (names []string, ok bool) {
	_, columns := t.Columns()
	for _, c := range columns {
		names = append(names, c.Source)
	}
	return names, len(columns) > 0 && t.SQL == ""
}
