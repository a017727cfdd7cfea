package compile_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
)

const printed = `
sources:
  crm: {table: crm.contacts, key: id, updated_at: changed, identifiers: {customer_id: no, email: email}, columns: {id: integer, no: text, email: text, changed: timestamp}}
  orders: {table: shop.orders, key: id, time: ordered_at, identifiers: {email: email}, columns: {id: integer, email: text, amount: number, status: text, ordered_at: timestamp}}
entities:
  customer:
    identity: {identifiers: {customer_id: {limit: 1}, email: {}}, from: [crm, orders]}
    traits:
      email: {from: [crm.email, orders.email], keep: first_found}
      spent: {from: orders, sum: amount, where: {status: paid}, within: 90d}
      decile: {sql: "ntile(10) over (order by spent)", type: integer}
segments:
  vip: {entity: customer, where: {all: [{trait: spent, at_least: 500}, {not: {segment: employees}}]}, holdout: 10%}
  employees: {entity: customer, where: {trait: email, ends_with: "@shop.example.com"}}
  lapsed: {entity: customer, where: {all: [{segment: vip}, {never: orders, within: 30d}]}}
`

func input(t testing.TB, yml string) compile.Input {
	t.Helper()
	m := &models.Model{}
	doc, findings := yamldoc.Decode("model.yml", []byte(yml), m)
	for _, p := range models.Check(m) {
		findings = append(findings, doc.Finding(p))
	}
	for _, f := range findings {
		t.Fatal(f)
	}
	return compile.Input{Model: m, Entity: m.Entities[0].Name, Timezone: time.UTC,
		AsOf: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Build: compile.Build{Schema: "weir", ID: "17"}}
}

// TestPrint holds the part of the program that makes traits and segments.
func TestPrint(t *testing.T) {
	for _, name := range dialect.Names() {
		d, _ := dialect.ByName(name)
		text, problems, err := compile.Print(input(t, printed), d)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		if !strings.Contains(text, "-- ==== identity: ") || !strings.Contains(text, "-- === repeat until") || !strings.Contains(text, "-- === round 1 ===") {
			t.Errorf("%s: the loops of identity are not shown:\n%s", d.Name(), text)
		}
		_, text, _ = strings.Cut(text, "-- ==== traits: ")
		text = "-- ==== traits: " + text
		file := "testdata/print_" + d.Name() + ".sql"
		if updating() {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), text); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

// TestStatements holds that the number of statements does not grow with the number of segments.
func TestStatements(t *testing.T) {
	count := func(n int) int {
		yml := printed
		for i := range n {
			yml += fmt.Sprintf("  more_%d: {entity: customer, where: {all: [{did: orders, times: {at_least: %d}}, {segment: vip}]}}\n", i, 1+i%9)
		}
		p, problems := compile.Entity(input(t, yml))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		total := 0
		for _, s := range p.Steps {
			total += len(s.Do)
		}
		return total
	}
	if few, many := count(1), count(40); few != many {
		t.Errorf("1 segment more takes %d statements, 40 take %d", few, many)
	}
}

// TestPlaces: what a column or table is for is told with the place where it is declared.
func TestPlaces(t *testing.T) {
	in := input(t, printed)
	in.Place = func(path string) string { return "at " + path }
	text, _, err := compile.Print(in, dialect.DuckDB())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		": spent (at entities.customer.traits.spent)\n",
		": trait spent (at entities.customer.traits.spent)\n",
		": segment vip (at segments.vip)\n",
		": lapsed (at segments.lapsed)\n",
		"-- decile (at entities.customer.traits.decile)\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q", want)
		}
	}
}
