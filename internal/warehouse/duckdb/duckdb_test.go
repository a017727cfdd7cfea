//go:build cgo && !noduckdb

package duckdb

import (
	"path/filepath"
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest"
)

func open(t *testing.T, dir string) *store {
	t.Helper()
	w, err := kind{}.Open(warehouse.Config{Target: "dev", Dir: dir, Settings: map[string]string{"path": "shop.duckdb", "schema": "weir"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w.(*store)
}

func TestConformance(t *testing.T) {
	rows := 1_000_000
	if testing.Short() {
		rows = 20_000
	}
	warehousetest.Run(t, warehousetest.Options{Rows: rows}, func(t *testing.T) warehouse.Warehouse {
		w, err := kind{}.Open(warehouse.Config{Dir: t.TempDir(), Settings: map[string]string{"path": filepath.Join("shop it's.duckdb"), "memory_limit": "2GB", "threads": "2"}})
		if err != nil {
			t.Fatal(err)
		}
		return w
	})
}
