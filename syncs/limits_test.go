package syncs

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-data/weir/destinations"
)

// again readies a scene for another run, as a new process would begin it: only the journal and the
// warehouse are what they were.
func (s *scene) again(n int64) {
	s.runner.Buckets = NewBuckets()
	s.src.n, s.src.tally, s.opened, s.vendor.closed, s.vendor.calls, s.vendor.at = n, nil, 0, false, nil, nil
}

// A destination that says that the day's quota is spent ends the run in order, and no later run
// asks it again before the time that it gave, also in another process.
func TestF21QuotaThatTheDestinationTells(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 5000)
		spent := true
		s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
			if spent && n > 2 {
				return destinations.Outcome{}, &destinations.Fault{Class: destinations.Throttled, RetryAfter: 5 * time.Hour, Code: "429", Text: "daily limit reached"}
			}
			return delivered, nil
		}
		start := time.Now()
		r := s.run()
		s.want(r, Degraded, "syncs.quota", Counts{Added: 5000, Delivered: 2000, Due: 3000})
		if w := r.Resumes.Sub(start); w < 5*time.Hour || w > 5*time.Hour+time.Minute || !strings.Contains(r.Error, r.Resumes.Format("2006-01-02 15:04 MST")) || !strings.Contains(r.Error, "daily limit reached") {
			t.Errorf("goes on %s after it began: %s", w, r.Error)
		}
		if time.Since(start) > time.Second || s.src.dirty {
			t.Errorf("it took %s, dirty %v", time.Since(start), s.src.dirty)
		}
		s.again(3000)
		time.Sleep(5*time.Hour - 2*time.Second)
		second := s.run()
		s.want(second, Degraded, "syncs.quota", Counts{Added: 3000, Due: 3000})
		if s.opened != 0 || second.Requests != 0 || !second.Resumes.Equal(r.Resumes) {
			t.Errorf("opened %d, %d requests, goes on at %s; want none before %s", s.opened, second.Requests, second.Resumes, r.Resumes)
		}
		time.Sleep(2 * time.Minute)
		spent = false
		s.again(3000)
		s.want(s.run(), OK, "", Counts{Added: 3000, Delivered: 3000})
	})
}

// Jobs of earlier runs are not asked about either while the quota is spent, and a run with nothing to
// send is no worse for it.
func TestQuotaSpentWithNothingToSend(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 0)
		s.journal.lessons["acme "+AboutQuota] = Lesson{About: AboutQuota, Until: time.Now().Add(time.Hour)}
		s.src.tally = &Tally{Ledger: 7, Unchanged: 7, SourceRows: 7}
		s.journal.jobs = []OpenJob{{ID: 1, Run: "r0", Hi: 1, Started: time.Now().Add(-time.Hour)}}
		s.want(s.run(), OK, "", Counts{Unchanged: 7})
		if s.opened != 0 || s.vendor.polls != 0 {
			t.Errorf("opened %d, polled %d", s.opened, s.vendor.polls)
		}
	})
}

// A quota that a person took back, since more was bought, is asked for again, also by the process
// that heard of it.
func TestQuotaTakenBack(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
			if n == 1 {
				return destinations.Outcome{}, &destinations.Fault{Class: destinations.Throttled, RetryAfter: 5 * time.Hour}
			}
			return delivered, nil
		}
		s.want(s.run(), Degraded, "syncs.quota", Counts{Added: 2, Due: 2})
		buckets := s.runner.Buckets
		clear(s.journal.lessons)
		s.again(2)
		s.runner.Buckets, s.vendor.write = buckets, nil
		s.want(s.run(), OK, "", Counts{Added: 2, Delivered: 2})
	})
}

// A call of which the destination took a part and then asked to wait is about the account too.
func TestQuotaSpentInTheMiddleOfACall(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 5000)
		s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
			o := destinations.Outcome{Rest: destinations.Result{Status: destinations.Later, RetryAfter: 3 * time.Hour, Reason: "daily limit"}, Rows: map[int]destinations.Result{}}
			for i := range 400 {
				o.Rows[i] = destinations.Result{Status: destinations.Delivered}
			}
			return o, nil
		}
		r := s.run()
		s.want(r, Degraded, "syncs.quota", Counts{Added: 5000, Delivered: 400, Due: 4600})
		if r.Requests != 1 || len(s.journal.lessons) != 1 {
			t.Errorf("%d requests, lessons %v", r.Requests, s.journal.lessons)
		}
	})
}

// A quota that is declared is counted in the journal: no stretch of its length ever has more calls,
// whoever makes them.
func TestF21QuotaThatIsDeclared(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		quota := destinations.Rate{N: 7, Per: 24 * time.Hour, Bucket: "day"}
		s := newScene(t, 10)
		s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: 3, Rates: []destinations.Rate{{N: 100, Per: time.Second, Bucket: "calls"}, quota}}
		start := time.Now()
		r := s.run()
		s.want(r, Degraded, "syncs.quota", Counts{Added: 10, Delivered: 7, Due: 3})
		if !strings.Contains(r.Error, "7 calls in 24h") || time.Since(start) > time.Second {
			t.Errorf("after %s: %s", time.Since(start), r.Error)
		}
		s.again(3)
		time.Sleep(time.Hour)
		s.want(s.run(), Degraded, "syncs.quota", Counts{Added: 3, Due: 3})
		if len(s.vendor.calls) != 0 {
			t.Error("a call was made")
		}
		time.Sleep(time.Until(r.Resumes))
		if d := r.Resumes.Sub(start); d < 24*time.Hour || d > 25*time.Hour+time.Minute {
			t.Errorf("it goes on after %s", d)
		}
		s.again(3)
		s.want(s.run(), OK, "", Counts{Added: 3, Delivered: 3})
	})
}

// Calls that were taken out of a quota and not made are given back, so that runs which send little
// do not use it up.
func TestUnusedQuotaIsGivenBack(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 3)
		s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: 2, Rates: []destinations.Rate{{N: 5000, Per: 24 * time.Hour, Bucket: "day"}}}
		for i := range 3 {
			s.again(3)
			s.want(s.run(), OK, "", Counts{Added: 3, Delivered: 3})
			var sum int64
			for _, n := range s.journal.spent["acme day"] {
				sum += n
			}
			if want := int64(3 * (i + 1)); sum != want {
				t.Errorf("run %d: %d calls are counted, want %d", i+1, sum, want)
			}
		}
	})
}

// What TakeQuota lets through never exceeds the quota in any stretch of its length.
func TestTakeQuotaHoldsInEveryWindow(t *testing.T) {
	q := destinations.Rate{N: 90, Per: 24 * time.Hour}
	spent := map[int64]int64{}
	type made struct {
		at time.Time
		n  int64
	}
	var calls []made
	at := time.Date(2026, 3, 1, 7, 13, 0, 0, time.UTC)
	total := int64(0)
	for i := range 600 {
		at = at.Add(time.Duration(1+i*i%37) * time.Minute)
		a := TakeQuota(q, spent, int64(1+i%5), at)
		spent[a.Slot] += a.Got
		total += a.Got
		if a.Got > 0 {
			calls = append(calls, made{at, a.Got})
		} else if !a.Next.After(at) {
			t.Fatalf("nothing at %s, and more at %s", at, a.Next)
		}
		for s := range spent {
			if s < a.Oldest {
				delete(spent, s)
			}
		}
	}
	for _, x := range calls {
		var n int64
		for _, y := range calls {
			if d := y.at.Sub(x.at); d >= 0 && d < q.Per {
				n += y.n
			}
		}
		if n > int64(q.N) {
			t.Errorf("%d calls in the day from %s", n, x.at)
		}
	}
	if days := at.Sub(calls[0].at).Hours() / 24; float64(total) < 0.7*90*days {
		t.Errorf("%d calls in %.1f days: the quota is not used", total, days)
	}
}

func TestF28SmallerSizeIsRemembered(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 4000)
		s.vendor.write = func(_ int, b destinations.Batch) (destinations.Outcome, error) {
			if len(b.Rows) > 130 {
				return destinations.Outcome{}, fault(destinations.TooLarge, "413")
			}
			return delivered, nil
		}
		s.want(s.run(), OK, "", Counts{Added: 4000, Delivered: 4000})
		s.again(4000)
		r := s.run()
		s.want(r, OK, "", Counts{Added: 4000, Delivered: 4000})
		if r.Requests != 32 {
			t.Errorf("%d requests; want 32 of 125 rows", r.Requests)
		}
		time.Sleep(8 * 24 * time.Hour) // then it is tried again what the destination takes
		s.again(4000)
		if r = s.run(); r.Requests <= 32 {
			t.Errorf("%d requests: the size is believed for ever", r.Requests)
		}
	})
}

// One row that is too large by itself is no reason to send all others in small calls.
func TestF32OneLargeRowDoesNotMakeAllCallsSmall(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 20_000)
		s.vendor.write = func(_ int, b destinations.Batch) (destinations.Outcome, error) {
			for _, r := range b.Rows {
				if r.Key == "p617" {
					return destinations.Outcome{}, fault(destinations.TooLarge, "413")
				}
			}
			return delivered, nil
		}
		r := s.run()
		s.want(r, Degraded, "", Counts{Added: 20_000, Delivered: 19_999, Rejected: 1})
		if r.Requests > 45 {
			t.Errorf("%d requests", r.Requests)
		}
		if l := s.journal.lessons["acme "+AboutRows+"list"]; time.Now().Before(l.Until) {
			t.Errorf("later runs are told %+v", l)
		}
	})
}

// A destination that is down says for how long.
func TestDownForAWhile(t *testing.T) {
	for name, tt := range map[string]struct {
		after time.Duration
		code  string
	}{"a minute": {time.Minute, ""}, "an hour": {time.Hour, "syncs.unavailable"}} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 2)
				s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
					if n == 1 {
						return destinations.Outcome{}, &destinations.Fault{Class: destinations.Transient, RetryAfter: tt.after, Text: "maintenance"}
					}
					return delivered, nil
				}
				if r := s.run(); tt.code != "" {
					s.want(r, Failed, tt.code, Counts{Added: 2, Due: 2})
					return
				}
				if w := s.vendor.at[1].Sub(s.vendor.at[0]); w < tt.after {
					t.Errorf("asked again after %s", w)
				}
			})
		})
	}
}

// Repetitions are a tenth of the calls and a few more; beyond that one call at a time asks, at
// growing intervals, and one that goes well closes the circuit again.
func TestF27BudgetAndCircuit(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 3000)
		s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: 4}
		down := time.Now().Add(2 * time.Minute) // and up again at
		up := down.Add(8 * time.Minute)
		s.vendor.took = time.Second
		var mu sync.Mutex
		var asked []time.Time
		s.vendor.write = func(int, destinations.Batch) (destinations.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			if now := time.Now(); now.After(down) && now.Before(up) {
				asked = append(asked, now)
				return destinations.Outcome{}, fault(destinations.Transient, "503")
			}
			return delivered, nil
		}
		s.want(s.run(), OK, "", Counts{Added: 3000, Delivered: 3000})
		if len(asked) > 4+10+5 {
			t.Errorf("%d calls while it was down", len(asked))
		}
		for i := 5; i < len(asked); i++ {
			if asked[i].Equal(asked[i-1]) {
				t.Error("two calls asked at once")
			}
		}
		probe := asked[len(asked)-1].Sub(asked[len(asked)-2])
		if probe < probeAfter {
			t.Errorf("the last two asked within %s", probe)
		}
	})
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 3000)
		s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: 4}
		s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
			if n > 100 {
				return destinations.Outcome{}, fault(destinations.Transient, "503")
			}
			return delivered, nil
		}
		start := time.Now()
		r := s.run()
		if r.Status != Failed || r.Code != "syncs.unavailable" || r.Counts.Delivered != 100 || r.Requests > 100+4+10+5+1 {
			t.Errorf("%s %s %+v after %d requests", r.Status, r.Code, r.Counts, r.Requests)
		}
		if d := time.Since(start); d > 20*time.Minute {
			t.Errorf("it took %s to see that it is down", d)
		}
	})
}

// A destination whose every call breaks off in the middle, so that it knows nothing of some rows and
// did not try the others, is down as well.
func TestF27DownInTheMiddleOfEveryCall(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 2500)
		s.task.Object.Limits = destinations.Limits{Rows: 500, Concurrency: 4}
		s.vendor.write = func(_ int, b destinations.Batch) (destinations.Outcome, error) {
			o := destinations.Outcome{Rest: destinations.Result{Status: destinations.Later}, Rows: map[int]destinations.Result{}}
			for i := range min(100, len(b.Rows)) {
				o.Rows[i] = destinations.Result{Status: destinations.Uncertain, Reason: "Internal Server Error"}
			}
			return o, nil
		}
		start := time.Now()
		r := s.run()
		if c := r.Counts; r.Status != Failed || r.Code != "syncs.unavailable" || !strings.Contains(r.Error, "Internal Server Error") || c.InDoubt == 0 || c.Delivered != 0 {
			t.Errorf("%s %s (%s) %+v", r.Status, r.Code, r.Error, c)
		}
		if d := time.Since(start); d > 2*time.Minute || r.Requests > 30 {
			t.Errorf("it took %s and %d requests to see that it is down", d, r.Requests)
		}
	})
}

// server is a destination that works on so many calls at once; the others wait their turn, or are
// turned away.
type server struct {
	capacity int
	each     time.Duration
	refuses  bool
	mu       sync.Mutex
	in       int
	done     int
	refused  int
	most     []int // calls in it, seen by each
	slots    chan struct{}
}

func (v *server) write(int, destinations.Batch) (destinations.Outcome, error) {
	v.mu.Lock()
	if v.slots == nil {
		v.slots = make(chan struct{}, v.capacity)
	}
	v.in++
	v.most = append(v.most, v.in)
	turned := v.refuses && v.in > v.capacity
	if turned {
		v.in--
		v.refused++
	}
	v.mu.Unlock()
	if turned {
		return destinations.Outcome{}, &destinations.Fault{Class: destinations.Throttled, RetryAfter: time.Second, Text: "too many at once"}
	}
	v.slots <- struct{}{}
	time.Sleep(v.each)
	<-v.slots
	v.mu.Lock()
	v.in--
	v.done++
	v.mu.Unlock()
	return delivered, nil
}

// The number of calls at once follows what the destination can do, without being told.
func TestConcurrencyAdapts(t *testing.T) {
	const calls = 2000
	for name, tt := range map[string]struct {
		srv      *server
		most     int     // that the object allows
		rate     float64 // of what the server can do, at least
		inside   float64 // calls at once in the second half, at most, on average
		refusals int
	}{
		"a server that queues":       {srv: &server{capacity: 4, each: 100 * time.Millisecond}, most: 64, rate: 0.9, inside: 14},
		"a server that turns away":   {srv: &server{capacity: 4, each: 100 * time.Millisecond, refuses: true}, most: 64, rate: 0.45, inside: 5, refusals: calls / 10},
		"a server for one":           {srv: &server{capacity: 1, each: 100 * time.Millisecond}, most: 16, rate: 0.9, inside: 5},
		"a server as large as asked": {srv: &server{capacity: 32, each: 50 * time.Millisecond}, most: 32, rate: 0.9, inside: 32},
		"no more than allowed":       {srv: &server{capacity: 32, each: 50 * time.Millisecond}, most: 3, rate: 0.08, inside: 3},
	} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				srv := tt.srv
				s := newScene(t, calls)
				s.task.Object.Limits = destinations.Limits{Rows: 1, Concurrency: tt.most}
				s.vendor.write = srv.write
				start := time.Now()
				s.want(s.run(), OK, "", Counts{Added: calls, Delivered: calls})
				took := time.Since(start)
				ideal := time.Duration(calls / srv.capacity * int(srv.each))
				sum := 0
				for _, n := range srv.most[len(srv.most)/2:] {
					sum += n
				}
				mean := float64(sum) / float64(len(srv.most)-len(srv.most)/2)
				t.Logf("took %s, ideal %s; %.1f at once, %d turned away", took, ideal, mean, srv.refused)
				if got := float64(ideal) / float64(took); got < tt.rate {
					t.Errorf("%.2f of what the server can do; want %.2f", got, tt.rate)
				}
				if mean > tt.inside {
					t.Errorf("%.1f calls at once; want %.1f at most", mean, tt.inside)
				}
				if srv.refused > tt.refusals {
					t.Errorf("%d calls were turned away", srv.refused)
				}
			})
		})
	}
}

// A destination that becomes slower for good is not taken for a busy one for ever.
func TestConcurrencyAfterASlowerDay(t *testing.T) {
	p := newPace(16)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	round := func(took time.Duration) {
		left := at
		at = at.Add(took)
		for range p.now() {
			p.well(at, left, true)
		}
		at = at.Add(time.Millisecond)
	}
	for range 10 {
		round(100 * time.Millisecond)
	}
	if p.now() != 16 {
		t.Fatalf("%d at once after ten quick rounds", p.now())
	}
	least := math.MaxInt
	for range 3000 {
		round(400 * time.Millisecond)
		least = min(least, p.now())
	}
	if least > 4 || p.now() < 12 {
		t.Errorf("%d at the worst, %d in the end", least, p.now())
	}
	if !p.trouble(at, at) || p.trouble(at, at) || p.now() > 8 {
		t.Errorf("after trouble: %s", fmt.Sprint(p))
	}
}
