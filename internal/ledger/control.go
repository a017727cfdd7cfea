package ledger

import (
	"context"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// Pause keeps a sync from running, on every machine that uses the warehouse, until it is resumed.
type Pause struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// Pause pauses a sync. One that is paused already keeps the time since when it is; who and why
// are the last ones said. A run that is under way goes on.
func (l *Ledger) Pause(ctx context.Context, sync, by, reason string) error {
	return l.with(ctx, "pausing "+sync, func(s *session) error {
		now, err := s.Now(ctx)
		if err != nil {
			return err
		}
		return l.locked(ctx, s, func(ctx context.Context) error {
			return l.control(ctx, s, sync, rel.Assign{Column: "paused", Value: coalesce(rel.C("t", "paused"), rel.At(now))},
				rel.Assign{Column: "by_whom", Value: rel.T(by)}, rel.Assign{Column: "reason", Value: rel.T(reason)})
		})
	})
}

// Resume ends a pause; was is false if there was none.
func (l *Ledger) Resume(ctx context.Context, sync string) (was bool, err error) {
	err = l.with(ctx, "resuming "+sync, func(s *session) error {
		n, err := s.change(ctx, rel.Update{Table: l.table(tControls), Set: []rel.Assign{{Column: "paused", Value: rel.Null(models.Timestamp)}},
			Where: and(eq(rel.C("t", "sync"), rel.T(sync)), notNull(rel.C("t", "paused")))})
		was = n > 0
		return err
	})
	return was, err
}

// Paused lists the paused syncs by name. It makes nothing.
func (l *Ledger) Paused(ctx context.Context) (map[string]Pause, error) {
	out := map[string]Pause{}
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	there, err := l.has(ctx, s, tControls)
	if err != nil || !there {
		return out, err
	}
	err = s.each(ctx, rel.Select{Columns: all(tables[tControls], "t"), From: rel.Table{Name: l.table(tControls), Alias: "t"}, Where: notNull(rel.C("t", "paused"))},
		func(r []any) error {
			out[asText(r[0])] = Pause{Since: asTime(r[1]), By: asText(r[2]), Reason: asText(r[3])}
			return nil
		})
	return out, err
}

// Running says who runs a sync now, by the warehouse's clock; nil if nobody does. A holder that
// asks knows to be dead runs nothing. It makes nothing.
func (l *Ledger) Running(ctx context.Context, sync string, asks syncs.Holder) (*syncs.HeldError, error) {
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	there, err := l.has(ctx, s, tEpochs)
	if err != nil || !there {
		return nil, err
	}
	is, err := l.lease(ctx, s, sync)
	if err != nil || is.holder.PID == 0 || gone(is.holder, is.born, asks) {
		return nil, err
	}
	now, err := s.Now(ctx)
	if err != nil || !now.Before(is.expires) {
		return nil, err
	}
	return &syncs.HeldError{Sync: sync, Holder: is.holder, Until: is.expires}, nil
}

// control changes a sync's row of controls, which it makes if there is none. It is for a
// transaction that keeps others from making the row at the same time.
func (l *Ledger) control(ctx context.Context, s *session, sync string, set ...rel.Assign) error {
	mine := eq(rel.C("t", "sync"), rel.T(sync))
	if err := s.insertNew(ctx, l.table(tControls), []rel.Column{rel.As("sync", rel.T(sync)), rel.As("adopt", rel.B(false))}, mine); err != nil {
		return err
	}
	return s.do(ctx, rel.Update{Table: l.table(tControls), Set: set, Where: mine})
}

// adopts reports whether the last reset of the sync said that whoever is there stays.
func (s *source) adopts(ctx context.Context, se *session) (bool, error) {
	return se.some(ctx, s.table(tControls), and(eq(rel.C("t", "sync"), rel.T(s.name)), isTrue(rel.C("t", "adopt"))))
}

// mild is the first run that touches nobody who is there already.
func mild(m syncs.Mode) syncs.FirstRun {
	if m == syncs.Append {
		return syncs.Skip
	}
	return syncs.Adopt
}
