package syncs

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// F60: a saved plan whose sending was interrupted is settled by the next that wants to send it, and
// refused: what came of it is known then, and the rest is planned anew.
func TestF60AnInterruptedSavedPlan(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 4)
		ctx := context.Background()
		p, err := s.runner.Plan(ctx, s.task, PlanOptions{Keep: true})
		if err != nil {
			t.Fatal(err)
		}
		run := p.Ref.Run
		// A process published it, sent half of it and died.
		g, err := s.src.Acquire(ctx, Holder{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := s.src.Freeze(ctx, g, run)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(
			s.journal.Begin(ctx, RunRecord{Run: run, Sync: "vip", Epoch: g.Epoch, Plan: ref}),
			s.journal.Record(ctx, run, g.Epoch, nil, []Intent{{Attempt: 1, Lo: 0, Hi: 2, Key: "k"}}),
			s.journal.Record(ctx, run, g.Epoch, []Ack{{Attempt: 1, Lo: 0, Hi: 2, Rest: Applied}}, nil),
			s.src.Release(ctx, g, false)); err != nil {
			t.Fatal(err)
		}
		_, err = s.runner.Run(ctx, s.task, RunOptions{Saved: p, Asked: "test"})
		var stale *StaleError
		if !errors.As(err, &stale) || !strings.Contains(stale.Why, "begun before and interrupted") {
			t.Fatalf("got %v", err)
		}
		if s.src.settled != 1 || len(s.vendor.calls) > 0 || s.src.holder != nil {
			t.Errorf("settled %d times, %d calls, lease of %v", s.src.settled, len(s.vendor.calls), s.src.holder)
		}
		for seq, want := range []Verdict{Applied, Applied, NotTried, NotTried} {
			if got := s.src.verdicts[seq]; got != want {
				t.Errorf("row %d: %d, want %d", seq, got, want)
			}
		}
		// Settled is settled: asked again, nothing is left to do.
		if _, err = s.runner.Run(ctx, s.task, RunOptions{Saved: p}); !errors.As(err, &stale) || !strings.Contains(stale.Why, "gone") || s.src.settled != 1 {
			t.Errorf("again: %v, settled %d times", err, s.src.settled)
		}
	})
}

// overtaken is a source whose saved plan another process begins to send between two looks at it.
type overtaken struct {
	*fakeSource
	looks int
}

func (s *overtaken) Plan(ctx context.Context, run string) (PlanRef, bool, error) {
	ref, ok, err := s.fakeSource.Plan(ctx, run)
	if s.looks++; s.looks > 1 {
		ref.Epoch = 1
	}
	return ref, ok, err
}

func TestF60ASavedPlanThatAnotherBegan(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 4)
		p, err := s.runner.Plan(t.Context(), s.task, PlanOptions{Keep: true})
		if err != nil {
			t.Fatal(err)
		}
		s.task.Source = &overtaken{fakeSource: s.src}
		_, err = s.runner.Run(t.Context(), s.task, RunOptions{Saved: p})
		var stale *StaleError
		if !errors.As(err, &stale) || !strings.Contains(stale.Why, "begun before") || len(s.vendor.calls) > 0 || s.src.settled > 0 {
			t.Errorf("%v, %d calls, settled %d times", err, len(s.vendor.calls), s.src.settled)
		}
	})
}

// A guard that has tripped since a plan was saved holds it, unless the person who looked said so.
func TestASavedPlanIsHeldOrReleased(t *testing.T) {
	for name, approved := range map[string][]string{"held": nil, "released": {HoldNullKeys}} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 4)
				s.src.tally = &Tally{Added: 4, Desired: 4, SourceRows: 5, NullKeys: 1}
				p, err := s.runner.Plan(t.Context(), s.task, PlanOptions{Keep: true})
				if err != nil || len(p.Holds) != 1 || p.Holds[0].Code != HoldNullKeys {
					t.Fatalf("%+v, %v", p, err)
				}
				r := s.runWith(t.Context(), RunOptions{Saved: p, Approved: approved})
				if approved == nil {
					s.want(r, Held, HoldNullKeys, Counts{Added: 4, Due: 4})
					return
				}
				s.want(r, OK, "", Counts{Added: 4, Delivered: 4})
			})
		})
	}
}
