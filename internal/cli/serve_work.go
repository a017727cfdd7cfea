package cli

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/internal/schedule"
)

// entriesOf are the schedules of a project.
func entriesOf(a *app.App) ([]schedule.Entry, error) {
	var out []schedule.Entry
	for _, t := range a.Timings() {
		e := schedule.Entry{Sync: t.Sync, After: t.After}
		var err error
		switch {
		case t.Schedule != "":
			e.Slots, err = schedule.Cron(strings.TrimSpace(t.Schedule), a.Zone())
		case t.Every != "":
			var d time.Duration
			d, err = time.ParseDuration(t.Every)
			e.Slots = schedule.Every(d)
		}
		if err != nil {
			return nil, fmt.Errorf("sync %s: %w", t.Sync, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// app is the project as last read.
func (v *serving) app() *app.App {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.a
}

// work is what the loop of a process calls that has its slots to itself.
func (v *serving) work() schedule.Work {
	return schedule.Work{
		Take: func(ctx context.Context, due []schedule.Due) error {
			err := v.svc.Take(ctx, slotsOf(due))
			if err == nil {
				v.due(due)
			}
			return err
		},
		Group: func(due []schedule.Due) func(context.Context, func(string, bool)) {
			a := v.app()
			return func(ctx context.Context, ended func(string, bool)) {
				v.group(ctx, a, namesOf(due), func(sync string, well, through bool, _ time.Time) {
					if through {
						if err := v.svc.Ended(context.WithoutCancel(ctx), sync); err != nil {
							v.log.Warn("the end of a slot could not be recorded: its sync is run once more after a restart", "sync", sync, "error", app.Unnamed(err.Error()))
						}
					}
					ended(sync, well)
				})
			}
		},
		Skip: func(ctx context.Context, skipped []schedule.Skip) error {
			var slots []app.Slot
			for _, x := range skipped {
				slots = append(slots, app.Slot{Sync: x.Sync, At: x.Slot})
			}
			err := v.svc.Skip(ctx, slots)
			if err == nil {
				v.skipped(slots)
			}
			return err
		},
		Reload: v.reload,
		Looked: v.looked,
		Broken: v.stuck,
	}
}

// shared is what a process calls that shares its slots with others.
func (v *serving) shared() schedule.Shared {
	return schedule.Shared{
		Jitter: v.jitter,
		Known: func(ctx context.Context) (schedule.Known, error) {
			m, err := v.svc.Memory(ctx, v.app(), time.Now())
			return schedule.Known{Fired: m.Fired, Well: m.Well}, err
		},
		Offer: func(ctx context.Context, due []schedule.Due) error {
			taken, skipped, err := v.svc.Offer(ctx, slotsOf(due))
			v.skipped(skipped)
			v.due(slices.DeleteFunc(due, func(d schedule.Due) bool {
				return !slices.ContainsFunc(taken, func(s app.Slot) bool { return s.Sync == d.Sync })
			}))
			return err
		},
		Reload: v.reload,
		Looked: v.looked,
		Broken: v.stuck,
	}
}

// handed runs slots that all processes share and that were handed to this one.
func (v *serving) handed(ctx context.Context, slots []app.Slot, again bool, ended func(string)) time.Duration {
	var names []string
	for _, s := range slots {
		names = append(names, s.Sync)
		if again {
			v.log.Info("taken over", "sync", s.Sync, "slot", s.At.UTC())
		}
	}
	var mu sync.Mutex
	var until time.Time
	v.group(ctx, v.app(), names, func(sync string, _, through bool, held time.Time) {
		if again && !held.IsZero() { // by the process that had it before, or what is left of it
			mu.Lock()
			until = held
			mu.Unlock()
			return
		}
		if through {
			ended(sync)
		}
	})
	if until.IsZero() {
		return 0
	}
	return max(min(time.Until(until), time.Minute), 0) + time.Second
}

// group runs syncs together and tells of each how it ended: well; through, if nothing is left to go
// on with; and until when somebody else held it.
func (v *serving) group(ctx context.Context, a *app.App, names []string, ended func(sync string, well, through bool, held time.Time)) {
	v.svc.Run(ctx, a, names, func(names []string, res *app.RunResult, err error) {
		well := v.ended(ctx, a, names, res, err)
		for _, n := range names {
			ended(n, well[n], app.Through(ctx, n, res, err), app.HeldUntil(err))
		}
	})
}

func slotsOf(due []schedule.Due) []app.Slot {
	var out []app.Slot
	for _, d := range due {
		out = append(out, app.Slot{Sync: d.Sync, At: d.Slot})
	}
	return out
}

func namesOf(due []schedule.Due) []string {
	var out []string
	for _, d := range due {
		out = append(out, d.Sync)
	}
	return out
}

// due tells of slots that this process took or offered.
func (v *serving) due(due []schedule.Due) {
	for _, d := range due {
		v.log.Info("due", "sync", d.Sync, "slot", d.Slot.UTC(), "missed_some", d.Missed)
	}
}

func (v *serving) skipped(slots []app.Slot) {
	for _, x := range slots {
		v.board.Skipped(x.Sync)
		v.log.Warn("skipped: it still runs", "sync", x.Sync, "slot", x.At.UTC())
	}
}

// looked shows when syncs are due next.
func (v *serving) looked(b *schedule.Book) {
	next := map[string]time.Time{}
	for _, t := range v.app().Timings() {
		if at := b.Next(t.Sync); !at.IsZero() {
			next[t.Sync] = at
		}
	}
	v.board.Next(next)
}

// stuck notes why nothing is begun at present, for the log and /readyz; nil if things get on again.
func (v *serving) stuck(err error) {
	if err == nil {
		v.log.Info("the store answers again")
	} else {
		err = errors.New("the store is away: " + app.Unnamed(err.Error()))
		v.log.Error("nothing is begun for now, tried again soon", "error", err.Error())
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken = err
}

// reload reads the project again. With a finding the old one stays.
func (v *serving) reload() ([]schedule.Entry, bool) {
	o, err := v.s.options()
	if err != nil {
		return nil, false // it was read once, so this cannot be
	}
	a, findings, err := app.Load(context.Background(), o)
	var entries []schedule.Entry
	if err == nil {
		entries, err = entriesOf(a)
	}
	v.board.Reloaded(err == nil)
	if err != nil {
		for _, f := range findings {
			fmt.Fprint(v.s.stderr, v.s.ui.finding(f))
		}
		v.log.Error("kept the project as it was", "error", app.Unnamed(err.Error()))
		v.alertReading(v.app(), findings, err)
		return nil, false
	}
	v.mu.Lock()
	v.a = a
	v.mu.Unlock()
	v.alertReading(a, nil, nil)
	v.known(a)
	v.log.Info("reloaded", "syncs", len(entries))
	return entries, true
}

// stampOf changes when one of these files does: names, sizes and times.
func stampOf(files []string) uint64 {
	h := fnv.New64a()
	for _, p := range files {
		if i, err := os.Stat(p); err == nil {
			fmt.Fprintln(h, p, i.Size(), i.ModTime().UnixNano())
		}
	}
	return h.Sum64()
}

// stamp changes when a file of the project does, its YAML and SQL.
func stamp(dir string) uint64 {
	h := fnv.New64a()
	_ = fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error { // what cannot be read is no file of the project
		if err != nil {
			return nil //nolint:nilerr // it is gone
		}
		if d.IsDir() && p != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		switch path.Ext(p) {
		case ".yml", ".yaml", ".sql":
			if i, err := d.Info(); err == nil {
				fmt.Fprintln(h, p, i.Size(), i.ModTime().UnixNano())
			}
		}
		return nil
	})
	return h.Sum64()
}
