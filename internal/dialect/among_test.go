package dialect_test

import (
	"testing"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
)

// What asks for rows with a value of the outer query and a condition of their own is one join on DuckDB.
func TestExistsWithConditions(t *testing.T) {
	outer := rel.C("o", "id")
	of := func(j []rel.Join, where ...rel.Expr) rel.Exists {
		return rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: rel.Name{"a"}, Alias: "a"}, Joins: j, Where: rel.F(rel.And, where...)}}
	}
	key := rel.F(rel.Eq, rel.C("a", "id"), outer)
	second := rel.F(rel.Eq, rel.F(rel.Lower, outer), rel.C("a", "name"))
	own := rel.F(rel.Gt, rel.C("a", "n"), rel.I(1))
	inner := []rel.Join{{Rel: rel.Table{Name: rel.Name{"b"}, Alias: "b"}, On: rel.F(rel.Eq, rel.C("b", "id"), rel.C("a", "id"))}}
	correlated := []rel.Join{{Rel: rel.Table{Name: rel.Name{"b"}, Alias: "b"}, On: rel.F(rel.Eq, rel.C("b", "id"), outer)}}
	nested := func(on rel.Expr) rel.Exists {
		return rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: rel.Name{"b"}, Alias: "b"}, Where: rel.F(rel.Eq, rel.C("b", "id"), on)}}
	}
	const exists = "EXISTS (\n    SELECT CAST(1 AS BIGINT) AS \"one\"\n    FROM \"a\" AS \"a\""
	for name, c := range map[string]struct {
		where rel.Expr
		want  string
	}{
		"condition": {of(nil, key, own), "\"o\".\"id\" IN (\n    SELECT \"a\".\"id\" AS \"v1\"\n    FROM \"a\" AS \"a\"\n    WHERE \"a\".\"n\" > 1\n      AND \"a\".\"id\" IS NOT NULL\n  )"},
		"not": {rel.F(rel.Not, of(nil, key, own)),
			"NOT COALESCE(\"o\".\"id\" IN (\n    SELECT \"a\".\"id\" AS \"v1\"\n    FROM \"a\" AS \"a\"\n    WHERE \"a\".\"n\" > 1\n      AND \"a\".\"id\" IS NOT NULL\n  ), FALSE)"},
		"two values":  {of(nil, key, rel.F(rel.And, second, own)), "(\"o\".\"id\", lower(\"o\".\"id\")) IN (\n    SELECT\n      \"a\".\"id\" AS \"v1\",\n      \"a\".\"name\" AS \"v2\"\n    FROM \"a\" AS \"a\"\n    WHERE \"a\".\"n\" > 1\n      AND \"a\".\"id\" IS NOT NULL\n      AND \"a\".\"name\" IS NOT NULL\n  )"},
		"join":        {of(inner, key), "\"o\".\"id\" IN (\n    SELECT \"a\".\"id\" AS \"v1\"\n    FROM \"a\" AS \"a\"\n    JOIN \"b\" AS \"b\" ON \"b\".\"id\" = \"a\".\"id\"\n    WHERE \"a\".\"id\" IS NOT NULL\n  )"},
		"value alone": {of(nil, key), exists + "\n    WHERE \"a\".\"id\" = \"o\".\"id\"\n  )"},
		"no value":    {of(nil, own), exists + "\n    WHERE \"a\".\"n\" > 1\n  )"},
		"compared otherwise": {of(nil, key, rel.F(rel.Gt, rel.C("a", "n"), rel.C("o", "n"))),
			exists + "\n    WHERE \"a\".\"id\" = \"o\".\"id\"\n      AND \"a\".\"n\" > \"o\".\"n\"\n  )"},
		"join to the outer query": {of(correlated, key, own), exists + "\n    JOIN \"b\" AS \"b\" ON \"b\".\"id\" = \"o\".\"id\"\n    WHERE \"a\".\"id\" = \"o\".\"id\"\n      AND \"a\".\"n\" > 1\n  )"},
		"a query within": {of(nil, key, rel.F(rel.Not, nested(rel.C("a", "n")))),
			"\"o\".\"id\" IN (\n    SELECT \"a\".\"id\" AS \"v1\"\n    FROM \"a\" AS \"a\"\n    WHERE NOT EXISTS (\n        SELECT CAST(1 AS BIGINT) AS \"one\"\n        FROM \"b\" AS \"b\"\n        WHERE \"b\".\"id\" = \"a\".\"n\"\n      )\n      AND \"a\".\"id\" IS NOT NULL\n  )"},
		"a query within, of the outer query": {of(nil, key, nested(outer)),
			exists + "\n    WHERE \"a\".\"id\" = \"o\".\"id\"\n      AND EXISTS (\n        SELECT CAST(1 AS BIGINT) AS \"one\"\n        FROM \"b\" AS \"b\"\n        WHERE \"b\".\"id\" = \"o\".\"id\"\n      )\n  )"},
		"own SQL": {of(nil, key, rel.RawExpr{SQL: "n > 1"}), exists + "\n    WHERE \"a\".\"id\" = \"o\".\"id\"\n      AND (n > 1)\n  )"},
	} {
		got, err := dialect.DuckDB().Query(rel.Select{Columns: []rel.Column{rel.As("x", outer)}, From: rel.Table{Name: rel.Name{"o"}, Alias: "o"}, Where: c.where})
		if want := "SELECT \"o\".\"id\" AS \"x\"\nFROM \"o\" AS \"o\"\nWHERE " + c.want; err != nil || got != want {
			t.Errorf("%s: got\n%s\nwant\n%s\n%v", name, got, want, err)
		}
	}
}
