package syncs

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

type watchKey struct{}

// TestWatch follows a run whose first call is throttled: every step is told when it begins and how
// it ended, and is done in the context that the watcher gave.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 5)
		s.vendor.write = func(call int, b destinations.Batch) (destinations.Outcome, error) {
			if call == 1 {
				return destinations.Outcome{}, &destinations.Fault{Class: destinations.Throttled, Text: "slow down"}
			}
			return delivered, nil
		}
		var mu sync.Mutex
		var got []string
		s.runner.Watch = func(ctx context.Context, step Step) (context.Context, func(Done)) {
			if step.Sync != "vip" || step.Run == "" {
				t.Errorf("%+v", step)
			}
			if inside := ctx.Value(watchKey{}) == "run"; inside == (step.Kind == "run") {
				t.Errorf("%s is done in the context of the run: %v", step.Kind, inside)
			}
			if step.Kind == "run" {
				ctx = context.WithValue(ctx, watchKey{}, "run")
			}
			return ctx, func(d Done) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, step.Kind+" "+d.Class)
			}
		}
		s.run()
		if d := cmp.Diff([]string{"plan ok", "open ok", "send throttled", "send ok", "settle ok", "run ok"}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}
