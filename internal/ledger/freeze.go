package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// A preview is kept for previewFor; one that was never finished is garbage after makingFor.
const (
	previewFor = 72 * time.Hour
	makingFor  = time.Hour
)

// freeze is the making of one plan on one session.
type freeze struct {
	*source
	se     *session
	run    string
	listed bool       // there are erasures or suppressions
	kept   []rel.Expr // runs whose jobs are open
	blind  bool       // hashes of the ledger cannot be compared
	merged bool       // profiles of the ledger were merged away; see goneTable
	ops    ops

	held rel.Name // the rows of the ledger that are looked at
	late bool     // fields are joined to what differs when the plan is written, and are not carried until then
	replaced
	skipped int64  // wanted rows that are as they were, and are not in wantTable
	bars    string // names the erasures and suppressions there are
	checked string // those that no marked row of the ledger has an identifier of
	wanted  string // names the wanted rows; "" where that is not known
	steady  bool   // they did not change while they were read
}

// Freeze computes the plan of a run and publishes it.
func (s *source) Freeze(ctx context.Context, g syncs.Grant, run string) (ref syncs.PlanRef, err error) {
	err = s.run(ctx, "planning", func(se *session) error {
		row, ok, err := s.planRow(ctx, se, run)
		switch {
		case err != nil:
			return err
		case ok && row.state == planPreview && g.Epoch > 0:
			row.ref.Epoch = g.Epoch
			ref = row.ref
			return s.publish(ctx, se, g, row)
		case ok && row.state != planMaking:
			ref = row.ref
			return nil
		}
		if err := s.collect(ctx, se, g, run); err != nil {
			return err
		}
		f := &freeze{source: s, se: se, run: run, ops: s.operations(), held: s.own(), steady: true}
		ref, err = f.make(ctx, g)
		if err != nil {
			undo := context.WithoutCancel(ctx)
			return errors.Join(err, se.do(undo, rel.DropTable{Name: s.table(planTable(s.name, run))}, s.forget(run)))
		}
		return nil
	})
	if err != nil {
		return syncs.PlanRef{}, err
	}
	return ref, nil
}

func (f *freeze) make(ctx context.Context, g syncs.Grant) (syncs.PlanRef, error) {
	none := syncs.PlanRef{}
	if err := f.announce(ctx, g); err != nil {
		return none, err
	}
	if err := f.prepare(ctx, g); err != nil {
		return none, err
	}
	if f.capped() {
		if err := f.countCaps(ctx, f.se, f.run); err != nil {
			return none, err
		}
	}
	known, err := f.readCalm(ctx)
	if err != nil {
		return none, err
	}
	v, narrow := survey{ledger: -1}, false
	if f.marks() && !f.blind && f.bound.started && f.bound.print == f.b.Rows.Fingerprint {
		if v, err = f.look(ctx); err != nil {
			return none, err
		}
		if known != nil && known.covers(f, v) {
			return f.nothing(ctx, g, known)
		}
		if narrow, err = f.narrow(ctx, &v); err != nil {
			return none, err
		}
	}
	if narrow {
		f.wanted = v.wanted()
	} else {
		if err := f.desire(ctx); err != nil {
			return none, err
		}
	}
	if err := f.arrange(ctx); err != nil {
		return none, err
	}
	if err := f.replace(ctx); err != nil {
		return none, err
	}
	if err := f.follow(ctx); err != nil {
		return none, err
	}
	if f.blind && g.Epoch > 0 {
		if err := f.rehash(ctx, g); err != nil {
			return none, err
		}
	}
	if err := f.askNeed(ctx); err != nil {
		return none, err
	}
	if err := f.decide(ctx); err != nil {
		return none, err
	}
	p := planned{ref: f.ref(g)}
	if err := f.countWanted(ctx, &p.ref.Tally); err != nil {
		return none, err
	}
	unused := []rel.Name{nearTable, membersTable, goneTable, sharedTable, twiceTable, cappedTable}
	for i := range f.b.Rows.IDs {
		unused = append(unused, needTable(i))
	}
	if !f.late {
		unused = append(unused, wantTable)
	}
	if err := f.drop(ctx, unused...); err != nil {
		return none, err
	}
	if err := f.write(ctx); err != nil {
		return none, err
	}
	if err := f.describe(ctx, &p, v); err != nil {
		return none, err
	}
	return p.ref, f.finish(ctx, g, p)
}

// decide makes todoTable.
func (f *freeze) decide(ctx context.Context) error {
	sts := []rel.Statement{rel.DropTable{Name: todoTable}, rel.CreateTable{Name: todoTable, Temp: true, As: f.todo(), Comment: "what differs from what the destination was last told"}}
	if f.b.Known != nil {
		sts = append(sts, f.leaveUnbuilt())
	}
	return f.se.do(ctx, sts...)
}

// drop gives the room of temporary tables back that are read no more: what is in memory and not
// needed is written to disk to make room for what is.
func (f *freeze) drop(ctx context.Context, of ...rel.Name) error {
	for _, t := range of {
		if err := f.se.do(ctx, rel.DropTable{Name: t}); err != nil {
			return err
		}
	}
	return nil
}

// finish publishes a plan and drops what it was made with.
func (f *freeze) finish(ctx context.Context, g syncs.Grant, p planned) error {
	if err := f.publish(ctx, f.se, g, p); err != nil {
		return err
	}
	return f.drop(ctx, todoTable, partsTable, pairsTable, wantTable, marksTable, cappedTable)
}

// leaveUnbuilt takes profiles out of the plan that no build in force has: the next build may give
// their ids to others, and then the ledger would say of those what was sent to these.
func (f *freeze) leaveUnbuilt() rel.Statement {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	return rel.Update{Table: todoTable, Set: []rel.Assign{{Column: "action", Value: rel.T(isUnbuilt)}},
		Where: and(t("wanted"), anyOf(t("action"))(doUpdate, doAdd, doSkip, doMove), not(rel.Exists{Query: rel.Select{
			Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Sub{Query: f.b.Known, Alias: "k"}, Where: eq(rel.C("k", "profile_id"), t("profile"))}}))}
}

// announce notes that a plan is being made, so that its table is found if this process dies.
func (f *freeze) announce(ctx context.Context, g syncs.Grant) error {
	now, err := f.se.Now(ctx)
	if err != nil {
		return err
	}
	cs := []rel.Column{rel.As("sync", rel.T(f.name)), rel.As("run", rel.T(f.run)), rel.As("epoch", rel.I(g.Epoch)), rel.As("state", rel.T(planMaking)),
		rel.As("table_name", rel.T(planTable(f.name, f.run))), rel.As("made", rel.At(now))}
	return f.fenced(ctx, f.se, g, func(ctx context.Context) error {
		return f.se.do(ctx, rel.Insert{Into: f.table(tPlans), Columns: names(cs), From: rel.Select{Columns: cs}})
	})
}

// fenced runs do in a transaction under the fence; without one for a preview.
func (s *source) fenced(ctx context.Context, se *session, g syncs.Grant, do func(context.Context) error) error {
	return se.Tx(ctx, func(ctx context.Context) error {
		if g.Epoch > 0 {
			if err := s.fence(ctx, se, g); err != nil {
				return err
			}
		}
		return do(ctx)
	})
}

// prepare reads what the statements depend on.
func (f *freeze) prepare(ctx context.Context, g syncs.Grant) error {
	now, err := f.readBound(ctx, f.se)
	if err != nil {
		return err
	}
	if now == nil {
		return fmt.Errorf("the ledger of %s was dropped while it was in use", f.name)
	}
	f.mu.Lock()
	f.bound.print, f.bound.columns, f.bound.canary, f.bound.version, f.bound.started, f.bound.began = now.print, now.columns, now.canary, now.version, now.started, now.began
	f.mu.Unlock()
	canary, err := f.se.canary(ctx)
	if err != nil {
		return err
	}
	f.blind = canary != f.bound.canary
	if f.listed, err = f.Ledger.barred(ctx, f.se); err != nil {
		return err
	}
	if f.listed {
		if f.bars, err = f.nameBars(ctx, f.se); err != nil {
			return err
		}
	}
	if f.private() {
		if err := f.checkKey(ctx, f.se, g.Epoch > 0); err != nil {
			return err
		}
	}
	if f.listed || f.private() {
		if err := f.loadSecret(ctx, f.se); err != nil {
			return err
		}
	}
	return f.se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("run", rel.C("t", "run"))}, From: rel.Table{Name: f.table(tPlans), Alias: "t"},
		Where: and(eq(rel.C("t", "sync"), rel.T(f.name)), eq(rel.C("t", "state"), rel.T(planKept)))},
		func(r []any) error { f.kept = append(f.kept, rel.T(asText(r[0]))); return nil })
}

// rehash gives the ledger the hashes of a warehouse that has come to hash differently. What it
// was told cannot be hashed again, so whoever is wanted is taken for unchanged: to send
// everything again would be worse than to miss what changed since the last run.
func (f *freeze) rehash(ctx context.Context, g syncs.Grant) error {
	canary, err := f.se.canary(ctx)
	if err != nil {
		return err
	}
	var n int64
	err = f.fenced(ctx, f.se, g, func(ctx context.Context) (err error) {
		n, err = f.se.change(ctx, rel.Update{
			Table: f.own(), Set: []rel.Assign{{Column: "hash", Value: rel.C("d", "h")}}, From: rel.Sub{Query: f.placed(), Alias: "d"},
			Where: and(eq(rel.C("d", map[bool]string{true: "key", false: "g"}[f.appends()]), rel.C("t", f.unit())), notNull(rel.C("t", "hash"))),
		})
		if err != nil {
			return err
		}
		return f.se.do(ctx, rel.Update{Table: f.table(tLedgers), Set: []rel.Assign{{Column: "canary", Value: rel.I(canary)}}, Where: eq(rel.C("t", "sync"), rel.T(f.name))})
	})
	if err != nil {
		return err
	}
	f.blind = false
	f.log.Info("the warehouse hashes differently than before: the ledger was hashed again", "sync", f.name, "rows", n)
	return nil
}

// publish makes a plan that stands in its table the plan of its run.
func (s *source) publish(ctx context.Context, se *session, g syncs.Grant, p planned) error {
	ref := p.ref
	tally, err := json.Marshal(tallied{ref.Tally, p.ground})
	if err != nil {
		return err
	}
	holds, err := json.Marshal(ref.Holds)
	if err != nil {
		return err
	}
	state := planPreview
	if g.Epoch > 0 {
		state = planOpen
	}
	return s.fenced(ctx, se, g, func(ctx context.Context) error {
		n, err := se.change(ctx, rel.Update{Table: s.table(tPlans), Set: []rel.Assign{
			{Column: "epoch", Value: rel.I(g.Epoch)}, {Column: "state", Value: rel.T(state)}, {Column: "rows", Value: rel.I(ref.Rows)}, {Column: "forced", Value: rel.I(ref.Forced)},
			{Column: "hash", Value: rel.T(ref.Hash)}, {Column: "version", Value: rel.T(ref.Version)}, {Column: "tally", Value: rel.T(string(tally))},
			{Column: "holds", Value: rel.T(string(holds))}, {Column: "as_of", Value: rel.At(ref.AsOf)},
		}, Where: s.planIs(ref.Run)})
		if err == nil && n != 1 {
			err = fmt.Errorf("plan %s is gone", ref.Run)
		}
		return err
	})
}
