package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// quotaTables hold what is known of the accounts of destinations. See syncs.Memory.
const quotaTables = `
CREATE TABLE lessons (
	account TEXT NOT NULL,
	about   TEXT NOT NULL,
	until   INTEGER NOT NULL,
	rows    INTEGER NOT NULL,
	text    TEXT NOT NULL,
	PRIMARY KEY (account, about)
) WITHOUT ROWID;

-- Calls that were made on a quota, by slot of its time.
CREATE TABLE spent (
	account TEXT NOT NULL,
	bucket  TEXT NOT NULL,
	per     INTEGER NOT NULL,           -- microseconds
	slot    INTEGER NOT NULL,
	calls   INTEGER NOT NULL,
	PRIMARY KEY (account, bucket, per, slot)
) WITHOUT ROWID;
`

// Recall lists the lessons about an account that have not ended at now, in order of About.
func (s *Store) Recall(ctx context.Context, account string, now time.Time) ([]syncs.Lesson, error) {
	const doing = "reading what is known of an account"
	rows, err := s.reads.QueryContext(ctx, "SELECT about, until, rows, text FROM lessons WHERE account = ? AND until > ? ORDER BY about", account, micros(now))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, s.typed(err))
	}
	defer rows.Close()
	var out []syncs.Lesson
	for rows.Next() {
		var l syncs.Lesson
		var until int64
		if err := rows.Scan(&l.About, &until, &l.Rows, &l.Text); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, s.typed(err))
		}
		l.Until = instant(until)
		out = append(out, l)
	}
	return out, wrap(doing, s.typed(rows.Err()))
}

// Learn remembers a lesson in place of the one with the same About.
func (s *Store) Learn(ctx context.Context, account string, l syncs.Lesson, now time.Time) error {
	return s.change(ctx, "recording what was learned of an account", func(w *writing) error {
		if !now.Before(l.Until) {
			_, err := w.exec("DELETE FROM lessons WHERE account = ? AND about = ?", account, l.About)
			return err
		}
		_, err := w.exec(`INSERT INTO lessons (account, about, until, rows, text) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (account, about) DO UPDATE SET until = excluded.until, rows = excluded.rows, text = excluded.text`,
			account, l.About, micros(l.Until), l.Rows, l.Text)
		return err
	})
}

// Spend takes calls out of a quota, or gives them back.
func (s *Store) Spend(ctx context.Context, account string, quota destinations.Rate, n int64, now time.Time) (syncs.Allowance, error) {
	var a syncs.Allowance
	err := s.change(ctx, "taking calls out of a quota", func(w *writing) error {
		per := quota.Per.Microseconds()
		spent, err := w.spent(account, quota.Bucket, per)
		if err != nil {
			return err
		}
		a = syncs.TakeQuota(quota, spent, n, now)
		if a.Got != 0 {
			_, err := w.exec(`INSERT INTO spent (account, bucket, per, slot, calls) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (account, bucket, per, slot) DO UPDATE SET calls = spent.calls + excluded.calls`, account, quota.Bucket, per, a.Slot, a.Got)
			if err != nil {
				return err
			}
		}
		_, err = w.exec("DELETE FROM spent WHERE account = ? AND bucket = ? AND per = ? AND slot < ?", account, quota.Bucket, per, a.Oldest)
		return err
	})
	return a, err
}

// spent reads the calls on a quota by slot.
func (w *writing) spent(account, bucket string, per int64) (map[int64]int64, error) {
	st, err := w.stmt("SELECT slot, calls FROM spent WHERE account = ? AND bucket = ? AND per = ?") //nolint:sqlclosecheck // closed with the writer
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(w.ctx, account, bucket, per)
	if err != nil {
		return nil, err
	}
	return scanSpent(rows)
}

func scanSpent(rows *sql.Rows) (map[int64]int64, error) {
	defer rows.Close()
	out := map[int64]int64{}
	for rows.Next() {
		var slot, calls int64
		if err := rows.Scan(&slot, &calls); err != nil {
			return nil, err
		}
		out[slot] = calls
	}
	return out, rows.Err()
}
