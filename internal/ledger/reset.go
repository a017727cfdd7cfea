package ledger

import (
	"context"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// Reset forgets all that the ledger knows of a sync: its next run is its first. Nothing is
// removed at the destination. With adopt, that first run touches nobody who is there already,
// whatever the sync's first_run says: a mirror removes nobody, and messages go to nobody who is in
// already. Plans that were being sent are given up, and what became of them is forgotten too. It
// is for a sync that no run holds; g is of an Acquire.
func (l *Ledger) Reset(ctx context.Context, sync string, g syncs.Grant, adopt bool) error {
	s := &source{Ledger: l, name: sync}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	return l.with(ctx, "resetting "+sync, func(se *session) error {
		there, err := l.has(ctx, se, ledgerTable(sync))
		if err != nil {
			return err
		}
		err = s.fenced(ctx, se, g, func(ctx context.Context) error {
			sts := []rel.Statement{
				rel.Delete{From: l.table(tLedgers), Where: eq(t("sync"), rel.T(sync))},
				// Plans that nobody makes any more are garbage, which the next run collects.
				rel.Update{Table: l.table(tPlans), Set: []rel.Assign{{Column: "state", Value: rel.T(planMaking)}}, Where: eq(t("sync"), rel.T(sync))},
			}
			if there { // a table that outlives this process is empty
				sts = append(sts, rel.Delete{From: s.own()})
			}
			if err := se.do(ctx, sts...); err != nil {
				return err
			}
			return l.control(ctx, se, sync, rel.Assign{Column: "adopt", Value: rel.B(adopt)})
		})
		if err != nil {
			return err
		}
		return se.do(ctx, rel.DropTable{Name: s.own()})
	})
}

// Full makes the next run send every row again: what the ledger says of payloads is forgotten,
// and so is what was refused. It also takes the epoch past one that this machine's store has
// seen, after a warehouse was restored to an earlier time; the grant that it returns is the one
// to give up.
func (l *Ledger) Full(ctx context.Context, sync string, g syncs.Grant, seen int64) (syncs.Grant, error) {
	s := &source{Ledger: l, name: sync}
	err := l.with(ctx, "sending everything of "+sync+" again", func(se *session) error {
		there, err := l.has(ctx, se, ledgerTable(sync))
		if err != nil {
			return err
		}
		return s.fenced(ctx, se, g, func(ctx context.Context) error {
			sts := []rel.Statement{
				rel.Update{Table: l.table(tEpochs), Set: []rel.Assign{{Column: "epoch", Value: rel.I(max(seen, g.Epoch))}}, Where: s.mine(g.Epoch)},
				s.bump(),
			}
			if there { // one that never ran sends everything anyway
				sts = append(sts, rel.Update{Table: s.own(), Set: []rel.Assign{{Column: "hash", Value: rel.Null(models.Integer)}, {Column: "tried_hash", Value: rel.Null(models.Integer)},
					{Column: "attempts", Value: rel.I(0)}, {Column: "next_try", Value: rel.Null(models.Timestamp)}}})
			}
			return se.do(ctx, sts...)
		})
	})
	if err == nil {
		g.Epoch = max(seen, g.Epoch)
	}
	return g, err
}

// Retry makes the rows of a sync that were refused, quarantined ones included, due at once.
func (l *Ledger) Retry(ctx context.Context, sync string, g syncs.Grant) (n int64, err error) {
	s := &source{Ledger: l, name: sync}
	err = l.with(ctx, "retrying "+sync, func(se *session) error {
		if there, err := l.has(ctx, se, ledgerTable(sync)); err != nil || !there {
			return err
		}
		return s.fenced(ctx, se, g, func(ctx context.Context) (err error) {
			if n, err = se.change(ctx, rel.Update{Table: s.own(), Set: []rel.Assign{{Column: "attempts", Value: rel.I(0)}, {Column: "next_try", Value: rel.Null(models.Timestamp)}},
				Where: notNull(rel.C("t", "next_try"))}); err != nil {
				return err
			}
			return se.do(ctx, s.bump())
		})
	})
	return n, err
}

// Forget drops the history of deliveries and of runs before two times; a zero one keeps all. Ledgers
// stay, and so does the last run of each sync.
func (l *Ledger) Forget(ctx context.Context, deliveries, runs time.Time) (n int64, err error) {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	err = l.with(ctx, "forgetting old deliveries and runs", func(s *session) error {
		if !deliveries.IsZero() {
			gone, err := s.change(ctx, rel.Delete{From: l.table(tDeliveries), Where: rel.F(rel.Lt, t("at"), rel.At(deliveries))})
			if err != nil {
				return err
			}
			n += gone
		}
		if !runs.IsZero() {
			gone, err := s.change(ctx, rel.Delete{From: l.table(tRuns), Where: and(rel.F(rel.Lt, runTime("t"), rel.At(runs)), l.laterRun())})
			if err != nil {
				return err
			}
			n += gone
		}
		return nil
	})
	return n, err
}
