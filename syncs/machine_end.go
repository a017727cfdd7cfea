package syncs

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// sent goes on when everything that may be sent was sent and answered, or the run is halted.
func (m *Machine) sent() {
	if !m.halted() && len(m.send.suspects) > 0 {
		m.convict() // a few rows, each refused alone: the rows are at fault
		m.journalOn()
		return
	}
	if m.halted() || m.send.jobs == 0 {
		m.conclude()
		return
	}
	m.phase = polling
	m.jobsBy = m.at.Now.Add(m.cfg.PollFor)
	m.do(listJobs{})
}

// conclude ends the run: settle what can be settled, record the end, give up the lease.
func (m *Machine) conclude() {
	m.resume = nil
	m.phase = settling
	m.tries = 0
	m.withdraw()
	m.shed()
}

// shed counts the rows that were read and will not be sent any more.
func (m *Machine) shed() {
	s := &m.send
	for _, x := range s.suspects {
		m.finishRow(x.it, m.unless(x.it, NotTried), x.code, x.text, "")
	}
	for len(s.again) > 0 {
		c := s.again[0]
		s.again = s.again[1:]
		for _, it := range c.items {
			m.finishRow(it, m.unless(it, NotTried), "", "", "")
		}
		m.follow(c)
	}
	for _, it := range s.fresh {
		m.finishRow(it, NotTried, "", "", "")
	}
	s.suspects, s.fresh = nil, nil
}

// settleNow begins the end, once nothing is under way any more.
func (m *Machine) settleNow() {
	if m.concluded {
		return
	}
	m.concluded = true
	m.giveBack()
	switch {
	case !m.began:
		m.makeReport()
		m.release()
	case m.lost: // the newer run settles this one and records its end
		m.makeReport()
		m.release()
	case m.broken || m.unsure:
		m.endNow()
	case !m.planned:
		m.do(mark{run: m.order.Run})
	case !m.send.attempted && m.halfway():
		m.do(discard{ref: m.ref})
	default:
		m.settleOwn()
	}
}

// halfway reports whether the run ended before it could do what it was to do.
func (m *Machine) halfway() bool { return m.held || m.halted() }

func (m *Machine) settleOwn() {
	m.do(settle{grant: m.lease.grant, ref: m.ref, keep: m.send.jobs > 0})
}

func (m *Machine) settledRun(in settled) {
	if m.phase == recovering {
		m.settledEarlier(in)
		return
	}
	if in.err != nil {
		m.endingFailed(in.err, "settling the run", m.settleOwn)
		return
	}
	m.tries = 0
	m.closeDone()
}

// endingFailed repeats a last step a few times, then leaves it to the next run.
func (m *Machine) endingFailed(err error, doing string, again func()) {
	if !m.fenced(err) {
		if m.tries++; m.tries <= 3 {
			m.waitFor(m.at.Now.Add(m.backoff(m.tries)), again)
			return
		}
		m.broken = true
		m.fail("syncs.settle", "look at the warehouse and the store, then run again: the next run settles this one", "%s: %v", doing, err)
		m.endNow()
		return
	}
	m.makeReport()
	m.release()
}

func (m *Machine) discarded(in discarded) {
	if m.phase != settling { // the plan of an earlier run whose jobs are closed
		m.closeEarlier()
		return
	}
	if in.err != nil {
		m.endingFailed(in.err, "dropping the plan", func() { m.do(discard{ref: m.ref}) })
		return
	}
	m.do(mark{run: m.order.Run})
}

func (m *Machine) markedRun(in marked) {
	if m.phase == recovering {
		o := m.open[0]
		if in.err != nil {
			m.retryOrBreak(in.err, "syncs.journal", "recording that run "+o.ref.Run+" is settled", m.recoverFirst)
			return
		}
		m.do(end{run: o.ref.Run, report: m.interrupted(o)})
		return
	}
	if in.err != nil {
		m.endingFailed(in.err, "recording that the run is settled", func() { m.do(mark{run: m.order.Run}) })
		return
	}
	m.endNow()
}

func (m *Machine) endNow() {
	m.phase = ending
	m.makeReport()
	m.do(end{run: m.order.Run, report: *m.report})
}

func (m *Machine) endedRun(in ended) {
	if m.phase == recovering {
		// The run is settled; that its end is not in the history is no reason to stop.
		m.open = m.open[1:]
		m.recoverNext()
		return
	}
	if in.err != nil {
		m.report.Notes = append(m.report.Notes, fmt.Sprintf("the end of the run could not be recorded: %v", in.err))
	}
	m.release()
}

func (m *Machine) makeReport() {
	c := m.counts
	c.Due = c.Added + c.Updated + c.Removed - c.Delivered - c.Accepted - c.Rejected - c.InDoubt
	r := &Report{Run: m.order.Run, Sync: m.task.Sync.Name, Counts: c, Holds: m.holds, Requests: m.send.requests,
		Notes: m.notes, Started: m.started, Ended: m.at.Now, Status: OK}
	if m.planned {
		t := m.ref.Tally
		r.Tally = &t
	}
	if len(m.rejects) > 0 {
		r.Rejects, r.Reasons = maps.Clone(m.rejects), maps.Clone(m.reasons)
	}
	switch {
	case m.failure != nil:
		r.Status, r.Code, r.Error, r.Fix = Failed, m.failure.code, m.failure.text, m.failure.fix
	case m.held:
		r.Status, r.Code, r.Error, r.Fix = Held, m.holds[0].Code, m.holds[0].What, m.holds[0].Fix
	case m.stopping:
		r.Status = Stopped
	case m.quota != nil && c.Due > 0:
		r.Status, r.Code, r.Resumes = Degraded, "syncs.quota", m.quota.until.UTC()
		r.Error, r.Fix = m.quotaEnd()
	case c.Rejected+c.Invalid-m.unreachable()+c.InDoubt+c.Due > 0:
		r.Status = Degraded
	}
	m.report = r
	m.note(Event{Kind: "run.finished", Status: r.Status, Counts: &c, Text: r.Error, Done: c.Added + c.Updated + c.Removed - c.Due, Total: c.Added + c.Updated + c.Removed})
}

// unreachable counts the invalid rows that are nobody's fault: every segment has people without a
// phone, and families that share an address. They are told, and do not degrade a run: a schedule
// whose every run ends badly is one that nobody looks at any more.
func (m *Machine) unreachable() int64 {
	return m.rejects["syncs.missing_match"] + m.rejects["syncs.shared_match"]
}

// finishRow counts what became of a row in this run and lets go of it.
func (m *Machine) finishRow(it *item, v Verdict, code, reason, remoteID string) {
	s, c := &m.send, &m.counts
	switch v {
	case Applied:
		c.Delivered++
		s.tried++
	case Taken:
		c.Accepted++
		s.tried++
	case Rejected:
		c.Rejected++
		s.tried++
	case InDoubt:
		c.InDoubt++
		s.tried++
	case Barred:
		c.Suppressed++
		c.leave(it.move)
	case Malformed:
		c.Invalid++
		c.leave(it.move)
	}
	if v == Rejected || v == Malformed {
		code = or(code, "syncs.rejected")
		m.rejects[code]++
		if m.reasons[code] == "" && reason != "" {
			m.reasons[code] = reason
		}
	}
	if it.linked {
		if s.live[it.group]--; s.live[it.group] <= 0 {
			delete(s.live, it.group)
		}
	}
	s.held--
	s.heldBytes -= it.bytes
}

// leave takes a row out of the plan: it turned out not to be one that is sent.
func (c *Counts) leave(v Move) {
	switch v {
	case Adding:
		c.Added--
	case Updating:
		c.Updated--
	case Removing:
		c.Removed--
	}
}

// addNotes keeps a few notes for people.
func (m *Machine) addNotes(ns []string) {
	for _, n := range ns {
		if len(m.notes) < 20 && !slices.Contains(m.notes, n) {
			m.notes = append(m.notes, n)
		}
	}
}

func (m *Machine) note(e Event) {
	e.At, e.Run, e.Sync = m.at.Now, m.order.Run, m.task.Sync.Name
	m.do(Note{e})
}

// progress tells people how far the run is, at most once a second.
func (m *Machine) progress() {
	if m.at.Now.Sub(m.noted) < time.Second {
		return
	}
	m.noted = m.at.Now
	c := m.counts
	done := c.Delivered + c.Accepted + c.Rejected + c.InDoubt
	m.note(Event{Kind: "run.progress", Done: done, Total: c.Added + c.Updated + c.Removed, Counts: &c})
}

// waitNote tells people of a wait that they would notice.
func (m *Machine) waitNote(until time.Time) {
	wait := until.Sub(m.at.Now)
	if wait < 2*time.Second || !until.After(m.send.waiting.Add(time.Second)) {
		return
	}
	m.send.waiting = until
	text := "waiting for the destination"
	if until.Equal(m.calm) {
		text = "waiting until nothing of an earlier run can arrive any more"
	}
	m.note(Event{Kind: "run.waiting", Wait: wait, Text: text})
}
