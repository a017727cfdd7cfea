package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// number gives every profile its id: clusters, sequence and merges of this build.
//
// Ids are numbers from a sequence that only grows, never a member's own number: a part of a
// split that had the smallest member would otherwise take the old id back. A cluster's members
// are known by type and value, records also by source and key, so that numbers of nodes mean
// nothing from build to build. Each profile of the build in force goes to the cluster that has
// most of its members; of those that go to one cluster the oldest survives, and the others are
// merged into it. A cluster that gets none is minted, in order of birth: split off if it has
// members of an old profile, else new.
func (x *identity) number() {
	last := rel.Query(rel.Select{Columns: []rel.Column{rel.As("last", rel.I(0))}})
	if !x.first() {
		last = rel.Select{Columns: []rel.Column{same("q", "last")}, From: from(x.before(Sequence), "q")}
		x.step("profiles of before", x.overlap()...)
	} else {
		none := rel.Select{Columns: []rel.Column{rel.As("old", rel.I(0)), rel.As("cluster", rel.I(0)), rel.As("k", rel.I(0)), rel.As("rn", rel.I(1))}, Where: rel.B(false)}
		x.step("profiles of before", temp(x.work("gone_to"), none)...)
	}
	kept := rel.Select{
		Columns: []rel.Column{same("b", "cluster"), rel.As("number", least(rel.C("b", "old")))},
		From:    from(x.work("gone_to"), "b"), Where: eq(rel.C("b", "rn"), rel.I(1)), GroupBy: []rel.Expr{rel.C("b", "cluster")},
	}
	do := temp(x.work("kept"), kept)
	do = append(do, temp(x.work("minted"), rel.Select{
		Columns: []rel.Column{same("l", "cluster"), rel.As("number", rel.F(rel.Add, rel.C("q", "last"),
			rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: rel.C("l", "cluster")}}}))},
		From: from(x.work("live"), "l"),
		Joins: []rel.Join{join(rel.Left, from(x.work("kept"), "k"), eq(rel.C("k", "cluster"), rel.C("l", "cluster"))),
			{Kind: rel.Cross, Rel: rel.Sub{Query: last, Alias: "q"}}},
		Where: isNull(rel.C("k", "cluster")),
	})...)
	both := rel.Union{All: true, Queries: []rel.Query{
		rel.Select{Columns: []rel.Column{same("k", "cluster"), same("k", "number")}, From: from(x.work("kept"), "k")},
		rel.Select{Columns: []rel.Column{same("m", "cluster"), same("m", "number")}, From: from(x.work("minted"), "m")},
	}}
	known := rel.Select{
		Columns: []rel.Column{same("f", "cluster")}, Distinct: true,
		From:  from(x.work("found"), "f"),
		Joins: []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("f", "node")))},
		Where: rel.F(rel.And, notNull(rel.C("f", "cluster")), x.strong()),
	}
	do = append(do, keep(x.table(Clusters), rel.Select{
		Columns: []rel.Column{same("c", "cluster"), same("c", "number"), rel.As("profile_id", x.profileID(rel.C("c", "number"))), rel.As("anonymous", isNull(rel.C("s", "cluster")))},
		From:    rel.Sub{Query: both, Alias: "c"},
		Joins:   []rel.Join{join(rel.Left, rel.Sub{Query: known, Alias: "s"}, eq(rel.C("s", "cluster"), rel.C("c", "cluster")))},
	})...)
	minted := rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: from(x.work("minted"), "m")}
	do = append(do, keep(x.table(Sequence), rel.Select{
		Columns: []rel.Column{rel.As("last", rel.F(rel.Add, rel.C("q", "last"), rel.C("m", "n")))},
		From:    rel.Sub{Query: last, Alias: "q"}, Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Query: minted, Alias: "m"}}},
	})...)
	x.step("ids", append(do, keep(x.table(Merges), x.mergesQuery())...)...)
}

// strong is whether a node tells who somebody is, in place of which browser or machine was used.
func (x *identity) strong() rel.Expr {
	var ranks []rel.Expr
	for rank := range x.ids {
		if !weak(&x.ids[rank]) {
			ranks = append(ranks, rel.I(int64(rank)))
		}
	}
	if len(ranks) == 0 {
		return rel.B(false)
	}
	return rel.InList{Expr: rel.C("n", "rank"), List: ranks}
}

// profileID is the public form of a number: cus_00000017. Twelve characters are what warehouses
// keep in place, and the order of text is the order of birth.
func (x *identity) profileID(number rel.Expr) rel.Expr {
	prefix := x.entity.Name[:min(3, len(x.entity.Name))] + "_"
	const wide = 100_000_000
	padded := rel.F(rel.Substr, digits(rel.F(rel.Add, number, rel.I(wide))), rel.I(2), rel.I(8))
	return rel.F(rel.Concat, rel.T(prefix), rel.Case{Whens: []rel.When{{If: rel.F(rel.Lt, number, rel.I(wide)), Then: padded}}, Else: digits(number)})
}

// overlap finds where the profiles of the build in force went:
//
//	was       node, cluster, old: members of live clusters with the number of their old profile
//	gone_to   old, cluster, k members in common, rn 1 for the cluster that has most of them
func (x *identity) overlap() []rel.Statement {
	do := temp(x.work("was"), rel.Select{
		Columns: []rel.Column{same("f", "node"), same("f", "cluster"), rel.As("old", rel.C("c", "number"))},
		From:    from(x.work("found"), "f"),
		Joins: []rel.Join{
			join(rel.Inner, from(x.work("live"), "l"), eq(rel.C("l", "cluster"), rel.C("f", "cluster"))),
			join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("f", "node"))),
			join(rel.Left, from(x.before(Identifiers), "i"), eq(rel.C("i", "type"), x.typeOf(rel.C("n", "rank"))), eq(rel.C("i", "value"), rel.C("n", "value"))),
			join(rel.Left, from(x.before(Clusters), "c"), eq(rel.C("c", "profile_id"), rel.C("i", "profile_id"))),
		},
	})
	records := rel.Select{
		Columns: []rel.Column{rel.As("old", rel.C("c", "number")), same("r", "cluster")},
		From:    from(x.work("rec"), "r"),
		Joins: []rel.Join{
			join(rel.Inner, from(x.before(Records), "b"), eq(rel.C("b", "source"), x.sourceName(rel.C("r", "src"))), eq(rel.C("b", "key"), rel.C("r", "key"))),
			join(rel.Inner, from(x.before(Clusters), "c"), eq(rel.C("c", "profile_id"), rel.C("b", "profile_id"))),
		},
	}
	members := rel.Union{All: true, Queries: []rel.Query{
		rel.Select{Columns: []rel.Column{same("w", "old"), same("w", "cluster")}, From: from(x.work("was"), "w"), Where: notNull(rel.C("w", "old"))},
		records,
	}}
	common := rel.Select{
		Columns: []rel.Column{same("m", "old"), same("m", "cluster"), rel.As("k", count())},
		From:    rel.Sub{Query: members, Alias: "m"}, GroupBy: []rel.Expr{rel.C("m", "old"), rel.C("m", "cluster")},
	}
	return append(do, temp(x.work("gone_to"), rel.Select{
		Columns: []rel.Column{same("o", "old"), same("o", "cluster"), same("o", "k"),
			rel.As("rn", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("o", "old")}, OrderBy: []rel.Order{{Expr: rel.C("o", "k"), Desc: true}, {Expr: rel.C("o", "cluster")}}})},
		From: rel.Sub{Query: common, Alias: "o"},
	})...)
}

// sourceName is the name of a source by its place.
func (x *identity) sourceName(n rel.Expr) rel.Expr {
	var whens []rel.When
	for _, s := range x.sources {
		whens = append(whens, rel.When{If: eq(n, rel.I(int64(s.n))), Then: rel.T(s.Name)})
	}
	return rel.Case{Whens: whens}
}

// mergesQuery is the history of the build in force with the events of this build: kind, from_id,
// to_id and the identifier that caused it.
func (x *identity) mergesQuery() rel.Query {
	event := func(kind string, fromID, toID, rank, value rel.Expr) []rel.Column {
		return []rel.Column{rel.As("at", rel.At(x.in.AsOf)), rel.As("kind", rel.T(kind)), rel.As("from_id", fromID), rel.As("to_id", toID),
			rel.As("type", x.typeOf(rank)), rel.As("value", value), rel.As("build", rel.T(x.in.Build.ID))}
	}
	// The top row of an old profile's members in a cluster that was minted is where it split from.
	origin := rel.Select{
		Columns: []rel.Column{same("g", "cluster"), same("g", "old"), rel.As("n", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("g", "cluster")},
			OrderBy: []rel.Order{{Expr: rel.C("g", "k"), Desc: true}, {Expr: rel.C("g", "old")}}})},
		From: from(x.work("gone_to"), "g"),
	}
	born := func(where rel.Expr, cols []rel.Column) rel.Query {
		return rel.Select{Columns: cols, From: from(x.work("minted"), "m"),
			Joins: []rel.Join{
				join(rel.Left, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("m", "cluster"))),
				join(rel.Left, rel.Sub{Query: origin, Alias: "o"}, eq(rel.C("o", "cluster"), rel.C("m", "cluster")), eq(rel.C("o", "n"), rel.I(1))),
			}, Where: where}
	}
	id := x.profileID(rel.C("m", "number"))
	qs := []rel.Query{
		born(isNull(rel.C("o", "old")), event("new", rel.Null(models.Text), id, rel.C("n", "rank"), rel.C("n", "value"))),
	}
	if x.first() {
		return union(qs)
	}
	qs = append(qs, born(notNull(rel.C("o", "old")), event("split", x.profileID(rel.C("o", "old")), id, rel.C("n", "rank"), rel.C("n", "value"))))
	merged := rel.Select{
		Columns: event("merge", x.profileID(rel.C("g", "old")), x.profileID(rel.C("k", "number")),
			either(rel.C("w", "rank"), rel.C("n", "rank")), either(rel.C("w", "value"), rel.C("n", "value"))),
		From: from(x.work("gone_to"), "g"),
		Joins: []rel.Join{
			join(rel.Inner, from(x.work("kept"), "k"), eq(rel.C("k", "cluster"), rel.C("g", "cluster"))),
			join(rel.Left, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("g", "cluster"))),
			join(rel.Left, rel.Sub{Query: x.witness(), Alias: "w"}, eq(rel.C("w", "old"), rel.C("g", "old")), eq(rel.C("w", "n"), rel.I(1))),
		},
		Where: rel.F(rel.And, eq(rel.C("g", "rn"), rel.I(1)), rel.F(rel.Ne, rel.C("g", "old"), rel.C("k", "number"))),
	}
	h := func(name string) rel.Column { return same("h", name) }
	history := rel.Select{Columns: []rel.Column{h("at"), h("kind"), h("from_id"), h("to_id"), h("type"), h("value"), h("build")}, From: from(x.before(Merges), "h")}
	return union(append([]rel.Query{history, merged}, qs...))
}

// witness lists for each old profile the identifiers that some row has together with one of its
// own and that were not its own: those of another old profile first, then the strongest. The
// first, n = 1, is what merged it. Columns: old, rank, value, n.
func (x *identity) witness() rel.Query {
	link := x.linking()
	var pairs []rel.Query
	for _, i := range link {
		for _, j := range link {
			if i == j {
				continue
			}
			pairs = append(pairs, rel.Select{
				Columns: []rel.Column{same("a", "old"), rel.As("node", rel.C("b", "node")), rel.As("fresh", oneIf(isNull(rel.C("b", "old"))))},
				From:    from(x.work("links"), "l"),
				Joins: []rel.Join{
					join(rel.Inner, from(x.work("was"), "a"), eq(rel.C("a", "node"), rel.C("l", ranked("n", i)))),
					join(rel.Inner, from(x.work("gone_to"), "g"), eq(rel.C("g", "old"), rel.C("a", "old")), eq(rel.C("g", "rn"), rel.I(1))),
					join(rel.Inner, from(x.work("kept"), "k"), eq(rel.C("k", "cluster"), rel.C("g", "cluster")), rel.F(rel.Ne, rel.C("k", "number"), rel.C("a", "old"))),
					join(rel.Inner, from(x.work("was"), "b"), eq(rel.C("b", "node"), rel.C("l", ranked("n", j))), eq(rel.C("b", "cluster"), rel.C("a", "cluster"))),
				},
				Where: rel.F(rel.Distinct, rel.C("a", "old"), rel.C("b", "old")),
			})
		}
	}
	if len(pairs) == 0 {
		pairs = append(pairs, rel.Select{Columns: []rel.Column{rel.As("old", rel.I(0)), rel.As("node", rel.I(0)), rel.As("fresh", rel.I(0))}, Where: rel.B(false)})
	}
	return rel.Select{
		Columns: []rel.Column{same("p", "old"), same("n", "rank"), same("n", "value"), rel.As("n", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("p", "old")},
			OrderBy: []rel.Order{{Expr: rel.C("p", "fresh")}, {Expr: rel.C("n", "rank")}, {Expr: rel.C("n", "node")}}})},
		From:  rel.Sub{Query: union(pairs), Alias: "p"},
		Joins: []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("p", "node")))},
	}
}
