package syncs

import (
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
)

// fault takes an error about the call as a whole.
func (m *Machine) fault(c *call, f *destinations.Fault) {
	s := &m.send
	switch f.Class {
	case destinations.Throttled:
		m.ackUnsent(c, f.Code, f.Text)
		s.throttles++
		m.pace.trouble(m.at.Now, c.left)
		wait := m.clamp(f.RetryAfter, s.throttles)
		m.buckets.Throttled(m.at.Now, c.left, m.task.Account, m.bucket(f), m.at.Now.Add(min(wait, quotaMost)))
		switch {
		case wait > m.cfg.Patience:
			m.throttledLong(wait, f)
		case s.throttles > maxThrottles:
			m.fail("syncs.throttled", "run again later; what was not sent is due", "the destination keeps asking to wait: %s", f.Error())
		}
		m.repeat(c, m.at.Now.Add(wait))
	case destinations.Transient:
		m.ackUnsent(c, f.Code, f.Text)
		switch wait := min(f.RetryAfter, quotaMost); {
		case wait > m.cfg.Patience:
			m.fail("syncs.unavailable", "run again after that; what was not sent is due", "the destination is down and asks to wait %s: %s", wait.Round(time.Second), f.Error())
		case !m.spend(c.left):
			m.fail("syncs.unavailable", "run again later; what was not sent is due", "the destination keeps failing: %s", f.Error())
		case wait > 0:
			m.pause(m.clamp(wait, s.streak))
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
			m.unshrink(c)
			m.reject(c, CodeTooLarge, "the destination refuses the row as too large", true)
			return
		}
		m.shrink(c)
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
	if m.concerns(f.Bucket) {
		return f.Bucket
	}
	return ""
}

// failFault ends the run because of what a fault says about the destination. No row is blamed.
func (m *Machine) failFault(f *destinations.Fault) {
	code, fix := "syncs.unavailable", "run again later; what was not sent is due"
	switch f.Class {
	case destinations.Refused, destinations.Expired:
		code, fix = "syncs.refused", "check the credential of the destination, and what it may do there"
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
	m.doubtful = m.at.Now
	for _, it := range c.items {
		it.ambiguous = true
	}
	m.ackUnsent(c, code, text)
	c.tries++
	if m.harmful {
		m.watchSilence(true, c, text)
		m.giveUp(c.items, code, text)
		m.follow(c)
		return
	}
	spent := m.spend(c.left)
	if !spent {
		m.fail("syncs.unavailable", "run again later; what may have arrived is sent again", "the destination gave no usable answer: %s", text)
	}
	if !spent || c.tries >= maxAmbiguous {
		m.giveUp(c.items, code, text)
		m.follow(c)
		return
	}
	m.repeat(c, m.send.paused)
}

// watchSilence ends a run that would leave row after row in doubt for a person.
func (m *Machine) watchSilence(silent bool, c *call, text string) {
	s := &m.send
	if !silent {
		s.blind, s.blindRows = 0, 0
		return
	}
	s.blind++
	s.blindRows += len(c.items)
	if s.blind > 1 { // once is chance; then give it time
		s.paused = m.at.Now.Add(m.backoff(s.blind))
	}
	if s.blind >= maxBlind && s.blindRows >= maxBlindRows {
		m.fail("syncs.unavailable", "see what arrived, then say so with weir runs settle", "the destination gave no usable answer %d times in a row: %s", s.blind, text)
	}
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
	left := &call{items: c.items[:cut:cut], tree: c.tree, before: c.before}
	right := &call{items: c.items[cut:], tree: c.tree, before: c.before}
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
