package syncs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

func fault(c destinations.Class, text string) error {
	return &destinations.Fault{Class: c, Code: c.String(), Text: text}
}

// rows of a call by key.
func keys(b destinations.Batch) string {
	var out []string
	for _, r := range b.Rows {
		out = append(out, r.Key)
	}
	return strings.Join(out, " ")
}

func TestDelivers(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 2500)
		r := s.run()
		s.want(r, OK, "", Counts{Added: 2500, Delivered: 2500})
		if len(s.vendor.calls) != 3 || r.Requests != 3 {
			t.Errorf("%d calls, %d requests; want 3", len(s.vendor.calls), r.Requests)
		}
		if s.src.dirty {
			t.Error("the lease was not released cleanly")
		}
		if got := s.journal.reports[r.Run]; got.Status != OK || !s.journal.settled[r.Run] {
			t.Errorf("journal: %+v", got)
		}
	})
}

func TestF03EmptySourceHolds(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 50)
		s.src.tally = &Tally{Ledger: 50, Removed: 50}
		r := s.run()
		s.want(r, Held, HoldEmpty, Counts{Removed: 50, Due: 50})
		if s.opened != 0 || s.src.settled != 0 || s.src.discarded != 1 {
			t.Errorf("opened %d, settled %d, discarded %d; want nothing but the plan dropped", s.opened, s.src.settled, s.src.discarded)
		}
	})
}

func TestF13NothingToDo(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 0)
		s.src.tally = &Tally{Ledger: 7, Unchanged: 7, SourceRows: 7}
		s.want(s.run(), OK, "", Counts{Unchanged: 7})
		if s.opened != 0 || s.journal.intends != 0 {
			t.Error("something was sent or recorded")
		}
	})
}

func TestF15RejectedRowsAreRecorded(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 4)
		s.task.Object.Permanent = []string{"no_such_person"}
		s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
			return destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered, RemoteID: ""}, Rows: map[int]destinations.Result{
				1: {Status: destinations.Rejected, Code: "no_such_person", Reason: "nobody has this address"},
				2: {Status: destinations.Rejected, Code: "odd", Reason: "something else"},
				3: {Status: destinations.Delivered, RemoteID: "r3"}}}, nil
		}
		r := s.run()
		s.want(r, Degraded, "", Counts{Added: 4, Delivered: 2, Rejected: 2})
		want := map[int64]Exception{
			0: {Seq: 0, Verdict: Applied},
			1: {Seq: 1, Verdict: Rejected, Code: "no_such_person", Reason: "nobody has this address", Permanent: true},
			2: {Seq: 2, Verdict: Rejected, Code: "odd", Reason: "something else"},
			3: {Seq: 3, Verdict: Applied, RemoteID: "r3"}}
		if d := cmp.Diff(want, s.src.reasons); d != "" {
			t.Error(d)
		}
		if r.Rejects["odd"] != 1 || r.Reasons["odd"] != "something else" {
			t.Errorf("report: %+v", r)
		}
	})
}

func TestF16OneBadRowInAThousand(t *testing.T) {
	for _, bad := range []string{"p0", "p617", "p999"} {
		inItsTime(t, func(t *testing.T) {
			s := newScene(t, 1000)
			s.vendor.write = func(_ int, b destinations.Batch) (destinations.Outcome, error) {
				for _, r := range b.Rows {
					if r.Key == bad {
						return destinations.Outcome{}, fault(destinations.BadBatch, "some row is bad")
					}
				}
				return delivered, nil
			}
			r := s.run()
			s.want(r, Degraded, "", Counts{Added: 1000, Delivered: 999, Rejected: 1})
			if r.Requests > 21 {
				t.Errorf("%d requests; want 21 at most", r.Requests)
			}
		})
	}
}

func TestF17VerdictsByRow(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 100)
		s.vendor.write = func(_ int, b destinations.Batch) (destinations.Outcome, error) {
			o := destinations.Outcome{Rows: map[int]destinations.Result{}}
			for i := range b.Rows { // every row by itself, in no order
				st := destinations.Delivered
				if i%10 == 3 {
					st = destinations.Rejected
				}
				o.Rows[i] = destinations.Result{Status: st}
			}
			return o, nil
		}
		s.want(s.run(), Degraded, "", Counts{Added: 100, Delivered: 90, Rejected: 10})
		for seq, v := range s.src.verdicts {
			if want := map[bool]Verdict{true: Rejected, false: Applied}[seq%10 == 3]; v != want {
				t.Errorf("row %d: verdict %d, want %d", seq, v, want)
			}
		}
	})
}

func TestF18NothingWithoutEvidence(t *testing.T) {
	answers := map[string]destinations.Outcome{
		"no verdicts at all":      {},
		"a row is missing":        {Rows: map[int]destinations.Result{0: {Status: destinations.Delivered}}},
		"rows that were not sent": {Rest: destinations.Result{Status: destinations.Delivered}, Rows: map[int]destinations.Result{7: {Status: destinations.Rejected}}},
	}
	for name, o := range answers {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 2)
				s.vendor.write = func(_ int, b destinations.Batch) (destinations.Outcome, error) {
					if len(b.Rows) < 2 {
						return destinations.Outcome{}, nil
					}
					return o, nil
				}
				r := s.run()
				if r.Counts.InDoubt == 0 || s.src.verdicts[1] != InDoubt || !s.src.dirty {
					t.Errorf("%+v, verdicts %v, dirty %v", r.Counts, s.src.verdicts, s.src.dirty)
				}
			})
		})
	}
}

func TestF19WaitsAsAsked(t *testing.T) {
	tests := map[string]struct {
		after    time.Duration
		min, max time.Duration // waited before the second call; max 0: there is none
	}{
		"seconds":  {30 * time.Second, 30 * time.Second, 33 * time.Second},
		"not said": {0, 500 * time.Millisecond, 2 * time.Second},
		"negative": {-time.Hour, 500 * time.Millisecond, 2 * time.Second},
		"a decade": {10 * 365 * 24 * time.Hour, 0, 0},
		"for ever": {math.MaxInt64, 0, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 2)
				s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
					if n == 1 {
						return destinations.Outcome{}, &destinations.Fault{Class: destinations.Throttled, RetryAfter: tt.after, Text: "too fast"}
					}
					return delivered, nil
				}
				r := s.run()
				if tt.max == 0 {
					s.want(r, Degraded, "syncs.quota", Counts{Added: 2, Due: 2})
					if until := r.Resumes.Sub(s.vendor.at[0]); until > 25*time.Hour {
						t.Errorf("an absurd time is believed: %s", until)
					}
					return
				}
				s.want(r, OK, "", Counts{Added: 2, Delivered: 2})
				if w := s.vendor.at[1].Sub(s.vendor.at[0]); w < tt.min || w > tt.max {
					t.Errorf("waited %s; want %s to %s", w, tt.min, tt.max)
				}
				if s.vendor.calls[0].ID != s.vendor.calls[1].ID {
					t.Error("the key changed")
				}
			})
		})
	}
}

func TestF20SyncsOfAnAccountShareItsLimits(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		a, b := newScene(t, 5), newScene(t, 5)
		b.runner.Buckets = a.runner.Buckets
		for _, s := range []*scene{a, b} {
			s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: 3, Rates: []destinations.Rate{{N: 2, Per: time.Second, Bucket: "calls"}}}
		}
		done := make(chan bool)
		go func() { b.run(); done <- true }()
		a.run()
		<-done
		at := append(append([]time.Time(nil), a.vendor.at...), b.vendor.at...)
		for _, x := range at {
			n := 0
			for _, y := range at {
				if d := y.Sub(x); d >= 0 && d < time.Second {
					n++
				}
			}
			if n > 2 {
				t.Errorf("%d calls in the second from %s", n, x)
			}
		}
	})
}

func TestF22AmbiguousAnswersAreRepeatedWithTheSameBytes(t *testing.T) {
	for name, err := range map[string]error{"timeout": context.DeadlineExceeded, "reset": errors.New("connection reset"),
		"HTML": fault(destinations.Ambiguous, "an answer in HTML")} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 3)
				s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
					if n < 3 {
						return destinations.Outcome{}, err
					}
					return delivered, nil
				}
				s.want(s.run(), OK, "", Counts{Added: 3, Delivered: 3})
				first := s.vendor.calls[0]
				for _, b := range s.vendor.calls[1:] {
					if d := cmp.Diff(first.Rows, b.Rows); d != "" || b.ID != first.ID || !b.Replay {
						t.Errorf("repeated as %s, replay %v: %s", b.ID, b.Replay, d)
					}
				}
				if !s.src.dirty {
					t.Error("released cleanly, though a request may still arrive")
				}
			})
		})
	}
}

// A throttled attempt says nothing of the unanswered one before it.
func TestF23DoubtSurvivesALaterRefusal(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 1)
		s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
			if n == 1 {
				return destinations.Outcome{}, errors.New("reset")
			}
			return destinations.Outcome{}, fault(destinations.Config, "no such list")
		}
		s.want(s.run(), Failed, "syncs.config", Counts{Added: 1, InDoubt: 1})
		if s.src.verdicts[0] != InDoubt {
			t.Errorf("verdict %d", s.src.verdicts[0])
		}
	})
}

func TestF26ExpiredCredential(t *testing.T) {
	for name, forever := range map[string]bool{"once": false, "for ever": true} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 2)
				refreshed := 0
				s.vendor.refresh = func() error { refreshed++; return nil }
				s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
					if n == 1 || forever {
						return destinations.Outcome{}, fault(destinations.Expired, "token expired")
					}
					return delivered, nil
				}
				r := s.run()
				if refreshed != 1 || r.Requests != 2 {
					t.Errorf("%d refreshes, %d requests; want 1 and 2", refreshed, r.Requests)
				}
				if forever {
					s.want(r, Failed, "syncs.refused", Counts{Added: 2, Due: 2})
				} else {
					s.want(r, OK, "", Counts{Added: 2, Delivered: 2})
				}
			})
		})
	}
}

func TestF27DestinationIsDown(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 50_000)
		s.task.Object.Limits.Concurrency = 8
		s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
			return destinations.Outcome{}, fault(destinations.Transient, "503")
		}
		r := s.run()
		s.want(r, Failed, "syncs.unavailable", Counts{Added: 50_000, Due: 50_000})
		if r.Requests > 8+10+1 {
			t.Errorf("%d requests", r.Requests)
		}
		for i := 9; i < len(s.vendor.at); i++ {
			if s.vendor.at[i].Equal(s.vendor.at[i-1]) {
				t.Error("more than one call asked whether it is back")
			}
		}
	})
}

func TestF27ShortTroubleIsRiddenOut(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 20_000)
		s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
			if n == 5 || n == 6 || n == 12 {
				return destinations.Outcome{}, fault(destinations.Transient, "503")
			}
			return delivered, nil
		}
		s.want(s.run(), OK, "", Counts{Added: 20_000, Delivered: 20_000})
	})
}

func TestF28TooLarge(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 4000)
		s.vendor.write = func(_ int, b destinations.Batch) (destinations.Outcome, error) {
			if len(b.Rows) > 130 {
				return destinations.Outcome{}, fault(destinations.TooLarge, "413")
			}
			return delivered, nil
		}
		r := s.run()
		s.want(r, OK, "", Counts{Added: 4000, Delivered: 4000})
		if r.Requests > 7+4000/125+1 {
			t.Errorf("%d requests: the run did not remember what fits", r.Requests)
		}
	})
}

func TestF32OneRowIsTooLarge(t *testing.T) {
	for name, limit := range map[string]int{"known": 200, "found out": 0} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 100)
				s.task.Object.Limits.RowBytes = limit
				row := s.src.row
				s.src.row = func(seq int64) Change {
					c := row(seq)
					if seq == 40 {
						c.Fields = []any{strings.Repeat("x", 1000)}
					}
					return c
				}
				s.vendor.write = func(_ int, b destinations.Batch) (destinations.Outcome, error) {
					for _, r := range b.Rows {
						if len(r.Fields[0].(string)) > 200 {
							return destinations.Outcome{}, fault(destinations.TooLarge, "413")
						}
					}
					return delivered, nil
				}
				r := s.run()
				want := Counts{Added: 99, Delivered: 99, Invalid: 1}
				if limit == 0 {
					want = Counts{Added: 100, Delivered: 99, Rejected: 1}
				}
				s.want(r, Degraded, "", want)
				if r.Rejects[CodeTooLarge] != 1 || s.src.reasons[40].Permanent != true {
					t.Errorf("%+v, %+v", r.Rejects, s.src.reasons[40])
				}
			})
		})
	}
}

func TestF33EveryRowIsRefused(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 10_000)
		s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
			return destinations.Outcome{}, fault(destinations.BadBatch, "unknown field")
		}
		r := s.run()
		s.want(r, Failed, "syncs.bad_batch", Counts{Added: 10_000, Due: 10_000})
		if r.Requests > 25 {
			t.Errorf("%d requests", r.Requests)
		}
		for seq, v := range s.src.verdicts {
			if v == Rejected {
				t.Fatalf("row %d is blamed", seq)
			}
		}
	})
}

func TestF37TwoRunnersExcludeEachOther(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 10)
		s.vendor.took = 5 * time.Second
		done := make(chan *Report)
		go func() { done <- s.run() }()
		time.Sleep(time.Second)
		other := *s.runner
		_, err := other.Run(t.Context(), s.task, RunOptions{})
		var held *HeldError
		if !errors.As(err, &held) || held.Holder.Host != "h" {
			t.Errorf("second run: %v", err)
		}
		s.want(<-done, OK, "", Counts{Added: 10, Delivered: 10})
		if len(s.vendor.calls) != 1 {
			t.Errorf("%d calls", len(s.vendor.calls))
		}
	})
}

// hanging is a source whose warehouse answers a plan, or a page of it, after an hour or when it is
// told that nobody waits any more.
type hanging struct {
	*fakeSource
	plan bool
	stop context.CancelFunc // once it hangs
}

func (s *hanging) hang(ctx context.Context) error {
	s.stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Hour):
		return errors.New("the warehouse did not answer")
	}
}

func (s *hanging) Freeze(ctx context.Context, g Grant, run string) (PlanRef, error) {
	if s.plan {
		return PlanRef{}, s.hang(ctx)
	}
	return s.fakeSource.Freeze(ctx, g, run)
}

func (s *hanging) Read(ctx context.Context, _ PlanRef, _, _ int64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) { yield(Change{}, s.hang(ctx)) }
}

// What a warehouse is asked is broken off when a run is to stop.
func TestF42StoppedWhileTheWarehouseHangs(t *testing.T) {
	for name, plan := range map[string]bool{"planning": true, "reading": false} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 4)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				s.task.Source = &hanging{s.src, plan, stop}
				start := time.Now()
				r := s.runWith(ctx, RunOptions{})
				if d := time.Since(start); r.Status != Stopped || d > time.Minute || s.src.holder != nil || len(s.vendor.calls) > 0 {
					t.Errorf("ended %s %q after %s with %d calls, lease of %v", r.Status, r.Error, d, len(s.vendor.calls), s.src.holder)
				}
			})
		})
	}
}

func TestF41StopDrains(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 100_000)
		s.vendor.took = 5 * time.Second
		s.task.Object.Limits.Concurrency = 2
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(12 * time.Second); cancel() }()
		start := time.Now()
		r := s.runWith(ctx, RunOptions{})
		if d := time.Since(start); d > 16*time.Second {
			t.Errorf("took %s", d)
		}
		s.want(r, Stopped, "", Counts{Added: 100_000, Delivered: 6000, Due: 94_000})
		if len(s.vendor.calls) != 6 || s.src.dirty {
			t.Errorf("%d calls, dirty %v", len(s.vendor.calls), s.src.dirty)
		}
	})
}

func TestF41GraceEnds(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 10)
		s.vendor.took = 29 * time.Second
		s.runner.Config.Grace = 3 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Second); cancel() }()
		start := time.Now()
		r := s.runWith(ctx, RunOptions{})
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("took %s", d)
		}
		s.want(r, Stopped, "", Counts{Added: 10, InDoubt: 10})
	})
}

func TestF43JournalFails(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 10)
		s.journal.intendErr = errors.New("no space left")
		r := s.run()
		if r.Status != Failed || r.Code != "syncs.journal" || len(s.vendor.calls) != 0 || s.src.settled != 0 || !s.src.dirty {
			t.Errorf("%+v, %d calls, settled %d", r, len(s.vendor.calls), s.src.settled)
		}
		s.journal.intendErr = nil
		s.vendor.closed, s.opened = false, 0
		s.want(s.run(), OK, "", Counts{Added: 10, Delivered: 10})
	})
}

func TestF46LeaseCannotBeRenewed(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 1_000_000)
		s.vendor.took = 10 * time.Second
		s.src.renewErr = errors.New("no route to host")
		start := time.Now()
		r := s.run()
		if r.Code != "syncs.lease_lost" || s.src.settled != 0 {
			t.Errorf("%s %s, settled %d", r.Status, r.Code, s.src.settled)
		}
		ttl := 130 * time.Second
		for _, at := range s.vendor.at {
			if at.Sub(start) > ttl-30*time.Second {
				t.Errorf("a call left %s after the lease was asked for", at.Sub(start))
			}
		}
	})
}

// A disk that takes so long for an intent that the lease may end during the call keeps it from leaving.
func TestF46ASlowDiskSendsNothingLate(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 10)
		s.src.renewErr = errors.New("no route to host")
		s.journal.onIntend = func() { time.Sleep(110 * time.Second) } // of 130, and a call may take 30
		r := s.run()
		if len(s.vendor.calls) > 0 || r.Code != "syncs.lease_lost" {
			t.Errorf("%s %s, %d calls", r.Status, r.Code, len(s.vendor.calls))
		}
	})
}

func TestLeaseIsRenewed(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 30_000)
		s.vendor.took = 20 * time.Second
		s.want(s.run(), OK, "", Counts{Added: 30_000, Delivered: 30_000})
		if s.src.renewals < 10 {
			t.Errorf("renewed %d times in 10 minutes", s.src.renewals)
		}
	})
}

func TestF51RemovalsByPolicyAreSentThoughHeld(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 500)
		s.src.forced = 3
		s.src.tally = &Tally{Ledger: 500, Removed: 500, Forced: 3, SourceRows: 1}
		s.src.row = func(seq int64) Change {
			return Change{Op: destinations.Remove, Move: Removing, Key: fmt.Sprint("p", seq), IDs: []any{fmt.Sprint("p", seq)}, Fields: []any{nil}, Forced: seq < 3}
		}
		s.src.barred[0] = "syncs.erased"
		r := s.run()
		s.want(r, Held, HoldMaxRemoved, Counts{Removed: 500, Delivered: 3, Due: 497})
		if len(s.vendor.calls) != 1 || keys(s.vendor.calls[0]) != "p0 p1 p2" {
			t.Errorf("calls: %v", s.vendor.calls)
		}
	})
}

func TestF52OptOutBetweenPlanAndSend(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 5)
		s.src.barred[2] = "syncs.suppressed"
		s.want(s.run(), OK, "", Counts{Added: 4, Delivered: 4, Suppressed: 1})
		if keys(s.vendor.calls[0]) != "p0 p1 p3 p4" {
			t.Errorf("sent %s", keys(s.vendor.calls[0]))
		}
		if e := s.src.reasons[2]; e.Verdict != Barred || e.Code != "syncs.suppressed" {
			t.Errorf("%+v", e)
		}
	})
}

func TestF55RowsOfOnePersonAreNeverInTwoCalls(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 400)
		s.task.Object.GroupBy = destinations.ByOp
		s.task.Object.Limits = destinations.Limits{Rows: 50, Concurrency: 8}
		s.vendor.took = time.Second
		s.src.tally = &Tally{Added: 200, Removed: 200, Ledger: 2000, SourceRows: 2000}
		s.src.row = func(seq int64) Change {
			c := Change{Op: destinations.Remove, Move: Removing, Key: fmt.Sprint("p", seq/2), Group: fmt.Sprint("p", seq/2), IDs: []any{fmt.Sprint("old", seq/2)}, Fields: []any{nil}}
			if seq%2 == 1 {
				c.Op, c.Move, c.IDs = destinations.Add, Adding, []any{fmt.Sprint("new", seq/2)}
			}
			return c
		}
		removed := map[string]bool{}
		var mu sync.Mutex
		s.vendor.write = func(_ int, b destinations.Batch) (destinations.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range b.Rows {
				if r.Op == destinations.Add && !removed[r.Key] {
					t.Errorf("%s was added before the old one was removed", r.Key)
				}
				if r.Op == destinations.Remove {
					removed[r.Key] = true
				}
			}
			return delivered, nil
		}
		r := s.run()
		s.want(r, OK, "", Counts{Added: 200, Removed: 200, Delivered: 400})
		if r.Requests != 8 {
			t.Errorf("%d requests; want 8", r.Requests)
		}
	})
}

func TestF59PreviewSendsNothing(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 40)
		p, err := s.runner.Plan(t.Context(), s.task, PlanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if s.opened != 0 || len(s.journal.begun) != 0 || s.src.epoch != 0 || s.src.discarded != 1 {
			t.Error("the preview left something behind")
		}
		r := s.run()
		if p.Counts.Added != r.Counts.Added || p.Counts.Due != 40 {
			t.Errorf("plan %+v, run %+v", p.Counts, r.Counts)
		}
	})
}

func TestF60SavedPlan(t *testing.T) {
	tests := map[string]struct {
		change func(*scene, *Plan)
		why    string
	}{
		"fits":           {func(*scene, *Plan) {}, ""},
		"ledger changed": {func(s *scene, _ *Plan) { s.src.version = "v2" }, "told other things"},
		"is gone":        {func(s *scene, p *Plan) { delete(s.src.plans, p.Ref.Run) }, "gone"},
		"is another":     {func(_ *scene, p *Plan) { p.Hash = "h0" }, "not the plan"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 4)
				p, err := s.runner.Plan(t.Context(), s.task, PlanOptions{Keep: true})
				if err != nil {
					t.Fatal(err)
				}
				tt.change(s, p)
				if tt.why == "" {
					r := s.runWith(t.Context(), RunOptions{Saved: p})
					s.want(r, OK, "", Counts{Added: 4, Delivered: 4})
					if r.Run != p.Ref.Run {
						t.Errorf("run %s sent plan %s", r.Run, p.Ref.Run)
					}
					return
				}
				_, err = s.runner.Run(t.Context(), s.task, RunOptions{Saved: p})
				var stale *StaleError
				if !errors.As(err, &stale) || !strings.Contains(stale.Why, tt.why) {
					t.Errorf("got %v", err)
				}
				if len(s.vendor.calls) > 0 || s.src.holder != nil || s.src.dirty {
					t.Error("something was sent, or the lease was kept")
				}
			})
		})
	}
}
