package ledger

import (
	"context"
	"time"

	"github.com/weir-data/weir/internal/rel"
)

// KeptFor is how long the table of a plan that nobody has sent stays.
const KeptFor = previewFor

// The kinds of kept plans.
const (
	KindSaved = "saved" // by a person who wants to send exactly it
	KindHeld  = "held"  // of a run that a guard held
)

// The states of a kept plan.
const (
	KeptReady = "ready" // its table is there, and nothing of it was sent
	KeptBegun = "begun" // a run is sending it, or was interrupted
	KeptSent  = "sent"  // a run sent it
	KeptGone  = "gone"  // it was dropped
)

// Kept is a plan of one sync whose table stays in the warehouse, so that it can be sent as it is.
type Kept struct {
	Plan   string // names the plan; several syncs may share it
	Sync   string
	Run    string // of the frozen plan, and of the run that sends it
	Kind   string
	Origin string // the run that was held, of a held one
	Made   time.Time
	Ends   time.Time // it is dropped then
	Asked  string    // who asked for it
	About  string    // what its maker wants to know of it again; it carries no personal data

	State   string    // set by Kept
	SentAt  time.Time // when the run that sent it was settled
	Hash    string    // of the frozen plan; "" without its table
	Version string    // of the ledger that it was made against; "" without its table
}

// Keep records kept plans. Times are by the warehouse's clock: Made, and Ends from it.
func (l *Ledger) Keep(ctx context.Context, made time.Time, ks ...Kept) error {
	return l.with(ctx, "keeping a plan", func(s *session) error {
		return s.Tx(ctx, func(ctx context.Context) error {
			for _, k := range ks {
				cs := []rel.Column{rel.As("plan", rel.T(k.Plan)), rel.As("sync", rel.T(k.Sync)), rel.As("run", rel.T(k.Run)), rel.As("kind", rel.T(k.Kind)),
					rel.As("origin", rel.T(k.Origin)), rel.As("made", rel.At(made)), rel.As("ends", rel.At(made.Add(KeptFor))),
					rel.As("asked", rel.T(k.Asked)), rel.As("about", rel.T(k.About))}
				if err := s.do(ctx, rel.Insert{Into: l.table(tKept), Columns: names(cs), From: rel.Select{Columns: cs}}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Kept lists the kept plans, oldest first. It makes nothing.
func (l *Ledger) Kept(ctx context.Context) ([]Kept, error) {
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return l.kept(ctx, s)
}

func (l *Ledger) kept(ctx context.Context, s *session) ([]Kept, error) {
	if there, err := l.has(ctx, s, tKept); err != nil || !there {
		return nil, err
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	with := func(table, alias string) rel.Join {
		return rel.Join{Kind: rel.Left, Rel: rel.Table{Name: l.table(table), Alias: alias}, On: and(eq(rel.C(alias, "sync"), t("sync")), eq(rel.C(alias, "run"), t("run")))}
	}
	var out []Kept
	err := s.each(ctx, rel.Select{
		Columns: append(all(tables[tKept], "t"), rel.As("state", rel.C("p", "state")), rel.As("epoch", rel.C("p", "epoch")),
			rel.As("hash", rel.C("p", "hash")), rel.As("version", rel.C("p", "version")), rel.As("sent", rel.C("r", "at"))),
		From: rel.Table{Name: l.table(tKept), Alias: "t"}, Joins: []rel.Join{with(tPlans, "p"), with(tRuns, "r")},
		OrderBy: []rel.Order{{Expr: t("made")}, {Expr: t("sync")}, {Expr: t("run")}},
	}, func(r []any) error {
		k := Kept{Plan: asText(r[0]), Sync: asText(r[1]), Run: asText(r[2]), Kind: asText(r[3]), Origin: asText(r[4]), Made: asTime(r[5]), Ends: asTime(r[6]),
			Asked: asText(r[7]), About: asText(r[8]), Hash: asText(r[11]), Version: asText(r[12])}
		switch state := asText(r[9]); {
		case r[13] != nil:
			k.State, k.SentAt = KeptSent, asTime(r[13])
		case state == planPreview:
			k.State = KeptReady
		case state == planOpen:
			k.State = KeptBegun
		default:
			k.State = KeptGone
		}
		out = append(out, k)
		return nil
	})
	return out, err
}

// Drop drops kept plans that were not begun and for which drop is true, with their tables, and
// forgets those that have ended. It makes nothing.
func (l *Ledger) Drop(ctx context.Context, drop func(Kept) bool) error {
	s, err := l.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	ks, err := l.kept(ctx, s)
	if err != nil || len(ks) == 0 {
		return err
	}
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	for _, k := range ks {
		over := now.After(k.Ends)
		if !over && !(drop != nil && k.State == KeptReady && drop(k)) {
			continue
		}
		t := func(c string) rel.Expr { return rel.C("t", c) }
		mine := and(eq(t("sync"), rel.T(k.Sync)), eq(t("run"), rel.T(k.Run)))
		var sts []rel.Statement
		if k.State == KeptReady {
			// The row goes first, if nobody publishes it in this moment: then the table is nobody's.
			n, err := s.change(ctx, rel.Delete{From: l.table(tPlans), Where: and(mine, eq(t("state"), rel.T(planPreview)))})
			if err != nil {
				return err
			}
			if n == 1 {
				sts = append(sts, rel.DropTable{Name: l.table(planTable(k.Sync, k.Run))})
			}
		}
		if err := s.do(ctx, append(sts, rel.Delete{From: l.table(tKept), Where: mine})...); err != nil {
			return err
		}
	}
	return nil
}

// Moved says what a sync's ledger is now: its version, and the last run that was settled after a
// time; "" if none was.
func (l *Ledger) Moved(ctx context.Context, sync string, since time.Time) (version, run string, at time.Time, err error) {
	s, err := l.session(ctx)
	if err != nil {
		return "", "", time.Time{}, err
	}
	defer s.Close()
	there, err := l.has(ctx, s, tLedgers)
	if err != nil || !there {
		return "", "", time.Time{}, err
	}
	src := &source{Ledger: l, name: sync}
	b, err := src.readBound(ctx, s)
	if err != nil || b == nil {
		return "", "", time.Time{}, err
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	err = s.each(ctx, rel.Select{Columns: []rel.Column{rel.As("run", t("run")), rel.As("at", t("at"))}, From: rel.Table{Name: l.table(tRuns), Alias: "t"},
		Where:   and(eq(t("sync"), rel.T(sync)), rel.F(rel.Ge, t("at"), rel.At(since))),
		OrderBy: []rel.Order{{Expr: t("at"), Desc: true}, {Expr: t("run"), Desc: true}}, Limit: 1},
		func(r []any) error { run, at = asText(r[0]), asTime(r[1]); return nil })
	return b.versionText(), run, at, err
}
