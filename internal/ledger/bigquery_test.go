//go:build cgo && !noduckdb && unix

package ledger

import (
	"slices"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/bigquery" // the kind that is tested
	"github.com/weir-data/weir/internal/warehouse/warehousetest/bqtest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

// TestOnBigQuery puts the same rules to BigQuery's emulator: all of them in the thorough tests, else a few.
func TestOnBigQuery(t *testing.T) {
	if !casetest.Whole() {
		outside.LeaveOut(t, "BigQuery's emulator is slow; make test-warehouses runs these")
	}
	t.Setenv("WEIR_LEDGER_WORLDS", "1")
	server := bqtest.Start(t)
	open := openWarehouse
	defer func() { openWarehouse = open }()
	openWarehouse = func(t testing.TB) warehouse.Warehouse {
		t.Helper()
		settings := server.Settings()
		settings["dataset"] = "weir"
		w := bqtest.Open(t, settings)
		bqtest.Empty(t, w, "weir", "shop")
		return w
	}
	for name, test := range rules {
		switch {
		case name == "kept", name == "preview", name == "open plans": // their own SQL asks the catalogue by names as DuckDB and PostgreSQL have them
		case name == "lists": // its own SQL makes lists as those have them
		case casetest.Thorough() || slices.Contains([]string{"verdicts", "lease", "harmful", "what is sent", "jobs", "halves", "reformatted keys"}, name):
			t.Run(name, test)
		}
	}
}
