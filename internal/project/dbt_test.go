package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/dbt/dbttest"
)

// withDBT writes the base project with a project of dbt beside it, and a source over it.
func withDBT(t *testing.T, manifest []byte, source, settings string) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "weir")
	writeBase(t, dir, []fileData{{"dbt.yml", settings + "\nsources:\n  people:\n    " + source + "\n    key: id\n    updated_at: changed\n"},
		{"../dbt/dbt_project.yml", "name: jaffle_shop\n"}})
	if manifest != nil {
		writeBase(t, dir, []fileData{{"../dbt/target/manifest.json", string(manifest)}})
	}
	return dir
}

// TestDBTSource resolves sources through a manifest.
func TestDBTSource(t *testing.T) {
	sound := dbttest.New(12, "duckdb").Manifest()
	for name, c := range map[string]struct {
		manifest         []byte
		source, settings string
		table, want      string
	}{
		"ref":    {sound, "dbt: ref('customers')", "dbt: {project: ../dbt}", "main.customers", ""},
		"source": {sound, `dbt: "source('web', 'events')"`, "dbt: {project: ../dbt, manifest: target/manifest.json}", "raw.web_events", ""},
		"unknown": {sound, "dbt: ref('custmers')", "dbt: {project: ../dbt}", "", `dbt.yml:4:10: dbt's manifest has no ref('custmers')
     4 |     dbt: ref('custmers')
       |          ^^^^^^^^^^^^^^^
  did you mean ref('customers')? If it is new, run dbt parse
  dbt.unknown
`},
		"jinja": {sound, `dbt: "{{ ref('customers') }}"`, "dbt: {project: ../dbt}", "", `dbt.yml:4:10: this is Jinja, which weir does not run
     4 |     dbt: "{{ ref('customers') }}"
       |          ^^^^^^^^^^^^^^^^^^^^^^^^
  leave the braces out: ref('model'), ref('package', 'model'), ref('model', v=2) or source('source', 'table')
  dbt.reference
`},
		"two": {sound, "dbt: ref('customers')\n    table: a.b", "dbt: {project: ../dbt}", "a.b", `dbt.yml:4:5: source people has both table and dbt
     4 |     dbt: ref('customers')
       |     ^^^
  keep one of them
  models.too_many
`},
		"no manifest": {nil, "dbt: ref('customers')", "dbt: {project: ../dbt}", "", `dbt.yml:1:16: there is no ../dbt/target/manifest.json
     1 | dbt: {project: ../dbt}
       |                ^^^^^^
  let dbt write it: dbt parse, in the folder of the dbt project, for the target that weir works in
  dbt.no_manifest
`},
		"no folder": {sound, "dbt: ref('customers')", "dbt: {project: ../dtb}", "", `dbt.yml:1:16: there is no folder ../dtb
     1 | dbt: {project: ../dtb}
       |                ^^^^^^
  name the folder of dbt_project.yml, from the folder of weir.yml
  dbt.no_project
`},
		"no project": {sound, "dbt: ref('customers')", "", "", `dbt.yml:4:10: nothing says where dbt's project is, and it is not in the folder above
     4 |     dbt: ref('customers')
       |          ^^^^^^^^^^^^^^^^
  add dbt: {project: ../FOLDER} to weir.yml, with the folder of dbt_project.yml
  dbt.no_project
`},
		"other warehouse": {dbttest.New(12, "bigquery").Manifest(), "dbt: ref('customers')", "dbt: {project: ../dbt}", "", `dbt.yml:4:10: dbt wrote ../dbt/target/manifest.json for bigquery, and target dev is duckdb: the names of tables differ
     4 |     dbt: ref('customers')
       |          ^^^^^^^^^^^^^^^^
  let dbt write it for the warehouse of target dev: dbt parse --target NAME
  dbt.other_warehouse
`},
		"broken": {sound[:100], "dbt: ref('customers')", "dbt:\n  project: ../dbt\n  manifest: target/manifest.json", "", `dbt.yml:3:13: ../dbt/target/manifest.json is not a manifest of dbt (line 6, column 22)
     3 |   manifest: target/manifest.json
       |             ^^^^^^^^^^^^^^^^^^^^
  name dbt's own file, usually target/manifest.json; if it was cut off, run dbt parse to write it again
  dbt.manifest
`},
	} {
		t.Run(name, func(t *testing.T) {
			p, fs := Load(withDBT(t, c.manifest, c.source, c.settings), "")
			if got := render(fs); got != c.want {
				t.Error(cmp.Diff(c.want, got))
			}
			if s := p.Model.Source("people"); s == nil || s.Table != c.table {
				t.Errorf("%+v, want %s", s, c.table)
			}
		})
	}
}

// TestDBTInside holds that a project of dbt inside of weir's folder is not read as weir's, that
// weir's may lie inside of dbt's, and that tables in two databases of DuckDB are refused.
func TestDBTInside(t *testing.T) {
	dir := t.TempDir()
	writeBase(t, dir, []fileData{
		{"dbt.yml", "dbt: {project: shop_dbt}\nsources:\n  people: {dbt: ref('customers'), key: id, updated_at: changed}\n"},
		{"shop_dbt/dbt_project.yml", "name: jaffle_shop\n"}, {"shop_dbt/models/schema.yml", "version: 2\nmodels: []\n"},
		{"shop_dbt/target/manifest.json", string(dbttest.New(11, "duckdb").Manifest())},
	})
	if _, fs := Load(dir, ""); len(fs) > 0 {
		t.Error(render(fs))
	}
	top := t.TempDir()
	inner := filepath.Join(top, "weir")
	two := dbttest.New(12, "duckdb")
	two.Nodes["model.jaffle_shop.orders"]["database"] = "other"
	writeBase(t, inner, []fileData{
		{"dbt.yml", "sources:\n  people: {dbt: ref('customers'), key: id, updated_at: changed}\n"},
		{"../dbt_project.yml", "name: jaffle_shop\n"}, {"../target/manifest.json", string(two.Manifest())},
	})
	p, fs := Load(inner, "")
	if len(fs) > 0 {
		t.Error(render(fs))
	}
	was := p.Hash
	// The table that dbt makes is part of what decides what is sent.
	moved := strings.ReplaceAll(string(two.Manifest()), `\"main\".\"customers\"`, `\"prod\".\"customers\"`)
	if err := os.WriteFile(filepath.Join(top, "target", "manifest.json"), []byte(moved), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, _ := Load(inner, ""); p.Hash == was || p.Model.Source("people").Table != "prod.customers" {
		t.Errorf("the hash is the same: %s", p.Model.Source("people").Table)
	}
	writeBase(t, inner, []fileData{{"more.yml", "sources:\n  buys: {dbt: ref('orders'), key: id, time: at}\n"}})
	if _, fs := Load(inner, ""); !strings.Contains(render(fs), "ref('orders') lies in the database other, and others in jaffle: weir opens one file") {
		t.Error(render(fs))
	}
}

// TestDBTProfile connects a target by a profile of dbt.
func TestDBTProfile(t *testing.T) {
	const secret = "hunter2"
	profiles := "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: \"{{ env_var('SHOP_DB', 'shop') }}.duckdb\", token: " + secret + "}\n    warm: {type: postgres, host: h, user: u, dbname: d, pass: " + secret + "}\n    odd: {type: duckdb, path: \"{{ var('x') }}\"}\n"
	load := func(t *testing.T, target string) (*Project, string) {
		t.Helper()
		t.Setenv("HOME", t.TempDir())
		top := t.TempDir()
		dir := filepath.Join(top, "weir")
		writeBase(t, dir, []fileData{
			{"weir.yml", "project: shop\ntimezone: Europe/Paris\ndbt: {project: ../dbt}\ntargets:\n  prod: {" + target + "}\n"},
			{"../dbt/dbt_project.yml", "name: jaffle_shop\n"}, {"../dbt/profiles.yml", profiles},
		})
		p, fs := Load(dir, "")
		return p, render(fs)
	}
	p, got := load(t, "dbt_profile: shop, send: sandbox, memory: 1GB")
	if got != "" || p.Target.Type != "duckdb" {
		t.Fatalf("%+v\n%s", p.Target, got)
	}
	cfg, err := p.WarehouseConfig()
	if want := map[string]string{"path": "../dbt/shop.duckdb", "schema": "weir", "memory": "1GB", "token": ""}; err != nil || cmp.Diff(want, cfg.Settings) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(want, cfg.Settings))
	}
	t.Setenv("SHOP_DB", "other")
	if cfg, err := p.WarehouseConfig(); err != nil || cfg.Settings["path"] != "../dbt/other.duckdb" {
		t.Error(cfg.Settings, err)
	}
	if q, _ := load(t, "dbt_profile: shop, path: mine.duckdb"); q.Hash == p.Hash {
		t.Error("a setting of the target does not change the hash")
	} else if cfg, _ := q.WarehouseConfig(); cfg.Settings["path"] != "mine.duckdb" {
		t.Error("a setting of the target does not go before the profile's")
	}
	for target, want := range map[string]string{
		"dbt_profile: shpo": `weir.yml:5:23: ../dbt/profiles.yml has no profile "shpo"
     5 |   prod: {dbt_profile: shpo}
       |                       ^^^^
  did you mean "shop"?
  dbt.unknown_profile
`,
		"dbt_profile: shop, dbt_target: deb": `weir.yml:5:41: profile shop of ../dbt/profiles.yml has no output "deb"
     5 |   prod: {dbt_profile: shop, dbt_target: deb}
       |                                         ^^^
  did you mean "dev"?
  dbt.unknown_target
`,
		"dbt_profile: shop, dbt_target: odd": `../dbt/profiles.yml:6:31: this is Jinja, of which weir knows env_var only
  write the value itself or {{ env_var('NAME') }}, or set the variable
  dbt.jinja
`,
		"dbt_profile: shop, type: postgres": `weir.yml:5:35: target prod is postgres, and its profile of dbt is duckdb
     5 |   prod: {dbt_profile: shop, type: postgres}
       |                                   ^^^^^^^^
  take type out: the profile says it
  dbt.other_warehouse
`,
		"dbt_profile: shop, dbt_target: warm": `weir.yml:5:9: unknown kind of warehouse "postgres"
     5 |   prod: {dbt_profile: shop, dbt_target: warm}
       |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  use one of: duckdb, limited
  project.unknown_warehouse
`,
		"type: duckdb, path: x, dbt_target: dev": `weir.yml:5:33: target prod names an output of dbt and no profile
     5 |   prod: {type: duckdb, path: x, dbt_target: dev}
       |                                 ^^^^^^^^^^
  add dbt_profile: with the name of the profile
  dbt.no_profile
`,
		"send: live": `weir.yml:5:3: targets.prod has no "type"
     5 |   prod: {send: live}
       |   ^^^^
  add type: …
  yaml.missing_key
`,
	} {
		if _, got := load(t, target); got != want || strings.Contains(got, secret) {
			t.Errorf("%s: %s", target, cmp.Diff(want, got))
		}
	}
}
