//go:build cgo && !noduckdb

package duckdb

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

func TestNoSpace(t *testing.T) {
	err := clean(fmt.Errorf("flushing: %w", &duckdb.Error{Type: duckdb.ErrorTypeIO, Msg: `IO Error: Could not write file "/x/shop.duckdb.wal": No space left on device`}))
	if !errors.Is(err, warehouse.ErrNoSpace) {
		t.Errorf("error is %v", err)
	}
	// For real, where a small file system can be made.
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		outside.LeaveOut(t, fmt.Sprintf("no small file system can be made: %v", err))
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	w := open(t, dir)
	run(t, w, "CREATE TABLE first AS SELECT 1 AS x")
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exec(t.Context(), "CREATE TABLE big AS SELECT range AS a, hash(range) AS b, hash(range + 1)::VARCHAR AS c FROM range(2000000)"); !errors.Is(err, warehouse.ErrNoSpace) {
		t.Errorf("error is %v", err)
	}
	s.Close()
	w.Close()
	run(t, w, "SELECT * FROM first") // nothing is lost
}
