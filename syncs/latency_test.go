package syncs

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/weir-data/weir/destinations"
)

// slowSource takes a while for each row that it reads, and slowJournal for each write.
type slowSource struct {
	*fakeSource
	row time.Duration
}

func (s slowSource) Read(ctx context.Context, ref PlanRef, lo, hi int64) iter.Seq2[Change, error] {
	time.Sleep(time.Duration(hi-lo) * s.row)
	return s.fakeSource.Read(ctx, ref, lo, hi)
}

type slowJournal struct {
	countingJournal
	write time.Duration
	n     int
}

func (j *slowJournal) Record(ctx context.Context, run string, epoch int64, acks []Ack, intents []Intent) error {
	j.n++
	time.Sleep(j.write)
	return j.countingJournal.Record(ctx, run, epoch, acks, intents)
}

// slowVendor takes its time, and knows when it was first asked and last answered.
type slowVendor struct {
	quickVendor
	mu          sync.Mutex
	first, last time.Time
}

func (v *slowVendor) Write(context.Context, destinations.Batch) (destinations.Outcome, error) {
	v.mu.Lock()
	if v.first.IsZero() {
		v.first = time.Now()
	}
	v.mu.Unlock()
	time.Sleep(50 * time.Millisecond)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last = time.Now()
	return delivered, nil
}

// A destination that takes its time is kept busy: of workers × batch / latency, nine tenths pass,
// with a journal that takes a moment, pages that take another, and the slow start counted.
func TestKeepsWorkersBusy(t *testing.T) {
	const workers, batch, rounds = 16, 100, 40
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, workers*batch*rounds)
		s.task.Object.Limits = destinations.Limits{Rows: batch, Concurrency: workers}
		s.task.Source = slowSource{s.src, 15 * time.Microsecond}
		v := &slowVendor{}
		s.task.Session = func() (destinations.Session, error) { return v, nil }
		j := &slowJournal{countingJournal: countingJournal{fakeJournal: newFakeJournal()}, write: time.Millisecond}
		s.runner.Journal = j
		r, err := s.runner.Run(t.Context(), s.task, RunOptions{})
		if err != nil || r.Status != OK || r.Counts.Delivered != s.src.n {
			t.Fatalf("%v %+v", err, r)
		}
		share := rounds * 50 * time.Millisecond.Seconds() / v.last.Sub(v.first).Seconds()
		t.Logf("%.3f of the ideal, %d writes of the journal for %d calls", share, j.n, workers*rounds)
		if share < 0.9 {
			t.Errorf("%.2f of what the workers could send was sent", share)
		}
	})
}

// aheadJournal counts the attempts that were recorded.
type aheadJournal struct {
	*fakeJournal
	recorded map[int64]bool
}

func (j *aheadJournal) Record(ctx context.Context, run string, epoch int64, acks []Ack, intents []Intent) error {
	err := j.fakeJournal.Record(ctx, run, epoch, acks, intents)
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, in := range intents {
		j.recorded[in.Attempt] = true
	}
	return err
}

// Calls are recorded before there is room for them only where that can do no harm, and no more leave
// for it.
func TestRecordsAhead(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*destinations.Object)
		most   int // recorded and not sent
	}{
		"harmless":      {func(*destinations.Object) {}, 1},
		"harmful":       {func(o *destinations.Object) { o.Idempotent = false }, 0},
		"bound by rate": {func(o *destinations.Object) { o.Limits.Rates = []destinations.Rate{{N: 1000, Per: time.Second}} }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inItsTime(t, func(t *testing.T) {
				s := newScene(t, 40_000)
				s.task.Object.Limits.Concurrency = 4
				c.change(&s.task.Object)
				j := &aheadJournal{s.journal, map[int64]bool{}}
				s.runner.Journal = j
				most := 0
				s.vendor.write = func(n int, _ destinations.Batch) (destinations.Outcome, error) {
					time.Sleep(time.Second) // by now all that may be recorded is
					j.mu.Lock()
					s.vendor.mu.Lock()
					most = max(most, len(j.recorded)-len(s.vendor.calls))
					s.vendor.mu.Unlock()
					j.mu.Unlock()
					time.Sleep(time.Second)
					return delivered, nil
				}
				s.want(s.run(), OK, "", Counts{Added: 40_000, Delivered: 40_000})
				if most != c.most || s.vendor.most != 4 {
					t.Errorf("%d recorded ahead, %d at once", most, s.vendor.most)
				}
			})
		})
	}
}
