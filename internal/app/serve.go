package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/weir-data/weir/internal/jobs"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/syncs"
)

// ParseSchedule reads a schedule: as the check of the project does.
func ParseSchedule(expression string) (cron.Schedule, error) {
	return project.ScheduleParser.Parse(expression)
}

// Timing says when a sync runs, as the project has it; all empty means by hand.
type Timing struct{ Sync, Schedule, Every, After string }

// Beside lists the files beside its YAML that the project was read from, absolute: where one of them
// changes it has to be read again.
func (a *App) Beside() []string { return a.p.Beside() }

// Zone is the project's time zone.
func (a *App) Zone() *time.Location { return a.p.Timezone }

// Timings lists the syncs that were picked and when they run.
func (a *App) Timings() []Timing {
	var out []Timing
	for _, s := range a.chosenSyncs() {
		out = append(out, Timing{Sync: s.Name, Schedule: s.Schedule, Every: s.Every, After: s.After})
	}
	return out
}

// bySchedule is who asks for runs of schedules, in the history.
const bySchedule = "schedule"

// Slot is a time at which a sync is due.
type Slot = store.Slot

// Service is what all groups of one weir serve share, over all versions of its project that it
// reads: the store, the places for syncs, the turns of builds and the rates of accounts. It is safe
// for concurrent use.
type Service struct {
	st      *store.Store
	places  chan struct{}
	buckets *syncs.Buckets
	queue   *jobs.Engine // nil where nobody else shares the slots

	mu     sync.Mutex
	builds map[string]chan struct{} // by entity: full while it is built
}

// ServiceOptions say how a Service works.
type ServiceOptions struct {
	Parallel int // syncs that run at once
	// Work runs slots that were handed to this process, and calls ended for each that is through.
	// What is left is worked again, here or elsewhere, after the time that it returns. again tells
	// that they were somebody else's before. It serves stores that are shared.
	Work func(ctx context.Context, slots []Slot, again bool, ended func(sync string)) (after time.Duration)
	Log  *slog.Logger
}

// Serve opens the store of the project and what is needed to share its slots, if it lies on a server.
func (a *App) Serve(ctx context.Context, o ServiceOptions) (*Service, error) {
	st, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	s := &Service{st: st, places: make(chan struct{}, o.Parallel), buckets: syncs.NewBuckets(), builds: map[string]chan struct{}{}}
	if _, _, shared := st.Pool(); shared {
		s.queue, err = jobs.New(ctx, st, jobs.Options{
			Parallel: o.Parallel, Log: o.Log,
			Work: func(ctx context.Context, j jobs.Job, ended func(string)) time.Duration {
				return o.Work(ctx, j.Slots, j.Attempt > 1, ended)
			},
		})
		if err != nil {
			return nil, errors.Join(a.worldly(err), st.Close())
		}
	}
	return s, nil
}

// Close closes the store. Nothing of the service is used after it.
func (s *Service) Close() error { return s.st.Close() }

// Shared reports whether other processes may share the slots: then they are offered, and worked by
// whoever is free.
func (s *Service) Shared() bool { return s.queue != nil }

// Offer offers slots that are due to whoever is free. taken are those that nobody had offered
// before, skipped those whose sync still runs.
func (s *Service) Offer(ctx context.Context, slots []Slot) (taken, skipped []Slot, err error) {
	return s.queue.Offer(ctx, slots)
}

// Work works slots that were offered until ctx ends, and returns when what runs has stopped.
func (s *Service) Work(ctx context.Context) error { return s.queue.Run(ctx) }

// Memory is what is known of the past of syncs, by name.
type Memory struct {
	Fired map[string]time.Time // last slot taken
	Well  map[string]time.Time // end of the last run by schedule that was ok or degraded
	Open  []Slot               // taken, and not ended: their process ended too early
}

// Memory reads what is known of the syncs of a that were picked. One of which nothing is known counts
// from now, durably: the slots that it misses from here on are known to be missed.
func (s *Service) Memory(ctx context.Context, a *App, now time.Time) (m Memory, err error) {
	if m.Fired, err = s.st.Firings(ctx); err != nil {
		return m, a.worldly(err)
	}
	if m.Well, err = s.st.WellEnded(ctx, bySchedule); err != nil {
		return m, a.worldly(err)
	}
	if m.Open, err = s.st.Taken(ctx); err != nil {
		return m, a.worldly(err)
	}
	for _, y := range a.chosenSyncs() {
		if m.Fired[y.Name].IsZero() {
			if err := s.st.Fire(ctx, y.Name, now); err != nil {
				return m, a.worldly(err)
			}
			m.Fired[y.Name] = now
		}
	}
	return m, nil
}

// Take records, before anything begins, that slots are run by this process.
func (s *Service) Take(ctx context.Context, slots []Slot) error { return s.st.Take(ctx, slots) }

// Skip records that slots are not run.
func (s *Service) Skip(ctx context.Context, slots []Slot) error {
	for _, x := range slots {
		if err := s.st.Fire(ctx, x.Sync, x.At); err != nil {
			return err
		}
	}
	return nil
}

// Ended records that a slot that was taken is through.
func (s *Service) Ended(ctx context.Context, sync string) error { return s.st.Ended(ctx, sync) }

// Through reports whether a sync of a group is through, by what Outcome was told of it, or is to go
// on as soon as it can: its process was asked to stop before the sync came to an end.
func Through(ctx context.Context, name string, res *RunResult, err error) bool {
	if res != nil {
		for _, r := range res.Runs {
			if r.Sync == name {
				return r.Status != syncs.Stopped || ctx.Err() == nil
			}
		}
	}
	return err == nil || ctx.Err() == nil
}

// HeldUntil is until when somebody else runs the sync that an error is about; zero if that is not
// what it says.
func HeldUntil(err error) time.Time {
	var held *syncs.HeldError
	if errors.As(err, &held) {
		return held.Until
	}
	return time.Time{}
}
