package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// members are what the profiles of a build consist of: type, value, profile_id. A row of a source
// of records is a member too, since a row without identifiers is a profile of its own; its type
// is "row of" and the source, its value the key.
func memberRows(entity string, b Build) rel.Query {
	return union([]rel.Query{
		rel.Select{
			Columns: []rel.Column{same("i", "type"), same("i", "value"), same("i", "profile_id")},
			From:    from(b.Table(entity, Identifiers), "i"),
		},
		rel.Select{
			Columns: []rel.Column{rel.As("type", rel.F(rel.Concat, rel.T("row of "), rel.C("r", "source"))), rel.As("value", rel.C("r", "key")), same("r", "profile_id")},
			From:    from(b.Table(entity, Records), "r"),
		},
	})
}

// pairing lists which profiles of two builds have members in common, and how many: live, fresh,
// k; live or fresh is NULL for members that the other build has alone.
func pairing(entity string, live, fresh Build, more ...rel.Column) rel.Select {
	return rel.Select{
		Columns: append([]rel.Column{rel.As("live", rel.C("l", "profile_id")), rel.As("fresh", rel.C("f", "profile_id")), rel.As("k", count())}, more...),
		From:    rel.Sub{Query: memberRows(entity, live), Alias: "l"},
		Joins: []rel.Join{join(rel.Full, rel.Sub{Query: memberRows(entity, fresh), Alias: "f"},
			eq(rel.C("l", "type"), rel.C("f", "type")), eq(rel.C("l", "value"), rel.C("f", "value")))},
		GroupBy: []rel.Expr{rel.C("l", "profile_id"), rel.C("f", "profile_id")},
	}
}

// judged adds to the rows of pairing whether they show a difference: apart is 1 where the two
// profiles do not consist of the same members.
func judged(pairs rel.Select) rel.Select {
	many := func(by string) rel.Expr {
		return rel.Over{Agg: &rel.Agg{Fn: rel.CountRows}, PartitionBy: []rel.Expr{rel.C("p", by)}}
	}
	counted := rel.Select{From: rel.Sub{Query: pairs, Alias: "p"}}
	out := rel.Select{From: rel.Sub{Query: counted, Alias: "c"}}
	for _, c := range pairs.Columns {
		counted.Columns = append(counted.Columns, same("p", c.As))
		out.Columns = append(out.Columns, same("c", c.As))
	}
	counted.Columns = append(counted.Columns, rel.As("of_live", many("live")), rel.As("of_fresh", many("fresh")))
	out.From = rel.Sub{Query: counted, Alias: "c"}
	out.Columns = append(out.Columns, rel.As("apart", oneIf(rel.F(rel.Or,
		isNull(rel.C("c", "live")), isNull(rel.C("c", "fresh")),
		rel.F(rel.Gt, rel.C("c", "of_live"), rel.I(1)), rel.F(rel.Gt, rel.C("c", "of_fresh"), rel.I(1))))))
	return out
}

// Partition is a query of one row of integers that compares two builds of an entity member by
// member: members of each that the other does not have (gone, added), members of both (common),
// profiles that do not consist of the same members in the other build (live, fresh), and profiles
// that do but under another id (renamed). The builds have the same partition with the same ids if
// all but common are 0.
func Partition(entity string, live, fresh Build) rel.Query {
	j := func(name string) rel.Expr { return rel.C("j", name) }
	only := func(when, what rel.Expr) rel.Expr {
		return rel.Case{Whens: []rel.When{{If: when, Then: what}}}
	}
	apart := eq(j("apart"), rel.I(1))
	profiles := func(side string) rel.Expr {
		return rel.Agg{Fn: rel.Count, Distinct: true, Arg: only(apart, j(side))}
	}
	return rel.Select{
		Columns: []rel.Column{
			rel.As("gone", sum(only(isNull(j("fresh")), j("k")))),
			rel.As("added", sum(only(isNull(j("live")), j("k")))),
			rel.As("common", sum(only(rel.F(rel.And, notNull(j("live")), notNull(j("fresh"))), j("k")))),
			rel.As("live", profiles("live")),
			rel.As("fresh", profiles("fresh")),
			rel.As("renamed", sum(oneIf(rel.F(rel.And, eq(j("apart"), rel.I(0)), rel.F(rel.Ne, j("live"), j("fresh")))))),
		},
		From: rel.Sub{Query: judged(pairing(entity, live, fresh)), Alias: "j"},
	}
}

// Apart lists the first pairs of profiles by which two builds of an entity differ: live, fresh
// (profile ids; NULL for members that the other build does not have), k (members in common) and
// type and value of one of these. At most limit rows, in the order of ids.
func Apart(entity string, live, fresh Build, limit int) rel.Query {
	first := func(name string) rel.Expr {
		typ, value := either(rel.C("l", "type"), rel.C("f", "type")), either(rel.C("l", "value"), rel.C("f", "value"))
		of := map[string]rel.Expr{"type": typ, "value": value}
		return rel.Agg{Fn: rel.First, Arg: of[name], OrderBy: []rel.Order{{Expr: text(typ)}, {Expr: text(value)}}, Is: models.Text}
	}
	j := func(name string) rel.Expr { return rel.C("j", name) }
	return rel.Select{
		Columns: []rel.Column{same("j", "live"), same("j", "fresh"), same("j", "k"), same("j", "type"), same("j", "value")},
		From:    rel.Sub{Query: judged(pairing(entity, live, fresh, rel.As("type", first("type")), rel.As("value", first("value")))), Alias: "j"},
		Where: rel.F(rel.Or, eq(j("apart"), rel.I(1)),
			rel.F(rel.Ne, rel.F(rel.Coalesce, j("live"), rel.T("")), rel.F(rel.Coalesce, j("fresh"), rel.T("")))),
		OrderBy: []rel.Order{{Expr: rel.F(rel.Coalesce, j("live"), j("fresh"))}, {Expr: j("k"), Desc: true}, {Expr: j("fresh")}},
		Limit:   int64(limit),
	}
}

// surplus lists the rows of a table that one of two builds has more often than the other: the
// columns, and d, how many more the first has.
func surplus(entity, what string, columns []string, live, fresh Build) rel.Query {
	side := func(b Build, n int64) rel.Query {
		q := rel.Select{From: from(b.Table(entity, what), "t")}
		for _, c := range columns {
			q.Columns = append(q.Columns, same("t", c))
		}
		q.Columns = append(q.Columns, rel.As("side", rel.I(n)))
		return q
	}
	d := sum(rel.C("u", "side"))
	q := rel.Select{From: rel.Sub{Query: union([]rel.Query{side(live, 1), side(fresh, -1)}), Alias: "u"}, Having: rel.F(rel.Ne, d, rel.I(0))}
	for _, c := range columns {
		q.Columns = append(q.Columns, same("u", c))
		q.GroupBy = append(q.GroupBy, rel.C("u", c))
	}
	q.Columns = append(q.Columns, rel.As("d", d))
	return q
}

// Surplus is a query of one row of two integers: how many rows of a table, by some of its columns,
// the first build has that the second has not, and the other way round. Equal rows are counted.
func Surplus(entity, what string, columns []string, live, fresh Build) rel.Query {
	d := rel.C("s", "d")
	positive := func(e rel.Expr) rel.Expr { return sum(rel.F(rel.Greatest, e, rel.I(0))) }
	return rel.Select{
		Columns: []rel.Column{rel.As("live", positive(d)), rel.As("fresh", positive(rel.F(rel.Subtract, rel.I(0), d)))},
		From:    rel.Sub{Query: surplus(entity, what, columns, live, fresh), Alias: "s"},
	}
}

// SurplusRows lists the first of those rows: the columns, and d, how many more the first build has.
func SurplusRows(entity, what string, columns []string, live, fresh Build, limit int) rel.Query {
	q := rel.Select{From: rel.Sub{Query: surplus(entity, what, columns, live, fresh), Alias: "s"}, Limit: int64(limit)}
	for _, c := range columns {
		q.Columns = append(q.Columns, same("s", c))
		q.OrderBy = append(q.OrderBy, rel.Order{Expr: rel.C("s", c)})
	}
	q.Columns = append(q.Columns, same("s", "d"))
	q.OrderBy = append(q.OrderBy, rel.Order{Expr: rel.C("s", "d")})
	return q
}

// OwnerColumns are the columns of Owners of a source, by which two builds say whose its rows are;
// nil for a source of records.
func OwnerColumns(m *models.Model, entity, source string) []string {
	e, s := m.Entity(entity), m.Source(source)
	if e == nil || s == nil || s.Time == "" {
		return nil
	}
	var out []string
	for _, id := range identifiersOf(e, s) {
		out = append(out, id.Type)
	}
	return append(out, "profile_id")
}

// SourceRows is a query of source, rows (integer) and last (timestamp): how many rows with an
// identifier a build has read of each source, and when the newest of them is from.
func SourceRows(entity string, b Build) rel.Query {
	t := func(name string) rel.Expr { return rel.C("t", name) }
	return rel.Select{
		Columns: []rel.Column{same("t", "source"), rel.As("rows", sum(t("seen"))), rel.As("last", greatest(t("last_seen")))},
		From:    from(b.Table(entity, Tuples), "t"), GroupBy: []rel.Expr{t("source")}, OrderBy: []rel.Order{{Expr: t("source")}},
	}
}
