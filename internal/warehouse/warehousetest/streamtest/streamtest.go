//go:build unix

// Package streamtest measures how fast a session brings rows to Go, beside the bare loop of the
// warehouse's driver in the same run.
package streamtest

import (
	"fmt"
	"iter"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// Rows are how many rows are read: WEIR_ROWS, or so many.
func Rows(otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv("WEIR_ROWS")); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// fields are the eight columns.
var fields = []rel.Field{
	{Name: "id", Type: models.Integer}, {Name: "email", Type: models.Text}, {Name: "first_name", Type: models.Text}, {Name: "country", Type: models.Text},
	{Name: "value", Type: models.Integer}, {Name: "yes", Type: models.Boolean}, {Name: "at", Type: models.Timestamp}, {Name: "hash", Type: models.Integer},
}

// loadedRows are loaded; the others are copies of them.
const loadedRows = 10_000

// rows are the first rows of such a table.
func rows(n int) iter.Seq2[[]any, error] {
	names := []any{"Anna", "Björn", "Chloé", "Dana"}
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func(yield func([]any, error) bool) {
		for i := range n {
			country := any(nil)
			if i%3 == 0 {
				country = "FR"
			}
			row := []any{int64(i), fmt.Sprintf("person%d@example.com", i), names[i%len(names)], country, int64(i % 1000), i%2 == 0, began.Add(time.Duration(i) * time.Second), int64(i) * 7919}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// Fill makes a table of n rows, and gives the SELECT that reads all of it.
func Fill(b testing.TB, w warehouse.Warehouse, s warehouse.Session, n int) (sql string) {
	b.Helper()
	d := w.Kind().Dialect()
	table := rel.Name{w.Schema(), "streamed"}
	if err := warehouse.Exec(b.Context(), s, d, rel.CreateSchema{Name: rel.Name{w.Schema()}}, rel.CreateTable{Name: table, Columns: fields}); err != nil {
		b.Fatal(err)
	}
	q := rel.Select{From: rel.Table{Name: table, Alias: "t"}}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
		q.Columns = append(q.Columns, rel.As(f.Name, rel.C("t", f.Name)))
	}
	have := min(n, loadedRows)
	if loaded, err := s.Load(b.Context(), table, names, rows(have)); err != nil || loaded != int64(have) {
		b.Fatalf("loaded %d rows: %v", loaded, err)
	}
	for have < n { // the rows again, under other numbers
		more := q
		more.Columns = append([]rel.Column{rel.As("id", rel.F(rel.Add, rel.C("t", "id"), rel.I(int64(have))))}, q.Columns[1:]...)
		more.Where = rel.F(rel.Lt, rel.C("t", "id"), rel.I(int64(n-have)))
		if err := warehouse.Exec(b.Context(), s, d, rel.Insert{Into: table, Columns: names, From: more}); err != nil {
			b.Fatal(err)
		}
		have = min(n, 2*have)
	}
	sql, err := d.Query(q)
	if err != nil {
		b.Fatal(err)
	}
	return sql
}

// Loop is a driver's bare loop: it returns how many rows it read.
type Loop struct {
	Name string // "the driver's values"
	Read func() (int, error)
}

// Measure reads n rows by a session and by each bare loop, in turn, three times for every iteration. What
// counts is the CPU time of this process in the cheapest reading of each: other processes on the machine
// do not change it much. The ratio that is kept is to the first loop.
func Measure(b *testing.B, s warehouse.Session, sql string, n int, bare ...Loop) {
	b.Helper()
	loops := append([]Loop{{"session", func() (read int, err error) {
		for _, err := range s.Query(b.Context(), sql) {
			if err != nil {
				return read, err
			}
			read++
		}
		return read, nil
	}}}, bare...)
	best := make([]reading, len(loops))
	for b.Loop() {
		for range 3 {
			for i, l := range loops {
				if r := timed(b, n, l.Read); best[i].cpu == 0 || r.cpu < best[i].cpu {
					best[i] = r
				}
			}
		}
	}
	own := best[0]
	for i, l := range loops {
		b.Logf("%-24s %9.0f rows/s by CPU time, %9.0f by the clock; the session is at %3.0f %% of it (%d rows of %d columns)",
			l.Name, float64(n)/best[i].cpu, float64(n)/best[i].clock, 100*best[i].cpu/own.cpu, n, len(fields))
	}
	b.ReportMetric(float64(n)/own.cpu, "rows/cpu-s")
	b.ReportMetric(float64(n)/own.clock, "rows/s")
	b.ReportMetric(100*best[1].cpu/own.cpu, "%ofdriver")
}

// reading is what one reading took, in seconds.
type reading struct{ cpu, clock float64 }

func timed(b *testing.B, n int, read func() (int, error)) reading {
	b.Helper()
	runtime.GC() // what others left is not counted here
	began, before := time.Now(), spent()
	got, err := read()
	if err != nil || got != n {
		b.Fatalf("read %d rows of %d: %v", got, n, err)
	}
	return reading{cpu: spent() - before, clock: time.Since(began).Seconds()}
}

// spent is the CPU time of this process so far, in seconds.
func spent() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
