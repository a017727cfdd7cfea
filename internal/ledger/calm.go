package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// resting is what a sync's row of the calm table says: what has not to be looked at again.
type resting struct {
	started string // when the ledger's first run was settled: another ledger began at another time
	version int64  // of the ledger
	bars    string // names erasures and suppressions: no marked row of the ledger has an identifier of one
	wanted  string // names wanted rows for which nothing was left to do; "" for none
	tally   syncs.Tally
}

// readCalm reads what the last settle left behind, and what its marks are worth; nil if that was
// of another ledger.
func (f *freeze) readCalm(ctx context.Context) (r *resting, err error) {
	if !f.remarks() || !f.bound.started {
		return nil, nil
	}
	c := func(n string) rel.Expr { return rel.C("c", n) }
	err = f.se.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("started", c("started")), rel.As("version", c("version")), rel.As("bars", c("bars")), rel.As("wanted", c("wanted")), rel.As("tally", c("tally"))},
		From:    rel.Table{Name: f.table(tCalm), Alias: "c"}, Where: eq(c("sync"), rel.T(f.name)),
	}, func(row []any) error {
		x := &resting{started: asText(row[0]), version: asInt(row[1]), bars: asText(row[2]), wanted: asText(row[3])}
		if x.started != momentOf(f.bound.began) {
			return nil
		}
		r = x
		return json.Unmarshal([]byte(asText(row[4])), &r.tally)
	})
	if r != nil {
		f.checked = r.bars
	} else {
		f.checked = unchecked
	}
	return r, err
}

// unchecked is a name that no set of erasures and suppressions has.
const unchecked = "?"

func momentOf(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// covers reports whether nothing is different from when the ledger was last settled: the same rows
// are wanted, nobody else is barred, and the ledger is the same.
func (r *resting) covers(f *freeze, v survey) bool {
	return r.wanted != "" && r.wanted == v.wanted() && r.version == f.bound.version && r.bars == f.bars && len(f.kept) == 0
}

// nothing is the plan of a sync for which nothing is different from when it was last settled. It
// has no table.
func (f *freeze) nothing(ctx context.Context, g syncs.Grant, r *resting) (syncs.PlanRef, error) {
	p := planned{ref: f.ref(g), ground: ground{Idle: true}}
	p.ref.Tally = r.tally
	if err := f.compareSource(ctx, &p.ref.Tally); err != nil {
		return p.ref, err
	}
	p.ref.Hash = f.digest(p.ref, 0)
	return p.ref, f.finish(ctx, g, p)
}

// namedBars names all erasures and suppressions; "" if there are none.
func (l *Ledger) namedBars(ctx context.Context, s *session) (string, error) {
	some, err := l.anyBars(ctx, s)
	if err != nil || !some {
		return "", err
	}
	return l.nameBars(ctx, s)
}

// nameBars names all erasures and suppressions, of which there are some.
func (l *Ledger) nameBars(ctx context.Context, s *session) (string, error) {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	of := func(table string, bits rel.Expr) rel.Query {
		return rel.Select{Columns: []rel.Column{rel.As("what", rel.T(table)), rel.As("n", rel.Agg{Fn: rel.CountRows}), rel.As("bits", rel.Agg{Fn: rel.BitXor, Arg: bits})}, From: rel.Table{Name: l.table(table), Alias: "t"}}
	}
	counts := map[string]string{}
	err := s.each(ctx, rel.Union{All: true, Queries: []rel.Query{
		of(tErasures, rel.F(rel.HashRow, t("hash"))), of(tSuppressions, rel.F(rel.HashRow, t("channel"), t("hash"))),
	}}, func(r []any) error { counts[asText(r[0])] = fmt.Sprintf("%d:%d", asInt(r[1]), asInt(r[2])); return nil })
	return counts[tErasures] + " " + counts[tSuppressions], err
}

// rest notes, after a run was settled, what the next plan has no need to look at. Nothing is left to
// do for the rows that were wanted if all of the plan was told, everybody who is wanted and can be
// sent has a row of the ledger as told, and other rows ask for nothing: there are none, or this plan
// did not ask for their removal and the next cannot either. Those of people who are not wanted and
// to whom nothing was ever told are none.
func (f *folding) rest(ctx context.Context, c syncs.Counts) error {
	if !f.Marks {
		return nil
	}
	y := f.ref.Tally
	b, err := f.readBound(ctx, f.se)
	if err != nil {
		return err
	}
	if b == nil {
		return fmt.Errorf("the ledger of %s was dropped while it was in use", f.name)
	}
	r := resting{bars: f.Bars}
	idle := f.Wanted != "" && !f.keep && c.Delivered == f.ref.Rows && y.Waiting+y.InDoubt+y.Quarantined+y.Merged+y.Unbuilt == 0 && len(f.ref.Holds) == 0
	if idle {
		all, still, ledger, err := f.told(ctx)
		if err != nil {
			return err
		}
		if still == y.Desired && (all == still || f.ref.Rows == 0 && f.operations().leave != 0) {
			r.wanted = f.Wanted
			r.tally = syncs.Tally{Ledger: ledger, Desired: still, Unchanged: still, Invalid: y.Invalid, Suppressed: y.Suppressed,
				NullKeys: y.NullKeys, DoubledKeys: y.DoubledKeys, SourceRows: y.SourceRows, Reasons: y.Reasons}
		}
	}
	text, err := json.Marshal(r.tally)
	if err != nil {
		return err
	}
	cs := []rel.Column{rel.As("sync", rel.T(f.name)), rel.As("started", rel.T(momentOf(b.began))), rel.As("version", rel.I(b.version)), rel.As("bars", rel.T(r.bars)),
		rel.As("wanted", rel.T(r.wanted)), rel.As("tally", rel.T(string(text)))}
	return f.se.do(ctx, rel.Delete{From: f.table(tCalm), Where: eq(rel.C("t", "sync"), rel.T(f.name))}, rel.Insert{Into: f.table(tCalm), Columns: names(cs), From: rel.Select{Columns: cs}})
}

// told counts the rows of the ledger after a run of which everything was told: those that are not absent
// or in doubt, those of them that are known to be as they were made, and those that are not absent.
func (f *folding) told(ctx context.Context) (all, still, ledger int64, err error) {
	others := []string{doSkip, doMove, doClose, doEnd, doMark, doNote}
	if n := f.Settled; n > 0 && f.amended == 0 && !f.acts(others...) { // the run changed no others than those it counted
		n += f.inserted - f.deleted
		return n, n, n, nil
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	count := func(as string, where rel.Expr) rel.Column {
		return rel.As(as, rel.Agg{Fn: rel.Count, Arg: when(where, rel.I(1))})
	}
	there := rel.F(rel.Ne, t("state"), rel.T(stAbsent))
	err = f.se.each(ctx, rel.Select{
		Columns: []rel.Column{count("n", or(there, isTrue(t("doubt")))), count("still", and(calm("t"), eq(t("state"), rel.T(stSent)))), count("ledger", there)},
		From:    rel.Table{Name: f.own(), Alias: "t"},
	}, func(row []any) error { all, still, ledger = asInt(row[0]), asInt(row[1]), asInt(row[2]); return nil })
	return all, still, ledger, err
}

// remarks reports whether the plan notes the marks of rows: not where hashes cannot be compared.
func (f *freeze) remarks() bool { return f.marks() && !f.blind }
