package casetest

import (
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb" // the kind that DuckDB asks for
)

// DuckDB is an empty warehouse in a file of its own.
func DuckDB(t testing.TB) warehouse.Warehouse {
	t.Helper()
	kind, ok := warehouse.Lookup("duckdb")
	if !ok {
		t.Fatal("this build has no DuckDB: the cases need cgo")
	}
	w, err := kind.Open(warehouse.Config{Target: "test", Dir: t.TempDir(), Settings: map[string]string{"path": "case.duckdb", "schema": "weir"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}
