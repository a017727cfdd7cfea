package syncstest

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// TestF34EverySmallWorld lives through every small world, and prints how many there are. With
// WEIR_SIM_WORLDS=all there are about five times as many.
func TestF34EverySmallWorld(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	started := time.Now()
	n, err := Explore(Sound, os.Getenv("WEIR_SIM_WORLDS") == "all")
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d worlds, %.0f a second", n, float64(n)/time.Since(started).Seconds())
	if err == nil && n < 20000 {
		t.Errorf("only %d worlds", n)
	}
}

// TestEverySmallWorldNotices proves the exploration itself: each broken rule of the protocol shows.
func TestEverySmallWorldNotices(t *testing.T) {
	for _, v := range Variants() {
		t.Run(strings.ReplaceAll(v.String(), " ", "_"), func(t *testing.T) {
			n, err := Explore(v, false)
			if err == nil {
				t.Fatalf("not noticed in %d worlds", n)
			}
			t.Logf("noticed in world %d: %v", n, err)
		})
	}
}
