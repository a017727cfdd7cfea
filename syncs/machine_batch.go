package syncs

import (
	"crypto/sha256"
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
	key       string // idempotency key, once it was launched
	record    bool   // nothing is sent: the verdicts are known
	notBefore time.Time
	taken     time.Time // from the buckets
	charged   bool      // against the quotas
	left      time.Time // when it was sent
	before    int       // rows of a call before it was found too large, of which it is a part
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

func (c *call) rows() []destinations.Row {
	rows := make([]destinations.Row, len(c.items))
	for i, it := range c.items {
		rows[i] = it.row
	}
	return rows
}

// batchKey is the idempotency key of the batch: the hash of its rows' keys in order.
func (c *call) batchKey() string {
	h := sha256.New()
	for _, it := range c.items {
		h.Write([]byte(it.row.Dedup))
	}
	return short([32]byte(h.Sum(nil)))
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
