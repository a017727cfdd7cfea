package syncs

import (
	"context"
	"errors"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Watch is told of the steps of runs in the world, for traces and metrics: before one begins, and
// by calling what it returns, when it has ended. The step is done in the context that it returns.
// It is called from several goroutines at once and must not block. What it is told names no row
// and holds no value.
type Watch func(ctx context.Context, s Step) (context.Context, func(Done))

// Step is something that a run does in the world.
type Step struct {
	Kind        string // run, and within it plan, open, send, poll, refresh, settle, refine
	Run         string
	Sync        string
	Destination string
	Object      string
	Rows        int64 // that it is about, where that is known before
}

// Done is how a step ended.
type Done struct {
	Rows int64 // that it was about, where that is known only after; else 0
	// Class is "ok", the class of the fault ("throttled", "ambiguous", …), "unsent" for a call
	// that was given up before it left, or "failed" for an error without a class.
	Class string
	Err   error // for its type; its text may hold a vendor's words
}

// watched does an effect, and tells of it if it is one of the steps of a Watch.
func (p *Performer) watched(ctx context.Context, e Effect, now func() time.Time) Input {
	s := Step{Run: p.run, Sync: p.task.Sync.Name, Destination: p.task.Sync.Destination, Object: p.task.Object.Name}
	switch e := e.(type) {
	case freeze:
		s.Kind = "plan"
	case open:
		s.Kind = "open"
	case Write:
		s.Kind, s.Rows = "send", int64(len(e.Batch.Rows))
	case poll:
		s.Kind = "poll"
		for _, j := range e.jobs {
			s.Rows += j.Hi - j.Lo
		}
	case refresh:
		s.Kind = "refresh"
	case settle:
		s.Kind, s.Rows = "settle", e.ref.Rows
	case refine:
		s.Kind, s.Rows = "refine", int64(len(e.final))
	default:
		return p.perform(ctx, e, now)
	}
	ctx, end := p.watch(ctx, s)
	in := p.perform(ctx, e, now)
	end(doneOf(in))
	return in
}

// doneOf is how an effect of a watched kind ended.
func doneOf(in Input) Done {
	var d Done
	switch in := in.(type) {
	case frozen:
		d.Rows, d.Err = in.ref.Rows, in.err
	case opened:
		d.Err = in.err
	case Written:
		if d.Err = in.Err; in.Unsent {
			d.Class = "unsent"
			return d
		}
	case polled:
		d.Err = in.err
	case refreshed:
		if d.Err = in.err; errors.Is(in.err, errors.ErrUnsupported) {
			d.Err = nil
		}
	case settled:
		d.Err = in.err
	case refined:
		d.Err = in.err
	}
	var fault *destinations.Fault
	switch {
	case d.Err == nil:
		d.Class = "ok"
	case errors.As(d.Err, &fault):
		d.Class = fault.Class.String()
	default:
		d.Class = "failed"
	}
	return d
}

// watchRun tells of a run as a whole: a step of the kind "run", whose class is the run's status.
func (r *Runner) watchRun(ctx context.Context, t *Task, o Order) (context.Context, func(Finish)) {
	if r.Watch == nil {
		return ctx, func(Finish) {}
	}
	ctx, end := r.Watch(ctx, Step{Kind: "run", Run: o.Run, Sync: t.Sync.Name, Destination: t.Sync.Destination, Object: t.Object.Name})
	return ctx, func(f Finish) {
		d := Done{Class: "failed", Err: f.Err}
		if f.Report != nil {
			c := f.Report.Counts
			d.Class, d.Rows = string(f.Report.Status), c.Added+c.Updated+c.Removed
		}
		end(d)
	}
}
