package syncstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/syncs"
)

// watched is the warehouse of a world in which plans are saved: it sees what is published.
type watched struct {
	*warehouse
	fits     int // saved plans that were published
	ref      syncs.PlanRef
	hashes   map[string]string // of saved plans
	attempts int
}

const savedPrefix = "saved."

func (s *watched) Freeze(ctx context.Context, g syncs.Grant, run string) (syncs.PlanRef, error) {
	p := s.plans[run]
	if strings.HasPrefix(run, savedPrefix) && g.Epoch > 0 {
		switch {
		case p == nil:
			s.w.violated("saved plan: %s was made anew", run)
		case p.ref.Epoch == 0 && p.ref.Version != fmt.Sprint(s.writes):
			s.w.violated("saved plan: %s was made at version %s of the ledger and begun at version %d", run, p.ref.Version, s.writes)
		case p.ref.Epoch == 0 && p.ref.Hash != s.hashes[run]:
			s.w.violated("saved plan: what is begun is not what was saved")
		}
	}
	ref, err := s.warehouse.Freeze(ctx, g, run)
	if err == nil && strings.HasPrefix(run, savedPrefix) && g.Epoch > 0 {
		s.fits++
	}
	return ref, err
}

// save keeps a preview.
func (s *watched) save(n int) error {
	s.attempts = 0
	var err error
	s.ref, err = s.warehouse.Freeze(context.Background(), syncs.Grant{}, fmt.Sprint(savedPrefix, n))
	s.hashes[s.ref.Run] = s.ref.Hash
	return err
}

// order is what Runner does with a saved plan: it is sent, or, if that was begun before, what is left
// of it is settled.
func (s *watched) order() (o syncs.Order, again bool) {
	if p := s.plans[s.ref.Run]; p != nil && p.ref.Epoch != 0 {
		return syncs.Order{Recover: true}, false
	}
	return syncs.Order{Run: s.ref.Run, Hash: s.ref.Hash}, true
}

// F60: a saved plan is sent as it was saved or not at all, whatever the source, other runs, crashes and
// the destination do meanwhile; and what was interrupted is settled by whoever comes next.
func TestF60ASavedPlanInAWorldOfFaults(t *testing.T) {
	n := seeds(t) / 3
	fits, refused, recovered := 0, 0, 0
	for seed := uint64(1); seed <= n; seed++ {
		w := newWorld(seed, Sound)
		s := &watched{warehouse: w.warehouse, hashes: map[string]string{}}
		w.task.Source = s
		saved := 0
		for i := 0; i < chaosSteps && w.broken == nil; i++ {
			p := w.procs[w.rng.IntN(2)]
			switch {
			case p.m == nil && s.ref.Run != "" && w.chance(0.1):
				o, again := s.order()
				p.carryOut(o)
				if !again {
					recovered++
				}
				if s.attempts++; !again || s.attempts > 3 {
					s.ref = syncs.PlanRef{}
				}
			case s.ref.Run == "" && w.chance(0.05):
				saved++
				if err := s.save(saved); err != nil {
					t.Fatal(err)
				}
			default:
				w.chaosStep()
			}
			var stale *syncs.StaleError
			if errors.As(p.err, &stale) {
				refused++
				s.nothingLeft(stale.Run)
				p.err, s.ref = nil, syncs.PlanRef{}
			}
			w.check()
		}
		w.chaos, w.dest.expired = false, false
		for i := range w.procs {
			w.procs[i].frozen = time.Time{}
		}
		w.converge()
		if w.broken != nil {
			t.Fatalf("seed %d: %v", seed, w.broken)
		}
		fits += s.fits
	}
	t.Logf("%d worlds: %d plans begun, %d refused, %d settled after an interruption", n, fits, refused, recovered)
	if fits == 0 || refused == 0 || recovered == 0 {
		t.Errorf("the worlds were too quiet: %d plans begun, %d refused, %d settled after an interruption", fits, refused, recovered)
	}
}

// nothingLeft checks that nothing of a refused plan was sent.
func (s *watched) nothingLeft(run string) {
	p := s.plans[run]
	if p == nil || p.ref.Epoch != 0 {
		return // it was begun by an earlier attempt, which is checked as every run is
	}
	for _, c := range p.rows {
		if s.w.journal.runs[run] != nil && s.w.journal.possiblySent(run, c.Seq) {
			s.w.violated("saved plan: %s was refused, and row %d of it was sent", run, c.Seq)
		}
	}
}

// F59: a preview is the plan of the run that follows if nothing moves, and sends nothing itself.
func TestF59APreviewIsWhatTheRunPlans(t *testing.T) {
	for seed := uint64(1); seed <= 200; seed++ {
		w := newWorld(seed, Sound)
		w.chaos = false
		preview, err := w.warehouse.Freeze(context.Background(), syncs.Grant{}, "preview")
		if err != nil || len(w.packets) > 0 || w.stats.Calls > 0 {
			t.Fatalf("seed %d: %v, %d packets", seed, err, len(w.packets))
		}
		p := w.procs[0]
		p.start(nil)
		w.drive(p)
		if w.broken != nil {
			t.Fatalf("seed %d: %v", seed, w.broken)
		}
		if c, y := p.last.Counts, preview.Tally; c.Added != y.Added || c.Updated != y.Updated || c.Removed != y.Removed {
			t.Errorf("seed %d: the preview says %+v, the run %+v", seed, y, c)
		}
	}
}
