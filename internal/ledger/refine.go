package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// Refine folds the final verdicts of a job into the ledger after its run was settled. It touches
// only rows that still hold what that run sent.
func (s *source) Refine(ctx context.Context, g syncs.Grant, ref syncs.PlanRef, final []syncs.Exception) error {
	return s.run(ctx, "folding in a job of", func(se *session) error {
		p, ok, err := s.planRow(ctx, se, ref.Run)
		if err != nil {
			return err
		}
		if !ok || p.state != planKept {
			return nil // dropped: the job was folded in, or given up
		}
		now, err := se.Now(ctx)
		if err != nil {
			return err
		}
		f := &folding{source: s, se: se, ref: p.ref, keep: true, now: now}
		final = slices.Clone(final)
		slices.SortFunc(final, func(a, b syncs.Exception) int { return int(a.Seq - b.Seq) })
		if err := f.hear(ctx, syncs.Verdicts{Exceptions: func(yield func(syncs.Exception, error) bool) {
			for _, e := range final {
				if !yield(e, nil) {
					return
				}
			}
		}}); err != nil {
			return err
		}
		return s.fenced(ctx, se, g, func(ctx context.Context) error { return f.refine(ctx) })
	})
}

func (f *folding) refine(ctx context.Context) error {
	unit := f.unit()
	mine := and(eq(rel.C("f", "unit"), rel.C("t", unit)), eq(rel.C("t", "run"), rel.T(f.ref.Run)))
	accepted, leaving := eq(rel.C("t", "state"), rel.T(stAccepted)), eq(rel.C("t", "state"), rel.T(stLeaving))
	held := and(mine, accepted, eq(rel.C("t", "hash"), rel.C("f", "hash")))
	change := func(on, where rel.Expr, set map[string]rel.Expr) rel.Statement {
		return rel.Update{Table: f.own(), Set: assigns(set), From: f.foldSub(where), Where: on}
	}
	tries := f.tries()
	refusal := map[string]rel.Expr{"code": fc("code"), "reason": fc("reason"), "tried": f.tried(), "tried_hash": fc("hash"), "attempts": tries, "next_try": f.next(tries)}
	// What the destination held before is not known any more, unless it held nothing.
	before := map[string]rel.Expr{"hash": rel.Null(models.Integer), "state": when(or(isNull(fc("l_state")), eq(fc("l_state"), rel.T(stAbsent))), rel.T(stAbsent), rel.T(stSent))}
	doubt := map[string]rel.Expr{"doubt": rel.B(true), "tried": f.tried(), "tried_hash": fc("hash")}
	stays := map[string]rel.Expr{"state": rel.T(stSent)}
	refused := or(refusedRows, and(verdict(syncs.Barred), ourReason))
	gone := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: foldRows,
		Where: and(eq(f.foldUnit(), rel.C("t", unit)), verdict(syncs.Applied), taking)}}
	return f.se.do(ctx,
		rel.Delete{From: f.own(), Where: and(eq(rel.C("t", "run"), rel.T(f.ref.Run)), leaving, gone)},
		change(held, and(verdict(syncs.Applied), bringing), map[string]rel.Expr{"state": rel.T(stSent), "remote_id": fc("remote_id")}),
		change(held, and(refused, bringing), merged(before, refusal)),
		change(held, and(verdict(syncs.InDoubt), bringing), merged(stays, doubt)),
		// The mark of the job is how a verdict is told from none: a row without one is not heard of.
		change(held, and(verdict(syncs.NotTried), bringing, fc("heard")), before),
		change(and(mine, leaving), and(refused, taking), merged(stays, refusal)),
		change(and(mine, leaving), and(verdict(syncs.InDoubt), taking), merged(stays, doubt)),
		change(and(mine, leaving), and(verdict(syncs.NotTried), taking, fc("heard")), stays),
		rel.Update{Table: f.table(tDeliveries), Set: []rel.Assign{
			{Column: "state", Value: deliveryState("f")}, {Column: "code", Value: fc("code")}, {Column: "reason", Value: fc("reason")}, {Column: "at", Value: rel.At(f.now)},
		}, From: f.foldSub(and(fc("heard"), not(verdict(syncs.Taken)))), Where: and(eq(rel.C("t", "sync"), rel.T(f.name)), eq(rel.C("t", "run"), rel.T(f.ref.Run)),
			eq(rel.C("t", "key"), fc("key")), eq(rel.C("t", "op"), f.opName("f")), eq(rel.C("t", "state"), rel.T("accepted")))},
		f.bump())
}

// bump changes the version of the ledger.
func (s *source) bump() rel.Statement {
	return rel.Update{Table: s.table(tLedgers), Set: []rel.Assign{{Column: "version", Value: rel.F(rel.Add, rel.C("t", "version"), rel.I(1))}}, Where: eq(rel.C("t", "sync"), rel.T(s.name))}
}

// Decide is a person's word on rows that a run left in doubt.
func (s *source) Decide(ctx context.Context, g syncs.Grant, run string, sent bool, keys []string) (n int64, err error) {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	where := and(t("doubt"), eq(t("run"), rel.T(run)))
	if len(keys) > 0 {
		l := rel.InList{Expr: t("key")}
		for _, k := range keys {
			l.List = append(l.List, rel.T(k))
		}
		where = and(where, l)
	}
	removal := rel.F(rel.Same, t("tried"), rel.T(triedRemoval))
	absent := eq(t("state"), rel.T(stAbsent))
	err = s.run(ctx, "deciding on rows of", func(se *session) error {
		now, err := se.Now(ctx)
		if err != nil {
			return err
		}
		return s.fenced(ctx, se, g, func(ctx context.Context) error {
			// Which rows go is what differs: a removal that was sent, an add that was not.
			drop, stay := and(where, removal), and(where, not(removal))
			set := []rel.Assign{{Column: "doubt", Value: rel.B(false)}}
			state := "due"
			if sent {
				set = append(set, noMark, rel.Assign{Column: "hash", Value: t("tried_hash")}, rel.Assign{Column: "state", Value: rel.T(stSent)}, rel.Assign{Column: "sent_at", Value: rel.At(now)},
					rel.Assign{Column: "version", Value: rel.F(rel.Add, t("version"), rel.I(1))})
				state = "delivered"
			} else {
				drop, stay = and(where, absent, not(removal)), and(where, or(not(absent), removal))
			}
			// The history first, while the rows can still be told.
			d := func(c string) rel.Expr { return rel.C("d", c) }
			_, err := se.change(ctx, rel.Update{Table: s.table(tDeliveries), Set: []rel.Assign{{Column: "state", Value: rel.T(state)}, {Column: "at", Value: rel.At(now)}},
				From:  rel.Sub{Alias: "d", Query: rel.Select{Distinct: true, Columns: []rel.Column{rel.As("key", t("key"))}, From: rel.Table{Name: s.own(), Alias: "t"}, Where: where}},
				Where: and(eq(t("sync"), rel.T(s.name)), eq(t("run"), rel.T(run)), eq(t("state"), rel.T("in_doubt")), eq(t("key"), d("key")))})
			if err != nil {
				return err
			}
			dropped, err := se.change(ctx, rel.Delete{From: s.own(), Where: drop})
			if err != nil {
				return err
			}
			stayed, err := se.change(ctx, rel.Update{Table: s.own(), Set: set, Where: stay})
			if err != nil {
				return err
			}
			n = dropped + stayed
			return se.do(ctx, s.bump())
		})
	})
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", run, err)
	}
	return n, nil
}
