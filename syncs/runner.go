package syncs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Runner plans and runs syncs. Its fields are set once; its methods may be called from several
// goroutines at once, for different syncs.
type Runner struct {
	Journal Journal
	Holder  Holder
	// Buckets are shared by all runners of a process. Required.
	Buckets *Buckets
	Config  Config
	// Now defaults to time.Now. It has to be monotonic, as time.Now is.
	Now func() time.Time
	// Random defaults to a random source. It gives 0 <= r < 1.
	Random func() float64
	// Events is told the progress of every run, one event at a time for each run. It must not
	// block for long. nil drops them.
	Events func(Event)
	// Watch is told of what runs do in the world. nil watches nothing.
	Watch Watch
}

// RunOptions say how one run differs from the next one of a schedule.
type RunOptions struct {
	Run      string   // id; NewRun where empty
	Asked    string   // who asked: "command", "schedule", …
	Saved    *Plan    // a plan that Plan kept: sent exactly, or refused with a *StaleError
	Approved []string // codes of holds that a person has read and agreed to
}

// PlanOptions say what becomes of a preview.
type PlanOptions struct {
	Run      string // id; NewRun where empty
	Keep     bool   // keep the plan's table, so that Run can send it
	Approved []string
}

// Plan previews what a run would send and what would hold it. It needs no lease, makes no
// request and changes nothing.
func (r *Runner) Plan(ctx context.Context, t *Task, o PlanOptions) (*Plan, error) {
	run := or(o.Run, NewRun(r.now()))
	ref, err := t.Source.Freeze(ctx, Grant{}, run)
	if err != nil {
		return nil, fmt.Errorf("planning %s: %w", t.Sync.Name, err)
	}
	p := NewPlan(t, ref, o.Approved)
	if o.Keep {
		return p, nil
	}
	if err := t.Source.Discard(context.WithoutCancel(ctx), ref); err != nil {
		return nil, fmt.Errorf("dropping the preview of %s: %w", t.Sync.Name, err)
	}
	return p, nil
}

// NewPlan describes a frozen plan: its counts, and the guards that would hold it.
func NewPlan(t *Task, ref PlanRef, approved []string) *Plan {
	p := &Plan{Sync: t.Sync.Name, Hash: ref.Hash, Tally: ref.Tally, Counts: ref.Tally.counts(),
		Holds: unapproved(holds(t, ref), approved), AsOf: ref.AsOf, Ref: ref}
	if w := Small(t, ref.Tally); w != "" {
		p.Warnings = append(p.Warnings, w)
	}
	p.Counts.Due = p.Counts.Added + p.Counts.Updated + p.Counts.Removed
	return p
}

// Run runs a sync to its end and reports how it went. When ctx ends, the run stops in order:
// no new call begins, calls in flight may finish, and what is known is recorded. The error is a
// *HeldError if somebody else runs the sync, a *StaleError if a saved plan does not fit any
// more, or says that nothing could be begun; a run that began and went badly is told by the
// report.
func (r *Runner) Run(ctx context.Context, t *Task, o RunOptions) (*Report, error) {
	order := Order{Run: o.Run, Asked: o.Asked, Approved: o.Approved}
	if o.Saved != nil {
		order.Run, order.Hash = o.Saved.Ref.Run, o.Saved.Hash
		if err := r.recover(ctx, t, o); err != nil {
			return nil, err
		}
	}
	f, err := r.drive(ctx, t, order)
	return f.Report, err
}

// recover settles what is left of a saved plan whose sending was begun before and interrupted, and
// refuses it then: its remaining rows are planned again by the next run.
func (r *Runner) recover(ctx context.Context, t *Task, o RunOptions) error {
	run := o.Saved.Ref.Run
	ref, ok, err := t.Source.Plan(ctx, run)
	if err != nil {
		return fmt.Errorf("looking for the saved plan %s: %w", run, err)
	}
	if !ok || ref.Epoch == 0 {
		return nil
	}
	f, err := r.drive(ctx, t, Order{Asked: o.Asked, Recover: true})
	if err != nil {
		return err
	}
	if f.Report.Status != OK {
		return fmt.Errorf("settling run %s: %s %s", run, f.Report.Status, f.Report.Error)
	}
	return &StaleError{Run: run, Why: "sending it was begun before and interrupted; what came of that is settled now, and a new run sends what is still due"}
}

// Decide carries out a person's word on the rows that run left in doubt: they were sent, or
// they were not. No keys means all of them. It returns how many rows that decided.
func (r *Runner) Decide(ctx context.Context, t *Task, run string, sent bool, keys []string) (int64, error) {
	f, err := r.drive(ctx, t, Order{Asked: "settle", Decision: &Decision{Run: run, Sent: sent, Keys: keys}})
	if err == nil && f.Report.Status != OK {
		err = fmt.Errorf("settling run %s: %s %s", run, f.Report.Status, f.Report.Error)
	}
	return f.Decided, err
}

func (r *Runner) drive(ctx context.Context, t *Task, o Order) (Finish, error) {
	o.Run = or(o.Run, NewRun(r.now()))
	m, err := NewMachine(t, o, r.Config, r.Buckets)
	if err != nil {
		return Finish{}, err
	}
	p := NewPerformer(t, r.Journal, r.Holder)
	p.watch, p.run = r.Watch, o.Run
	d := &driver{m: m, perf: p, now: r.now, random: r.random, events: r.event}
	ctx, watched := r.watchRun(ctx, t, o)
	f := d.run(ctx)
	watched(f)
	if err := p.Close(context.WithoutCancel(ctx)); err != nil && f.Report != nil {
		f.Report.Notes = append(f.Report.Notes, fmt.Sprintf("closing the destination: %v", err))
	}
	return f, f.Err
}

func (r *Runner) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

func (r *Runner) random() float64 {
	if r.Random == nil {
		return rand.Float64()
	}
	return r.Random()
}

func (r *Runner) event(e Event) {
	if r.Events != nil {
		r.Events(e)
	}
}
