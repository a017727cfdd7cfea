package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/syncs"
)

// agreed are the codes of the guards that may not hold a saved plan: those that a person named, or
// all that held it when the person who releases it looked.
func (a *App) agreed(s SavedSync, o SavedOptions) []string {
	codes := slices.Clone(a.o.Approve)
	if o.Release {
		for _, h := range s.Holds {
			codes = append(codes, h.Code)
		}
	}
	return codes
}

// heldPlan is the refusal of a saved plan that a guard holds.
func (a *App) heldPlan(s SavedSync, h syncs.Hold, o SavedOptions) error {
	again := "--release " + s.Run
	if o.File != "" {
		again = "--plan " + o.File
	}
	return &Error{Kind: Refused, Code: h.Code, Message: fmt.Sprintf("the saved plan of %s is held by a guard: %s", s.Sync, h.What),
		Fix: fmt.Sprintf("look at it, then: weir run %s --approve %s", again, h.Code)}
}

// stale is the refusal of a saved plan.
func (a *App) stale(code, file string, why []string) error {
	fix := "make a new plan: weir plan"
	if file != "" {
		fix = "make a new plan: weir plan --out " + file
	}
	return &Error{Kind: Refused, Code: code, Message: "the saved plan cannot be sent: " + strings.Join(why, "; "), Fix: fix}
}

// sendable checks everything that a saved plan rests on, and lists its syncs that are still to be
// sent. What earlier runs sent of it is noted in the result.
func (a *App) sendable(ctx context.Context, f *PlanFile, o SavedOptions, res *RunResult) ([]SavedSync, error) {
	refuse := func(code string, why ...string) error { return a.stale(code, o.File, why) }
	if f.Project != a.p.Name {
		return nil, refuse("plans.other_project", fmt.Sprintf("it is of project %s, and this is %s", f.Project, a.p.Name))
	}
	if f.Target != a.p.Target.Name {
		e := &Error{Kind: Refused, Code: "plans.other_target", Message: fmt.Sprintf("the saved plan cannot be sent: it was made for target %s, and this is %s", f.Target, a.p.Target.Name), Fix: "name it: --target " + f.Target}
		return nil, e
	}
	list, err := a.unsent(ctx, f, res)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		var why []string
		for _, b := range res.Before {
			why = append(why, b.Sync+" "+b.How)
		}
		if len(why) == 0 {
			why = []string{"it has no syncs"}
		}
		return nil, refuse("plans.executed", why...)
	}
	now, err := a.now(ctx)
	if err != nil {
		return nil, err
	}
	if now.After(f.Expires) {
		return nil, refuse("plans.expired", "it expired at "+clock(f.Expires))
	}
	if why := f.changed(a.p); len(why) > 0 {
		return nil, refuse("plans.changed", why...)
	}
	if err := a.fits(ctx, f, list, refuse); err != nil {
		return nil, err
	}
	paused, err := a.paused(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if p, ok := paused[s.Sync]; ok {
			return nil, &Error{Kind: Refused, Code: "plans.paused", Message: fmt.Sprintf("the saved plan cannot be sent: sync %s is paused since %s, by %s", s.Sync, clock(p.Since), p.By), Fix: "let it run again: weir sync resume " + s.Sync}
		}
		for _, h := range s.Holds { // known without a build
			if !slices.Contains(a.agreed(s, o), h.Code) {
				return nil, a.heldPlan(s, h, o)
			}
		}
	}
	return list, nil
}

// unsent lists the syncs of a plan that no run has sent. One whose sending was begun and not
// settled is among them, so that it is settled.
func (a *App) unsent(ctx context.Context, f *PlanFile, res *RunResult) ([]SavedSync, error) {
	kept, err := a.keptBy(ctx)
	if err != nil {
		return nil, err
	}
	var list []SavedSync
	for _, s := range f.Syncs {
		k := kept[s.Run]
		r, ran, err := a.pastRun(ctx, s.Run)
		switch {
		case err != nil:
			return nil, err
		case ran && r.Report != nil && k.State != ledger.KeptBegun:
			res.Before = append(res.Before, Before{s.Sync, s.Run, r.Report.Ended, howItEnded(r.Report)})
		case k.State == ledger.KeptSent:
			res.Before = append(res.Before, Before{s.Sync, s.Run, k.SentAt, fmt.Sprintf("was sent already: run %s was settled at %s", s.Run, clock(k.SentAt))})
		default:
			list = append(list, s)
		}
	}
	return list, nil
}

// howItEnded says what became of a part of a plan that a run sent, or tried to.
func howItEnded(r *syncs.Report) string {
	c, end := r.Counts, fmt.Sprintf("run %s of %s ended %s", r.Run, clock(r.Ended), r.Status)
	if r.Status == syncs.OK || c.Delivered+c.Accepted+c.Rejected+c.InDoubt > 0 {
		return "was sent already: " + end
	}
	if r.Error != "" {
		end += ": " + r.Error
	}
	return "was tried already, and nothing of it was sent: " + end
}

// keptBy are the kept plans by the run that sends them.
func (a *App) keptBy(ctx context.Context) (map[string]ledger.Kept, error) {
	all, err := a.led.Kept(ctx)
	if err != nil {
		return nil, a.worldly(err)
	}
	out := map[string]ledger.Kept{}
	for _, k := range all {
		out[k.Run] = k
	}
	return out, nil
}

// fits checks that the plans of a file are there as it says, and that the ledgers have not moved.
func (a *App) fits(ctx context.Context, f *PlanFile, list []SavedSync, refuse func(string, ...string) error) error {
	kept, err := a.keptBy(ctx)
	if err != nil {
		return err
	}
	var gone, moved []string
	for _, s := range list {
		k := kept[s.Run]
		switch {
		case k.State == ledger.KeptBegun:
			continue // the engine settles it, then refuses it
		case k.State != ledger.KeptReady:
			gone = append(gone, fmt.Sprintf("the table of %s is gone: it was dropped, or the sync was reset", s.Sync))
			continue
		case k.Hash != s.Hash || k.Plan != f.Plan:
			gone = append(gone, "the plan of "+s.Sync+" in the warehouse is not the one that was saved")
			continue
		}
		why, err := a.ledgerMoved(ctx, s.Sync, s.Ledger, f.Made)
		if err != nil {
			return err
		}
		if why != "" {
			moved = append(moved, why)
		}
	}
	switch {
	case len(moved) > 0:
		return refuse("plans.moved", append(moved, gone...)...)
	case len(gone) > 0:
		return refuse("plans.gone", gone...)
	}
	return nil
}
