package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// The codes of holds that planning finds.
const (
	HoldReplace = "syncs.first_run_replace"
	HoldCutOff  = "syncs.match_changed"
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
	ops    ops
}

// Freeze computes the plan of a run and publishes it.
func (s *source) Freeze(ctx context.Context, g syncs.Grant, run string) (ref syncs.PlanRef, err error) {
	err = s.run(ctx, "planning", func(se *session) error {
		row, ok, err := s.planRow(ctx, se, run)
		switch {
		case err != nil:
			return err
		case ok && row.state == planPreview && g.Epoch > 0:
			ref = row.ref
			ref.Epoch = g.Epoch
			return s.publish(ctx, se, g, ref)
		case ok && row.state != planMaking:
			ref = row.ref
			return nil
		}
		if err := s.collect(ctx, se, g, run); err != nil {
			return err
		}
		f := &freeze{source: s, se: se, run: run, ops: s.operations()}
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
	if err := f.desire(ctx); err != nil {
		return none, err
	}
	if f.blind && g.Epoch > 0 {
		if err := f.rehash(ctx, g); err != nil {
			return none, err
		}
	}
	plan := rel.Name(f.table(planTable(f.name, f.run)))
	err := f.se.do(ctx,
		rel.DropTable{Name: todoTable}, rel.CreateTable{Name: todoTable, Temp: true, As: f.todo(), Comment: "what differs from what the destination was last told"},
		rel.DropTable{Name: plan}, rel.CreateTable{Name: plan, As: f.plan(), Comment: "what run " + f.run + " is to send"})
	if err != nil {
		return none, err
	}
	ref, err := f.describe(ctx, g)
	if err != nil {
		return none, err
	}
	if err := f.publish(ctx, f.se, g, ref); err != nil {
		return none, err
	}
	return ref, f.se.do(ctx, rel.DropTable{Name: todoTable}, rel.DropTable{Name: wantTable}, rel.DropTable{Name: sharedTable}, rel.DropTable{Name: twiceTable})
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
	f.bound.print, f.bound.columns, f.bound.canary, f.bound.version, f.bound.started = now.print, now.columns, now.canary, now.version, now.started
	f.mu.Unlock()
	canary, err := f.se.canary(ctx)
	if err != nil {
		return err
	}
	f.blind = canary != f.bound.canary
	if f.listed, err = f.Ledger.barred(ctx, f.se); err != nil {
		return err
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

// plan is the query of the plan's table: what is sent, numbered from 0 in the order of sending,
// and behind it, without a number, what is only noted when the run is settled.
func (f *freeze) plan() rel.Query {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	is := func(as ...string) rel.Expr {
		l := rel.InList{Expr: t("action")}
		for _, a := range as {
			l.List = append(l.List, rel.T(a))
		}
		return l
	}
	all := rel.Select{Columns: f.todoColumns(nil), From: rel.Table{Name: todoTable, Alias: "t"}, Where: is(doErase, doForced, doRemove, doUpdate, doAdd, doSkip)}
	rows := rel.Query(all)
	removed := is(doRemove)
	if over := f.hasLeftover(); over != nil {
		rows = rel.Union{All: true, Queries: []rel.Query{all, rel.Select{Columns: f.todoColumns(f.leftoverColumns()), From: rel.Table{Name: todoTable, Alias: "t"}, Where: over}}}
		removed = or(removed, over)
	}
	// Who is removed under one value and added under another has both rows side by side.
	paired := and(is(doUpdate, doAdd), notNull(rel.C("m", "key")))
	section := when(is(doErase), rel.I(0), is(doForced), rel.I(1), or(is(doRemove), paired), rel.I(2), is(doUpdate), rel.I(3), is(doAdd), rel.I(4), rel.I(9))
	turn := when(is(doUpdate, doAdd), rel.I(1), rel.I(0))
	number := rel.F(rel.Subtract, rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: section}, {Expr: t("key")}, {Expr: turn}, {Expr: t("g")}}}, rel.I(1))
	inner := rel.Select{
		Columns: append([]rel.Column{rel.As("seq", when(is(doSkip), rel.Null(models.Integer), number))}, f.planColumns("t")...),
		From:    rel.Sub{Query: rows, Alias: "t"},
		Joins: []rel.Join{{Kind: rel.Left, On: eq(rel.C("m", "key"), t("key")), Rel: rel.Sub{Alias: "m", Query: rel.Select{
			Distinct: true, Columns: []rel.Column{rel.As("key", t("key"))}, From: rel.Table{Name: todoTable, Alias: "t"}, Where: removed,
		}}}},
	}
	return rel.Select{Columns: append([]rel.Column{rel.As("seq", rel.C("p", "seq"))}, f.planColumns("p")...), From: rel.Sub{Query: inner, Alias: "p"},
		OrderBy: []rel.Order{{Expr: rel.C("p", "seq")}}}
}

// planNames are the columns of a plan after its number.
func (s *source) planNames() []string {
	out := []string{"action", "key", "profile", "g"}
	for i := range s.b.Rows.IDs {
		out = append(out, id(i))
	}
	for i := range s.b.Rows.Fields {
		out = append(out, field(i))
	}
	return append(out, "remote_id", "hash", "version", "doubt", "l_state", "attempts", "leftover")
}

func (s *source) planColumns(alias string) []rel.Column {
	var cs []rel.Column
	for _, n := range s.planNames() {
		cs = append(cs, rel.As(n, rel.C(alias, n)))
	}
	return cs
}

// todoColumns are the columns of a plan from todoTable, with some replaced.
func (f *freeze) todoColumns(replaced map[string]rel.Expr) []rel.Column {
	cs := f.planColumns("t")
	for i, c := range cs {
		if c.As == "leftover" {
			cs[i].Expr = rel.B(false)
		}
		if e, ok := replaced[c.As]; ok {
			cs[i].Expr = e
		}
	}
	return cs
}

// hasLeftover is true for a row of todoTable that has to be removed in part; nil if none can be.
func (f *freeze) hasLeftover() rel.Expr {
	if f.appends() || f.b.Sync.Mode != syncs.Mirror || f.ops.leave == 0 || f.ops.leave != f.ops.remove || len(f.b.Rows.IDs) < 2 {
		return nil
	}
	var any []rel.Expr
	for i := range f.b.Rows.IDs {
		any = append(any, notNull(rel.C("t", "old_"+id(i))))
	}
	return and(eq(rel.C("t", "action"), rel.T(doUpdate)), or(any...))
}

func (f *freeze) leftoverColumns() map[string]rel.Expr {
	out := map[string]rel.Expr{"action": rel.T(doRemove), "leftover": rel.B(true), "remote_id": rel.Null(models.Text), "hash": rel.I(0), "version": rel.I(0),
		"doubt": rel.B(false), "l_state": rel.Null(models.Text), "attempts": rel.I(0)}
	var g []rel.Expr
	for i, c := range f.b.Rows.IDs {
		out[id(i)] = rel.C("t", "old_"+id(i))
		g = append(g, concat(rel.T(c.Name+":"), rel.C("t", "old_"+id(i))))
	}
	out["g"] = coalesce(g...)
	for i, c := range f.b.Rows.Fields {
		out[field(i)] = rel.Null(nullType(c))
	}
	return out
}

func nullType(c compile.RowColumn) models.Type {
	if c.Type == models.Unknown {
		return models.Text
	}
	return c.Type
}

// describe counts what planning found and names the plan.
func (f *freeze) describe(ctx context.Context, g syncs.Grant) (syncs.PlanRef, error) {
	ref := syncs.PlanRef{Sync: f.name, Run: f.run, Epoch: g.Epoch, Table: planTable(f.name, f.run), Version: fmt.Sprint(f.bound.version), AsOf: f.b.AsOf}
	y := &ref.Tally
	invalid := func(code string, n int64) {
		if n == 0 {
			return
		}
		if y.Reasons == nil {
			y.Reasons = map[string]int64{}
		}
		y.Invalid += n
		y.Reasons[code] += n
	}
	count := rel.As("n", rel.Agg{Fn: rel.CountRows})
	var placed int64
	err := f.se.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("place", f.place()), rel.As("invalid", rel.C("w", "invalid")), count},
		From:    rel.Table{Name: wantTable, Alias: "w"}, Joins: f.placeJoins(), GroupBy: []rel.Expr{f.place(), rel.C("w", "invalid")},
	}, func(r []any) error {
		n := asInt(r[2])
		switch asText(r[0]) {
		case inPlace:
			placed += n
			if r[1] == nil {
				y.Desired += n
			}
		case noKey:
			y.NullKeys += n
			invalid(codeNullKey, n)
		case doubled:
			y.DoubledKeys += n
			invalid(codeDoubledKey, n)
		case keptOut:
			y.Suppressed += n
		case shared:
			invalid(codeSharedMatch, n)
		case unmatched:
			if r[1] != nil {
				invalid(asText(r[1]), n)
			} else {
				invalid(codeNoMatch, n)
			}
		}
		return nil
	})
	if err != nil {
		return ref, err
	}
	y.Unchanged = placed
	code := when(eq(rel.C("t", "action"), rel.T(isInvalid)), rel.C("t", "code"))
	var cutOff int64
	err = f.se.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("action", rel.C("t", "action")), rel.As("wanted", rel.C("t", "wanted")), rel.As("code", code), count},
		From:    rel.Table{Name: todoTable, Alias: "t"}, GroupBy: []rel.Expr{rel.C("t", "action"), rel.C("t", "wanted"), code},
	}, func(r []any) error {
		n, moved := asInt(r[3]), true
		switch asText(r[0]) {
		case doAdd:
			y.Added += n
		case doUpdate:
			y.Updated += n
		case doRemove:
			y.Removed += n
		case doErase, doForced:
			y.Removed += n
			y.Forced += n
		case isInvalid:
			invalid(asText(r[2]), n)
		case isWaiting:
			y.Waiting += n
		case isQuarant:
			y.Quarantined += n
		case isDoubted:
			y.InDoubt += n
		case isCutOff:
			cutOff += n
		default:
			moved = false
		}
		if moved && asBool(r[1]) {
			y.Unchanged -= n
		}
		return nil
	})
	if err != nil {
		return ref, err
	}
	if over := f.hasLeftover(); over != nil {
		n, err := f.se.number(ctx, rel.Select{Columns: []rel.Column{count}, From: rel.Table{Name: todoTable, Alias: "t"}, Where: over})
		if err != nil {
			return ref, err
		}
		y.Removed += n
	}
	if y.Ledger, err = f.se.number(ctx, rel.Select{Columns: []rel.Column{count}, From: rel.Table{Name: f.own(), Alias: "t"}, Where: rel.F(rel.Ne, rel.C("t", "state"), rel.T(stAbsent))}); err != nil {
		return ref, err
	}
	if y.Resumed, err = f.leftOver(ctx); err != nil {
		return ref, err
	}
	y.SourceRows = placed
	if f.b.Rows.Source != nil {
		if y.SourceRows, err = f.sourceRows(ctx); err != nil {
			return ref, err
		}
	}
	y.Mapping = f.bound.started && f.bound.print != f.b.Rows.Fingerprint
	y.Columns = f.bound.started && f.bound.columns != f.columns() && (f.b.Columns != nil || !y.Mapping)
	ref.Rows, ref.Forced = y.Added+y.Updated+y.Removed, y.Forced
	ref.Holds = f.holds(cutOff)
	ref.Hash, err = f.digest(ctx, ref)
	return ref, err
}

// leftOver reads how many additions the sync's last run planned and did not bring about. A run
// that a guard held does not count, since nothing says that they are wanted: of such a run no
// more is told than removals.
func (f *freeze) leftOver(ctx context.Context) (int64, error) {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	sum := func(first rel.Expr, more ...string) rel.Expr {
		for _, c := range more {
			first = rel.F(rel.Add, first, t(c))
		}
		return first
	}
	left := sum(t("due"), "in_doubt")
	passed := or(eq(left, rel.I(0)), rel.F(rel.Gt, sum(t("delivered"), "accepted", "rejected", "in_doubt"), t("removed")))
	return f.se.number(ctx, rel.Select{
		Columns: []rel.Column{rel.As("n", when(rel.F(rel.Lt, left, t("added")), left, t("added")))},
		From:    rel.Table{Name: f.table(tRuns), Alias: "t"}, Where: and(eq(t("sync"), rel.T(f.name)), passed),
		OrderBy: []rel.Order{{Expr: t("at"), Desc: true}, {Expr: t("run"), Desc: true}}, Limit: 1,
	})
}

// sourceRows reads how many rows there were before policies. The query gives either that number
// or the rows themselves.
func (f *freeze) sourceRows(ctx context.Context) (int64, error) {
	return f.se.number(ctx, f.b.Rows.Source)
}

func (f *freeze) holds(cutOff int64) []syncs.Hold {
	var out []syncs.Hold
	if f.b.Sync.FirstRun == syncs.Replace && !f.bound.started {
		out = append(out, syncs.Hold{Code: HoldReplace, What: "the first run replaces whoever is at the destination already", Fix: "read the plan, then approve it"})
	}
	if cutOff > 0 {
		out = append(out, syncs.Hold{Code: HoldCutOff, What: fmt.Sprintf("%d rows at the destination are known by identifiers that the sync no longer maps, and cannot be removed", cutOff),
			Fix: "map the old identifier beside the new one until a run has removed them, or start over: weir sync reset " + f.name})
	}
	return out
}

// digest is a hash over the sync's fingerprint and every change, whatever their order.
func (f *freeze) digest(ctx context.Context, ref syncs.PlanRef) (string, error) {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	line := concat(t("action"), rel.T(":"), t("key"), rel.T(":"), t("g"), rel.T(":"), text(t("hash"), models.Integer), rel.T(":"), text(t("version"), models.Integer))
	bits, err := f.se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("bits", rel.Agg{Fn: rel.BitXor, Arg: rel.F(rel.Hash64, line)})},
		From: rel.Table{Name: f.table(ref.Table), Alias: "t"}, Where: notNull(t("seq"))})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%d", f.b.Rows.Fingerprint, bits, ref.Rows, ref.Forced))
	return hex.EncodeToString(sum[:12]), nil
}

// publish makes a plan that stands in its table the plan of its run.
func (s *source) publish(ctx context.Context, se *session, g syncs.Grant, ref syncs.PlanRef) error {
	tally, err := json.Marshal(ref.Tally)
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
