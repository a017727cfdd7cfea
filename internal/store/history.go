package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weir-data/weir/syncs"
)

// Run is a run in the history.
type Run struct {
	syncs.RunRecord
	Settled time.Time     // zero while the ledger does not hold its verdicts
	Ended   time.Time     // zero while it runs, or if its process died
	Report  *syncs.Report // nil until it ended
}

// Filter selects runs. The zero Filter selects the newest hundred.
type Filter struct {
	Sync   string       // "" for all
	Status syncs.Status // "" for all, also those that have not ended
	Open   bool         // only those that are not settled
	Before string       // only runs begun before this one: for paging
	Limit  int          // defaults to 100
}

const runColumns = "run, sync, epoch, plan, started, asked, settled, ended, report"

// Runs lists runs, newest first.
func (s *Store) Runs(ctx context.Context, f Filter) ([]Run, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT "+runColumns+` FROM runs
		WHERE (?1 = '' OR sync = ?1) AND (?2 = '' OR status = ?2) AND (NOT ?3 OR settled IS NULL)
			AND (?4 = '' OR id < (SELECT id FROM runs WHERE run = ?4))
		ORDER BY id DESC LIMIT ?5`, f.Sync, string(f.Status), f.Open, f.Before, cmp.Or(f.Limit, 100))
	if err != nil {
		return nil, fmt.Errorf("listing runs: %w", s.typed(err))
	}
	defer rows.Close()
	var out []Run
	for rows.Next() {
		r, err := scanRun(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("listing runs: %w", s.typed(err))
		}
		out = append(out, r)
	}
	return out, wrap("listing runs", s.typed(rows.Err()))
}

// Run returns one run. ErrUnknownRun if there is none of that name.
func (s *Store) Run(ctx context.Context, run string) (Run, error) {
	r, err := scanRun(s.reads.QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs WHERE run = ?", run).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, fmt.Errorf("%w: %s", ErrUnknownRun, run)
	}
	return r, wrap("reading run "+run, s.typed(err))
}

// Last returns the newest run of each sync that has one, by sync.
func (s *Store) Last(ctx context.Context) (map[string]Run, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT "+runColumns+" FROM runs WHERE id IN (SELECT max(id) FROM runs GROUP BY sync)")
	if err != nil {
		return nil, fmt.Errorf("listing the last runs: %w", s.typed(err))
	}
	defer rows.Close()
	out := map[string]Run{}
	for rows.Next() {
		r, err := scanRun(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("listing the last runs: %w", s.typed(err))
		}
		out[r.Sync] = r
	}
	return out, wrap("listing the last runs", s.typed(rows.Err()))
}

func scanRun(scan func(...any) error) (Run, error) {
	var r Run
	var settled, ended sql.NullInt64
	var report sql.NullString
	var err error
	if r.RunRecord, err = scanRecord(scan, &settled, &ended, &report); err != nil {
		return r, err
	}
	if settled.Valid {
		r.Settled = instant(settled.Int64)
	}
	if ended.Valid {
		r.Ended = instant(ended.Int64)
	}
	if report.Valid {
		r.Report = new(syncs.Report)
		err = json.Unmarshal([]byte(report.String), r.Report)
		r.Report.Sync = r.Sync // it may have been renamed since
	}
	return r, err
}

// Reject says how many rows of a run were refused for one reason. It names rows by their
// sequence number in the plan and holds no personal data.
type Reject struct {
	Verdict string  `json:"verdict"` // rejected, malformed, barred or in_doubt
	Code    string  `json:"code"`
	Reason  string  `json:"reason"`
	Rows    int64   `json:"rows"`
	Seqs    []int64 `json:"seqs"` // of the first ten
}

var verdictNames = map[syncs.Verdict]string{
	syncs.NotTried: "due", syncs.InDoubt: "in_doubt", syncs.Rejected: "rejected", syncs.Barred: "barred",
	syncs.Malformed: "malformed", syncs.Taken: "accepted", syncs.Applied: "delivered",
}

// Rejects lists what kept rows of a run from being delivered, most frequent first.
func (s *Store) Rejects(ctx context.Context, run string) ([]Reject, error) {
	var kept sql.NullString
	err := s.reads.QueryRowContext(ctx, "SELECT rejects FROM runs WHERE run = ?", run).Scan(&kept)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: %s", ErrUnknownRun, run)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the rejects of run %s: %w", run, s.typed(err))
	}
	if kept.Valid {
		var out []Reject
		return out, wrap("reading the rejects of run "+run, json.Unmarshal([]byte(kept.String), &out))
	}
	return s.countRejects(ctx, run)
}

func (s *Store) countRejects(ctx context.Context, run string) ([]Reject, error) {
	v, err := s.Verdicts(ctx, run)
	if err != nil {
		return nil, err
	}
	type kind struct {
		v    syncs.Verdict
		code string
	}
	byKind := map[kind]*Reject{}
	for e, err := range v.Exceptions {
		if err != nil {
			return nil, err
		}
		if e.Verdict == syncs.Applied || e.Verdict == syncs.Taken {
			continue
		}
		k := kind{e.Verdict, e.Code}
		r := byKind[k]
		if r == nil {
			r = &Reject{Verdict: verdictNames[e.Verdict], Code: e.Code, Reason: e.Reason}
			byKind[k] = r
		}
		r.Rows++
		if len(r.Seqs) < 10 {
			r.Seqs = append(r.Seqs, e.Seq)
		}
	}
	out := []Reject{}
	for _, r := range slices.SortedFunc(maps.Values(byKind), func(a, b *Reject) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Verdict, b.Verdict))
	}) {
		out = append(out, *r)
	}
	return out, nil
}

// summarise keeps the rejects of a run for when its verdicts are dropped.
func (s *Store) summarise(ctx context.Context, run string) error {
	rejects, err := s.countRejects(ctx, run)
	if err != nil {
		return err
	}
	text, err := json.Marshal(rejects)
	if err != nil {
		return fmt.Errorf("summing up run %s: %w", run, err)
	}
	return s.change(ctx, "summing up run "+run, func(w *writing) error {
		_, err := w.exec("UPDATE runs SET rejects = ? WHERE run = ? AND settled IS NULL", string(text), run)
		return err
	})
}

// Forget drops settled runs that began before a time, and what belongs to them. The newest run
// of each sync stays.
func (s *Store) Forget(ctx context.Context, before time.Time) error {
	return s.change(ctx, "forgetting old runs", func(w *writing) error {
		const old = `SELECT id FROM runs r WHERE settled IS NOT NULL AND started < ?
			AND id <> (SELECT max(id) FROM runs m WHERE m.sync = r.sync)
			AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.run = r.id AND j.closed IS NULL)`
		for _, q := range []string{
			"DELETE FROM marks WHERE run IN (" + old + ")",
			"DELETE FROM jobs WHERE run IN (" + old + ")",
			"DELETE FROM runs WHERE id IN (" + old + ")",
		} {
			if _, err := w.exec(q, micros(before)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rename carries the history of a sync over to another name: its runs with their jobs, when its
// schedule last fired, and what alerts told of it. Each name keeps its own epochs, which the
// warehouse allots. Nothing may be open; doing it twice changes nothing.
func (s *Store) Rename(ctx context.Context, from, to string) error {
	return s.change(ctx, "renaming "+from, func(w *writing) error {
		var fired sql.NullInt64
		if err := w.row("SELECT fired FROM syncs WHERE sync = ?", []any{from}, &fired); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if fired.Valid {
			if err := w.fire(to, instant(fired.Int64)); err != nil {
				return err
			}
		}
		for _, q := range []string{
			"UPDATE runs SET sync = ?2 WHERE sync = ?1",
			"UPDATE jobs SET sync = ?2 WHERE sync = ?1",
			"DELETE FROM alerts WHERE sync = ?2 AND EXISTS (SELECT 1 FROM alerts o WHERE o.sync = ?1)",
			"UPDATE alerts SET sync = ?2 WHERE sync = ?1",
		} {
			if _, err := w.exec(q, from, to); err != nil {
				return err
			}
		}
		for _, q := range []string{"DELETE FROM turns WHERE sync = ?", "UPDATE syncs SET fired = NULL WHERE sync = ?"} {
			if _, err := w.exec(q, from); err != nil {
				return err
			}
		}
		return nil
	})
}
