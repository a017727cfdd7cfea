package compile

import (
	"slices"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The kinds of movements between two times.
const (
	MoveEntered = "entered" // in at the end, and not at the beginning
	MoveLeft    = "left"    // in at the beginning, and not at the end
	MoveMerged  = "merged"  // of those who left: their profile was merged into another one
	MoveCame    = "came"    // came and went in between
)

// stood is whether a stay in a segment, under the alias h, includes a moment.
func stood(at time.Time) rel.Expr {
	h := func(c string) rel.Expr { return rel.C("h", c) }
	return rel.F(rel.And, rel.F(rel.Le, h("entered_at"), rel.At(at)), rel.F(rel.Or, rel.F(rel.IsNull, h("left_at")), rel.F(rel.Gt, h("left_at"), rel.At(at))))
}

// stays is a query of one row per profile that was in a segment at any time from one moment to
// another: profile_id, was and is (whether it was in at the first, and is at the last), merged
// (whether its profile was merged away since the first).
func stays(entity string, b Build, segment string, from, to time.Time) rel.Query {
	h := func(c string) rel.Expr { return rel.C("h", c) }
	flag := func(e rel.Expr) rel.Expr {
		return eq(rel.Agg{Fn: rel.Max, Arg: rel.Case{Whens: []rel.When{{If: e, Then: rel.I(1)}}, Else: rel.I(0)}}, rel.I(1))
	}
	merged := rel.Select{
		Columns: []rel.Column{rel.As("from_id", rel.C("x", "from_id"))}, Distinct: true,
		From: rel.Table{Name: b.Table(entity, Merges), Alias: "x"},
		Where: rel.F(rel.And, eq(rel.C("x", "kind"), rel.T("merge")), rel.F(rel.Gt, rel.C("x", "at"), rel.At(from)),
			rel.F(rel.Le, rel.C("x", "at"), rel.At(to))),
	}
	return rel.Select{
		Columns: []rel.Column{
			rel.As("profile_id", h("profile_id")), rel.As("was", flag(stood(from))), rel.As("is", flag(stood(to))),
			rel.As("merged", flag(notNull(rel.C("g", "from_id")))),
		},
		From:  rel.Table{Name: b.Table(entity, History), Alias: "h"},
		Joins: []rel.Join{{Kind: rel.Left, Rel: rel.Sub{Query: merged, Alias: "g"}, On: eq(rel.C("g", "from_id"), h("profile_id"))}},
		Where: rel.F(rel.And, eq(h("segment"), rel.T(segment)), rel.F(rel.Le, h("entered_at"), rel.At(to)),
			rel.F(rel.Or, rel.F(rel.IsNull, h("left_at")), rel.F(rel.Gt, h("left_at"), rel.At(from)))),
		GroupBy: []rel.Expr{h("profile_id")},
	}
}

// Moves is a query of one row of integers: how many were in a segment at one moment and are at a
// later one, who entered, left, left because their profile was merged away, and came and went.
func Moves(entity string, b Build, segment string, from, to time.Time) rel.Query {
	y := func(c string) rel.Expr { return rel.C("y", c) }
	not := func(e rel.Expr) rel.Expr { return rel.F(rel.Not, e) }
	q := rel.Select{From: rel.Sub{Query: stays(entity, b, segment, from, to), Alias: "y"}}
	for _, c := range []struct {
		name string
		is   rel.Expr
	}{
		{"before", y("was")}, {"after", y("is")},
		{MoveEntered, rel.F(rel.And, y("is"), not(y("was")))}, {MoveLeft, rel.F(rel.And, y("was"), not(y("is")))},
		{MoveMerged, rel.F(rel.And, y("was"), not(y("is")), y("merged"))}, {MoveCame, rel.F(rel.And, not(y("was")), not(y("is")))},
	} {
		q.Columns = append(q.Columns, rel.As(c.name, rel.Agg{Fn: rel.Count, Arg: when(c.is, rel.I(1))}))
	}
	return q
}

// MovesByTime is a query of kind (entered or left), at and n: how many stays began and ended at
// each moment after one and up to another. Each moment is that of a build.
func MovesByTime(entity string, b Build, segment string, from, to time.Time) rel.Query {
	each := func(kind, column string) rel.Query {
		at := rel.C("h", column)
		return rel.Select{
			Columns: []rel.Column{rel.As("kind", rel.T(kind)), rel.As("at", at), rel.As("n", rel.Agg{Fn: rel.CountRows})},
			From:    rel.Table{Name: b.Table(entity, History), Alias: "h"},
			Where:   rel.F(rel.And, eq(rel.C("h", "segment"), rel.T(segment)), rel.F(rel.Gt, at, rel.At(from)), rel.F(rel.Le, at, rel.At(to))),
			GroupBy: []rel.Expr{at},
		}
	}
	u := func(c string) rel.Expr { return rel.C("u", c) }
	return rel.Select{
		Columns: []rel.Column{rel.As("kind", u("kind")), rel.As("at", u("at")), rel.As("n", u("n"))},
		From:    rel.Sub{Query: union([]rel.Query{each(MoveEntered, "entered_at"), each(MoveLeft, "left_at")}), Alias: "u"},
		OrderBy: []rel.Order{{Expr: u("at")}, {Expr: u("kind")}},
	}
}

// MovedProfiles is a query of some who entered a segment between two moments, or left it: their
// profile_id, then traits. Who is among them follows from the ids alone. Profiles that were merged
// away have no traits and are left out.
func MovedProfiles(in Input, segment, kind string, from, to time.Time, traits []string, limit int64) rel.Query {
	y := func(c string) rel.Expr { return rel.C("y", c) }
	is := rel.Expr(rel.F(rel.And, y("is"), rel.F(rel.Not, y("was"))))
	if kind == MoveLeft {
		is = rel.F(rel.And, y("was"), rel.F(rel.Not, y("is")))
	}
	q := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", y("profile_id"))},
		From:    rel.Sub{Query: stays(in.Entity, in.Build, segment, from, to), Alias: "y"},
		Joins:   []rel.Join{{Rel: rel.Table{Name: in.Build.Table(in.Entity, Profiles), Alias: "p"}, On: eq(rel.C("p", "profile_id"), y("profile_id"))}},
		Where:   is,
		OrderBy: []rel.Order{{Expr: sampleOrder(segment, y("profile_id"))}, {Expr: y("profile_id")}},
		Limit:   limit,
	}
	for i, name := range traits {
		q.Columns = append(q.Columns, rel.As(ranked("v", i), rel.C("p", name)))
	}
	return q
}

// ColumnTags lists the kinds of personal data that a column of a source holds, by the traits of
// an entity that read it and by the identifier that it is.
func ColumnTags(m *models.Model, entity, source, column string) []string {
	c := m.ColumnOf(source, column) // it may be of a row that another one leads to
	out := append([]string(nil), columnTags(m, entity)[c]...)
	source, column = c.Source, c.Column
	s, e := m.Source(source), m.Entity(entity)
	if s == nil || e == nil {
		return out
	}
	for _, id := range s.Identifiers {
		t, _ := e.Identifier(id.Type)
		if id.Column != column || t == nil {
			continue
		}
		switch kind := normalizer(t); kind {
		case "email", "phone", "name", "address", "date":
			out = append(out, kind)
		}
	}
	return out
}

// SegmentTags lists the kinds of personal data that membership of a segment tells of, sorted: by
// its traits, and by the columns that it filters rows by.
func SegmentTags(m *models.Model, segment string) []string {
	out := m.SegmentTags(segment)
	s := m.Segment(segment)
	used := map[models.SourceColumn]string{}
	segmentColumns(m, m.Entity(s.Entity), segment, "", used, map[string]bool{})
	tags := columnTags(m, s.Entity)
	for c := range used {
		out = append(out, tags[c]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
