package syncs

import (
	"slices"

	"github.com/weir-data/weir/destinations"
)

// journalOn writes what waits for the journal: one write at a time, each with everything that
// gathered during the one before. Verdicts come before intents in it: what is known of an attempt
// must not seem to be known of a later one on the same rows.
func (m *Machine) journalOn() {
	s := &m.send
	if s.journal || m.lost || m.broken || len(s.acks)+len(s.nextIntending) == 0 {
		return
	}
	s.journal = true
	s.attempted = s.attempted || len(s.nextIntending) > 0
	m.do(record{m.order.Run, m.lease.grant.Epoch, s.acks, s.intents})
	s.intending, s.nextIntending, s.intents, s.acks = s.nextIntending, nil, nil, nil
}

// journalFailed gives the run up: what the journal holds is not known, so the next run reads it.
func (m *Machine) journalFailed(err error) {
	s := &m.send
	for _, c := range slices.Concat(s.intending, s.nextIntending) {
		m.refund(c)
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

// recorded sends the calls whose intents have reached the disk, if there is time for them.
func (m *Machine) recorded(in recorded) {
	s := &m.send
	s.journal = false
	if in.err != nil {
		m.journalFailed(in.err)
		return
	}
	m.progress()
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
			b := destinations.Batch{ID: c.key, Rows: c.rows()}
			for _, it := range c.items {
				b.Replay = b.Replay || it.doubt || it.ambiguous
			}
			c.epoch, c.left, c.charged = s.refreshes, m.at.Now, false
			m.buckets.Sent(m.at.Now, m.task.Account, m.limits.Rates, c.taken)
			m.do(Write{Call: c.id, Batch: b, Before: m.lease.until, Timeout: m.timeout})
		}
	}
}
