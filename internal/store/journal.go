package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weir-data/weir/syncs"
)

var _ syncs.Journal = (*Store)(nil)

// keepDetails is how many settled runs of a sync keep their attempts and verdicts. The ledger
// is copied after each settle and its last two copies are kept: these are the runs that may
// have to be folded again.
const keepDetails = 2

// Begin records a run and raises the newest epoch of its sync to the run's. An epoch that is
// older than the newest gets syncs.ErrFenced: a newer run has begun, or the warehouse was
// restored to a time before this store's last run.
func (s *Store) Begin(ctx context.Context, r syncs.RunRecord) error {
	plan, err := json.Marshal(r.Plan)
	if err != nil {
		return fmt.Errorf("recording run %s: %w", r.Run, err)
	}
	return s.change(ctx, "recording run "+r.Run, func(w *writing) error {
		var newest int64
		err := w.row("SELECT epoch FROM syncs WHERE sync = ?", []any{r.Sync}, &newest)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if r.Epoch < newest {
			return syncs.ErrFenced
		}
		if _, err := w.exec("INSERT INTO syncs (sync, epoch) VALUES (?, ?) ON CONFLICT (sync) DO UPDATE SET epoch = excluded.epoch", r.Sync, r.Epoch); err != nil {
			return err
		}
		_, err = w.exec(`INSERT INTO runs (run, sync, epoch, plan, started, asked) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (run) DO UPDATE SET epoch = excluded.epoch, plan = excluded.plan WHERE runs.sync = excluded.sync AND runs.settled IS NULL`,
			r.Run, r.Sync, r.Epoch, string(plan), micros(r.Started), r.Asked)
		return err
	})
}

// admit checks the fence for a run and returns its row and sync.
func admit(w *writing, run string, epoch int64) (id int64, sync string, err error) {
	var newest int64
	err = w.row("SELECT r.id, r.sync, s.epoch FROM runs r JOIN syncs s ON s.sync = r.sync WHERE r.run = ?", []any{run}, &id, &sync, &newest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, "", fmt.Errorf("%w: %s", ErrUnknownRun, run)
	case err != nil:
		return 0, "", err
	case epoch < newest:
		return 0, "", syncs.ErrFenced
	}
	return id, sync, nil
}

// Record records verdicts on attempts with the jobs that they started, and then attempts before
// they are sent.
func (s *Store) Record(ctx context.Context, run string, epoch int64, acks []syncs.Ack, intents []syncs.Intent) error {
	blobs := make([][]byte, len(acks)) // packed by the caller's goroutine, not by the writer's
	for i, a := range acks {
		if a.Lo >= a.Hi {
			return fmt.Errorf("recording verdicts of run %s: attempt %d has no rows: %d to %d", run, a.Attempt, a.Lo, a.Hi)
		}
		for _, e := range a.Exceptions {
			if e.Seq < a.Lo || e.Seq >= a.Hi {
				return fmt.Errorf("recording verdicts of run %s: row %d is not of attempt %d (%d to %d)", run, e.Seq, a.Attempt, a.Lo, a.Hi)
			}
		}
		blobs[i] = pack(a.Exceptions)
	}
	return s.change(ctx, "recording attempts of run "+run, func(w *writing) error {
		id, sync, err := admit(w, run, epoch)
		if err != nil {
			return err
		}
		for i, a := range acks {
			const put = "INSERT INTO marks (run, attempt, lo, hi, rest, rows) VALUES (?, ?, ?, ?, ?, ?)"
			said := []any{id, a.Attempt, a.Lo, a.Hi, int64(a.Rest), blobs[i]}
			if a.Job == nil {
				if _, err := w.exec(put, said...); err != nil {
					return err
				}
				continue
			}
			var mark int64
			if err := w.row(put+" RETURNING id", said, &mark); err != nil {
				return err
			}
			if err := insertJob(w, id, sync, mark, *a.Job); err != nil {
				return err
			}
		}
		for _, in := range intents {
			if in.Lo >= in.Hi {
				return fmt.Errorf("attempt %d has no rows: %d to %d", in.Attempt, in.Lo, in.Hi)
			}
			if _, err := w.exec("INSERT INTO marks (run, attempt, lo, hi, key) VALUES (?, ?, ?, ?, ?)", id, in.Attempt, in.Lo, in.Hi, in.Key); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertJob(w *writing, run int64, sync string, mark int64, j syncs.OpenJob) error {
	plan, err := json.Marshal(j.Plan)
	if err != nil {
		return err
	}
	job, err := json.Marshal(j.Job)
	if err != nil {
		return err
	}
	_, err = w.exec("INSERT INTO jobs (run, sync, mark, lo, hi, first, plan, batch, job, started) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		run, sync, mark, j.Lo, j.Hi, j.Offset, string(plan), j.Batch, string(job), micros(j.Started))
	return err
}

// Unsettled lists the runs of a sync that have begun and are not settled, oldest first.
func (s *Store) Unsettled(ctx context.Context, sync string) ([]syncs.RunRecord, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT run, sync, epoch, plan, started, asked FROM runs WHERE sync = ? AND settled IS NULL ORDER BY id", sync)
	if err != nil {
		return nil, fmt.Errorf("listing open runs of %s: %w", sync, s.typed(err))
	}
	defer rows.Close()
	var out []syncs.RunRecord
	for rows.Next() {
		r, err := scanRecord(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("listing open runs of %s: %w", sync, s.typed(err))
		}
		out = append(out, r)
	}
	return out, wrap("listing open runs of "+sync, s.typed(rows.Err()))
}

func scanRecord(scan func(...any) error, more ...any) (syncs.RunRecord, error) {
	var r syncs.RunRecord
	var plan string
	var started int64
	if err := scan(append([]any{&r.Run, &r.Sync, &r.Epoch, &plan, &started, &r.Asked}, more...)...); err != nil {
		return r, err
	}
	r.Started = instant(started)
	return r, json.Unmarshal([]byte(plan), &r.Plan)
}

// Jobs lists the open jobs of a sync, oldest first.
func (s *Store) Jobs(ctx context.Context, sync string) ([]syncs.OpenJob, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT j.id, r.run, j.plan, j.lo, j.hi, j.first, j.batch, j.job, j.started
		FROM jobs j JOIN runs r ON r.id = j.run WHERE j.sync = ? AND j.closed IS NULL ORDER BY j.id`, sync)
	if err != nil {
		return nil, fmt.Errorf("listing open jobs of %s: %w", sync, s.typed(err))
	}
	defer rows.Close()
	var out []syncs.OpenJob
	for rows.Next() {
		var j syncs.OpenJob
		var plan, job string
		var started int64
		if err := rows.Scan(&j.ID, &j.Run, &plan, &j.Lo, &j.Hi, &j.Offset, &j.Batch, &job, &started); err != nil {
			return nil, fmt.Errorf("listing open jobs of %s: %w", sync, s.typed(err))
		}
		j.Started = instant(started)
		if err := errors.Join(json.Unmarshal([]byte(plan), &j.Plan), json.Unmarshal([]byte(job), &j.Job)); err != nil {
			return nil, fmt.Errorf("listing open jobs of %s: %w", sync, err)
		}
		out = append(out, j)
	}
	return out, wrap("listing open jobs of "+sync, s.typed(rows.Err()))
}

// CloseJob ends a job. Its final verdicts take the place of what the batch that started it was
// answered, unless a later attempt at those rows was made. Closing it again changes nothing.
func (s *Store) CloseJob(ctx context.Context, run string, id int64, final []syncs.Exception) error {
	blob := pack(final)
	return s.change(ctx, fmt.Sprintf("closing job %d of run %s", id, run), func(w *writing) error {
		_, err := w.exec("UPDATE jobs SET closed = ?, rows = ? WHERE id = ? AND closed IS NULL AND run = (SELECT id FROM runs WHERE run = ?)",
			micros(time.Now()), blob, id, run)
		return err
	})
}

// Settled records that the ledger, and its copy, hold the run's verdicts. Attempts and verdicts
// of all but the last two settled runs are dropped; a summary of what was rejected stays.
func (s *Store) Settled(ctx context.Context, run string) error {
	if err := s.summarise(ctx, run); err != nil {
		return err
	}
	return s.change(ctx, "settling run "+run, func(w *writing) error {
		res, err := w.exec("UPDATE runs SET settled = ? WHERE run = ? AND settled IS NULL", micros(time.Now()), run)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return known(w, run)
		}
		_, err = w.exec(`DELETE FROM marks WHERE run IN (
			SELECT o.id FROM runs o WHERE o.sync = (SELECT sync FROM runs WHERE run = ?1) AND o.settled IS NOT NULL
				AND o.id NOT IN (SELECT k.id FROM runs k WHERE k.sync = o.sync AND k.settled IS NOT NULL ORDER BY k.id DESC LIMIT ?2)
				AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.run = o.id AND j.closed IS NULL))`, run, keepDetails)
		return err
	})
}

func known(w *writing, run string) error {
	var id int64
	err := w.row("SELECT id FROM runs WHERE run = ?", []any{run}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %s", ErrUnknownRun, run)
	}
	return err
}

// End records how a run ended.
func (s *Store) End(ctx context.Context, run string, rep syncs.Report) error {
	report, err := json.Marshal(rep)
	if err != nil {
		return fmt.Errorf("recording the end of run %s: %w", run, err)
	}
	ended := rep.Ended
	if ended.IsZero() {
		ended = time.Now()
	}
	return s.change(ctx, "recording the end of run "+run, func(w *writing) error {
		res, err := w.exec("UPDATE runs SET ended = ?, status = ?, report = ? WHERE run = ?", micros(ended), string(rep.Status), string(report), run)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return fmt.Errorf("%w: %s", ErrUnknownRun, run)
		}
		return nil
	})
}

func micros(t time.Time) int64   { return t.UnixMicro() }
func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }
