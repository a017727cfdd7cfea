package ledger

import (
	"context"
	"errors"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// Health is what the warehouse knows of a store, and of what syncs wrote.
type Health struct {
	Stores int64              // that have run something here
	Known  bool               // the store is one of them, or would be taken in without asking
	Open   int64              // plans that were published and are not settled
	Epochs map[string]int64   // by sync
	Bound  map[string]Binding // by sync: Account, Object.Name and Sync.Into of its ledger
	Key    error              // a *KeyError if the project's secret is not the one that people were barred with
}

// Health reads how things stand for a store. It makes nothing, and tables that are not there are
// empty.
func (l *Ledger) Health(ctx context.Context, h syncs.Holder) (*Health, error) {
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	have, err := s.have(ctx, l.w.Schema())
	if err != nil {
		return nil, err
	}
	out := &Health{Known: true, Epochs: map[string]int64{}, Bound: map[string]Binding{}}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	if have[tStores] {
		mine, here := false, false
		err := s.each(ctx, rel.Select{Columns: all(tables[tStores], "t"), From: rel.Table{Name: l.table(tStores), Alias: "t"}}, func(r []any) error {
			out.Stores++
			mine, here = mine || asText(r[0]) == h.Store, here || asText(r[1]) == h.Host
			return nil
		})
		if err != nil {
			return nil, err
		}
		out.Known = out.Stores == 0 || mine || here
	}
	if have[tPlans] {
		out.Open, err = s.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: l.table(tPlans), Alias: "t"}, Where: eq(t("state"), rel.T(planOpen))})
		if err != nil {
			return nil, err
		}
	}
	if have[tEpochs] {
		err := s.each(ctx, rel.Select{Columns: []rel.Column{rel.As("sync", t("sync")), rel.As("epoch", t("epoch"))}, From: rel.Table{Name: l.table(tEpochs), Alias: "t"}}, func(r []any) error {
			out.Epochs[asText(r[0])] = max(out.Epochs[asText(r[0])], asInt(r[1]))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if have[tLedgers] {
		err := s.each(ctx, rel.Select{Columns: all(tables[tLedgers], "t"), From: rel.Table{Name: l.table(tLedgers), Alias: "t"}}, func(r []any) error {
			b := Binding{Account: asText(r[1])}
			b.Object.Name, b.Sync.Into = asText(r[2]), asText(r[3])
			out.Bound[asText(r[0])] = b
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if have[tErasures] && have[tSuppressions] && have[tSecret] {
		_, err := l.barred(ctx, s)
		if key := (*KeyError)(nil); errors.As(err, &key) {
			out.Key, err = err, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Place says in words what a binding is to: the object, what it goes into, and the account.
func (b Binding) Place() string { return b.place() }
