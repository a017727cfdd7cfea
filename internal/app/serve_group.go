package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/trace"
	"github.com/weir-data/weir/syncs"
)

// Outcome is told what came of some of the syncs of a group, as Run would return it: res is about
// these syncs alone, and may be nil.
type Outcome func(names []string, res *RunResult, err error)

// Run runs syncs of a, named, that are due together, and tells ended of each as soon as it is
// through. Those of one entity share a build; what goes wrong with one entity is no matter of
// the others. Groups may run at the same time, also of different versions of a project: the
// service bounds how many syncs run at once, and has one build of an entity follow the other.
func (s *Service) Run(ctx context.Context, a *App, names []string, ended Outcome) {
	parts := map[string][]string{}
	var order []string
	for _, n := range names {
		y := a.p.Sync(n)
		if y == nil { // it was taken out after it fell due
			ended([]string{n}, &RunResult{}, nil)
			continue
		}
		e := a.entityOf(y)
		if parts[e] == nil {
			order = append(order, e)
		}
		parts[e] = append(parts[e], n)
	}
	var wg sync.WaitGroup
	for _, e := range order {
		wg.Go(func() { s.part(ctx, a, parts[e], ended) })
	}
	wg.Wait()
}

// part runs the syncs of one entity.
func (s *Service) part(ctx context.Context, a *App, names []string, ended Outcome) {
	g := &App{o: a.o, p: a.p, buckets: s.buckets, st: s.st, lent: true, picked: map[node]bool{}}
	g.o.Asked = bySchedule
	for _, n := range names {
		g.picked[node{"sync", n}] = true
	}
	defer g.Close() //nolint:errcheck // what it did was told
	ctx, end := trace.Begin(ctx, "weir serve", trace.String("weir.target", a.p.Target.Name), trace.Int("weir.syncs", int64(len(names))))
	builds, err := s.built(ctx, g)
	if err != nil {
		ended(names, &RunResult{Target: g.p.Target.Name, Builds: builds}, err)
		end(spanCode(err))
		return
	}
	var mu sync.Mutex
	var errs []error
	tell := func(name string, res *RunResult, err error) {
		mu.Lock()
		res.Target, res.Builds, builds = g.p.Target.Name, builds, nil // told once
		errs = append(errs, err)
		mu.Unlock()
		ended([]string{name}, res, err)
	}
	if err := s.each(ctx, g, tell); err != nil {
		errs = append(errs, err)
		ended(names, &RunResult{Target: g.p.Target.Name, Builds: builds}, err)
	}
	g.looksBack(ctx)
	end(spanCode(errors.Join(errs...)))
}

// built builds what the syncs of g need, after builds of the same that are under way: in this
// process, or in another.
func (s *Service) built(ctx context.Context, g *App) ([]BuildResult, error) {
	if err := g.sends(); err != nil {
		return nil, err
	}
	if _, err := g.warehouse(); err != nil {
		return nil, err
	}
	if err := g.led.Drop(ctx, nil); err != nil {
		return nil, g.worldly(err)
	}
	done, err := s.building(ctx, g.chosenEntities())
	if err != nil {
		return nil, err
	}
	defer done()
	for pause := time.Second; ; pause = min(2*pause, 15*time.Second) {
		builds, _, err := g.build(ctx, "", true)
		var busy *build.BusyError
		if err == nil || !errors.As(err, &busy) {
			return builds, err
		}
		select {
		case <-ctx.Done():
			return builds, err
		case <-time.After(pause):
		}
	}
}

// building waits for its turn to build entities.
func (s *Service) building(ctx context.Context, entities []string) (done func(), err error) {
	slices.Sort(entities) // all take them in one order
	var held []chan struct{}
	done = func() {
		for _, c := range held {
			<-c
		}
	}
	for _, e := range entities {
		s.mu.Lock()
		c := s.builds[e]
		if c == nil {
			c = make(chan struct{}, 1)
			s.builds[e] = c
		}
		s.mu.Unlock()
		select {
		case c <- struct{}{}:
			held = append(held, c)
		case <-ctx.Done():
			done()
			return nil, ctx.Err()
		}
	}
	return done, nil
}

// each runs the syncs of g, each as soon as one of the service's places is free. Its error is
// about all of them, and nothing was told then.
func (s *Service) each(ctx context.Context, g *App, tell func(string, *RunResult, error)) error {
	in, err := g.input(ctx)
	if err != nil {
		return err
	}
	runner, err := g.runner(ctx)
	if err != nil {
		return err
	}
	list, paused, err := g.unpaused(ctx)
	if err != nil {
		return err
	}
	for _, p := range paused {
		tell(p.Sync, &RunResult{Paused: []PausedSync{p}}, nil)
	}
	var wg sync.WaitGroup
	for _, y := range list {
		wg.Go(func() {
			select {
			case s.places <- struct{}{}:
				defer func() { <-s.places }()
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				tell(y.Name, &RunResult{}, ctx.Err())
				return
			}
			// The build in force, which is the one made just now or a newer one: while a sync
			// waited for its place others may have built twice, and the first is collected then.
			made, err := g.inForce(ctx, y)
			var r *syncs.Report
			if err == nil {
				r, err = g.runOne(ctx, runner, y, in, made)
			}
			res := &RunResult{}
			if r != nil {
				res.Runs = []syncs.Report{*r}
			}
			if err != nil {
				res.Failures = map[string]error{y.Name: err}
			}
			tell(y.Name, res, err)
		})
	}
	wg.Wait()
	return nil
}
