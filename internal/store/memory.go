package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Pause says why and since when a sync is paused.
type Pause struct {
	Since  time.Time
	Reason string
}

// Pause keeps a sync from running until Resume. Pausing it again changes the reason.
func (s *Store) Pause(ctx context.Context, sync, reason string) error {
	return s.change(ctx, "pausing "+sync, func(w *writing) error {
		_, err := w.exec(`INSERT INTO syncs (sync, paused, reason) VALUES (?, ?, ?)
			ON CONFLICT (sync) DO UPDATE SET paused = coalesce(paused, excluded.paused), reason = excluded.reason`, sync, micros(time.Now()), reason)
		return err
	})
}

// Resume ends a pause.
func (s *Store) Resume(ctx context.Context, sync string) error {
	return s.change(ctx, "resuming "+sync, func(w *writing) error {
		_, err := w.exec("UPDATE syncs SET paused = NULL, reason = NULL WHERE sync = ?", sync)
		return err
	})
}

// Paused lists the paused syncs by name.
func (s *Store) Paused(ctx context.Context) (map[string]Pause, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT sync, paused, coalesce(reason, '') FROM syncs WHERE paused IS NOT NULL")
	if err != nil {
		return nil, fmt.Errorf("listing paused syncs: %w", s.typed(err))
	}
	defer rows.Close()
	out := map[string]Pause{}
	for rows.Next() {
		var sync, reason string
		var since int64
		if err := rows.Scan(&sync, &since, &reason); err != nil {
			return nil, fmt.Errorf("listing paused syncs: %w", s.typed(err))
		}
		out[sync] = Pause{Since: instant(since), Reason: reason}
	}
	return out, wrap("listing paused syncs", s.typed(rows.Err()))
}

// Fire records that a sync's schedule fired for a slot. An earlier slot than the last changes
// nothing, so that a clock that is set back does not fire twice.
func (s *Store) Fire(ctx context.Context, sync string, slot time.Time) error {
	return s.change(ctx, "recording the schedule of "+sync, func(w *writing) error {
		_, err := w.exec(`INSERT INTO syncs (sync, fired) VALUES (?, ?)
			ON CONFLICT (sync) DO UPDATE SET fired = max(coalesce(fired, excluded.fired), excluded.fired)`, sync, micros(slot))
		return err
	})
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
