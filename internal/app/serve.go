package app

import (
	"context"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/syncs"
)

// ParseSchedule reads a schedule: as the check of the project does.
func ParseSchedule(expression string) (cron.Schedule, error) {
	return project.ScheduleParser.Parse(expression)
}

// Timing says when a sync runs, as the project has it; all empty means by hand.
type Timing struct{ Sync, Schedule, Every, After string }

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

// Memory is what is known of the syncs' past, for a scheduler that starts.
type Memory struct {
	Fired map[string]time.Time // last slot taken, by sync
	Well  map[string]time.Time // end of the last run, where it was ok or degraded
}

// Remember reads the memory of the syncs that were picked. One that has none yet counts from now,
// durably: the slots that it misses from here on are known to be missed.
func (a *App) Remember(ctx context.Context, now time.Time) (Memory, error) {
	m := Memory{Fired: map[string]time.Time{}, Well: map[string]time.Time{}}
	st, err := a.journal(ctx)
	if err != nil {
		return m, err
	}
	last, err := st.Last(ctx)
	if err != nil {
		return m, a.worldly(err)
	}
	for _, s := range a.chosenSyncs() {
		at, err := st.Fired(ctx, s.Name)
		if err != nil {
			return m, a.worldly(err)
		}
		if at.IsZero() {
			at = now
			if err := st.Fire(ctx, s.Name, at); err != nil {
				return m, a.worldly(err)
			}
		}
		m.Fired[s.Name] = at
		if r := last[s.Name].Report; r != nil && EndedWell(r.Status) {
			m.Well[s.Name] = r.Ended
		}
	}
	return m, nil
}

// Fire records that a slot of a sync is taken.
func (a *App) Fire(ctx context.Context, sync string, slot time.Time) error {
	st, err := a.journal(ctx)
	if err != nil {
		return err
	}
	return a.worldly(st.Fire(ctx, sync, slot))
}

// EndedWell tells that a run ended so that what follows it may begin.
func EndedWell(s syncs.Status) bool { return s == syncs.OK || s == syncs.Degraded }
