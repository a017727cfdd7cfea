package syncstest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weir-data/weir/syncs"
)

// Simulate lives through the world of one seed. The error says which rule was seen broken, and
// names the seed.
func Simulate(seed uint64, v Variant) (Stats, error) {
	w := newWorld(seed, v)
	w.live()
	if w.broken != nil {
		return w.stats, fmt.Errorf("seed %d (%s): %w", seed, v, w.broken)
	}
	return w.stats, nil
}

// Trace is Simulate with everything that happened, for people.
func Trace(seed uint64, v Variant) ([]string, error) {
	w := newWorld(seed, v)
	w.tracing = true
	w.live()
	return w.trace, w.broken
}

// chaosSteps is how many things happen before faults stop.
const chaosSteps = 250

func (w *world) live() {
	for i := 0; i < chaosSteps && w.broken == nil; i++ {
		w.chaosStep()
		w.check()
	}
	w.chaos = false
	w.dest.expired = false
	for i := range w.procs {
		w.procs[i].frozen = time.Time{}
	}
	w.converge()
}

// chaosStep lets one thing happen.
func (w *world) chaosStep() {
	w.stats.Steps++
	r := w.rng
	switch k := r.IntN(100); {
	case k < 6:
		w.warehouse.mutate()
		return
	case k < 8:
		if p := w.procs[r.IntN(2)]; p.m != nil {
			w.stats.Crashes++
			p.crash()
			return
		}
	case k < 10:
		if p := w.procs[r.IntN(2)]; p.alive() {
			p.freeze()
			return
		}
	case k < 11:
		if p := w.procs[r.IntN(2)]; p.alive() {
			p.step(syncs.Stop{})
			return
		}
	case k < 12:
		w.loseJournal()
		return
	case k < 20:
		w.now = w.now.Add(w.upTo(2 * time.Second))
		return
	}
	p := w.procs[r.IntN(2)]
	if other := w.procs[1-p.id]; p.m == nil && (!other.alive() && r.IntN(3) == 0 || r.IntN(20) == 0) {
		p.start(w.person())
		return
	}
	if w.network() {
		return
	}
	if p.alive() && len(p.asked) > 0 {
		if _, write := p.asked[len(p.asked)-1].e.(syncs.Write); write && w.chance(0.06) {
			p.freeze() // where it matters most: between deciding to send and sending
			return
		}
		p.act()
		return
	}
	if p.alive() && !p.sleep.IsZero() && !w.now.Before(p.sleep) {
		p.sleep = time.Time{}
		p.step(syncs.Tick{})
		return
	}
	if o := w.procs[1-p.id]; o.alive() && len(o.asked) > 0 {
		o.act()
		return
	}
	w.advance()
}

// loseJournal forgets everything that the store knew. That is only fair while nobody uses it.
func (w *world) loseJournal() {
	if !w.mayLose || !w.chance(0.3) {
		return
	}
	for _, p := range w.procs {
		if p.m != nil {
			p.crash()
		}
	}
	w.forget()
}

// forget loses the journal.
func (w *world) forget() {
	w.stats.LostJournals++
	w.log("the journal is lost")
	epoch := w.journal.epoch
	w.journal = newJournal(w)
	w.journal.epoch = epoch
}

// advance moves the clock to when the next thing happens.
func (w *world) advance() {
	next := w.now.Add(time.Minute)
	sooner := func(t time.Time) {
		if t.After(w.now) && t.Before(next) {
			next = t
		}
	}
	for _, p := range w.procs {
		if p.m != nil {
			sooner(p.frozen)
			sooner(p.sleep)
		}
	}
	for _, k := range w.packets {
		sooner(k.arrives)
		sooner(k.answer)
	}
	w.now = next
}

// person is somebody who looks at the destination and says what became of the messages in doubt
// there, once nothing can arrive any more.
func (w *world) person() *syncs.Decision {
	if !w.emit || len(w.packets) > 0 || w.chaos && w.chance(0.5) {
		return nil
	}
	for i := range 2 * people {
		key := w.warehouse.profile(i)
		if e := w.warehouse.ledger[key]; e != nil && e.doubt {
			return &syncs.Decision{Run: e.run, Sent: w.dest.arrived[key] > 0, Keys: []string{key}}
		}
	}
	return nil
}

// check looks for a broken rule.
func (w *world) check() {
	if w.broken != nil {
		return
	}
	s := w.warehouse
	covered := map[string]bool{}
	for _, run := range s.order {
		p := s.plans[run]
		if p == nil || s.marker[run] || p.ref.Epoch == 0 {
			continue
		}
		for _, c := range p.rows {
			if w.journal.possiblySent(run, c.Seq) {
				key, _ := c.IDs[0].(string)
				covered[key] = true
			}
		}
	}
	if w.emit {
		for i := range 2 * people {
			w.checkMessage(s.profile(i), covered)
		}
		return
	}
	for i := range idents {
		w.checkMember(s.ident(i), covered)
	}
}

func (w *world) checkMember(key string, covered map[string]bool) {
	e := w.warehouse.ledger[key]
	if covered[key] || e != nil && (e.doubt || e.job) {
		return
	}
	got, there := w.dest.members[key]
	want := e != nil && e.present
	switch {
	case want != there:
		w.violated("truth: the ledger says that %s is a member: %v, the destination: %v", key, want, there)
	case want && got != e.value:
		w.violated("truth: the ledger says that %s has value %d, the destination %d", key, e.value, got)
	}
}

func (w *world) checkMessage(key string, covered map[string]bool) {
	e := w.warehouse.ledger[key]
	if covered[key] || e != nil && e.doubt {
		return
	}
	sent := e != nil && e.present
	if arrived := w.dest.arrived[key] > 0; sent != arrived {
		w.violated("truth: the ledger says that message %s was sent: %v, the destination: %v", key, sent, arrived)
	}
}

// drive lets a process run to its end without faults.
func (w *world) drive(p *proc) {
	for i := 0; p.m != nil && w.broken == nil; i++ {
		if i > 5000 {
			w.violated("liveness: %s does not end", p.run)
			return
		}
		switch {
		case w.network():
		case p.m != nil && len(p.asked) > 0:
			p.act()
		case p.m != nil && !p.sleep.IsZero() && !w.now.Before(p.sleep):
			p.sleep = time.Time{}
			p.step(syncs.Tick{})
		default:
			w.advance()
		}
		w.check()
	}
}

// converge ends the faults and expects that everything comes out right.
func (w *world) converge() {
	for _, p := range w.procs {
		w.drive(p)
	}
	for name, at := range w.warehouse.source {
		if at.value == poison {
			at.value = 0
			w.warehouse.source[name] = at
		}
	}
	if len(w.warehouse.source) == 0 {
		w.warehouse.source["p0"] = person{"id0", 1}
	}
	for i := 0; i < 12 && w.broken == nil; i++ {
		w.now = w.now.Add(48 * time.Hour)
		for len(w.packets) > 0 {
			w.network()
			w.advance()
		}
		for d := w.person(); d != nil && w.broken == nil; d = w.person() {
			w.procs[0].start(d)
			w.drive(w.procs[0])
		}
		w.procs[0].start(nil)
		w.drive(w.procs[0])
		if w.nothingToDo() {
			break
		}
	}
	if w.broken == nil {
		w.compare()
	}
}

func (w *world) nothingToDo() bool {
	p := w.procs[0]
	if p.last == nil || (p.last.Status != syncs.OK && p.last.Status != syncs.Degraded) {
		return false
	}
	for _, e := range w.warehouse.ledger {
		if e.doubt || e.job {
			return false
		}
	}
	ref, err := w.warehouse.Freeze(context.Background(), syncs.Grant{}, "preview")
	return err == nil && ref.Rows == 0
}

// compare checks that nothing was lost.
func (w *world) compare() {
	s := w.warehouse
	want := s.desired()
	if w.emit {
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if w.dest.arrived[key] != 1 {
				w.violated("loss: message %s arrived %d times", key, w.dest.arrived[key])
			}
		}
		return
	}
	for i := range idents {
		key := s.ident(i)
		d, wanted := want[key]
		got, there := w.dest.members[key]
		if e := s.ledger[key]; e != nil && e.job && w.stats.LostJournals > 0 {
			continue // the job that would have told was lost with the journal
		}
		if wanted != there || wanted && got != d.value {
			w.violated("loss: %s should be a member: %v with %d; the destination says %v with %d", key, wanted, d.value, there, got)
		}
	}
	if !w.nothingToDo() && w.stats.LostJournals == 0 {
		r := "no report"
		if w.procs[0].last != nil {
			r = fmt.Sprintf("%+v", *w.procs[0].last)
		}
		for _, key := range slices.Sorted(maps.Keys(s.ledger)) {
			w.log("ledger %s %+v", key, *s.ledger[key])
		}
		w.violated("liveness: there is still something to do after 12 runs without faults: %s %v", r, w.procs[0].err)
	}
}
