package app

import (
	"context"
	"errors"
	"slices"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/syncs"
)

// planSaving is the saving of one plan. A nil one saves nothing.
type planSaving struct {
	a       *App
	out     *planWriter
	by      string
	parts   []SavedSync
	discard []func(context.Context) error
	unbuilt int64
	done    bool
}

// saving begins to save a plan, if o asks for it. What a saved plan rests on has to be there: it
// names only people of a build in force, since nobody else has an id that stays.
func (a *App) saving(ctx context.Context, o PlanOptions) (*planSaving, error) {
	if o.Out == "" {
		return nil, nil
	}
	for _, s := range a.chosenSyncs() {
		entity := a.entityOf(s)
		if entity == "" || s.Source != "" || s.SQL != "" {
			continue
		}
		_, ok, err := (&build.Builder{W: a.w}).Live(ctx, entity)
		if err != nil {
			return nil, a.worldly(err)
		}
		if !ok {
			return nil, &Error{Kind: Refused, Code: "plans.no_build", Message: "a saved plan names only people of a build, and there is none of " + entity, Fix: "make one: weir build"}
		}
	}
	w, err := newPlanWriter(o.Out)
	if err != nil {
		return nil, err
	}
	return &planSaving{a: a, out: w, by: o.By}, nil
}

// add takes the frozen plan of one sync, whose table is to stay.
func (p *planSaving) add(t *syncs.Task, plan *syncs.Plan, columns []string) {
	part := savedPart(t, syncs.NewPlan(t, plan.Ref, nil)) // what was approved now is not approved then
	part.Columns = slices.Clone(columns)
	p.parts = append(p.parts, part)
	p.unbuilt += plan.Tally.Unbuilt
	p.discard = append(p.discard, func(ctx context.Context) error { return t.Source.Discard(ctx, plan.Ref) })
}

// save records the plan in the warehouse, then writes its file.
func (p *planSaving) save(ctx context.Context, res *PlanResult) (*SavedPlan, error) {
	if p == nil {
		return nil, nil
	}
	if len(p.parts) == 0 {
		return nil, &Error{Kind: Refused, Code: "plans.no_syncs", Message: "there is no sync to save a plan of", Fix: "select one: --select NAME"}
	}
	now, err := p.a.now(ctx)
	if err != nil {
		return nil, err
	}
	f := p.a.planFile(now, res.AsOf, p.by)
	f.Syncs = p.parts
	if err := p.a.keep(ctx, f, ledger.KindSaved, ""); err != nil {
		return nil, err
	}
	if err := p.out.write(f); err != nil {
		// Without its file nobody has asked for it.
		return nil, errors.Join(err, p.a.worldly(p.a.led.Drop(context.WithoutCancel(ctx), func(k ledger.Kept) bool { return k.Plan == f.Plan })))
	}
	p.done = true
	return &SavedPlan{Plan: f.Plan, File: p.out.path, Expires: f.Expires, Unbuilt: p.unbuilt}, nil
}

// end drops what was made for a plan that could not be saved.
func (p *planSaving) end(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.out.drop()
	if p.done {
		return nil
	}
	var errs []error
	for _, discard := range p.discard {
		errs = append(errs, discard(context.WithoutCancel(ctx)))
	}
	return p.a.worldly(errors.Join(errs...))
}
