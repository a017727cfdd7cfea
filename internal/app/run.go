package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/syncs"
)

// parallel is how many syncs run at once. Each is bounded in itself; the warehouse is shared.
const parallel = 4

// Run builds and publishes what was picked, then runs the syncs that were picked, all against
// that build, and one that follows another after that ended well. When ctx ends, syncs stop in order and their reports say so. The result holds what
// was done also when there is an error; how single runs ended is in their reports.
func (a *App) Run(ctx context.Context) (*RunResult, error) {
	if err := a.sends(); err != nil {
		return nil, err
	}
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	if err := a.led.Drop(ctx, nil); err != nil {
		return nil, a.worldly(err)
	}
	res := &RunResult{Target: a.p.Target.Name, Builds: []BuildResult{}, Runs: []syncs.Report{}, Seconds: map[string]float64{}}
	start := time.Now()
	builds, made, err := a.build(ctx, "", true)
	res.Scan = a.scan
	res.Builds = append(res.Builds, builds...)
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
	start = time.Now()
	list, paused, err := a.unpaused(ctx)
	if err != nil {
		return res, err
	}
	res.Paused = paused
	reports := make([]*syncs.Report, len(list))
	errs := make([]error, len(list))
	names, out := make([]string, len(list)), map[string]string{}
	for i, s := range list {
		names[i] = s.Name
	}
	for _, p := range paused {
		out[p.Sync] = "is paused"
	}
	res.Skipped = a.inOrder(ctx, names, out, cmp.Or(a.o.Limit, parallel), func(i int) string {
		reports[i], errs[i] = a.runOne(ctx, runner, list[i], in, made)
		return fate(reports[i], errs[i])
	})
	res.Failures = map[string]error{}
	for i, r := range reports {
		if errs[i] != nil {
			res.Failures[list[i].Name] = errs[i]
		}
		if r != nil {
			res.Runs = append(res.Runs, *r)
		}
	}
	res.Seconds["syncs"] = time.Since(start).Seconds()
	a.looksBack(ctx)
	return res, errors.Join(errs...)
}

// runOne runs a sync against a build. The report is nil if the run did not begin.
func (a *App) runOne(ctx context.Context, runner *syncs.Runner, s *syncs.Sync, in compile.Input, made map[string]built) (r *syncs.Report, err error) {
	task, err := a.bound(ctx, s, in, made)
	if err == nil {
		r, err = runner.Run(ctx, task, syncs.RunOptions{Asked: a.o.Asked, Approved: a.o.Approve})
	}
	kept := false
	if err == nil {
		kept, err = a.keepHeld(ctx, runner, task, r, columnsOf(in, s))
	}
	if r != nil {
		r.Holds = approvable(r.Holds, s.Name)
		if kept {
			releasable(r)
		}
	}
	if err != nil {
		err = a.worldly(fmt.Errorf("sync %s: %w", s.Name, err))
	}
	return r, err
}

// Statuses are how everything stands.
type Statuses struct {
	Builds []BuildResult `json:"builds"`
	Syncs  []Status      `json:"syncs"`
	Plans  []KeptPlan    `json:"plans"` // saved ones and held ones, that can still be sent
	// Orphans are ledgers of syncs that are not in the project any more.
	Orphans []Orphan `json:"orphans,omitempty"`
	// Quotas are limits of destinations that leave no room for now.
	Quotas []SpentQuota `json:"quotas,omitempty"`
}

// Status tells how every build and sync stands.
func (a *App) Status(ctx context.Context) (*Statuses, error) {
	past, err := a.history(ctx, ledger.PastFilter{Last: true})
	if err != nil {
		return nil, err
	}
	last := map[string]*pastRun{}
	for i, r := range past {
		if last[r.Sync] == nil {
			last[r.Sync] = &past[i]
		}
	}
	out := &Statuses{Builds: []BuildResult{}, Syncs: []Status{}}
	if out.Builds, err = a.live(ctx); err != nil {
		return nil, err
	}
	paused, err := a.paused(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range a.chosenSyncs() {
		x := Status{Sync: s.Name, Destination: s.Destination, Schedule: s.Schedule, Ledger: map[string]int64{}}
		if r, ok := last[s.Name]; ok {
			if r.Report != nil || !r.Settled.IsZero() {
				report := r.report()
				x.Last = &report
			} else {
				x.Running = "since " + r.Started.Format(time.RFC3339) + ", or its process died"
			}
		}
		if x.Ledger, err = a.ledgerOf(ctx, s.Name); err != nil {
			return nil, err
		}
		if p, ok := paused[s.Name]; ok {
			x.Paused = &p
		}
		out.Syncs = append(out.Syncs, x)
	}
	if out.Orphans, err = a.orphans(ctx); err != nil {
		return nil, err
	}
	if out.Quotas, err = a.spentQuotas(ctx, past, time.Now()); err != nil {
		return nil, err
	}
	out.Plans, err = a.keptPlans(ctx)
	return out, err
}

// Runs lists runs, newest first.
func (a *App) Runs(ctx context.Context, sync string, limit int) ([]syncs.Report, error) {
	if sync != "" && a.p.Sync(sync) == nil {
		return nil, &Error{Kind: Refused, Code: "syncs.unknown", Message: "there is no sync " + sync, Fix: "see: weir status"}
	}
	list, err := a.history(ctx, ledger.PastFilter{Sync: sync, Limit: cmp.Or(max(0, limit), shownRuns)})
	if err != nil {
		return nil, err
	}
	out := []syncs.Report{}
	for _, r := range list {
		out = append(out, r.report())
	}
	return out, nil
}

// shownRuns is how many runs are listed if nobody says how many.
const shownRuns = 100

// RunDetail is one run with what a person can do about it.
type RunDetail struct {
	Report  syncs.Report   `json:"report"`
	Rejects []store.Reject `json:"rejects"`
	InDoubt []string       `json:"in_doubt"` // keys that may or may not have arrived
	Asked   string         `json:"asked"`    // who asked for it
	Held    *KeptPlan      `json:"held"`     // what can be released of a run that a guard held; nil if nothing can
}

// Reports returns the run as a list of one.
func (d *RunDetail) Reports() []syncs.Report { return []syncs.Report{d.Report} }

// RunDetail tells about one run.
func (a *App) RunDetail(ctx context.Context, run string) (*RunDetail, error) {
	r, err := a.findRun(ctx, run)
	if err != nil {
		return nil, err
	}
	d := &RunDetail{Report: r.report(), Rejects: []store.Reject{}, InDoubt: []string{}, Asked: r.Asked}
	if r.refused != nil {
		d.Rejects = *r.refused
	} else if r.here {
		if d.Rejects, err = a.st.Rejects(ctx, run); err != nil {
			return nil, a.worldly(err)
		}
	}
	if d.InDoubt, err = a.inDoubt(ctx, r.Sync, run); err != nil {
		return d, err
	}
	kept, err := a.keptPlans(ctx)
	for i := range kept {
		if kept[i].HeldRun == run {
			d.Held = &kept[i]
		}
	}
	return d, err
}

func (a *App) findRun(ctx context.Context, run string) (*pastRun, error) {
	r, ok, err := a.pastRun(ctx, run)
	if err == nil && !ok {
		err = &Error{Kind: Refused, Code: "runs.unknown", Message: "there is no run " + run, Fix: "see: weir runs"}
	}
	return r, err
}

// Settle carries out a person's word on rows that a run left in doubt and returns how many it
// decided. No keys means all of them.
func (a *App) Settle(ctx context.Context, run string, sent bool, keys []string) (int64, error) {
	r, err := a.findRun(ctx, run)
	if err != nil {
		return 0, err
	}
	s := a.p.Sync(r.Sync)
	if s == nil {
		return 0, &Error{Kind: Refused, Code: "syncs.unknown", Message: "the project has no sync " + r.Sync + " any more", Fix: "put it back to settle its runs"}
	}
	if _, err := a.warehouse(); err != nil {
		return 0, err
	}
	in, err := a.input(ctx)
	if err != nil {
		return 0, err
	}
	made, err := a.inForce(ctx, s)
	if err != nil {
		return 0, err
	}
	task, err := a.bound(ctx, s, in, made)
	if err != nil {
		return 0, err
	}
	runner, err := a.runner(ctx)
	if err != nil {
		return 0, err
	}
	n, err := runner.Decide(ctx, task, run, sent, keys)
	if err != nil {
		return 0, a.worldly(err)
	}
	if n == 0 {
		return 0, &Error{Kind: Refused, Code: "runs.not_in_doubt", Message: "run " + run + " has no such rows in doubt", Fix: "see: weir runs show " + run}
	}
	return n, nil
}
