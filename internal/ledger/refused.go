package ledger

import (
	"context"
	"time"

	"github.com/weir-data/weir/internal/rel"
)

// Refusal is rows of a sync that were refused with the same code and in the same words and were
// not taken since.
type Refusal struct {
	Code        string
	Reason      string // as the destination said it
	Quarantined bool   // waits for a change of what is sent, or for a person; otherwise for Next
	Rows        int64
	Keys        []string  // the first and the last of them
	First, Last time.Time // of the refusals that the history still has; zero if it has none
	Next        time.Time // when the first of them is tried again; zero where that is never
}

// Refused calls f with what a sync's destination refused. It makes nothing, and a sync that never
// ran has nothing.
func (l *Ledger) Refused(ctx context.Context, sync string, f func(Refusal) error) error {
	s, err := l.session(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	have, err := s.have(ctx, l.w.Schema())
	if err != nil || !have[ledgerTable(sync)] || !have[tDeliveries] {
		return err
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	d := func(c string) rel.Expr { return rel.C("d", c) }
	agg := func(fn rel.AggFn, e rel.Expr) rel.Expr { return rel.Agg{Fn: fn, Arg: e} }
	never := rel.F(rel.Ge, t("next_try"), rel.At(noNext))
	heard := rel.Sub{Alias: "d", Query: rel.Select{
		Columns: []rel.Column{rel.As("key", t("key")), rel.As("code", t("code")), rel.As("first", agg(rel.Min, t("at"))), rel.As("last", agg(rel.Max, t("at")))},
		From:    rel.Table{Name: l.table(tDeliveries), Alias: "t"},
		Where:   and(eq(t("sync"), rel.T(sync)), rel.InList{Expr: t("state"), List: texts([]string{"rejected", "invalid"})}),
		GroupBy: []rel.Expr{t("key"), t("code")},
	}}
	return s.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("code", t("code")), rel.As("reason", t("reason")), rel.As("never", never), rel.As("n", rel.Agg{Fn: rel.CountRows}),
			rel.As("lo", agg(rel.Min, t("key"))), rel.As("hi", agg(rel.Max, t("key"))),
			rel.As("first", agg(rel.Min, d("first"))), rel.As("last", agg(rel.Max, d("last"))), rel.As("next", agg(rel.Min, t("next_try")))},
		From:    rel.Table{Name: l.table(ledgerTable(sync)), Alias: "t"},
		Joins:   []rel.Join{{Kind: rel.Left, Rel: heard, On: and(eq(d("key"), t("key")), rel.F(rel.Same, d("code"), t("code")))}},
		Where:   notNull(t("next_try")),
		GroupBy: []rel.Expr{t("code"), t("reason"), never},
	}, func(r []any) error {
		x := Refusal{Code: asText(r[0]), Reason: asText(r[1]), Quarantined: asBool(r[2]), Rows: asInt(r[3]), Keys: []string{asText(r[4])}, First: asTime(r[6]), Last: asTime(r[7])}
		if hi := asText(r[5]); hi != x.Keys[0] {
			x.Keys = append(x.Keys, hi)
		}
		if !x.Quarantined {
			x.Next = asTime(r[8])
		}
		return f(x)
	})
}
