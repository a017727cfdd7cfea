//go:build cgo && !noduckdb

package duckdb

import (
	"path/filepath"
	"testing"
)

func TestEstimate(t *testing.T) {
	w := open(t, t.TempDir())
	run(t, w, "CREATE TABLE t AS SELECT range AS x FROM range(100000)")
	ws, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	s := ws.(*session)
	for sql, rows := range map[string]int64{"SELECT x FROM t": 100_000, "SELECT count(*) AS n FROM t": 1, "SELECT x FROM t LIMIT 7": -1, "CREATE TABLE u AS SELECT x FROM t": 100_000} {
		if e, err := s.Estimate(t.Context(), sql); err != nil || e.Bytes != -1 || e.Rows != rows {
			t.Errorf("%s: %+v, %v", sql, e, err)
		}
	}
	for _, bad := range []string{"", "SELECT 1; DROP TABLE t", "ANALYZE SELECT 1", "SELECT * FROM nowhere"} {
		if e, err := s.Estimate(t.Context(), bad); err == nil {
			t.Errorf("%q: %+v", bad, e)
		}
	}
	if tables, err := s.Tables(t.Context(), "main"); err != nil || len(tables) != 1 {
		t.Errorf("tables %v, %v", tables, err)
	}
	rights, err := s.Rights(t.Context(), nil)
	if err != nil || len(rights) != 2 || !rights[0].Held || !rights[1].Held {
		t.Errorf("rights %+v, %v", rights, err)
	}
	gone := fileRights(filepath.Join(t.TempDir(), "no such folder", "shop.duckdb"), "shop.duckdb")
	if len(gone) != 1 || gone[0].Held || gone[0].Grant == "" {
		t.Errorf("rights %+v", gone)
	}
}
