package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// denied reports columns with data that policies keep from a kind of destination. A column has
// the tags of every trait that is computed from it, so that data does not leave by another door
// than its trait: as a column of a source sync, or as who is in a segment that filters by it.
// Traits by their own tags are a matter of the project's checks.
func denied(m *models.Model, s *syncs.Sync, entity string, kind destinations.Kind) []diag.Problem {
	used := usedColumns(m, s, entity)
	var out []diag.Problem
	for i := range m.Policies {
		p := &m.Policies[i]
		if p.Deny == nil || !slices.Contains(p.Deny.Kinds, string(kind)) {
			continue
		}
		tags := columnTags(m, p.Entity)
		for _, c := range slices.SortedFunc(maps.Keys(used), compareColumns) {
			for _, tag := range tags[c] {
				if slices.Contains(p.Deny.PII, tag) {
					out = append(out, diag.Problem{
						Path: used[c], Code: "syncs.denied",
						What: fmt.Sprintf("policy %s denies %s data to %s: column %s.%s holds it", p.Name, tag, kind, c.Source, c.Column),
						Fix:  "take it out, or send it to another kind of destination",
					})
				}
			}
		}
	}
	return out
}

func compareColumns(a, b models.SourceColumn) int {
	return strings.Compare(a.Source+"."+a.Column, b.Source+"."+b.Column)
}

// columnTags are the tags of columns, by the traits of an entity, or of all for "".
func columnTags(m *models.Model, entity string) map[models.SourceColumn][]string {
	out := map[models.SourceColumn][]string{}
	for i := range m.Entities {
		e := &m.Entities[i]
		if entity != "" && e.Name != entity {
			continue
		}
		for j := range e.Traits {
			t := &e.Traits[j]
			if t.PII == "" {
				continue
			}
			source, columns := t.Columns()
			if c := t.RowColumn(); source != "" && c != "" {
				columns = append(columns, m.ColumnOf(source, c))
			}
			for _, c := range columns {
				if !slices.Contains(out[c], t.PII) {
					out[c] = append(out[c], t.PII)
				}
			}
		}
	}
	return out
}

// usedColumns are the columns that a sync sends or tells of, each with the path of the use:
// columns of its source, of its traits, and of the rows that its segment looks at, with those that
// lead to other rows.
func usedColumns(m *models.Model, s *syncs.Sync, entity string) map[models.SourceColumn]string {
	out := map[models.SourceColumn]string{}
	e := m.Entity(entity)
	for _, u := range namesIn(s) {
		if s.Source != "" {
			out[models.SourceColumn{Source: s.Source, Column: u.name}] = u.path
		} else if e != nil {
			traitColumns(m, e, u.name, u.path, out, map[string]bool{})
		}
	}
	if s.Segment != "" {
		segmentColumns(m, e, s.Segment, models.Path("syncs", s.Name, "segment"), out, map[string]bool{})
	}
	return out
}

func traitColumns(m *models.Model, e *models.Entity, name, path string, out map[models.SourceColumn]string, seen map[string]bool) {
	t := e.Trait(name)
	if t == nil || seen[name] {
		return
	}
	seen[name] = true
	source, columns := t.Columns()
	if source != "" {
		columns = m.OwnerColumns(e, source)
	}
	if c := t.RowColumn(); source != "" && c != "" {
		columns = append(columns, m.ColumnsRead(source, c)...)
	}
	for _, w := range t.Where {
		columns = append(columns, m.ColumnsRead(source, w.Column)...)
	}
	if t.Within != nil || t.Between != nil || t.First != "" || t.Last != "" || t.Predict != nil {
		columns = append(columns, m.TimeColumns(e, source)...)
	}
	for _, c := range columns {
		out[c] = path
	}
	for _, other := range e.TraitsOf(t) {
		traitColumns(m, e, other, path, out, seen)
	}
}

func segmentColumns(m *models.Model, e *models.Entity, name, path string, out map[models.SourceColumn]string, seen map[string]bool) {
	seg := m.Segment(name)
	if seg == nil || e == nil || seen[name] {
		return
	}
	seen[name] = true
	traits := map[string]bool{}
	seg.Rule().Conditions("", func(w *models.Condition, _ string) {
		for _, c := range m.RowColumns(e, w) {
			out[c] = path
		}
		for _, t := range w.Traits(e, "") {
			traitColumns(m, e, t.Name, path, out, traits)
		}
		for _, other := range []string{w.Segment, w.Of} {
			segmentColumns(m, e, other, path, out, seen)
		}
	})
}

// use is a trait, or column, that a sync names, with the path of the place.
type use struct{ path, name string }

func namesIn(s *syncs.Sync) []use {
	var out []use
	for _, m := range s.Match {
		out = append(out, use{models.Path("syncs", s.Name, "match", m.Identifier), m.Trait})
	}
	for _, f := range s.Fields {
		path := models.Path("syncs", s.Name, "fields", f.Name)
		if f.Trait != "" {
			out = append(out, use{path, f.Trait})
		}
		parts, _ := syncs.ParseText(f.Text) // a text that cannot be read is a problem of its own
		for _, p := range parts {
			if p.Trait != "" {
				out = append(out, use{path, p.Trait})
			}
		}
	}
	return out
}
