package store

import (
	"context"
	"fmt"
	"time"
)

// turnsTable keeps the slots whose runs have begun and have not ended: what a process that ended
// too early leaves to the next one.
const turnsTable = `
CREATE TABLE turns (
	sync TEXT PRIMARY KEY,
	slot INTEGER NOT NULL,
	job  INTEGER NOT NULL               -- that works it; 0 where there are no jobs
) WITHOUT ROWID;`

// Slot is a time at which a sync is due.
type Slot struct {
	Sync string
	At   time.Time
}

// Take records, before anything of it begins, that the slots' runs begin: all of them or, with an
// error, none. An earlier slot than the last changes nothing about when the sync last fired.
func (s *Store) Take(ctx context.Context, slots []Slot) error {
	return s.change(ctx, "taking slots", func(w *writing) error {
		for _, t := range slots {
			if err := w.fire(t.Sync, t.At); err != nil {
				return err
			}
			if _, err := w.exec("INSERT INTO turns VALUES (?, ?, 0) ON CONFLICT (sync) DO UPDATE SET slot = excluded.slot, job = 0", t.Sync, micros(t.At)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Taken lists the slots that were taken and have not ended, by sync.
func (s *Store) Taken(ctx context.Context) ([]Slot, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT sync, slot FROM turns ORDER BY sync")
	if err != nil {
		return nil, fmt.Errorf("reading the slots that were taken: %w", s.typed(err))
	}
	defer rows.Close()
	var out []Slot
	for rows.Next() {
		var t Slot
		var at int64
		if err := rows.Scan(&t.Sync, &at); err != nil {
			return nil, fmt.Errorf("reading the slots that were taken: %w", s.typed(err))
		}
		t.At = instant(at)
		out = append(out, t)
	}
	return out, wrap("reading the slots that were taken", s.typed(rows.Err()))
}

// Ended records that the run of a slot has ended, however it did.
func (s *Store) Ended(ctx context.Context, sync string) error {
	return s.change(ctx, "ending the slot of "+sync, func(w *writing) error {
		_, err := w.exec("DELETE FROM turns WHERE sync = ?", sync)
		return err
	})
}

// Firings are the last slots for which the syncs' schedules fired, by sync.
func (s *Store) Firings(ctx context.Context) (map[string]time.Time, error) {
	return s.times(ctx, "reading what schedules fired", "SELECT sync, fired FROM syncs WHERE fired IS NOT NULL")
}

// WellEnded is when each sync's newest run that ended ok or degraded did, of those that who asked
// for, by sync.
func (s *Store) WellEnded(ctx context.Context, asked string) (map[string]time.Time, error) {
	return s.times(ctx, "reading how runs ended", "SELECT sync, max(ended) FROM runs WHERE status IN ('ok', 'degraded') AND asked = ? GROUP BY sync", asked)
}

func (s *Store) times(ctx context.Context, doing, q string, args ...any) (map[string]time.Time, error) {
	rows, err := s.reads.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, s.typed(err))
	}
	defer rows.Close()
	out := map[string]time.Time{}
	for rows.Next() {
		var sync string
		var at int64
		if err := rows.Scan(&sync, &at); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, s.typed(err))
		}
		out[sync] = instant(at)
	}
	return out, wrap(doing, s.typed(rows.Err()))
}
