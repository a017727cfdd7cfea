//go:build unix

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	_ "github.com/weir-data/weir/internal/warehouse/postgres"
	"github.com/weir-data/weir/models/diag"
)

// TestNamesHaveRoom: names of entities and sources that leave no room for the names of tables are a
// finding for the targets that cut names, and every table has room where there is none.
func TestNamesHaveRoom(t *testing.T) {
	load := func(target, entity, source string) []diag.Finding {
		t.Helper()
		dir := t.TempDir()
		text := fmt.Sprintf(`
project: shop
targets: {dev: %s}
sources: {%s: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {email: email}}}
entities: {%s: {identity: {identifiers: {email: {}}, from: [%s]}}}
`, target, source, entity, source)
		if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		a, found, err := Load(t.Context(), Options{Dir: dir, Offline: true})
		if err == nil {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
		return found
	}
	const pg = `{type: postgres, dsn: "${env:WEIR_TEST_DSN}", send: sandbox}`
	d := dialect.Postgres()
	fits := func(name rel.Name) bool {
		_, err := d.Statement(rel.DropTable{Name: name})
		return err == nil
	}
	for _, source := range []int{1, 3, 5, 20} {
		longest := 0
		for n := 1; n <= 40; n++ {
			entity, crm := strings.Repeat("e", n), strings.Repeat("s", source)
			found := load(pg, entity, crm)
			if len(found) > 0 {
				f := found[0]
				if len(found) != 1 || f.Code != "project.long_name" || f.Line == 0 || !strings.Contains(f.What, "63 bytes") || !strings.Contains(f.Fix, "shorter") {
					t.Errorf("an entity of %d characters: %+v", n, found)
				}
				continue
			}
			longest = n
			what := append([]string{compile.Owners(crm), compile.Combos(crm)}, compile.BuildTables...)
			for _, w := range what {
				for _, part := range []string{"", "_base", "_delta", "_patch"} {
					layered := strings.HasPrefix(w, compile.Combos("")) || w == compile.Nodes || w == compile.Clusters || w == compile.Merges
					if part != "" && !layered {
						continue
					}
					for _, b := range []compile.Build{{Schema: "weir", ID: "looked_at", Scratch: true}, {Schema: "weir", ID: "01234567", Scratch: true}, {Schema: "weir", ID: "9999999"}} {
						if name := b.Table(entity, w+part); !fits(name) {
							t.Fatalf("%s has no room, and no finding says so", name[1])
						}
					}
				}
			}
		}
		if want := min(26, 31-source); longest != want {
			t.Errorf("with a source of %d characters an entity may have %d, want %d", source, longest, want)
		}
	}
	for _, target := range []string{"{type: duckdb, path: shop.duckdb, send: sandbox}"} {
		if found := load(target, strings.Repeat("e", 40), strings.Repeat("s", 40)); len(found) > 0 {
			t.Errorf("%s: %+v", target, found)
		}
	}
}
