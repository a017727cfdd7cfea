package syncs

import (
	"slices"

	"github.com/weir-data/weir/destinations"
)

// closing is the folding of one finished job.
type closing struct {
	m       *Machine
	job     OpenJob
	final   []Exception
	earlier bool // the job is of a run that was settled: the ledger has to be told
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
	if in.err != nil || !in.done {
		if j.Job.Until > 0 && m.at.Now.After(j.Started.Add(j.Job.Until)) {
			m.close(closing{m: m, job: j, earlier: earlier}) // accepted, and that is all that will be known
			return
		}
		if earlier {
			m.checkNext()
			return
		}
		m.postpone(j)
		m.pollNext()
		return
	}
	c := closing{m: m, job: j, earlier: earlier}
	for i := range j.Hi - j.Lo {
		r := in.outcome.Of(int(j.Offset + i))
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
		c.final = append(c.final, e)
	}
	m.close(c)
}

// postpone puts off the next question about a job.
func (m *Machine) postpone(j OpenJob) {
	for i := range m.jobs {
		if m.jobs[i].ID == j.ID {
			wait := max(j.Job.After, m.backoff(3))
			m.jobs[i].Job.After = m.at.Now.Sub(j.Started) + or(wait, j.Job.After)
		}
	}
}

// close tells the ledger first, where its run was settled, then the journal: a crash in between
// asks and tells again, which changes nothing.
func (m *Machine) close(c closing) {
	m.closing = c
	if c.earlier && len(c.final) > 0 {
		m.do(refine{grant: m.lease.grant, ref: c.job.Plan, final: c.final})
		return
	}
	m.do(closeJob{run: c.job.Run, id: c.job.ID, final: c.final})
}

func (m *Machine) refined(in refined) {
	c := &m.closing
	if in.err != nil {
		if !m.fenced(in.err) {
			m.addNotes([]string{"the result of an earlier job could not be recorded; a later run tries again"})
		}
		m.checkNext()
		return
	}
	m.do(closeJob{run: c.job.Run, id: c.job.ID, final: c.final})
}

func (m *Machine) closedJob(in closed) {
	c := &m.closing
	if in.err != nil {
		m.addNotes([]string{"the end of a job could not be recorded; a later run tries again"})
	} else if m.jobOf[c.job.Run]--; c.earlier && m.jobOf[c.job.Run] <= 0 {
		m.do(discard{ref: c.job.Plan})
		return
	}
	if c.earlier {
		m.checkNext()
		return
	}
	m.jobs = slices.DeleteFunc(m.jobs, func(j OpenJob) bool { return j.ID == c.job.ID })
	if in.err == nil {
		m.send.jobs--
		m.recount(c.final)
	}
	m.pollNext()
}

// next goes on after the plan of a job's run was dropped.
func (c *closing) next() { c.m.checkNext() }

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
