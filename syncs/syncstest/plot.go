package syncstest

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// plot is a small world that is written out: nothing in it is left to chance. A first run delivers
// two people. Then the source changes, a second run meets the trouble and the upset, the source
// may turn back, and a third run, by another process, has to cope.
type plot struct {
	kind   kind
	change change
	batch  int  // rows that a call takes
	last   bool // of what the machine asked for, the last is done first
	back   bool // the source turns back before the third run

	trouble trouble
	call    int // of the second run, from 0, that meets it
	upset   upset
	at      int // step of the second run before which it happens
	again   int // step of the third run before which that is killed; negative is never

	armed bool // the trouble may happen
	calls int  // that the second run has made
}

func (p *plot) String() string {
	s := fmt.Sprintf("%s, %s, %d rows a call", p.kind, p.change, p.batch)
	for text, on := range map[string]bool{", last first": p.last, ", the source turns back": p.back} {
		if on {
			s += text
		}
	}
	if p.trouble != quiet {
		s += fmt.Sprintf(", call %d %s", p.call, p.trouble)
	}
	if p.upset != calmly {
		s += fmt.Sprintf(", %s before step %d", p.upset, p.at)
	}
	if p.again >= 0 {
		s += fmt.Sprintf(", then killed before step %d", p.again)
	}
	return s
}

// kind is what the destination is.
type kind int

const (
	members  kind = iota // it takes rows and answers for each
	refusing             // it refuses whole calls, for one bad row, and does not say which
	messages             // rows are messages: harmful to repeat
	jobs                 // it takes calls as jobs, which end while the run looks
	slowJobs             // the same, and they end later
)

func (k kind) String() string {
	return [...]string{"members", "a refusing destination", "messages", "jobs", "slow jobs"}[k]
}

// change is what happens to the source before the second run.
type change int

const (
	mixed   change = iota // one changes, one leaves, one comes
	moved                 // one has another identifier, one changes
	emptied               // nobody is left, and somebody may not be written to
)

func (c change) String() string {
	return [...]string{"mixed changes", "a changed identifier", "an empty source"}[c]
}

// trouble is what a call meets.
type trouble int

const (
	quiet       trouble = iota
	lost                // it never arrives, and nobody answers
	unanswered          // it arrives, the answer does not
	late                // it arrives after it was given up
	half                // half of it is taken, and nobody answers
	overtaken           // later calls arrive and are answered before
	twice               // it arrives twice
	throttled           // 429
	throttled2s         // 429, to be tried again in 2 s
	throttled10y
	unavailable // 503
	expired     // the credential has expired and can be renewed
	expiring    // and cannot
	tooLarge    // 413
	garbage     // it is taken, and the answer is of no use
	misused     // 400 whatever is sent
	rowLater    // the first row is to come later
	rowUnsure   // the destination does not know about the first row, which was not taken
	rowUnsure2  // or was
	rowSilent   // it says nothing about the first row
	rowOptedOut // the first row may not be written to
	troubles
)

func (t trouble) String() string {
	return [...]string{"goes well", "is lost", "is not answered", "arrives late", "is half taken", "is overtaken", "arrives twice", "gets 429",
		"gets 429 for 2 s", "gets 429 for 10 years", "gets 503", "gets 401 once", "gets 401 for good", "gets 413", "gets garbage", "gets 400",
		"defers its first row", "is not sure of its first row", "is not sure of its first row, which it took", "says nothing of its first row",
		"finds its first row opted out"}[t]
}

// upset is what happens to the process of the second run.
type upset int

const (
	calmly    upset = iota
	killed          // it dies
	forgetful       // it dies and its journal is lost
	suspended       // it sleeps for longer than its lease while another process runs
	jumped          // the clock jumps by an hour
	stopped         // it is asked to stop
	failed          // the next write to warehouse or journal fails
	unheard         // the next write to warehouse or journal is done, and fails
	upsets
)

func (u upset) String() string {
	return [...]string{"undisturbed", "killed", "killed with its journal", "suspended", "the clock jumps", "stopped", "a write fails", "a write fails that was done"}[u]
}

// newPlot makes the world of a plot, before anything happens.
func newPlot(p plot, v Variant) *world {
	w := empty(v)
	w.plot = &p
	w.emit, w.jobs, w.wholeBad, w.dedupe = p.kind == messages, p.kind == jobs || p.kind == slowJobs, p.kind == refusing, p.kind == messages
	w.furnish(destinations.Object{Limits: destinations.Limits{Rows: p.batch, Concurrency: 2}})
	w.warehouse.source["p0"], w.warehouse.source["p1"] = person{"id0", 1}, person{"id1", 1}
	return w
}

// play goes through the plot and returns how many steps and calls the second run took, and how
// many steps the third.
func (w *world) play() (steps, calls, third int) {
	p, other := w.procs[0], w.procs[1]
	p.start(nil)
	w.drive(p)
	before := maps.Clone(w.warehouse.source)
	w.turn()
	w.plot.armed = true
	p.start(nil)
	for ; p.m != nil && w.broken == nil; steps++ {
		if steps == w.plot.at {
			w.upset()
		}
		w.once(p)
		w.tooLong(steps)
	}
	calls = w.plot.calls
	w.plot.armed, w.trip, w.dest.expired = false, 0, false
	if w.plot.back {
		w.warehouse.source = before
	}
	other.start(w.person())
	for ; other.m != nil && w.broken == nil; third++ {
		if third == w.plot.again {
			other.crash()
			break
		}
		w.once(other)
		w.tooLong(third)
	}
	w.converge()
	return steps, calls, third
}

func (w *world) tooLong(steps int) {
	if steps > 5000 {
		w.violated("liveness: a run does not end")
	}
}

// turn changes the source for the second run.
func (w *world) turn() {
	s := w.warehouse
	switch {
	case w.emit:
		for i := 2; i < 5; i++ {
			s.source[s.profile(i)] = person{s.ident(i), 1}
		}
	case w.plot.change == mixed:
		s.source["p0"] = person{"id0", 2}
		delete(s.source, "p1")
		s.source["p2"] = person{"id2", 1}
	case w.plot.change == moved:
		s.source["p0"] = person{"id3", 1}
		s.source["p1"] = person{"id1", 2}
	case w.plot.change == emptied:
		clear(s.source)
		s.barred["id1"] = true
	}
	if w.plot.kind == refusing {
		s.source["p2"] = person{"id2", poison}
	}
}

// upset disturbs the process of the second run.
func (w *world) upset() {
	p, other := w.procs[0], w.procs[1]
	switch w.plot.upset {
	case killed:
		p.crash()
	case forgetful:
		p.crash()
		w.forget()
	case suspended:
		p.frozen = w.now.Add(24 * time.Hour)
		w.now = w.now.Add(2 * w.config.TTL)
		other.start(nil)
		w.drive(other)
		p.frozen = time.Time{}
	case jumped:
		w.now = w.now.Add(time.Hour)
	case stopped:
		p.step(syncs.Stop{})
	case failed:
		w.trip = 1
	case unheard:
		w.trip = 2
	}
}

// send decides the fate of a call.
func (pl *plot) send(r *receiver, p *packet) {
	w := r.w
	p.arrives = w.now.Add(time.Second)
	p.answer = p.arrives.Add(500 * time.Millisecond)
	if !pl.armed || p.from != w.procs[0] {
		return
	}
	pl.calls++
	if pl.calls-1 != pl.call {
		return
	}
	timeout := func() {
		p.answer = w.now.Add(w.timeout)
		p.err = errors.New("no answer in time")
	}
	refused := func(c destinations.Class, after time.Duration) {
		p.part = 0
		p.err = &destinations.Fault{Class: c, RetryAfter: after, Code: c.String()}
	}
	switch pl.trouble {
	case lost:
		timeout()
		p.part = 0
	case unanswered:
		timeout()
	case late:
		timeout()
		p.arrives = w.now.Add(w.config.Hold - time.Millisecond)
	case half:
		timeout()
		p.part /= 2
	case overtaken:
		p.arrives = w.now.Add(4 * time.Second)
		p.answer = w.now.Add(5 * time.Second)
	case twice:
		p.twice = true
	case throttled:
		refused(destinations.Throttled, 0)
	case throttled2s:
		refused(destinations.Throttled, 2*time.Second)
	case throttled10y:
		refused(destinations.Throttled, 10*365*24*time.Hour)
	case unavailable:
		refused(destinations.Transient, 0)
	case expired, expiring:
		r.expired = true
		refused(destinations.Expired, 0)
	case tooLarge:
		if len(p.batch.Rows) > 1 {
			refused(destinations.TooLarge, 0)
		}
	case garbage:
		p.err = &destinations.Fault{Class: destinations.Ambiguous}
	case misused:
		refused(destinations.Config, 0)
	case rowLater, rowUnsure, rowUnsure2, rowSilent, rowOptedOut:
		if !w.jobs { // jobs answer when they are done
			p.odd = 1 + int(pl.trouble-rowLater)
		}
	}
}

// once lets the process do one thing, or time pass. It reports false when the process is done.
func (w *world) once(p *proc) bool {
	switch {
	case p.m == nil:
		return false
	case w.network():
	case p.m != nil && len(p.asked) > 0 && p.alive():
		p.act()
	case p.m != nil && p.alive() && !p.sleep.IsZero() && !w.now.Before(p.sleep):
		p.sleep = time.Time{}
		p.step(syncs.Tick{})
	default:
		w.advance()
	}
	w.check()
	return true
}

// pick chooses one of n.
func (w *world) pick(n int) int {
	switch {
	case w.plot == nil:
		return w.rng.IntN(n)
	case w.plot.last:
		return n - 1
	}
	return 0
}

// random is the machine's die.
func (w *world) random() float64 {
	if w.plot != nil {
		return 0.5
	}
	return w.rng.Float64()
}

// tripped reports whether a write that the plot lets fail does so now. One that was done is told
// to the journal, which does it, and to the warehouse the second time that it asks.
func (w *world) tripped(journal bool) bool {
	switch {
	case w.trip == 2 && !journal:
		w.trip = 1
		return false
	case w.trip > 0:
		w.trip = 0
		return true
	}
	return false
}
