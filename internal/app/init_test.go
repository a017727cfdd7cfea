package app

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/dbt/dbttest"
	"github.com/weir-data/weir/models/diag"
)

// TestInitFromDBTIsValid invents projects of dbt, with names and types of every kind: whatever is
// proposed from them has no findings, not even warnings, and without people nothing is written.
func TestInitFromDBTIsValid(t *testing.T) {
	tables := strings.Fields("customers stg_customers raw_customers users dim_people contacts leads orders stg_orders fct_order_items visits on null build 2024_sales Orders Ünï plan epochs customer_orders a-b newsletter__signups")
	columns := strings.Fields("id ID email Email login_email EMAIL_ADDRESS agent_email phone mobile customer_id CUSTOMER_ID user_id created_by_user_id contact_uuid order_id visit_id cookie_id anonymous_id profile_id anonymous select on null true created_at updated_at ordered_at order_date birth_date first_name address amount tags json_blob _loaded_at dbt_valid_from user-id Zeit")
	types := []string{"INTEGER", "VARCHAR", "TIMESTAMP", "DATE", "BOOLEAN", "DECIMAL(18,3)", "VARCHAR[]", "STRUCT(a INTEGER)", "JSON", ""}
	proposed := 0
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := &dbttest.Shop{Version: 10 + r.IntN(3), Adapter: "duckdb", Nodes: map[string]dbttest.M{}, Sources: map[string]dbttest.M{}, Off: map[string][]dbttest.M{}}
		known := dbttest.M{}
		var ids []string
		for i := range 1 + r.IntN(8) {
			name, kind := tables[r.IntN(len(tables))], []string{"model", "model", "seed", "snapshot", "source"}[r.IntN(5)]
			id := fmt.Sprintf("%s.p%d.%s", kind, i%2, name)
			cols, described := dbttest.M{}, dbttest.M{}
			for j := range 1 + r.IntN(8) {
				c := columns[r.IntN(len(columns))]
				cols[c] = dbttest.M{"name": c, "type": types[r.IntN(len(types))], "index": j}
				described[c] = dbttest.M{"name": c, "description": "x"}
				for _, test := range []string{"unique", "not_null"} {
					if r.IntN(3) == 0 {
						tid := fmt.Sprintf("test.p0.%s_%d_%s_%s", test, i, name, c)
						s.Nodes[tid] = dbttest.M{"unique_id": tid, "resource_type": "test", "column_name": c, "test_metadata": dbttest.M{"name": test, "kwargs": dbttest.M{"column_name": c}}, "depends_on": dbttest.M{"nodes": []string{id}}}
					}
				}
				if len(ids) > 0 && r.IntN(4) == 0 {
					to := ids[r.IntN(len(ids))]
					short := to[strings.LastIndexByte(to, '.')+1:]
					tid := fmt.Sprintf("test.p0.relationships_%d_%s_%s", i, name, c)
					s.Nodes[tid] = dbttest.M{"unique_id": tid, "resource_type": "test", "column_name": c,
						"test_metadata": dbttest.M{"name": "relationships", "kwargs": dbttest.M{"column_name": c, "to": "ref('" + short + "')", "field": columns[r.IntN(len(columns))]}}, "depends_on": dbttest.M{"nodes": []string{to, id}}}
				}
			}
			n := dbttest.M{"unique_id": id, "resource_type": kind, "package_name": fmt.Sprintf("p%d", i%2), "name": name, "alias": name, "schema": "main", "database": "db", "description": "It's \"all\": {x} #1\n${env:NOPE}",
				"relation_name": `"db"."main"."` + name + `"`, "columns": described, "depends_on": dbttest.M{"nodes": append([]string{}, ids[:r.IntN(len(ids)+1)]...)}, "loaded_at_field": "updated_at", "freshness": dbttest.M{"error_after": dbttest.M{"count": 1 + r.IntN(50), "period": []string{"minute", "hour", "day"}[r.IntN(3)]}}}
			if kind == "source" {
				n["source_name"], n["identifier"] = "web", name
				s.Sources[id] = n
			} else {
				s.Nodes[id] = n
			}
			if r.IntN(4) > 0 {
				known[id] = dbttest.M{"unique_id": id, "columns": cols}
			}
			ids = append(ids, id)
		}
		dir := t.TempDir()
		put := func(name string, text []byte) {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		put("dbt/dbt_project.yml", []byte("name: p0\nprofile: p0\n"))
		put("dbt/profiles.yml", []byte("p0: {target: dev, outputs: {dev: {type: duckdb, path: x.duckdb}}}\n"))
		put("dbt/target/manifest.json", s.Manifest())
		if r.IntN(3) > 0 {
			put("dbt/target/catalog.json", dbttest.Encode(dbttest.M{"metadata": dbttest.M{"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"}, "nodes": known, "sources": known}))
		}
		crm := filepath.Join(dir, "crm")
		res, err := InitFromDBT(t.Context(), crm, filepath.Join(dir, "dbt"))
		var e *Error
		if errors.As(err, &e) && e.Code == "init.no_people" {
			if _, err := os.Stat(crm); err == nil {
				t.Errorf("seed %d: something was written", seed)
			}
			continue
		}
		if err == nil {
			proposed++
			var a *App
			var fs []diag.Finding
			if a, fs, err = Load(t.Context(), Options{Dir: crm, Offline: true}); err == nil {
				err = a.Close()
			}
			for _, f := range fs {
				err = errors.Join(err, fmt.Errorf("%s:%d: %s (%s)", f.File, f.Line, f.What, f.Code))
			}
		} else if e != nil {
			for _, f := range e.Findings {
				err = errors.Join(err, fmt.Errorf("%s:%d: %s (%s)", f.File, f.Line, f.What, f.Code))
			}
		}
		if err != nil {
			text, _ := os.ReadFile(filepath.Join(crm, "sources.yml"))
			people, _ := os.ReadFile(filepath.Join(crm, "people.yml"))
			t.Fatalf("seed %d: %v\n%+v\n%s\n%s", seed, err, res, text, people)
		}
	}
	if proposed < 40 {
		t.Errorf("only %d projects were proposed", proposed)
	}
}
