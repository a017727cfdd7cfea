package syncs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Of what a run learned of an account, how long it is believed.
const (
	sizeHolds = 7 * 24 * time.Hour
	quotaMost = 24 * time.Hour // no quota is longer, whatever a destination says
)

// spentQuota says that nothing may be sent for longer than a run waits.
type spentQuota struct {
	until time.Time
	text  string
}

// remember takes what earlier runs learned of the account.
func (m *Machine) remember(lessons []Lesson) {
	for _, l := range lessons {
		bucket, quota := strings.CutPrefix(l.About, AboutQuota)
		object, rows := strings.CutPrefix(l.About, AboutRows)
		switch {
		case quota && m.concerns(bucket) && (m.known == nil || l.Until.After(m.known.until)):
			m.known = &spentQuota{l.Until, l.Text}
		case rows && object == m.task.Object.Name && l.Rows > 0 && l.Rows < m.send.maxRows:
			m.send.maxRows, m.send.learned = l.Rows, l.Rows
		}
	}
	if m.known == nil {
		m.buckets.Forgive(m.at.Now, m.task.Account, m.at.Now.Add(m.cfg.Patience))
	}
}

// concerns reports whether calls of the object count against a bucket; "" is all of an account.
func (m *Machine) concerns(bucket string) bool {
	return bucket == "" || slices.ContainsFunc(m.task.Object.Limits.Rates, func(r destinations.Rate) bool { return r.Bucket == bucket })
}

// exhaust ends the run in order: it goes on with the first run after until.
func (m *Machine) exhaust(until time.Time, text string) {
	if m.quota == nil || until.After(m.quota.until) {
		m.quota = &spentQuota{until, text}
	}
}

// throttledLong takes a wait that is longer than a run waits, and remembers it for others.
func (m *Machine) throttledLong(wait time.Duration, f *destinations.Fault) {
	until := m.at.Now.Add(min(wait, quotaMost)).Truncate(time.Microsecond)
	m.exhaust(until, f.Text)
	m.do(learn{account: m.task.Account, lesson: Lesson{About: AboutQuota + m.bucket(f), Until: until, Text: f.Text}})
}

// askedToWait takes the longest wait that rows of a call were put off by: part of it was throttled,
// which is about the account and not about the rows.
func (m *Machine) askedToWait(c *call, wait time.Duration, why string) {
	if wait <= 0 {
		return
	}
	m.pace.trouble(m.at.Now, c.left)
	m.buckets.Throttled(m.at.Now, c.left, m.task.Account, "", m.at.Now.Add(min(wait, quotaMost)))
	if wait > m.cfg.Patience {
		m.throttledLong(wait, &destinations.Fault{Text: why})
	}
}

// quotaEnd is what people are told of a spent quota.
func (m *Machine) quotaEnd() (text, fix string) {
	text = "the destination takes nothing more before " + m.quota.until.UTC().Format("2006-01-02 15:04 MST")
	if m.quota.text != "" {
		text += ": " + m.quota.text
	}
	return text, "nothing to do: a run after that sends what is due"
}

// charge takes a call from what the run has of each long quota, or asks the journal for more.
func (m *Machine) charge(c *call) bool {
	s := &m.send
	for _, q := range m.quotas {
		if s.allowed[q] > 0 {
			continue
		}
		if !s.drawing[q] && m.dry == nil {
			s.drawing[q] = true
			m.do(draw{account: m.task.Account, quota: q, n: int64(min(max(q.N/200, 1), 50))})
		}
		return false
	}
	for _, q := range m.quotas {
		s.allowed[q]--
	}
	c.charged = true
	return true
}

// refund gives back what a call that did not leave was charged.
func (m *Machine) refund(c *call) {
	if !c.charged {
		return
	}
	c.charged = false
	for _, q := range m.quotas {
		m.send.allowed[q]++
	}
}

// drawn takes calls out of a quota, or learns that it is spent.
func (m *Machine) drawn(in drawn) {
	s := &m.send
	delete(s.drawing, in.quota)
	switch {
	case in.err != nil:
		m.fail("syncs.journal", "make room for the store or mend it, then run again", "taking calls out of the quota of the destination: %v", in.err)
	case in.got.Got > 0:
		s.allowed[in.quota] += in.got.Got
	case !in.got.Next.IsZero():
		m.dry = &spentQuota{in.got.Next, fmt.Sprintf("its quota of %d calls in %s is spent", in.quota.N, ageText(in.quota.Per))}
	}
}

// drained ends a run whose quota is spent once every call that was charged was answered.
func (m *Machine) drained() {
	if m.dry == nil || len(m.send.flight) > 0 {
		return
	}
	for _, q := range m.quotas {
		if m.send.allowed[q] == 0 {
			m.exhaust(m.dry.until, m.dry.text)
		}
	}
}

// giveBack returns what the run did not use of the quotas.
func (m *Machine) giveBack() {
	for _, q := range m.quotas {
		if n := m.send.allowed[q]; n > 0 {
			delete(m.send.allowed, q)
			m.do(draw{account: m.task.Account, quota: q, n: -n})
		}
	}
}

// shrink makes calls smaller after one that was too large. The call and its parts remember the
// size of before: if in the end one row alone is too large, it was that row and not the size.
func (m *Machine) shrink(c *call) {
	s := &m.send
	if c.before == 0 {
		c.before = s.maxRows
	}
	s.maxRows = min(s.maxRows, (len(c.items)+1)/2)
}

// unshrink takes back what a row that is too large by itself did to all calls.
func (m *Machine) unshrink(c *call) {
	s := &m.send
	if c.before <= s.maxRows {
		return
	}
	s.maxRows = c.before
	if s.learned > 0 && s.learned < s.maxRows {
		s.learned = 0
		m.do(learn{account: m.task.Account, lesson: Lesson{About: AboutRows + m.task.Object.Name, Until: m.at.Now}})
	}
}

// learnSize remembers a size that fits, once a call of it went well, for later runs.
func (m *Machine) learnSize(c *call) {
	s := &m.send
	if s.maxRows >= m.fullRows || len(c.items) < s.maxRows || s.learned == s.maxRows {
		return
	}
	s.learned = s.maxRows
	m.do(learn{account: m.task.Account, lesson: Lesson{About: AboutRows + m.task.Object.Name, Rows: s.maxRows,
		Until: m.at.Now.Add(sizeHolds).Truncate(time.Microsecond)}})
}
