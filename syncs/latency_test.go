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
