package syncs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Performer does the effects of one machine in the world: the task's Source and destination,
// and the journal. Perform may be called from several goroutines at once.
type Performer struct {
	task    *Task
	journal Journal
	holder  Holder
	prep    *preparer

	session destinations.Session // set by open, which happens before every effect that uses it
	target  string

	watch Watch // may be nil
	run   string
}

// NewPerformer makes the performer of one run.
func NewPerformer(t *Task, j Journal, h Holder) *Performer {
	return &Performer{task: t, journal: j, holder: h, prep: newPreparer(t)}
}

// Close closes the destination if it was opened.
func (p *Performer) Close(ctx context.Context) error {
	if p.session == nil {
		return nil
	}
	err := p.session.Close(ctx)
	p.session = nil
	return err
}

// Perform does one effect and returns what to tell the machine. now is asked right before a
// call is sent.
func (p *Performer) Perform(ctx context.Context, e Effect, now func() time.Time) Input {
	if p.watch != nil {
		return p.watched(ctx, e, now)
	}
	return p.perform(ctx, e, now)
}

func (p *Performer) perform(ctx context.Context, e Effect, now func() time.Time) Input {
	src, jr := p.task.Source, p.journal
	switch e := e.(type) {
	case Write:
		if !now().Before(e.Before) {
			return Written{Call: e.Call, Unsent: true}
		}
		return p.write(ctx, e)
	case read:
		rows, err := p.read(ctx, e.ref, e.lo, e.hi)
		return page{lo: e.lo, hi: e.hi, rows: rows, err: err}
	case record:
		return recorded{jr.Record(ctx, e.run, e.epoch, e.acks, e.intents)}
	case acquire:
		g, err := src.Acquire(ctx, p.holder, e.ttl)
		return acquired{g, err}
	case renew:
		g, err := src.Renew(ctx, e.grant, e.ttl)
		return renewed{g, err}
	case release:
		return released{src.Release(ctx, e.grant, e.clean)}
	case survey:
		return p.survey(ctx, now())
	case learn:
		return learned{jr.Learn(ctx, e.account, e.lesson, now())}
	case draw:
		got, err := jr.Spend(ctx, e.account, e.quota, e.n, now())
		return drawn{e.quota, got, err}
	case begin:
		return begun{jr.Begin(ctx, e.record)}
	case find:
		return p.find(ctx, e.run)
	case freeze:
		ref, err := src.Freeze(ctx, e.grant, e.run)
		return frozen{ref, err}
	case open:
		return opened{p.open(ctx)}
	case refresh:
		return refreshed{p.refresh(ctx)}
	case listJobs:
		jobs, err := jr.Jobs(ctx, p.task.Sync.Name)
		return jobsListed{jobs, err}
	case poll:
		return p.poll(ctx, e)
	case refine:
		return refined{src.Refine(ctx, e.grant, e.ref, e.final)}
	case closeJob:
		return closed{jr.CloseJob(ctx, e.run, e.id, e.final)}
	case settle:
		return p.settle(ctx, e)
	case mark:
		return marked{jr.Settled(ctx, e.run)}
	case discard:
		return discarded{src.Discard(ctx, e.ref)}
	case end:
		return ended{jr.End(ctx, e.run, e.report)}
	case decide:
		n, err := src.Decide(ctx, e.grant, e.run, e.sent, e.keys)
		return decided{n, err}
	}
	panic(fmt.Sprintf("syncs: unknown effect %T", e))
}

func (p *Performer) write(ctx context.Context, e Write) Input {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	o, err := p.session.Write(ctx, p.batch(e.Batch))
	return Written{Call: e.Call, Outcome: o, Err: err}
}

func (p *Performer) read(ctx context.Context, ref PlanRef, lo, hi int64) ([]item, error) {
	rows := make([]item, hi-lo)
	var room shelf
	next := lo
	for c, err := range p.task.Source.Read(ctx, ref, lo, hi) {
		if err != nil {
			return nil, err
		}
		if c.Seq != next {
			return nil, fmt.Errorf("row %d of plan %s is missing", next, ref.Run)
		}
		if next == hi {
			return nil, fmt.Errorf("plan %s has more rows than %d", ref.Run, hi)
		}
		p.prep.with(&room, &c, &rows[next-lo].ready)
		next++
	}
	if next != hi {
		return nil, fmt.Errorf("plan %s ends at row %d, not at %d", ref.Run, next, hi)
	}
	return rows, nil
}

func (p *Performer) survey(ctx context.Context, now time.Time) Input {
	var s surveyed
	if s.runs, s.err = p.journal.Unsettled(ctx, p.task.Sync.Name); s.err != nil {
		return s
	}
	if s.plans, s.err = p.task.Source.Open(ctx); s.err != nil {
		return s
	}
	if s.jobs, s.err = p.journal.Jobs(ctx, p.task.Sync.Name); s.err != nil {
		return s
	}
	s.known, s.err = p.journal.Recall(ctx, p.task.Account, now)
	return s
}

func (p *Performer) find(ctx context.Context, run string) Input {
	var f found
	if f.ref, f.ok, f.err = p.task.Source.Plan(ctx, run); f.err != nil || !f.ok {
		return f
	}
	f.version, f.err = p.task.Source.Version(ctx)
	return f
}

func (p *Performer) open(ctx context.Context) error {
	if p.session == nil {
		if p.task.Session == nil {
			return &destinations.Fault{Class: destinations.Config, Text: "the destination cannot be opened"}
		}
		s, err := p.task.Session()
		if err != nil {
			return err
		}
		p.session = s
	}
	if m, ok := p.session.(destinations.AudienceManager); ok && p.task.Object.Target {
		target, err := m.Ensure(ctx, p.task.Object.Name, p.task.Sync.Into, p.task.Sync.With)
		if err != nil {
			return err
		}
		p.target = target
	}
	return nil
}

func (p *Performer) refresh(ctx context.Context) error {
	if r, ok := p.session.(destinations.Refresher); ok {
		return r.Refresh(ctx)
	}
	return errors.ErrUnsupported
}

// batch fills in what is the same for every batch of the task.
func (p *Performer) batch(b destinations.Batch) destinations.Batch {
	b.Object, b.Target, b.With, b.Columns = p.task.Object.Name, p.target, p.task.Sync.With, p.task.Columns
	return b
}

func (p *Performer) poll(ctx context.Context, e poll) Input {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	r := polled{jobs: e.jobs}
	poller, ok := p.session.(destinations.Poller)
	if !ok {
		r.err = errors.ErrUnsupported
		return r
	}
	// The rows stand where they stood in the batch, though others of it may be missing.
	b := p.batch(destinations.Batch{ID: e.jobs[0].Batch})
	for _, j := range e.jobs {
		rows, err := p.read(ctx, j.Plan, j.Lo, j.Hi)
		if err != nil {
			r.err = fmt.Errorf("reading the rows of job %d: %w", j.ID, err)
			return r
		}
		if n := int(j.Offset+j.Hi-j.Lo) - len(b.Rows); n > 0 {
			b.Rows = append(b.Rows, make([]destinations.Row, n)...)
		}
		for i := range rows {
			b.Rows[int(j.Offset)+i] = rows[i].row
		}
	}
	r.outcome, r.done, r.err = poller.Poll(ctx, e.jobs[0].Job, b)
	return r
}

// leaves is from how many rows on a plan that was sent has taken memory that is worth giving back
// before the ledger is settled: a warehouse inside of this process needs it then.
const leaves = 50_000

func (p *Performer) settle(ctx context.Context, e settle) Input {
	if e.ref.Rows >= leaves {
		debug.FreeOSMemory()
	}
	var v Verdicts
	if e.unknown {
		v = allInDoubt(e.ref)
	} else {
		var err error
		if v, err = p.journal.Verdicts(ctx, e.ref.Run); err != nil {
			return settled{err: fmt.Errorf("reading the verdicts of run %s: %w", e.ref.Run, err)}
		}
	}
	v.Keep = e.keep
	c, err := p.task.Source.Settle(ctx, e.grant, e.ref, v)
	return settled{c, err}
}

// allInDoubt is what is known of a plan whose journal is lost: any row of it may have been sent.
func allInDoubt(ref PlanRef) Verdicts {
	v := Verdicts{Exceptions: func(func(Exception, error) bool) {}}
	if ref.Rows > 0 {
		v.Ranges = []VerdictRange{{Lo: 0, Hi: ref.Rows, Verdict: InDoubt}}
	}
	return v
}
