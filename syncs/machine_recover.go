package syncs

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
)

// surveyed lists what earlier runs left open: plans without a marker, oldest first, and runs
// that the journal has begun and not settled.
func (m *Machine) surveyed(in surveyed) {
	if in.err != nil {
		m.fail("syncs.survey", "look at the store and the warehouse, then run again", "looking for open runs: %v", in.err)
		m.conclude()
		return
	}
	m.remember(in.known)
	m.jobs = in.jobs
	for _, j := range in.jobs {
		m.jobOf[j.Run]++
	}
	known := map[string]RunRecord{}
	in.runs = slices.DeleteFunc(in.runs, func(r RunRecord) bool { return r.Run == m.order.Run })
	for _, r := range in.runs {
		known[r.Run] = r
	}
	planned := map[string]bool{}
	for _, p := range in.plans {
		planned[p.Run] = true
		r, ok := known[p.Run]
		m.open = append(m.open, leftover{ref: p, plan: true, known: ok, record: r})
	}
	for _, r := range in.runs {
		// A run without a plan never got one, or was settled and the journal did not hear of it.
		if !planned[r.Run] {
			m.open = append(m.open, leftover{known: true, record: r, ref: PlanRef{Run: r.Run}})
		}
	}
	m.phase = recovering
	m.recoverNext()
}

// recoverNext settles the oldest open run, then goes on.
func (m *Machine) recoverNext() {
	m.tries = 0
	if len(m.open) == 0 {
		m.recovered()
		return
	}
	m.recoverFirst()
}

func (m *Machine) recoverFirst() {
	if m.halted() {
		m.conclude()
		return
	}
	o := &m.open[0]
	if !o.plan || o.settled {
		m.do(mark{run: o.ref.Run})
		return
	}
	if !o.known {
		m.quiesce()
	}
	m.do(settle{grant: m.lease.grant, ref: o.ref, unknown: !o.known, keep: m.jobOf[o.ref.Run] > 0})
}

// settledEarlier goes on after the plan of an earlier run was settled.
func (m *Machine) settledEarlier(in settled) {
	o := &m.open[0]
	if in.err != nil {
		m.quiesce() // its counts will not be heard
		m.retryOrBreak(in.err, "syncs.settle", "settling run "+o.ref.Run, m.recoverFirst)
		return
	}
	if in.counts.InDoubt > 0 {
		m.quiesce()
	}
	c := o.ref.Tally.counts()
	c.Delivered, c.Accepted, c.Rejected, c.InDoubt = in.counts.Delivered, in.counts.Accepted, in.counts.Rejected, in.counts.InDoubt
	c.Due = c.Added + c.Updated + c.Removed - c.Delivered - c.Accepted - c.Rejected - c.InDoubt
	o.counts, o.settled = c, true
	if !o.known {
		m.notes = append(m.notes, "the journal knew nothing of run "+o.ref.Run+": its rows are in doubt")
		m.open = m.open[1:]
		m.recoverNext()
		return
	}
	m.do(mark{run: o.ref.Run})
}

// interrupted is the report of a run that did not come to its own end.
func (m *Machine) interrupted(o leftover) Report {
	return Report{Run: o.ref.Run, Sync: m.task.Sync.Name, Status: Failed, Counts: o.counts, Code: "syncs.interrupted",
		Error: "the run was interrupted; a later run settled it", Fix: "nothing to do: what it did not deliver is due",
		Started: o.record.Started, Ended: m.at.Now}
}

// recovered goes on when no earlier run is open any more.
func (m *Machine) recovered() {
	if m.halted() {
		m.conclude()
		return
	}
	if m.order.Recover {
		m.conclude()
		return
	}
	if d := m.order.Decision; d != nil {
		m.phase = deciding
		m.do(decide{grant: m.lease.grant, run: d.Run, sent: d.Sent, keys: d.Keys})
		return
	}
	m.jobs = slices.DeleteFunc(m.jobs, func(j OpenJob) bool { return m.at.Now.Before(j.Started.Add(j.Job.After)) })
	if len(m.jobs) == 0 || m.known != nil { // asking is a call as well
		m.locate()
		return
	}
	m.phase = checking
	m.do(open{})
}

// locate goes on to the plan, once nothing of earlier runs is open.
func (m *Machine) locate() {
	m.tries = 0
	switch {
	case m.halted():
		m.conclude()
	case m.order.Hash != "": // what was settled since may have changed the ledger
		m.phase = finding
		m.do(find{run: m.order.Run})
	default:
		m.freeze()
	}
}

func (m *Machine) freeze() {
	m.phase = freezing
	m.do(freeze{grant: m.lease.grant, run: m.order.Run})
}

// found looks at the saved plan: before the run begins, whether it is still there; after earlier
// runs were settled, whether it still fits.
func (m *Machine) found(in found) {
	if m.phase == freezing {
		m.ref, m.planned = in.ref, in.ok
		m.unsure = in.err != nil
		m.conclude()
		return
	}
	if in.err != nil {
		m.refuseRun(fmt.Errorf("looking for the saved plan %s: %w", m.order.Run, in.err))
		return
	}
	why := ""
	switch {
	case !in.ok:
		why = "it is gone: it was sent, or kept for too long"
	case in.ref.Epoch != 0:
		why = "sending it was begun before; a new run sends what is still due"
	case in.ref.Hash != m.order.Hash:
		why = "it is not the plan that was saved"
	case in.ref.Version != in.version:
		why = "the destination was told other things since it was made"
	}
	switch {
	case why != "":
		m.refuseRun(&StaleError{Run: m.order.Run, Why: why})
	case !m.began:
		m.begin()
	default:
		m.freeze()
	}
}

// refuseRun ends the run before it planned anything. What was begun is recorded as failed.
func (m *Machine) refuseRun(err error) {
	m.refuse = err
	m.fail("syncs.refused_plan", "make a new plan: weir plan", "%v", err)
	m.conclude()
}

// begin records the run. That raises the fence of the journal: whoever ran this sync before can
// record nothing more, so that what is read of earlier runs from now on is final. And since it
// comes before the plan, a plan that the journal does not know can only mean that the journal
// was lost.
func (m *Machine) begin() {
	m.phase = beginning
	m.do(begin{record: m.record()})
}

func (m *Machine) record() RunRecord {
	return RunRecord{Run: m.order.Run, Sync: m.task.Sync.Name, Epoch: m.lease.grant.Epoch, Plan: m.ref, Started: m.started, Asked: m.order.Asked}
}

func (m *Machine) begun(in begun) {
	switch {
	case in.err == nil:
	case m.planned:
		if !m.fenced(in.err) {
			m.broken = true
			m.fail("syncs.journal", "look at the store, then run again", "recording the plan: %v", in.err)
		}
		m.conclude()
		return
	case errors.Is(in.err, ErrFenced):
		m.refuseRun(fmt.Errorf("the store has seen newer runs than the warehouse: the warehouse was restored to an earlier time: %w", in.err))
		return
	default:
		m.refuseRun(fmt.Errorf("recording the run: %w", in.err))
		return
	}
	m.began = true
	switch {
	case m.halted():
		m.conclude()
	case m.planned:
		m.guard()
	default:
		m.phase = surveying
		m.do(survey{})
	}
}

func (m *Machine) frozen(in frozen) {
	if in.err != nil {
		if !m.fenced(in.err) && !m.stopping {
			m.fail("syncs.plan", "run weir plan to see what the warehouse says", "planning: %v", in.err)
		}
		if m.lost {
			m.conclude()
			return
		}
		m.do(find{run: m.order.Run}) // it may be there though nobody said so
		return
	}
	m.ref, m.planned = in.ref, true
	m.counts = in.ref.Tally.counts()
	m.counts.Due = 0
	for code, n := range in.ref.Tally.Reasons {
		m.rejects[code] += n
	}
	c := m.counts
	m.note(Event{Kind: "run.planned", Total: in.ref.Rows, Counts: &c})
	m.begin()
}

// guard decides how much of the plan may be sent, before anything of the destination is touched.
func (m *Machine) guard() {
	m.limit = m.ref.Rows
	if w := Small(m.task, m.ref.Tally); w != "" {
		m.addNotes([]string{w})
	}
	if m.holds = unapproved(holds(m.task, m.ref), m.order.Approved); len(m.holds) > 0 {
		m.held = true
		m.limit = past(m.ref, m.holds)
		m.note(Event{Kind: "run.held", Text: m.holds[0].What})
	}
	if m.known != nil && m.limit > 0 {
		m.exhaust(m.known.until, m.known.text)
	}
	if m.limit == 0 || m.halted() {
		m.conclude()
		return
	}
	m.phase = opening
	m.tries = 0
	if m.opened {
		m.sendNow()
		return
	}
	m.do(open{})
}

func (m *Machine) openedSession(in opened) {
	if m.phase == checking {
		if in.err != nil { // the jobs can wait; if there is something to send, it fails then
			m.jobs = nil
			m.locate()
			return
		}
		m.opened = true
		m.checkNext()
		return
	}
	if in.err == nil {
		m.opened = true
		m.sendNow()
		return
	}
	var f *destinations.Fault
	if !errors.As(in.err, &f) {
		m.fail("syncs.open", "look at the settings of the destination", "opening the destination: %v", in.err)
		m.conclude()
		return
	}
	switch f.Class {
	case destinations.Throttled, destinations.Transient, destinations.Ambiguous:
		wait := m.backoff(m.tries)
		if f.Class == destinations.Throttled {
			wait = m.clamp(f.RetryAfter, m.tries)
			if wait > m.cfg.Patience {
				m.throttledLong(wait, f)
				m.conclude()
				return
			}
		}
		if m.tries++; m.tries <= m.cfg.Retries && wait <= m.cfg.Patience && !m.halted() {
			m.waitFor(m.at.Now.Add(wait), m.openAgain)
			return
		}
	}
	m.failFault(f)
	m.conclude()
}

func (m *Machine) openAgain() {
	if m.halted() {
		m.conclude()
		return
	}
	m.do(open{})
}

func (m *Machine) sendNow() {
	m.phase = sending
	m.tries = 0
}

// waitFor goes on with then at time t, or as soon as the run is to end.
func (m *Machine) waitFor(t time.Time, then func()) { m.resumeAt, m.resume = t, then }

// tick goes on with what waits for time.
func (m *Machine) tick() {
	if m.resume == nil || (m.at.Now.Before(m.resumeAt) && !m.halted()) {
		return
	}
	then := m.resume
	m.resume = nil
	then()
}

// retryOrBreak repeats a step of recovery or settling that failed, a few times.
func (m *Machine) retryOrBreak(err error, code, doing string, again func()) {
	if m.fenced(err) {
		m.conclude()
		return
	}
	if m.tries++; m.tries <= 3 {
		m.waitFor(m.at.Now.Add(m.backoff(m.tries)), again)
		return
	}
	m.broken = true
	m.fail(code, "look at the warehouse and the store, then run again: the next run settles this one", "%s: %v", doing, err)
	m.conclude()
}
