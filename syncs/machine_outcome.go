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
	maxLater     = 5  // answers of "later" on one row
	maxAmbiguous = 3  // unusable answers to one call that is harmless to repeat
	maxBlind     = 3  // unusable answers in a row at an object that is harmful to repeat
	maxThrottles = 30 // answers of "too fast" without one success
	manySuspects = 5  // rows refused alone, with nothing taken, that make it the destination's fault
)

// written takes the answer to a call.
func (m *Machine) written(in Written) {
	s := &m.send
	c := s.flight[in.Call]
	if c == nil {
		return
	}
	delete(s.flight, in.Call)
	if in.Unsent {
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
	var wait time.Duration
	good, taken := false, false
	for i, it := range c.items {
		r := o.Of(i)
		res := result{code: r.Code, reason: r.Reason, remoteID: r.RemoteID}
		final := true
		switch r.Status {
		case destinations.Delivered, destinations.Unchanged:
			res.verdict, good = Applied, true
		case destinations.Accepted:
			res.verdict, good, taken = Taken, true, true
		case destinations.Rejected:
			res.verdict = m.unless(it, Rejected)
			res.permanent = slices.Contains(m.task.Object.Permanent, r.Code)
		case destinations.Suppressed:
			res.verdict = m.unless(it, Barred)
		case destinations.Later:
			res.verdict = m.unless(it, NotTried)
			it.tries++
			if w := m.clamp(r.RetryAfter, it.tries); it.tries < maxLater && w <= m.cfg.Patience {
				again, wait, final = append(again, it), max(wait, w), false
			}
		default:
			it.ambiguous = true
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
	s.streak, s.throttles, s.blind, s.paused = 0, 0, 0, time.Time{}
	s.budget = min(s.budget+0.1, float64(m.cfg.Retries))
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
	if len(unsure) > 0 && m.spend() {
		rest = &call{items: unsure, notBefore: s.paused}
		m.requeue(rest)
	} else {
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

// fault takes an error about the call as a whole.
func (m *Machine) fault(c *call, f *destinations.Fault) {
	s := &m.send
	switch f.Class {
	case destinations.Throttled:
		m.ackUnsent(c, f.Code, f.Text)
		s.throttles++
		wait := m.clamp(f.RetryAfter, s.throttles)
		m.buckets.Throttled(m.at.Now, m.task.Account, m.bucket(f), m.at.Now.Add(min(wait, m.cfg.Patience)))
		if wait > m.cfg.Patience || s.throttles > maxThrottles {
			m.fail("syncs.throttled", "run again after that; what was not sent is due", "the destination asks to wait %s: %s", wait.Round(time.Second), f.Error())
		}
		m.repeat(c, m.at.Now.Add(wait))
	case destinations.Transient:
		m.ackUnsent(c, f.Code, f.Text)
		if !m.spend() {
			m.fail("syncs.unavailable", "run again later; what was not sent is due", "the destination keeps failing: %s", f.Error())
		}
		m.repeat(c, s.paused)
	case destinations.Expired:
		m.ackUnsent(c, f.Code, f.Text)
		switch {
		case c.refreshed:
			m.failFault(f)
		case c.epoch == s.refreshes:
			s.needRefresh = true
		}
		c.refreshed = true
		m.repeat(c, time.Time{})
	case destinations.TooLarge:
		m.ackUnsent(c, f.Code, f.Text)
		if len(c.items) == 1 {
			m.reject(c, CodeTooLarge, "the destination refuses the row as too large", true)
			return
		}
		s.maxRows = min(s.maxRows, (len(c.items)+1)/2)
		m.split(c)
	case destinations.BadBatch:
		m.bisect(c, f)
	case destinations.Refused, destinations.Config, destinations.Gone:
		m.ackUnsent(c, f.Code, f.Text)
		m.failFault(f)
		m.repeat(c, time.Time{})
	default:
		m.ambiguous(c, f.Code, f.Text)
	}
}

// bucket names the rate that a fault is about; "" where the object declares none of that name.
func (m *Machine) bucket(f *destinations.Fault) string {
	for _, r := range m.limits.Rates {
		if r.Bucket == f.Bucket {
			return f.Bucket
		}
	}
	return ""
}

// failFault ends the run because of what a fault says about the destination. No row is blamed.
func (m *Machine) failFault(f *destinations.Fault) {
	code, fix := "syncs.unavailable", "run again later; what was not sent is due"
	switch f.Class {
	case destinations.Refused, destinations.Expired:
		code, fix = "syncs.refused", "check the credential of the destination and its permissions: weir destinations check"
	case destinations.Config:
		code, fix = "syncs.config", "correct the settings of the destination or the sync"
	case destinations.Gone:
		code, fix = "syncs.gone", "make the list again at the destination, or reset the sync: it was deleted there"
	}
	m.fail(code, fix, "%s", f.Error())
}

// ambiguous takes an unusable answer: the rows may have been applied. Where that is harmless
// they are sent again, the same bytes under the same keys; elsewhere a person decides.
func (m *Machine) ambiguous(c *call, code, text string) {
	s := &m.send
	m.doubtful = m.at.Now
	for _, it := range c.items {
		it.ambiguous = true
	}
	m.ackUnsent(c, code, text)
	c.tries++
	if m.harmful {
		if s.blind++; s.blind >= maxBlind {
			m.fail("syncs.unavailable", "see what arrived, then say so with weir runs settle", "the destination gave no usable answer %d times in a row: %s", s.blind, text)
		}
		m.giveUp(c.items, code, text)
		m.follow(c)
		return
	}
	spent := m.spend()
	if !spent {
		m.fail("syncs.unavailable", "run again later; what may have arrived is sent again", "the destination gave no usable answer: %s", text)
	}
	if !spent || c.tries >= maxAmbiguous {
		m.giveUp(c.items, code, text)
		m.follow(c)
		return
	}
	m.repeat(c, s.paused)
}

func (m *Machine) giveUp(items []*item, code, text string) {
	for _, it := range items {
		m.finishRow(it, InDoubt, code, text, "")
	}
}

// bisect looks for the bad rows of a batch that was refused whole.
func (m *Machine) bisect(c *call, f *destinations.Fault) {
	s := &m.send
	if c.tree == nil {
		c.tree = &tree{}
	}
	t := c.tree
	t.calls++
	m.ackUnsent(c, f.Code, f.Text)
	if len(c.items) > 1 {
		if t.calls >= m.cfg.Splits || (t.bad >= 2*manySuspects && t.bad > t.good) {
			m.addNotes([]string{"the search for bad rows in a refused batch was ended early; its other rows stay due"})
			for _, it := range c.items {
				m.finishRow(it, m.unless(it, NotTried), f.Code, f.Text, "")
			}
			m.follow(c)
			return
		}
		m.split(c)
		return
	}
	t.bad++
	code := or(f.Code, "syncs.bad_row")
	if s.proven {
		m.reject(c, code, f.Text, slices.Contains(m.task.Object.Permanent, f.Code))
		return
	}
	s.suspects = append(s.suspects, suspect{c.items[0], c.id, code, f.Text})
	m.follow(c)
	if len(s.suspects) >= manySuspects {
		m.fail("syncs.bad_batch", "look at the mapping of the sync", "the destination refuses every row: %s", f.Error())
	}
}

// prove records that the destination takes rows of this run, so that those refused alone are
// themselves at fault.
func (m *Machine) prove() {
	m.send.proven = true
	m.convict()
}

func (m *Machine) convict() {
	s := &m.send
	list := s.suspects
	s.suspects = nil
	for _, x := range list {
		m.reject(&call{id: x.call, items: []*item{x.it}}, x.code, x.text, slices.Contains(m.task.Object.Permanent, x.code))
	}
}

// reject blames the only row of a call.
func (m *Machine) reject(c *call, code, reason string, permanent bool) {
	it := c.items[0]
	r := result{verdict: m.unless(it, Rejected), code: code, reason: reason, permanent: permanent}
	m.ackCall(c, []result{r}, nil)
	m.finishRow(it, r.verdict, code, reason, "")
	m.follow(c)
	m.watchRejects()
}

// split cuts a call in two. Rows of one group stay together; if all rows are of one group, the
// second half waits for the first.
func (m *Machine) split(c *call) {
	n := len(c.items)
	together := func(i int) bool {
		a, b := c.items[i-1], c.items[i]
		return a.linked && b.linked && a.group == b.group
	}
	cut := n / 2
	for d := 0; d < n; d++ {
		if i := n/2 - d; i > 0 && !together(i) {
			cut = i
			break
		}
		if i := n/2 + d; i < n && i > 0 && !together(i) {
			cut = i
			break
		}
	}
	left := &call{items: c.items[:cut:cut], tree: c.tree}
	right := &call{items: c.items[cut:], tree: c.tree}
	if cut > 0 && together(cut) {
		left.then, right.then = right, c.then
		m.requeue(left)
		return
	}
	if c.then != nil {
		left.then, right.then = right, c.then
		m.requeue(left)
		return
	}
	m.send.again = slices.Insert(m.send.again, 0, left, right)
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

// spend takes one repetition from the budget and sets the pause before it: full jitter, so that
// many runs do not come back at once.
func (m *Machine) spend() bool {
	s := &m.send
	if s.budget < 1 {
		return false
	}
	s.budget--
	s.streak++
	s.paused = m.at.Now.Add(m.backoff(s.streak))
	return true
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
	h := Hold{Code: HoldMaxRejected, Fix: "see weir runs rejects, correct the mapping, then run again or raise guard.max_rejected",
		What: fmt.Sprintf("%d of %d tried rows were rejected, more than %s", m.counts.Rejected, m.send.tried, percent(limit))}
	if len(unapproved([]Hold{h}, m.order.Approved)) == 0 {
		return
	}
	m.held, m.tripped = true, true
	m.holds = append(m.holds, h)
}
