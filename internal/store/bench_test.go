package store

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weir-data/weir/syncs"
)

// BenchmarkAcks measures durable batches of a thousand rows, of which ten are named, from eight
// workers: an intent and a verdict each.
func BenchmarkAcks(b *testing.B) {
	ctx := context.Background()
	s := fresh(b)
	begin(b, s, "r", "vip", 1)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 8 {
		wg.Go(func() {
			for {
				at := next.Add(1)
				if at > int64(b.N) {
					return
				}
				lo := at * 1000
				rows := make([]syncs.Exception, 10)
				for i := range rows {
					rows[i] = syncs.Exception{Seq: lo + int64(i)*100, Verdict: syncs.Rejected, Code: "bad", Reason: "no such mailbox"}
				}
				if err := s.Intend(ctx, "r", 1, []syncs.Intent{{Attempt: at, Lo: lo, Hi: lo + 1000, Key: "0123456789abcdef"}}); err != nil {
					b.Error(err)
					return
				}
				if err := s.Ack(ctx, "r", 1, []syncs.Ack{{Attempt: at, Lo: lo, Hi: lo + 1000, Rest: syncs.Applied, Exceptions: rows}}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acks/s")
}

// BenchmarkVerdicts derives a million rows from a thousand batches with one percent named.
func BenchmarkVerdicts(b *testing.B) {
	ctx := context.Background()
	s := fresh(b)
	begin(b, s, "r", "vip", 1)
	for at := range int64(1000) {
		rows := make([]syncs.Exception, 10)
		for i := range rows {
			rows[i] = syncs.Exception{Seq: at*1000 + int64(i)*100, Verdict: syncs.Rejected, Code: "bad"}
		}
		if err := s.Ack(ctx, "r", 1, []syncs.Ack{{Attempt: at, Lo: at * 1000, Hi: at*1000 + 1000, Rest: syncs.Applied, Exceptions: rows}}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		v, err := s.Verdicts(ctx, "r")
		if err != nil || len(v.Ranges) != 1 {
			b.Fatal(v.Ranges, err)
		}
		n := 0
		for _, err := range v.Exceptions {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 10_000 {
			b.Fatal(n)
		}
	}
}
