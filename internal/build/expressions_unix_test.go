//go:build unix

package build_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
)

const sqlModel = `
sources:
  crm: {table: crm, key: id, updated_at: changed, identifiers: {n: who}}
  orders: {table: orders, key: id, time: happened, identifiers: {n: who}}
entities:
  x:
    identity: {identifiers: {n: {limit: 1}}, from: [crm, orders]}
    traits:
      who: {from: crm.who}
      score: {from: [crm.score, crm.small]}
      spent: {from: orders, sum: amount}
      newest: {from: orders, max: happened}
      kinds: {from: orders, collect: kind}
      place: {from: crm.place}
      double: {sql: "score * 2", type: integer}
      untyped: {sql: "score * 2"}
      on_untyped: {sql: "untyped + whatever"}
      place_name: {sql: "place ->> 'name'", type: text}
      wrong: {sql: "scor + 1", type: integer}
      worse: {sql: "no_function_of_this_name(score)", type: integer}
      months: {sql: "make_date(small_year, 1, 1)", type: date}
      small_year: {from: crm.small}
segments:
  fine: {entity: x, where: {sql: "spent > 10 AND newest IS NOT NULL AND double = 2 -- why"}}
  text: {entity: x, where: {all: [{sql: "score"}, {not: {sql: "who || 'x'"}}]}}
  gone: {entity: x, where: {sql: "lower(wo) = 'x'"}}
policies:
  p: {entity: x, purpose: marketing, require: {any: [{sql: "no_function_of_this_name(who)"}]}}
`

// TestExpressions asks both warehouses about SQL that is right and wrong.
func TestExpressions(t *testing.T) {
	want := []string{
		`entities.x.traits.wrong.sql build.sql x has no trait "scor" (did you mean "score"?)`,
		`entities.x.traits.worse.sql build.sql the warehouse does not accept this expression: …`,
		`segments.text.where.all[0].sql build.sql a condition is true or false, and this is a number (compare it with something, such as > 0)`,
		`segments.text.where.all[1].not.sql build.sql a condition is true or false, and this is text (compare it with something, such as > 0)`,
		`segments.gone.where.sql build.sql x has no trait "wo" (did you mean "who"?)`,
		`policies.p.require.any[0].sql build.sql the warehouse does not accept this expression: …`,
	}
	for name, open := range map[string]casetest.Open{"duckdb": casetest.DuckDB, "postgres": casetest.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			m := &models.Model{}
			if _, findings := yamldoc.Decode("model.yml", []byte(sqlModel), m); len(findings) > 0 {
				t.Fatal(findings)
			}
			with(t, w, func(s warehouse.Session) {
				for _, sql := range []string{
					"CREATE TABLE crm (id integer, who varchar, score smallint, small integer, place json, changed timestamp with time zone)",
					"CREATE TABLE orders (id integer, who varchar, kind varchar, amount decimal(10,2), happened timestamp with time zone)",
				} {
					if _, err := s.Exec(t.Context(), sql); err != nil {
						t.Fatal(err)
					}
				}
				in := compile.Input{Model: m, Timezone: time.UTC}
				if problems, err := build.Sources(t.Context(), s, &in, nil); err != nil || len(problems) > 0 {
					t.Fatal(problems, err)
				}
				problems, err := build.Expressions(t.Context(), s, w.Kind().Dialect(), in)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, p := range problems {
					line := p.Path + " " + p.Code + " " + p.What
					if head, _, ok := strings.Cut(line, "expression: "); ok {
						line = head + "expression: …"
					}
					if p.Fix != "" {
						line += " (" + p.Fix + ")"
					}
					for _, number := range []string{"INTEGER", "integer"} {
						line = strings.Replace(line, "this is "+number, "this is a number", 1)
					}
					for _, text := range []string{"VARCHAR", "text"} {
						line = strings.Replace(line, "this is "+text, "this is text", 1)
					}
					got = append(got, line)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("problems (-want +got):\n%s", diff)
				}
			})
		})
	}
}
