package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// Counted is a query of one row of integers: how many profiles a segment's conditions are true for.
type Counted struct {
	Query rel.Query
	// Tree is the condition of the segment. Column is the place of how many it is true for, alone.
	Tree *Tree
	// Steps are those of the tree, in order. Of each, how many are left by it and all before it, and
	// how many miss only this one.
	Steps     []*Tree
	Together  []int
	Misses    []int
	Total     int            // that may be in segments
	Size      int            // in the segment
	Joins     int            // in it, and not in the build's membership
	Leaves    int            // not in it, and in the build's membership
	KeptOut   map[string]int // in it, and kept out by the policies of a purpose
	Explained *Explained     // what is counted
}

// CountSegment counts everybody by the conditions of a segment as the models say now, in one
// reading of each source. It compares with the membership that the build has.
func CountSegment(in Input, segment string, purposes []Purpose) (*Counted, []diag.Problem) {
	x, problems := Explain(in, segment, Asking{Purposes: purposes})
	if x == nil {
		return nil, problems
	}
	in.Entity = in.Model.Segment(segment).Entity
	out := &Counted{Tree: x.Tree, Steps: x.Tree.Steps(), KeptOut: map[string]int{}, Explained: x}
	at := func(i int) rel.Expr { return rel.C("q", x.Columns[i]) }
	inside, member := at(x.In), rel.F(rel.NotNull, rel.C("g", "profile_id"))

	var columns []rel.Column
	count := func(e rel.Expr) int {
		n := rel.Agg{Fn: rel.CountRows}
		if e != nil {
			n = rel.Agg{Fn: rel.Count, Arg: when(e, rel.I(1))}
		}
		columns = append(columns, rel.As(ranked("k", len(columns)), n))
		return len(columns) - 1
	}
	out.Total, out.Size = count(nil), count(inside)
	out.Joins = count(rel.F(rel.And, inside, rel.F(rel.Not, member)))
	out.Leaves = count(rel.F(rel.And, rel.F(rel.Not, inside), member))
	for _, p := range purposes {
		out.KeptOut[p.Name] = count(rel.F(rel.And, inside, notNull(at(x.Bars[p.Name].Any))))
	}
	misses := rel.Expr(rel.I(0))
	var before []rel.Expr
	for _, s := range out.Steps {
		missed := rel.Case{Whens: []rel.When{{If: at(s.Column), Then: rel.I(0)}}, Else: rel.I(1)}
		misses = rel.F(rel.Add, misses, missed)
	}
	for _, s := range out.Steps {
		before = append(before, at(s.Column))
		out.Together = append(out.Together, count(and(before)))
		out.Misses = append(out.Misses, count(rel.F(rel.And, rel.F(rel.Not, at(s.Column)), eq(misses, rel.I(1)))))
	}
	x.Tree.Walk(func(t *Tree) { t.Column = count(at(t.Column)) })
	out.Query = rel.Select{
		Columns: columns,
		From:    rel.Sub{Query: x.Query, Alias: "q"},
		Joins:   []rel.Join{{Kind: rel.Left, Rel: rel.Sub{Query: members(in.Build, in.Entity, segment), Alias: "g"}, On: eq(rel.C("g", "profile_id"), rel.C("q", "profile_id"))}},
	}
	return out, problems
}

// Reachable is a query of profile_id: who is in a segment that x explains and not kept out by the
// policies of a purpose that x was asked for.
func Reachable(x *Explained, purpose string) rel.Query {
	q := func(i int) rel.Expr { return rel.C("q", x.Columns[i]) }
	return rel.Select{
		Columns: []rel.Column{rel.As("profile_id", rel.C("q", "profile_id"))}, From: rel.Sub{Query: x.Query, Alias: "q"},
		Where: rel.F(rel.And, q(x.In), rel.F(rel.IsNull, q(x.Bars[purpose].Any))),
	}
}

// SampleSegment is a query of some who are in a segment that x explains: profile_id, since (when
// the build has them in it), arm (NULL without one, and where memberships do not tell it), then the traits that x was
// asked for, in the order of names. Who is in the sample follows from the profiles' ids alone, so
// that it does not jump. With a purpose that x was asked for, whom its policies keep out of one of its
// kinds is left out.
func SampleSegment(in Input, x *Explained, segment, purpose string, names []string, arms bool, limit, offset int64) rel.Query {
	in.Entity = in.Model.Segment(segment).Entity
	q := func(i int) rel.Expr { return rel.C("q", x.Columns[i]) }
	profile := rel.C("q", "profile_id")
	arm := rel.Expr(rel.Null(models.Text))
	if arms {
		arm = rel.C("m", "arm")
	}
	out := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", profile), rel.As("since", rel.C("m", "since")), rel.As("arm", arm)},
		From:    rel.Sub{Query: x.Query, Alias: "q"},
		Joins: []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: in.Build.Table(in.Entity, Memberships), Alias: "m"},
			On: rel.F(rel.And, eq(rel.C("m", "profile_id"), profile), eq(rel.C("m", "segment"), rel.T(segment)))}},
		Where:   q(x.In),
		OrderBy: []rel.Order{{Expr: sampleOrder(segment, profile)}, {Expr: profile}},
		Limit:   limit, Offset: offset,
	}
	for i, name := range names {
		out.Columns = append(out.Columns, rel.As(ranked("v", i), q(x.Traits[name])))
	}
	if bars, ok := x.Bars[purpose]; ok {
		for _, i := range append([]int{bars.Require}, bars.Lists...) {
			out.Where = rel.F(rel.And, out.Where, rel.F(rel.IsNull, q(i)))
		}
	}
	return out
}

// sampleOrder puts profiles in an order that has nothing to do with what is known of them, the same on
// every warehouse.
func sampleOrder(segment string, profile rel.Expr) rel.Expr {
	return rel.F(rel.Bucket, rel.F(rel.Concat, rel.T("sample of "+segment+":"), profile))
}

// Needs is what a build must have for a query over it.
type Needs struct {
	Traits  []string // columns of Profiles
	Sources []string // event sources, which have Owners
}

// needs lists what was used.
func (x *explaining) needs() Needs {
	out := Needs{Traits: x.traits}
	for _, sc := range x.c.scans.parts {
		if sc.rows != nil && sc.rows.source.UpdatedAt == "" {
			out.Sources = append(out.Sources, sc.rows.source.Name)
		}
	}
	return out
}

// MembershipMasks is a query of mask and n: how many profiles are in exactly which of up to 63
// segments by a build, as bits in the order of names.
func MembershipMasks(entity string, b Build, names []string) rel.Query {
	var bit rel.Case
	list := rel.InList{Expr: rel.C("m", "segment")}
	for i, name := range names {
		bit.Whens = append(bit.Whens, rel.When{If: eq(rel.C("m", "segment"), rel.T(name)), Then: rel.I(1 << i)})
		list.List = append(list.List, rel.T(name))
	}
	bit.Else = rel.I(0)
	return rel.Select{
		Columns: []rel.Column{rel.As("mask", rel.C("x", "mask")), rel.As("n", rel.Agg{Fn: rel.CountRows})},
		From: rel.Sub{Alias: "x", Query: rel.Select{
			Columns: []rel.Column{rel.As("profile_id", rel.C("m", "profile_id")), rel.As("mask", rel.Agg{Fn: rel.BitOr, Arg: bit})},
			From:    rel.Table{Name: b.Table(entity, Memberships), Alias: "m"},
			Where:   list,
			GroupBy: []rel.Expr{rel.C("m", "profile_id")},
		}},
		GroupBy: []rel.Expr{rel.C("x", "mask")},
		OrderBy: []rel.Order{{Expr: rel.C("x", "mask")}},
	}
}
