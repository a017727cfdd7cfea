package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Where rows only came, a component cannot fall apart: what is new is joined onto it, and of its own
// identifiers only those that the new rows have are looked at. It is resolved again whole where a
// combination went away, or is first or last seen elsewhere. A component that another one takes in,
// or whose profile goes by another id then, is read once more when that is known, and written with its
// new name.

// grows reports whether components may be grown: every identifier joins, whatever it was seen with.
func (x *identity) grows() bool {
	return x.goesOn && !x.all && x.together() && !x.limited() && !x.paired()
}

// grow finds what a change can touch, in place of wanted and around:
//
//	reached  the identifiers that changed combinations have, as the build in force has them
//	comps    component, a, whole: their components; a is 1 if links changed, and whole if all of the
//	         component is looked at
//	span     node, a: the identifiers of whole ones, and those that are new
//	want, part_<n>, prior and nodes as of reach, of components that grow with what changed alone
func (x *identity) grow() {
	p, r := func(name string) rel.Expr { return rel.C("p", name) }, func(name string) rel.Expr { return rel.C("r", name) }
	c, t := func(name string) rel.Expr { return rel.C("c", name) }, func(name string) rel.Expr { return rel.C("t", name) }
	reached, touched := from(x.work("reached"), "r"), join(rel.Inner, from(x.work("touch"), "t"), eq(t("node"), r("node")))
	do := temp(x.work("reached"), x.few(x.nodesLayer(), rel.Select{Columns: columnsOf("p", nodeColumns),
		Joins: []rel.Join{join(rel.Inner, from(x.work("touch"), "t"), eq(t("node"), p("node")))}}))
	do = append(do, temp(x.work("comps"), rel.Select{
		Columns: []rel.Column{same("r", "component"), rel.As("a", greatest(t("hard"))), rel.As("whole", greatest(t("less")))},
		From:    reached, Joins: []rel.Join{touched}, GroupBy: []rel.Expr{r("component")}})...)
	in := func(alias string, whole int64) rel.Join {
		return join(rel.Inner, from(x.work("comps"), "c"), eq(c("component"), rel.C(alias, "component")), eq(c("whole"), rel.I(whole)))
	}
	do = append(do, temp(x.work("prior"), union([]rel.Query{
		rel.Select{Columns: columnsOf("r", nodeColumns), From: reached, Joins: []rel.Join{in("r", 0)}},
		x.few(x.nodesLayer(), rel.Select{Columns: columnsOf("p", nodeColumns), Joins: []rel.Join{in("p", 1)}})}))...)
	do = append(do, temp(x.work("span"), union([]rel.Query{
		rel.Select{Columns: []rel.Column{same("p", "node"), same("c", "a")}, From: from(x.work("prior"), "p"), Joins: []rel.Join{in("p", 1)}},
		rel.Select{Columns: []rel.Column{same("b", "node"), rel.As("a", rel.I(1))}, From: from(x.work("born"), "b")}}))...)
	do = append(do, temp(x.work("want", 0), union([]rel.Query{
		rel.Select{Columns: []rel.Column{same("s", "node"), same("s", "a")}, From: from(x.work("span"), "s"), Where: eq(rel.C("s", "a"), rel.I(1))},
		rel.Select{Columns: []rel.Column{same("r", "node"), same("c", "a")}, From: reached,
			Joins: []rel.Join{join(rel.Inner, from(x.work("comps"), "c"), eq(c("component"), r("component")), eq(rel.F(rel.Multiply, c("whole"), c("a")), rel.I(0)))}}}))...)
	x.step("touched components", append(do, x.near()...)...)
	spanned := x.tally(func(node rel.Expr) []rel.Join {
		return []rel.Join{join(rel.Inner, from(x.work("span"), "s"), eq(rel.C("s", "node"), node))}
	})
	grown := rel.Select{From: reached, Joins: []rel.Join{in("r", 0), touched}, Columns: []rel.Column{same("r", "node"), rel.As("src", rel.F(rel.Least, r("src"), t("src"))),
		rel.As("first_seen", rel.F(rel.Least, r("first_seen"), t("first_seen"))), rel.As("last_seen", rel.F(rel.Greatest, r("last_seen"), t("last_seen"))),
		rel.As("seen", rel.F(rel.Add, r("seen"), t("more")))}}
	do = temp(x.work("counted"), union([]rel.Query{spanned, grown}))
	x.step("what is resolved again", append(do, x.met()...)...)
}

// growing are the links of components that grow: each identifier that new rows have, to the one
// that names its component.
func (x *identity) growing() rel.Query {
	return edges(from(x.work("reached"), "r"), []rel.Join{x.grownComps("r", "component")}, rel.C("r", "node"), rel.C("r", "component"))
}

// grownComps joins the components that grow, as k.
func (x *identity) grownComps(alias, column string) rel.Join {
	return join(rel.Inner, from(x.work("comps"), "k"), eq(rel.C("k", "component"), rel.C(alias, column)), eq(rel.C("k", "whole"), rel.I(0)))
}

// grownFrom lists the profiles of before whose components grow, o, with the cluster g that each is in.
func (x *identity) grownFrom(columns ...rel.Column) rel.Select {
	return rel.Select{Columns: columns, From: from(x.work("olds"), "o"), Joins: []rel.Join{x.grownComps("o", "cluster"),
		join(rel.Inner, from(x.work("gone_to"), "g"), eq(rel.C("g", "old"), rel.C("o", "number")), eq(rel.C("g", "rn"), rel.I(1)))}}
}

// follow makes what goes by another name without having been looked at:
//
//	moved   component, cluster, profile_id: components that grew, under another label or another id by now
//	follow  node and its columns: the other identifiers of these
func (x *identity) follow() []rel.Statement {
	o, g, i := func(name string) rel.Expr { return rel.C("o", name) }, func(name string) rel.Expr { return rel.C("g", name) }, func(name string) rel.Expr { return rel.C("i", name) }
	moved := x.grownFrom(rel.As("component", o("cluster")), same("g", "cluster"), same("i", "profile_id"))
	moved.Joins = append(moved.Joins, join(rel.Inner, from(x.work("ids"), "i"), eq(i("cluster"), g("cluster"))))
	moved.Where = rel.F(rel.Or, rel.F(rel.Ne, o("cluster"), g("cluster")), rel.F(rel.Ne, o("profile_id"), i("profile_id")))
	follow := rel.Select{Where: rel.F(rel.Not, inTable(x.work("nodes"), "node", rel.C("p", "node"))),
		Joins: []rel.Join{join(rel.Inner, from(x.work("moved"), "m"), eq(rel.C("m", "component"), rel.C("p", "component")))}}
	for _, c := range nodeColumns {
		switch c {
		case "component":
			follow.Columns = append(follow.Columns, rel.As(c, rel.C("m", "cluster")))
		case "cluster", "profile_id":
			follow.Columns = append(follow.Columns, same("m", c))
		default:
			follow.Columns = append(follow.Columns, same("p", c))
		}
	}
	return append(temp(x.work("moved"), moved), temp(x.work("follow"), x.few(x.nodesLayer(), follow))...)
}

// followed lists the combinations of a source that go with moved: combo, changed, node, profile_id.
func (x *identity) followed(s identitySource) rel.Query {
	owners := union([]rel.Query{
		rel.Select{Columns: []rel.Column{same("f", "node"), same("f", "profile_id")}, From: from(x.work("follow"), "f")},
		rel.Select{Columns: []rel.Column{same("n", "node"), same("m", "profile_id")}, From: from(x.work("nodes"), "n"),
			Joins: []rel.Join{join(rel.Inner, from(x.work("moved"), "m"), eq(rel.C("m", "component"), rel.C("n", "was_component")))}}})
	q := x.few(x.combosLayer(s), rel.Select{
		Columns: []rel.Column{same("p", "combo"), rel.As("changed", rel.I(0)), same("p", "node"), rel.As("owner", rel.C("w", "profile_id"))},
		Joins:   []rel.Join{join(rel.Inner, rel.Sub{Query: owners, Alias: "w"}, eq(rel.C("w", "node"), rel.C("p", "node")))},
		Where:   rel.F(rel.Not, inTable(x.work("upd", s.n), "combo", rel.C("p", "combo")))})
	return rel.Select{From: rel.Sub{Query: q, Alias: "h"}, Columns: []rel.Column{same("h", "combo"), same("h", "changed"), same("h", "node"), rel.As("profile_id", rel.C("h", "owner"))}}
}

// members counts the identifiers of clusters, and says whether one of them tells who somebody is:
// cluster, size, strong.
func (x *identity) members() rel.Query {
	f, n := func(name string) rel.Expr { return rel.C("f", name) }, func(name string) rel.Expr { return rel.C("n", name) }
	size, strong := oneIf(rel.F(rel.Ne, n("rank"), rel.I(int64(x.recordRank())))), oneIf(x.strong())
	q := rel.Select{
		Columns: []rel.Column{same("f", "cluster"), rel.As("size", sum(size)), rel.As("strong", greatest(strong))},
		From:    from(x.found, "f"), Joins: []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(n("node"), f("node")))},
		Where: notNull(f("cluster")), GroupBy: []rel.Expr{f("cluster")},
	}
	if !x.grows() {
		return q
	}
	// Those of a component that grows are known.
	known := x.grownComps("n", "was_component")
	known.Kind = rel.Left
	q.Joins, q.Where = append(q.Joins, known), rel.F(rel.And, q.Where, isNull(rel.C("k", "component")))
	o := func(name string) rel.Expr { return rel.C("o", name) }
	m := func(name string) rel.Expr { return rel.C("m", name) }
	grown := x.grownFrom(same("g", "cluster"), same("o", "size"), rel.As("strong", rel.Case{Whens: []rel.When{{If: rel.F(rel.IsTrue, o("anonymous")), Then: rel.I(0)}}, Else: rel.I(1)}))
	return rel.Select{Columns: []rel.Column{same("m", "cluster"), rel.As("size", sum(m("size"))), rel.As("strong", greatest(m("strong")))},
		From: rel.Sub{Query: union([]rel.Query{q, grown}), Alias: "m"}, GroupBy: []rel.Expr{m("cluster")}}
}

// grownColumns are what touch says of an identifier beside node, hard and gone: what it was seen more
// often, and less, if a combination went away or is first or last seen elsewhere.
func grownColumns(src int) []rel.Column {
	return []rel.Column{same("u", "less"), rel.As("src", rel.I(int64(src))), same("u", "first_seen"), same("u", "last_seen"), same("u", "more")}
}

// noneTouched are grownColumns of nothing.
func noneTouched() []rel.Column {
	return []rel.Column{rel.As("less", rel.I(0)), rel.As("src", rel.I(0)), rel.As("first_seen", rel.Null(models.Timestamp)), rel.As("last_seen", rel.Null(models.Timestamp)), rel.As("more", rel.I(0))}
}
