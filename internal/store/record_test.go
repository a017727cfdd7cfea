package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/syncs"
)

// Intend and Ack record one half of what Record can.
func (s *Store) Intend(ctx context.Context, run string, epoch int64, intents []syncs.Intent) error {
	return s.Record(ctx, run, epoch, nil, intents)
}

func (s *Store) Ack(ctx context.Context, run string, epoch int64, acks []syncs.Ack) error {
	return s.Record(ctx, run, epoch, acks, nil)
}

// Verdicts of attempts are recorded before the attempts beside them, and neither without the other.
func TestRecordsTogether(t *testing.T) {
	s := fresh(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Begin(ctx, syncs.RunRecord{Run: "r", Sync: "vip", Epoch: 1, Started: time.Now()}))
	must(s.Record(ctx, "r", 1, nil, []syncs.Intent{{Attempt: 1, Lo: 0, Hi: 10}}))
	// The rows were not taken, and five of them are tried again.
	must(s.Record(ctx, "r", 1, []syncs.Ack{{Attempt: 1, Lo: 0, Hi: 10, Rest: syncs.NotTried}}, []syncs.Intent{{Attempt: 2, Lo: 0, Hi: 5}}))
	ranges := func() []syncs.VerdictRange {
		t.Helper()
		v, err := s.Verdicts(ctx, "r")
		must(err)
		return v.Ranges
	}
	want := []syncs.VerdictRange{{Lo: 0, Hi: 5, Verdict: syncs.InDoubt}, {Lo: 5, Hi: 10, Verdict: syncs.NotTried}}
	if d := cmp.Diff(want, ranges()); d != "" {
		t.Error(d)
	}
	if err := s.Record(ctx, "r", 1, []syncs.Ack{{Attempt: 2, Lo: 0, Hi: 5, Rest: syncs.Applied}}, []syncs.Intent{{Attempt: 3, Lo: 5, Hi: 5}}); err == nil {
		t.Error("an attempt without rows was recorded")
	}
	must(s.Begin(ctx, syncs.RunRecord{Run: "newer", Sync: "vip", Epoch: 2, Started: time.Now()}))
	if err := s.Record(ctx, "r", 1, []syncs.Ack{{Attempt: 2, Lo: 0, Hi: 5, Rest: syncs.Applied}}, []syncs.Intent{{Attempt: 3, Lo: 5, Hi: 10}}); !errors.Is(err, syncs.ErrFenced) {
		t.Errorf("an old epoch: %v", err)
	}
	if d := cmp.Diff(want, ranges()); d != "" {
		t.Errorf("half of what could not be recorded was: %s", d)
	}
}
