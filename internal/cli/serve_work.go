package cli

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path"
	"strings"
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

// work is what the loop calls.
func (v *serving) work() schedule.Work {
	return schedule.Work{
		Fire: func(ctx context.Context, due []schedule.Due) (err error) {
			for _, d := range due {
				err = errors.Join(err, v.a.Fire(ctx, d.Sync, d.Slot))
			}
			return errors.Join(err, v.a.Close())
		},
		Group: v.group,
		Skipped: func(skipped []schedule.Skip) {
			for _, x := range skipped {
				v.board.Skipped(x.Sync)
				v.log.Warn("skipped: it still runs", "sync", x.Sync, "slot", x.Slot.UTC())
			}
		},
		Reload: v.reload,
		Looked: func(b *schedule.Book) {
			next := map[string]time.Time{}
			for _, t := range v.a.Timings() {
				if at := b.Next(t.Sync); !at.IsZero() {
					next[t.Sync] = at
				}
			}
			v.board.Next(next)
		},
	}
}

// group runs syncs together.
func (v *serving) group(ctx context.Context, due []schedule.Due) map[string]bool {
	var names []string
	for _, d := range due {
		names = append(names, d.Sync)
		v.log.Info("due", "sync", d.Sync, "slot", d.Slot.UTC(), "missed_some", d.Missed)
	}
	res, err := v.a.RunSyncs(ctx, names, v.limit)
	return v.ended(ctx, v.a, names, res, err)
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
		return nil, false
	}
	v.a = a
	v.known(a)
	v.log.Info("reloaded", "syncs", len(entries))
	return entries, true
}

// stamp changes when a file of the project does: names, sizes and times of its YAML and SQL.
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
