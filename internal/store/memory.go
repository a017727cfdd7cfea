package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Fire records that a sync's schedule fired for a slot. An earlier slot than the last changes
// nothing, so that a clock that is set back does not fire twice; one that lies a day ahead or more
// was taken by a clock that was wrong, and gives way.
func (s *Store) Fire(ctx context.Context, sync string, slot time.Time) error {
	return s.change(ctx, "recording the schedule of "+sync, func(w *writing) error { return w.fire(sync, slot) })
}

func (w *writing) fire(sync string, slot time.Time) error {
	_, err := w.exec(`INSERT INTO syncs (sync, fired) VALUES (?, ?)
		ON CONFLICT (sync) DO UPDATE SET fired = CASE WHEN syncs.fired > excluded.fired AND syncs.fired < excluded.fired + 86400000000 THEN syncs.fired ELSE excluded.fired END`, sync, micros(slot))
	return err
}

// Fired returns the last slot for which a sync's schedule fired; zero if it never did.
func (s *Store) Fired(ctx context.Context, sync string) (time.Time, error) {
	at, err := s.number(ctx, "fired", sync)
	if err != nil || !at.Valid {
		return time.Time{}, err
	}
	return instant(at.Int64), nil
}

// Epoch returns the newest epoch of a sync that this store has seen; 0 if none. A warehouse
// that allots an older one was restored from a copy.
func (s *Store) Epoch(ctx context.Context, sync string) (int64, error) {
	n, err := s.number(ctx, "epoch", sync)
	return n.Int64, err
}

func (s *Store) number(ctx context.Context, column, sync string) (n sql.NullInt64, err error) {
	err = s.reads.QueryRowContext(ctx, "SELECT "+column+" FROM syncs WHERE sync = ?", sync).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return sql.NullInt64{}, nil
	}
	return n, wrap("reading what is known of "+sync, s.typed(err))
}
