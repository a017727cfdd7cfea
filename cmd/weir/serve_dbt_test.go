package main_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServeFollowsDBT moves the table of a model in dbt's manifest, cuts the manifest off, and mends
// it, while weir serves what comes from it.
func TestServeFollowsDBT(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	manifest := func(table string) string {
		return `{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.10.2", "project_name": "shop", "adapter_type": "duckdb"},
 "nodes": {"model.shop.people": {"unique_id": "model.shop.people", "resource_type": "model", "package_name": "shop", "name": "people", "alias": "people", "database": "p", "schema": "main", "relation_name": "\"p\".\"main\".\"` + table + `\"", "config": {"materialized": "table"}}},
 "sources": {}, "disabled": {}}`
	}
	profiles := func(output string) string {
		return "shop:\n  target: dev\n  outputs:\n    " + output + ": {type: duckdb, path: p.duckdb}\n"
	}
	write("dbt/dbt_project.yml", "name: shop\n")
	write("dbt/profiles.yml", profiles("dev"))
	write("dbt/target/manifest.json", manifest("people"))
	write("weir/weir.yml", strings.NewReplacer(
		"{type: duckdb, path: p.duckdb, threads: 1, send: sandbox}", "{dbt_profile: shop, threads: 1, send: sandbox}\ndbt: {project: ../dbt}",
		"table: main.people", "dbt: ref('people')",
		"  later: {segment: all, destination: klaviyo, object: list, into: Later, match: {email: email}, after: mail}\n", "", "every: 1s", "every: 2s").Replace(served))
	db := exec.Command("duckdb", filepath.Join(dir, "dbt", "p.duckdb"), "create table people as select 'c' || i as id, 'p' || i || '@example.com' as email, true as may_mail, timestamp '2026-01-01' as changed_at from range(20) t(i)",
		"create table people_v2 as select 'c' || i as id, 'p' || i || '@example.com' as email, true as may_mail, timestamp '2026-01-01' as changed_at from range(23) t(i)", "select 1")
	if out, err := db.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := exec.Command("weir", "serve", "-p", filepath.Join(dir, "weir"), "--listen", "127.0.0.1:0", "--log", "json")
	c.Env = append(os.Environ(), "NO_COLOR=1", "HOME="+dir, "DBT_PROFILES_DIR=")
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.AfterFunc(10*time.Minute, func() { _ = c.Process.Kill() })
	defer deadline.Stop()
	var all strings.Builder
	lines := bufio.NewScanner(log)
	until := func(parts ...string) {
		t.Helper()
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
			found := true
			for _, p := range parts {
				found = found && strings.Contains(lines.Text(), p)
			}
			if found {
				return
			}
		}
		t.Fatalf("no line with %q in the log:\n%s", parts, all.String())
	}
	until(`"msg":"ran"`, `"sync":"mail"`, `"status":"ok"`, `"added":20`)
	whole := manifest("people_v2")
	write("dbt/target/manifest.json", whole[:len(whole)/2]) // as while dbt writes it
	until("dbt.manifest")
	until(`"msg":"kept the project as it was"`)
	write("dbt/target/manifest.json", whole)
	until(`"msg":"reloaded"`)
	until(`"msg":"ran"`, `"sync":"mail"`, `"status":"ok"`, `"added":3`)
	write("dbt/profiles.yml", profiles("prod"))
	until("dbt.unknown_target")
	until(`"msg":"kept the project as it was"`)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(`"msg":"stopped"`)
	_ = c.Wait() // the signal is its exit code
}
