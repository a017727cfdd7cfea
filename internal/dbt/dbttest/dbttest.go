// Package dbttest invents what dbt leaves behind, for tests: manifests of any version and a
// catalog, of a small shop with everything that makes resolving hard. The shapes are those that
// dbt 1.0 to 1.10 write; names and rows are invented.
package dbttest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// made is dbt's key for what it makes of a model.
const made = "materialized" //nolint:misspell // its spelling

// M is a JSON object.
type M = map[string]any

// Shop is what a manifest is made of. Change it before Manifest.
type Shop struct {
	Version int    // of the manifest's schema
	Adapter string // duckdb, postgres, bigquery or snowflake
	Nodes   map[string]M
	Sources map[string]M
	Off     map[string][]M
}

// New returns the shop: seeds, staging views, two tables, a snapshot, a versioned model, an
// ephemeral one, one that is switched off, a package that has a model of the same name and two
// that share one, two sources, and generic tests.
func New(version int, adapter string) *Shop {
	s := &Shop{Version: version, Adapter: adapter, Nodes: map[string]M{}, Sources: map[string]M{}, Off: map[string][]M{}}
	for _, n := range []string{"raw_customers", "raw_orders", "raw_payments"} {
		s.add("seed", "jaffle_shop", n, "seed", nil)
	}
	for _, n := range []string{"stg_customers", "stg_orders", "stg_payments"} {
		s.add("model", "jaffle_shop", n, "view", []string{strings.Replace(n, "stg_", "seed.jaffle_shop.raw_", 1)})
	}
	s.add("model", "jaffle_shop", "customers", "table", []string{"model.jaffle_shop.stg_customers", "model.jaffle_shop.stg_orders"},
		"customer_id", "first_name", "last_name", "email", "first_order", "number_of_orders")
	s.add("model", "jaffle_shop", "orders", "table", []string{"model.jaffle_shop.stg_orders", "model.jaffle_shop.order_payments"},
		"order_id", "customer_id", "ordered_at", "status", "amount")
	s.add("model", "jaffle_shop", "order_payments", "ephemeral", nil)
	s.add("snapshot", "jaffle_shop", "customers_history", "snapshot", nil)
	s.add("model", "web_pack", "customers", "table", nil)
	s.add("model", "web_pack", "sessions", "table", nil)
	s.add("model", "app_pack", "sessions", "table", nil)
	if version >= 9 { // versions of models came with dbt 1.5
		for _, v := range []int{1, 2} {
			n := s.add("model", "jaffle_shop", "refunds", "table", nil)
			delete(s.Nodes, "model.jaffle_shop.refunds")
			id := fmt.Sprintf("model.jaffle_shop.refunds.v%d", v)
			n["unique_id"], n["version"], n["latest_version"] = id, v, 2
			s.name(n, "", fmt.Sprintf("refunds_v%d", v))
			s.Nodes[id] = n
		}
	}
	old := s.add("model", "jaffle_shop", "customers_old", "table", nil)
	delete(s.Nodes, "model.jaffle_shop.customers_old")
	old["config"].(M)["enabled"] = false
	s.Off["model.jaffle_shop.customers_old"] = []M{old}

	s.source("web", "events", "web_events")
	s.source("web", "carts", "carts")
	s.source("shop", "payments", "payments")

	for _, t := range [][3]string{{"unique", "customers", "customer_id"}, {"not_null", "customers", "customer_id"}, {"unique", "orders", "order_id"}, {"not_null", "orders", "order_id"}, {"not_null", "orders", "customer_id"}} {
		s.test(t[0], "model.jaffle_shop."+t[1], t[2], nil)
	}
	s.test("relationships", "model.jaffle_shop.orders", "customer_id", M{"to": "ref('customers')", "field": "customer_id"}, "model.jaffle_shop.customers")
	s.test("unique", "source.jaffle_shop.web.events", "event_id", nil)
	s.test("not_null", "source.jaffle_shop.web.events", "event_id", nil)
	return s
}

// add makes a node.
func (s *Shop) add(kind, pack, name, as string, uses []string, columns ...string) M {
	id := kind + "." + pack + "." + name
	cols := M{}
	for _, c := range columns {
		cols[c] = M{"name": c, "description": "", "meta": M{}, "data_type": nil, "tags": []any{}}
	}
	n := M{
		"unique_id": id, "resource_type": kind, "package_name": pack, "name": name, "alias": name,
		"fqn": []any{pack, name}, "path": name + ".sql", "original_file_path": "models/" + name + ".sql",
		"config":     M{"enabled": true, made: as, "tags": []any{}, "meta": M{}},
		"columns":    cols,
		"tags":       []any{},
		"meta":       M{},
		"depends_on": M{"nodes": uses, "macros": []any{}}, "description": "",
	}
	if s.Version >= 9 {
		n["version"], n["latest_version"] = nil, nil
	}
	s.name(n, "main", name)
	if as == "ephemeral" {
		n["relation_name"] = nil
	}
	s.Nodes[id] = n
	return n
}

// name gives a node its place in the warehouse, spelled as the warehouse's adapter does.
func (s *Shop) name(n M, schema, table string) {
	if schema == "" {
		schema = n["schema"].(string)
	}
	database := "jaffle"
	n["database"], n["schema"] = database, schema
	if n["resource_type"] == "source" {
		n["identifier"] = table
	} else {
		n["alias"] = table
	}
	quote := map[string]string{"bigquery": "`", "snowflake": ""}
	q, ok := quote[s.Adapter]
	if !ok {
		q = `"`
	}
	n["relation_name"] = q + database + q + "." + q + schema + q + "." + q + table + q
}

func (s *Shop) source(of, name, table string) {
	id := "source.jaffle_shop." + of + "." + name
	n := M{
		"unique_id": id, "resource_type": "source", "package_name": "jaffle_shop", "source_name": of, "name": name,
		"loaded_at_field": nil, "freshness": M{"warn_after": M{"count": nil, "period": nil}, "error_after": M{"count": nil, "period": nil}},
		"config": M{"enabled": true}, "columns": M{}, "tags": []any{}, "meta": M{}, "external": nil, "description": "",
	}
	if of == "web" {
		n["loaded_at_field"] = "seen_at"
		n["freshness"] = M{"warn_after": M{"count": 12, "period": "hour"}, "error_after": M{"count": 2, "period": "day"}}
	}
	s.name(n, "raw", table)
	s.Sources[id] = n
}

func (s *Shop) test(name, of, column string, kwargs M, uses ...string) {
	short := of[strings.LastIndexByte(of, '.')+1:]
	id := "test.jaffle_shop." + name + "_" + short + "_" + column + ".0123456789"
	args := M{"column_name": column, "model": "{{ get_where_subquery(ref('" + short + "')) }}"}
	for k, v := range kwargs {
		args[k] = v
	}
	s.Nodes[id] = M{
		"unique_id": id, "resource_type": "test", "package_name": "jaffle_shop", "name": name + "_" + short + "_" + column, "column_name": column,
		"test_metadata": M{"name": name, "kwargs": args, "namespace": nil},
		"depends_on":    M{"nodes": append(uses, of), "macros": []any{}},
		"config":        M{"enabled": true, made: "test"}, "columns": M{}, "tags": []any{},
	}
}

// Manifest encodes the shop as dbt writes it.
func (s *Shop) Manifest() []byte {
	meta := M{
		"dbt_schema_version": fmt.Sprintf("https://schemas.getdbt.com/dbt/manifest/v%d.json", s.Version),
		"dbt_version":        fmt.Sprintf("1.%d.0", min(max(s.Version-4, 0), 8)),
		"adapter_type":       s.Adapter,
	}
	if s.Version >= 10 {
		meta["project_name"] = "jaffle_shop"
	}
	return Encode(M{"metadata": meta, "nodes": s.Nodes, "sources": s.Sources, "disabled": s.Off, "macros": M{}, "docs": M{}, "exposures": M{}, "metrics": M{}, "parent_map": M{}, "child_map": M{}})
}

// Catalog encodes a catalog of the shop's tables, with types as the warehouse calls them.
func (s *Shop) Catalog(types map[string]string) []byte {
	table := func(id string, columns ...string) M {
		cols := M{}
		for i, c := range columns {
			typ := "VARCHAR"
			switch {
			case strings.HasSuffix(c, "_id") || strings.HasPrefix(c, "number_"):
				typ = "INTEGER"
			case c == "amount":
				typ = "DECIMAL(18,2)"
			case strings.HasSuffix(c, "_at"):
				typ = "TIMESTAMP WITH TIME ZONE"
			case c == "first_order":
				typ = "DATE"
			}
			if t := types[c]; t != "" {
				typ = t
			}
			cols[c] = M{"name": c, "type": typ, "index": i + 1, "comment": nil}
		}
		return M{"unique_id": id, "metadata": M{"type": "BASE TABLE", "schema": "main", "name": "x", "database": "jaffle"}, "columns": cols, "stats": M{}}
	}
	return Encode(M{
		"metadata": M{"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"},
		"nodes": M{
			"model.jaffle_shop.customers":     table("model.jaffle_shop.customers", "customer_id", "first_name", "last_name", "email", "phone", "marketing_opt_in", "first_order", "number_of_orders", "updated_at"),
			"model.jaffle_shop.orders":        table("model.jaffle_shop.orders", "order_id", "customer_id", "ordered_at", "status", "amount"),
			"model.jaffle_shop.stg_customers": table("model.jaffle_shop.stg_customers", "customer_id", "first_name", "last_name", "email"),
			"model.jaffle_shop.stg_orders":    table("model.jaffle_shop.stg_orders", "order_id", "customer_id", "order_date", "status"),
		},
		"sources": M{"source.jaffle_shop.web.events": table("source.jaffle_shop.web.events", "event_id", "cookie_id", "login_email", "page", "seen_at")},
		"errors":  nil,
	})
}

// Encode writes a value as dbt writes its files.
func Encode(v any) []byte {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		panic(err) // maps, lists and texts can be encoded
	}
	return b
}
