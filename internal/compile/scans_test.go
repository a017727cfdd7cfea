package compile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// TestScansOf: a reading has the columns that a statement uses of a source, and the conditions that
// are about the source alone.
func TestScansOf(t *testing.T) {
	in := compile.Input{
		Model:   &models.Model{Sources: []models.Source{{Name: "orders", Table: "shop.orders"}, {Name: "views", SQL: "SELECT * FROM v"}}},
		Columns: map[string][]models.Column{"orders": {{Name: "id"}, {Name: "at"}, {Name: "value"}, {Name: "secret"}}},
	}
	orders := rel.Table{Name: rel.Name{"shop", "orders"}, Alias: "s"}
	own := rel.Table{Name: rel.Name{"weir", "people"}, Alias: "p"}
	views := rel.Sub{Query: rel.RawQuery{SQL: "SELECT * FROM v"}, Alias: "s"}
	since := rel.F(rel.Ge, rel.C("s", "at"), rel.T("2026"))
	for name, c := range map[string]struct {
		tree any
		want []string
	}{
		"columns and conditions": {
			rel.CreateTable{Name: rel.Name{"weir", "t"}, As: rel.Select{Columns: []rel.Column{rel.As("v", rel.C("s", "value"))}, From: orders,
				Joins: []rel.Join{{Rel: own, On: rel.F(rel.Eq, rel.C("p", "id"), rel.C("s", "id"))}},
				Where: rel.F(rel.And, since, rel.F(rel.Gt, rel.C("p", "n"), rel.C("s", "value")))}},
			[]string{`orders: SELECT s.at, s.id, s.value FROM shop.orders AS s WHERE s.at >= '2026'`},
		},
		"nothing but rows": {
			rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: orders},
			[]string{`orders: SELECT CAST(1 AS BIGINT) AS one FROM shop.orders AS s`},
		},
		"the user's own SQL may name any column": {
			rel.Select{Columns: []rel.Column{rel.As("v", rel.RawExpr{SQL: "value * 2"})}, From: orders},
			[]string{`orders: SELECT s.at, s.id, s.secret, s.value FROM shop.orders AS s`},
		},
		"deep, and under the same alias": {
			rel.Insert{Into: rel.Name{"weir", "t"}, Columns: []string{"id"}, From: rel.Select{With: []rel.CTE{{Name: "c", Query: rel.Select{Columns: []rel.Column{rel.As("id", rel.C("s", "id"))}, From: orders}}},
				Columns: []rel.Column{rel.As("page", rel.C("s", "page"))}, From: views,
				Where: rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: orders, Where: since}}}},
			[]string{
				`views: SELECT s.page FROM ( SELECT * FROM v ) AS s`,
				`orders: SELECT s.id FROM shop.orders AS s`,
				`orders: SELECT s.at FROM shop.orders AS s WHERE s.at >= '2026'`,
			},
		},
		"no source": {rel.Delete{From: rel.Name{"weir", "orders"}, Where: rel.F(rel.Eq, rel.C("t", "id"), rel.I(1))}, nil},
	} {
		var got []string
		for _, s := range compile.ScansOf(in, c.tree) {
			text, err := dialect.DuckDB().Query(s.Query)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s.Source+": "+strings.ReplaceAll(strings.Join(strings.Fields(text), " "), `"`, ""))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestScans: every reading that a program says runs on a warehouse that has the sources alone, and the
// number of readings does not grow with the number of segments.
func TestScans(t *testing.T) {
	w := newWorld(t, casetest.DuckDB(t))
	w.script(t, "CREATE TABLE people AS SELECT i AS id, 'w' || i AS who, 'a' AS word, CAST(i % 10 AS bigint) AS n, 1.5 AS num, true AS yes, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS seen, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS changed FROM generate_series(0, 9) AS t(i);\n"+
		"CREATE TABLE acts AS SELECT i AS id, 'w' || i AS who, 'k' || i AS kind, 1.5 AS amount, TIMESTAMPTZ '2026-05-01 00:00:00+00' AS happened FROM generate_series(0, 9) AS t(i)")
	readings := map[int]int{}
	for _, n := range []int{1, 50} {
		var b strings.Builder
		b.WriteString(propertyModel + "segments:\n")
		for i := range n {
			fmt.Fprintf(&b, "  g%d: {entity: x, where: {all: [{trait: n, at_least: %d}, {did: acts, where: {kind: k%d}}]}}\n", i, i%7, i)
		}
		in := input(t, b.String())
		for _, s := range []string{"people", "acts"} {
			w.columns(t, &in, s, "SELECT * FROM "+s)
		}
		p, problems := compile.Entity(in)
		if p == nil {
			t.Fatal(problemText(problems))
		}
		of := map[string]int{}
		for _, s := range p.Scans(in) {
			text, err := dialect.DuckDB().Query(s.Query)
			if err != nil {
				t.Fatal(err)
			}
			w.script(t, text)
			of[s.Source]++
			readings[n]++
		}
		if of["people"] == 0 || of["acts"] == 0 {
			t.Errorf("readings by source: %v", of)
		}
		t.Logf("%d segments: %v", n, of)
	}
	if readings[1] != readings[50] {
		t.Errorf("sources are read %d times for 1 segment and %d times for 50", readings[1], readings[50])
	}
}
