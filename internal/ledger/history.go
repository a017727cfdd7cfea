package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// Past is a run as the warehouse tells of it, whichever machine ran it.
type Past struct {
	Run     string
	Sync    string // by the name that it has now
	Asked   string // who asked for it; "" if its end is not recorded
	Started time.Time
	Settled time.Time     // zero if nothing of it was settled
	Counts  syncs.Counts  // what was settled of it
	Report  *syncs.Report // nil if its end is not recorded
	Refused string        // what its maker wants to know of rows that were not delivered, without personal data
}

// PastFilter selects runs. The zero one selects all.
type PastFilter struct {
	Sync  string
	Run   string
	Last  bool // only the newest of each sync
	Limit int
}

// Record writes how a run ended into the history. Recording it again replaces what was said.
func (l *Ledger) Record(ctx context.Context, p Past) error {
	report, err := json.Marshal(p.Report)
	if err != nil {
		return fmt.Errorf("recording run %s: %w", p.Run, err)
	}
	holds, err := json.Marshal(append([]syncs.Hold{}, p.Report.Holds...))
	if err != nil {
		return fmt.Errorf("recording run %s: %w", p.Run, err)
	}
	r := p.Report
	text := func(s string) rel.Expr {
		if s == "" {
			return rel.Null(models.Text)
		}
		return rel.T(s)
	}
	at := func(t time.Time) rel.Expr {
		if t.IsZero() {
			return rel.Null(models.Timestamp)
		}
		return rel.At(t)
	}
	set := []rel.Assign{{Column: "status", Value: text(string(r.Status))}, {Column: "code", Value: text(r.Code)}, {Column: "error", Value: text(r.Error)}, {Column: "fix", Value: text(r.Fix)},
		{Column: "asked", Value: text(p.Asked)}, {Column: "started", Value: at(p.Started)}, {Column: "ended", Value: at(r.Ended)}, {Column: "requests", Value: rel.I(r.Requests)},
		{Column: "holds", Value: rel.T(string(holds))}, {Column: "refused", Value: text(p.Refused)}, {Column: "report", Value: rel.T(string(report))}}
	s := &source{Ledger: l, name: p.Sync}
	return l.with(ctx, "recording run "+p.Run, func(se *session) error {
		return se.Tx(ctx, func(ctx context.Context) error {
			cs := append([]rel.Column{rel.As("run", rel.T(p.Run)), rel.As("sync", rel.T(p.Sync)), rel.As("rows", rel.I(0))}, countColumns(r.Counts)...)
			return se.do(ctx, insertUnless(l.table(tRuns), cs, s.planIs(p.Run)), rel.Update{Table: l.table(tRuns), Set: set, Where: s.planIs(p.Run)})
		})
	})
}

// History lists runs, newest first: those of which the warehouse holds an end or what was settled,
// and those whose plan is being sent. It makes nothing.
func (l *Ledger) History(ctx context.Context, f PastFilter) ([]Past, error) {
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	have, err := s.have(ctx, l.w.Schema())
	if err != nil || !have[tRuns] {
		return nil, err
	}
	out, err := l.pastRuns(ctx, s, f)
	if err != nil || !have[tPlans] {
		return out, err
	}
	open, err := l.openRuns(ctx, s, f)
	if err != nil {
		return nil, err
	}
	out = append(out, open...)
	slices.SortStableFunc(out, func(a, b Past) int { return b.Started.Compare(a.Started) })
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

// picks is the condition on a table of sync and run.
func (f PastFilter) picks(more ...rel.Expr) rel.Expr {
	if f.Sync != "" {
		more = append(more, eq(rel.C("t", "sync"), rel.T(f.Sync)))
	}
	if f.Run != "" {
		more = append(more, eq(rel.C("t", "run"), rel.T(f.Run)))
	}
	if len(more) == 0 {
		return rel.B(true)
	}
	return and(more...)
}

func (l *Ledger) pastRuns(ctx context.Context, s *session, f PastFilter) (out []Past, err error) {
	there, err := s.Columns(ctx, l.table(tRuns))
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, c := range there {
		has[c.Name] = true
	}
	grown := has["report"] // it is not, until a run of this weir
	cs := slices.DeleteFunc(all(tables[tRuns], "t"), func(c rel.Column) bool { return !has[c.As] })
	began := rel.Expr(rel.C("t", "at"))
	var where []rel.Expr
	if grown {
		began = coalesce(rel.C("t", "started"), began)
		if f.Last {
			where = append(where, not(l.laterRun()))
		}
	}
	err = s.each(ctx, rel.Select{Columns: cs, From: rel.Table{Name: l.table(tRuns), Alias: "t"}, Where: f.picks(where...),
		OrderBy: []rel.Order{{Expr: began, Desc: true}, {Expr: rel.C("t", "run"), Desc: true}}, Limit: int64(f.Limit)}, func(r []any) error {
		p := Past{Run: asText(r[0]), Sync: asText(r[1]), Counts: countsOf(r[6:])}
		if r[3] != nil {
			p.Settled = asTime(r[3])
		}
		p.Started = p.Settled
		if grown && r[28] != nil {
			p.Asked, p.Refused, p.Report = asText(r[22]), asText(r[27]), &syncs.Report{}
			if err := json.Unmarshal([]byte(asText(r[28])), p.Report); err != nil {
				return fmt.Errorf("the history of run %s: %w", p.Run, err)
			}
			p.Report.Sync = p.Sync // it may have been renamed since
			p.Started = p.Report.Started
			if p.Started.IsZero() {
				p.Started = asTime(r[23])
			}
		}
		out = append(out, p)
		return nil
	})
	return out, err
}

// openRuns lists the runs whose plan was begun and neither settled nor given up.
func (l *Ledger) openRuns(ctx context.Context, s *session, f PastFilter) (out []Past, err error) {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	known := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: l.table(tRuns), Alias: "r"},
		Where: and(eq(rel.C("r", "sync"), t("sync")), eq(rel.C("r", "run"), t("run")))}}
	err = s.each(ctx, rel.Select{Columns: []rel.Column{rel.As("run", t("run")), rel.As("sync", t("sync")), rel.As("made", t("made"))},
		From: rel.Table{Name: l.table(tPlans), Alias: "t"}, Where: f.picks(eq(t("state"), rel.T(planOpen)), not(known)), OrderBy: []rel.Order{{Expr: t("made"), Desc: true}}},
		func(r []any) error {
			out = append(out, Past{Run: asText(r[0]), Sync: asText(r[1]), Started: asTime(r[2])})
			return nil
		})
	return out, err
}

// runTime is when the row of a run was written.
func runTime(alias string) rel.Expr {
	return coalesce(rel.C(alias, "at"), rel.C(alias, "ended"))
}

// laterRun is true for a run of t which is not the newest of its sync.
func (l *Ledger) laterRun() rel.Expr {
	last := rel.Sub{Alias: "m", Query: rel.Select{
		Columns: []rel.Column{rel.As("sync", rel.C("n", "sync")), rel.As("last", rel.Agg{Fn: rel.Max, Arg: runTime("n")})},
		From:    rel.Table{Name: l.table(tRuns), Alias: "n"}, GroupBy: []rel.Expr{rel.C("n", "sync")},
	}}
	return rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: last,
		Where: and(eq(rel.C("m", "sync"), rel.C("t", "sync")), rel.F(rel.Gt, rel.C("m", "last"), runTime("t")))}}
}
