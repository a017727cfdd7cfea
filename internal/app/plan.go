package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/syncs"
)

// Something reports whether a run would do something.
func (p *PlanResult) Something() bool {
	for _, x := range p.Plans {
		if x.Counts.Added+x.Counts.Updated+x.Counts.Removed > 0 {
			return true
		}
	}
	for _, g := range p.Segments {
		if g.Join+g.Leave > 0 {
			return true
		}
	}
	return false
}

// PlanOptions say what becomes of a plan. The zero value only looks.
type PlanOptions struct {
	Out    string // file to save it to, so that RunSaved can send exactly it
	By     string // who saves it
	Sample int    // how many changes of each sync to show, masked
}

// Plan builds what was picked beside the tables in force, compares, and drops it again. It
// publishes and sends nothing. With Out, the tables of the plan stay for three days.
func (a *App) Plan(ctx context.Context, o PlanOptions) (res *PlanResult, err error) {
	if err := a.syncable(); err != nil {
		return nil, err
	}
	w, err := a.warehouse()
	if err != nil {
		return nil, err
	}
	if err := a.led.Drop(ctx, nil); err != nil {
		return nil, a.worldly(err)
	}
	saving, err := a.saving(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, saving.end(ctx)) }()
	scratch := make([]byte, 4)
	if _, err := rand.Read(scratch); err != nil {
		return nil, err
	}
	name := hex.EncodeToString(scratch)
	b := &build.Builder{W: w}
	defer func() {
		dropped := a.worldly(b.Discard(context.WithoutCancel(ctx), name))
		if err != nil && dropped != nil && err.Error() == dropped.Error() {
			return // a warehouse that is away is away for both
		}
		err = errors.Join(err, dropped)
	}()
	_, made, err := a.build(ctx, name, true)
	if err != nil {
		return nil, err
	}
	res = &PlanResult{Target: a.p.Target.Name, AsOf: a.o.AsOf, Scan: a.scan, Segments: []SegmentChange{}, Plans: []SyncPlan{}}
	for _, m := range made {
		res.AsOf = m.result.AsOf
	}
	if res.Segments, err = a.changes(ctx, made); err != nil {
		return nil, err
	}
	list := a.chosenSyncs()
	if len(list) == 0 {
		return res, nil
	}
	in, err := a.input(ctx)
	if err != nil {
		return nil, err
	}
	if _, res.Paused, err = a.unpaused(ctx); err != nil {
		return nil, err
	}
	if res.Orphans, err = a.orphans(ctx); err != nil {
		return nil, err
	}
	runner, err := a.runner(ctx)
	if err != nil {
		return nil, err
	}
	var loads []syncs.Load
	for _, s := range list {
		done := a.step(s.Name, "planning")
		var known func(compile.Rows) rel.Query
		if m, ok := made[a.entityOf(s)]; ok && saving != nil && s.Source == "" && s.SQL == "" {
			known = func(compile.Rows) rel.Query { return profilesOf(m.before, a.entityOf(s)) }
		}
		task, err := a.boundKnowing(ctx, s, in, made, known)
		if err != nil {
			return nil, err
		}
		p, err := runner.Plan(ctx, task, syncs.PlanOptions{Approved: a.o.Approve, Keep: true})
		if err != nil {
			return nil, a.worldly(err)
		}
		sample, err := a.sampled(ctx, s, in, made, task, p, o.Sample)
		if saving == nil || err != nil {
			err = errors.Join(err, task.Source.Discard(context.WithoutCancel(ctx), p.Ref))
		} else {
			saving.add(task, p, columnsOf(in, s))
		}
		if err != nil {
			return nil, a.worldly(err)
		}
		load := syncs.Load{Account: task.Account, Object: task.Object, Columns: task.Columns, Added: p.Counts.Added, Updated: p.Counts.Updated, Removed: p.Counts.Removed}
		if split, ok := a.destinationOf(s).(destinations.Splitter); ok {
			load.RequestRows = split.RowsPerRequest(s.Object, s.With)
		}
		loads = append(loads, load)
		x := SyncPlan{
			Sync: s.Name, Segment: s.Segment, Destination: s.Destination, Object: s.Object, Into: s.Into,
			Hash: p.Hash, Counts: p.Counts, HeldBy: []string{}, Holds: approvable(p.Holds, s.Name), Warnings: p.Warnings, Tally: p.Tally, Sample: sample,
		}
		for _, h := range p.Holds {
			x.HeldBy = append(x.HeldBy, h.Code)
		}
		res.Plans = append(res.Plans, x)
		done("")
	}
	var each []syncs.Estimate
	each, res.Estimate = syncs.Estimates(loads)
	for i := range each {
		res.Plans[i].Estimate = each[i]
	}
	res.Saved, err = saving.save(ctx, res)
	return res, err
}

// destinationOf is the kind of destination that a sync sends to.
func (a *App) destinationOf(s *syncs.Sync) destinations.Destination {
	d, _ := destinations.Lookup(a.p.Destination(s.Destination).Type) // checked when the project was read
	return d
}

// approvable puts the command that approves a hold into its fix.
func approvable(holds []syncs.Hold, sync string) []syncs.Hold {
	out := []syncs.Hold{}
	for _, h := range holds {
		if strings.Contains(h.Fix, "approve") {
			h.Fix += fmt.Sprintf(": weir run --select %s --approve %s", sync, h.Code)
		}
		out = append(out, h)
	}
	return out
}

// bound is a task over the build that was just made, or over the one in force where the sync's
// entity was not built.
func (a *App) bound(ctx context.Context, s *syncs.Sync, in compile.Input, made map[string]built) (*syncs.Task, error) {
	return a.boundKnowing(ctx, s, in, made, nil)
}

// boundKnowing is bound for a plan that is to be sent later: known says whom it may name.
func (a *App) boundKnowing(ctx context.Context, s *syncs.Sync, in compile.Input, made map[string]built, known func(compile.Rows) rel.Query) (*syncs.Task, error) {
	in.Entity = a.entityOf(s)
	if m, ok := made[in.Entity]; ok {
		in.Build, in.AsOf = m.result.Build, m.result.AsOf
	} else if in.AsOf.IsZero() {
		now, err := a.now(ctx)
		if err != nil {
			return nil, err
		}
		in.AsOf = now
		in.Build = compile.Build{Schema: a.w.Schema()}
	}
	return a.task(ctx, s, in, known)
}

// changes says who joins and who leaves the segments that were picked.
func (a *App) changes(ctx context.Context, made map[string]built) ([]SegmentChange, error) {
	out := []SegmentChange{}
	err := a.session(ctx, func(s warehouse.Session) error {
		for _, g := range a.p.Model.Segments {
			m, ok := made[g.Entity]
			if !ok || !a.picks("segment", g.Name) && !a.usedBySync(g.Name) {
				continue
			}
			c, err := a.change(ctx, s, g.Entity, g.Name, m.before, m.result.Build)
			if err != nil {
				return err
			}
			c.Arms = a.armsOf(g.Entity, func(_, arm string) int64 { return m.result.Stats["arm."+g.Name+"."+arm] }, g.Name)
			out = append(out, c)
		}
		return nil
	})
	return out, err
}

// change says who joins and who leaves a segment between two builds of its entity.
func (a *App) change(ctx context.Context, s warehouse.Session, entity, segment string, before, after compile.Build) (SegmentChange, error) {
	var joined, left, size int64
	if err := a.row(ctx, s, compile.SegmentDelta(entity, before, after, segment), &joined, &left, &size); err != nil {
		return SegmentChange{}, fmt.Errorf("comparing segment %s: %w", segment, err)
	}
	c := SegmentChange{Segment: segment, Before: size - joined + left, After: size, Join: joined, Leave: left}
	if before.ID == "" {
		c.New = true
	} else if c.Before == 0 && size > 0 {
		known, err := a.knownSegment(ctx, s, entity, before, segment)
		if err != nil {
			return c, err
		}
		c.New = !known
	}
	return c, nil
}

// usedBySync reports whether a sync that was picked sends a segment.
func (a *App) usedBySync(segment string) bool {
	for _, s := range a.chosenSyncs() {
		if s.Segment == segment {
			return true
		}
	}
	return false
}
