package syncs

import "time"

// pace is how many calls may be on their way at once: from few to as many as the object allows,
// as far as the destination keeps up (additive increase, multiplicative decrease). Before the
// first sign of trouble each call that goes well makes room for one more, so that the number
// doubles with every round; after it the number grows by one a round, and slower near to where the
// last trouble was.
//
//	throttled, or an error            half of it
//	answers take twice their time     three quarters of it
//
// A round of calls is cut once: those that left before the cut say nothing of what came after it.
// What is quick is never learned from many calls at once, which may themselves be why answers are
// slow: if they are as slow with a few, that is what they take now.
type pace struct {
	room   float64
	most   int
	cutAt  time.Time // zero before the first trouble
	top    float64   // room at the last cut, until more than that went well
	quick  float64   // seconds of calls of full size, on average, when the destination was not busy
	recent float64   // and of the latest ones
}

// The bounds of a pace.
const (
	firstRoom  = 2
	slowdown   = 2    // times the quick answer, and …
	slowBy     = 0.05 // seconds more, are a destination that does not keep up
	onTrouble  = 0.5
	onSlowness = 0.75
)

func newPace(most int) pace {
	return pace{room: float64(min(firstRoom, most)), most: most}
}

// now is how many calls may be on their way.
func (p *pace) now() int { return max(1, int(p.room)) }

// trouble makes less room, once for all calls that left before it.
func (p *pace) trouble(now, left time.Time) bool { return p.cut(now, left, onTrouble) }

func (p *pace) cut(now, left time.Time, share float64) bool {
	if !p.cutAt.IsZero() && !left.After(p.cutAt) {
		return false
	}
	p.top = p.room
	p.room = max(1, p.room*share)
	p.cutAt, p.recent = now, 0
	return true
}

// well makes more room after a call that went well. full is whether it was about as large as calls
// get, since small ones are quicker.
func (p *pace) well(now, left time.Time, full bool) {
	if !p.cutAt.IsZero() && !left.After(p.cutAt) {
		return
	}
	if took := now.Sub(left).Seconds(); full {
		if p.recent == 0 {
			p.recent = took
		}
		p.recent += (took - p.recent) / 8
		if p.quick == 0 || p.recent < p.quick {
			p.quick = p.recent
		}
		if p.recent > slowdown*p.quick+slowBy {
			if p.room > firstRoom {
				p.cut(now, left, onSlowness)
				return
			}
			p.quick = p.recent
		}
	}
	step := 1.0
	if !p.cutAt.IsZero() {
		step = 1 / p.room
	}
	switch {
	case p.room >= p.top:
		p.top = 0
	case p.room+1 >= p.top:
		step /= 8
	}
	p.room = min(float64(p.most), p.room+step)
}

// spend takes one repetition from the budget and sets the pause before it: full jitter, so that
// many runs do not come back at once. Calls that left before the last trouble are part of it, and
// do not count as another. Once the budget is spent the circuit is open: one call at a time asks, at
// growing intervals, whether the destination is back, and after a few the run ends. A destination
// that has not taken one row in this run gets fewer tries: it is down, and the rows stay due.
func (m *Machine) spend(left time.Time) bool {
	s := &m.send
	fresh := m.pace.trouble(m.at.Now, left)
	if fresh {
		s.streak++
	}
	switch {
	case !s.proven && s.streak >= maxUnproven:
		return false
	case s.budget >= 1:
		s.budget--
		if fresh {
			m.pause(m.backoff(s.streak))
		}
	case !fresh: // it goes with those that ask
		m.pause(probeAfter)
	default:
		if s.probes++; s.probes > maxProbes {
			return false
		}
		m.pause(probeAfter<<(s.probes-1) + m.backoff(1))
	}
	return true
}

// pause lets no call leave for a while.
func (m *Machine) pause(d time.Duration) {
	m.send.paused = latest(m.send.paused, m.at.Now.Add(d))
}

// wentWell notes a call that went well: the circuit is closed again.
func (m *Machine) wentWell(c *call) {
	s := &m.send
	s.streak, s.throttles, s.probes, s.paused = 0, 0, 0, time.Time{}
	s.budget = min(s.budget+refill, float64(m.cfg.Retries))
	m.pace.well(m.at.Now, c.left, 2*len(c.items) >= s.maxRows)
	m.learnSize(c)
}
