package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/syncs"
)

// KeptPlan is a plan of one sync that was not sent and may be: one that a person saved, or that of
// a run which a guard held.
type KeptPlan struct {
	Plan    string       `json:"plan"`
	Kind    string       `json:"kind"` // saved or held
	Sync    string       `json:"sync"`
	Run     string       `json:"run"`                // that will send it
	HeldRun string       `json:"held_run,omitempty"` // that a guard held
	Made    time.Time    `json:"made"`
	Expires time.Time    `json:"expires"`
	By      string       `json:"by"`
	State   string       `json:"state"` // ready, or begun: a run is sending it or was interrupted
	Counts  syncs.Counts `json:"counts"`
	Holds   []syncs.Hold `json:"holds"`
	Stale   string       `json:"stale,omitempty"` // why it can not be sent any more
	Command string       `json:"command"`         // that sends it
}

// keptPlans lists what can still be sent, oldest first.
func (a *App) keptPlans(ctx context.Context) ([]KeptPlan, error) {
	out := []KeptPlan{}
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	all, err := a.led.Kept(ctx)
	if err != nil || len(all) == 0 {
		return out, a.worldly(err)
	}
	now, err := a.now(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if k.State != ledger.KeptReady && k.State != ledger.KeptBegun || now.After(k.Ends) {
			continue
		}
		var f PlanFile
		if err := json.Unmarshal([]byte(k.About), &f); err != nil || len(f.Syncs) != 1 {
			continue // of another version
		}
		x := KeptPlan{Plan: k.Plan, Kind: k.Kind, Sync: k.Sync, Run: k.Run, HeldRun: k.Origin, Made: k.Made, Expires: k.Ends, By: k.Asked, State: k.State,
			Counts: f.Syncs[0].Counts, Holds: f.Syncs[0].Holds, Command: "weir run --release " + k.Plan}
		if k.Kind == ledger.KindHeld {
			x.Command = "weir run --release " + k.Origin
		}
		reasons := f.changed(a.p)
		if k.State == ledger.KeptReady {
			moved, err := a.ledgerMoved(ctx, k.Sync, k.Version, k.Made)
			if err != nil {
				return nil, err
			}
			if moved != "" {
				reasons = append(reasons, moved)
			}
		}
		x.Stale = strings.Join(reasons, "; ")
		out = append(out, x)
	}
	return out, nil
}

// ledgerMoved says that a sync's ledger is not at a version any more, and by what; "" if it is.
func (a *App) ledgerMoved(ctx context.Context, sync, version string, since time.Time) (string, error) {
	is, run, at, err := a.led.Moved(ctx, sync, since)
	switch {
	case err != nil:
		return "", a.worldly(err)
	case is == version:
		return "", nil
	case run == "":
		return "the ledger of " + sync + " was changed by hand since the plan was made: reset, sent in full, verified, retried or settled", nil
	}
	return fmt.Sprintf("the ledger of %s moved: run %s was settled at %s", sync, run, clock(at)), nil
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// savedPart describes a frozen plan as a file does.
func savedPart(t *syncs.Task, p *syncs.Plan) SavedSync {
	where := t.Object.Name + " of " + t.Account
	if t.Sync.Into != "" {
		where = fmt.Sprintf("%s %q of %s", t.Object.Name, t.Sync.Into, t.Account)
	}
	holds := p.Holds
	if holds == nil {
		holds = []syncs.Hold{}
	}
	return SavedSync{Sync: t.Sync.Name, Run: p.Ref.Run, Table: p.Ref.Table, Rows: p.Ref.Rows, Hash: p.Hash, Ledger: p.Ref.Version, Destination: where, Counts: p.Counts, Holds: holds}
}

// planFile begins a file; its syncs are to be added.
func (a *App) planFile(made, asOf time.Time, by string) *PlanFile {
	return &PlanFile{Format: planFormat, Plan: newPlanID(), Project: a.p.Name, Target: a.p.Target.Name, AsOf: asOf.UTC(), Made: made.UTC(),
		Expires: made.Add(ledger.KeptFor).UTC(), By: by, Hash: a.p.Hash, Parts: partsOf(a.p), Syncs: []SavedSync{}}
}

// keep records the plans of a file in the warehouse.
func (a *App) keep(ctx context.Context, f *PlanFile, kind, origin string) error {
	var ks []ledger.Kept
	for _, s := range f.Syncs {
		one := *f
		one.Syncs = []SavedSync{s}
		one.Sum = one.sum()
		about, err := json.Marshal(one)
		if err != nil {
			return err
		}
		ks = append(ks, ledger.Kept{Plan: f.Plan, Sync: s.Sync, Run: s.Run, Kind: kind, Origin: origin, Asked: f.By, About: string(about)})
	}
	return a.worldly(a.led.Keep(ctx, f.Made, ks...))
}

// keepHeld keeps what a held run would still send, so that a person who has looked at it can have
// exactly it sent. Whatever was kept of the sync's earlier held runs is replaced, also when this
// run was not held. It reports whether there is something to release.
func (a *App) keepHeld(ctx context.Context, runner *syncs.Runner, t *syncs.Task, r *syncs.Report, columns []string) (kept bool, err error) {
	ctx = context.WithoutCancel(ctx)
	err = a.led.Drop(ctx, func(k ledger.Kept) bool { return k.Kind == ledger.KindHeld && k.Sync == t.Sync.Name })
	if err != nil || r.Status != syncs.Held {
		return false, a.worldly(err)
	}
	p, err := runner.Plan(ctx, t, syncs.PlanOptions{Keep: true})
	if err != nil {
		return false, a.worldly(err)
	}
	if p.Ref.Rows == 0 {
		return false, a.worldly(t.Source.Discard(ctx, p.Ref))
	}
	for _, h := range r.Holds { // such as that too many were rejected, which only a run can see
		if !holds(p.Holds, h.Code) {
			p.Holds = append(p.Holds, h)
		}
	}
	now, err := a.now(ctx)
	if err == nil {
		f := a.planFile(now, p.AsOf, a.o.Asked)
		part := savedPart(t, p)
		part.Columns = columns
		f.Syncs = append(f.Syncs, part)
		err = a.keep(ctx, f, ledger.KindHeld, r.Run)
	}
	if err != nil {
		return false, errors.Join(err, a.worldly(t.Source.Discard(ctx, p.Ref)))
	}
	return true, nil
}

// releasable puts the command that sends a held run's plan into the fixes of its holds.
func releasable(r *syncs.Report) {
	for i := range r.Holds {
		r.Holds[i].Fix += "; or send exactly what it held: weir run --release " + r.Run
	}
}

func holds(hs []syncs.Hold, code string) bool {
	for _, h := range hs {
		if h.Code == code {
			return true
		}
	}
	return false
}

// KeptPlan finds a kept plan by its id, by the run that was held, or by the run that would send
// it, as a file that has all of its syncs.
func (a *App) KeptPlan(ctx context.Context, id string) (*PlanFile, error) {
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	all, err := a.led.Kept(ctx)
	if err != nil {
		return nil, a.worldly(err)
	}
	var out *PlanFile
	for _, k := range all {
		if id != k.Plan && id != k.Origin && id != k.Run {
			continue
		}
		f := &PlanFile{}
		if err := json.Unmarshal([]byte(k.About), f); err != nil || f.Sum != f.sum() {
			return nil, &Error{Kind: Refused, Code: "plans.newer", Message: "the plan " + id + " was kept by another version of weir", Fix: "make a new plan: weir plan"}
		}
		if out == nil {
			out = f
			continue
		}
		out.Syncs = append(out.Syncs, f.Syncs...)
	}
	if out != nil {
		return out, nil
	}
	e := &Error{Kind: Refused, Code: "plans.unknown", Message: "no plan " + id + " is kept", Fix: "see what is: weir status"}
	switch r, ran, err := a.pastRun(ctx, id); {
	case err != nil:
		return nil, err
	case !ran:
	case r.Report != nil && r.Report.Status == syncs.Held:
		e.Message = fmt.Sprintf("the plan of the held run %s is kept no more: a later run replaced it, or %d hours are over", id, int(ledger.KeptFor.Hours()))
		e.Fix = "run again, and look at what that one says: weir run --select " + r.Sync
	case r.Report != nil:
		e.Message = fmt.Sprintf("run %s was not held: it ended %s", id, r.Report.Status)
	}
	return nil, e
}
