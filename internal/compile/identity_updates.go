package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// updates makes what changed in this build, of a build that goes on from another:
//
//	norm_<n>  the new combinations, with their numbers and normal forms
//	born      node, rank, value, src, first_seen: identifiers that are new
//	upd_<n>   the stored columns of what is new, changed or gone; gone, hard (it joins otherwise than
//	          before), moved, was (the profile of before), less (gone, or seen over a shorter time) and
//	          more (how often it was seen beyond what is known)
func (x *identity) updates() {
	c := func(name string) rel.Expr { return rel.C("c", name) }
	fresh := rel.F(rel.And, rel.F(rel.Or, isNull(c("combo")), eq(c("redo"), rel.I(1))), eq(c("gone"), rel.I(0)))
	var do []rel.Statement
	for _, s := range x.sources {
		q := rel.Select{From: from(x.work("chg", s.n), "c"), Joins: []rel.Join{{Kind: rel.Cross, Rel: x.topOf(x.combosLayer(s))}}, Where: fresh,
			Columns: []rel.Column{rel.As("combo", rel.F(rel.Add, rel.C("u", "top"), rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: c("h")}}}))}}
		for _, id := range s.ids {
			q.Columns = append(q.Columns, same("c", ranked("r", id.rank)))
		}
		for _, name := range x.carried(s) {
			q.Columns = append(q.Columns, same("c", name))
		}
		do = append(do, temp(x.work("norm", s.n), x.normalised(s, q, append([]string{"combo"}, x.carried(s)...)))...)
	}
	e := func(name string) rel.Expr { return rel.C("e", name) }
	do = append(do, temp(x.work("seen"), x.observed())...)
	do = append(do, temp(x.work("known"), x.few(x.nodesLayer(), rel.Select{
		Columns: []rel.Column{same("p", "node"), same("p", "rank"), same("p", "value")},
		Joins:   []rel.Join{join(rel.Inner, from(x.work("seen"), "e"), eq(e("rank"), rel.C("p", "rank")), eq(e("value"), rel.C("p", "value")))},
	}))...)
	born := rel.Select{
		Columns: []rel.Column{rel.As("node", birth(rel.C("u", "top"))), same("e", "rank"), same("e", "value"), same("e", "src"), same("e", "first_seen")},
		From:    from(x.work("seen"), "e"),
		Joins: []rel.Join{join(rel.Left, from(x.work("known"), "k"), eq(rel.C("k", "rank"), e("rank")), eq(rel.C("k", "value"), e("value"))),
			{Kind: rel.Cross, Rel: x.topOf(x.nodesLayer())}},
		Where: isNull(rel.C("k", "node")),
	}
	do = append(do, temp(x.work("born"), born)...)
	do = append(do, temp(x.work("dict"), rel.Union{All: true, Queries: []rel.Query{
		rel.Select{Columns: []rel.Column{same("k", "node"), same("k", "rank"), same("k", "value")}, From: from(x.work("known"), "k")},
		rel.Select{Columns: []rel.Column{same("b", "node"), same("b", "rank"), same("b", "value")}, From: from(x.work("born"), "b")},
	}})...)
	for _, s := range x.sources {
		do = append(do, temp(x.work("upd", s.n), x.updateQuery(s))...)
	}
	x.step("new identifiers", do...)
}

// updateQuery is upd_<n>.
func (x *identity) updateQuery(s identitySource) rel.Query {
	c := func(name string) rel.Expr { return rel.C("c", name) }
	stored := x.stored(s)
	late := map[string]bool{"first_seen": true, "last_seen": true, "seen": true, "old_last": true, "old_seen": true}
	leaves := rel.F(rel.Or, eq(c("gone"), rel.I(1)), eq(c("redo"), rel.I(1)))
	known := rel.Select{From: from(x.work("chg", s.n), "c"),
		Joins: []rel.Join{join(rel.Inner, from(x.work("scope", s.n), "p"), eq(rel.C("p", "combo"), c("combo")))}}
	for _, name := range stored {
		e := rel.Expr(rel.C("p", name))
		if late[name] {
			e = rel.Case{Whens: []rel.When{{If: leaves, Then: e}}, Else: c(name)}
		}
		known.Columns = append(known.Columns, rel.As(name, e))
	}
	p := func(name string) rel.Expr { return rel.C("p", name) }
	longer := rel.F(rel.And, rel.F(rel.Or, isNull(p("first_seen")), rel.F(rel.Le, c("first_seen"), p("first_seen"))),
		rel.F(rel.Or, isNull(p("last_seen")), rel.F(rel.Ge, c("last_seen"), p("last_seen"))))
	known.Columns = append(known.Columns, rel.As("gone", oneIf(leaves)), rel.As("hard", oneIf(leaves)),
		rel.As("moved", rel.Case{Whens: []rel.When{{If: leaves, Then: rel.I(1)}}, Else: c("moved")}), rel.As("was", p("was")),
		rel.As("less", rel.Case{Whens: []rel.When{{If: leaves, Then: rel.I(1)}, {If: longer, Then: rel.I(0)}}, Else: rel.I(1)}),
		rel.As("more", rel.F(rel.Subtract, c("seen"), p("seen"))))
	looked := x.lookup(s, x.work("dict"))
	fresh := rel.Select{From: rel.Sub{Alias: "f", Query: rel.Select{
		Columns: append([]rel.Column{same("q", "combo")}, looked.Columns...), From: looked.From, Joins: looked.Joins}}}
	for _, name := range stored {
		fresh.Columns = append(fresh.Columns, same("f", name))
	}
	fresh.Columns = append(fresh.Columns, rel.As("gone", rel.I(0)), rel.As("hard", rel.I(1)), rel.As("moved", rel.I(1)), rel.As("was", rel.Null(models.Text)),
		rel.As("less", rel.I(0)), rel.As("more", rel.C("f", "seen")))
	return union([]rel.Query{known, fresh})
}
