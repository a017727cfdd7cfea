package syncstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// proc is a process that runs the sync: a machine, what it has asked for, and its clock.
type proc struct {
	w      *world
	id     int
	life   int // goes up with every machine
	m      *syncs.Machine
	perf   *syncs.Performer
	asked  []*effect
	sleep  time.Time
	frozen time.Time // until
	cancel bool
	run    string
	flight map[int64][]string // people in a call that was not answered
	left   []time.Time        // when calls of this life left
	last   *syncs.Report
	err    error
}

// effect is something that the machine asked for.
type effect struct {
	e      syncs.Effect
	result syncs.Input // once it was done
}

func newProc(w *world, id int) *proc { return &proc{w: w, id: id} }

// start begins a run, or what a person decided.
func (p *proc) start(d *syncs.Decision) { p.carryOut(syncs.Order{Decision: d}) }

// carryOut begins what is ordered, as a new run if the order does not name one.
func (p *proc) carryOut(o syncs.Order) {
	w := p.w
	w.stats.Runs++
	p.life++
	if o.Run == "" {
		o.Run = fmt.Sprintf("run%d.%d", p.id, p.life)
	}
	p.run = o.Run
	m, err := syncs.NewMachine(w.task, o, w.config, syncs.NewBuckets())
	if err != nil {
		w.violated("starting: %v", err)
		return
	}
	p.m, p.asked, p.sleep, p.cancel, p.left, p.last, p.err = m, nil, time.Time{}, false, nil, nil, nil
	p.flight = map[int64][]string{}
	p.perf = syncs.NewPerformer(w.task, w.journal, syncs.Holder{PID: p.id})
	p.step(syncs.Start{})
}

func (p *proc) alive() bool { return p.m != nil && !p.w.now.Before(p.frozen) }

// crash ends the process; what it has sent stays on its way.
func (p *proc) crash() {
	p.w.log("%d crashes in %s", p.id, p.run)
	p.m, p.asked = nil, nil
	if p.w.variant == ForgetfulJournal {
		p.w.journal.forget()
	}
}

// freeze stops the process for a while, as a suspended virtual machine would.
func (p *proc) freeze() {
	w := p.w
	w.stats.Freezes++
	p.frozen = w.now.Add(w.upTo(w.config.TTL))
	if w.chance(0.5) { // long enough for somebody else to run
		p.frozen = p.frozen.Add(w.config.TTL + w.config.Hold)
	}
	w.log("%d freezes until %s", p.id, p.frozen.Format("15:04:05"))
}

// step tells the machine something and takes what it asks for.
func (p *proc) step(in syncs.Input) {
	w := p.w
	w.log("%d <- %T%+v", p.id, in, in)
	if a, ok := in.(syncs.Written); ok {
		delete(p.flight, a.Call)
	}
	for _, e := range p.m.Step(syncs.Moment{Now: w.now, Random: w.random()}, in) {
		switch e := e.(type) {
		case syncs.Sleep:
			p.sleep = e.Until
		case syncs.Cancel:
			p.cancel = true
		case syncs.Note:
		case syncs.Finish:
			p.finish(e)
			return
		default:
			w.log("%d -> %T%+v", p.id, e, e)
			if _, ok := e.(syncs.Write); ok {
				p.checkRate()
			}
			p.asked = append(p.asked, &effect{e: e})
		}
	}
}

func (p *proc) finish(f syncs.Finish) {
	w := p.w
	p.m, p.asked = nil, nil
	p.last, p.err = f.Report, f.Err
	if f.Decided > 0 {
		w.stats.Decided += int(f.Decided)
	}
	r := f.Report
	if r == nil {
		return
	}
	w.log("%d finished %s: %s %s %s %+v", p.id, p.run, r.Status, r.Code, r.Error, r.Counts)
	w.stats.InDoubt += int(r.Counts.InDoubt)
	w.stats.Rejected += int(r.Counts.Rejected)
	if r.Status == syncs.Held {
		w.stats.Held++
	}
	c := r.Counts
	if c.Added+c.Updated+c.Removed != c.Delivered+c.Accepted+c.Rejected+c.Due+c.InDoubt {
		w.violated("counts of %s do not add up: %+v", r.Run, c)
	}
	if n, ok := w.warehouse.settled[p.run]; ok && (c.Delivered != n.Delivered || c.Accepted != n.Accepted || c.Rejected != n.Rejected || c.InDoubt != n.InDoubt) &&
		!slices.Contains([]string{"syncs.fenced", "syncs.journal", "syncs.settle", "syncs.lease_lost", "syncs.refused_plan"}, r.Code) {
		w.violated("counts of %s are not what the ledger was told: %+v, %+v", r.Run, c, n)
	}
	for _, n := range []int64{c.Added, c.Updated, c.Removed, c.Due, c.Accepted, c.Delivered} {
		if n < 0 {
			w.violated("counts of %s are negative: %+v", r.Run, c)
		}
	}
}

// act does one of the things that the machine asked for, or tells it the result of one.
func (p *proc) act() {
	w := p.w
	i := w.pick(len(p.asked))
	a := p.asked[i]
	if a.result == nil {
		if wr, ok := a.e.(syncs.Write); ok {
			p.asked = slices.Delete(p.asked, i, i+1)
			p.write(wr)
			return
		}
		a.result = p.perf.Perform(context.Background(), a.e, func() time.Time { return w.now })
		if w.plot != nil || w.chaos && w.chance(0.3) {
			return // the machine may crash before it hears of it
		}
	}
	p.asked = slices.Delete(p.asked, i, i+1)
	p.step(a.result)
}

// write puts a call on the network, if there is still time.
func (p *proc) write(e syncs.Write) {
	w := p.w
	if !w.now.Before(e.Before) && w.variant != OverdueSend {
		p.step(syncs.Written{Call: e.Call, Unsent: true})
		return
	}
	w.stats.Calls++
	epoch := w.journal.runs[p.run].record.Epoch
	if epoch < w.leftEpoch {
		w.violated("overlap: a call of epoch %d left after one of epoch %d", epoch, w.leftEpoch)
	}
	w.leftEpoch = max(w.leftEpoch, epoch)
	for _, k := range w.packets {
		if k.epoch < epoch && !k.arrived {
			w.violated("overlap: a call of epoch %d left while one of epoch %d was on its way", epoch, k.epoch)
		}
	}
	p.checkCall(e.Batch)
	var who []string
	for _, r := range e.Batch.Rows {
		for call, others := range p.flight {
			if slices.Contains(others, r.Key) {
				w.violated("rows of %s are in calls %d and %d at once", r.Key, call, e.Call)
			}
		}
		who = append(who, r.Key)
	}
	p.flight[e.Call] = who
	k := &packet{from: p, life: p.life, epoch: epoch, call: e.Call, batch: e.Batch}
	w.dest.send(k)
	w.packets = append(w.packets, k)
	w.log("   call %d leaves, arrives %s, answer %s: %v", k.call, k.arrives.Format("05.000"), k.answer.Format("05.000"), k.err)
}

// checkCall checks a batch against the limits of the object, and the guard.
func (p *proc) checkCall(b destinations.Batch) {
	w := p.w
	l := w.task.Object.Limits
	if len(b.Rows) == 0 || len(b.Rows) > l.Rows {
		w.violated("a call of %d rows", len(b.Rows))
	}
	ids := map[any]bool{}
	for _, r := range b.Rows {
		if w.task.Object.GroupBy == destinations.ByOp && r.Op != b.Rows[0].Op {
			w.violated("operations are mixed in a call")
		}
		if l.UniqueIDs && ids[r.IDs[0]] {
			w.violated("one person is in a call twice")
		}
		ids[r.IDs[0]] = true
		w.checkKey(r)
	}
	if len(p.flight) >= l.Concurrency {
		w.violated("%d calls at once", len(p.flight)+1)
	}
	said := fmt.Sprint(b.Rows)
	if before, ok := w.keys[b.ID]; ok && before != said {
		w.violated("key %s was used for %s and for %s", b.ID, before, said)
	}
	w.keys[b.ID] = said
	if pl := w.warehouse.plans[p.run]; pl != nil && pl.held {
		for _, r := range b.Rows {
			i := slices.IndexFunc(pl.rows, func(c syncs.Change) bool { return c.IDs[0] == r.IDs[0] && c.Op == r.Op })
			if i < 0 || !pl.rows[i].Forced {
				w.violated("guard: a row of a held plan was sent")
			}
		}
	}
}

// checkKey checks that a row of which nothing is known since it was sent is sent again under the
// same key, unless another value of the same person may have gone out in between.
func (w *world) checkKey(r destinations.Row) {
	id, _ := r.IDs[0].(string)
	what := says(r.Key, r.Op, r.IDs, r.Fields)
	since := w.since[id]
	if since == nil {
		return // told of already, by somebody who should not have: other rules notice
	}
	if before := since[what]; before != "" && len(since) == 1 && before != r.Dedup && w.stats.LostJournals == 0 {
		w.violated("key: %s was sent under %s, then under %s", what, before, r.Dedup)
	}
	since[what] = r.Dedup
}

func says(key string, op destinations.Op, ids, fields []any) string {
	return fmt.Sprint(key, " ", op, ids, fields)
}

// intended remembers what may have been sent of each person since something was last known.
func (w *world) intended(run string, in syncs.Intent) {
	p := w.warehouse.plans[run]
	if p == nil {
		return
	}
	for _, c := range p.rows[in.Lo:in.Hi] {
		id, _ := c.IDs[0].(string)
		if w.since[id] == nil {
			w.since[id] = map[string]string{}
		}
		if what := says(c.Key, c.Op, c.IDs, c.Fields); w.since[id][what] == "" {
			w.since[id][what] = ""
		}
	}
}

// checkRate checks that the machine lets no more calls go than the rate allows.
func (p *proc) checkRate() {
	w := p.w
	if w.rate.N == 0 {
		return
	}
	p.left = append(p.left, w.now)
	n := 0
	for _, t := range p.left {
		if w.now.Sub(t) < w.rate.Per {
			n++
		}
	}
	if n > w.rate.N {
		w.violated("rate: %d calls in %s", n, w.rate.Per)
	}
}

// network moves what has arrived and what is answered by now. It reports whether anything was.
func (w *world) network() bool {
	moved := false
	slices.SortStableFunc(w.packets, func(a, b *packet) int { return a.arrives.Compare(b.arrives) })
	for _, k := range w.packets {
		if !k.arrived && !w.now.Before(k.arrives) {
			w.log("   call %d of %s arrives", k.call, k.from.run)
			w.dest.arrive(k)
			moved = true
		}
	}
	for _, k := range w.packets {
		canceled := k.from.cancel && k.life == k.from.life
		if k.answered || w.now.Before(k.answer) && !canceled || k.life == k.from.life && k.from.m != nil && w.now.Before(k.from.frozen) {
			continue
		}
		if !k.arrived && k.err == nil && !canceled {
			continue
		}
		k.answered = true
		moved = true
		if k.life != k.from.life || k.from.m == nil {
			continue
		}
		if canceled && w.now.Before(k.answer) {
			k.err = errors.New("canceled")
		}
		if k.err != nil {
			k.from.step(syncs.Written{Call: k.call, Err: k.err})
			continue
		}
		k.from.step(syncs.Written{Call: k.call, Outcome: k.out})
	}
	w.packets = slices.DeleteFunc(w.packets, func(k *packet) bool { return k.arrived && k.answered })
	return moved
}
