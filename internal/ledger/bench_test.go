//go:build cgo && !noduckdb

package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// benchRows is the size of the ledger and of what is wanted. A percent of it changes.
const benchRows = 1_000_000

// BenchmarkDiff plans a percent of changes between a million wanted rows and as many in the
// ledger, and compares that with the shortest SQL that could find them.
func BenchmarkDiff(b *testing.B) {
	t := &testing.T{}
	w := newBenchWorld(t, b)
	first := time.Now()
	ref := w.freeze()
	planned := time.Since(first)
	first = time.Now()
	w.settle(ref, syncs.Applied)
	settled := time.Since(first)
	w.exec("UPDATE shop.people SET name = name || '!' WHERE CAST(key AS INTEGER) % 200 = 0",
		"DELETE FROM shop.people WHERE CAST(key AS INTEGER) % 400 = 1",
		fmt.Sprintf("INSERT INTO shop.people SELECT CAST(%d + i AS VARCHAR), 'new' || i || '@example.com', NULL, 'New', NULL, NULL FROM range(%d) t(i)", benchRows, benchRows/400))
	b.ResetTimer()
	var mine, hand time.Duration
	for b.Loop() {
		start := time.Now()
		if ref = w.freeze(); ref.Rows != benchRows/100 {
			b.Fatalf("%d changes", ref.Rows)
		}
		mine += time.Since(start)
		start = time.Now()
		w.exec(`CREATE OR REPLACE TABLE weir.by_hand AS
			SELECT COALESCE(c.key, l.key) AS key, c.email, c.name, c.h, l.id_1 FROM (
				SELECT key, email, name, hash(concat_ws('|', email, phone, name)) AS h FROM shop.people WHERE barred IS NULL AND invalid IS NULL) c
			FULL OUTER JOIN weir.ledger_vip l ON l.key = c.key
			WHERE c.key IS NULL OR l.key IS NULL OR l.doubt OR (CAST(c.h AS HUGEINT) - 9223372036854775808) % 200 = 0`)
		hand += time.Since(start)
		b.StopTimer()
		if err := w.src.Discard(ctx, ref); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(planned.Seconds(), "first-plan-s")
	b.ReportMetric(settled.Seconds(), "first-settle-s")
	b.ReportMetric(mine.Seconds()/float64(b.N), "plan-s")
	b.ReportMetric(float64(mine)/float64(hand), "x-by-hand")
}

func newBenchWorld(t *testing.T, b *testing.B) *world {
	w := &world{t: t, w: openDuck(b), store: "store-a"}
	base := newWorldBinding(list)
	w.l, w.b = New(w.w, Options{Key: []byte("a secret of sixteen bytes or more")}), base
	w.b.Rows.Query, w.b.Rows.IDs = peopleQuery(1), w.b.Rows.IDs[:1]
	w.exec("CREATE SCHEMA IF NOT EXISTS shop", "CREATE TABLE shop.people (key VARCHAR, email VARCHAR, phone VARCHAR, name VARCHAR, barred VARCHAR, invalid VARCHAR)",
		fmt.Sprintf("INSERT INTO shop.people SELECT CAST(i AS VARCHAR), 'person' || i || '@example.com', NULL, 'Name ' || i, NULL, NULL FROM range(%d) t(i)", benchRows))
	w.rebind()
	return w
}

// BenchmarkDiffOfMerged plans after a percent of the people were merged into others, against a plan
// of the same people with nobody merged.
func BenchmarkDiffOfMerged(b *testing.B) {
	w := newBenchWorld(&testing.T{}, b)
	w.settle(w.freeze(), syncs.Applied)
	w.exec(fmt.Sprintf("CREATE TABLE shop.merged AS SELECT CAST(i AS VARCHAR) AS from_id, CAST(i - 1 AS VARCHAR) AS to_id FROM range(%d) t(i) WHERE i %% 100 = 1", benchRows))
	plain, m := w.b, func(c string) rel.Expr { return rel.C("m", c) }
	merging := w.b
	merging.Rows.Merged = rel.Select{Columns: []rel.Column{rel.As("from_id", m("from_id")), rel.As("to_id", rel.Agg{Fn: rel.Min, Arg: m("to_id")})},
		From: rel.Table{Name: rel.Name{"shop", "merged"}, Alias: "m"}, GroupBy: []rel.Expr{m("from_id")}}
	w.exec("DELETE FROM shop.people WHERE CAST(key AS INTEGER) % 100 = 1")
	plan := func(of Binding) time.Duration {
		w.b = of
		w.rebind()
		start := time.Now()
		ref := w.freeze()
		took := time.Since(start)
		if ref.Rows != benchRows/100 {
			b.Fatalf("%d changes", ref.Rows)
		}
		if err := w.src.Discard(ctx, ref); err != nil {
			b.Fatal(err)
		}
		return took
	}
	var with, without time.Duration
	for b.Loop() {
		without += plan(plain)
		with += plan(merging)
	}
	b.ReportMetric(with.Seconds()/float64(b.N), "plan-s")
	b.ReportMetric(float64(with)/float64(without), "x-unmerged")
}

// BenchmarkRead reads a plan of a million rows in batches of a thousand.
func BenchmarkRead(b *testing.B) {
	w := newBenchWorld(&testing.T{}, b)
	ref := w.freeze()
	for b.Loop() {
		n := 0
		for lo := int64(0); lo < ref.Rows; lo += 1000 {
			for _, err := range w.src.Read(ctx, ref, lo, lo+1000) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
		}
		if n != benchRows {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}
