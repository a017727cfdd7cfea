package ledger

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// Temporary tables of one settle.
var (
	heardTable = rel.Name{"weir_heard"} // verdicts that are not the most common one, by row
	foldTable  = rel.Name{"weir_fold"}  // the plan with the verdict on each row
)

// waits are the distances at which a refused row is tried again; then it is quarantined.
var waits = []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}

// Settle folds a run's verdicts into the ledger.
func (s *source) Settle(ctx context.Context, g syncs.Grant, ref syncs.PlanRef, v syncs.Verdicts) (c syncs.Counts, err error) {
	err = s.run(ctx, "settling a run of", func(se *session) error {
		done, err := s.marker(ctx, se, ref.Run, &c)
		if err != nil {
			return err
		}
		var f *folding
		if !done {
			if f, err = s.settle(ctx, se, g, ref, v, &c); err != nil {
				return err
			}
		}
		return s.tidy(ctx, se, ref, v.Keep, f)
	})
	if err != nil {
		return syncs.Counts{}, err
	}
	return c, nil
}

// settle folds verdicts in, in one transaction with the run's marker.
func (s *source) settle(ctx context.Context, se *session, g syncs.Grant, ref syncs.PlanRef, v syncs.Verdicts, c *syncs.Counts) (*folding, error) {
	p, ok, err := s.planRow(ctx, se, ref.Run)
	if err != nil {
		return nil, err
	}
	if !ok || p.state != planOpen {
		return nil, fmt.Errorf("plan %s is not there to be settled", ref.Run)
	}
	now, err := se.Now(ctx)
	if err != nil {
		return nil, err
	}
	f := &folding{source: s, se: se, ref: p.ref, ground: p.ground, keep: v.Keep, now: now}
	if p.ref.Rows+p.ground.Noted > 0 {
		if err := f.hear(ctx, v); err != nil {
			return nil, err
		}
	}
	if *c, err = f.count(ctx); err != nil {
		return nil, err
	}
	return f, s.fenced(ctx, se, g, func(ctx context.Context) error { return f.apply(ctx, *c) })
}

// marker reads the marker of a run with its counts, if it is there.
func (s *source) marker(ctx context.Context, se *session, run string, c *syncs.Counts) (done bool, err error) {
	err = se.each(ctx, rel.Select{Columns: all(tables[tRuns], "t"), From: rel.Table{Name: s.table(tRuns), Alias: "t"}, Where: and(s.planIs(run), notNull(rel.C("t", "at")))}, func(r []any) error {
		done = true
		*c = countsOf(r[6:])
		return nil
	})
	return done, err
}

// countsOf are the counts of a row of runs, from the first of their columns on.
func countsOf(r []any) syncs.Counts {
	return syncs.Counts{Added: asInt(r[0]), Updated: asInt(r[1]), Removed: asInt(r[2]), Unchanged: asInt(r[3]), Delivered: asInt(r[4]), Accepted: asInt(r[5]),
		Rejected: asInt(r[6]), Invalid: asInt(r[7]), Suppressed: asInt(r[8]), Due: asInt(r[9]), InDoubt: asInt(r[10]), Quarantined: asInt(r[11])}
}

// tidy follows a committed settle and can be repeated: the ledgers are copied, unless the run was
// idle, for then the last copy holds all that there is of them; and what is no longer needed is dropped.
// Until a copy exists the journal keeps its verdicts, since settling is not over. f is nil if another
// process committed.
func (s *source) tidy(ctx context.Context, se *session, ref syncs.PlanRef, keep bool, f *folding) error {
	p, ok, err := s.planRow(ctx, se, ref.Run)
	if err != nil {
		return err
	}
	if ok && p.ground.Idle {
		return se.do(ctx, s.forget(ref.Run))
	}
	if ok && !(keep || p.state == planKept) {
		if err := se.do(ctx, rel.DropTable{Name: s.table(p.ref.Table)}, s.forget(ref.Run)); err != nil {
			return err
		}
	}
	if err := s.copyAll(ctx, se, f); err != nil {
		return fmt.Errorf("copying the ledgers: %w", err)
	}
	return nil
}

// folding is one settle on one session.
type folding struct {
	*source
	se   *session
	ref  syncs.PlanRef
	keep bool
	now  time.Time
	ground
	// single is true if there are removals, or values in doubt, of which foldParts has to know.
	single bool
	// verdicts and actions are those that rows of foldTable have. What none has needs no statement:
	// each would read the plan, and some the ledger.
	verdicts map[syncs.Verdict]bool
	actions  map[string]bool
	// rows of the ledger that were changed where they are, that were added, and that were taken out
	amended, inserted, deleted int64
	unbegun                    bool // a first run that replaces was held: nothing but what is forced was sent
	// was and is are the stamps of the ledger before and after.
	was, is string
}

// hear loads the verdicts and joins them to the plan. Of the verdict that most rows have nothing
// is loaded: it stands for every row that is not named.
func (f *folding) hear(ctx context.Context, v syncs.Verdicts) error {
	var rows [syncs.Applied + 1]int64
	last := int64(0)
	for _, r := range v.Ranges {
		if r.Verdict > syncs.Applied || r.Lo < last || r.Hi < r.Lo {
			return fmt.Errorf("the verdicts of run %s are out of order", f.ref.Run)
		}
		rows[r.Verdict] += r.Hi - r.Lo
		rows[syncs.NotTried] += r.Lo - last
		last = r.Hi
	}
	rows[syncs.NotTried] += max(0, f.ref.Rows-last)
	usual := syncs.NotTried
	for verdict, n := range rows {
		if n > rows[usual] {
			usual = syncs.Verdict(verdict)
		}
	}
	if f.private() {
		if err := f.loadSecret(ctx, f.se); err != nil {
			return err
		}
	}
	err := f.se.do(ctx, rel.DropTable{Name: heardTable}, rel.CreateTable{Name: heardTable, Temp: true, Columns: fields("seq:i verdict:i code reason remote_id permanent:b")})
	if err != nil {
		return err
	}
	if _, err := f.se.Load(ctx, heardTable, []string{"seq", "verdict", "code", "reason", "remote_id", "permanent"}, spell(v, usual, f.ref.Rows)); err != nil {
		return err
	}
	h := func(c string) rel.Expr { return rel.C("h", c) }
	cs := append([]rel.Column{rel.As("seq", rel.C("p", "seq"))}, f.foldColumns("p")...)
	for i, c := range cs {
		switch {
		case c.As == "remote_id":
			cs[i].Expr = coalesce(h("remote_id"), c.Expr)
		case c.As == "mark" && !f.Marks: // the plan may be of an earlier weir
			cs[i].Expr = rel.Null(models.Integer)
		}
	}
	cs = append(cs, rel.As("verdict", coalesce(h("verdict"), rel.I(int64(usual)))), rel.As("code", h("code")), rel.As("reason", h("reason")), rel.As("permanent", isTrue(h("permanent"))), rel.As("heard", notNull(h("seq"))))
	return f.se.do(ctx, rel.DropTable{Name: foldTable}, rel.CreateTable{Name: foldTable, Temp: true, As: rel.Select{
		Columns: cs, From: rel.Table{Name: f.table(f.ref.Table), Alias: "p"},
		Joins: []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: heardTable, Alias: "h"}, On: eq(rel.C("h", "seq"), rel.C("p", "seq"))}},
	}})
}

// foldColumns are the columns of a plan that settling needs: all but the fields.
func (s *source) foldColumns(alias string) []rel.Column {
	cs := s.tableColumns(alias)
	return slices.Delete(cs, 4+len(s.b.Rows.IDs), 4+len(s.b.Rows.IDs)+len(s.b.Rows.Fields))
}

// spell yields a row for each row of a plan that has another verdict than the usual one, or
// something beside it.
func spell(v syncs.Verdicts, usual syncs.Verdict, rows int64) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		at, stop := int64(0), false
		ranges := v.Ranges
		// plain yields the rows before to that no exception names.
		plain := func(to int64) {
			for at < to && !stop {
				for len(ranges) > 0 && ranges[0].Hi <= at {
					ranges = ranges[1:]
				}
				verdict, end := syncs.NotTried, to
				if len(ranges) > 0 && ranges[0].Lo <= at {
					verdict, end = ranges[0].Verdict, min(to, ranges[0].Hi)
				} else if len(ranges) > 0 {
					end = min(to, ranges[0].Lo)
				}
				for ; at < end && !stop; at++ {
					if verdict != usual {
						stop = !yield([]any{at, int64(verdict), nil, nil, nil, nil}, nil)
					}
				}
			}
		}
		if v.Exceptions != nil {
			for e, err := range v.Exceptions {
				if err != nil {
					yield(nil, err)
					return
				}
				if e.Seq < at || e.Seq >= rows {
					yield(nil, fmt.Errorf("the verdict on row %d is out of order", e.Seq))
					return
				}
				plain(e.Seq)
				if stop {
					return
				}
				at++
				if stop = !yield([]any{e.Seq, int64(e.Verdict), optional(e.Code), optional(e.Reason), optional(e.RemoteID), e.Permanent}, nil); stop {
					return
				}
			}
		}
		plain(rows)
	}
}

func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// count counts the rows of the plan by verdict, and notes what there is to be folded.
func (f *folding) count(ctx context.Context) (syncs.Counts, error) {
	y := f.ref.Tally
	c := syncs.Counts{Added: y.Added, Updated: y.Updated, Removed: y.Removed, Unchanged: y.Unchanged, Quarantined: y.Quarantined, Due: f.ref.Rows}
	n := map[syncs.Verdict]int64{}
	f.verdicts, f.actions = map[syncs.Verdict]bool{}, map[string]bool{}
	if f.ref.Rows+f.Noted == 0 {
		return c, nil
	}
	begun, unforced := false, []string{doRemove, doUpdate, doAdd}
	err := f.se.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("verdict", fc("verdict")), rel.As("action", fc("action")), rel.As("n", rel.Agg{Fn: rel.Count, Arg: fc("seq")})},
		From:    foldRows, GroupBy: []rel.Expr{fc("verdict"), fc("action")},
	}, func(r []any) error {
		v := syncs.Verdict(asInt(r[0]))
		n[v] += asInt(r[2])
		f.verdicts[v], f.actions[asText(r[1])] = true, true
		begun = begun || v != syncs.NotTried && slices.Contains(unforced, asText(r[1]))
		return nil
	})
	f.unbegun = f.Replaced && !begun && f.acts(unforced...)
	c.Delivered, c.Accepted, c.Rejected, c.InDoubt = n[syncs.Applied], n[syncs.Taken], n[syncs.Rejected], n[syncs.InDoubt]
	c.Suppressed, c.Invalid = n[syncs.Barred], n[syncs.Malformed]
	c.Due = n[syncs.NotTried]
	f.single = f.singly() && (f.acts(doErase, doForced, doRemove, doNote) || n[syncs.InDoubt] > 0)
	return c, err
}

// acts reports whether rows of foldTable have one of these actions.
func (f *folding) acts(of ...string) bool {
	return slices.ContainsFunc(of, func(a string) bool { return f.actions[a] })
}

// heard reports whether rows of foldTable have one of these verdicts.
func (f *folding) heard(of ...syncs.Verdict) bool {
	return slices.ContainsFunc(of, func(v syncs.Verdict) bool { return f.verdicts[v] })
}

// apply is the transaction of a settle, after the fence.
func (f *folding) apply(ctx context.Context, c syncs.Counts) error {
	if err := f.se.do(ctx, f.mark(c)...); err != nil {
		return err
	}
	if !f.unbegun { // else the next run is the first, and reads again who is there
		for _, st := range f.fold() {
			n, err := f.se.change(ctx, st)
			if err != nil {
				return err
			}
			switch st.(type) {
			case rel.Update:
				f.amended += n
			case rel.Insert:
				f.inserted += n
			case rel.Delete:
				f.deleted += n
			}
		}
	}
	sts := f.deliver()
	// Without jobs the row stays until the table is dropped, as that of garbage, so that the table
	// is found.
	next := map[bool]string{true: planKept, false: planMaking}[f.keep]
	state := rel.Update{Table: f.table(tPlans), Set: []rel.Assign{{Column: "state", Value: rel.T(next)}}, Where: f.planIs(f.ref.Run)}
	sts = append(append(sts, f.define(f.now)...), state)
	if f.Idle { // the ledger is as it was
		return f.se.do(ctx, sts...)
	}
	if err := f.se.do(ctx, append(sts, f.advance())...); err != nil {
		return err
	}
	if err := f.stamps(ctx); err != nil {
		return err
	}
	return f.rest(ctx, c)
}

// mark writes the marker of the run: into its row of the history, if that is there already.
func (f *folding) mark(c syncs.Counts) []rel.Statement {
	cs := append([]rel.Column{rel.As("epoch", rel.I(f.ref.Epoch)), rel.As("at", rel.At(f.now)), rel.As("hash", rel.T(f.ref.Hash)), rel.As("rows", rel.I(f.ref.Rows))}, countColumns(c)...)
	var set []rel.Assign
	for _, x := range cs {
		set = append(set, rel.Assign{Column: x.As, Value: x.Expr})
	}
	cs = append(cs, rel.As("run", rel.T(f.ref.Run)), rel.As("sync", rel.T(f.name)))
	return []rel.Statement{
		rel.Update{Table: f.table(tRuns), Set: set, Where: f.planIs(f.ref.Run)},
		insertUnless(f.table(tRuns), cs, f.planIs(f.ref.Run)),
	}
}

// countColumns are the columns of runs that hold counts.
func countColumns(c syncs.Counts) (cs []rel.Column) {
	for _, n := range []struct {
		name string
		n    int64
	}{{"added", c.Added}, {"updated", c.Updated}, {"removed", c.Removed}, {"unchanged", c.Unchanged}, {"delivered", c.Delivered}, {"accepted", c.Accepted},
		{"rejected", c.Rejected}, {"invalid", c.Invalid}, {"suppressed", c.Suppressed}, {"due", c.Due}, {"in_doubt", c.InDoubt}, {"quarantined", c.Quarantined}} {
		cs = append(cs, rel.As(n.name, rel.I(n.n)))
	}
	return cs
}

// advance makes the sync's row of ledgers that of the mapping that was sent.
func (f *folding) advance() rel.Statement {
	started := coalesce(rel.C("t", "started"), rel.At(f.now))
	if f.unbegun {
		started = rel.C("t", "started")
	}
	return rel.Update{Table: f.table(tLedgers), Set: []rel.Assign{
		{Column: "print", Value: rel.T(f.b.Rows.Fingerprint)}, {Column: "columns", Value: rel.T(f.columns())}, {Column: "slots", Value: rel.T(join(f.bound.slots))},
		{Column: "version", Value: rel.F(rel.Add, rel.C("t", "version"), rel.I(1))}, {Column: "started", Value: started},
	}, Where: eq(rel.C("t", "sync"), rel.T(f.name))}
}

// deliver appends one row for each row of the plan. Of an erased person no earlier one stays.
func (f *folding) deliver() []rel.Statement {
	c := func(n string) rel.Expr { return rel.C("f", n) }
	erased := rel.Select{Columns: []rel.Column{rel.As("key", c("key"))}, From: rel.Table{Name: foldTable, Alias: "f"}, Where: and(eq(c("action"), rel.T(doErase)), eq(c("key"), rel.C("t", "key")))}
	cs := []rel.Column{rel.As("run", rel.T(f.ref.Run)), rel.As("sync", rel.T(f.name)), rel.As("key", when(eq(c("action"), rel.T(doErase)), rel.T("erased"), c("key"))),
		rel.As("op", f.opName("f")), rel.As("state", deliveryState("f")), rel.As("code", c("code")), rel.As("reason", c("reason")), rel.As("at", rel.At(f.now))}
	if f.ref.Rows == 0 {
		return nil
	}
	out := []rel.Statement{rel.Insert{Into: f.table(tDeliveries), Columns: names(cs), From: rel.Select{Columns: cs, From: rel.Table{Name: foldTable, Alias: "f"}, Where: notNull(c("seq"))}}}
	if f.ref.Forced > 0 {
		out = append([]rel.Statement{rel.Delete{From: f.table(tDeliveries), Where: rel.Exists{Query: erased}}}, out...)
	}
	return out
}

// deliveryState names the verdict on a row of foldTable.
func deliveryState(alias string) rel.Expr {
	var ps []rel.Expr
	for v, name := range []string{syncs.InDoubt: "in_doubt", syncs.Rejected: "rejected", syncs.Barred: "suppressed", syncs.Malformed: "invalid", syncs.Taken: "accepted", syncs.Applied: "delivered"} {
		if name != "" {
			ps = append(ps, eq(rel.C(alias, "verdict"), rel.I(int64(v))), rel.T(name))
		}
	}
	return when(append(ps, rel.T("due"))...)
}

// opName names the operation of a row of foldTable.
func (s *source) opName(alias string) rel.Expr {
	o := s.operations()
	is := func(a string) rel.Expr { return eq(rel.C(alias, "action"), rel.T(a)) }
	return when(is(doErase), rel.T(o.erase.String()), is(doForced), rel.T(o.remove.String()), is(doRemove), rel.T(o.leave.String()), rel.T(o.add.String()))
}
