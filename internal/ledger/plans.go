package ledger

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// planned is a row of the plans table.
type planned struct {
	state  string
	ref    syncs.PlanRef
	ground ground
}

// ground is what settling a plan has to know beside the plan itself.
type ground struct {
	Marks    bool   `json:"marks,omitempty"`    // the plan's rows have marks
	Noted    int64  `json:"noted,omitempty"`    // rows that are not sent, but noted
	Bars     string `json:"bars,omitempty"`     // names the erasures and suppressions that it rests on
	Wanted   string `json:"wanted,omitempty"`   // names the wanted rows that it rests on; "" if that is not known
	Narrow   bool   `json:"narrow,omitempty"`   // rows whose marks say that they are as before were not looked at
	Settled  int64  `json:"settled,omitempty"`  // rows of the ledger, if every one of them was told and is known to be as it was made
	Replaced bool   `json:"replaced,omitempty"` // its removals are of members whom the ledger does not know yet
	Idle     bool   `json:"idle,omitempty"`     // nothing was different from when the ledger was last settled: it has no table
}

// tallied is how a plan's tally is kept.
type tallied struct {
	syncs.Tally
	Ground ground `json:"ground"`
}

func (s *source) planIs(run string) rel.Expr {
	return and(eq(rel.C("t", "sync"), rel.T(s.name)), eq(rel.C("t", "run"), rel.T(run)))
}

func (s *source) forget(run string) rel.Statement {
	return rel.Delete{From: s.table(tPlans), Where: s.planIs(run)}
}

// planRows reads plans, oldest first.
func (s *source) planRows(ctx context.Context, se *session, where rel.Expr) (out []planned, err error) {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	err = se.each(ctx, rel.Select{
		Columns: all(tables[tPlans], "t"), From: rel.Table{Name: s.table(tPlans), Alias: "t"}, Where: where,
		OrderBy: []rel.Order{{Expr: t("epoch")}, {Expr: t("made")}, {Expr: t("run")}},
	}, func(r []any) error {
		p := planned{state: asText(r[3]), ref: syncs.PlanRef{
			Sync: asText(r[0]), Run: asText(r[1]), Epoch: asInt(r[2]), Table: asText(r[4]), Rows: asInt(r[5]), Forced: asInt(r[6]),
			Hash: asText(r[7]), Version: asText(r[8]), AsOf: asTime(r[11]),
		}}
		if p.state != planMaking {
			var y tallied
			if err := errors.Join(json.Unmarshal([]byte(asText(r[9])), &y), json.Unmarshal([]byte(asText(r[10])), &p.ref.Holds)); err != nil {
				return err
			}
			p.ref.Tally, p.ground = y.Tally, y.Ground
		}
		out = append(out, p)
		return nil
	})
	return out, err
}

func (s *source) planRow(ctx context.Context, se *session, run string) (planned, bool, error) {
	ps, err := s.planRows(ctx, se, s.planIs(run))
	if err != nil || len(ps) == 0 {
		return planned{}, false, err
	}
	return ps[0], true, nil
}

// Plan finds the plan of an earlier run.
func (s *source) Plan(ctx context.Context, run string) (ref syncs.PlanRef, ok bool, err error) {
	err = s.run(ctx, "looking for a plan of", func(se *session) error {
		p, found, err := s.planRow(ctx, se, run)
		ref, ok = p.ref, found && p.state != planMaking
		return err
	})
	return ref, ok, err
}

// Open lists published plans whose run has no marker yet, oldest first.
func (s *source) Open(ctx context.Context) (out []syncs.PlanRef, err error) {
	err = s.run(ctx, "listing open plans of", func(se *session) error {
		ps, err := s.planRows(ctx, se, and(eq(rel.C("t", "sync"), rel.T(s.name)), eq(rel.C("t", "state"), rel.T(planOpen)),
			not(rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: s.table(tRuns), Alias: "r"},
				Where: and(eq(rel.C("r", "sync"), rel.C("t", "sync")), eq(rel.C("r", "run"), rel.C("t", "run")), notNull(rel.C("r", "at")))}})))
		for _, p := range ps {
			out = append(out, p.ref)
		}
		return err
	})
	return out, err
}

// Discard drops a plan that was never sent, or one that was kept for its jobs. With the latter,
// removals that a job had taken and of which nothing else was heard are final.
func (s *source) Discard(ctx context.Context, ref syncs.PlanRef) error {
	return s.run(ctx, "dropping a plan of", func(se *session) error {
		p, ok, err := s.planRow(ctx, se, ref.Run)
		if err != nil || !ok {
			return err
		}
		if p.state == planKept {
			if err := se.do(ctx, rel.Delete{From: s.own(), Where: and(eq(rel.C("t", "state"), rel.T(stLeaving)), eq(rel.C("t", "run"), rel.T(ref.Run)))}); err != nil {
				return err
			}
		}
		return se.do(ctx, rel.DropTable{Name: s.table(p.ref.Table)}, s.forget(ref.Run))
	})
}

// collect drops what processes that died left half made: under a lease, every plan of the sync
// that is being made, since nobody else may make one; and previews that are too old.
func (s *source) collect(ctx context.Context, se *session, g syncs.Grant, run string) error {
	now, err := se.Now(ctx)
	if err != nil {
		return err
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	making := rel.Expr(rel.F(rel.Lt, t("made"), rel.At(now.Add(-makingFor))))
	if g.Epoch > 0 {
		making = or(making, rel.F(rel.Gt, t("epoch"), rel.I(0)))
	}
	ps, err := s.planRows(ctx, se, and(eq(t("sync"), rel.T(s.name)), or(
		and(eq(t("state"), rel.T(planMaking)), or(making, eq(t("run"), rel.T(run)))),
		and(eq(t("state"), rel.T(planPreview)), rel.F(rel.Lt, t("made"), rel.At(now.Add(-previewFor)))))))
	if err != nil {
		return err
	}
	for _, p := range ps {
		if err := se.do(ctx, rel.DropTable{Name: s.table(p.ref.Table)}, s.forget(p.ref.Run)); err != nil {
			return err
		}
	}
	return nil
}
