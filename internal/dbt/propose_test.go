package dbt_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/dbt"
	"github.com/weir-data/weir/internal/dbt/dbttest"
)

// shown writes a proposal in few words: a line for each source, identifier, trait and what is left.
func shown(p *dbt.Proposal) string {
	var b strings.Builder
	columns := func(cs []dbt.ProposedColumn) string {
		var out []string
		for _, c := range cs {
			out = append(out, c.Name+"="+c.Column)
		}
		return strings.Join(out, " ")
	}
	for _, s := range p.Sources {
		fmt.Fprintf(&b, "%s %s key=%s", s.Name, s.Ref, s.Key.Value)
		for _, x := range [][2]string{{"time", s.Time.Value}, {"updated_at", s.UpdatedAt.Value}, {"fresher_than", s.FresherThan.Value}, {"identifiers", columns(s.Identifiers)}, {"related", columns(s.Related)}} {
			if x[1] != "" {
				fmt.Fprintf(&b, " %s[%s]", x[0], x[1])
			}
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s:", p.Entity)
	for _, id := range p.Identifiers {
		fmt.Fprintf(&b, " %s", id.Type)
		if id.Limited {
			b.WriteString("(1)")
		}
		if id.Under != "" {
			fmt.Fprintf(&b, "(<%s)", id.Under)
		}
	}
	b.WriteByte('\n')
	for _, x := range p.Traits {
		fmt.Fprintf(&b, "%s: %s %s %s\n", x.Name, strings.Join(x.From, ","), x.Keep, x.PII)
	}
	for _, l := range p.Left {
		fmt.Fprintf(&b, "- %s: %s\n", l.Ref, l.Why)
	}
	return b.String()
}

func catalog(t *testing.T, b []byte) *dbt.Catalog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "catalog.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := dbt.ReadCatalog(path, "catalog.json")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPropose proposes from the shop, whose catalog has columns that its manifest does not describe.
func TestPropose(t *testing.T) {
	const want = `customers ref('customers') key=customer_id updated_at[updated_at] identifiers[customer_id=customer_id email=email phone=phone]
events source('web', 'events') key=event_id time[seen_at] fresher_than[2d] identifiers[cookie_id=cookie_id email=login_email]
orders ref('orders') key=order_id time[ordered_at] identifiers[customer_id=customer_id]
customer: customer_id(1) email(<customer_id) phone(<customer_id) cookie_id(<customer_id)
customer_id: customers.customer_id latest ` + `
first_name: customers.first_name latest name
last_name: customers.last_name latest name
email: customers.email,events.login_email first_found email
phone: customers.phone latest phone
marketing_opt_in: customers.marketing_opt_in latest ` + `
first_order: customers.first_order latest ` + `
number_of_orders: customers.number_of_orders latest ` + `
- ref('stg_customers'): ref('customers') comes from it and has all its identifiers, with the key customer_id
- ref('stg_orders'): ref('orders') comes from it and has all its identifiers, with the key order_id
`
	for version := 10; version <= 12; version++ {
		for adapter, types := range map[string]map[string]string{
			"duckdb":    nil,
			"postgres":  {"email": "character varying(256)", "ordered_at": "timestamp without time zone", "seen_at": "timestamp with time zone", "customer_id": "bigint"},
			"bigquery":  {"email": "STRING", "customer_id": "INT64", "ordered_at": "DATETIME", "seen_at": "TIMESTAMP"},
			"snowflake": {"email": "TEXT", "customer_id": "NUMBER", "ordered_at": "TIMESTAMP_NTZ", "seen_at": "TIMESTAMP_TZ"},
		} {
			s := dbttest.New(version, adapter)
			got := dbt.Propose(parse(t, s.Manifest()), catalog(t, s.Catalog(types)))
			if d := cmp.Diff(want, shown(got)); d != "" {
				t.Errorf("v%d %s (-want +got):\n%s", version, adapter, d)
			}
		}
	}
	// Snowflake's catalog has upper case, and dbt's YAML has what people wrote.
	s := dbttest.New(12, "snowflake")
	up := strings.NewReplacer(`"customer_id"`, `"CUSTOMER_ID"`, `"email"`, `"EMAIL"`, `"phone"`, `"PHONE"`, `"ordered_at"`, `"ORDERED_AT"`, `"order_id"`, `"ORDER_ID"`).Replace(string(s.Catalog(nil)))
	if d := cmp.Diff(want, shown(dbt.Propose(parse(t, s.Manifest()), catalog(t, []byte(up))))); d != "" {
		t.Errorf("upper case (-want +got):\n%s", d)
	}
}

// small is a manifest of a few models: each with its columns as NAME or NAME:TYPE, its upstream
// models behind "<", and tests as "TEST column" or "relationships column model.field".
type small struct {
	name, columns, uses string
	tests               []string
	more                dbttest.M
}

func (s small) into(shop *dbttest.Shop, columns map[string]dbttest.M) {
	id := "model.jaffle_shop." + s.name
	cols := dbttest.M{}
	for i, c := range strings.Fields(s.columns) {
		name, typ, _ := strings.Cut(c, ":")
		cols[name] = dbttest.M{"name": name, "type": strings.ReplaceAll(typ, "_", " "), "index": i + 1}
	}
	columns[id] = dbttest.M{"unique_id": id, "columns": cols}
	uses := []string{}
	for _, u := range strings.Fields(s.uses) {
		uses = append(uses, "model.jaffle_shop."+u)
	}
	n := dbttest.M{"unique_id": id, "resource_type": "model", "package_name": "jaffle_shop", "name": s.name, "alias": s.name, "schema": "main", "database": "jaffle",
		"relation_name": `"jaffle"."main"."` + s.name + `"`, "depends_on": dbttest.M{"nodes": uses}, "config": dbttest.M{}}
	maps.Copy(n, s.more)
	shop.Nodes[id] = n
	for i, text := range s.tests {
		f := strings.Fields(text)
		on := []string{id}
		kwargs := dbttest.M{"column_name": f[1]}
		if len(f) == 3 {
			to, field, _ := strings.Cut(f[2], ".")
			kwargs["to"], kwargs["field"] = "ref('"+to+"')", field
			on = append(on, "model.jaffle_shop."+to)
		}
		name, where, _ := strings.Cut(f[0], "?")
		test := fmt.Sprintf("test.jaffle_shop.%s_%d", s.name, i)
		shop.Nodes[test] = dbttest.M{"unique_id": test, "resource_type": "test", "name": test, "column_name": f[1], "test_metadata": dbttest.M{"name": name, "kwargs": kwargs},
			"depends_on": dbttest.M{"nodes": on}, "config": dbttest.M{"where": where, "severity": "ERROR"}}
	}
}

func TestProposeCases(t *testing.T) {
	const people = "id:INTEGER email:VARCHAR"
	for name, c := range map[string]struct {
		models []small
		want   string
	}{
		"a relationship says more than a name": {
			[]small{{name: "dim_customers", columns: "customer_id email:VARCHAR updated_at:TIMESTAMP", tests: []string{"unique customer_id"}}, {name: "fct_orders", columns: "order_id user_id order_date:DATE", tests: []string{"unique order_id", "relationships user_id dim_customers.customer_id"}}},
			`dim_customers ref('dim_customers') key=customer_id updated_at[updated_at] identifiers[customer_id=customer_id email=email]
fct_orders ref('fct_orders') key=order_id time[order_date] identifiers[customer_id=user_id]
customer: customer_id(1) email(<customer_id)
customer_id: dim_customers.customer_id latest ` + `
email: dim_customers.email latest email
`},
		"the id of a table of people": {
			[]small{{name: "users", columns: people, tests: []string{"unique id", "not_null id"}}},
			`users ref('users') key=id identifiers[user_id=id email=email]
user: user_id(1) email(<user_id)
user_id: users.id first_found ` + `
email: users.email first_found email
`},
		"what belongs to somebody else": {
			[]small{{name: "tickets", columns: "ticket_id email:VARCHAR agent_email:VARCHAR assigned_user_id created_by_user_id created_at:TIMESTAMP", tests: []string{"unique ticket_id"}}},
			`tickets ref('tickets') key=ticket_id time[created_at] identifiers[email=email]
customer: email
email: tickets.email latest email
`},
		"types that hold none": {
			[]small{{name: "contacts", columns: "id email:BOOLEAN phone:STRUCT<a_VARCHAR> contact_id:DATE", tests: []string{"unique id"}}},
			`contacts ref('contacts') key=id identifiers[contact_id=id]
contact: contact_id
contact_id: contacts.id first_found ` + `
`},
		"no key": {
			[]small{{name: "leads_flat", columns: "email:VARCHAR city:VARCHAR"}, {name: "signups", columns: "signup_id email:VARCHAR", tests: nil}},
			`signups ref('signups') key=signup_id identifiers[email=email]
customer: email
email: signups.email first_found email
- ref('leads_flat'): nothing says which column names a row: add a unique test in dbt
`},
		"a test of some rows says nothing of all": {
			[]small{{name: "rows", columns: "code:VARCHAR email:VARCHAR", tests: []string{"unique?valid code"}}, {name: "more", columns: "code:VARCHAR email:VARCHAR", tests: []string{"unique code"}}},
			`more ref('more') key=code identifiers[email=email]
customer: email
email: more.email first_found email
- ref('rows'): nothing says which column names a row: add a unique test in dbt
`},
		"constraints and unique_key": {
			[]small{{name: "a", columns: "code:VARCHAR email:VARCHAR", more: dbttest.M{"constraints": []dbttest.M{{"type": "primary_key", "columns": []string{"code"}}}}},
				{name: "b", columns: "code:VARCHAR email:VARCHAR", more: dbttest.M{"config": dbttest.M{"unique_key": []string{"code"}}}},
				{name: "c", columns: "code:VARCHAR email:VARCHAR", more: dbttest.M{"columns": dbttest.M{"code": dbttest.M{"name": "code", "constraints": []dbttest.M{{"type": "unique"}}}}}},
				{name: "d", columns: "code:VARCHAR part:VARCHAR email:VARCHAR", more: dbttest.M{"config": dbttest.M{"unique_key": []string{"code", "part"}}}}},
			`a ref('a') key=code identifiers[email=email]
b ref('b') key=code identifiers[email=email]
c ref('c') key=code identifiers[email=email]
customer: email
email: a.email,b.email,c.email first_found email
- ref('d'): nothing says which column names a row: add a unique test in dbt
`},
		"rows that lead to people by others": {
			[]small{{name: "orders", columns: "order_id email:VARCHAR ordered_at:TIMESTAMP order_date:DATE", tests: []string{"unique order_id"}},
				{name: "order_items", columns: "id order_id product:VARCHAR", tests: []string{"unique id", "relationships order_id orders.order_id"}},
				{name: "products", columns: "product_id name:VARCHAR", tests: []string{"unique product_id"}}},
			`order_items ref('order_items') key=id related[orders=order_id]
orders ref('orders') key=order_id time[ordered_at] identifiers[email=email]
customer: email
email: orders.email latest email
`},
		"an identifier beside no other": {
			[]small{{name: "customers", columns: "customer_id email:VARCHAR", tests: []string{"unique customer_id"}}, {name: "visits", columns: "visit_id user_id", tests: []string{"unique visit_id"}}},
			`customers ref('customers') key=customer_id identifiers[customer_id=customer_id email=email]
customer: customer_id(1) email(<customer_id)
customer_id: customers.customer_id first_found ` + `
email: customers.email first_found email
- ref('visits'): it has user_id only, and no table has that beside another identifier: its rows would be people of their own
`},
		"several addresses": {
			[]small{{name: "orders", columns: "order_id billing_email:VARCHAR customer_email:VARCHAR", tests: []string{"unique order_id"}}},
			`orders ref('orders') key=order_id identifiers[email=billing_email]
customer: email
email: orders.billing_email first_found email
`},
		"a part of the customers does not stand for all": {
			[]small{{name: "stg_customers", columns: people, tests: []string{"unique id"}}, {name: "vip_people_2024", columns: people, uses: "stg_customers", tests: []string{"unique id"}}},
			`stg_customers ref('stg_customers') key=id identifiers[customer_id=id email=email]
vip_people_2024 ref('vip_people_2024') key=id identifiers[email=email]
customer: customer_id(1) email(<customer_id)
customer_id: stg_customers.id first_found ` + `
email: stg_customers.email,vip_people_2024.email first_found email
`},
	} {
		shop := &dbttest.Shop{Version: 12, Adapter: "duckdb", Nodes: map[string]dbttest.M{}, Sources: map[string]dbttest.M{}, Off: map[string][]dbttest.M{}}
		columns := map[string]dbttest.M{}
		for _, m := range c.models {
			m.into(shop, columns)
		}
		p := dbt.Propose(parse(t, shop.Manifest()), catalog(t, dbttest.Encode(dbttest.M{
			"metadata": dbttest.M{"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"}, "nodes": columns, "sources": dbttest.M{}})))
		if d := cmp.Diff(c.want, shown(p)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestProposeNotes says what a person has to look at.
func TestProposeNotes(t *testing.T) {
	shop := &dbttest.Shop{Version: 12, Adapter: "duckdb", Nodes: map[string]dbttest.M{}, Sources: map[string]dbttest.M{}, Off: map[string][]dbttest.M{}}
	columns := map[string]dbttest.M{}
	for _, m := range []small{
		{name: "orders", columns: "order_id billing_email:VARCHAR customer_email:VARCHAR placed_at:TIMESTAMP paid_at:TIMESTAMP", tests: []string{"unique order_id"}},
		{name: "visits", columns: "visit_id email:VARCHAR visited_at:TIMESTAMP updated_at:TIMESTAMP"},
	} {
		m.into(shop, columns)
	}
	p := dbt.Propose(parse(t, shop.Manifest()), catalog(t, dbttest.Encode(dbttest.M{
		"metadata": dbttest.M{"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"}, "nodes": columns, "sources": dbttest.M{}})))
	var got []string
	for _, s := range p.Sources {
		for _, n := range s.Notes {
			got = append(got, s.Name+": "+n)
		}
		got = append(got, s.Name+": key "+s.Key.Why)
	}
	slices.Sort(got)
	want := []string{
		"orders: customer_email may hold a email too; a source has one column for each",
		"orders: each of these may be its time: placed_at, paid_at",
		"orders: key dbt tests that it is unique",
		"orders: no column is clearly the time of a row: add time: for events or updated_at: for records, and traits and windows can use it",
		"visits: key by its name alone: no test of dbt says that it is unique",
		"visits: rows change, too (updated_at): weir reads those of the last lookback: again, 3d if it says nothing",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCatalogFaults(t *testing.T) {
	dir := t.TempDir()
	if c, err := dbt.ReadCatalog(filepath.Join(dir, "none.json"), "x"); c != nil || err != nil || c.Columns("a") != nil {
		t.Errorf("%v, %v", c, err)
	}
	for name, data := range map[string]string{
		"cut": `{"metadata": {`, "other": string(dbttest.New(12, "duckdb").Manifest()), "shape": `{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"}, "nodes": []}`,
	} {
		path := filepath.Join(dir, "catalog.json")
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := dbt.ReadCatalog(path, "target/catalog.json"); !strings.HasPrefix(code(err), "dbt.catalog: target/catalog.json is not a catalog of dbt") {
			t.Errorf("%s: %s", name, code(err))
		}
	}
	if _, err := dbt.ReadCatalog(dir, "target"); !strings.HasPrefix(code(err), "dbt.catalog") {
		t.Error(code(err))
	}
}
