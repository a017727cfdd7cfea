package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// lease is a sync's row of the epochs table.
type lease struct {
	epoch   int64
	holder  syncs.Holder
	born    string
	clean   bool
	expires time.Time
	writes  int64
	there   bool
}

func (l *Ledger) lease(ctx context.Context, s *session, sync string) (out lease, err error) {
	// There is one row. Where a race ever left two, the newest counts.
	err = s.each(ctx, rel.Select{
		Columns: all(tables[tEpochs], "t"), From: rel.Table{Name: l.table(tEpochs), Alias: "t"},
		Where: eq(rel.C("t", "sync"), rel.T(sync)), OrderBy: []rel.Order{{Expr: rel.C("t", "epoch"), Desc: true}}, Limit: 1,
	}, func(r []any) error {
		out = lease{epoch: asInt(r[1]), holder: syncs.Holder{Store: asText(r[2]), Host: asText(r[3]), PID: int(asInt(r[4]))},
			born: asText(r[5]), clean: asBool(r[6]), expires: asTime(r[7]), writes: asInt(r[8]), there: true}
		return nil
	})
	return out, err
}

// Acquire allots the next epoch of the sync.
func (s *source) Acquire(ctx context.Context, h syncs.Holder, ttl time.Duration) (g syncs.Grant, err error) {
	err = s.run(ctx, "taking the lease of", func(se *session) error {
		g, err = s.allot(ctx, se, h, ttl)
		return err
	})
	return g, err
}

// Acquire allots the next epoch of a sync to somebody who does not run it: to reset it, or to
// send everything again. It does not matter where the sync points or what the store has seen.
func (l *Ledger) Acquire(ctx context.Context, sync string, h syncs.Holder, ttl time.Duration) (g syncs.Grant, err error) {
	s := &source{Ledger: l, name: sync}
	err = l.with(ctx, "taking the lease of "+sync, func(se *session) error {
		g, err = s.allot(ctx, se, h, ttl)
		return err
	})
	return g, err
}

// Release gives up a lease that Acquire gave. What an earlier run left on its way to the
// destination may still be: the lease is as clean as it was found.
func (l *Ledger) Release(ctx context.Context, g syncs.Grant) error {
	s := &source{Ledger: l, name: g.Sync}
	return l.with(ctx, "giving up the lease of "+g.Sync, func(se *session) error { return s.release(ctx, se, g, g.Clean) })
}

// allot reads the sync's row, judges it by the warehouse's clock, and changes it by an update
// that matches only what was read: of two that try at once, one changes a row.
func (s *source) allot(ctx context.Context, se *session, h syncs.Holder, ttl time.Duration) (none syncs.Grant, err error) {
	if err := s.admit(ctx, se, h); err != nil {
		return none, err
	}
	was, err := s.lease(ctx, se, s.name)
	if err == nil && !was.there {
		if err = s.firstLease(ctx, se); err == nil {
			was, err = s.lease(ctx, se, s.name)
		}
	}
	if err != nil {
		return none, err
	}
	now, err := se.Now(ctx)
	if err != nil {
		return none, err
	}
	if was.holder.PID != 0 && now.Before(was.expires) && !gone(was.holder, was.born, h) {
		return none, &syncs.HeldError{Sync: s.name, Holder: was.holder, Until: was.expires}
	}
	if was.epoch < s.b.Epoch {
		return none, &RestoredError{Sync: s.name, Have: was.epoch, Seen: s.b.Epoch}
	}
	g := syncs.Grant{Sync: s.name, Epoch: was.epoch + 1, Clean: was.holder.PID == 0 && was.clean, Expiry: now.Add(ttl)}
	n, err := se.change(ctx, rel.Update{Table: s.table(tEpochs), Set: []rel.Assign{
		{Column: "epoch", Value: rel.I(g.Epoch)}, {Column: "store", Value: rel.T(h.Store)}, {Column: "host", Value: rel.T(h.Host)}, {Column: "pid", Value: rel.I(int64(h.PID))},
		{Column: "born", Value: rel.T(born(h.PID))}, {Column: "clean", Value: rel.B(false)}, {Column: "expires", Value: rel.At(g.Expiry)}, {Column: "writes", Value: rel.I(was.writes + 1)},
	}, Where: and(s.mine(was.epoch), eq(rel.C("t", "writes"), rel.I(was.writes)))})
	if err == nil && n == 1 {
		return g, nil
	}
	// Somebody was faster: the update matched nothing, or the engine refused two at once.
	if is, lerr := s.lease(ctx, se, s.name); lerr == nil && is.writes != was.writes && is.holder.PID != 0 {
		return none, &syncs.HeldError{Sync: s.name, Holder: is.holder, Until: is.expires}
	}
	if err == nil {
		err = fmt.Errorf("the lease of %s changed while it was being taken", s.name)
	}
	return none, err
}

// mine matches the sync's row under an epoch.
func (s *source) mine(epoch int64) rel.Expr {
	return and(eq(rel.C("t", "sync"), rel.T(s.name)), eq(rel.C("t", "epoch"), rel.I(epoch)))
}

// firstLease makes the sync's row.
func (s *source) firstLease(ctx context.Context, se *session) error {
	return s.locked(ctx, se, func(ctx context.Context) error {
		return se.insertNew(ctx, s.table(tEpochs), []rel.Column{
			rel.As("sync", rel.T(s.name)), rel.As("epoch", rel.I(0)), rel.As("store", rel.T("")), rel.As("host", rel.T("")), rel.As("pid", rel.I(0)),
			rel.As("born", rel.T("")), rel.As("clean", rel.B(true)), rel.As("expires", rel.Null(models.Timestamp)), rel.As("writes", rel.I(0)),
		}, eq(rel.C("t", "sync"), rel.T(s.name)))
	})
}

// locked runs do in a transaction that changes the lock table's one row first, so that of two
// that make the same row at once the second waits and then finds it.
func (l *Ledger) locked(ctx context.Context, s *session, do func(context.Context) error) error {
	return s.Tx(ctx, func(ctx context.Context) error {
		if err := s.do(ctx, rel.Update{Table: l.table(tLock), Set: []rel.Assign{{Column: "taken", Value: rel.F(rel.Add, rel.C("t", "taken"), rel.I(1))}}}); err != nil {
			return err
		}
		return do(ctx)
	})
}

// admit refuses a store that the warehouse does not know. The first store of a warehouse is taken
// in, and so is one on a host that has run there before: that machine has lost its store. What
// the lost journal knew of open plans is in doubt then, which the engine sees to.
func (s *source) admit(ctx context.Context, se *session, h syncs.Holder) error {
	known, err := se.some(ctx, s.table(tStores), eq(rel.C("t", "store"), rel.T(h.Store)))
	if err != nil || known {
		return err
	}
	others, err := se.some(ctx, s.table(tStores), nil)
	if err != nil {
		return err
	}
	here, err := se.some(ctx, s.table(tStores), eq(rel.C("t", "host"), rel.T(h.Host)))
	if err != nil {
		return err
	}
	if here {
		s.log.Warn("this machine has a new store: what the old one knew of open runs is in doubt", "store", h.Store)
	}
	if !others || here {
		return s.adopt(ctx, se, h)
	}
	open, err := se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})},
		From: rel.Table{Name: s.table(tPlans), Alias: "t"}, Where: eq(rel.C("t", "state"), rel.T(planOpen))})
	if err != nil {
		return err
	}
	return &UnknownStoreError{Store: h.Store, Open: open}
}

func (l *Ledger) adopt(ctx context.Context, s *session, h syncs.Holder) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	return l.locked(ctx, s, func(ctx context.Context) error {
		return s.insertNew(ctx, l.table(tStores), []rel.Column{rel.As("store", rel.T(h.Store)), rel.As("host", rel.T(h.Host)), rel.As("since", rel.At(now))},
			eq(rel.C("t", "store"), rel.T(h.Store)))
	})
}

// AdoptStore makes a store known to the warehouse. Plans that another store left open are in
// doubt from then on: this one's journal knows none of their answers.
func (l *Ledger) AdoptStore(ctx context.Context, h syncs.Holder) error {
	return l.with(ctx, "adopting the store", func(s *session) error { return l.adopt(ctx, s, h) })
}

// Renew extends the lease.
func (s *source) Renew(ctx context.Context, g syncs.Grant, ttl time.Duration) (syncs.Grant, error) {
	err := s.run(ctx, "renewing the lease of", func(se *session) error {
		now, err := se.Now(ctx)
		if err != nil {
			return err
		}
		g.Expiry = now.Add(ttl)
		return s.fence(ctx, se, g, rel.Assign{Column: "expires", Value: rel.At(g.Expiry)})
	})
	return g, err
}

// Release gives the lease up.
func (s *source) Release(ctx context.Context, g syncs.Grant, clean bool) error {
	return s.run(ctx, "giving up the lease of", func(se *session) error {
		return s.release(ctx, se, g, clean)
	})
}

func (s *source) release(ctx context.Context, se *session, g syncs.Grant, clean bool) error {
	return s.fence(ctx, se, g, rel.Assign{Column: "pid", Value: rel.I(0)}, rel.Assign{Column: "clean", Value: rel.B(clean)},
		rel.Assign{Column: "expires", Value: rel.Null(models.Timestamp)})
}

// fence changes the sync's row of epochs under the grant's epoch, or returns syncs.ErrFenced. In
// a transaction it comes first: it holds the row until the end.
func (s *source) fence(ctx context.Context, se *session, g syncs.Grant, set ...rel.Assign) error {
	set = append(set, rel.Assign{Column: "writes", Value: rel.F(rel.Add, rel.C("t", "writes"), rel.I(1))})
	n, err := se.change(ctx, rel.Update{Table: s.table(tEpochs), Set: set, Where: s.mine(g.Epoch)})
	if err == nil && n != 1 {
		err = syncs.ErrFenced
	}
	return err
}

// gone reports whether a holder is a dead process on the host and store of the one who asks.
func gone(holder syncs.Holder, bornAt string, asks syncs.Holder) bool {
	if holder.Host != asks.Host || holder.Store != asks.Store {
		return false
	}
	return !alive(holder.PID) || bornAt != "" && born(holder.PID) != bornAt
}
