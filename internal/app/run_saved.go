package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// SavedOptions say how a saved plan is sent.
type SavedOptions struct {
	File    string // that it was read from, for messages; "" if it was named by its id
	Release bool   // although guards hold it: a person has looked
	By      string // who asks, for the history
}

// Before is a run that sent a part of a saved plan earlier.
type Before struct {
	Sync string    `json:"sync"`
	Run  string    `json:"run"`
	At   time.Time `json:"at"`
	How  string    `json:"how"` // how it ended, in words
}

// RunSaved sends exactly what a saved plan says, or refuses with an *Error that says what moved.
// Nothing is published: the build that it makes is to ask anew who may be reached, and is dropped.
// Of a plan whose sending was interrupted it settles what was begun and sends the syncs that were
// not.
func (a *App) RunSaved(ctx context.Context, f *PlanFile, o SavedOptions) (res *RunResult, err error) {
	if err := a.sends(); err != nil {
		return nil, err
	}
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	res = &RunResult{Target: a.p.Target.Name, Plan: f.Plan, Builds: []BuildResult{}, Runs: []syncs.Report{}, Seconds: map[string]float64{}}
	list, err := a.sendable(ctx, f, o, res)
	if err != nil {
		return res, err
	}
	start := time.Now()
	scratch := make([]byte, 4)
	_, _ = rand.Read(scratch) // never fails: crypto/rand ends the process instead
	name := hex.EncodeToString(scratch)
	defer func() {
		err = errors.Join(err, a.worldly((&build.Builder{W: a.w}).Discard(context.WithoutCancel(ctx), name)))
	}()
	var names []string
	for _, s := range list {
		names = append(names, "sync:"+s.Sync)
	}
	picked, err := newGraph(&a.p.Model, a.p.Syncs).pick(names)
	if err != nil {
		return res, err
	}
	defer func(was map[node]bool) { a.picked = was }(a.picked)
	a.picked = picked
	_, made, err := a.build(ctx, name, true)
	res.Seconds["build"] = time.Since(start).Seconds()
	if err != nil {
		return res, err
	}
	in, err := a.input(ctx)
	if err != nil {
		return res, err
	}
	runner, err := a.runner(ctx)
	if err != nil {
		return res, err
	}
	tasks, err := a.savedTasks(ctx, list, o, in, made)
	if err != nil {
		return res, err
	}
	start = time.Now()
	asked := cmp.Or(a.o.Asked, "command") + ": plan " + f.Plan
	if o.Release {
		asked = "released by " + cmp.Or(o.By, "somebody") + ": plan " + f.Plan
	}
	reports := make([]*syncs.Report, len(list))
	errs := make([]error, len(list))
	sent := make([]string, len(list))
	for i, s := range list {
		sent[i] = s.Sync
	}
	res.Skipped = a.inOrder(ctx, sent, nil, cmp.Or(a.o.Limit, parallel), func(i int) string {
		s := list[i]
		saved := &syncs.Plan{Sync: s.Sync, Hash: s.Hash, Ref: syncs.PlanRef{Sync: s.Sync, Run: s.Run}}
		r, err := runner.Run(ctx, tasks[i], syncs.RunOptions{Asked: asked, Saved: saved, Approved: a.agreed(s, o)})
		if err != nil {
			errs[i] = a.worldly(fmt.Errorf("sync %s: %w", s.Sync, err))
		} else {
			reports[i] = r
		}
		return fate(r, err)
	})
	for i, r := range reports {
		if r != nil {
			r.Holds = approvable(r.Holds, list[i].Sync)
			res.Runs = append(res.Runs, *r)
		}
	}
	res.Seconds["syncs"] = time.Since(start).Seconds()
	a.looksBack(ctx)
	return res, errors.Join(errs...)
}

// savedTasks resolves the syncs of a saved plan, over a build of now.
func (a *App) savedTasks(ctx context.Context, list []SavedSync, o SavedOptions, in compile.Input, made map[string]built) ([]*syncs.Task, error) {
	out := make([]*syncs.Task, len(list))
	for i, s := range list {
		def := a.p.Sync(s.Sync)
		t, err := a.boundKnowing(ctx, def, in, made, func(rows compile.Rows) rel.Query {
			m, ok := made[a.entityOf(def)]
			switch {
			case !ok:
				return nil // no profile is involved
			case def.Source != "" || def.SQL != "":
				// Of a row that is not there any more no policy can be asked.
				return rel.Select{Distinct: true, Columns: []rel.Column{rel.As("profile_id", rel.C("r", "key"))}, From: rel.Sub{Query: rows.Query, Alias: "r"}}
			}
			return profilesOf(m.result.Build, a.entityOf(def))
		})
		if err != nil {
			return nil, err
		}
		if now := savedPart(t, &syncs.Plan{}).Destination; now != s.Destination {
			return nil, a.stale("plans.destination", "", []string{fmt.Sprintf("sync %s was to send to %s, and points at %s now", s.Sync, s.Destination, now)})
		}
		if now := columnsOf(in, def); !slices.Equal(now, s.Columns) {
			return nil, a.stale("plans.changed", "", []string{"the columns of the source of sync " + s.Sync + " changed"})
		}
		// What a guard says now is known before the plan is begun: one that is held is not used up.
		ref, ok, err := t.Source.Plan(ctx, s.Run)
		if err != nil {
			return nil, a.worldly(err)
		}
		if hs := syncs.NewPlan(t, ref, a.agreed(s, o)).Holds; ok && len(hs) > 0 {
			return nil, a.heldPlan(s, hs[0], o)
		}
		out[i] = t
	}
	return out, nil
}

// profilesOf is a query of profile_id: every profile of a build.
func profilesOf(b compile.Build, entity string) rel.Query {
	return rel.Select{Columns: []rel.Column{rel.As("profile_id", rel.C("p", "profile_id"))}, From: rel.Table{Name: b.Table(entity, compile.Profiles), Alias: "p"}}
}
