package syncstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weir-data/weir/destinations"
)

// receiver is the destination: what it holds, and what arrived of things that are harmful to
// repeat.
type receiver struct {
	w       *world
	members map[string]int64
	arrived map[string]int // messages by entry
	seen    map[string]bool
	jobs    map[string]*work
	sent    int  // rows that were put on the network
	expired bool // the credential is
}

// work is an asynchronous job; its rows were applied when it arrived, but nobody is told before.
type work struct {
	done time.Time
	out  destinations.Outcome
}

func newReceiver(w *world) *receiver {
	return &receiver{w: w, members: map[string]int64{}, arrived: map[string]int{}, seen: map[string]bool{}, jobs: map[string]*work{}}
}

// packet is a call between a machine and the destination.
type packet struct {
	from     *proc
	life     int // of the machine that sent it: a later life hears nothing
	epoch    int64
	call     int64
	batch    destinations.Batch
	arrives  time.Time
	arrived  bool
	answer   time.Time
	twice    bool  // it arrives twice
	part     int   // rows that are applied; the rest is lost
	odd      int   // 1 to 5: how the first row is answered
	err      error // what the sender hears, whatever happened
	out      destinations.Outcome
	answered bool
}

// send decides the fate of a call.
func (r *receiver) send(p *packet) {
	w := r.w
	p.part = len(p.batch.Rows)
	r.sent += p.part
	if w.plot != nil {
		w.plot.send(r, p)
		return
	}
	p.arrives = w.now.Add(w.upTo(3 * time.Second))
	p.answer = p.arrives.Add(w.upTo(time.Second))
	if !w.chaos || !w.chance(w.faults) {
		return
	}
	timeout := func() {
		p.answer = w.now.Add(w.timeout)
		p.err = errors.New("no answer in time")
		w.stats.Ambiguous++
	}
	refused := func(f destinations.Fault) {
		p.part = 0
		p.err = &f
	}
	switch w.rng.IntN(11) {
	case 0: // never arrives
		timeout()
		p.part = 0
	case 1: // arrives, the answer is lost
		timeout()
	case 2: // arrives after the sender has given up, but within the hold
		timeout()
		p.arrives = w.now.Add(w.upTo(w.config.Hold - time.Millisecond))
	case 3:
		timeout()
		p.part = w.rng.IntN(len(p.batch.Rows) + 1)
	case 4, 5:
		wait := []time.Duration{0, -time.Hour, 2 * time.Second, 10 * 365 * 24 * time.Hour}[w.rng.IntN(4)]
		refused(destinations.Fault{Class: destinations.Throttled, RetryAfter: wait, Code: "429"})
	case 6, 7:
		refused(destinations.Fault{Class: destinations.Transient, Code: "503"})
	case 8:
		if w.chance(0.5) {
			r.expired = true
		}
		refused(destinations.Fault{Class: destinations.Expired, Code: "401"})
	case 9:
		if len(p.batch.Rows) == 1 {
			return
		}
		refused(destinations.Fault{Class: destinations.TooLarge, Code: "413"})
	case 10:
		if w.chance(0.2) {
			refused(destinations.Fault{Class: destinations.Config, Code: "400"})
			return
		}
		p.err = &destinations.Fault{Class: destinations.Ambiguous, Text: "an answer in HTML"}
		w.stats.Ambiguous++
	}
}

// arrive applies a call.
func (r *receiver) arrive(p *packet) {
	w := r.w
	p.arrived = true
	if p.part == 0 {
		return
	}
	if r.expired {
		p.err, p.part = &destinations.Fault{Class: destinations.Expired, Code: "401"}, 0
		return
	}
	if p.epoch < w.leftEpoch {
		w.violated("overlap: a call of epoch %d arrived after one of epoch %d had left", p.epoch, w.leftEpoch)
	}
	bad := map[int]bool{}
	for i, row := range p.batch.Rows {
		if v, ok := row.Fields[0].(int64); ok && v == poison {
			bad[i] = true
		}
	}
	if w.wholeBad && len(bad) > 0 {
		p.part = 0
		if p.err == nil {
			p.err = &destinations.Fault{Class: destinations.BadBatch, Code: "422", Text: "some row is bad"}
		}
		return
	}
	if w.dedupe && r.seen[p.batch.ID] {
		bad = map[int]bool{}
		p.part = 0
	}
	p.out = destinations.Outcome{Rows: map[int]destinations.Result{}, Rest: destinations.Result{Status: destinations.Delivered}}
	for i := range p.batch.Rows {
		row := &p.batch.Rows[i]
		switch {
		case bad[i]:
			p.out.Rows[i] = destinations.Result{Status: destinations.Rejected, Code: "bad"}
		case i >= p.part:
		case i == 0 && p.odd > 0:
			r.odd(p, i, p.odd-1)
		case w.chaos && p.err == nil && !w.jobs && w.chance(w.faults/10):
			r.odd(p, i, w.rng.IntN(5))
		default:
			r.apply(row)
		}
	}
	if p.part == len(p.batch.Rows) && len(p.out.Rows) == 0 {
		r.seen[p.batch.ID] = true
	}
	if p.twice { // the answer is that to the second
		p.twice = false
		r.arrive(p)
		return
	}
	if w.jobs && p.err == nil {
		r.accept(p)
	}
}

// odd gives one row an unusual answer.
func (r *receiver) odd(p *packet, i, how int) {
	switch how {
	case 0:
		p.out.Rows[i] = destinations.Result{Status: destinations.Later, RetryAfter: time.Second}
	case 1:
		p.out.Rows[i] = destinations.Result{Status: destinations.Uncertain}
	case 2:
		p.out.Rows[i] = destinations.Result{Status: destinations.Uncertain}
		r.apply(&p.batch.Rows[i])
	case 3:
		p.out.Rows[i] = destinations.Result{} // no verdict
		r.apply(&p.batch.Rows[i])
	case 4:
		p.out.Rows[i] = destinations.Result{Status: destinations.Suppressed, Code: "opted_out"}
	}
}

func (r *receiver) apply(row *destinations.Row) {
	id, _ := row.IDs[0].(string)
	switch row.Op {
	case destinations.Remove:
		delete(r.members, id)
	case destinations.Emit:
		if r.arrived[id]++; r.arrived[id] > 1 {
			r.w.violated("harm: the message %s arrived %d times", id, r.arrived[id])
		}
	default:
		v, _ := row.Fields[0].(int64)
		r.members[id] = v
	}
}

func (r *receiver) accept(p *packet) {
	w := r.w
	id := fmt.Sprint("job", len(r.jobs))
	done := w.now.Add(5 * time.Second)
	switch {
	case w.plot == nil:
		done = w.now.Add(w.upTo(90 * time.Second))
	case w.plot.kind == slowJobs:
		done = w.now.Add(2 * w.config.PollFor)
	}
	r.jobs[id] = &work{done: done, out: p.out}
	ref, _ := json.Marshal(id)
	p.out = destinations.Outcome{Rest: destinations.Result{Status: destinations.Accepted},
		Job: &destinations.Job{Ref: ref, After: 3 * time.Second}}
}

// Check, Write and Close make it a session. Calls go through the network of the world instead
// of Write.
func (r *receiver) Check(context.Context) error { return nil }
func (r *receiver) Close(context.Context) error { return nil }

// Write is not used.
func (r *receiver) Write(context.Context, destinations.Batch) (destinations.Outcome, error) {
	return destinations.Outcome{}, errors.ErrUnsupported
}

// Refresh mends the credential, mostly.
func (r *receiver) Refresh(context.Context) error {
	if r.w.chaos && r.w.chance(0.1) || r.w.plot != nil && r.w.plot.armed && r.w.plot.trouble == expiring {
		return errors.New("the token server says no")
	}
	r.expired = false
	return nil
}

// Poll tells what became of a job.
func (r *receiver) Poll(_ context.Context, j destinations.Job, _ destinations.Batch) (destinations.Outcome, bool, error) {
	var id string
	if err := json.Unmarshal(j.Ref, &id); err != nil {
		return destinations.Outcome{}, false, err
	}
	k := r.jobs[id]
	if k == nil || r.w.now.Before(k.done) {
		return destinations.Outcome{}, false, nil
	}
	return k.out, true, nil
}
