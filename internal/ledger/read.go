package ledger

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// page holds a range of a plan, so that a batch of one row does not cost a query.
type page struct {
	table   string
	lo      int64
	changes []syncs.Change
	rests   string    // names the erasures and suppressions that the plan rests on
	bars    string    // and those that there were when it was read
	checked time.Time // when that was last compared with the warehouse
}

const (
	pageRows  = 20_000
	pageFresh = 2 * time.Second // how old what a page says of erasures and suppressions may be
)

// Read yields the changes with lo <= Seq < hi. Barred is at most two seconds old.
func (s *source) Read(ctx context.Context, ref syncs.PlanRef, lo, hi int64) iter.Seq2[syncs.Change, error] {
	return func(yield func(syncs.Change, error) bool) {
		for lo < hi {
			cs, err := s.from(ctx, ref, lo, hi)
			if err != nil {
				yield(syncs.Change{}, fmt.Errorf("reading plan %s: %w", ref.Run, err))
				return
			}
			if len(cs) == 0 {
				return
			}
			for _, c := range cs {
				if !yield(c, nil) {
					return
				}
			}
			lo += int64(len(cs))
		}
		if hi == ref.Rows { // the plan was read to its end
			s.mu.Lock()
			s.page = page{}
			s.mu.Unlock()
		}
	}
}

// from returns changes from lo on, hi at most, as far as the page goes.
func (s *source) from(ctx context.Context, ref syncs.PlanRef, lo, hi int64) ([]syncs.Change, error) {
	s.mu.Lock()
	p := s.page
	s.mu.Unlock()
	has := func() bool { return p.table == ref.Table && p.lo <= lo && lo < p.lo+int64(len(p.changes)) }
	if !has() || time.Since(p.checked) > pageFresh {
		err := s.run(ctx, "reading", func(se *session) error {
			bars, err := s.namedBars(ctx, se)
			if err != nil {
				return err
			}
			if has() && bars == p.bars {
				p.checked = time.Now()
				return nil
			}
			rests := p.rests
			if p.table != ref.Table {
				plan, _, err := s.planRow(ctx, se, ref.Run)
				if err != nil {
					return err
				}
				rests = plan.ground.Bars
			}
			p = page{table: ref.Table, lo: lo, rests: rests, bars: bars, checked: time.Now()}
			p.changes, err = s.fetch(ctx, se, ref, lo, min(lo+pageRows, ref.Rows), bars != "" && bars != rests)
			return err
		})
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.page = p
		s.mu.Unlock()
	}
	if !has() {
		return nil, nil
	}
	cs := p.changes[lo-p.lo:]
	return cs[:min(int64(len(cs)), hi-lo)], nil
}

// fetch reads the rows of a plan from lo on, hi at most, as far as none is missing. They come in
// any order and say themselves where they belong, which spares the warehouse a sort. With listed,
// they are compared with the erasures and suppressions.
func (s *source) fetch(ctx context.Context, se *session, ref syncs.PlanRef, lo, hi int64, listed bool) ([]syncs.Change, error) {
	cols := s.readColumns("p")
	barred, joins, err := s.rebar(ctx, se, ref, listed)
	if err != nil {
		return nil, err
	}
	cols = append(cols, rel.As("barred", barred))
	const missing = -1
	out := make([]syncs.Change, hi-lo)
	for i := range out {
		out[i].Seq = missing
	}
	d := newDecoder(s)
	err = se.each(ctx, rel.Select{
		Columns: cols, From: rel.Table{Name: s.table(ref.Table), Alias: "p"}, Joins: joins,
		Where: and(rel.F(rel.Ge, rel.C("p", "seq"), rel.I(lo)), rel.F(rel.Lt, rel.C("p", "seq"), rel.I(hi))),
	}, func(r []any) error {
		c := &out[asInt(r[0])-lo]
		if c.Seq != missing {
			return fmt.Errorf("row %d is there twice", c.Seq)
		}
		d.change(r, c)
		return nil
	})
	n := slices.IndexFunc(out, func(c syncs.Change) bool { return c.Seq == missing })
	if n < 0 {
		n = len(out)
	}
	return out[:n], err
}

// CodeNobody is the code of a row of a kept plan whose profile is none any more when the plan is
// sent: it became part of another one, or its rows are gone.
const CodeNobody = "syncs.profile_gone"

// rebar is what keeps a row of a plan back now. Policies are asked again only if the plan was
// made as of another time than this source: at the same time they say the same.
func (s *source) rebar(ctx context.Context, se *session, ref syncs.PlanRef, listed bool) (rel.Expr, []rel.Join, error) {
	var codes []rel.Expr
	var joins []rel.Join
	if listed {
		if err := s.checkKey(ctx, se, false); err != nil {
			return nil, nil, err
		}
		if err := s.loadSecret(ctx, se); err != nil {
			return nil, nil, err
		}
		bars, js := s.bar(func(i int) rel.Expr { return rel.C("p", id(i)) })
		joins = append(append(joins, withSecret()), js...)
		if code := barCode(bars); code != nil {
			codes = append(codes, code)
		}
	}
	if !ref.AsOf.Equal(s.b.AsOf) {
		joins = append(joins, rel.Join{Kind: rel.Left, On: eq(rel.C("o", "key"), rel.C("p", "key")), Rel: rel.Sub{Alias: "o", Query: rel.Select{
			Columns: []rel.Column{rel.As("key", rel.C("r", "key")), rel.As("code", rel.Agg{Fn: rel.Min, Arg: rel.C("r", "barred")})},
			From:    rel.Sub{Query: s.b.Rows.Query, Alias: "r"}, Where: notNull(rel.C("r", "barred")), GroupBy: []rel.Expr{rel.C("r", "key")},
		}}})
		codes = append(codes, rel.C("o", "code"))
		if s.b.Rows.Barred != nil {
			joins = append(joins, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: s.b.Rows.Barred, Alias: "bp"}, On: eq(rel.C("bp", "key"), rel.C("p", "profile"))})
			codes = append(codes, rel.C("bp", "barred"))
		}
		if s.b.Known != nil { // of somebody who is nobody any more no policy can be asked
			joins = append(joins, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: s.b.Known, Alias: "kn"}, On: eq(rel.C("kn", "profile_id"), rel.C("p", "profile"))})
			codes = append(codes, when(isNull(rel.C("kn", "profile_id")), rel.T(CodeNobody)))
		}
	}
	if s.capped() {
		if err := s.countCaps(ctx, se, ref.Run); err != nil {
			return nil, nil, err
		}
		code, js := s.cap(rel.C("p", "key"))
		codes, joins = append(codes, code), append(joins, js...)
	}
	if len(codes) == 0 {
		return rel.Null("text"), nil, nil
	}
	return coalesce(codes...), joins, nil
}

// Of the columns that are read of a plan, those before its identifiers and those after its fields.
// The decoder knows them by their places.
var (
	readFirst = []string{"seq", "action", "key"}
	readLast  = []string{"remote_id", "hash", "version", "doubt", "l_state"} // and barred
)

// readColumns are the columns of a plan that a change is made of.
func (s *source) readColumns(alias string) []rel.Column {
	names := slices.Clone(readFirst)
	for i := range s.b.Rows.IDs {
		names = append(names, id(i))
	}
	for i := range s.b.Rows.Fields {
		names = append(names, field(i))
	}
	var cs []rel.Column
	for _, n := range append(names, readLast...) {
		cs = append(cs, rel.As(n, rel.C(alias, n)))
	}
	return cs
}

// decoder turns rows of a plan into changes.
type decoder struct {
	s      *source
	ops    ops
	ids    int
	fields int
	room   []any // for the values of many rows at once
}

// take gives room for the values of a row.
func (d *decoder) take(n int) []any {
	if len(d.room) < n {
		d.room = make([]any, 512*n)
	}
	out := d.room[:n:n]
	d.room = d.room[n:]
	return out
}

func newDecoder(s *source) *decoder {
	return &decoder{s: s, ops: s.operations(), ids: len(s.b.Rows.IDs), fields: len(s.b.Rows.Fields)}
}

// change reads readColumns and barred.
func (d *decoder) change(r []any, c *syncs.Change) {
	ids := r[len(readFirst):]
	fields := ids[d.ids:]
	tail := fields[d.fields:]
	*c = syncs.Change{
		Seq: asInt(r[0]), Key: asText(r[2]), IDs: d.take(d.ids), Fields: d.take(d.fields),
		RemoteID: asText(tail[0]), Hash: asInt(tail[1]), Version: asInt(tail[2]), Doubt: asBool(tail[3]), Barred: asText(tail[5]),
	}
	c.Group = c.Key
	absent := tail[4] == nil || asText(tail[4]) == stAbsent
	switch asText(r[1]) {
	case doErase:
		c.Op, c.Move, c.Forced = d.ops.erase, syncs.Removing, true
	case doForced:
		c.Op, c.Move, c.Forced = d.ops.remove, syncs.Removing, true
	case doRemove:
		c.Op, c.Move = d.ops.leave, syncs.Removing
	default:
		c.Op, c.Move = d.ops.add, syncs.Updating
		if absent {
			c.Move = syncs.Adding
		}
	}
	if c.Move == syncs.Removing {
		c.Barred = ""
	}
	for i := range c.IDs {
		c.IDs[i] = destinations.Absent
		switch v := ids[i].(type) {
		case nil:
		case string:
			c.IDs[i] = ids[i] // as it is: no text is boxed again
		default:
			c.IDs[i] = asText(v)
		}
	}
	for i, col := range d.s.b.Rows.Fields {
		switch v := fields[i]; {
		case c.Op == destinations.Clear:
			c.Fields[i] = nil
		case c.Move == syncs.Removing:
			c.Fields[i] = destinations.Absent
		case v != nil:
			c.Fields[i] = wire(v, col.Type)
		case col.Clear:
			c.Fields[i] = nil
		default:
			c.Fields[i] = destinations.Absent
		}
	}
}
