package schedule

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// soaked is a sync of the soak. How long its runs take and how they end follows from its name and
// the slot alone, so that the model knows it without asking the loop.
type soaked struct {
	name  string
	every time.Duration
	from  int // version of the project that brings it; those below have it not
}

func (s soaked) run(slot time.Time) (long time.Duration, well bool) {
	h := fnv.New64a()
	fmt.Fprint(h, s.name, slot.Unix())
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	long = time.Duration(r.Int64N(int64(s.every))).Truncate(time.Millisecond) + 500*time.Microsecond
	if r.IntN(10) == 0 { // longer than its interval: some slots fall while it runs
		long += 2 * s.every
	}
	return long, r.IntN(5) > 0
}

// expected walks through the hour by arithmetic: which slots run, and which are skipped.
func (s soaked) expected(born, over time.Time) (ran, skipped []int64) {
	var busy time.Time
	for slot := born.Truncate(s.every).Add(s.every); !slot.After(over); slot = slot.Add(s.every) {
		if slot.Before(busy) {
			skipped = append(skipped, slot.Unix())
			continue
		}
		ran = append(ran, slot.Unix())
		long, _ := s.run(slot)
		busy = slot.Add(long)
	}
	return ran, skipped
}

// TestSoak runs 500 schedules for an hour of virtual time, with runs of any length, failures,
// reloads every minute that bring new syncs, and a store that is away now and then, and holds what
// ran and what was skipped against a model. That no goroutine is left is judged by synctest.
func TestSoak(t *testing.T) {
	before := heap()
	synctest.Test(t, func(t *testing.T) {
		const many, versions = 500, 60
		start := time.Now()
		over := start.Add(time.Hour - 500*time.Millisecond)
		var all []soaked
		for i := range many {
			s := soaked{name: fmt.Sprintf("s%03d", i), every: time.Duration(20+10*(i%9)) * time.Second}
			if i%5 == 0 {
				s.from = i % 50
			}
			all = append(all, s)
		}
		entries := func(version int) []Entry {
			var out []Entry
			for _, s := range all {
				if s.from <= version {
					out = append(out, Entry{Sync: s.name, Slots: Every(s.every)})
				}
			}
			for i := range 20 { // each after one that fails at times
				out = append(out, Entry{Sync: fmt.Sprintf("after%02d", i), After: all[i].name})
			}
			return out
		}
		byName := map[string]soaked{}
		for _, s := range all {
			byName[s.name] = s
		}
		ran, skipped, running := map[string][]int64{}, map[string][]int64{}, map[string]bool{}
		takes, away, version, most := 0, 0, 0, 0
		reload := make(chan struct{})
		ctx, cancel := context.WithDeadline(t.Context(), over)
		defer cancel()
		go func() {
			tick := time.NewTicker(time.Minute)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					select {
					case reload <- struct{}{}:
					case <-ctx.Done():
						return
					}
				}
			}
		}()
		Run(ctx, NewBook(entries(0), nil, 0, start), Work{
			Take: func(_ context.Context, due []Due) error {
				if takes++; takes%25 == 0 { // away until the next look, a second later
					away++
					return errors.New("the store is away")
				}
				for _, d := range due {
					if running[d.Sync] {
						t.Errorf("%s runs twice at once", d.Sync)
					}
					running[d.Sync] = true
					ran[d.Sync] = append(ran[d.Sync], d.Slot.Unix())
				}
				return nil
			},
			Group: func(due []Due) func(context.Context, func(string, bool)) {
				return func(_ context.Context, ended func(string, bool)) {
					ends := make([]Due, len(due))
					copy(ends, due)
					long := func(d Due) time.Duration {
						s, ok := byName[d.Sync]
						if !ok {
							return time.Millisecond
						}
						long, _ := s.run(d.Slot)
						return time.Until(d.Slot.Add(long)) // a look that failed makes no run longer
					}
					slices.SortFunc(ends, func(a, b Due) int { return int(long(a) - long(b)) })
					for _, d := range ends {
						time.Sleep(long(d))
						well := true
						if s, ok := byName[d.Sync]; ok {
							_, well = s.run(d.Slot)
						}
						ended(d.Sync, well)
					}
				}
			},
			Skip: func(_ context.Context, late []Skip) error {
				for _, s := range late {
					skipped[s.Sync] = append(skipped[s.Sync], s.Slot.Unix())
				}
				return nil
			},
			Reload: func() ([]Entry, bool) { version++; return entries(version), version%7 != 0 },
			Looked: func(b *Book) {
				clear(running)
				for name := range b.running {
					running[name] = true
				}
				most = max(most, len(running))
			},
		}, reload)
		if version < versions-1 || away == 0 || most < many/4 {
			t.Errorf("%d reloads, %d times away, at most %d at once: too little to prove anything", version, away, most)
		}
		for _, s := range all {
			born := start
			if s.from > 0 {
				v := s.from
				if v%7 == 0 { // that version was refused; the next brings it
					v++
				}
				born = start.Add(time.Duration(v) * time.Minute)
			}
			wantRan, wantSkipped := s.expected(born, over)
			if !slices.Equal(ran[s.name], wantRan) {
				t.Errorf("%s, every %s, ran at %v, want %v", s.name, s.every, since(start, ran[s.name]), since(start, wantRan))
			}
			if !slices.Equal(skipped[s.name], wantSkipped) {
				t.Errorf("%s, every %s, was skipped at %v, want %v", s.name, s.every, since(start, skipped[s.name]), since(start, wantSkipped))
			}
		}
		for i := range 20 {
			if len(ran[fmt.Sprintf("after%02d", i)]) == 0 {
				t.Errorf("after%02d never ran", i)
			}
		}
	})
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("an hour left %d kB on the heap", grown>>10)
	}
}

// since writes slots as seconds from the start.
func since(start time.Time, slots []int64) []int64 {
	var out []int64
	for _, s := range slots {
		out = append(out, s-start.Unix())
	}
	return out
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
