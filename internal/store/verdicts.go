package store

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/weir-data/weir/syncs"
)

// mark is an attempt, or the verdict on one.
type mark struct {
	id      int64
	attempt int64
	lo, hi  int64
	acked   bool
	rest    syncs.Verdict
}

func (m mark) verdict() syncs.Verdict {
	if m.acked {
		return m.rest
	}
	return syncs.InDoubt
}

// over reports whether m says more recent things than o. Within one attempt the verdict was
// recorded after the attempt, so its id is higher.
func (m mark) over(o mark) bool {
	if m.attempt != o.attempt {
		return m.attempt > o.attempt
	}
	return m.id > o.id
}

// piece is a range of rows on which one mark has the last word.
type piece struct {
	lo, hi int64
	mark   mark
}

// pieces cuts the rows into ranges by the mark that has the last word, in order, in
// O(n log n) of the number of marks. Rows without any mark are in no piece.
func pieces(marks []mark) []piece {
	slices.SortFunc(marks, func(a, b mark) int { return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(a.id, b.id)) })
	var out []piece
	var open latest
	at := int64(0)
	emit := func(to int64) {
		for len(open) > 0 && open[0].hi <= at {
			heap.Pop(&open)
		}
		for len(open) > 0 && at < to {
			top := open[0]
			end := min(top.hi, to)
			if n := len(out); n > 0 && out[n-1].mark.id == top.id && out[n-1].hi == at {
				out[n-1].hi = end
			} else {
				out = append(out, piece{lo: at, hi: end, mark: top})
			}
			at = end
			for len(open) > 0 && open[0].hi <= at {
				heap.Pop(&open)
			}
		}
	}
	for _, m := range marks {
		emit(m.lo)
		at = m.lo
		heap.Push(&open, m)
	}
	emit(int64(^uint64(0) >> 1))
	return out
}

// latest is a heap whose first mark has the last word.
type latest []mark

func (l latest) Len() int           { return len(l) }
func (l latest) Less(i, j int) bool { return l[i].over(l[j]) }
func (l latest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *latest) Push(x any)        { *l = append(*l, x.(mark)) }
func (l *latest) Pop() any {
	old := *l
	m := old[len(old)-1]
	*l = old[:len(old)-1]
	return m
}

// Verdicts derives the verdict on every attempted row of a run. Exceptions reads from the file
// while it is ranged over, one batch's worth at a time; it can be ranged over again.
func (s *Store) Verdicts(ctx context.Context, run string) (syncs.Verdicts, error) {
	id, err := s.runID(ctx, run)
	if err != nil {
		return syncs.Verdicts{}, err
	}
	marks, err := s.marks(ctx, id)
	if err != nil {
		return syncs.Verdicts{}, fmt.Errorf("reading the verdicts of run %s: %w", run, s.typed(err))
	}
	ps := pieces(marks)
	var v syncs.Verdicts
	for _, p := range ps {
		if n := len(v.Ranges); n > 0 && v.Ranges[n-1].Hi == p.lo && v.Ranges[n-1].Verdict == p.mark.verdict() {
			v.Ranges[n-1].Hi = p.hi
			continue
		}
		v.Ranges = append(v.Ranges, syncs.VerdictRange{Lo: p.lo, Hi: p.hi, Verdict: p.mark.verdict()})
	}
	v.Exceptions = func(yield func(syncs.Exception, error) bool) {
		if err := s.exceptions(ctx, id, ps, yield); err != nil {
			yield(syncs.Exception{}, fmt.Errorf("reading the verdicts of run %s: %w", run, s.typed(err)))
		}
	}
	return v, nil
}

var _ iter.Seq2[syncs.Exception, error] = syncs.Verdicts{}.Exceptions

func (s *Store) runID(ctx context.Context, run string) (id int64, err error) {
	err = s.reads.QueryRowContext(ctx, "SELECT id FROM runs WHERE run = ?", run).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("%w: %s", ErrUnknownRun, run)
	}
	return id, wrap("looking for run "+run, s.typed(err))
}

func (s *Store) marks(ctx context.Context, run int64) ([]mark, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT id, attempt, lo, hi, rest FROM marks WHERE run = ?", run)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []mark
	for rows.Next() {
		var m mark
		var rest sql.NullInt64
		if err := rows.Scan(&m.id, &m.attempt, &m.lo, &m.hi, &rest); err != nil {
			return nil, err
		}
		m.acked, m.rest = rest.Valid, syncs.Verdict(rest.Int64)
		out = append(out, m)
	}
	return out, rows.Err()
}

// exceptions yields the rows of every piece that its mark names, in order of Seq. It returns
// nil if yield asked to stop.
func (s *Store) exceptions(ctx context.Context, run int64, ps []piece, yield func(syncs.Exception, error) bool) error {
	var named []syncs.Exception
	of := int64(-1)
	for _, p := range ps {
		if !p.mark.acked {
			continue
		}
		if p.mark.id != of {
			var err error
			if named, err = s.named(ctx, run, p.mark.id); err != nil {
				return err
			}
			of = p.mark.id
		}
		from, _ := slices.BinarySearchFunc(named, p.lo, func(e syncs.Exception, seq int64) int { return cmp.Compare(e.Seq, seq) })
		for _, e := range named[from:] {
			if e.Seq >= p.hi {
				break
			}
			if !yield(e, nil) {
				return nil
			}
		}
	}
	return nil
}

// named returns the rows that a verdict names, with the final verdicts of a job that the batch
// started in place of what was said first.
func (s *Store) named(ctx context.Context, run, mark int64) ([]syncs.Exception, error) {
	var first []byte
	if err := s.reads.QueryRowContext(ctx, "SELECT rows FROM marks WHERE id = ?", mark).Scan(&first); err != nil {
		return nil, err
	}
	said, err := unpack(first)
	if err != nil {
		return nil, &CorruptError{Path: s.path, Err: err}
	}
	rows, err := s.reads.QueryContext(ctx, "SELECT rows FROM jobs WHERE run = ? AND mark = ? AND closed IS NOT NULL ORDER BY id", run, mark)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var blob []byte
		if err := rows.Scan(&blob); err != nil {
			return nil, err
		}
		final, err := unpack(blob)
		if err != nil {
			return nil, &CorruptError{Path: s.path, Err: err}
		}
		said = overlay(said, final)
	}
	return said, rows.Err()
}

// overlay merges two lists in order of Seq; top wins. A remote id that top leaves out stays.
func overlay(base, top []syncs.Exception) []syncs.Exception {
	out := make([]syncs.Exception, 0, len(base)+len(top))
	for len(base) > 0 && len(top) > 0 {
		switch b, t := base[0], top[0]; {
		case b.Seq < t.Seq:
			out, base = append(out, b), base[1:]
		case b.Seq > t.Seq:
			out, top = append(out, t), top[1:]
		default:
			t.RemoteID = cmp.Or(t.RemoteID, b.RemoteID)
			out, base, top = append(out, t), base[1:], top[1:]
		}
	}
	return append(append(out, base...), top...)
}
