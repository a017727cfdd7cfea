package store

import (
	"context"
	"fmt"
	"time"
)

// alertsTable keeps what alerts have told, so that a restart tells nothing twice.
const alertsTable = `
CREATE TABLE alerts (
	alert TEXT NOT NULL,               -- its name in the project
	sync  TEXT NOT NULL,
	topic TEXT NOT NULL,               -- status, resync or size
	state TEXT NOT NULL,               -- as last told: failed, held, shrank, …
	told  INTEGER NOT NULL,
	PRIMARY KEY (alert, sync, topic)
) WITHOUT ROWID;`

// Told is what an alert has last told of one topic of a sync. A sync of which nothing was told, or
// that was told to be well again, has none.
type Told struct {
	Alert, Sync, Topic string
	State              string // "" in Tell: it is well, forget it
	At                 time.Time
}

// Alerts remember what was told. A store implements it; it is safe for concurrent use, also by
// several processes.
type Alerts interface {
	// Told lists what all alerts have last told, in the order of alert, sync and topic.
	Told(ctx context.Context) ([]Told, error)
	// Tell records what was told, all of it or, with an error, nothing. Of one alert, sync and
	// topic the later call wins. A Told without a State takes its row out.
	Tell(ctx context.Context, told []Told) error
}

var _ Alerts = (*Store)(nil)

// Told implements Alerts.
func (s *Store) Told(ctx context.Context) ([]Told, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT alert, sync, topic, state, told FROM alerts ORDER BY alert, sync, topic")
	if err != nil {
		return nil, fmt.Errorf("reading what was told: %w", s.typed(err))
	}
	defer rows.Close()
	var out []Told
	for rows.Next() {
		var t Told
		var at int64
		if err := rows.Scan(&t.Alert, &t.Sync, &t.Topic, &t.State, &at); err != nil {
			return nil, fmt.Errorf("reading what was told: %w", s.typed(err))
		}
		t.At = instant(at)
		out = append(out, t)
	}
	return out, wrap("reading what was told", s.typed(rows.Err()))
}

// Tell implements Alerts.
func (s *Store) Tell(ctx context.Context, told []Told) error {
	if len(told) == 0 {
		return nil
	}
	return s.change(ctx, "recording what was told", func(w *writing) error {
		for _, t := range told {
			var err error
			if t.State == "" {
				_, err = w.exec("DELETE FROM alerts WHERE alert = ? AND sync = ? AND topic = ?", t.Alert, t.Sync, t.Topic)
			} else {
				_, err = w.exec(`INSERT INTO alerts VALUES (?, ?, ?, ?, ?)
					ON CONFLICT (alert, sync, topic) DO UPDATE SET state = excluded.state, told = excluded.told`,
					t.Alert, t.Sync, t.Topic, t.State, micros(t.At))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
