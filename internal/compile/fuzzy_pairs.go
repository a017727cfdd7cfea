package compile

import (
	"math"
	"strconv"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// pairs judges: the pairs of before whose records and blocks are as they were, those that were
// compared now, and over both what people said.
func (x *fuzzy) pairs() {
	judged := []rel.Query{x.scored()}
	if x.follows() {
		judged = append(judged, x.unchanged())
	}
	// Of several rows of a pair the latest counts; of those of one moment, "different".
	v := func(name string) rel.Expr { return rel.C("v", name) }
	said := rel.Select{From: from(x.reviews(), "v"), Joins: []rel.Join{
		join(rel.Inner, from(x.work("rows"), "a"), eq(rel.C("a", "source"), v("source_a")), eq(rel.C("a", "key"), v("key_a"))),
		join(rel.Inner, from(x.work("rows"), "b"), eq(rel.C("b", "source"), v("source_b")), eq(rel.C("b", "key"), v("key_b")), rel.F(rel.Ne, rel.C("a", "n"), rel.C("b", "n"))),
	}}
	said.Columns = append(ordered("a", "b"), rel.As("same", v("same")), rel.As("place", rel.Over{Rank: rel.RowNumber,
		PartitionBy: []rel.Expr{ordered("a", "b")[0].Expr, ordered("a", "b")[1].Expr},
		OrderBy:     []rel.Order{{Expr: v("at"), Desc: true}, {Expr: oneIf(v("same"))}, {Expr: text(v("by"))}}}))
	do := temp(x.work("judged"), union(judged))
	do = append(do, temp(x.work("said"), rel.Select{Columns: []rel.Column{same("s", "a"), same("s", "b"), same("s", "same")},
		From: rel.Sub{Query: said, Alias: "s"}, Where: eq(rel.C("s", "place"), rel.I(1))})...)
	weight, same1 := rel.C("j", "weight"), rel.C("s", "same")
	decision := rel.Case{Whens: []rel.When{
		{If: eq(same1, rel.B(true)), Then: rel.T("join")},
		{If: eq(same1, rel.B(false)), Then: rel.T("apart")},
		{If: rel.F(rel.Ge, weight, bitsOf(x.f.JoinFrom())), Then: rel.T("join")},
		{If: rel.F(rel.Ge, weight, bitsOf(x.f.ReviewFrom())), Then: rel.T("review")}},
		Else: rel.T("apart")}
	do = append(do, keep(x.table(Pairs), rel.Select{
		Columns: []rel.Column{rel.As("source_a", rel.C("a", "source")), rel.As("key_a", rel.C("a", "key")), rel.As("source_b", rel.C("b", "source")), rel.As("key_b", rel.C("b", "key")),
			rel.As("weight", weight), rel.As("probability", rel.F(rel.Probability, weight)), rel.As("decision", decision),
			rel.As("by", rel.Case{Whens: []rel.When{{If: notNull(same1), Then: rel.T("person")}}, Else: rel.T("weight")}), rel.As("reasons", rel.C("j", "reasons"))},
		From: from(x.work("judged"), "j"), Joins: []rel.Join{
			join(rel.Left, from(x.work("said"), "s"), eq(rel.C("s", "a"), rel.C("j", "a")), eq(rel.C("s", "b"), rel.C("j", "b"))),
			join(rel.Inner, from(x.work("rows"), "a"), eq(rel.C("a", "n"), rel.C("j", "a"))),
			join(rel.Inner, from(x.work("rows"), "b"), eq(rel.C("b", "n"), rel.C("j", "b"))),
		},
		Where: rel.F(rel.Or, notNull(same1), rel.F(rel.Ge, weight, bitsOf(x.f.ReviewFrom()))),
	})...)
	x.step("pairs", append(do, drop(x.work("read"), x.work("rows"), x.work("vect"), x.work("judged"), x.work("said"))...)...)
}

// bitsOf is the weight at which a probability is reached.
func bitsOf(p float64) rel.Expr {
	return rel.N(strconv.FormatFloat(math.Log2(p/(1-p)), 'f', 9, 64))
}

// scored adds up what the levels of the pairs that were compared say: a, b, weight, reasons. What
// stays below review is left out before it gets reasons, unless somebody was asked about it.
func (x *fuzzy) scored() rel.Query {
	q := rel.Select{From: from(x.work("vect"), "v"), Columns: []rel.Column{same("v", "a"), same("v", "b")}, Joins: []rel.Join{x.wide()}}
	total := []rel.Expr{rel.C("w", "p")}
	var reasons []rel.Expr
	if len(x.frequent()) > 0 {
		q.Joins = append(q.Joins, join(rel.Inner, from(x.work("rows"), "a"), eq(rel.C("a", "n"), rel.C("v", "a"))))
	}
	for _, c := range x.cmps {
		name := nthOf("l", c.n)
		weight, reason := rel.Case{Else: rel.N("0")}, rel.Case{Else: rel.T("")}
		for i := range len(c.Levels) + 1 {
			level := rel.I(int64(i + 1))
			weight.Whens = append(weight.Whens, rel.When{If: eq(rel.C("v", name), level), Then: rel.C("w", nthOf("w", c.n, i+1))})
			reason.Whens = append(reason.Whens, rel.When{If: eq(rel.C("q", name), level), Then: rel.F(rel.Concat, rel.C("w", nthOf("t", c.n, i+1)), rel.T("; "))})
		}
		q.Columns = append(q.Columns, same("v", name))
		total, reasons = append(total, weight), append(reasons, reason)
		if c.Frequency && exactLevel(c) > 0 {
			// The level is part of the value, so that the join is one of plain equalities.
			alias, said := nthOf("q", c.n), nthOf("c", c.n)
			agreed := rel.Case{Whens: []rel.When{{If: eq(rel.C("v", name), rel.I(int64(exactLevel(c)))), Then: rel.C("a", nthOf("f", c.field.n))}}}
			q.Joins = append(q.Joins, join(rel.Left, rel.Sub{Alias: alias, Query: rel.Select{
				Columns: []rel.Column{same("t", "value"), same("t", "weight"), same("t", "reason")}, From: from(x.table(Frequencies), "t"), Where: eq(rel.C("t", "field"), rel.T(c.Field))}},
				eq(rel.C(alias, "value"), agreed)))
			q.Columns = append(q.Columns, rel.As(said, rel.C(alias, "reason")))
			total = append(total, rel.F(rel.Coalesce, rel.C(alias, "weight"), rel.N("0")))
			reasons = append(reasons, rel.Case{Whens: []rel.When{{If: notNull(rel.C("q", said)), Then: rel.F(rel.Concat, rel.C("q", said), rel.T("; "))}}, Else: rel.T("")})
		}
	}
	q.Joins = append(q.Joins, join(rel.Left, rel.Sub{Query: x.asked(), Alias: "k"}, eq(rel.C("k", "a"), rel.C("v", "a")), eq(rel.C("k", "b"), rel.C("v", "b"))))
	q.Columns = append(q.Columns, rel.As("weight", rel.Cast{Expr: rel.F(rel.Add, total...), Type: models.Number, From: models.Number}), rel.As("asked", oneIf(notNull(rel.C("k", "a")))))
	q.Fence = true
	return rel.Select{
		Columns: []rel.Column{same("q", "a"), same("q", "b"), same("q", "weight"), rel.As("reasons", rel.F(rel.Concat, append(reasons, rel.C("w", "t"))...))},
		From:    rel.Sub{Query: q, Alias: "q"}, Joins: []rel.Join{x.wide()},
		Where: rel.F(rel.Or, rel.F(rel.Ge, rel.C("q", "weight"), bitsOf(x.f.ReviewFrom())), eq(rel.C("q", "asked"), rel.I(1))),
	}
}

// wide puts the weights beside every row, as columns of w: p and t for any two records, w_0_1 … and
// t_0_1 … for the levels.
func (x *fuzzy) wide() rel.Join {
	q := rel.Select{From: from(x.table(Weights), "w")}
	pick := func(field string, level int, weight, reason string) {
		for _, c := range [][2]string{{weight, "weight"}, {reason, "reason"}} {
			q.Columns = append(q.Columns, rel.As(c[0], rel.Agg{Fn: rel.Max, Arg: rel.Case{Whens: []rel.When{{If: rel.F(rel.And,
				eq(rel.C("w", "field"), rel.T(field)), eq(rel.C("w", "level"), rel.I(int64(level)))), Then: rel.C("w", c[1])}}}}))
		}
	}
	pick("", 0, "p", "t")
	for _, c := range x.cmps {
		for i := range len(c.Levels) + 1 {
			pick(c.Field, i+1, nthOf("w", c.n, i+1), nthOf("t", c.n, i+1))
		}
	}
	return rel.Join{Kind: rel.Cross, Rel: rel.Sub{Query: q, Alias: "w"}}
}

// asked are the pairs that people said something of: a, b, each once.
func (x *fuzzy) asked() rel.Query {
	return rel.Select{Distinct: true, Columns: ordered("a", "b"), From: from(x.reviews(), "v"), Joins: []rel.Join{
		join(rel.Inner, from(x.work("rows"), "a"), eq(rel.C("a", "source"), rel.C("v", "source_a")), eq(rel.C("a", "key"), rel.C("v", "key_a"))),
		join(rel.Inner, from(x.work("rows"), "b"), eq(rel.C("b", "source"), rel.C("v", "source_b")), eq(rel.C("b", "key"), rel.C("v", "key_b")), rel.F(rel.Ne, rel.C("a", "n"), rel.C("b", "n"))),
	}}
}

// unchanged are the pairs of the build in force that need no second look: neither record changed,
// they still agree on a block, and they are not among those compared now.
func (x *fuzzy) unchanged() rel.Query {
	p := func(name string) rel.Expr { return rel.C("p", name) }
	var agree []rel.Expr
	for _, b := range x.blocks {
		agree = append(agree, eq(rel.C("a", nthOf("b", b.n)), rel.C("b", nthOf("b", b.n))))
	}
	side := func(s string) rel.Join {
		return join(rel.Inner, from(x.work("rows"), s), eq(rel.C(s, "source"), p("source_"+s)), eq(rel.C(s, "key"), p("key_"+s)), eq(rel.C(s, "changed"), rel.I(0)))
	}
	return rel.Select{
		Columns: append(ordered("a", "b"), same("p", "weight"), same("p", "reasons")),
		From:    from(x.was(Pairs), "p"), Joins: []rel.Join{side("a"), side("b"),
			join(rel.Left, from(x.work("cand"), "c"), eq(rel.C("c", "a"), ordered("a", "b")[0].Expr), eq(rel.C("c", "b"), ordered("a", "b")[1].Expr))},
		Where: rel.F(rel.And, isNull(rel.C("c", "a")), or(agree)),
	}
}

// stats are the numbers of matching.
func (x *fuzzy) stats() []Stat {
	of := func(table rel.Name, where rel.Expr) rel.Query {
		return rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: from(table, "t"), Where: where}
	}
	pairs := func(decision string) rel.Query {
		return of(x.table(Pairs), eq(rel.C("t", "decision"), rel.T(decision)))
	}
	defaults := rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.Count, Arg: rel.C("t", "field"), Distinct: true})},
		From: from(x.table(Weights), "t"), Where: eq(rel.C("t", "origin"), rel.T("default"))}
	return []Stat{
		{Name: "matching.records", Query: of(x.table(Compared), nil)},
		{Name: "matching.compared", Query: of(x.work("cand"), nil)},
		{Name: "matching.join", Query: pairs("join")},
		{Name: "matching.review", Query: pairs("review")},
		{Name: "matching.apart", Query: pairs("apart")},
		{Name: "matching.big_blocks", Query: of(x.table(BigBlocks), nil)},
		{Name: "matching.default_weights", Query: defaults},
	}
}
