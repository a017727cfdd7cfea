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
// the most frequent one, and the others as exceptions.
func (m *Machine) ackCall(c *call, rs []result, job *destinations.Job) {
	s := &m.send
	for _, r := range c.ranges() {
		part := rs[r.at : r.at+int(r.Hi-r.Lo)]
		a := Ack{Attempt: c.id, Lo: r.Lo, Hi: r.Hi, Rest: common(part)}
		for i, x := range part {
			if x.verdict != a.Rest || x.code != "" || x.reason != "" || x.remoteID != "" {
				a.Exceptions = append(a.Exceptions, Exception{Seq: r.Lo + int64(i), Verdict: x.verdict, Code: x.code,
					Reason: x.reason, RemoteID: x.remoteID, Permanent: x.permanent})
			}
		}
		if job != nil {
			s.jobs++
			m.jobAttempt[r.Lo] = c.id
			a.Job = &OpenJob{Run: m.order.Run, Plan: m.ref, Lo: r.Lo, Hi: r.Hi, Offset: int64(r.at), Batch: c.key, Job: *job, Started: m.at.Now}
		}
		s.acks = append(s.acks, a)
	}
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
