package casetest

import (
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb" // the kind that DuckDB asks for
)

// DuckDB is an empty warehouse in memory, or in a file of its own if the tests are thorough.
func DuckDB(t testing.TB) warehouse.Warehouse {
	t.Helper()
	kind, ok := warehouse.Lookup("duckdb")
	if !ok {
		t.Fatal("this build has no DuckDB: the cases need cgo")
	}
	var w warehouse.Warehouse
	var err error
	if in, ok := kind.(warehouse.Ephemeral); ok && !Thorough() {
		w, err = in.Memory("weir")
	} else {
		w, err = kind.Open(warehouse.Config{Target: "test", Dir: t.TempDir(), Settings: map[string]string{"path": "case.duckdb", "schema": "weir"}})
	}
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
