package syncstest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/weir-data/weir/syncs"
)

// calm is a world without chance faults, full of things to do.
func calm(seed uint64, emit bool) *world {
	w := newWorld(seed, Sound)
	w.chaos, w.infra, w.mayLose, w.jobs, w.wholeBad = false, 0, false, false, false
	if w.emit != emit {
		return nil
	}
	for i := range people {
		w.warehouse.source[w.warehouse.profile(i)] = person{w.warehouse.ident(i), int64(i % values)}
	}
	return w
}

// some yields calm worlds of each kind.
func some(t *testing.T, n int, f func(t *testing.T, w *world)) {
	for _, emit := range []bool{false, true} {
		found := 0
		for seed := uint64(1); found < n; seed++ {
			if w := calm(seed, emit); w != nil {
				found++
				f(t, w)
				if w.broken != nil {
					t.Errorf("seed %d: %v", seed, w.broken)
				}
			}
		}
	}
}

// F34: killed at every point of the protocol, the next run converges, and no more is sent twice
// than was under way.
func TestF34KilledAtEveryStep(t *testing.T) {
	points := 0
	for _, emit := range []bool{false, true} {
		for kill := 0; ; kill++ {
			ended := false
			found := 0
			for seed := uint64(1); found < 6; seed++ {
				w := calm(seed, emit)
				if w == nil {
					continue
				}
				found++
				p := w.procs[0]
				p.start(nil)
				for i := 0; i < kill && w.once(p); i++ {
				}
				if p.m == nil {
					ended = true
				} else {
					p.crash()
					points++
				}
				w.converge()
				if w.broken != nil {
					t.Errorf("seed %d, killed after %d steps: %v", seed, kill, w.broken)
				}
				l := w.task.Object.Limits
				if twice := w.dest.sent - people; twice > l.Rows*l.Concurrency {
					t.Errorf("seed %d, killed after %d steps: %d rows were sent twice", seed, kill, twice)
				}
			}
			if ended {
				break
			}
		}
	}
	if points < 100 {
		t.Errorf("only %d points", points)
	}
	t.Logf("%d points", points)
}

// F36: a process that is suspended for longer than its lease, between deciding to send and
// sending, sends nothing when it wakes up, and records nothing.
func TestF36SuspendedWhileAnotherRuns(t *testing.T) {
	some(t, 20, func(t *testing.T, w *world) {
		old, other := w.procs[0], w.procs[1]
		old.start(nil)
		for old.m != nil && !old.wantsToWrite() {
			w.once(old)
		}
		if old.m == nil {
			t.Fatal("the run ended without a call")
		}
		calls := w.stats.Calls
		old.frozen = w.now.Add(24 * time.Hour)
		w.now = w.now.Add(2 * w.config.TTL)
		other.start(nil)
		w.drive(other)
		if other.last == nil || other.last.Status == syncs.Failed {
			t.Fatalf("the other run: %+v %v", other.last, other.err)
		}
		sent := w.stats.Calls
		if !w.emit && sent == calls {
			t.Error("the other run sent nothing")
		}
		old.frozen = time.Time{}
		w.drive(old)
		if w.stats.Calls != sent {
			t.Errorf("%d calls left after waking up", w.stats.Calls-sent)
		}
		if old.last == nil || old.last.Code != "syncs.fenced" {
			t.Errorf("the suspended run ended %+v", old.last)
		}
	})
}

func (p *proc) wantsToWrite() bool {
	for _, a := range p.asked {
		if _, ok := a.e.(syncs.Write); ok {
			return true
		}
	}
	return false
}

// F37: of two that start together exactly one sends.
func TestF37StartedTogether(t *testing.T) {
	some(t, 20, func(t *testing.T, w *world) {
		a, b := w.procs[0], w.procs[1]
		a.start(nil)
		b.start(nil)
		for a.m != nil || b.m != nil {
			w.once(a)
			w.once(b)
		}
		if (a.last == nil) == (b.last == nil) {
			t.Errorf("reports %v and %v, errors %v and %v", a.last, b.last, a.err, b.err)
		}
		out, in := a, b // who was kept out, and who was let in
		if a.last != nil {
			out, in = b, a
		}
		var held *syncs.HeldError
		if !errors.As(out.err, &held) || held.Holder.PID != in.id {
			t.Errorf("process %d sends, and the other is told %v", in.id, out.err)
		}
	})
}

// F48: the answer to a settle that was committed gets lost; settling again changes nothing.
func TestF48SettledButNobodyHeard(t *testing.T) {
	some(t, 20, func(t *testing.T, w *world) {
		w.warehouse.deaf = 1
		w.procs[0].start(nil)
		w.drive(w.procs[0])
		if w.warehouse.deaf != 0 || w.warehouse.writes != 1 {
			t.Errorf("%d answers were not lost, the ledger was written %d times", w.warehouse.deaf, w.warehouse.writes)
		}
		ledger := fmt.Sprint(len(w.warehouse.ledger))
		w.converge()
		if got := fmt.Sprint(len(w.warehouse.ledger)); got != ledger {
			t.Errorf("the ledger had %s rows, then %s", ledger, got)
		}
	})
}

// F50: what changes from run to run arrives in the order of the runs.
func TestF50RunsArriveInOrder(t *testing.T) {
	some(t, 10, func(t *testing.T, w *world) {
		if w.emit {
			return
		}
		for v := range int64(6) {
			w.warehouse.source["p0"] = person{"id0", v % values}
			w.procs[v%2].start(nil)
			w.drive(w.procs[v%2])
			if got := w.dest.members["id0"]; got != v%values {
				t.Errorf("after run %d the destination has %d", v, got)
			}
		}
		// Nor does a call overtake that a run left on its way when it died.
		old, other := w.procs[0], w.procs[1]
		had := w.dest.members["id0"]
		w.warehouse.source["p0"] = person{"id0", (had + 1) % values}
		old.start(nil)
		for old.m != nil && len(w.packets) == 0 {
			w.once(old)
		}
		if len(w.packets) == 0 {
			t.Fatal("the run ended without a call")
		}
		for _, k := range w.packets {
			k.arrives = w.now.Add(w.config.Hold - time.Second)
		}
		old.crash()
		w.warehouse.source["p0"] = person{"id0", (had + 2) % values}
		other.start(nil)
		w.drive(other)
		for len(w.packets) > 0 {
			w.network()
			w.advance()
		}
		if got := w.dest.members["id0"]; got != (had+2)%values {
			t.Errorf("a call of a dead run came late, and the destination has %d, want %d", got, (had+2)%values)
		}
	})
}
