package compile

import (
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// reach finds what a change can touch, so that only that is resolved again: whole components of
// before, with all their combinations.
//
//	touch   node, hard, gone: in a combination that changed; hard if it joins otherwise than before,
//	        gone if it is no more
//	span    node, a: all of the components that are resolved again, 1, or only touched, 0
//	want    node, a: what is touched, and with a = 1 all of the components that are resolved again
//	part_<n> all combinations with one of them, and maybe others of touched components
//	prior   those and their neighbours as the build in force has them
//	nodes   node, rank, value, src, first_seen, last_seen, seen, a, and with was_ before its name every
//	        column that may differ from that in prior
//
// An identifier that joins nobody because too many have it, or because it only finds, is a
// component of its own: that does not lead on to all those who were seen with it, unless it begins
// or ceases to join.
func (x *identity) reach() {
	var touched []rel.Query
	for _, s := range x.sources {
		for _, rank := range x.ranksOf(s) {
			n := rel.C("u", ranked("n", rank))
			q := rel.Select{Columns: []rel.Column{rel.As("node", n), same("u", "hard"), same("u", "gone")}, From: from(x.work("upd", s.n), "u"),
				Where: rel.F(rel.And, notNull(n), eq(rel.C("u", "moved"), rel.I(1)))}
			if x.grows() { // rows that are only counted elsewhere have an owner too
				q.Columns, q.Where = append(q.Columns, grownColumns(s.n)...), notNull(n)
			}
			touched = append(touched, q)
		}
	}
	touched = append(touched, x.pairsMoved()...)
	if len(touched) == 0 {
		none := rel.Select{Columns: []rel.Column{rel.As("node", rel.I(0)), rel.As("hard", rel.I(0)), rel.As("gone", rel.I(0))}, Where: rel.B(false)}
		if x.grows() {
			none.Columns = append(none.Columns, noneTouched()...)
		}
		touched = append(touched, none)
	}
	t := func(name string) rel.Expr { return rel.C("t", name) }
	touch := rel.Select{
		Columns: []rel.Column{same("t", "node"), rel.As("hard", greatest(t("hard"))), rel.As("gone", greatest(t("gone")))},
		From:    rel.Sub{Query: union(touched), Alias: "t"}, GroupBy: []rel.Expr{t("node")}}
	if x.grows() {
		touch.Columns = append(touch.Columns, rel.As("less", greatest(t("less"))), rel.As("src", least(t("src"))),
			rel.As("first_seen", least(t("first_seen"))), rel.As("last_seen", greatest(t("last_seen"))), rel.As("more", sum(t("more"))))
	}
	x.step("touched", temp(x.work("touch"), touch)...)
	if x.grows() {
		x.grow()
		return
	}
	x.step("touched components", append(x.wanted(), x.near()...)...)
	if !x.all {
		x.flips()
		for _, rank := range x.ranks(func(id *models.Identifier) bool { return id.Role == "attach" }) {
			x.widen(x.beside(rank, x.round))
		}
		if len(x.lostRanks()) > 0 { // a record may come to be found by itself
			x.widen(x.beside(x.recordRank(), x.round))
		}
	}
	x.around()
}

// wanted makes want before anything is known of neighbours.
func (x *identity) wanted() []rel.Statement {
	born := rel.Select{Columns: []rel.Column{same("b", "node"), rel.As("a", rel.I(1))}, From: from(x.work("born"), "b")}
	p := func(name string) rel.Expr { return rel.C("p", name) }
	if x.all {
		return temp(x.work("want", 0), union([]rel.Query{rel.Select{Columns: []rel.Column{same("p", "node"), rel.As("a", rel.I(1))}, From: from(x.before(Nodes), "p")}, born}))
	}
	// Components that were torn depend on how often and when their links were seen.
	var torn rel.Query
	if lim := x.limitedRanks(); len(lim) > 0 {
		torn = rel.Select{Distinct: true, Columns: []rel.Column{same("p", "component")}, From: from(x.before(Nodes), "p"),
			Where: rel.F(rel.And, rel.F(rel.Ne, p("cluster"), p("component")), x.rankIn(p("rank"), append(x.linking(), x.recordRank())))}
	}
	hit := func(where rel.Expr) rel.Query {
		return x.few(x.nodesLayer(), rel.Select{Columns: []rel.Column{same("p", "component"), rel.As("a", rel.C("t", "hard"))},
			Joins: []rel.Join{join(rel.Inner, from(x.work("touch"), "t"), eq(rel.C("t", "node"), p("node")))}, Where: where})
	}
	comps := []rel.Query{hit(nil)}
	if !x.together() {
		comps[0] = hit(eq(rel.C("t", "hard"), rel.I(1)))
	}
	if torn != nil {
		torn := join(rel.Inner, rel.Sub{Query: torn, Alias: "o"}, eq(rel.C("o", "component"), rel.C("c", "component")))
		touched := hit(nil)
		if expired := x.expired(); expired != nil {
			touched = union([]rel.Query{touched, expired})
		}
		comps = append(comps, rel.Select{Columns: []rel.Column{same("c", "component"), rel.As("a", rel.I(1))}, From: rel.Sub{Query: touched, Alias: "c"}, Joins: []rel.Join{torn}})
	}
	c, s := func(name string) rel.Expr { return rel.C("c", name) }, func(name string) rel.Expr { return rel.C("s", name) }
	do := temp(x.work("comps"), rel.Select{Columns: []rel.Column{same("c", "component"), rel.As("a", greatest(c("a")))},
		From: rel.Sub{Query: union(comps), Alias: "c"}, GroupBy: []rel.Expr{c("component")}})
	do = append(do, temp(x.work("span"), union([]rel.Query{x.few(x.nodesLayer(), rel.Select{Columns: []rel.Column{same("p", "node"), same("c", "a")},
		Joins: []rel.Join{join(rel.Inner, from(x.work("comps"), "c"), eq(c("component"), p("component")))}}), born}))...)
	whole := rel.Select{Columns: []rel.Column{same("s", "node"), same("s", "a")}, From: from(x.work("span"), "s"), Where: eq(s("a"), rel.I(1))}
	soft := rel.Select{Columns: []rel.Column{same("t", "node"), rel.As("a", rel.I(0))}, From: from(x.work("touch"), "t")}
	return append(do, temp(x.work("want", 0), rel.Select{Columns: []rel.Column{same("w", "node"), rel.As("a", greatest(rel.C("w", "a")))},
		From: rel.Sub{Query: union([]rel.Query{whole, soft}), Alias: "w"}, GroupBy: []rel.Expr{rel.C("w", "node")}})...)
}

// together is whether all identifiers of a combination are in one component: each of them joins.
func (x *identity) together() bool { return len(x.lostRanks()) == 0 }

// expired lists the components of identifiers that have left the window of a limit since the build
// in force; nil without windows.
func (x *identity) expired() rel.Query {
	var out []rel.Query
	p := func(name string) rel.Expr { return rel.C("p", name) }
	for _, rank := range x.limitedRanks() {
		w := x.ids[rank].Limit.Within
		if w == 0 {
			continue
		}
		out = append(out, rel.Select{Columns: []rel.Column{same("p", "component"), rel.As("a", rel.I(1))}, From: from(x.before(Nodes), "p"),
			Where: rel.F(rel.And, eq(p("rank"), rel.I(int64(rank))), rel.F(rel.Lt, p("last_seen"), x.since(w)),
				rel.F(rel.Ge, p("last_seen"), rel.At(x.in.State.AsOf.Add(-time.Duration(w)))))})
	}
	if out == nil {
		return nil
	}
	return union(out)
}

// lean are the columns of combinations that resolving needs.
func (x *identity) lean(s identitySource) []string {
	out := []string{"combo"}
	if !s.events() {
		out = append(out, "h", "key", "nth")
	}
	for _, rank := range x.ranksOf(s) {
		out = append(out, ranked("n", rank))
	}
	return append(out, "first_seen", "last_seen", "seen")
}

// near makes part_<n> of the present want: the lean columns, changed, and of those that are as they
// were was and was_node, whose they were.
func (x *identity) near() []rel.Statement {
	var do []rel.Statement
	for _, s := range x.sources {
		p := func(name string) rel.Expr { return rel.C("p", name) }
		kept := rel.Select{Where: rel.F(rel.Not, inTable(x.work("upd", s.n), "combo", p("combo"))),
			Columns: append(columnsOf("p", x.lean(s)), rel.As("changed", rel.I(0)), rel.As("was", p("profile_id")), rel.As("was_node", p("node")))}
		made := rel.Select{From: from(x.work("upd", s.n), "u"), Where: eq(rel.C("u", "gone"), rel.I(0)),
			Columns: append(columnsOf("u", x.lean(s)), rel.As("changed", rel.I(1)), same("u", "was"), rel.As("was_node", rel.Null(models.Integer)))}
		switch {
		case x.all:
		case x.together(): // one reading is enough: the strongest identifier of a combination is whose it is, and stays that
			kept.Joins = []rel.Join{join(rel.Inner, from(x.work("span"), "s"), eq(rel.C("s", "node"), p("node")))}
		default:
			var hits []rel.Query
			for _, rank := range x.ranksOf(s) {
				hits = append(hits, x.few(x.combosLayer(s), rel.Select{Columns: []rel.Column{same("p", "combo")},
					Joins: []rel.Join{join(rel.Inner, from(x.work("want", x.round), "w"), eq(rel.C("w", "node"), p(ranked("n", rank))))}}))
			}
			if len(hits) == 0 {
				hits = append(hits, rel.Select{Columns: []rel.Column{rel.As("combo", rel.I(0))}, Where: rel.B(false)})
			}
			hit := x.work("hit", s.n, x.round)
			do = append(do, temp(hit, rel.Select{Distinct: true, Columns: []rel.Column{same("h", "combo")}, From: rel.Sub{Query: union(hits), Alias: "h"}})...)
			kept.Joins = []rel.Join{join(rel.Inner, from(hit, "h"), eq(rel.C("h", "combo"), p("combo")))}
		}
		do = append(do, temp(x.work("part", s.n, x.round), union([]rel.Query{x.few(x.combosLayer(s), kept), made}))...)
	}
	return do
}

// part names the combinations that are looked at.
func (x *identity) part(s identitySource) rel.Name {
	if !x.goesOn {
		return x.work("part", s.n)
	}
	return x.work("part", s.n, x.round)
}

// widen adds nodes to want, with the whole components that they are in, and looks at the
// combinations anew.
func (x *identity) widen(more rel.Query) {
	was := x.work("want", x.round)
	old := make([]rel.Name, len(x.sources))
	for i, s := range x.sources {
		old[i] = x.part(s)
	}
	x.round++
	p := func(name string) rel.Expr { return rel.C("p", name) }
	whole := rel.Select{Columns: []rel.Column{same("p", "node"), rel.As("a", rel.I(1))}, From: from(x.before(Nodes), "p"),
		Joins: []rel.Join{join(rel.Inner, rel.Sub{Alias: "c", Query: rel.Select{Distinct: true, Columns: []rel.Column{same("o", "component")},
			From: from(x.before(Nodes), "o"), Joins: []rel.Join{join(rel.Inner, rel.Sub{Query: more, Alias: "m"}, eq(rel.C("m", "node"), rel.C("o", "node")))}}},
			eq(rel.C("c", "component"), p("component")))}}
	next := rel.Select{Columns: []rel.Column{same("w", "node"), rel.As("a", greatest(rel.C("w", "a")))},
		From:    rel.Sub{Alias: "w", Query: union([]rel.Query{whole, rel.Select{Columns: []rel.Column{same("w", "node"), same("w", "a")}, From: from(was, "w")}})},
		GroupBy: []rel.Expr{rel.C("w", "node")}}
	do := append(temp(x.work("want", x.round), next), x.near()...)
	x.step("neighbours", append(append(do, drop(old...)...), drop(was)...)...)
}

// beside lists the identifiers of a rank that some combination has together with one that is
// resolved again.
func (x *identity) beside(rank, round int) rel.Query {
	var out []rel.Query
	for _, s := range x.sources {
		var others []rel.Expr
		has := false
		for _, r := range x.ranksOf(s) {
			if r == rank {
				has = true
				continue
			}
			w := "w" + ranked("", r)
			others = append(others, rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: from(x.work("want", round), w),
				Where: rel.F(rel.And, eq(rel.C(w, "node"), rel.C("q", ranked("n", r))), eq(rel.C(w, "a"), rel.I(1)))}})
		}
		if !has || len(others) == 0 {
			continue
		}
		out = append(out, rel.Select{Columns: []rel.Column{rel.As("node", rel.C("q", ranked("n", rank)))}, From: from(x.part(s), "q"),
			Where: rel.F(rel.And, notNull(rel.C("q", ranked("n", rank))), or(others))})
	}
	if len(out) == 0 {
		return rel.Select{Columns: []rel.Column{rel.As("node", rel.I(0))}, Where: rel.B(false)}
	}
	return union(out)
}

// flips widens what is looked at by those who were seen with an identifier that begins or ceases
// to join, since more or fewer of a stronger type were seen with it.
func (x *identity) flips() {
	if !x.guarded() {
		return
	}
	now := rel.Select{Distinct: true, Columns: []rel.Column{same("s", "node")}, From: rel.Sub{Query: x.sharedQuery(), Alias: "s"}}
	t, p := func(name string) rel.Expr { return rel.C("t", name) }, func(name string) rel.Expr { return rel.C("p", name) }
	flipped := rel.Select{Columns: []rel.Column{same("t", "node")}, From: from(x.work("touch"), "t"),
		Joins: []rel.Join{join(rel.Inner, from(x.before(Nodes), "p"), eq(p("node"), t("node"))),
			join(rel.Left, rel.Sub{Query: now, Alias: "h"}, eq(rel.C("h", "node"), t("node")))},
		Where: rel.F(rel.And, eq(t("hard"), rel.I(1)), x.rankIn(p("rank"), x.guardedRanks()), rel.F(rel.Ne, oneIf(isNull(p("cluster"))), oneIf(notNull(rel.C("h", "node")))))}
	x.step("shared by now", temp(x.work("flipped"), flipped)...)
	var with []rel.Query
	for _, s := range x.sources {
		for _, rank := range x.ranksOf(s) {
			for _, other := range x.ranksOf(s) {
				if rank == other {
					continue
				}
				n := rel.C("q", ranked("n", other))
				with = append(with, rel.Select{Columns: []rel.Column{rel.As("node", n)}, From: from(x.part(s), "q"),
					Joins: []rel.Join{join(rel.Inner, from(x.work("flipped"), "f"), eq(rel.C("f", "node"), rel.C("q", ranked("n", rank))))}, Where: notNull(n)})
			}
		}
	}
	with = append(with, rel.Select{Columns: []rel.Column{same("f", "node")}, From: from(x.work("flipped"), "f")})
	x.widen(rel.Union{Queries: with})
}

// tally is a query of what is counted of the identifiers of part_<n>: node, src, first_seen, last_seen,
// seen. Joins to an identifier may leave some out.
func (x *identity) tally(joins func(node rel.Expr) []rel.Join) rel.Query {
	n := func(name string) rel.Expr { return rel.C("n", name) }
	var each []rel.Query
	for _, s := range x.sources {
		for _, rank := range x.ranksOf(s) {
			e := rel.C("q", ranked("n", rank))
			each = append(each, rel.Select{Columns: []rel.Column{rel.As("node", e), rel.As("src", rel.I(int64(s.n))), same("q", "first_seen"), same("q", "last_seen"), same("q", "seen")},
				From: from(x.part(s), "q"), Joins: joins(e), Where: notNull(e)})
		}
	}
	if len(each) == 0 {
		each = append(each, rel.Select{Columns: []rel.Column{rel.As("node", rel.I(0)), rel.As("src", rel.I(0)), rel.As("first_seen", rel.Null(models.Timestamp)),
			rel.As("last_seen", rel.Null(models.Timestamp)), rel.As("seen", rel.I(0))}, Where: rel.B(false)})
	}
	return rel.Select{
		Columns: []rel.Column{same("n", "node"), rel.As("src", least(n("src"))), rel.As("first_seen", least(n("first_seen"))),
			rel.As("last_seen", greatest(n("last_seen"))), rel.As("seen", sum(n("seen")))},
		From: rel.Sub{Query: union(each), Alias: "n"}, GroupBy: []rel.Expr{n("node")}}
}

// around makes prior and nodes.
func (x *identity) around() {
	do := temp(x.work("counted"), x.tally(func(rel.Expr) []rel.Join { return nil }))
	both := rel.Union{All: true, Queries: []rel.Query{
		rel.Select{Columns: []rel.Column{same("c", "node")}, From: from(x.work("counted"), "c")},
		rel.Select{Columns: []rel.Column{same("v", "node")}, From: from(x.work("want", x.round), "v"), Where: rel.F(rel.Not, inTable(x.work("counted"), "node", rel.C("v", "node")))}}}
	prior := rel.Select{Joins: []rel.Join{join(rel.Inner, rel.Sub{Query: both, Alias: "b"}, eq(rel.C("b", "node"), rel.C("p", "node")))}}
	prior.Columns = columnsOf("p", nodeColumns)
	do = append(do, temp(x.work("prior"), x.few(x.nodesLayer(), prior))...)
	x.step("what is resolved again", append(do, x.met()...)...)
}

// met makes nodes of want, counted, prior and born.
func (x *identity) met() []rel.Statement {
	nodes := rel.Select{
		Columns: []rel.Column{same("w", "node"), rel.As("rank", either(rel.C("p", "rank"), rel.C("b", "rank"))), rel.As("value", either(rel.C("p", "value"), rel.C("b", "value"))),
			same("c", "src"), same("c", "first_seen"), same("c", "last_seen"), same("c", "seen"), same("w", "a")},
		From: from(x.work("want", x.round), "w"),
		Joins: []rel.Join{join(rel.Inner, from(x.work("counted"), "c"), eq(rel.C("c", "node"), rel.C("w", "node"))),
			join(rel.Left, from(x.work("prior"), "p"), eq(rel.C("p", "node"), rel.C("w", "node"))),
			join(rel.Left, from(x.work("born"), "b"), eq(rel.C("b", "node"), rel.C("w", "node")))},
	}
	for _, c := range comparedColumns {
		nodes.Columns = append(nodes.Columns, rel.As("was_"+c, rel.C("p", c)))
	}
	return temp(x.work("nodes"), nodes)
}

// rankIn is whether a rank is one of several.
func (x *identity) rankIn(rank rel.Expr, ranks []int) rel.Expr {
	if len(ranks) == 0 {
		return rel.B(false)
	}
	var list []rel.Expr
	for _, r := range ranks {
		list = append(list, rel.I(int64(r)))
	}
	return rel.InList{Expr: rank, List: list}
}
