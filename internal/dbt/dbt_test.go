package dbt_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/internal/dbt/dbttest"
)

func parse(t *testing.T, b []byte) *dbt.Manifest {
	t.Helper()
	m, err := dbt.ParseManifest(b, "target/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// code is the code of a fault, with what it says; "" for none.
func code(err error) string {
	var f *dbt.Fault
	if !errors.As(err, &f) {
		return fmt.Sprint(err)
	}
	return f.Code + ": " + f.What + " | " + f.Fix
}

// TestResolve resolves in manifests of every version, on every warehouse.
func TestResolve(t *testing.T) {
	tables := map[string]map[string]string{ // by warehouse
		"duckdb":    {"ref('customers')": "main.customers", "ref('raw_orders')": "main.raw_orders", "source('web', 'events')": "raw.web_events"},
		"postgres":  {"ref('customers')": "jaffle.main.customers", `ref("customers_history")`: "jaffle.main.customers_history"},
		"bigquery":  {"ref('customers')": "jaffle.main.customers", " source( 'web' ,'carts') ": "jaffle.raw.carts"},
		"snowflake": {"ref('customers')": "jaffle.main.customers", "ref('web_pack', 'customers')": "jaffle.main.customers"},
	}
	for version := 4; version <= 12; version++ {
		for adapter, want := range tables {
			m := parse(t, dbttest.New(version, adapter).Manifest())
			for text, table := range want {
				if version < 10 && text == "ref('customers')" {
					text = "ref('jaffle_shop', 'customers')" // which package is the project is not known
				}
				r, err := dbt.ParseReference(text)
				if err != nil {
					t.Fatal(err)
				}
				n, err := m.Resolve(r)
				if err != nil {
					t.Errorf("v%d %s %s: %s", version, adapter, text, code(err))
					continue
				}
				if got, err := m.Table(n); err != nil || got != table {
					t.Errorf("v%d %s %s: %q, want %q; %v", version, adapter, text, got, table, err)
				}
			}
		}
	}
}

func TestResolveFaults(t *testing.T) {
	m := parse(t, dbttest.New(12, "duckdb").Manifest())
	old := parse(t, dbttest.New(9, "duckdb").Manifest())
	for _, c := range []struct {
		m          *dbt.Manifest
		ref, want  string
		otherTable string // what it means, if it is no fault
	}{
		{m, "ref('custmers')", `dbt.unknown: dbt's manifest has no ref('custmers') | did you mean ref('customers')? If it is new, run dbt parse`, ""},
		{m, "ref('web_pack', 'sesions')", `dbt.unknown: dbt's manifest has no ref('web_pack', 'sesions') | did you mean ref('web_pack', 'sessions')? If it is new, run dbt parse`, ""},
		{m, "source('web', 'event')", `dbt.unknown: dbt's manifest has no source('web', 'event') | did you mean source('web', 'events')? If it is new, run dbt parse`, ""},
		{m, "source('wbe', 'events')", `dbt.unknown: dbt's manifest has no source('wbe', 'events') | did you mean source('web', 'events')? If it is new, run dbt parse`, ""},
		{m, "ref('nothing_like_it_at_all')", `dbt.unknown: dbt's manifest has no ref('nothing_like_it_at_all') | use one of: ref('customers'), ref('customers_history'), ref('order_payments'), ref('orders'), ref('raw_customers'), ref('raw_orders'), ref('raw_payments'), ref('refunds'), ref('sessions'), ref('stg_customers'), ref('stg_orders'), ref('stg_payments'); if it is new, run dbt parse`, ""},
		{m, "ref('sessions')", `dbt.ambiguous: 2 packages of dbt have a sessions | say which: ref('app_pack', 'sessions') or ref('web_pack', 'sessions')`, ""},
		{old, "ref('customers')", `dbt.ambiguous: 2 packages of dbt have a customers | say which: ref('jaffle_shop', 'customers') or ref('web_pack', 'customers')`, ""},
		{m, "ref('customers_old')", `dbt.disabled: the model customers_old is switched off in dbt | set enabled: true there and run dbt parse, or refer to another one`, ""},
		{m, "ref('order_payments')", `dbt.ephemeral: ref('order_payments') is ephemeral: dbt makes no table of it | materialise it as a view or a table in dbt, or refer to a model that is`, ""},
		{m, "ref('refunds')", "", "main.refunds_v2"},
		{m, "ref('refunds', v=1)", "", "main.refunds_v1"},
		{m, "ref('refunds', version='2')", "", "main.refunds_v2"},
		{m, "ref('refunds', v=3)", `dbt.unknown: dbt's manifest has no ref('refunds', v=3) | did you mean ref('refunds', v=1)? If it is new, run dbt parse`, ""},
	} {
		r, err := dbt.ParseReference(c.ref)
		if err != nil {
			t.Fatal(err)
		}
		table := ""
		n, err := c.m.Resolve(r)
		if err == nil {
			table, err = c.m.Table(n)
		}
		if err != nil && code(err) != c.want || table != c.otherTable {
			t.Errorf("%s: %q, %s", c.ref, table, cmp.Diff(c.want, code(err)))
		}
	}
}

func TestParseReference(t *testing.T) {
	const forms = " | write ref('model'), ref('package', 'model'), ref('model', v=2) or source('source', 'table')"
	for text, want := range map[string]string{
		`ref('a')`: `ref('a')`, `ref( "p" , 'a' , v = 2 )`: `ref('p', 'a', v=2)`, `ref('a', version="x")`: `ref('a', v='x')`, `source('a','b')`: `source('a', 'b')`, `ref('a',)`: `ref('a')`,
		`{{ ref('a') }}`:          `dbt.reference: this is Jinja, which weir does not run | leave the braces out: ` + forms[len(" | write "):],
		`customers`:               `dbt.reference: "customers" is not a reference of dbt` + forms,
		`ref('a'`:                 `dbt.reference: "ref('a'" is not a reference of dbt` + forms,
		`var('a')`:                `dbt.reference: dbt has no reference "var"` + forms,
		`ref()`:                   `dbt.reference: ref takes the name of a model, or of a package and a model` + forms,
		`ref('')`:                 `dbt.reference: a name is empty in "ref('')"` + forms,
		`ref(a)`:                  `dbt.reference: a name stands without quotes in "ref(a)"` + forms,
		`ref('a)`:                 `dbt.reference: a quote is not closed in "ref('a)"` + forms,
		`ref('a' 'b')`:            `dbt.reference: a comma is missing in "ref('a' 'b')"` + forms,
		`ref('a','b','c')`:        `dbt.reference: ref takes the name of a model, or of a package and a model` + forms,
		`ref('a', v=x)`:           `dbt.reference: the version is neither a number nor in quotes in "ref('a', v=x)"` + forms,
		`ref('a', v=)`:            `dbt.reference: a value is missing in "ref('a', v=)"` + forms,
		`ref(v=1, 'a')`:           `dbt.reference: a name stands after the version in "ref(v=1, 'a')"` + forms,
		`source('a')`:             `dbt.reference: source takes the name of a source and of its table` + forms,
		`source('a', 'b', v='2')`: `dbt.reference: source takes the name of a source and of its table` + forms,
	} {
		r, err := dbt.ParseReference(text)
		got := r.String()
		if err != nil {
			got = code(err)
		}
		if got != want {
			t.Errorf("%s: %s", text, cmp.Diff(want, got))
		}
	}
}

// TestTable spells names as the adapters of dbt do.
func TestTable(t *testing.T) {
	for _, c := range []struct{ adapter, relation, want string }{
		{"snowflake", `ANALYTICS.Jaffle.customers`, "analytics.jaffle.customers"},
		{"snowflake", `ANALYTICS."Jaffle Shop".customers`, "dbt.relation"},
		{"snowflake", `analytics.jaffle."Customers"`, "analytics.jaffle.Customers"},
		{"snowflake", `analytics.jaffle."CUSTOMERS"`, "analytics.jaffle.CUSTOMERS"},
		{"snowflake", `analytics.jaffle."customers"`, "dbt.relation"}, // table: could not tell it from CUSTOMERS
		{"snowflake", `analytics.jaffle."2024"`, "analytics.jaffle.2024"},
		{"bigquery", "`my-project`.`Jaffle`.`customers`", "my-project.Jaffle.customers"},
		{"postgres", `"db"."Shop"."customers"`, "db.Shop.customers"},
		{"postgres", `"db"."shop"."a""b"`, "dbt.relation"},
		{"postgres", `"db"."shop"."a.b"`, "dbt.relation"},
		{"duckdb", `"jaffle"."main"."Customers"`, "main.Customers"},
		{"duckdb", `read_parquet('x.parquet')`, "dbt.relation"},
		{"duckdb", `"open`, "dbt.relation"},
		{"duckdb", `"a"b`, "dbt.relation"},
		{"duckdb", `a..b`, "dbt.relation"},
		{"bigquery", "`a`.`b`.`c`.`d`", "dbt.relation"},
	} {
		m := &dbt.Manifest{Adapter: c.adapter}
		got, err := m.Table(&dbt.Node{ID: "model.a.b", Type: "model", Name: "b", Relation: c.relation})
		var f *dbt.Fault
		if errors.As(err, &f) {
			got = f.Code
		}
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.adapter, c.relation, got, c.want)
		}
	}
	// Without a relation its parts are taken.
	for adapter, want := range map[string]string{"snowflake": "db.shop.orders", "bigquery": "DB.shop.Orders", "duckdb": "shop.Orders"} {
		m := &dbt.Manifest{Adapter: adapter}
		if got, err := m.Table(&dbt.Node{Name: "orders", Database: "DB", Schema: "shop", Identifier: "Orders"}); err != nil || got != want {
			t.Errorf("%s: %q, %v", adapter, got, err)
		}
	}
	m := &dbt.Manifest{Adapter: "duckdb"}
	if _, err := m.Table(&dbt.Node{Type: "source", Source: "web", Name: "x", External: true}); !strings.HasPrefix(code(err), "dbt.relation: source('web', 'x') lies in files") {
		t.Error(code(err))
	}
}

func TestManifestFaults(t *testing.T) {
	dir := t.TempDir()
	sound := string(dbttest.New(12, "duckdb").Manifest())
	for name, c := range map[string]struct{ data, want string }{
		"cut":       {sound[:len(sound)/2], "dbt.manifest: x.json is not a manifest of dbt"},
		"no json":   {"nodes:\n", "dbt.manifest: x.json is not a manifest of dbt"},
		"other":     {`{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/catalog/v1.json"}}`, "dbt.manifest: x.json is not a manifest of dbt"},
		"too old":   {string(dbttest.New(3, "duckdb").Manifest()), "dbt.manifest_version: x.json is a manifest v3, of dbt 1.0.0; weir reads v4 to v12 | write it with dbt 1.0 or later, or name the tables with table:"},
		"too new":   {string(dbttest.New(13, "duckdb").Manifest()), "dbt.manifest_version: x.json is a manifest v13, of dbt 1.8.0; weir reads v4 to v12 | name the tables with table: until weir reads it"},
		"bad shape": {strings.Replace(sound, `"nodes": {`, `"nodes": [`, 1), "dbt.manifest: x.json is not a manifest of dbt"},
		"bad node":  {strings.Replace(sound, `"schema": "main"`, `"schema": 7`, 1), "dbt.manifest: x.json is not a manifest of dbt"},
	} {
		path := filepath.Join(dir, "x.json")
		if err := os.WriteFile(path, []byte(c.data), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := dbt.ReadManifest(path, "x.json"); m != nil || !strings.HasPrefix(code(err), c.want) {
			t.Errorf("%s: %s", name, code(err))
		}
	}
	if _, err := dbt.ReadManifest(filepath.Join(dir, "none.json"), "target/manifest.json"); !strings.HasPrefix(code(err), "dbt.no_manifest: there is no target/manifest.json") {
		t.Error(code(err))
	}
	if _, err := dbt.ReadManifest(dir, "."); !strings.HasPrefix(code(err), "dbt.manifest: . is not a manifest") {
		t.Error(code(err))
	}
	var f *dbt.Fault
	if _, err := dbt.ParseManifest([]byte("{\n  \"metadata\": nope}"), "x"); !errors.As(err, &f) || f.Line != 2 || f.Col < 14 || f.Col > 17 {
		t.Errorf("%d:%d", f.Line, f.Col)
	}
}

// TestManifest reads what else the manifest tells.
func TestManifest(t *testing.T) {
	m := parse(t, dbttest.New(12, "duckdb").Manifest())
	if m.Version != 12 || m.Project != "jaffle_shop" || m.Adapter != "duckdb" || len(m.Nodes) != 15 || len(m.Sources) != 3 || len(m.Disabled) != 1 || len(m.Tests) != 8 {
		t.Errorf("%+v: %d nodes, %d sources, %d disabled, %d tests", m.Version, len(m.Nodes), len(m.Sources), len(m.Disabled), len(m.Tests))
	}
	events := m.Node("source.jaffle_shop.web.events")
	if events == nil || events.LoadedAt != "seen_at" || events.StaleAfter != 48 || events.Identifier != "web_events" {
		t.Errorf("%+v", events)
	}
	var related *dbt.Test
	for i := range m.Tests {
		if m.Tests[i].Name == "relationships" {
			related = &m.Tests[i]
		}
	}
	if related == nil || related.Node != "model.jaffle_shop.orders" || related.To != "model.jaffle_shop.customers" || related.Column != "customer_id" || related.Field != "customer_id" {
		t.Errorf("%+v", related)
	}
	for id, want := range map[string]string{
		"model.jaffle_shop.customers": "ref('customers')", "model.web_pack.customers": "ref('web_pack', 'customers')", "model.jaffle_shop.refunds.v1": "ref('refunds', v=1)",
		"model.jaffle_shop.refunds.v2": "ref('refunds')", "source.jaffle_shop.web.events": "source('web', 'events')", "model.app_pack.sessions": "ref('app_pack', 'sessions')",
	} {
		n := m.Node(id)
		if n == nil {
			t.Fatalf("no %s", id)
		}
		if got := m.Reference(n).String(); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}
