//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"testing"

	"github.com/duckdb/duckdb-go/v2"
)

// prepared runs a query with the driver.
func prepared(t testing.TB, s *session, q string) (driver.Rows, []string) {
	t.Helper()
	st, err := s.prepare(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	rows, err := (*duckdb.Stmt).QueryContext(st, t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rows.Close() })
	var kinds []string
	for i := range rows.Columns() {
		kinds = append(kinds, rows.(driver.RowsColumnTypeDatabaseTypeName).ColumnTypeDatabaseTypeName(i))
	}
	return rows, kinds
}

func all(into *[][]any) func([]any, error) bool {
	return func(row []any, _ error) bool { *into = append(*into, slices.Clone(row)); return true }
}

// Every type that is read from the engine's vectors has the values that the driver gives.
func TestChunks(t *testing.T) {
	s := duckSession(t)
	for _, c := range []struct{ name, expr string }{
		{"booleans", "i % 2 = 0"},
		{"tiny", "CAST(i % 256 - 128 AS TINYINT)"},
		{"small", "CAST(i % 65536 - 32768 AS SMALLINT)"},
		{"integers", "CAST(i * 7919 - 12000000 AS INTEGER)"},
		{"large", "i * 1000000007 - 9223372036854775807"},
		{"unsigned tiny", "CAST(i % 256 AS UTINYINT)"},
		{"unsigned small", "CAST(i % 65536 AS USMALLINT)"},
		{"unsigned", "CAST(4294967295 - i AS UINTEGER)"},
		{"unsigned large", "CAST(18446744073709551615 - CAST(i AS UHUGEINT) * 3689348814741910 AS UBIGINT)"},
		{"huge", "CAST(i - 1000 AS HUGEINT) * CAST(10 AS HUGEINT) ** CAST(i % 30 AS INTEGER)::HUGEINT"},
		{"floating", "CASE i WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-0' ELSE CAST(sqrt(i) AS VARCHAR) END::DOUBLE"},
		{"dates", "DATE '1890-03-01' + CAST(i * 17 AS INTEGER)"},
		{"timestamps", "TIMESTAMP '1890-03-01 12:00:00.000001' + to_microseconds(i * 987654321098)"},
		{"timestamps with a zone", "TIMESTAMPTZ '1890-03-01 12:00:00+02' + to_microseconds(i * 987654321098)"},
		{"short texts", "CAST(i % 300 AS VARCHAR)"},
		{"texts", "repeat('é', CAST(i % 9 AS INTEGER)) || i"},
		{"long texts", "repeat('abcdefghijklm', CAST(i % 40 AS INTEGER))"},
		{"nothing", "NULL"},
		{"no text", "CAST(NULL AS VARCHAR)"},
		{"decimal of 4", "CAST((i % 2000 - 1000) / 100.0 AS DECIMAL(4,2))"},
		{"decimal of 9", "CAST((i - 2500) * 1000 / 1000.0 AS DECIMAL(9,3))"},
		{"decimal of 18", "CAST((i - 2500) / 8.0 AS DECIMAL(18,6))"},
		{"decimal of 38", "CAST((i - 2500) AS DECIMAL(38,4)) * 1000000007 * 1000000007"},
		{"whole decimals", "CAST(i AS DECIMAL(38,0))"},
		{"fractions", "CAST(0.0001 * (i - 2500) AS DECIMAL(9,8))"},
	} {
		for _, nulls := range []string{"false", "i % 3 = 1", "true"} {
			q := fmt.Sprintf("SELECT i, CASE WHEN %s THEN NULL ELSE %s END AS v, 'x' || i AS t FROM range(5000) r(i) ORDER BY i", nulls, c.expr)
			var want, got [][]any
			rows, kinds := prepared(t, s, q)
			if err := oneByOne(t.Context(), rows, kinds, all(&want)); err != nil {
				t.Fatal(c.name, err)
			}
			rows, kinds = prepared(t, s, q)
			done, err := chunks(t.Context(), rows, kinds, all(&got))
			if err != nil || !done {
				t.Fatalf("%s: %v, read from vectors: %v (%v)", c.name, err, done, kinds)
			}
			if len(want) != 5000 {
				t.Fatalf("%s: the driver gave %d rows", c.name, len(want))
			}
			// Texts of values, since NaN is not equal to itself.
			for i := range want {
				if len(got) <= i || fmt.Sprintf("%#v", want[i]) != fmt.Sprintf("%#v", got[i]) {
					t.Fatalf("%s where %s: row %d of %d is %#v, not %#v", c.name, nulls, i, len(got), got[i:min(i+1, len(got))], want[i])
				}
			}
		}
	}
}

// What has no reader here is read by the driver, and a reader that stops is left alone.
func TestChunksLeaveToTheDriver(t *testing.T) {
	s := duckSession(t)
	for _, expr := range []string{"TIME '12:00:00'", "uuid()", "[1, 2]", "{'a': 1}", "'{}'::JSON", "'a'::BLOB", "CAST(1 AS FLOAT)", "INTERVAL 1 DAY", "TIMESTAMP_NS '2026-01-01'"} {
		rows, kinds := prepared(t, s, "SELECT 1, "+expr)
		if done, err := chunks(t.Context(), rows, kinds, func([]any, error) bool { t.Error(expr, "was read"); return true }); done || err != nil {
			t.Error(expr, done, err)
		}
	}
	rows, kinds := prepared(t, s, "SELECT i FROM range(10000) r(i)")
	n := 0
	if done, err := chunks(t.Context(), rows, kinds, func([]any, error) bool { n++; return n < 3000 }); !done || err != nil || n != 3000 {
		t.Error(done, err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rows, kinds = prepared(t, s, "SELECT i FROM range(10000) r(i)")
	if _, err := chunks(ctx, rows, kinds, func([]any, error) bool { cancel(); return true }); err == nil {
		t.Error("reading went on after it was told to stop")
	}
}

func duckSession(t testing.TB) *session {
	t.Helper()
	w, err := kind{}.Memory("weir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*session)
}

// A plan's rows: fourteen columns, half of them texts.
func BenchmarkRead(b *testing.B) {
	s := duckSession(b)
	const n = 100_000
	if _, err := s.Exec(b.Context(), fmt.Sprintf(`CREATE TABLE plan AS SELECT i AS seq, 'want' AS action, CAST(i AS VARCHAR) AS key, 'person' || i || '@example.com' AS id_1,
		'+99910' || i AS id_2, 'Name ' || i %% 5000 AS first, 'City ' || i %% 300 AS city, CASE i %% 2 WHEN 0 THEN 'gold' ELSE 'basic' END AS tier, i %% 40 AS orders,
		CAST(i %% 9973 AS DOUBLE) / 4 AS spent, CAST(NULL AS VARCHAR) AS remote, CAST(hash(i) >> 1 AS BIGINT) AS h, 1 AS version, false AS doubt FROM range(%d) r(i)`, n)); err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func(context.Context, driver.Rows, []string, func([]any, error) bool) error{
		"vectors": func(ctx context.Context, r driver.Rows, kinds []string, yield func([]any, error) bool) error {
			done, err := chunks(ctx, r, kinds, yield)
			if !done {
				b.Fatal("not read from vectors")
			}
			return err
		},
		"driver": oneByOne,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rows, kinds := prepared(b, s, "SELECT * FROM plan")
				got := 0
				if err := read(b.Context(), rows, kinds, func([]any, error) bool { got++; return true }); err != nil || got != n {
					b.Fatal(got, err)
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
