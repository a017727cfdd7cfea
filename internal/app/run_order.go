package app

import (
	"context"
	"sync"

	"github.com/weir-data/weir/syncs"
)

// SkippedSync is a sync that was picked and did not begin, since the one that it follows, by after:,
// was picked too and did not end well.
type SkippedSync struct {
	Sync   string `json:"sync"`
	After  string `json:"after"`
	Reason string `json:"reason"` // a sentence about After
}

// EndedWell tells that a run ended so that what follows it may begin: in a run as under a schedule.
func EndedWell(s syncs.Status) bool { return s == syncs.OK || s == syncs.Degraded }

// fate says in words why nothing may follow a sync of which a run came to this; "" if it may.
func fate(r *syncs.Report, err error) string {
	switch {
	case err != nil || r == nil:
		return "did not begin"
	case EndedWell(r.Status):
		return ""
	}
	return ended[r.Status]
}

// inOrder calls run with the index of each of names, at most limit at a time. One whose sync follows
// another of them begins when run has returned for that one, and if it gave "": run gives why
// nothing may follow. out are picked syncs that do not run, and why. Who is not among names or out
// is not waited for: it was not asked for now. When ctx ends nothing more begins.
func (a *App) inOrder(ctx context.Context, names []string, out map[string]string, limit int, run func(i int) (fate string)) []SkippedSync {
	type ending struct {
		done chan struct{}
		fate string
	}
	ends := map[string]*ending{}
	for name, why := range out {
		e := &ending{make(chan struct{}), why}
		close(e.done)
		ends[name] = e
	}
	for _, name := range names {
		ends[name] = &ending{done: make(chan struct{})}
	}
	skipped := make([]*SkippedSync, len(names))
	places := make(chan struct{}, limit)
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			own := ends[name]
			defer close(own.done)
			own.fate = "did not begin"
			if first := ends[a.p.Sync(name).After]; first != nil {
				<-first.done // a check of the project holds that nobody waits in a circle
				if first.fate != "" && ctx.Err() == nil {
					after := a.p.Sync(name).After
					skipped[i] = &SkippedSync{name, after, after + " " + first.fate}
					own.fate = "was skipped"
					return
				}
			}
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
			case <-ctx.Done():
			}
			if ctx.Err() == nil {
				own.fate = run(i)
			}
		})
	}
	wg.Wait()
	list := []SkippedSync{}
	for _, s := range skipped {
		if s != nil {
			list = append(list, *s)
		}
	}
	return list
}
