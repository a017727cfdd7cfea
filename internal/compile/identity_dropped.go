package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// droppedQuery lists what was kept from joining people, with the rule. In a build that goes on from
// another, what is not resolved again stays as it was.
func (x *identity) droppedQuery() rel.Query {
	row := func(typ, value, rule, profile, detail, node, other rel.Expr) []rel.Column {
		return []rel.Column{rel.As("type", typ), rel.As("value", value), rel.As("rule", rule), rel.As("profile_id", profile),
			rel.As("detail", detail), rel.As("node", node), rel.As("other", other)}
	}
	none, nobody := rel.Null(models.Integer), rel.Null(models.Text)
	var kept []rel.Query
	for _, s := range x.sources {
		for _, id := range s.ids {
			kept = append(kept, rel.Select{
				Columns: []rel.Column{rel.As("type", rel.T(id.Type)), rel.As("value", rel.C("n", ranked("r", id.rank))), rel.As("rule", rel.C("n", ranked("x", id.rank))), same("n", "seen")},
				From:    from(x.table(Combos(s.Name)), "n"), Where: notNull(rel.C("n", ranked("x", id.rank)))})
		}
	}
	var all []rel.Query
	if len(kept) > 0 {
		r := func(name string) rel.Expr { return rel.C("r", name) }
		all = append(all, rel.Select{
			Columns: row(r("type"), r("value"), refused(r("rule")), nobody, rel.F(rel.Concat, rel.T("rows: "), digits(sum(r("seen")))), none, none),
			From:    rel.Sub{Query: union(kept), Alias: "r"}, GroupBy: []rel.Expr{r("type"), r("value"), r("rule")},
		})
	}
	all = append(all, rel.Select{
		Columns: row(x.typeOf(rel.C("n", "rank")), rel.C("n", "value"), rel.T("max_links"), nobody,
			rel.F(rel.Concat, rel.T("seen with "), digits(rel.C("s", "links")), rel.T(" values of "), x.typeOf(rel.C("s", "by_rank")), rel.T(", the most is "), digits(rel.C("s", "allowed"))),
			rel.C("s", "node"), none),
		From: from(x.work("shared"), "s"), Joins: []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("s", "node")))},
	})
	if x.limited() {
		all = append(all, rel.Select{
			Columns: row(x.typeOf(rel.C("b", "rank")), rel.C("b", "value"), rel.T("limit"), rel.C("c", "profile_id"),
				rel.F(rel.Concat, rel.T("kept from "), x.typeOf(rel.C("a", "rank")), rel.T(" "), rel.C("a", "value")), rel.C("p", "v"), rel.C("p", "u")),
			From: from(x.work("near"), "p"),
			Joins: []rel.Join{
				join(rel.Inner, from(x.found, "u"), eq(rel.C("u", "node"), rel.C("p", "u"))),
				join(rel.Inner, from(x.found, "v"), eq(rel.C("v", "node"), rel.C("p", "v"))),
				join(rel.Inner, from(x.work("nodes"), "a"), eq(rel.C("a", "node"), rel.C("p", "u"))),
				join(rel.Inner, from(x.work("nodes"), "b"), eq(rel.C("b", "node"), rel.C("p", "v"))),
				join(rel.Left, from(x.profile, "c"), eq(rel.C("c", "cluster"), rel.C("u", "cluster"))),
			},
			Where: rel.F(rel.Ne, rel.C("u", "cluster"), rel.C("v", "cluster")),
		})
	}
	if attach := x.ranks(func(id *models.Identifier) bool { return id.Role == "attach" }); len(attach) > 0 {
		contested := rel.Select{
			Columns: row(x.typeOf(rel.C("n", "rank")), rel.C("n", "value"), rel.T("contested"), nobody, rel.T("seen with several profiles"), rel.C("n", "node"), none),
			From:    from(x.found, "f"),
			Joins:   []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("f", "node")))},
			Where:   rel.F(rel.And, isNull(rel.C("f", "cluster")), x.rankIn(rel.C("n", "rank"), attach)),
		}
		if x.goesOn {
			contested.Where = rel.F(rel.And, contested.Where, x.again("n"))
		}
		all = append(all, contested)
	}
	if x.goesOn && !x.all {
		d := func(name string) rel.Expr { return rel.C("d", name) }
		again := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: from(x.work("want", x.round), "w"),
			Where: rel.F(rel.And, eq(rel.C("w", "node"), d("node")), eq(rel.C("w", "a"), rel.I(1)))}}
		all = append(all, rel.Select{
			Columns: row(d("type"), d("value"), d("rule"), d("profile_id"), d("detail"), d("node"), d("other")),
			From:    from(x.before(DroppedLinks), "d"), Where: rel.F(rel.And, notNull(d("node")), rel.F(rel.Not, again)),
		})
	}
	return union(all)
}
