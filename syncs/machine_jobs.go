package syncs

import (
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
)

// jobUntil is how long a job is asked for where the destination does not say it.
const jobUntil = 7 * 24 * time.Hour

// closing is a job that came to its end.
type closing struct {
	job   OpenJob
	final []Exception
}

// checkNext asks for the next open job of an earlier run, once each.
func (m *Machine) checkNext() {
	if m.halted() || len(m.jobs) == 0 {
		m.locate()
		return
	}
	j := m.jobs[0]
	m.jobs = m.jobs[1:]
	m.do(poll{job: j, timeout: m.timeout})
}

// jobsListed takes the jobs of this run.
func (m *Machine) jobsListed(in jobsListed) {
	if in.err != nil {
		m.addNotes([]string{"the open jobs could not be listed; later runs ask for them"})
		m.conclude()
		return
	}
	m.jobs = slices.DeleteFunc(in.jobs, func(j OpenJob) bool { return j.Run != m.order.Run })
	m.send.jobs = len(m.jobs)
	m.pollNext()
}

// pollNext asks for the first job of this run that is due, or waits for it, for a while.
func (m *Machine) pollNext() {
	now := m.at.Now
	if m.halted() || len(m.jobs) == 0 {
		m.conclude()
		return
	}
	due := slices.MinFunc(m.jobs, func(a, b OpenJob) int { return a.Started.Add(a.Job.After).Compare(b.Started.Add(b.Job.After)) })
	at := due.Started.Add(due.Job.After)
	switch {
	case !now.Before(at):
		m.do(poll{job: due, timeout: m.timeout})
	case at.After(m.jobsBy):
		m.addNotes([]string{"the destination is still working on what it accepted; later runs ask for the result"})
		m.conclude()
	default:
		m.waitNote(at)
		m.waitFor(at, m.pollNext)
	}
}

func (m *Machine) polled(in polled) {
	earlier := m.phase == checking
	j := in.job
	var final []Exception
	if in.err != nil || !in.done {
		if m.at.Now.Before(j.Started.Add(or(j.Job.Until, jobUntil))) {
			if earlier {
				m.checkNext()
				return
			}
			m.postpone(j)
			m.pollNext()
			return
		}
		// It is given up: accepted, and that is all that will be known.
	} else {
		final = m.finals(j, in.outcome)
	}
	if earlier {
		m.closing = closing{j, final}
		if len(final) > 0 {
			m.do(refine{grant: m.lease.grant, ref: j.Plan, final: final})
			return
		}
		m.do(closeJob{run: j.Run, id: j.ID})
		return
	}
	m.jobs = slices.DeleteFunc(m.jobs, func(o OpenJob) bool { return o.ID == j.ID })
	m.send.jobs--
	m.done = append(m.done, closing{j, final})
	m.recount(final)
	if attempt, ok := m.jobAttempt[j.Lo]; ok && len(final) > 0 {
		m.send.acks = append(m.send.acks, Ack{Attempt: attempt, Lo: j.Lo, Hi: j.Hi, Rest: Taken, Exceptions: final})
	}
	m.pollNext()
}

// finals turns the result of a job into verdicts.
func (m *Machine) finals(j OpenJob, o destinations.Outcome) []Exception {
	var out []Exception
	for i := range j.Hi - j.Lo {
		r := o.Of(int(j.Offset + i))
		e := Exception{Seq: j.Lo + i, Code: r.Code, Reason: r.Reason, RemoteID: r.RemoteID}
		switch r.Status {
		case destinations.Delivered, destinations.Unchanged:
			e.Verdict = Applied
		case destinations.Rejected:
			e.Verdict = Rejected
			e.Permanent = slices.Contains(m.task.Object.Permanent, r.Code)
		case destinations.Suppressed:
			e.Verdict = Barred
		case destinations.Later:
			e.Verdict = NotTried
		case destinations.Accepted:
			e.Verdict = Taken
		default:
			e.Verdict = InDoubt
		}
		out = append(out, e)
	}
	return out
}

// postpone puts off the next question about a job.
func (m *Machine) postpone(j OpenJob) {
	for i := range m.jobs {
		if m.jobs[i].ID == j.ID {
			wait := max(m.jobs[i].Job.After, m.backoff(3), time.Second)
			m.jobs[i].Job.After = m.at.Now.Sub(j.Started) + min(wait, 30*time.Second)
		}
	}
}

// refined goes on after the ledger heard of a job of an earlier run. The journal closes a job
// only after the ledger has it: a crash in between asks and tells again, which changes nothing,
// whereas a job that is closed without the ledger would never be heard of.
func (m *Machine) refined(in refined) {
	if in.err != nil {
		if !m.fenced(in.err) {
			m.addNotes([]string{"the result of an earlier job could not be recorded; a later run tries again"})
		}
		m.checkNext()
		return
	}
	c := m.closing
	m.do(closeJob{run: c.job.Run, id: c.job.ID, final: c.final})
}

func (m *Machine) closedJob(in closed) {
	if in.err != nil {
		m.addNotes([]string{"the end of a job could not be recorded; a later run tries again"})
	}
	if m.phase == settling {
		m.closeDone()
		return
	}
	run := m.closing.job.Run
	if in.err == nil {
		if m.jobOf[run]--; m.jobOf[run] <= 0 {
			m.do(discard{ref: m.closing.job.Plan})
			return
		}
	}
	m.checkNext()
}

// closeDone closes the jobs of this run that came to their end in it, now that the ledger has
// their results.
func (m *Machine) closeDone() {
	if len(m.done) == 0 {
		m.do(mark{run: m.order.Run})
		return
	}
	c := m.done[0]
	m.done = m.done[1:]
	m.do(closeJob{run: c.job.Run, id: c.job.ID, final: c.final})
}

// recount moves the rows of a job of this run from accepted to what became of them.
func (m *Machine) recount(final []Exception) {
	for _, e := range final {
		switch e.Verdict {
		case Applied:
			m.counts.Delivered++
		case Rejected:
			m.counts.Rejected++
			code := or(e.Code, "syncs.rejected")
			m.rejects[code]++
			m.reasons[code] = or(m.reasons[code], e.Reason)
		case InDoubt:
			m.counts.InDoubt++
		case Taken:
			continue
		}
		m.counts.Accepted--
	}
}
