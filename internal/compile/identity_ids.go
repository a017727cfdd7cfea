package compile

import (
	"slices"

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
	do = append(do, temp(x.work("ids"), rel.Select{
		Columns: []rel.Column{same("c", "cluster"), same("c", "number"), rel.As("profile_id", x.profileID(rel.C("c", "number"))),
			rel.As("anonymous", rel.F(rel.Ne, rel.F(rel.Coalesce, rel.C("s", "strong"), rel.I(0)), rel.I(1))), rel.As("size", rel.F(rel.Coalesce, rel.C("s", "size"), rel.I(0)))},
		From:  rel.Sub{Query: both, Alias: "c"},
		Joins: []rel.Join{join(rel.Left, rel.Sub{Query: x.members(), Alias: "s"}, eq(rel.C("s", "cluster"), rel.C("c", "cluster")))},
	})...)
	minted := rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: from(x.work("minted"), "m")}
	do = append(do, keep(x.table(Sequence), rel.Select{
		Columns: []rel.Column{rel.As("last", rel.F(rel.Add, rel.C("q", "last"), rel.C("m", "n")))},
		From:    rel.Sub{Query: last, Alias: "q"}, Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Query: minted, Alias: "m"}}},
	})...)
	if !x.first() {
		do = append(do, x.away()...)
	}
	do = append(do, temp(x.work("events"), x.eventsQuery())...)
	x.step("ids", do...)
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
//	olds      the profiles of before that are resolved again, all in a full build
//	was       node, cluster, old: members of live clusters with the number of their old profile
//	gone_to   old, cluster, k members in common, rn 1 for the cluster that has most of them
func (x *identity) overlap() []rel.Statement {
	olds := x.before(Clusters)
	var do []rel.Statement
	f := func(name string) rel.Expr { return rel.C("f", name) }
	was := rel.Select{
		Columns: []rel.Column{same("f", "node"), same("f", "cluster"), rel.As("old", rel.C("c", "number"))},
		From:    from(x.found, "f"),
		Joins:   []rel.Join{join(rel.Inner, from(x.work("live"), "l"), eq(rel.C("l", "cluster"), f("cluster")))},
	}
	if x.goesOn {
		olds = x.work("olds")
		p := func(name string) rel.Expr { return rel.C("p", name) }
		again := rel.Select{Distinct: true, Columns: []rel.Column{same("p", "cluster")}, From: from(x.work("prior"), "p"),
			Joins: []rel.Join{join(rel.Inner, from(x.work("want", x.round), "w"), eq(rel.C("w", "node"), p("node")), eq(rel.C("w", "a"), rel.I(1)))},
			Where: rel.F(rel.And, notNull(p("profile_id")), x.own(p("rank"), p("cluster"), p("node")))}
		do = append(do, temp(olds, x.few(clustersLayer, rel.Select{Columns: columnsOf("p", clustersLayer.columns),
			Joins: []rel.Join{join(rel.Inner, rel.Sub{Query: again, Alias: "g"}, eq(rel.C("g", "cluster"), p("cluster")))}}))...)
		was.Joins = append(was.Joins, join(rel.Left, from(x.work("prior"), "i"), eq(rel.C("i", "node"), f("node")), rel.F(rel.Ne, rel.C("i", "rank"), rel.I(int64(x.recordRank())))))
	} else {
		was.Joins = append(was.Joins, join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), f("node"))),
			join(rel.Left, from(x.before(Identifiers), "i"), eq(rel.C("i", "type"), x.typeOf(rel.C("n", "rank"))), eq(rel.C("i", "value"), rel.C("n", "value"))))
	}
	was.Joins = append(was.Joins, join(rel.Left, from(olds, "c"), eq(rel.C("c", "profile_id"), rel.C("i", "profile_id"))))
	do = append(do, temp(x.work("was"), was)...)
	members := append([]rel.Query{rel.Select{Columns: []rel.Column{same("w", "old"), same("w", "node"), same("w", "cluster")}, From: from(x.work("was"), "w"), Where: notNull(rel.C("w", "old"))}}, x.recordsBefore(olds)...)
	common := rel.Select{
		Columns: []rel.Column{same("m", "old"), same("m", "cluster"), rel.As("k", count())},
		From:    rel.Sub{Query: union(members), Alias: "m"}, GroupBy: []rel.Expr{rel.C("m", "old"), rel.C("m", "cluster")},
	}
	return append(do, temp(x.work("gone_to"), rel.Select{
		Columns: []rel.Column{same("o", "old"), same("o", "cluster"), same("o", "k"),
			rel.As("rn", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("o", "old")}, OrderBy: []rel.Order{{Expr: rel.C("o", "k"), Desc: true}, {Expr: rel.C("o", "cluster")}}})},
		From: rel.Sub{Query: common, Alias: "o"},
	})...)
}

// brought lists for each old profile that was merged away the identifiers by which its records belong to
// somebody now: what merged one that had none. Columns: old, rank, value, n.
func (x *identity) brought() rel.Query {
	olds := x.before(Clusters)
	if x.goesOn {
		olds = x.work("olds")
	}
	records := x.recordsBefore(olds)
	if len(records) == 0 {
		return rel.Select{Columns: []rel.Column{rel.As("old", rel.I(0)), rel.As("rank", rel.I(0)), rel.As("value", rel.T("")), rel.As("n", rel.I(0))}, Where: rel.B(false)}
	}
	m, n, g := func(name string) rel.Expr { return rel.C("m", name) }, func(name string) rel.Expr { return rel.C("n", name) }, func(name string) rel.Expr { return rel.C("g", name) }
	return rel.Select{
		Columns: []rel.Column{same("m", "old"), same("n", "rank"), same("n", "value"), rel.As("n", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{m("old")},
			OrderBy: []rel.Order{{Expr: n("rank")}, {Expr: n("node")}}})},
		From: from(x.work("merged"), "g"), Joins: []rel.Join{
			join(rel.Inner, rel.Sub{Query: union(records), Alias: "m"}, eq(m("old"), g("old")), eq(m("cluster"), g("cluster"))),
			join(rel.Inner, from(x.work("nodes"), "n"), eq(n("node"), m("node")))},
	}
}

// recordsBefore lists the records that are members of an old profile, with the identifiers that say
// whose they are and their clusters of now: old, node, cluster.
func (x *identity) recordsBefore(olds rel.Name) []rel.Query {
	var out []rel.Query
	for _, s := range x.sources {
		if s.events() {
			continue
		}
		live := join(rel.Inner, from(x.work("live"), "l"), eq(rel.C("l", "cluster"), rel.C("o", "cluster")))
		own := join(rel.Inner, from(x.work("own", s.n), "o"), eq(rel.C("o", "combo"), rel.C("q", "combo")))
		columns := []rel.Column{rel.As("old", rel.C("c", "number")), same("o", "node"), same("o", "cluster")}
		once := eq(rel.C("q", "nth"), rel.I(1))
		profile := func(id rel.Expr) rel.Join { return join(rel.Inner, from(olds, "c"), eq(rel.C("c", "profile_id"), id)) }
		if !x.goesOn {
			out = append(out, rel.Select{Columns: columns, From: from(x.part(s), "q"), Where: once, Joins: []rel.Join{own, live,
				join(rel.Inner, from(x.before(Records), "b"), eq(rel.C("b", "source"), rel.T(s.Name)), eq(rel.C("b", "key"), rel.C("q", "key"))), profile(rel.C("b", "profile_id"))}})
			continue
		}
		out = append(out,
			rel.Select{Columns: columns, From: from(x.part(s), "q"), Where: once, Joins: []rel.Join{own, live, profile(rel.C("q", "was"))}},
			rel.Select{Columns: columns, From: from(x.part(s), "q"), Where: rel.F(rel.And, once, isNull(rel.C("q", "was"))), Joins: []rel.Join{own, live,
				join(rel.Inner, from(x.work("upd", s.n), "b"), eq(rel.C("b", "h"), rel.C("q", "h")), eq(rel.C("b", "key"), rel.C("q", "key")), eq(rel.C("b", "gone"), rel.I(1)), eq(rel.C("b", "nth"), rel.I(1))),
				profile(rel.C("b", "was"))}})
	}
	return out
}

// sourceName is the name of a source by its place.
func (x *identity) sourceName(n rel.Expr) rel.Expr {
	var whens []rel.When
	for _, s := range x.sources {
		whens = append(whens, rel.When{If: eq(n, rel.I(int64(s.n))), Then: rel.T(s.Name)})
	}
	return rel.Case{Whens: whens}
}

// eventsQuery lists what became of profiles in this build: kind, from_id, to_id and the identifier,
// or the pair of records, that caused it.
func (x *identity) eventsQuery() rel.Query {
	event := func(kind string, fromID, toID, typ, value rel.Expr) []rel.Column {
		return []rel.Column{rel.As("at", rel.At(x.in.AsOf)), rel.As("kind", rel.T(kind)), rel.As("from_id", fromID), rel.As("to_id", toID),
			rel.As("type", typ), rel.As("value", value), rel.As("build", rel.T(x.in.Build.ID))}
	}
	id := x.profileID(rel.C("m", "number"))
	born := rel.Select{Columns: event("new", rel.Null(models.Text), id, x.typeOf(rel.C("n", "rank")), rel.C("n", "value")), From: from(x.work("minted"), "m"),
		Joins: []rel.Join{join(rel.Left, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("m", "cluster")))}}
	if x.first() {
		return born
	}
	// The top row of old profiles' members in a cluster that was minted is where it split from.
	origin := rel.Select{
		Columns: []rel.Column{same("g", "cluster"), same("g", "old"), rel.As("n", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("g", "cluster")},
			OrderBy: []rel.Order{{Expr: rel.C("g", "k"), Desc: true}, {Expr: rel.C("g", "old")}}})},
		From: from(x.work("gone_to"), "g"), Where: inTable(x.work("minted"), "cluster", rel.C("g", "cluster")),
	}
	born.Joins = append(born.Joins, join(rel.Left, rel.Sub{Query: origin, Alias: "o"}, eq(rel.C("o", "cluster"), rel.C("m", "cluster")), eq(rel.C("o", "n"), rel.I(1))))
	split := notNull(rel.C("o", "old"))
	born.Columns[1].Expr = rel.Case{Whens: []rel.When{{If: split, Then: rel.T("split")}}, Else: rel.T("new")}
	born.Columns[2].Expr = rel.Case{Whens: []rel.When{{If: split, Then: x.profileID(rel.C("o", "old"))}}}
	typ, value := x.typeOf(either(rel.C("w", "rank"), rel.C("n", "rank"))), either(rel.C("w", "value"), rel.C("n", "value"))
	if x.paired() {
		typ = rel.Case{Whens: []rel.When{{If: notNull(rel.C("w", "pair")), Then: rel.T(PairType)}}, Else: typ}
		value = either(rel.C("w", "pair"), value)
	}
	merged := rel.Select{
		Columns: event("merge", x.profileID(rel.C("g", "old")), x.profileID(rel.C("g", "number")), typ, value),
		From:    from(x.work("merged"), "g"),
		Joins: []rel.Join{
			join(rel.Left, rel.Sub{Query: x.brought(), Alias: "n"}, eq(rel.C("n", "old"), rel.C("g", "old")), eq(rel.C("n", "n"), rel.I(1))),
			join(rel.Left, rel.Sub{Query: x.witness(), Alias: "w"}, eq(rel.C("w", "old"), rel.C("g", "old")), eq(rel.C("w", "n"), rel.I(1))),
		},
	}
	return union([]rel.Query{born, merged})
}

// away makes merged(old, number, cluster), the few profiles that were merged away with those that took
// them, and what they have: away(node, cluster, old), their members, and taker(node, cluster, old), those
// of the clusters that took them; stand(src, combo, node) is where these stand beside each other.
func (x *identity) away() []rel.Statement {
	members, were := []rel.Column{same("a", "node"), same("a", "cluster"), same("a", "old")}, x.work("was")
	var do []rel.Statement
	if x.paired() { // rows without an identifier, too, merge
		were = x.work("were")
		do = temp(were, rel.Select{Columns: []rel.Column{same("a", "node"), same("a", "cluster"), rel.As("old", either(rel.C("a", "old"), rel.C("r", "old")))}, From: from(x.work("was"), "a"),
			Joins: []rel.Join{join(rel.Left, rel.Sub{Query: x.rowsBefore(), Alias: "r"}, eq(rel.C("r", "node"), rel.C("a", "node")))}})
	}
	do = append(do, temp(x.work("merged"), rel.Select{Columns: []rel.Column{same("g", "old"), same("k", "number"), same("g", "cluster")}, From: from(x.work("gone_to"), "g"), Where: eq(rel.C("g", "rn"), rel.I(1)),
		Joins: []rel.Join{join(rel.Inner, from(x.work("kept"), "k"), eq(rel.C("k", "cluster"), rel.C("g", "cluster")), rel.F(rel.Ne, rel.C("k", "number"), rel.C("g", "old")))}})...)
	do = append(do, temp(x.work("away"), rel.Select{Columns: members, From: from(x.work("merged"), "g"), Joins: []rel.Join{
		join(rel.Inner, from(were, "a"), eq(rel.C("a", "old"), rel.C("g", "old")), eq(rel.C("a", "cluster"), rel.C("g", "cluster")))}})...)
	do = append(do, temp(x.work("taker"), rel.Select{Columns: members, From: from(were, "a"), Where: inTable(x.work("away"), "cluster", rel.C("a", "cluster"))})...)
	// The identifiers of those who took, each with where it stands beside others. Where all of a
	// combination were of one profile, only one that is new brings two together.
	fresh := x.goesOn && !x.all && x.together() && !x.limited()
	var stand []rel.Query
	for _, l := range x.links {
		for _, rank := range x.linking() {
			if l.has[rank] {
				n := rel.C("l", ranked("n", rank))
				where := []rel.Expr{inTable(x.work("taker"), "node", n)}
				if fresh {
					where = append(where, eq(rel.C("l", "changed"), rel.I(1)))
				}
				stand = append(stand, rel.Select{Columns: []rel.Column{rel.As("src", rel.I(int64(l.src))), same("l", "combo"), rel.As("node", n)}, From: l.rel("l"), Where: and(where)})
			}
		}
	}
	if len(stand) == 0 {
		stand = append(stand, rel.Select{Columns: []rel.Column{rel.As("src", rel.I(0)), rel.As("combo", rel.I(0)), rel.As("node", rel.I(0))}, Where: rel.B(false)})
	}
	return append(do, temp(x.work("stand"), union(stand))...)
}

// rowsBefore lists the nodes of rows without an identifier, with their profile of before: node, old.
func (x *identity) rowsBefore() rel.Query {
	n := func(name string) rel.Expr { return rel.C("n", name) }
	q := rel.Select{Columns: []rel.Column{same("n", "node"), rel.As("old", rel.C("c", "number"))}, Where: eq(n("rank"), rel.I(int64(x.recordRank())))}
	if x.goesOn {
		q.From = from(x.work("prior"), "n")
		q.Joins = []rel.Join{join(rel.Inner, from(x.work("olds"), "c"), eq(rel.C("c", "profile_id"), n("profile_id")))}
		return q
	}
	q.From = from(x.work("nodes"), "n")
	q.Joins = []rel.Join{
		join(rel.Inner, from(x.before(Records), "b"), eq(n("value"), rel.F(rel.Concat, rel.C("b", "source"), rel.T(":"), rel.C("b", "key")))),
		join(rel.Inner, from(x.before(Clusters), "c"), eq(rel.C("c", "profile_id"), rel.C("b", "profile_id")))}
	return q
}

// witness lists for each old profile the identifiers that some row has together with one of its
// own and that were not its own: those of another old profile first, then the strongest. The
// first, n = 1, is what merged it. Where records are matched, pair is the two that lead to it by
// matching alone; NULL if a row does, which goes before. Columns: old, rank, value, n, pair.
func (x *identity) witness() rel.Query {
	var pairs []rel.Query
	beside := func(r rel.Relation, joins []rel.Join, mine, other, pair rel.Expr) {
		q := rel.Select{
			Columns: []rel.Column{same("a", "old"), rel.As("node", rel.C("b", "node")), rel.As("fresh", oneIf(isNull(rel.C("b", "old"))))},
			From:    r,
			Joins: append(joins, join(rel.Inner, from(x.work("away"), "a"), eq(rel.C("a", "node"), mine)),
				join(rel.Inner, from(x.work("taker"), "b"), eq(rel.C("b", "node"), other), eq(rel.C("b", "cluster"), rel.C("a", "cluster")))),
			Where: rel.F(rel.Distinct, rel.C("a", "old"), rel.C("b", "old")),
		}
		if x.paired() {
			q.Columns = append(q.Columns, rel.As("pair", pair))
		}
		pairs = append(pairs, q)
	}
	if x.links != nil {
		beside(from(x.work("stand"), "l"), []rel.Join{join(rel.Inner, from(x.work("stand"), "m"), eq(rel.C("m", "src"), rel.C("l", "src")), eq(rel.C("m", "combo"), rel.C("l", "combo")))},
			rel.C("l", "node"), rel.C("m", "node"), rel.Null(models.Text))
	}
	if x.paired() {
		beside(from(x.work("fuzzy"), "l"), nil, rel.C("l", "u"), rel.C("l", "v"), rel.C("l", "pair"))
		beside(from(x.work("fuzzy"), "l"), nil, rel.C("l", "v"), rel.C("l", "u"), rel.C("l", "pair"))
	}
	if len(pairs) == 0 {
		pairs = append(pairs, rel.Select{Columns: []rel.Column{rel.As("old", rel.I(0)), rel.As("node", rel.I(0)), rel.As("fresh", rel.I(0))}, Where: rel.B(false)})
	}
	order := []rel.Order{{Expr: rel.C("p", "fresh")}, {Expr: rel.C("n", "rank")}, {Expr: rel.C("n", "node")}}
	columns := []rel.Column{same("p", "old"), same("n", "rank"), same("n", "value")}
	if x.paired() { // rows say more than likeness
		order = slices.Insert(order, 1, rel.Order{Expr: oneIf(notNull(rel.C("p", "pair")))})
		order = append(order, rel.Order{Expr: rel.C("p", "pair")})
		columns = append(columns, same("p", "pair"))
	}
	return rel.Select{
		Columns: append(columns, rel.As("n", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("p", "old")}, OrderBy: order})),
		From:    rel.Sub{Query: union(pairs), Alias: "p"},
		Joins:   []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("p", "node")))},
	}
}
