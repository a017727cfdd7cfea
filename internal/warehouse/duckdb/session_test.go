//go:build cgo && !noduckdb

package duckdb

import (
	"fmt"
	"sync"
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
)

// The engine prepares a statement for the values that there are. What a session reads while another
// one writes is one of the rows that were written, and never one made of neither.
func TestReadsWhatOthersWrite(t *testing.T) {
	w := open(t, t.TempDir())
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	do := func(q string) {
		t.Helper()
		if _, err := s.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	written := map[string]bool{" 0": true, "somewhere 123456": true}
	for round := range rounds {
		do("CREATE OR REPLACE TABLE main.who AS SELECT '' AS host, CAST(0 AS BIGINT) AS pid")
		var readers sync.WaitGroup
		begun := make(chan struct{})
		for range 3 {
			readers.Go(func() {
				r, err := w.Session(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer r.Close()
				<-begun
				for range 3 {
					for row, err := range r.Query(t.Context(), "SELECT host, pid FROM main.who ORDER BY pid DESC LIMIT 1") {
						if err != nil {
							t.Error(err)
						} else if got := fmt.Sprintf("%v %v", row[0], row[1]); !written[got] {
							t.Errorf("round %d: read %q, which nobody wrote", round, got)
						}
					}
				}
			})
		}
		close(begun)
		do("UPDATE main.who SET host = 'somewhere', pid = 123456")
		readers.Wait()
	}
}

// Several sessions may make the same table if it is not there, at once.
func TestMadeByAllAtOnce(t *testing.T) {
	w := open(t, t.TempDir())
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for round := range rounds {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				s, err := w.Session(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if _, err := s.Exec(t.Context(), fmt.Sprintf("CREATE TABLE IF NOT EXISTS main.made_%d (n BIGINT)", round)); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		all.Wait()
	}
}

// A join of many rows is cut into parts by the limit of memory.
func TestSlices(t *testing.T) {
	for _, c := range []struct {
		limit string
		rows  int64
		want  int
	}{{"256MB", 1000, 1}, {"256MB", 10_000_000, 8}, {"256MB", 10_000_000_000, mostSlices}, {"4GB", 10_000_000, 1}, {"", 10_000_000, 1}} {
		w, err := kind{}.Open(warehouse.Config{Dir: t.TempDir(), Settings: map[string]string{"path": "shop.duckdb", "memory_limit": c.limit}})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		s, err := w.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if n, err := warehouse.Slices(t.Context(), s, c.rows); n != c.want || err != nil {
			t.Errorf("%d rows with %q: %d slices, %v; want %d", c.rows, c.limit, n, err, c.want)
		}
	}
	for size, want := range map[string]float64{"244.1 MiB": 244.1 * 1024 * 1024, "18.6 GiB": 18.6 * 1024 * 1024 * 1024, "512 bytes": 512, "0 bytes": 0, "3 parsecs": 0, "": 0, "-1 KiB": 0} {
		if got, err := bytesOf(size); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %f bytes, %v", size, got, err)
		}
	}
}
