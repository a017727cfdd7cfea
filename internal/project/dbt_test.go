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
