package syncs

import (
	"bytes"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
)

// jobUntil is how long a job is asked for where the destination does not say it.
const jobUntil = 7 * 24 * time.Hour

// closing is an entry of a job that came to its end.
type closing struct {
	job   OpenJob
	final []Exception
}

// takeJob takes all entries of one job out of those to ask about: they are asked about at once.
func (m *Machine) takeJob(first OpenJob) []OpenJob {
	var one, rest []OpenJob
	for _, j := range m.jobs {
		if j.Run == first.Run && j.Batch == first.Batch && bytes.Equal(j.Job.Ref, first.Job.Ref) {
			one = append(one, j)
		} else {
			rest = append(rest, j)
		}
	}
	m.jobs = rest
	return one
}

// checkNext asks for the next open job of an earlier run, once each.
func (m *Machine) checkNext() {
	if m.halted() || len(m.jobs) == 0 {
		m.locate()
		return
	}
	m.do(poll{jobs: m.takeJob(m.jobs[0]), timeout: m.timeout})
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
		m.do(poll{jobs: m.takeJob(due), timeout: m.timeout})
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
	var ends []closing
	var final []Exception
	for _, j := range in.jobs {
		c := closing{job: j}
		switch {
		case in.err == nil && in.done:
			c.final = m.finals(j, in.outcome)
			final = append(final, c.final...)
		case m.at.Now.Before(j.Started.Add(or(j.Job.Until, jobUntil))):
			if !earlier {
				m.jobs = append(m.jobs, m.postponed(j))
			}
			continue
		} // otherwise it is given up: accepted, and that is all that will be known
		ends = append(ends, c)
	}
	if earlier {
		m.closing = ends
		if len(final) > 0 {
			m.do(refine{grant: m.lease.grant, ref: in.jobs[0].Plan, final: final})
			return
		}
		m.closeEarlier()
		return
	}
	m.recount(final)
	for _, c := range ends {
		m.send.jobs--
		m.done = append(m.done, c)
		if attempt, ok := m.jobAttempt[c.job.Lo]; ok && len(c.final) > 0 {
			m.send.acks = append(m.send.acks, Ack{Attempt: attempt, Lo: c.job.Lo, Hi: c.job.Hi, Rest: Taken, Exceptions: c.final})
		}
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

// postponed is a job with the time of the next question about it put off.
func (m *Machine) postponed(j OpenJob) OpenJob {
	wait := max(j.Job.After, m.backoff(3), time.Second)
	j.Job.After = m.at.Now.Sub(j.Started) + min(wait, 30*time.Second)
	return j
}

// refined goes on after the ledger heard of a job of an earlier run. The journal closes a job
// only after the ledger has it: a crash in between asks and tells again, which changes nothing,
// whereas a job that is closed without the ledger would never be heard of.
func (m *Machine) refined(in refined) {
	if in.err != nil {
		if !m.fenced(in.err) {
			m.addNotes([]string{"the result of an earlier job could not be recorded; a later run tries again"})
		}
		m.closing = nil
	}
	m.closeEarlier()
}

// closeEarlier closes the next entry of a job of an earlier run.
func (m *Machine) closeEarlier() {
	if len(m.closing) == 0 {
		m.checkNext()
		return
	}
	c := m.closing[0]
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
	j := m.closing[0].job
	m.closing = m.closing[1:]
	if in.err == nil {
		if m.jobOf[j.Run]--; m.jobOf[j.Run] <= 0 {
			m.do(discard{ref: j.Plan})
			return
		}
	}
	m.closeEarlier()
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
