package syncs

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
)

// result is what an attempt says of one row.
type result struct {
	verdict   Verdict
	code      string
	reason    string
	remoteID  string
	permanent bool
}

// Bounds of what a run does about one row or one call, before it leaves it to later runs.
const (
	maxLater     = 5   // answers of "later" on one row
	maxAmbiguous = 3   // unusable answers to one call that is harmless to repeat
	maxBlind     = 3   // unusable answers in a row at an object that is harmful to repeat, …
	maxBlindRows = 10  // … if so many rows are in doubt by them
	refill       = 0.1 // of a repetition, for each call that went well
	maxProbes    = 5   // calls in a row that ask in vain, once the budget is spent
	maxThrottles = 30  // answers of "too fast" without one success
	maxUnproven  = 5   // errors in a row at a destination that has not taken one row yet
	manySuspects = 5   // rows refused alone, with nothing taken, that make it the destination's fault
)

// probeAfter is the wait before the first call that asks whether a destination is back.
const probeAfter = 15 * time.Second

// written takes the answer to a call.
func (m *Machine) written(in Written) {
	s := &m.send
	c := s.flight[in.Call]
	if c == nil {
		return
	}
	delete(s.flight, in.Call)
	if in.Unsent {
		m.refund(c)
		m.ackUnsent(c, "", "")
		m.repeat(c, time.Time{})
		return
	}
	s.requests++
	if in.Err != nil {
		m.fault(c, destinations.AsFault(in.Err))
		return
	}
	m.outcome(c, in.Outcome)
}

// outcome takes a verdict on every row.
func (m *Machine) outcome(c *call, o destinations.Outcome) {
	s := &m.send
	for i := range o.Rows {
		if i < 0 || i >= len(c.items) { // an answer about rows that were not sent proves nothing
			m.ambiguous(c, "syncs.unusable_answer", "the answer names rows that were not sent")
			return
		}
	}
	rs := make([]result, len(c.items))
	var again, unsure []*item
	var wait, asked time.Duration
	var why, vague string
	good, taken, doubt, settled := false, false, false, false
	for i, it := range c.items {
		r := o.Of(i)
		res := result{code: r.Code, reason: r.Reason, remoteID: r.RemoteID}
		final := true
		switch r.Status {
		case destinations.Delivered, destinations.Unchanged:
			res.verdict, good, settled = Applied, true, true
		case destinations.Accepted:
			res.verdict, good, taken, settled = Taken, true, true, true
		case destinations.Rejected:
			res.verdict, settled = m.unless(it, Rejected), true
			res.permanent = slices.Contains(m.task.Object.Permanent, r.Code)
		case destinations.Suppressed:
			res.verdict, settled = m.unless(it, Barred), true
		case destinations.Later:
			res.verdict = m.unless(it, NotTried)
			it.tries++
			if r.RetryAfter > asked {
				asked, why = r.RetryAfter, r.Reason
			}
			if w := m.clamp(r.RetryAfter, it.tries); it.tries < maxLater && w <= m.cfg.Patience {
				again, wait, final = append(again, it), max(wait, w), false
			}
		default:
			it.ambiguous, doubt, vague = true, true, or(r.Reason, "it does not say what became of the rows")
			m.doubtful = m.at.Now
			res.verdict = InDoubt
			if it.tries++; !m.harmful && it.tries < maxAmbiguous {
				unsure, final = append(unsure, it), false
			}
		}
		rs[i] = res
		if final {
			m.finishRow(it, res.verdict, res.code, res.reason, "")
		}
	}
	if settled { // an answer that puts every row off, or does not know, is none that went well
		m.wentWell(c)
	}
	m.askedToWait(c, asked, why)
	m.watchSilence(m.harmful && doubt && !good, c, "it cannot say what became of the rows")
	m.addNotes(o.Notes)
	var job *destinations.Job
	if taken {
		job = o.Job
	}
	m.ackCall(c, rs, job)
	if good {
		m.prove()
		if c.tree != nil {
			c.tree.good += len(c.items)
		}
	}
	var rest *call
	if len(again) > 0 {
		rest = &call{items: again, notBefore: m.at.Now.Add(wait)}
		m.requeue(rest)
	}
	switch {
	case len(unsure) == 0:
	case m.spend(c.left):
		rest = &call{items: unsure, notBefore: s.paused}
		m.requeue(rest)
	default:
		m.fail("syncs.unavailable", "run again later; what may have arrived is sent again", "the destination gave no usable answer: %s", vague)
		m.giveUp(unsure, "syncs.in_doubt", "the destination did not say what became of the row")
	}
	if rest != nil { // what waits for this call waits for what is left of it
		rest.then, c.then = c.then, nil
	}
	m.follow(c)
	m.watchRejects()
}

// unless returns v, but InDoubt if an earlier attempt of this run may have been applied: that
// this attempt was not applied proves nothing about the earlier one.
func (m *Machine) unless(it *item, v Verdict) Verdict {
	if it.ambiguous {
		return InDoubt
	}
	return v
}

// repeat puts the same call in line again.
func (m *Machine) repeat(c *call, notBefore time.Time) {
	c.notBefore = notBefore
	m.requeue(c)
}

func (m *Machine) requeue(c *call) { m.send.again = slices.Insert(m.send.again, 0, c) }

// follow lets go what waited for the call to end.
func (m *Machine) follow(c *call) {
	if c.then != nil {
		m.requeue(c.then)
		c.then = nil
	}
}

func (m *Machine) backoff(n int) time.Duration {
	most := time.Second << min(max(n-1, 0), 6)
	return time.Duration(float64(most) * m.at.Random)
}

// clamp makes a destination's wish to wait into a sound time. Without one it backs off; a time
// in the past is none; an absurd one is cut so that it can be added to a clock.
func (m *Machine) clamp(d time.Duration, n int) time.Duration {
	if d <= 0 {
		most := time.Second << min(max(n-1, 0), 6)
		return most/2 + time.Duration(float64(most/2)*m.at.Random)
	}
	return min(d, 7*24*time.Hour) + time.Duration(float64(min(d, time.Minute))*0.05*m.at.Random)
}

// watchRejects holds the rest of the run when too many rows were rejected.
func (m *Machine) watchRejects() {
	limit := m.task.Sync.Guard.MaxRejected.Or(maxRejected)
	if m.tripped || !over(m.counts.Rejected, m.send.tried, limit) {
		return
	}
	h := Hold{Code: HoldMaxRejected, Fix: "see weir runs show, correct the mapping, then run again or raise guard.max_rejected",
		What: fmt.Sprintf("%d of %d tried rows were rejected, more than %s", m.counts.Rejected, m.send.tried, percent(limit))}
	if len(unapproved([]Hold{h}, m.order.Approved)) == 0 {
		return
	}
	m.held, m.tripped = true, true
	m.holds = append(m.holds, h)
}
