//go:build unix

package postgres

import (
	"syscall"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"

	"github.com/weir-data/weir/internal/warehouse"
)

// BenchmarkStream reads a million rows of eight columns through a session, and beside it in the
// driver's own bare loop, which makes no values of them.
func BenchmarkStream(b *testing.B) {
	w, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"dsn": pgtest.Start(b)}})
	if err != nil {
		b.Fatal(err)
	}
	ws, err := w.Session(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer ws.Close()
	s := ws.(*session)
	const rows = 1_000_000
	if _, err := s.Exec(b.Context(), "CREATE TABLE many AS SELECT i::bigint AS id, 'person' || i || '@example.com' AS email, 'Anna' AS first, NULL::text AS country, i % 1000 AS value, i % 2 = 0 AS yes, timestamptz '2026-01-01' + i * interval '1 second' AS at, i::bigint * 7919 AS hash FROM generate_series(1, 1000000) AS t (i)"); err != nil {
		b.Fatal(err)
	}
	const sql = "SELECT id, email, first, country, value, yes, at, hash FROM many"
	for b.Loop() {
		timed := func(read func() int) (perSecond, cpu float64) {
			began, before := time.Now(), spent()
			if n := read(); n != rows {
				b.Fatalf("%d rows", n)
			}
			return rows / time.Since(began).Seconds(), spent() - before
		}
		raw, rawCPU := timed(func() (n int) {
			r := s.conn.ExecParams(b.Context(), sql, nil, nil, nil, nil)
			for r.NextRow() {
				if len(r.Values()) == 8 {
					n++
				}
			}
			if _, err := r.Close(); err != nil {
				b.Fatal(err)
			}
			return n
		})
		own, ownCPU := timed(func() (n int) {
			for _, err := range s.Query(b.Context(), sql) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			return n
		})
		b.Logf("session %.0f rows/s, %.2f CPU s; driver %.0f rows/s, %.2f CPU s; ratio %.0f %%", own, ownCPU, raw, rawCPU, 100*own/raw)
		b.ReportMetric(own, "rows/s")
		b.ReportMetric(100*own/raw, "%ofdriver")
	}
}

// spent is the CPU time of this process so far, in seconds.
func spent() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
