package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// The codes of holds that planning finds.
const (
	HoldReplace = "syncs.first_run_replace"
	HoldCutOff  = "syncs.match_changed"
	HoldHoldout = "syncs.holdout_added"
	HoldArm     = "syncs.arm_named"
)

// countRows is a column of counts.
var countRows = rel.As("n", rel.Agg{Fn: rel.CountRows})

// countWanted counts the wanted rows by their places, and names them if that was not done.
func (f *freeze) countWanted(ctx context.Context, y *syncs.Tally) error {
	var placed int64
	err := f.se.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("place", f.place()), rel.As("invalid", rel.C("w", "invalid")), countRows},
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
			notFit(y, codeNullKey, n)
		case doubled:
			y.DoubledKeys += n
			notFit(y, codeDoubledKey, n)
		case keptOut:
			y.Suppressed += n
		case shared:
			notFit(y, codeSharedMatch, n)
		case unmatched:
			if r[1] != nil {
				notFit(y, asText(r[1]), n)
			} else {
				notFit(y, codeNoMatch, n)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	y.Desired += f.skipped
	y.Unchanged, y.SourceRows = placed+f.skipped, placed+f.skipped
	if !f.remarks() || !f.steady || f.wanted != "" {
		return nil
	}
	// Every wanted row is in wantTable.
	return f.se.each(ctx, rel.Select{Columns: []rel.Column{countRows, rel.As("bits", bitsOf("w"))}, From: rel.Table{Name: wantTable, Alias: "w"}},
		func(r []any) error { f.wanted = survey{rows: asInt(r[0]), bits: asInt(r[1])}.wanted(); return nil })
}

// notFit counts rows that cannot be sent.
func notFit(y *syncs.Tally, code string, n int64) {
	if n == 0 {
		return
	}
	if y.Reasons == nil {
		y.Reasons = map[string]int64{}
	}
	y.Invalid += n
	y.Reasons[code] += n
}

// describe counts what planning found and names the plan.
func (f *freeze) describe(ctx context.Context, p *planned, v survey) (err error) {
	ref := &p.ref
	y := &ref.Tally
	code := when(eq(rel.C("t", "action"), rel.T(isInvalid)), rel.C("t", "code"))
	var cutOff int64
	err = f.se.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("action", rel.C("t", "action")), rel.As("wanted", rel.C("t", "wanted")), rel.As("code", code), countRows},
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
			if asText(r[0]) == doErase {
				y.Erased += n
			}
		case isInvalid:
			notFit(y, asText(r[2]), n)
		case isWaiting:
			y.Waiting += n
		case isQuarant:
			y.Quarantined += n
		case isDoubted:
			y.InDoubt += n
		case isCutOff:
			cutOff += n
		case isUnbuilt:
			y.Unbuilt += n
		case doMove, doClose:
			y.Merged += n
			moved = false
		default:
			moved = false
		}
		if moved && asBool(r[1]) {
			y.Unchanged -= n
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := f.countParts(ctx, y); err != nil {
		return err
	}
	if y.Ledger = v.ledger; y.Ledger < 0 {
		if y.Ledger, err = f.se.number(ctx, rel.Select{Columns: []rel.Column{countRows}, From: rel.Table{Name: f.own(), Alias: "t"}, Where: rel.F(rel.Ne, rel.C("t", "state"), rel.T(stAbsent))}); err != nil {
			return err
		}
	}
	if y.Resumed, err = f.leftOver(ctx); err != nil {
		return err
	}
	if err := f.compareSource(ctx, y); err != nil {
		return err
	}
	ref.Rows, ref.Forced = y.Added+y.Updated+y.Removed, y.Forced
	if f.replaced.asked { // nobody else is in the ledger yet
		y.Replaced = y.Removed - y.Forced - y.Further
	}
	ref.Holds = f.holds(*y, cutOff)
	if err := f.holdArms(ctx, ref); err != nil {
		return err
	}
	if err := f.holdShape(ctx, ref); err != nil {
		return err
	}
	if err := f.foundation(ctx, p, v); err != nil {
		return err
	}
	return nil
}

// ref is a plan of this run that has nothing.
func (f *freeze) ref(g syncs.Grant) syncs.PlanRef {
	return syncs.PlanRef{Sync: f.name, Run: f.run, Epoch: g.Epoch, Table: planTable(f.name, f.run), Version: f.bound.versionText(), AsOf: f.b.AsOf}
}

// compareSource counts the rows before policies and tells what changed in how rows are made.
func (f *freeze) compareSource(ctx context.Context, y *syncs.Tally) (err error) {
	if f.b.Rows.Source != nil {
		y.SourceRows, err = f.se.number(ctx, f.b.Rows.Source)
	}
	y.Mapping = f.bound.started && f.bound.print != f.b.Rows.Fingerprint
	y.Columns = f.bound.started && f.bound.columns != f.columns() && (f.b.Columns != nil || !y.Mapping)
	return err
}

// countParts adds the removals of single match values.
func (f *freeze) countParts(ctx context.Context, y *syncs.Tally) error {
	if !f.singly() {
		return nil
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	return f.se.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("action", t("action")), rel.As("further", t("further")), rel.As("n", rel.Agg{Fn: rel.CountRows})},
		From:    rel.Table{Name: partsTable, Alias: "t"}, Where: rel.F(rel.Ne, t("action"), rel.T(doNote)), GroupBy: []rel.Expr{t("action"), t("further")},
	}, func(r []any) error {
		n := asInt(r[2])
		y.Removed += n
		switch {
		case asText(r[0]) != doRemove:
			y.Forced += n
			if asText(r[0]) == doErase {
				y.Erased += n
			}
		case asBool(r[1]):
			y.Further += n
		}
		return nil
	})
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
		From:    rel.Table{Name: f.table(tRuns), Alias: "t"}, Where: and(eq(t("sync"), rel.T(f.name)), notNull(t("at")), passed),
		OrderBy: []rel.Order{{Expr: t("at"), Desc: true}, {Expr: t("run"), Desc: true}}, Limit: 1,
	})
}

func (f *freeze) holds(y syncs.Tally, cutOff int64) []syncs.Hold {
	var out []syncs.Hold
	if f.replaces() {
		out = append(out, f.holdReplaced(y))
	}
	if cutOff > 0 {
		out = append(out, syncs.Hold{Code: HoldCutOff, What: fmt.Sprintf("%d rows at the destination are known by identifiers that the sync no longer maps, and cannot be removed", cutOff),
			Fix: "map the old identifier beside the new one until a run has removed them"})
	}
	return out
}

// holdArms holds a plan that takes people away because a holdout was added, or because the sync
// now names an arm of the split: they have been reached already, so that they are no sound group
// to compare with.
func (f *freeze) holdArms(ctx context.Context, ref *syncs.PlanRef) error {
	for _, x := range []struct {
		who             rel.Query
		code, what, fix string
	}{
		{f.b.Rows.HeldOut, HoldHoldout, "a holdout takes away %d of those who were sent before", "approve it if the holdout is meant for those who are in already"},
		{f.b.Rows.OtherArm, HoldArm, "%d of those who were sent before would go, since they are in another arm of the split", "approve it if the split is meant for those who are in already"},
	} {
		if x.who == nil {
			continue
		}
		n, err := f.se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: todoTable, Alias: "t"},
			Joins: []rel.Join{{Rel: rel.Sub{Query: x.who, Alias: "o"}, On: eq(rel.C("o", "key"), rel.C("t", "key"))}},
			Where: and(eq(rel.C("t", "action"), rel.T(doRemove)), not(rel.C("t", "moved")))})
		if err != nil {
			return err
		}
		if n > 0 {
			ref.Holds = append(ref.Holds, syncs.Hold{Code: x.code, What: fmt.Sprintf(x.what, n), Fix: x.fix})
		}
	}
	return nil
}

// foundation names the plan, and notes what settling it has to know.
func (f *freeze) foundation(ctx context.Context, p *planned, v survey) error {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	line := rel.F(rel.HashRow, t("action"), t("key"), t("g"), t("hash"), t("version"))
	var bits int64
	err := f.se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("bits", rel.Agg{Fn: rel.BitXor, Arg: when(notNull(t("seq")), line)}), rel.As("n", rel.Agg{Fn: rel.CountRows})},
		From: rel.Table{Name: f.table(p.ref.Table), Alias: "t"}}, func(r []any) error {
		bits, p.ground.Noted = asInt(r[0]), asInt(r[1])-p.ref.Rows
		return nil
	})
	if err != nil {
		return err
	}
	p.ref.Hash = f.digest(p.ref, bits)
	p.ground.Marks, p.ground.Bars, p.ground.Narrow = f.remarks(), f.bars, f.held[0] == nearTable[0]
	p.ground.Replaced = f.replaced.asked
	if v.sent == v.all {
		p.ground.Settled = v.all
	}
	if f.remarks() && f.steady {
		p.ground.Wanted = f.wanted
	}
	return nil
}

// digest is a hash over the sync's fingerprint and every change, whatever their order: bits.
func (f *freeze) digest(ref syncs.PlanRef, bits int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%d", f.b.Rows.Fingerprint, bits, ref.Rows, ref.Forced))
	return hex.EncodeToString(sum[:12])
}
