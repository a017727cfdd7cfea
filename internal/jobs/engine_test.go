//go:build unix

package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// open opens one more engine on the store in dir, as a process of its own would.
func open(t *testing.T, dir string, work func(context.Context, Job, func(string)) time.Duration) *Engine {
	t.Helper()
	st, err := store.OpenServer(t.Context(), store.Server{URL: "postgres://weir@/postgres?host=" + dir, Owner: "p/dev"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	e, err := New(t.Context(), st, Options{Work: work, Parallel: 4, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// start runs an engine until the function that it returns is called.
func start(t *testing.T, e *Engine) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// TestEverySlotIsWorkedOnce has eight processes offer the same slots of fifty syncs at once: each is
// one process's job.
func TestEverySlotIsWorkedOnce(t *testing.T) {
	dir := pgtest.Dir(pgtest.Start(t))
	const syncs, slots, processes = 50, 4, 8
	var mu sync.Mutex
	ran, skips := map[string]int{}, 0
	all := make(chan struct{})
	work := func(_ context.Context, j Job, ended func(string)) time.Duration {
		for _, s := range j.Slots {
			mu.Lock()
			ran[s.Sync+s.At.Format(" 15:04")]++
			if len(ran)+skips == syncs*slots {
				close(all)
			}
			mu.Unlock()
			ended(s.Sync)
		}
		return 0
	}
	var engines []*Engine
	var wg sync.WaitGroup
	for range processes { // also the tables are made by all at once
		wg.Go(func() {
			e := open(t, dir, work)
			mu.Lock()
			engines = append(engines, e)
			mu.Unlock()
		})
	}
	wg.Wait()
	for _, e := range engines {
		start(t, e)
	}
	taken := map[string]int{}
	for slot := range slots {
		for _, e := range engines {
			wg.Go(func() {
				var offer []store.Slot
				for i := range syncs {
					offer = append(offer, store.Slot{Sync: fmt.Sprintf("s%02d", i), At: noon.Add(time.Duration(slot) * time.Minute)})
				}
				got, skipped, err := e.Offer(t.Context(), offer)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, s := range got {
					taken[s.Sync+s.At.Format(" 15:04")]++
				}
				for range skipped { // of the job before, which has not ended
					if skips++; len(ran)+skips == syncs*slots {
						close(all)
					}
				}
			})
		}
		wg.Wait()
	}
	select {
	case <-all:
	case <-time.After(5 * time.Minute):
		t.Fatalf("%d slots ran and %d were skipped, of %d", len(ran), skips, syncs*slots)
	}
	mu.Lock()
	defer mu.Unlock()
	for s, n := range taken {
		if n != 1 || ran[s] != 1 {
			t.Errorf("%s was taken %d times and ran %d times", s, n, ran[s])
		}
	}
	if len(ran) != len(taken) {
		t.Errorf("%d slots ran of %d that were taken", len(ran), len(taken))
	}
}

// TestWhatStillRunsIsSkipped offers slots while their sync is at work elsewhere, and after it ended.
func TestWhatStillRunsIsSkipped(t *testing.T) {
	dir := pgtest.Dir(pgtest.Start(t))
	began, end, over := make(chan Job, 10), make(chan struct{}), make(chan struct{}, 10)
	e := open(t, dir, func(_ context.Context, j Job, ended func(string)) time.Duration {
		began <- j
		<-end
		for _, s := range j.Slots {
			ended(s.Sync)
			over <- struct{}{}
		}
		return 0
	})
	other := open(t, dir, nil)
	at := func(minute int) []store.Slot {
		return []store.Slot{{Sync: "a", At: noon.Add(time.Duration(minute) * time.Minute)}}
	}
	offer := func(minute int, want, skip []store.Slot) {
		t.Helper()
		taken, skipped, err := other.Offer(t.Context(), at(minute))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([][]store.Slot{want, skip}, [][]store.Slot{taken, skipped}); d != "" {
			t.Errorf("minute %d (-want +got):\n%s", minute, d)
		}
	}
	stop := start(t, e)
	offer(0, at(0), nil)
	<-began
	offer(1, nil, at(1))
	offer(1, nil, nil) // said once
	offer(0, nil, nil) // a clock that is behind
	close(end)
	<-over
	stop()
	offer(2, at(2), nil)
	// Nobody works on it, and another process takes it.
	stop = start(t, e)
	if j := <-began; !slices.Equal(j.Slots, at(2)) {
		t.Errorf("got %v", j)
	}
	<-over
	stop()
}

// TestAJobGoesOnElsewhere stops a process in the middle of a group: another works the rest.
func TestAJobGoesOnElsewhere(t *testing.T) {
	dir := pgtest.Dir(pgtest.Start(t))
	first := make(chan struct{})
	a := open(t, dir, func(ctx context.Context, j Job, ended func(string)) time.Duration {
		ended(j.Slots[0].Sync)
		close(first)
		<-ctx.Done()
		return 0
	})
	rest := make(chan Job, 1)
	b := open(t, dir, func(_ context.Context, j Job, ended func(string)) time.Duration {
		for _, s := range j.Slots {
			ended(s.Sync)
		}
		rest <- j
		return 0
	})
	slots := []store.Slot{{Sync: "x", At: noon}, {Sync: "y", At: noon}, {Sync: "z", At: noon}}
	stop := start(t, a)
	if _, _, err := b.Offer(t.Context(), slots); err != nil {
		t.Fatal(err)
	}
	<-first
	start(t, b)
	stop()
	if d := cmp.Diff(slots[1:], (<-rest).Slots); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
