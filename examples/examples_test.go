//go:build cgo && !noduckdb && unix

package examples_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/bqtest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/sftest"
)

func TestPostgres(t *testing.T) {
	outside.Find(t, "psql")
	dsn := pgtest.Start(t)
	readme(t, "postgres", []string{"PGHOST=" + pgtest.Dir(dsn), "PGUSER=weir"}, nil)
}

func TestDBT(t *testing.T) { readme(t, "dbt", nil, nil) }

func TestSnowflake(t *testing.T) {
	whole(t)
	settings := sftest.Start(t).Settings()
	settings["database"], settings["password"] = "RETAIL", "${env:STANDIN_PASSWORD}"
	standin := fmt.Sprintf("weir:weir@127.0.0.1:%s/RETAIL?account=fakesnow&protocol=http", settings["port"])
	readme(t, "snowflake", []string{"STANDIN=" + standin, "STANDIN_PASSWORD=weir"}, func(t *testing.T, dir string) { retarget(t, dir, "snowflake", settings) })
}

func TestBigQuery(t *testing.T) {
	whole(t)
	settings := bqtest.Start(t).Settings()
	env := []string{"STANDIN=" + settings["endpoint"]}
	readme(t, "bigquery", env, func(t *testing.T, dir string) { retarget(t, dir, "bigquery", settings) })
}

// whole skips a test on a slow stand-in unless all is asked for.
func whole(t *testing.T) {
	t.Helper()
	if os.Getenv("WEIR_WAREHOUSES") != "all" && os.Getenv("WEIR_THOROUGH") == "" {
		outside.LeaveOut(t, "a stand-in for the warehouse is slow; make test-warehouses runs it")
	}
}

// devTarget is the line of a project's target dev.
var devTarget = regexp.MustCompile(`(?m)^  dev: .*$`)

// retarget points the target dev of a copy at a stand-in. The text as it was must be a good one, too:
// the project is checked with it first.
func retarget(t *testing.T, dir, kind string, settings map[string]string) {
	t.Helper()
	out, said, err := newShell(t, dir, []string{"SCHOOL_PROJECT=my-school"}).run("weir validate")
	if err != nil {
		t.Fatalf("the project as it is: %v\n%s%s", err, out, said)
	}
	parts := []string{"type: " + kind, "send: sandbox"}
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		parts = append(parts, fmt.Sprintf("%s: %q", k, settings[k]))
	}
	path := filepath.Join(dir, "weir.yml")
	text, err := os.ReadFile(path)
	if err != nil || len(devTarget.FindAll(text, -1)) != 1 {
		t.Fatalf("%s has no target dev on one line: %v", path, err)
	}
	text = devTarget.ReplaceAllLiteral(text, []byte("  dev: {"+strings.Join(parts, ", ")+"}"))
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
