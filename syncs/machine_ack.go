package syncs

import (
	"github.com/weir-data/weir/destinations"
)

// ackUnsent records that an attempt was not applied; rows that an earlier attempt of the run may
// have applied stay in doubt.
func (m *Machine) ackUnsent(c *call, code, text string) {
	rs := make([]result, len(c.items))
	for i, it := range c.items {
		rs[i].verdict = m.unless(it, NotTried)
		if len(rs) == 1 {
			rs[i].code, rs[i].reason = code, text
		}
	}
	m.ackCall(c, rs, nil)
}

// ackCall puts the verdicts of an attempt in line for the journal: for each range of its rows
// the most frequent one, and the others as exceptions. A job is about the rows that were taken
// into it and no others: what it says later of a row that was refused at once is not about that
// row, so that ranges end where the one kind of row meets the other.
func (m *Machine) ackCall(c *call, rs []result, job *destinations.Job) {
	s := &m.send
	for _, r := range c.ranges() {
		for lo := r.Lo; lo < r.Hi; {
			at := r.at + int(lo-r.Lo)
			part := rs[at : r.at+int(r.Hi-r.Lo)]
			if job != nil {
				part = alike(part)
			}
			a := Ack{Attempt: c.id, Lo: lo, Hi: lo + int64(len(part)), Rest: common(part)}
			for i, x := range part {
				if x.verdict != a.Rest || x.code != "" || x.reason != "" || x.remoteID != "" {
					a.Exceptions = append(a.Exceptions, Exception{Seq: lo + int64(i), Verdict: x.verdict, Code: x.code,
						Reason: x.reason, RemoteID: x.remoteID, Permanent: x.permanent})
				}
			}
			if job != nil && part[0].verdict == Taken {
				s.jobs++
				m.jobAttempt[lo] = c.id
				a.Job = &OpenJob{Run: m.order.Run, Plan: m.ref, Lo: a.Lo, Hi: a.Hi, Offset: int64(at), Batch: c.key, Job: *job, Started: m.at.Now}
			}
			s.acks = append(s.acks, a)
			lo = a.Hi
		}
	}
}

// alike is the longest beginning of rs in which all rows were taken into a job, or none.
func alike(rs []result) []result {
	for i := range rs {
		if (rs[i].verdict == Taken) != (rs[0].verdict == Taken) {
			return rs[:i]
		}
	}
	return rs
}

func common(rs []result) Verdict {
	var n [Applied + 1]int
	for _, r := range rs {
		n[r.verdict]++
	}
	best := NotTried
	for v, k := range n {
		if k > n[best] {
			best = Verdict(v)
		}
	}
	return best
}
