package syncs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/models"
)

// emit turns a scene into one whose rows are harmful to repeat.
func (s *scene) emit() {
	s.task.Object.Idempotent = false
	row := s.src.row
	s.src.row = func(seq int64) Change {
		c := row(seq)
		c.Op = destinations.Emit
		return c
	}
}

func TestHarmfulRowsAreNeverRepeated(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 30)
		s.emit()
		s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: 4}
		s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
			switch n % 5 {
			case 0:
				return destinations.Outcome{}, errors.New("reset")
			case 1:
				return destinations.Outcome{Rest: destinations.Result{Status: destinations.Uncertain}}, nil
			}
			return delivered, nil
		}
		r := s.run()
		sent := map[string]int{}
		for _, b := range s.vendor.calls {
			if sent[b.Rows[0].Key]++; sent[b.Rows[0].Key] > 1 {
				t.Errorf("%s was sent twice", b.Rows[0].Key)
			}
		}
		s.want(r, Degraded, "", Counts{Added: 30, Delivered: 18, InDoubt: 12})
	})
}

func TestHarmfulRowsThatWereNotAppliedAreRepeated(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.emit()
		s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
			if n == 1 {
				return destinations.Outcome{}, fault(destinations.Transient, "503")
			}
			return delivered, nil
		}
		s.want(s.run(), OK, "", Counts{Added: 3, Delivered: 3})
	})
}

func TestSilenceStopsHarmfulRuns(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 1000)
		s.emit()
		s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: 1}
		s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
			return destinations.Outcome{}, context.DeadlineExceeded
		}
		s.want(s.run(), Failed, "syncs.unavailable", Counts{Added: 1000, InDoubt: 10, Due: 990})
	})
}

// One call in five goes wrong, in every way there is: still all of a long plan is sent.
func TestManyFaultsAreRiddenOut(t *testing.T) {
	for name, harm := range map[string]bool{"idempotent": false, "harmful": true} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 2000)
				if harm {
					s.emit()
				}
				s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: 4}
				dice := rand.New(rand.NewPCG(1, 2))
				var mu sync.Mutex
				s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
					mu.Lock()
					defer mu.Unlock()
					switch dice.IntN(30) {
					case 0:
						return destinations.Outcome{}, fault(destinations.Throttled, "429")
					case 1:
						return destinations.Outcome{}, fault(destinations.Transient, "500")
					case 2, 3, 4, 5:
						return destinations.Outcome{}, errors.New("reset")
					}
					return delivered, nil
				}
				r := s.run()
				c := r.Counts
				if c.Due > 0 || c.Delivered+c.InDoubt != 2000 || !harm && c.InDoubt > 20 {
					t.Errorf("%s %s %+v", r.Status, r.Error, c)
				}
			})
		})
	}
}

func TestRowsInDoubtOfAHarmfulObjectAreNotSent(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.emit()
		row := s.src.row
		s.src.row = func(seq int64) Change {
			c := row(seq)
			c.Doubt = seq == 1
			return c
		}
		s.want(s.run(), Degraded, "", Counts{Added: 3, Delivered: 2, Due: 1})
	})
}

func TestMaxRejectedStopsTheRun(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 100_000)
		s.vendor.write = func(n int, b destinations.Batch) (destinations.Outcome, error) {
			o := destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}, Rows: map[int]destinations.Result{}}
			for i := 0; i < 60; i++ { // 6 %
				o.Rows[i] = destinations.Result{Status: destinations.Rejected, Code: "odd"}
			}
			return o, nil
		}
		r := s.run()
		s.want(r, Held, HoldMaxRejected, Counts{Added: 100_000, Delivered: 1880, Rejected: 120, Due: 98_000})
		if s.src.settled != 1 {
			t.Error("what was sent was not settled")
		}
	})
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 100_000)
		s.task.Sync.Guard.MaxRejected = models.Percent{BasisPoints: 600, Set: true} // exactly passes
		s.vendor.write = func(n int, b destinations.Batch) (destinations.Outcome, error) {
			o := destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}, Rows: map[int]destinations.Result{}}
			for i := 0; i < 60; i++ {
				o.Rows[900+i] = destinations.Result{Status: destinations.Rejected, Code: "odd"}
			}
			return o, nil
		}
		s.want(s.run(), Degraded, "", Counts{Added: 100_000, Delivered: 94_000, Rejected: 6000})
	})
}

func TestLaterIsTriedAgainNotBefore(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 10)
		s.vendor.write = func(n int, b destinations.Batch) (destinations.Outcome, error) {
			if n == 1 {
				return destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}, Rows: map[int]destinations.Result{
					4: {Status: destinations.Later, RetryAfter: 40 * time.Second}, 6: {Status: destinations.Later}}}, nil
			}
			return delivered, nil
		}
		s.want(s.run(), OK, "", Counts{Added: 10, Delivered: 10})
		if keys(s.vendor.calls[1]) != "p4 p6" || s.vendor.at[1].Sub(s.vendor.at[0]) < 40*time.Second {
			t.Errorf("again %s after %s", keys(s.vendor.calls[1]), s.vendor.at[1].Sub(s.vendor.at[0]))
		}
	})
}

func TestRate(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 100)
		s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: 10,
			Rates: []destinations.Rate{{N: 10, Per: time.Second, Bucket: "burst"}, {N: 60, Per: time.Minute, Bucket: "steady"}}}
		start := time.Now()
		s.want(s.run(), OK, "", Counts{Added: 100, Delivered: 100})
		if d := time.Since(start); d < 60*time.Second || d > 70*time.Second {
			t.Errorf("took %s", d)
		}
		if s.vendor.most > 10 {
			t.Errorf("%d calls at once", s.vendor.most)
		}
	})
}

func TestJobIsPolledInTheSameRun(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 6)
		s.src.barred[2] = "syncs.suppressed" // so that the batch is not one range
		s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
			return destinations.Outcome{Rest: destinations.Result{Status: destinations.Accepted},
				Job: &destinations.Job{Ref: json.RawMessage(`"j1"`), After: 5 * time.Second, Until: time.Hour}}, nil
		}
		s.vendor.poll = func(n int, _ destinations.Job, b destinations.Batch) (destinations.Outcome, bool, error) {
			if n < 4 {
				return destinations.Outcome{}, false, nil
			}
			// The fourth row of the batch is the fifth of the plan.
			return destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered},
				Rows: map[int]destinations.Result{3: {Status: destinations.Rejected, Code: "odd"}}}, true, nil
		}
		s.want(s.run(), Degraded, "", Counts{Added: 5, Delivered: 4, Rejected: 1, Suppressed: 1})
		if len(s.journal.jobs) != 0 || s.src.verdicts[4] != Rejected {
			t.Errorf("jobs %v, verdicts %v", s.journal.jobs, s.src.verdicts)
		}
	})
}

// A vendor that refuses some rows at once and takes the others into a job speaks, later, of those
// in the job: its word on all others says nothing of the rows that were refused.
func TestJobIsAboutTheRowsThatItTook(t *testing.T) {
	for name, after := range map[string]time.Duration{"same run": time.Second, "later run": time.Hour} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 6)
				s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
					return destinations.Outcome{Rest: destinations.Result{Status: destinations.Accepted},
						Rows: map[int]destinations.Result{1: {Status: destinations.Rejected, Code: "bad"}, 3: {Status: destinations.Unchanged}, 4: {Status: destinations.Suppressed}},
						Job:  &destinations.Job{Ref: json.RawMessage(`"j1"`), After: after, Until: 24 * time.Hour}}, nil
				}
				s.vendor.poll = func(_ int, _ destinations.Job, b destinations.Batch) (destinations.Outcome, bool, error) {
					if got := keys(b); got != "p0  p2   p5" {
						t.Errorf("asked about %q", got)
					}
					return destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered},
						Rows: map[int]destinations.Result{5: {Status: destinations.Rejected, Code: "late"}}}, true, nil
				}
				if after == time.Second {
					s.want(s.run(), Degraded, "", Counts{Added: 5, Delivered: 3, Rejected: 2, Suppressed: 1})
				} else {
					s.want(s.run(), Degraded, "", Counts{Added: 5, Delivered: 1, Accepted: 3, Rejected: 1, Suppressed: 1})
					time.Sleep(2 * time.Hour)
					s.src.n, s.opened, s.vendor.closed = 0, 0, false
					s.src.tally = &Tally{Ledger: 4, Unchanged: 4, SourceRows: 6}
					s.want(s.run(), OK, "", Counts{Unchanged: 4})
					got := map[int64]Verdict{}
					for _, e := range s.src.refined {
						got[e.Seq] = e.Verdict
					}
					if d := cmp.Diff(map[int64]Verdict{0: Applied, 2: Applied, 5: Rejected}, got); d != "" {
						t.Error(d)
					}
				}
				if s.vendor.polls != 1 || len(s.journal.jobs) != 0 || len(s.src.plans) != 0 {
					t.Errorf("%d polls, jobs %v, plans %v", s.vendor.polls, s.journal.jobs, s.src.plans)
				}
				if after == time.Second {
					if d := cmp.Diff([]Verdict{Applied, Rejected, Applied, Applied, Barred, Rejected}, s.src.verdicts); d != "" {
						t.Error(d)
					}
				}
			})
		})
	}
}

func TestJobIsLeftToLaterRuns(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 3)
		done := false
		s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
			return destinations.Outcome{Rest: destinations.Result{Status: destinations.Accepted},
				Job: &destinations.Job{Ref: json.RawMessage(`"j1"`), After: time.Minute, Until: 24 * time.Hour}}, nil
		}
		s.vendor.poll = func(_ int, j destinations.Job, b destinations.Batch) (destinations.Outcome, bool, error) {
			if done && (len(b.Rows) != 3 || b.Rows[1].Key != "p1" || string(j.Ref) != `"j1"`) {
				t.Errorf("polled %s with %s", j.Ref, keys(b))
			}
			return destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered},
				Rows: map[int]destinations.Result{1: {Status: destinations.Rejected, Code: "odd"}}}, done, nil
		}
		first := s.run()
		s.want(first, OK, "", Counts{Added: 3, Accepted: 3})
		if len(s.journal.jobs) != 1 || len(s.src.plans) != 1 {
			t.Fatalf("jobs %d, plans %d: the plan was not kept", len(s.journal.jobs), len(s.src.plans))
		}
		time.Sleep(time.Hour)
		done, s.src.n, s.opened, s.vendor.closed = true, 0, 0, false
		s.src.tally = &Tally{Ledger: 3, Unchanged: 3, SourceRows: 3}
		s.want(s.run(), OK, "", Counts{Unchanged: 3})
		if len(s.journal.jobs) != 0 || len(s.src.refined) != 3 || s.src.refined[1].Verdict != Rejected || len(s.src.plans) != 0 {
			t.Errorf("jobs %v, refined %v, plans %v", s.journal.jobs, s.src.refined, s.src.plans)
		}
	})
}

func TestDecide(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 3)
		n, err := s.runner.Decide(t.Context(), s.task, "run7", true, []string{"p1"})
		if err != nil || n != 1 || len(s.src.decided) != 1 || s.src.decided[0] != "run7true [p1]" {
			t.Errorf("%d, %v, %v", n, err, s.src.decided)
		}
		if s.opened != 0 || s.src.holder != nil || len(s.src.plans) != 0 {
			t.Error("more was done than decided")
		}
		for _, r := range s.journal.reports {
			if r.Status != OK || len(r.Notes) != 1 {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestConfigThatCouldNeverSend(t *testing.T) {
	s := newScene(t, 1)
	s.runner.Config = Config{TTL: time.Minute, Hold: 40 * time.Second}
	if _, err := s.runner.Run(t.Context(), s.task, RunOptions{}); err == nil || s.src.epoch != 0 {
		t.Errorf("err %v, epoch %d", err, s.src.epoch)
	}
}

func TestOpenFails(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		code  string
		tries int
	}{
		"settings":  {fault(destinations.Config, "no such region"), "syncs.config", 1},
		"secret":    {errors.New("KLAVIYO_API_KEY is not set"), "syncs.open", 1},
		"transient": {fault(destinations.Transient, "503"), "syncs.unavailable", 11},
	} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 5)
				tries := 0
				s.task.Session = func() (destinations.Session, error) { tries++; return nil, tt.err }
				s.want(s.run(), Failed, tt.code, Counts{Added: 5, Due: 5})
				if tries != tt.tries {
					t.Errorf("%d tries; want %d", tries, tt.tries)
				}
			})
		})
	}
}

func TestSettleThatFailsIsLeftToTheNextRun(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 5)
		s.src.settleErr = errors.New("the file is locked")
		r := s.run()
		s.want(r, Failed, "syncs.settle", Counts{Added: 5, Delivered: 5})
		if s.journal.settled[r.Run] || !s.src.dirty {
			t.Error("the run counts as settled")
		}
		s.src.settleErr, s.src.n, s.opened = nil, 0, 0
		s.src.tally = &Tally{SourceRows: 5, Ledger: 5, Unchanged: 5}
		s.want(s.run(), OK, "", Counts{Unchanged: 5})
		if got := s.journal.reports[r.Run]; got.Code != "syncs.interrupted" || got.Counts.Delivered != 5 {
			t.Errorf("the earlier run: %+v", got)
		}
	})
}

func TestGuards(t *testing.T) {
	pct := func(bp int) models.Percent { return models.Percent{BasisPoints: bp, Set: true} }
	tests := map[string]struct {
		tally Tally
		guard Guard
		codes []string
	}{
		"F04 exactly the share passes":     {tally: Tally{SourceRows: 1, Ledger: 1000, Removed: 200}},
		"F04 one more holds":               {tally: Tally{SourceRows: 1, Ledger: 1000, Removed: 201}, codes: []string{HoldMaxRemoved}},
		"policy does not count":            {tally: Tally{SourceRows: 1, Ledger: 1000, Removed: 400, Forced: 200}},
		"fewer than 100 never hold":        {tally: Tally{SourceRows: 1, Ledger: 120, Removed: 99}},
		"100 of them do":                   {tally: Tally{SourceRows: 1, Ledger: 120, Removed: 100}, codes: []string{HoldMaxRemoved}},
		"own share":                        {tally: Tally{SourceRows: 1, Ledger: 1000, Removed: 400}, guard: Guard{MaxRemoved: pct(4000)}},
		"a share of nothing":               {tally: Tally{SourceRows: 1, Ledger: 1000, Removed: 100}, guard: Guard{MaxRemoved: pct(0)}, codes: []string{HoldMaxRemoved}},
		"the first run adds freely":        {tally: Tally{SourceRows: 1, Added: 100000}},
		"exactly half passes":              {tally: Tally{SourceRows: 1, Ledger: 1000, Added: 500}},
		"what a run left over goes on":     {tally: Tally{SourceRows: 1, Ledger: 1000, Added: 5001, Resumed: 4501}},
		"more than was left over holds":    {tally: Tally{SourceRows: 1, Ledger: 1000, Added: 5001, Resumed: 4500}, codes: []string{HoldMaxAdded}},
		"more than half holds":             {tally: Tally{SourceRows: 1, Ledger: 1000, Added: 501}, codes: []string{HoldMaxAdded}},
		"F03 an empty source, few rows":    {tally: Tally{Ledger: 3, Removed: 3}, codes: []string{HoldEmpty}},
		"an empty source and nothing sent": {tally: Tally{}},
		"an empty source that may be":      {tally: Tally{Ledger: 3, Removed: 3}, guard: Guard{AllowEmpty: true}},
		"F02 null keys":                    {tally: Tally{SourceRows: 1, NullKeys: 1}, codes: []string{HoldNullKeys}},
		"F01 doubled keys":                 {tally: Tally{SourceRows: 1, DoubledKeys: 2}, codes: []string{HoldDoubledKeys}},
		"F12 columns":                      {tally: Tally{SourceRows: 1, Columns: true}, codes: []string{HoldColumns}},
		"all at once": {tally: Tally{Ledger: 500, Removed: 300, Added: 300, Columns: true},
			codes: []string{HoldEmpty, HoldColumns, HoldMaxRemoved, HoldMaxAdded}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, h := range holds(&Task{Sync: Sync{Guard: tt.guard}}, PlanRef{Tally: tt.tally}) {
				got += h.Code + " "
				if h.What == "" || h.Fix == "" {
					t.Errorf("%s says nothing", h.Code)
				}
			}
			want := ""
			for _, c := range tt.codes {
				want += c + " "
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestApprovedHoldsPass(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 600)
		s.src.tally = &Tally{SourceRows: 1, Ledger: 1000, Added: 600}
		s.want(s.run(), Held, HoldMaxAdded, Counts{Added: 600, Due: 600})
		r := s.runWith(t.Context(), RunOptions{Approved: []string{HoldMaxAdded}})
		s.want(r, OK, "", Counts{Added: 600, Delivered: 600})
	})
}

func TestKeysAreStable(t *testing.T) {
	s := newScene(t, 1)
	p := newPreparer(s.task)
	base := Change{Op: destinations.Add, Key: "p1", IDs: []any{" a@example.com "}, Hash: 7, Version: 3}
	key := p.prepare(base).row.Dedup
	if again := p.prepare(base).row.Dedup; again != key || len(key) != 24 {
		t.Errorf("%s, then %s", key, again)
	}
	for name, change := range map[string]func(*Change){
		"key": func(c *Change) { c.Key = "p2" }, "op": func(c *Change) { c.Op = destinations.Remove },
		"payload": func(c *Change) { c.Hash++ }, "version": func(c *Change) { c.Version++ },
		"match value": func(c *Change) { c.IDs = []any{"b@example.com"} },
	} {
		c := base
		change(&c)
		if p.prepare(c).row.Dedup == key {
			t.Errorf("another %s has the same key", name)
		}
	}
}

func TestCannotBeNormalised(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 3)
		row := s.src.row
		s.src.row = func(seq int64) Change {
			c := row(seq)
			if seq == 1 {
				c.IDs = []any{"   "}
			}
			return c
		}
		r := s.run()
		s.want(r, Degraded, "", Counts{Added: 2, Delivered: 2, Invalid: 1})
		if s.src.reasons[1].Verdict != Malformed || r.Rejects[CodeCannotNormalise] != 1 {
			t.Errorf("%+v %+v", s.src.reasons[1], r.Rejects)
		}
	})
}

// Memory does not grow with the plan.
func TestMemoryIsBounded(t *testing.T) {
	for _, n := range []int64{100_000, 1_000_000} {
		s := newScene(t, n)
		s.task.Object.Limits.Concurrency = 4
		peak, rate := drivePeak(t, s)
		if most := 2*mostPage + 5*int64(s.task.Object.Limits.Rows); peak > most {
			t.Errorf("%d rows were held at once for a plan of %d", peak, n)
		}
		t.Logf("%d rows: %d held at most, %.0f rows/s", n, peak, rate)
	}
}

// drivePeak runs with a journal that only counts and returns the most rows held at once.
func drivePeak(t testing.TB, s *scene) (int64, float64) {
	j := &countingJournal{fakeJournal: newFakeJournal()}
	m, err := NewMachine(s.task, Order{Run: "r"}, Config{}, NewBuckets())
	if err != nil {
		t.Fatal(err)
	}
	s.vendor.write = nil
	s.task.Session = func() (destinations.Session, error) { return quickVendor{}, nil }
	d := &driver{m: m, perf: NewPerformer(s.task, j, Holder{}), now: time.Now, random: func() float64 { return 0 }, events: func(Event) {}}
	start := time.Now()
	f := d.run(t.Context())
	if f.Err != nil || f.Report.Status != OK || f.Report.Counts.Delivered != s.src.n {
		t.Fatalf("%v %+v", f.Err, f.Report)
	}
	return m.send.peak, float64(s.src.n) / time.Since(start).Seconds()
}

type countingJournal struct {
	*fakeJournal
	rows int64
}

func (j *countingJournal) Record(_ context.Context, _ string, _ int64, acks []Ack, _ []Intent) error {
	for _, a := range acks {
		j.rows += a.Hi - a.Lo
	}
	return nil
}

type quickVendor struct{}

func (quickVendor) Check(context.Context) error { return nil }
func (quickVendor) Close(context.Context) error { return nil }
func (quickVendor) Write(_ context.Context, b destinations.Batch) (destinations.Outcome, error) {
	return delivered, nil
}

func BenchmarkDelivery(b *testing.B) {
	for _, ids := range []destinations.Identifier{{Name: "email"}, {Name: "email", Normalise: "meta.email", Hash: "sha256.hex"}} {
		b.Run(fmt.Sprintf("hash=%s", ids.Hash), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				s := &scene{src: newSource(200_000), vendor: &vendor{}}
				s.task = &Task{Sync: Sync{Name: "vip"}, Account: "acme", Source: s.src,
					Columns: destinations.Columns{IDs: []string{"email"}, Fields: []string{"name"}},
					Object: destinations.Object{Name: "list", Idempotent: true, Identifiers: []destinations.Identifier{ids},
						Limits: destinations.Limits{Rows: 1000, Concurrency: 4}}}
				_, rate := drivePeak(b, s)
				b.ReportMetric(rate, "rows/s")
			}
			runtime.GC()
		})
	}
}

// That somebody has no phone, or shares an address, is told and is nobody's fault.
func TestUnreachablePeopleDoNotDegrade(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 0)
		s.src.tally = &Tally{SourceRows: 7, Ledger: 4, Unchanged: 4, Invalid: 3, Reasons: map[string]int64{"syncs.missing_match": 2, "syncs.shared_match": 1}}
		r := s.run()
		s.want(r, OK, "", Counts{Unchanged: 4, Invalid: 3})
		if r.Rejects["syncs.missing_match"] != 2 || r.Rejects["syncs.shared_match"] != 1 {
			t.Errorf("they are not told: %v", r.Rejects)
		}
		s.src.tally = &Tally{SourceRows: 7, Ledger: 4, Unchanged: 4, Invalid: 3, Reasons: map[string]int64{"syncs.missing_match": 2, "syncs.missing_field": 1}}
		s.want(s.run(), Degraded, "", Counts{Unchanged: 4, Invalid: 3})
	})
}
