package compile

import (
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// ReviewsTable is the table Reviews, of what persons said of pairs of records. It outlives builds, and each
// build obeys it: source_a, key_a before source_b, key_b by the bytes of source and then key.
func ReviewsTable(schema, entity string) rel.CreateTable {
	field := func(name string, t models.Type) rel.Field { return rel.Field{Name: name, Type: t, NotNull: true} }
	return rel.CreateTable{Name: Build{Schema: schema}.View(entity, Reviews), IfNotExists: true, Columns: []rel.Field{
		field("source_a", models.Text), field("key_a", models.Text), field("source_b", models.Text), field("key_b", models.Text),
		field("same", models.Boolean), field("by", models.Text), field("at", models.Timestamp),
	}}
}

// ReviewColumns are the columns of Reviews that name a pair.
var ReviewColumns = []string{"source_a", "key_a", "source_b", "key_b"}

// toReview reads the pairs of a build that a person should look at: nobody has since, and nothing
// else has made one profile of both.
func toReview(entity string, b Build) rel.Select {
	q := pairsOf(entity, b, b)
	q.Where = rel.F(rel.And, eq(rel.C("p", "decision"), rel.T("review")), isNull(rel.C("v", "same")),
		rel.F(rel.Distinct, rel.C("a", "profile_id"), rel.C("b", "profile_id")))
	q.Joins = append(q.Joins, join(rel.Left, from(b.View(entity, Reviews), "v"), samePair()...))
	return q
}

// ToReview is a query of the pairs of a build that a person should look at: the columns of a pair,
// weight, probability, reasons, and the profiles of both, profile_a and profile_b. The likeliest
// are first.
func ToReview(entity string, b Build, limit int) rel.Query {
	p := func(name string) rel.Expr { return rel.C("p", name) }
	q := toReview(entity, b)
	for _, name := range append(ReviewColumns[:len(ReviewColumns):len(ReviewColumns)], "weight", "probability", "reasons") {
		q.Columns = append(q.Columns, same("p", name))
	}
	q.Columns = append(q.Columns, rel.As("profile_a", rel.C("a", "profile_id")), rel.As("profile_b", rel.C("b", "profile_id")))
	q.OrderBy = []rel.Order{{Expr: p("probability"), Desc: true}}
	for _, name := range ReviewColumns {
		q.OrderBy = append(q.OrderBy, rel.Order{Expr: p(name)})
	}
	q.Limit = int64(limit)
	return q
}

// ReviewCounts is a query of one row of two integers: pairs of a build that a person should look
// at, and what persons have said that the build does not know yet. What they said of a record that is
// gone waits for nothing.
func ReviewCounts(entity string, b Build) rel.Query {
	open := toReview(entity, b)
	open.Columns = []rel.Column{rel.As("n", count())}
	// What is said of a pair is known to the build if its decision says so.
	agreed := rel.F(rel.And, eq(rel.C("p", "by"), rel.T("person")),
		eq(rel.C("p", "decision"), rel.Case{Whens: []rel.When{{If: rel.F(rel.IsTrue, rel.C("v", "same")), Then: rel.T("join")}}, Else: rel.T("apart")}))
	said := rel.Select{
		Columns: []rel.Column{rel.As("n", sum(oneIf(rel.F(rel.Not, rel.F(rel.IsTrue, agreed)))))},
		From:    from(b.View(entity, Reviews), "v"),
		Joins:   []rel.Join{join(rel.Left, from(b.Table(entity, Pairs), "p"), samePair()...)},
	}
	for _, side := range []string{"a", "b"} {
		said.Joins = append(said.Joins, join(rel.Inner, from(b.Table(entity, Records), side),
			eq(rel.C(side, "source"), rel.C("v", "source_"+side)), eq(rel.C(side, "key"), rel.C("v", "key_"+side))))
	}
	return rel.Select{
		Columns: []rel.Column{rel.As("open", rel.C("o", "n")), rel.As("said", rel.C("s", "n"))},
		From:    rel.Sub{Query: open, Alias: "o"}, Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Query: said, Alias: "s"}}},
	}
}

// DecisionsMoved is a query of one integer: of how many pairs only one of two builds knows what a
// person has said, or knows it so.
func DecisionsMoved(entity string, live, fresh Build) rel.Query {
	columns := append(slices.Clone(ReviewColumns), "decision")
	var said []rel.Query
	for i, b := range []Build{live, fresh} {
		said = append(said, rel.Select{Columns: append(columnsOf("p", columns), rel.As("d", rel.I(int64(1-2*i)))), From: from(b.Table(entity, Pairs), "p"), Where: eq(rel.C("p", "by"), rel.T("person"))})
	}
	each := rel.Select{Columns: append(columnsOf("u", columns), rel.As("d", sum(rel.C("u", "d")))), From: rel.Sub{Query: union(said), Alias: "u"}}
	for _, c := range columns {
		each.GroupBy = append(each.GroupBy, rel.C("u", c))
	}
	moved := rel.Select{Distinct: true, Columns: columnsOf("x", ReviewColumns), From: rel.Sub{Query: each, Alias: "x"}, Where: rel.F(rel.Ne, rel.C("x", "d"), rel.I(0))}
	return rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: rel.Sub{Query: moved, Alias: "m"}}
}

// samePair is that a pair p and a review v are of the same records.
func samePair() []rel.Expr {
	var on []rel.Expr
	for _, name := range ReviewColumns {
		on = append(on, eq(rel.C("v", name), rel.C("p", name)))
	}
	return on
}

// pairsOf reads the pairs p of a build with the profiles a and b that their records have in a
// build, maybe another one.
func pairsOf(entity string, b, owners Build) rel.Select {
	q := rel.Select{From: from(b.Table(entity, Pairs), "p")}
	for _, side := range []string{"a", "b"} {
		q.Joins = append(q.Joins, join(rel.Left, from(owners.Table(entity, Records), side),
			eq(rel.C(side, "source"), rel.C("p", "source_"+side)), eq(rel.C(side, "key"), rel.C("p", "key_"+side))))
	}
	return q
}

// PairBands is a query of band, decision, by, one and n: how many pairs of a build have a
// probability from the limit at place band on (-1 is below all), what was decided by whom, and
// whether both records have one profile in another build (one is 1).
func PairBands(entity string, b, owners Build, limits []string) rel.Query {
	band := rel.Case{Else: rel.I(-1)}
	for i := len(limits) - 1; i >= 0; i-- {
		band.Whens = append(band.Whens, rel.When{If: rel.F(rel.Ge, rel.C("p", "probability"), rel.N(limits[i])), Then: rel.I(int64(i))})
	}
	one := oneIf(rel.F(rel.IsTrue, eq(rel.C("a", "profile_id"), rel.C("b", "profile_id"))))
	q := pairsOf(entity, b, owners)
	q.Columns = []rel.Column{rel.As("band", band), same("p", "decision"), same("p", "by"), rel.As("one", one)}
	flat := rel.Select{From: rel.Sub{Query: q, Alias: "q"}}
	for _, c := range q.Columns {
		flat.Columns = append(flat.Columns, same("q", c.As))
		flat.GroupBy = append(flat.GroupBy, rel.C("q", c.As))
		flat.OrderBy = append(flat.OrderBy, rel.Order{Expr: rel.C("q", c.As)})
	}
	flat.Columns = append(flat.Columns, rel.As("n", count()))
	return flat
}

// ProfileLinks is a query of a, b, probability, of_a and of_b: profiles of a build that pairs of
// another would join, from a probability on, with how many identifiers each has. What persons said
// is same has probability 1; what they said is different is left out. The likeliest are first.
func ProfileLinks(entity string, b, owners Build, floor string) rel.Query {
	p := func(name string) rel.Expr { return rel.C("p", name) }
	person := eq(p("by"), rel.T("person"))
	likely := rel.Case{Whens: []rel.When{{If: person, Then: rel.N("1")}}, Else: p("probability")}
	q := pairsOf(entity, b, owners)
	q.Columns = []rel.Column{rel.As("a", rel.C("a", "profile_id")), rel.As("b", rel.C("b", "profile_id")), rel.As("probability", greatest(likely))}
	q.Where = rel.F(rel.And, rel.F(rel.Ne, rel.C("a", "profile_id"), rel.C("b", "profile_id")),
		rel.F(rel.Or, rel.F(rel.And, person, eq(p("decision"), rel.T("join"))), rel.F(rel.And, rel.F(rel.Not, person), rel.F(rel.Ge, p("probability"), rel.N(floor)))))
	q.GroupBy = []rel.Expr{rel.C("a", "profile_id"), rel.C("b", "profile_id")}
	size := rel.Select{Columns: []rel.Column{same("i", "profile_id"), rel.As("k", count())}, From: from(owners.Table(entity, Identifiers), "i"), GroupBy: []rel.Expr{rel.C("i", "profile_id")}}
	out := rel.Select{
		Columns: []rel.Column{same("q", "a"), same("q", "b"), same("q", "probability")},
		From:    rel.Sub{Query: q, Alias: "q"},
		OrderBy: []rel.Order{{Expr: rel.C("q", "probability"), Desc: true}, {Expr: rel.C("q", "a")}, {Expr: rel.C("q", "b")}},
	}
	for _, side := range []string{"a", "b"} {
		out.Joins = append(out.Joins, join(rel.Left, rel.Sub{Query: size, Alias: "s" + side}, eq(rel.C("s"+side, "profile_id"), rel.C("q", side))))
		out.Columns = append(out.Columns, rel.As("of_"+side, rel.F(rel.Coalesce, rel.C("s"+side, "k"), rel.I(0))))
	}
	return out
}

// JoiningPairs is a query of profile_id and n: how many pairs of records of some profiles matching
// joins.
func JoiningPairs(entity string, b Build, ids []string) rel.Query {
	q := pairsOf(entity, b, b)
	q.Columns = []rel.Column{rel.As("profile_id", rel.C("a", "profile_id")), rel.As("n", count())}
	q.Where = rel.F(rel.And, eq(rel.C("p", "decision"), rel.T("join")), eq(rel.C("a", "profile_id"), rel.C("b", "profile_id")),
		rel.InList{Expr: rel.C("a", "profile_id"), List: texts(ids)})
	q.GroupBy = []rel.Expr{rel.C("a", "profile_id")}
	q.OrderBy = []rel.Order{{Expr: rel.C("a", "profile_id")}}
	return q
}

// FieldValues is a query of key and the fields of fuzzy matching, all as text, of the rows of a
// source with some keys, as the source has them. Fields that the source does not hold are NULL.
func FieldValues(in Input, source string, keys []string) (rel.Query, []diag.Problem) {
	s, f := in.Model.Source(source), in.Model.Entity(in.Entity).Identity.Fuzzy
	key, problem := rowKey(in, s)
	if problem != nil {
		return nil, []diag.Problem{*problem}
	}
	q := rel.Select{Columns: []rel.Column{rel.As("key", key)}, From: sourceRelation(s, rowAlias), Where: rel.InList{Expr: key, List: texts(keys)}, OrderBy: []rel.Order{{Expr: key}}}
	for i := range f.Fields {
		var values []rel.Expr
		for _, col := range f.Fields[i].Columns() {
			if col.Source != source {
				continue
			}
			c, problem := sourceColumn(in, s, col.Column)
			if problem != nil {
				return nil, []diag.Problem{*problem}
			}
			values = append(values, rel.Cast{Expr: rel.C(rowAlias, c.Name), Type: models.Text, From: c.Type})
		}
		if len(values) == 0 {
			values = append(values, rel.Null(models.Text))
		}
		q.Columns = append(q.Columns, rel.As(f.Fields[i].Name, either(values...)))
	}
	return q, nil
}

// HasRecord is a query of one integer: how many rows of a source with this key a build knows.
func HasRecord(entity string, b Build, source, key string) rel.Query {
	return rel.Select{
		Columns: []rel.Column{rel.As("n", count())}, From: from(b.Table(entity, Records), "r"),
		Where: rel.F(rel.And, eq(rel.C("r", "source"), rel.T(source)), eq(rel.C("r", "key"), rel.T(key))),
	}
}
