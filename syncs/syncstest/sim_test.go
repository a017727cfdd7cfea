package syncstest

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func seeds(t *testing.T) uint64 {
	if s := os.Getenv("WEIR_SIM_SEEDS"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("WEIR_SIM_SEEDS: %v", err)
		}
		return n
	}
	return 3000
}

// patience is when the worlds end, however many were asked for: WEIR_SIM_TIME, or three minutes.
func patience(t *testing.T) time.Duration {
	s := os.Getenv("WEIR_SIM_TIME")
	if s == "" {
		return 3 * time.Minute
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatalf("WEIR_SIM_TIME: %v", err)
	}
	return d
}

// TestProtocol lives through thousands of worlds. With WEIR_SIM_SEEDS their number is set.
func TestProtocol(t *testing.T) {
	n := seeds(t)
	deadline := time.Now().Add(patience(t))
	var next atomic.Uint64
	var mu sync.Mutex
	var total Stats
	var wg sync.WaitGroup
	started := time.Now()
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				seed := next.Add(1)
				if seed > n || time.Now().After(deadline) || t.Failed() {
					return
				}
				st, err := Simulate(seed, Sound)
				mu.Lock()
				total.add(st)
				mu.Unlock()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	done := min(next.Load(), n)
	t.Logf("%d worlds, %.0f a second: %+v", done, float64(done)/time.Since(started).Seconds(), total)
	if total.Crashes == 0 || total.Ambiguous == 0 || total.Rejected == 0 || total.Held == 0 || total.Decided == 0 || total.LostJournals == 0 {
		t.Errorf("the worlds were too quiet to prove anything: %+v", total)
	}
}

func (s *Stats) add(o Stats) {
	s.Steps += o.Steps
	s.Runs += o.Runs
	s.Crashes += o.Crashes
	s.Freezes += o.Freezes
	s.Calls += o.Calls
	s.Ambiguous += o.Ambiguous
	s.InDoubt += o.InDoubt
	s.Rejected += o.Rejected
	s.Held += o.Held
	s.Decided += o.Decided
	s.LostJournals += o.LostJournals
}

// found are seeds that show a mistake of the engine when it is made again.
var found = []uint64{
	2,    // more of a held plan is sent than removals by policy
	5,    // a job is closed without the ledger, or its plan is dropped
	10,   // a refusal ends the doubt of an earlier attempt; a message in doubt is sent again
	14,   // a plan that the journal does not know counts as never sent
	23,   // rows of one person under different identifiers have the same key
	35,   // rows of one person are in two calls at once
	85,   // a lease counts as clean though an unanswered request may still arrive
	128,  // a run that was taken over records its own end over the truth
	446,  // nobody waits after a run that crashed
	641,  // a plan whose making was not confirmed looks like one whose journal was lost
	2473, // a lease counts as clean though requests of the run before may still arrive
}

func TestFoundSeeds(t *testing.T) {
	for _, seed := range found {
		if _, err := Simulate(seed, Sound); err != nil {
			t.Error(err)
		}
	}
}

// TestVariantsAreNoticed proves the simulator itself: each broken rule of the protocol shows.
func TestVariantsAreNoticed(t *testing.T) {
	const most = 2000
	for _, v := range Variants() {
		t.Run(strings.ReplaceAll(v.String(), " ", "_"), func(t *testing.T) {
			for seed := uint64(1); seed <= most; seed++ {
				if _, err := Simulate(seed, v); err != nil {
					t.Logf("noticed with seed %d: %v", seed, err)
					return
				}
			}
			t.Errorf("not noticed in %d worlds", most)
		})
	}
}

// TestSeedIsEverything: the same seed lives through the same world.
func TestSeedIsEverything(t *testing.T) {
	for seed := uint64(1); seed < 20; seed++ {
		a, _ := Trace(seed, Sound)
		b, _ := Trace(seed, Sound)
		if len(a) == 0 || len(a) != len(b) {
			t.Fatalf("seed %d: %d and %d steps", seed, len(a), len(b))
		}
	}
}

// TestTrace shows one world step by step, with -v: that of WEIR_SIM_TRACE, or the first found.
func TestTrace(t *testing.T) {
	seed := found[0]
	if s := os.Getenv("WEIR_SIM_TRACE"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := Trace(seed, Sound)
	for _, l := range lines {
		t.Log(l)
	}
	if err != nil || len(lines) == 0 {
		t.Errorf("seed %d, %d steps: %v", seed, len(lines), err)
	}
}
