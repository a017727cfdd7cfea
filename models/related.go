package models

import "strings"

// MaxHops is how many relations lead from a row at most: products.brands.country is two.
const MaxHops = 2

// Hop leads from the rows of a source to those of another: Column of From holds the key of To.
type Hop struct {
	From, To *Source
	Column   string
}

// ColumnRoute says where a column stands that is named of a source's rows: "category" is the row's
// own, "products.category" of the row that the relation products leads to, "products.brands.country"
// of one further on. The hops are empty for a column of the row itself, which is also what a name
// with dots is whose first part is no relation of the source.
func (m *Model) ColumnRoute(source, name string) (hops []Hop, column string) {
	s := m.Source(source)
	for s != nil && len(hops) < MaxHops {
		first, rest, dotted := strings.Cut(name, ".")
		h, ok := m.Hop(s, first)
		if !dotted || !ok {
			break
		}
		hops, name, s = append(hops, h), rest, h.To
	}
	return hops, name
}

// ColumnOf is the column that a name means for the rows of a source, with the source that has it.
func (m *Model) ColumnOf(source, name string) SourceColumn {
	hops, column := m.ColumnRoute(source, name)
	if len(hops) > 0 {
		source = hops[len(hops)-1].To.Name
	}
	return SourceColumn{source, column}
}

// ColumnsRead lists the columns that are read where a column is named of a source's rows: the
// column itself, then those that lead to it.
func (m *Model) ColumnsRead(source, name string) []SourceColumn {
	out := []SourceColumn{m.ColumnOf(source, name)}
	hops, _ := m.ColumnRoute(source, name)
	return append(out, hopColumns(hops)...)
}

func hopColumns(hops []Hop) []SourceColumn {
	var out []SourceColumn
	for _, h := range hops {
		out = append(out, SourceColumn{h.From.Name, h.Column})
	}
	return out
}

// OwnerRoutes lists the shortest ways from the rows of a source to rows that belong to profiles of
// an entity. A source of its identity has one, without a hop. Where there are several, nobody can
// say whose a row is; where there is none, it is nobody's.
func (m *Model) OwnerRoutes(e *Entity, source string) [][]Hop {
	s := m.Source(source)
	if s == nil || e == nil {
		return nil
	}
	ways := [][]Hop{nil}
	for range MaxHops + 1 {
		var found, next [][]Hop
		for _, way := range ways {
			at := s
			if len(way) > 0 {
				at = way[len(way)-1].To
			}
			if contains(e.Identity.From, at.Name) {
				found = append(found, way)
			}
			for _, r := range at.Related {
				if h, ok := m.Hop(at, r.Source); ok {
					next = append(next, append(way[:len(way):len(way)], h))
				}
			}
		}
		if len(found) > 0 {
			return found
		}
		ways = next
	}
	return nil
}

// SourcesOf lists the sources whose rows an entity may look at: those of its identity, those whose
// rows belong to its profiles by other rows, and those that any of these lead to.
func (m *Model) SourcesOf(e *Entity) []string {
	out := append([]string(nil), e.Identity.From...)
	add := func(name string) {
		if !contains(out, name) && m.Source(name) != nil {
			out = append(out, name)
		}
	}
	for i := range m.Sources {
		if len(m.OwnerRoutes(e, m.Sources[i].Name)) > 0 {
			add(m.Sources[i].Name)
		}
	}
	for hops, from := 0, 0; hops < MaxHops; hops++ {
		to := len(out)
		for _, name := range out[from:to] {
			if s := m.Source(name); s != nil {
				for _, r := range s.Related {
					add(r.Source)
				}
			}
		}
		from = to
	}
	return out
}

// OwnerColumns lists the columns that lead from the rows of a source to their owners, beside the
// key and the identifiers of those.
func (m *Model) OwnerColumns(e *Entity, source string) []SourceColumn {
	if routes := m.OwnerRoutes(e, source); len(routes) == 1 {
		return hopColumns(routes[0])
	}
	return nil
}

// TimeRoute leads from the rows of a source to the rows whose time they have: their own, without a
// hop, or else the first on the way to their owners that has one. ok is false if there is none.
func (m *Model) TimeRoute(e *Entity, s *Source) (hops []Hop, ok bool) {
	if s.timed() {
		return nil, true
	}
	routes := m.OwnerRoutes(e, s.Name)
	if len(routes) != 1 {
		return nil, false
	}
	for i, h := range routes[0] {
		if h.To.timed() {
			return routes[0][:i+1], true
		}
	}
	return nil, false
}

// TimeSource is the source whose time the rows of a source have, or nil.
func (m *Model) TimeSource(e *Entity, s *Source) *Source {
	hops, ok := m.TimeRoute(e, s)
	switch {
	case !ok:
		return nil
	case len(hops) > 0:
		return hops[len(hops)-1].To
	}
	return s
}

// happens reports whether the rows of a source are events, or have the time of events.
func (c *checker) happens(e *Entity, s *Source) bool {
	s = c.m.TimeSource(e, s)
	return s != nil && s.Time != ""
}

func (s *Source) timed() bool { return s.Time != "" || s.UpdatedAt != "" }

// Hop follows a relation of a source. One to itself or to a source that is not declared leads
// nowhere.
func (m *Model) Hop(s *Source, name string) (Hop, bool) {
	for _, r := range s.Related {
		if to := m.Source(r.Source); r.Source == name && to != nil && to != s {
			return Hop{From: s, To: to, Column: r.Column}, true
		}
	}
	return Hop{}, false
}

// RelationNames lists the sources that a source is related to.
func (s *Source) RelationNames() []string {
	return names(s.Related, func(r *Relation) string { return r.Source })
}
