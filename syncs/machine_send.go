package syncs

import (
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
)

// item is a row on its way.
type item struct {
	ready
	linked    bool // another row of its group may stand beside it
	ambiguous bool // an attempt of this run may have been applied; only Applied or Taken end that
	tries     int  // answers of Later and Uncertain
}

// call is a batch on its way: the same rows under the same key in every attempt.
type call struct {
	id        int64 // of the attempt
	items     []*item
	bytes     int
	record    bool // nothing is sent: the verdicts are known
	notBefore time.Time
	taken     time.Time // from the buckets
	tries     int       // ambiguous answers
	refreshed bool      // it was sent with a fresh credential
	epoch     int       // number of refreshes when it was sent
	tree      *tree     // of the refused batch that it is a part of
	then      *call     // what may only go when this call has ended
}

// tree is the search for the bad rows of one refused batch.
type tree struct{ calls, bad, good int }

// suspect is a row that was refused alone, while nothing has been taken in this run: whether the
// row or the destination is at fault is not known yet.
type suspect struct {
	it   *item
	call int64
	code string
	text string
}

// sender is the sending part of the machine.
type sender struct {
	page, window  int64
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
	attempted     bool
	waiting       time.Time
}

func (s *sender) init(m *Machine) {
	s.maxRows = m.cfg.BatchRows
	if r := m.limits.Rows; r > 0 {
		s.maxRows = min(s.maxRows, r)
	}
	rows := int64(s.maxRows)
	s.page = max(rows, 1000)
	s.window = 2*s.page + rows*int64(m.concurrency()+1)
	s.flight, s.live = map[int64]*call{}, map[string]int{}
	s.budget = float64(m.cfg.Retries)
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
		delete(s.flight, c.id)
		s.again = append(s.again, c)
	}
	s.nextIntending, s.intents = nil, nil
}

// quiet reports whether nothing is under way and nothing more is to come.
func (m *Machine) quiet() bool {
	s := &m.send
	if len(s.flight) > 0 || s.journal || s.refreshing || s.reading {
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
	items := make([]item, len(in.rows))
	var skips []*item
	for i := range in.rows {
		it := &items[i]
		it.ready = in.rows[i]
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
		room := m.concurrency()
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
		if at := m.buckets.Take(now, m.task.Account, m.limits.Rates); !at.IsZero() {
			s.again = slices.Insert(s.again, 0, c)
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
	return nil, later
}

// lookAhead is how many rows are looked at for those that may share a batch.
const lookAhead = 2000

// form makes a batch of rows that were read, in order. Rows that may not share the call, or
// whose group is in another call, stay where they are, and so do later rows of their group.
func (m *Machine) form() *call {
	s := &m.send
	c := &call{}
	var left []*item
	var passed map[string]bool
	var seen map[any]bool
	own := map[string]bool{}
	i := 0
	for ; i < len(s.fresh) && len(c.items) < s.maxRows && i < max(4*s.maxRows, lookAhead); i++ {
		it := s.fresh[i]
		fits := true
		if it.linked {
			fits = !passed[it.group] && (s.live[it.group] == 0 || own[it.group])
		}
		if fits && len(c.items) > 0 {
			if m.limits.Bytes > 0 && c.bytes+it.bytes > m.limits.Bytes {
				break
			}
			fits = m.task.Object.GroupBy != destinations.ByOp || it.row.Op == c.items[0].row.Op
		}
		if fits && m.limits.UniqueIDs {
			if seen == nil {
				seen = map[any]bool{}
			}
			fits = unique(seen, it.row.IDs)
		}
		if !fits {
			left = append(left, it)
			if it.linked {
				if passed == nil {
					passed = map[string]bool{}
				}
				passed[it.group] = true
			}
			continue
		}
		c.items = append(c.items, it)
		c.bytes += it.bytes
		if it.linked {
			own[it.group] = true
			s.live[it.group]++
		}
	}
	copy(s.fresh[i-len(left):i], left)
	clear(s.fresh[:i-len(left)])
	s.fresh = s.fresh[i-len(left):]
	if len(c.items) == 0 {
		return nil
	}
	return c
}

type idKey struct {
	i int
	v string
}

// unique adds the match values to seen, or reports that one is there already.
func unique(seen map[any]bool, ids []any) bool {
	for i, v := range ids {
		if v, ok := v.(string); ok && seen[idKey{i, v}] {
			return false
		}
	}
	for i, v := range ids {
		if v, ok := v.(string); ok {
			seen[idKey{i, v}] = true
		}
	}
	return true
}

// launch gives the call its attempt and puts its intents in line for the journal.
func (m *Machine) launch(c *call) {
	s := &m.send
	s.attempt++
	c.id = s.attempt
	s.flight[c.id] = c
	key := ""
	if !c.record {
		key = batchKey(c.rows())
	}
	for _, r := range c.ranges() {
		s.intents = append(s.intents, Intent{Attempt: c.id, Lo: r.Lo, Hi: r.Hi, Key: key})
	}
	s.nextIntending = append(s.nextIntending, c)
}

func (c *call) rows() []destinations.Row {
	rows := make([]destinations.Row, len(c.items))
	for i, it := range c.items {
		rows[i] = it.row
	}
	return rows
}

// span is a range of rows with the index in the call of its first.
type span struct {
	Lo, Hi int64
	at     int
}

func (c *call) ranges() []span {
	var out []span
	for i, it := range c.items {
		if n := len(out); n > 0 && out[n-1].Hi == it.seq {
			out[n-1].Hi++
			continue
		}
		out = append(out, span{it.seq, it.seq + 1, i})
	}
	return out
}

// journalOn writes what waits for the journal: one write at a time, each with everything that
// gathered during the one before. Verdicts go first, since they free nothing but the memory of
// what happened.
func (m *Machine) journalOn() {
	s := &m.send
	if s.journal || m.lost || m.broken {
		return
	}
	run, epoch := m.order.Run, m.lease.grant.Epoch
	switch {
	case len(s.acks) > 0:
		m.do(ack{run, epoch, s.acks})
		s.acks = nil
	case len(s.nextIntending) > 0:
		s.attempted = true
		m.do(intend{run, epoch, s.intents})
		s.intending, s.nextIntending, s.intents = s.nextIntending, nil, nil
	default:
		return
	}
	s.journal = true
}

func (m *Machine) acked(in acked) {
	m.send.journal = false
	if in.err != nil {
		m.journalFailed(in.err)
		return
	}
	m.progress()
}

// journalFailed gives the run up: what the journal holds is not known, so the next run reads it.
func (m *Machine) journalFailed(err error) {
	s := &m.send
	for _, c := range slices.Concat(s.intending, s.nextIntending) {
		delete(s.flight, c.id)
		for _, it := range c.items {
			it.ambiguous = it.ambiguous || !c.record // the intent may have reached the disk
		}
		s.again = append(s.again, c)
	}
	s.intending, s.nextIntending, s.intents, s.acks = nil, nil, nil, nil
	if m.fenced(err) {
		return
	}
	m.broken = true
	m.fail("syncs.journal", "make room for the store or mend it, then run again: the next run settles this one", "writing the journal: %v", err)
}

// intended sends the calls whose intents have reached the disk, if there is time for them.
func (m *Machine) intended(in intended) {
	s := &m.send
	s.journal = false
	if in.err != nil {
		m.journalFailed(in.err)
		return
	}
	calls := s.intending
	s.intending = nil
	for _, c := range calls {
		switch {
		case c.record:
			delete(s.flight, c.id)
			rs := make([]result, len(c.items))
			for i, it := range c.items {
				rs[i] = result{verdict: it.skip, code: it.code, reason: it.reason, permanent: it.skip == Malformed}
				m.finishRow(it, it.skip, it.code, it.reason, "")
			}
			m.ackCall(c, rs, nil)
		case m.halted() || !m.at.Now.Before(m.lease.until):
			m.written(Written{Call: c.id, Unsent: true})
		default:
			b := destinations.Batch{Rows: c.rows()}
			b.ID = batchKey(b.Rows)
			for _, it := range c.items {
				b.Replay = b.Replay || it.doubt || it.ambiguous
			}
			c.epoch = s.refreshes
			m.buckets.Sent(m.at.Now, m.task.Account, m.limits.Rates, c.taken)
			m.do(Write{Call: c.id, Batch: b, Before: m.lease.until, Timeout: m.timeout})
		}
	}
}

func (m *Machine) refreshed(in refreshed) {
	s := &m.send
	s.refreshing, s.needRefresh = false, false
	s.refreshes++
	if in.err != nil {
		m.fail("syncs.refused", "look at the credential of the destination", "the credential has expired and could not be refreshed: %v", in.err)
	}
}
