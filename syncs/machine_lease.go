package syncs

import "time"

// lease is the right to send, as this process sees it on its own monotonic clock. A lease lasts
// TTL from some time after it was asked for, so that counting from the asking errs on the safe
// side; the time for one call and a margin are taken off, so that whatever leaves before until
// has ended before anybody else can hold the lease.
type lease struct {
	grant    Grant
	asked    time.Time // when the effect under way was asked for
	until    time.Time // no call begins at or after
	expiry   time.Time // the lease may be somebody else's at or after
	renewAt  time.Time
	renewing bool
	released bool
}

func (l *lease) extend(g Grant, c Config, call time.Duration) {
	g.Clean = g.Clean || l.grant.Clean
	l.grant = g
	l.expiry = l.asked.Add(c.TTL)
	l.until = l.expiry.Add(-call - c.Margin)
	l.renewAt = l.asked.Add(c.TTL / 3)
}

func (m *Machine) acquired(in acquired) {
	if in.err != nil {
		m.refuse = in.err
		m.finish()
		return
	}
	m.lease.extend(in.grant, m.cfg, m.timeout)
	if !in.grant.Clean {
		m.quiesce()
	}
	m.note(Event{Kind: "run.started"})
	if m.order.Hash != "" {
		m.phase = finding
		m.do(find{run: m.order.Run})
		return
	}
	m.begin()
}

// quiesce makes the run wait before it sends: requests of an earlier run that nobody waits for
// any more may still arrive, and must not arrive after ours.
func (m *Machine) quiesce() {
	if t := m.at.Now.Add(m.cfg.Hold); t.After(m.calm) {
		m.calm = t
	}
}

func (m *Machine) renewed(in renewed) {
	l := &m.lease
	l.renewing = false
	switch {
	case l.released:
	case in.err == nil:
		l.extend(in.grant, m.cfg, m.timeout)
	case m.fenced(in.err):
	case !m.at.Now.Before(l.expiry):
		m.lost = true
		m.fail("syncs.lease_lost", "look at the warehouse, then run again: the next run settles this one",
			"the lease could not be renewed in time: %v", in.err)
	default:
		l.renewAt = m.at.Now.Add(m.cfg.TTL / 20)
	}
}

// tend keeps the lease alive, and the time to stop.
func (m *Machine) tend() {
	l := &m.lease
	if m.stopping && !m.canceled && len(m.send.flight) > 0 {
		if m.at.Now.Before(m.stopBy) {
			m.wakeAt(m.stopBy)
		} else {
			m.canceled = true
			m.do(Cancel{})
		}
	}
	if l.grant.Epoch == 0 || l.released || m.lost || m.phase == finished {
		return
	}
	if l.renewing {
		return
	}
	if m.at.Now.Before(l.renewAt) {
		m.wakeAt(l.renewAt)
		return
	}
	l.renewing = true
	l.asked = m.at.Now
	m.do(renew{grant: l.grant, ttl: m.cfg.TTL})
}

// release gives the lease up. It is clean only if nothing that was sent can still arrive.
func (m *Machine) release() {
	l := &m.lease
	if l.grant.Epoch == 0 || m.lost || l.released {
		m.finish()
		return
	}
	l.released = true
	now := m.at.Now
	clean := !m.broken && !now.Before(m.calm) && (m.doubtful.IsZero() || now.Sub(m.doubtful) >= m.cfg.Hold)
	m.do(release{grant: l.grant, clean: clean})
}

func (m *Machine) finish() {
	m.phase = finished
	m.do(Finish{Report: m.report, Decided: m.decided, Err: m.refuse})
}
