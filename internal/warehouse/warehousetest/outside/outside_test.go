package outside_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

// told is a test that keeps how it ended.
type told struct {
	testing.TB
	failed, skipped bool
}

func (*told) Helper()          {}
func (t *told) Fatal(_ ...any) { t.failed = true; runtime.Goexit() }
func (t *told) Skip(_ ...any)  { t.skipped = true; runtime.Goexit() }

func ended(t *testing.T, do func(testing.TB)) *told {
	t.Helper()
	out, done := &told{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		do(out)
	}()
	<-done
	return out
}

func TestLeaveOut(t *testing.T) {
	for require, fails := range map[string]bool{"all": true, "": false} {
		t.Setenv("WEIR_REQUIRE", require)
		for name, do := range map[string]func(testing.TB){
			"leaving out":           func(t testing.TB) { outside.LeaveOut(t, "no such thing") },
			"a program that is not": func(t testing.TB) { outside.Find(t, strings.Repeat("weir-has-no-such-program", 2)) },
		} {
			if got := ended(t, do); got.failed != fails || got.skipped == fails {
				t.Errorf("WEIR_REQUIRE=%q, %s: failed %v, skipped %v", require, name, got.failed, got.skipped)
			}
		}
	}
}
