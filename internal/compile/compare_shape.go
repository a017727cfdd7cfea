package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// ProfileSizes is a query of identifiers (integer) and profiles (integer): how many profiles of a
// build have how many identifiers.
func ProfileSizes(entity string, b Build) rel.Query {
	each := rel.Select{
		Columns: []rel.Column{same("i", "profile_id"), rel.As("k", count())},
		From:    from(b.Table(entity, Identifiers), "i"), GroupBy: []rel.Expr{rel.C("i", "profile_id")},
	}
	size := rel.F(rel.Coalesce, rel.C("s", "k"), rel.I(0)) // a row without identifiers is a profile too
	return rel.Select{
		Columns: []rel.Column{rel.As("identifiers", size), rel.As("profiles", count())},
		From:    from(b.Table(entity, Clusters), "c"),
		Joins:   []rel.Join{join(rel.Left, rel.Sub{Query: each, Alias: "s"}, eq(rel.C("s", "profile_id"), rel.C("c", "profile_id")))},
		GroupBy: []rel.Expr{size}, OrderBy: []rel.Order{{Expr: size}},
	}
}

// LargestProfiles is a query of profile_id and identifiers (integer) of the profiles with most
// identifiers, the largest first.
func LargestProfiles(entity string, b Build, limit int) rel.Query {
	return rel.Select{
		Columns: []rel.Column{same("i", "profile_id"), rel.As("identifiers", count())},
		From:    from(b.Table(entity, Identifiers), "i"), GroupBy: []rel.Expr{rel.C("i", "profile_id")},
		OrderBy: []rel.Order{{Expr: count(), Desc: true}, {Expr: rel.C("i", "profile_id")}}, Limit: int64(limit),
	}
}

// ProfileTypes is a query of profile_id, type and identifiers (integer) of some profiles.
func ProfileTypes(entity string, b Build, ids []string) rel.Query {
	i := func(name string) rel.Expr { return rel.C("i", name) }
	return rel.Select{
		Columns: []rel.Column{same("i", "profile_id"), same("i", "type"), rel.As("identifiers", count())},
		From:    from(b.Table(entity, Identifiers), "i"), Where: rel.InList{Expr: i("profile_id"), List: texts(ids)},
		GroupBy: []rel.Expr{i("profile_id"), i("type")}, OrderBy: []rel.Order{{Expr: i("profile_id")}, {Expr: i("type")}},
	}
}

// Ties is a query of profile_id, type, value and others (integer): for each of some profiles the
// identifiers that were seen together with most other identifiers, the first per profile, since
// they are what holds a large profile together. It has no rows where the entity has one type.
func Ties(e *models.Entity, b Build, ids []string, per int) rel.Query {
	in := rel.Select{
		Columns: []rel.Column{same("n", "node"), same("i", "profile_id"), same("i", "type"), same("i", "value")},
		From:    from(b.Table(e.Name, Identifiers), "i"),
		Joins:   []rel.Join{join(rel.Inner, from(b.Table(e.Name, Nodes), "n"), eq(rel.C("n", "type"), rel.C("i", "type")), eq(rel.C("n", "value"), rel.C("i", "value")))},
		Where:   rel.InList{Expr: rel.C("i", "profile_id"), List: texts(ids)},
	}
	var pairs []rel.Query
	for _, here := range e.Identity.Identifiers {
		for _, there := range e.Identity.Identifiers {
			if here.Type == there.Type || here.Role == "attach" || there.Role == "attach" {
				continue
			}
			node, other := rel.C("t", "node_"+here.Type), rel.C("t", "node_"+there.Type)
			pairs = append(pairs, rel.Select{
				Columns: []rel.Column{same("h", "profile_id"), same("h", "type"), same("h", "value"), rel.As("other", other)},
				From:    from(b.Table(e.Name, Tuples), "t"),
				Joins:   []rel.Join{join(rel.Inner, rel.Sub{Query: in, Alias: "h"}, eq(rel.C("h", "node"), node))},
				Where:   notNull(other),
			})
		}
	}
	if len(pairs) == 0 {
		none := rel.Null(models.Text)
		pairs = append(pairs, rel.Select{Columns: []rel.Column{rel.As("profile_id", none), rel.As("type", none), rel.As("value", none), rel.As("other", rel.I(0))}, Where: rel.B(false)})
	}
	p := func(name string) rel.Expr { return rel.C("p", name) }
	each := rel.Select{
		Columns: []rel.Column{same("p", "profile_id"), same("p", "type"), same("p", "value"), rel.As("others", rel.Agg{Fn: rel.Count, Arg: p("other"), Distinct: true})},
		From:    rel.Sub{Query: union(pairs), Alias: "p"}, GroupBy: []rel.Expr{p("profile_id"), p("type"), p("value")},
	}
	e2 := func(name string) rel.Expr { return rel.C("e", name) }
	ranked := rel.Select{
		Columns: []rel.Column{same("e", "profile_id"), same("e", "type"), same("e", "value"), same("e", "others"),
			rel.As("rn", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{e2("profile_id")},
				OrderBy: []rel.Order{{Expr: e2("others"), Desc: true}, {Expr: e2("type")}, {Expr: e2("value")}}})},
		From: rel.Sub{Query: each, Alias: "e"},
	}
	r := func(name string) rel.Expr { return rel.C("r", name) }
	return rel.Select{
		Columns: []rel.Column{same("r", "profile_id"), same("r", "type"), same("r", "value"), same("r", "others")},
		From:    rel.Sub{Query: ranked, Alias: "r"}, Where: rel.F(rel.Le, r("rn"), rel.I(int64(per))),
		OrderBy: []rel.Order{{Expr: r("profile_id")}, {Expr: r("rn")}},
	}
}

// Dropped is a query of rule, type and n: how many rows of a build's dropped_links there are.
func Dropped(entity string, b Build) rel.Query {
	d := func(name string) rel.Expr { return rel.C("d", name) }
	return rel.Select{
		Columns: []rel.Column{same("d", "rule"), same("d", "type"), rel.As("n", count())},
		From:    from(b.Table(entity, DroppedLinks), "d"), GroupBy: []rel.Expr{d("rule"), d("type")}, OrderBy: []rel.Order{{Expr: d("rule")}, {Expr: d("type")}},
	}
}

// MergeCauses is a query of kind (new, merge or split), type (of the identifier that caused it, or PairType;
// NULL for none) and n: what a build did to the profiles of the one before.
func MergeCauses(entity string, b Build) rel.Query {
	m := func(name string) rel.Expr { return rel.C("m", name) }
	return rel.Select{
		Columns: []rel.Column{same("m", "kind"), same("m", "type"), rel.As("n", count())},
		From:    from(b.Table(entity, Merges), "m"), Where: eq(m("build"), rel.T(b.ID)),
		GroupBy: []rel.Expr{m("kind"), m("type")}, OrderBy: []rel.Order{{Expr: m("kind")}, {Expr: m("type")}},
	}
}

// MergeRows is a query of kind, from_id, to_id, type and value: the first merges and splits that
// a build made.
func MergeRows(entity string, b Build, limit int) rel.Query {
	m := func(name string) rel.Expr { return rel.C("m", name) }
	q := rel.Select{
		From: from(b.Table(entity, Merges), "m"), Limit: int64(limit),
		Where:   rel.F(rel.And, eq(m("build"), rel.T(b.ID)), rel.InList{Expr: m("kind"), List: texts([]string{"merge", "split"})}),
		OrderBy: []rel.Order{{Expr: m("kind")}, {Expr: m("from_id")}, {Expr: m("to_id")}},
	}
	for _, c := range []string{"kind", "from_id", "to_id", "type", "value"} {
		q.Columns = append(q.Columns, same("m", c))
	}
	return q
}

// Gone is a query of one integer: profiles of a build whose id another build does not have.
func Gone(entity string, live, fresh Build) rel.Query {
	return rel.Select{
		Columns: []rel.Column{rel.As("n", count())},
		From:    from(live.Table(entity, Clusters), "l"),
		Joins:   []rel.Join{join(rel.Left, from(fresh.Table(entity, Clusters), "f"), eq(rel.C("f", "profile_id"), rel.C("l", "profile_id")))},
		Where:   isNull(rel.C("f", "profile_id")),
	}
}

// texts are literals of texts.
func texts(list []string) []rel.Expr {
	var out []rel.Expr
	for _, s := range list {
		out = append(out, rel.T(s))
	}
	return out
}
