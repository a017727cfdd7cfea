package syncs

import (
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
)

// sender is the sending part of the machine.
type sender struct {
	page, window  int64
	spare         int64 // of the window, for the rows of calls
	starved       bool  // calls could have left, had there been rows
	maxRows       int
	next          int64 // first row that was not read
	reading       bool
	fresh         []*item // read, not in a call yet
	held          int64   // rows in memory
	heldBytes     int
	peak          int64
	again         []*call // to be sent, sooner or later, first ones first
	flight        map[int64]*call
	live          map[string]int // rows of linked groups that are in a call
	attempt       int64
	intents       []Intent
	intending     []*call // whose intents are on their way to the journal
	nextIntending []*call // whose intents wait for the journal
	acks          []Ack
	journal       bool // a write to the journal is under way
	streak        int  // errors in a row
	throttles     int
	blind         int // unanswered calls in a row that may not be repeated
	blindRows     int // and their rows
	probes        int // that asked in vain whether the destination is back, in a row
	budget        float64
	paused        time.Time
	needRefresh   bool
	refreshing    bool
	refreshes     int
	proven        bool // some row was taken
	suspects      []suspect
	requests      int64
	tried         int64
	jobs          int
	learned       int                         // rows of a call, as later runs will know it
	allowed       map[destinations.Rate]int64 // calls that the journal gave of the quotas
	drawing       map[destinations.Rate]bool  // what it is asked for
	attempted     bool
	waiting       time.Time
}

func (s *sender) init(m *Machine) {
	s.maxRows = m.cfg.BatchRows
	if r := m.limits.Rows; r > 0 {
		s.maxRows = min(s.maxRows, r)
	}
	rows := int64(s.maxRows)
	s.spare = rows * int64(m.concurrency()+1)
	s.setPage(max(rows, firstPage))
	s.flight, s.live = map[int64]*call{}, map[string]int{}
	s.allowed, s.drawing = map[destinations.Rate]int64{}, map[destinations.Rate]bool{}
	s.budget = float64(m.cfg.Retries)
}

// How many rows are read at once, at first and at most. A page that is being sent and one that is
// being read are in memory.
const (
	firstPage = 1000
	mostPage  = 8000
)

func (s *sender) setPage(rows int64) { s.page, s.window = rows, 2*rows+s.spare }

// widen reads more rows at once if calls had to wait for them, unless rows are so large that they
// would fill the memory. Where the destination is what takes its time pages stay small, so that
// what erasures and suppressions say is not asked long before a row is sent.
func (m *Machine) widen(rows, bytes int) {
	s := &m.send
	wider := min(2*s.page, mostPage)
	if s.starved && wider > s.page && int64(bytes)*wider <= int64(rows)*int64(m.cfg.HeldBytes/4) {
		s.setPage(wider)
	}
	s.starved = false
}

func (m *Machine) concurrency() int { return max(1, m.limits.Concurrency) }

// work moves the sending along: read, form batches, record intents, and see whether it is done.
func (m *Machine) work() {
	if m.phase == sending {
		if m.halted() {
			m.withdraw()
		} else {
			m.readOn()
			m.dispatch()
			m.drained()
		}
		m.journalOn()
		if m.quiet() {
			m.sent()
		}
	}
	if m.phase == settling {
		m.journalOn()
		if m.quiet() {
			m.settleNow()
		}
	}
}

// withdraw takes back the calls whose intents were not handed to the journal yet.
func (m *Machine) withdraw() {
	s := &m.send
	for _, c := range s.nextIntending {
		m.refund(c)
		delete(s.flight, c.id)
		s.again = append(s.again, c)
	}
	s.nextIntending, s.intents = nil, nil
}

// quiet reports whether nothing is under way and nothing more is to come.
func (m *Machine) quiet() bool {
	s := &m.send
	if len(s.flight) > 0 || s.journal || s.refreshing || s.reading || len(s.drawing) > 0 {
		return false
	}
	if (len(s.acks) > 0 || len(s.nextIntending) > 0) && !m.lost && !m.broken {
		return false
	}
	return m.halted() || m.phase != sending || (s.next >= m.limit && len(s.fresh) == 0 && len(s.again) == 0)
}

func (m *Machine) readOn() {
	s := &m.send
	if s.reading || s.next >= m.limit || s.held+s.page > s.window || s.heldBytes > m.cfg.HeldBytes {
		return
	}
	s.reading = true
	m.do(read{ref: m.ref, lo: s.next, hi: min(s.next+s.page, m.limit)})
}

func (m *Machine) page(in page) {
	s := &m.send
	s.reading = false
	if in.err != nil && m.stopping {
		return // it was broken off
	}
	if in.err != nil {
		m.fail("syncs.read", "look at the warehouse, then run again", "reading the plan: %v", in.err)
		return
	}
	s.next = in.hi
	before := s.heldBytes
	var skips []*item
	for i := range in.rows {
		it := &in.rows[i]
		s.heldBytes += it.bytes
		if it.skip != NotTried {
			skips = append(skips, it)
			continue
		}
		it.linked = it.group != "" && (i == 0 || i == len(in.rows)-1 || in.rows[i-1].group == it.group || in.rows[i+1].group == it.group)
		if m.harmful && it.doubt { // a ledger leaves such rows out of its plans
			m.finishRow(it, NotTried, "", "", "")
			continue
		}
		s.fresh = append(s.fresh, it)
	}
	m.widen(len(in.rows), s.heldBytes-before)
	s.held += int64(len(in.rows))
	s.peak = max(s.peak, s.held)
	if len(skips) > 0 {
		s.again = append(s.again, &call{items: skips, record: true})
	}
}

// dispatch starts as many calls as limits, rates and the lease allow.
func (m *Machine) dispatch() {
	s := &m.send
	now := m.at.Now
	if i := slices.IndexFunc(s.again, func(c *call) bool { return c.record }); i >= 0 {
		c := s.again[i]
		s.again = slices.Delete(s.again, i, i+1)
		m.launch(c)
	}
	if s.needRefresh {
		if len(s.flight) == 0 && !s.refreshing {
			s.refreshing = true
			m.do(refresh{})
		}
		return
	}
	for now.Before(m.lease.until) {
		room := m.pace.now()
		if s.streak > 0 {
			room = 1 // one call asks whether the destination is back
		}
		if m.sendingNow() >= room {
			return
		}
		if at := latest(m.calm, s.paused); now.Before(at) {
			if m.pendingWork() {
				m.waitNote(at)
				m.wakeAt(at)
			}
			return
		}
		c, later := m.nextCall()
		if c == nil {
			if !later.IsZero() {
				m.waitNote(later)
				m.wakeAt(later)
			}
			return
		}
		if !m.charge(c) {
			s.again = slices.Insert(s.again, 0, c)
			return
		}
		if at := m.buckets.Take(now, m.task.Account, m.limits.Rates); !at.IsZero() {
			m.refund(c)
			s.again = slices.Insert(s.again, 0, c)
			if at.Sub(now) > m.cfg.Patience {
				m.exhaust(at, "another run of this account heard so")
				return
			}
			m.waitNote(at)
			m.wakeAt(at)
			return
		}
		c.taken = now
		m.launch(c)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (m *Machine) pendingWork() bool { return len(m.send.fresh) > 0 || len(m.send.again) > 0 }

// sendingNow counts the calls that occupy the destination.
func (m *Machine) sendingNow() int {
	n := 0
	for _, c := range m.send.flight {
		if !c.record {
			n++
		}
	}
	return n
}

// nextCall takes the next call to send: one that was split or is due again, or a new batch.
// Without one, later is when the earliest of those that wait is due.
func (m *Machine) nextCall() (c *call, later time.Time) {
	s := &m.send
	for i, c := range s.again {
		if c.record {
			continue
		}
		if !m.at.Now.Before(c.notBefore) {
			s.again = slices.Delete(s.again, i, i+1)
			return c, later
		}
		if later.IsZero() || c.notBefore.Before(later) {
			later = c.notBefore
		}
	}
	if s.next >= m.limit || len(s.fresh) >= s.maxRows || s.held+s.page > s.window || s.heldBytes > m.cfg.HeldBytes {
		if c := m.form(); c != nil {
			return c, later
		}
	}
	s.starved = s.starved || s.reading
	return nil, later
}

// launch gives the call its attempt and puts its intents in line for the journal.
func (m *Machine) launch(c *call) {
	s := &m.send
	s.attempt++
	c.id = s.attempt
	s.flight[c.id] = c
	if !c.record && c.key == "" {
		c.key = c.batchKey()
	}
	for _, r := range c.ranges() {
		s.intents = append(s.intents, Intent{Attempt: c.id, Lo: r.Lo, Hi: r.Hi, Key: c.key})
	}
	s.nextIntending = append(s.nextIntending, c)
}

func (m *Machine) refreshed(in refreshed) {
	s := &m.send
	s.refreshing, s.needRefresh = false, false
	s.refreshes++
	if in.err != nil {
		m.fail("syncs.refused", "look at the credential of the destination", "the credential has expired and could not be refreshed: %v", in.err)
	}
}
