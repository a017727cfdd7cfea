//go:build unix

package build_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
)

// watched remembers the context of the newest session.
type watched struct {
	warehouse.Warehouse
	mu     sync.Mutex
	newest context.Context
}

// Session implements warehouse.Warehouse.
func (w *watched) Session(ctx context.Context) (warehouse.Session, error) {
	w.mu.Lock()
	w.newest = ctx
	w.mu.Unlock()
	return w.Warehouse.Session(ctx)
}

func (w *watched) of() context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.newest
}

// TestBeats holds that a lease is renewed while a step takes its time, and that a build which lost
// it ends in the midst of its steps.
func TestBeats(t *testing.T) {
	for name, open := range map[string]casetest.Open{"duckdb": casetest.DuckDB, "postgres": casetest.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			w := &watched{Warehouse: open(t)}
			in := tiny(t, w)
			must(t, w, in)
			set := func(text string) {
				with(t, w.Warehouse, func(s warehouse.Session) {
					if _, err := s.Exec(t.Context(), "UPDATE weir.build_leases SET "+text); err != nil {
						t.Fatal(err)
					}
				})
			}
			var steps int
			b := (&build.Builder{W: w, Progress: func(_ string, i, n int) {
				steps = n
				if i != 2 {
					return
				}
				set("expires = '2020-01-01'")
				for rows(t, w.Warehouse, "SELECT expires > '2026-01-01' FROM weir.build_leases")[0] != "true" {
					time.Sleep(time.Millisecond) // until the test's own time is over
				}
			}}).Beats(time.Millisecond)
			if res, err := b.Build(t.Context(), in, build.Options{}); err != nil || res.Build.ID != "2" {
				t.Fatalf("%+v, %v", res, err)
			}
			reached := 0
			b.Progress = func(_ string, i, _ int) {
				if reached = i; i == 2 {
					set("holder = 'elsewhere:1:x', epoch = epoch + 1")
					<-w.of().Done()
				}
			}
			if _, err := b.Build(t.Context(), in, build.Options{}); !errors.Is(err, build.ErrLost) {
				t.Fatalf("error is %v", err)
			}
			if reached == steps {
				t.Errorf("all %d steps were run", steps)
			}
			if build, ok, err := b.Live(t.Context(), "customer"); err != nil || !ok || build.ID != "2" {
				t.Errorf("in force is %v, %v", build, err)
			}
		})
	}
}
