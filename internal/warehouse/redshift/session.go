package redshift

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/postgres"
)

// session is one connection.
type session struct {
	*store
	conn   *pgconn.PgConn
	inTx   bool
	begun  bool // the transaction has a statement that was run
	closed bool
}

var errClosed = errors.New("the session is closed")

// before is what may stand before the first word of a statement.
const before = `(?i)^(?:\s|--[^\n]*(?:\n|$)|/\*(?s:.*?)\*/|\()*`

var (
	reads       = regexp.MustCompile(before + `(?:SELECT|WITH|VALUES|TABLE|EXPLAIN)\b`)
	makesSchema = regexp.MustCompile(before + `CREATE SCHEMA IF NOT EXISTS "((?:[^"]|"")+)"\s*$`)
	makesView   = regexp.MustCompile(before + `CREATE OR REPLACE VIEW ((?:"(?:[^"]|"")+"\.?)+)`)
	addsColumn  = regexp.MustCompile(before + `ALTER TABLE \S+ ADD COLUMN\b`)
)

// prepare sets what texts of the dialect rely on. The group by which statements are told apart is a
// nicety: one that may not be set is done without.
func (s *session) prepare(ctx context.Context) error {
	for _, sql := range []string{"SET timezone TO 'UTC'", "SET datestyle TO 'ISO, YMD'"} {
		if _, err := s.run(ctx, sql); err != nil {
			return fmt.Errorf("preparing a session: %w", s.explain(ctx, err, sql))
		}
	}
	_, err := s.run(ctx, "SET query_group TO "+text(s.group))
	if err != nil && !errors.As(err, new(*pgconn.PgError)) {
		return fmt.Errorf("preparing a session: %w", s.explain(ctx, err, ""))
	}
	return nil
}

func (s *session) check(ctx context.Context, sql string) error {
	if s.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	// The simple protocol would run several.
	if _, err := dialect.Redshift().Raw(sql); err != nil {
		return fmt.Errorf("the statement cannot be run: %w", err)
	}
	return nil
}

// run runs a statement without a look at it.
func (s *session) run(ctx context.Context, sql string) (int64, error) {
	results, err := s.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return -1, err
	}
	n := int64(-1)
	for _, r := range results {
		n = r.CommandTag.RowsAffected()
	}
	return n, nil
}

// statementRetries are how often a statement that left nothing is run again.
const statementRetries = 5

// Exec runs one statement. An empty one does nothing.
func (s *session) Exec(ctx context.Context, sql string) (int64, error) {
	if strings.TrimSpace(sql) == "" {
		return 0, nil
	}
	if err := s.check(ctx, sql); err != nil {
		return -1, err
	}
	for again := 0; ; again++ {
		n, err := s.run(ctx, sql)
		if err == nil {
			s.begun = s.inTx
			return n, nil
		}
		switch {
		case again < statementRetries && !(s.inTx && s.begun) && undone(err) && s.anew(ctx, again):
		case !s.inTx && code(err) == "42701" && addsColumn.MatchString(sql): // the column is there
			return 0, nil
		case !s.inTx && code(err) == "42P16" && makesView.MatchString(sql):
			return s.replaceView(ctx, sql)
		case !s.inTx && code(err) == "42501" && s.schemaIsThere(ctx, sql):
			return 0, nil
		default:
			return -1, s.explain(ctx, err, sql)
		}
	}
}

// anew waits, and begins the transaction again if there is one: the statement that failed was its first.
func (s *session) anew(ctx context.Context, again int) bool {
	if s.inTx {
		for _, sql := range []string{"ROLLBACK", "BEGIN"} {
			if _, err := s.run(context.WithoutCancel(ctx), sql); err != nil {
				return false
			}
		}
	}
	return postgres.Wire.Wait(ctx, again) == nil
}

// replaceView makes a view in place of one that has other columns, which the server does not replace.
func (s *session) replaceView(ctx context.Context, sql string) (int64, error) {
	name := makesView.FindStringSubmatch(sql)[1]
	err := s.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.Exec(ctx, "DROP VIEW IF EXISTS "+name); err != nil {
			return err
		}
		_, err := s.Exec(ctx, sql)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("replacing a view that has other columns: %w", err)
	}
	return 0, nil
}

// schemaIsThere reports whether a statement that was denied would have done nothing. A user that got its
// schema from somebody else needs no right to make one.
func (s *session) schemaIsThere(ctx context.Context, sql string) bool {
	m := makesSchema.FindStringSubmatch(sql)
	if m == nil {
		return false
	}
	for _, err := range s.Query(ctx, "SELECT 1 FROM pg_namespace WHERE nspname = "+text(strings.ReplaceAll(m[1], `""`, `"`))) {
		return err == nil
	}
	return false
}

// fewRows are as many as are read faster than the server is asked to stop.
const fewRows = 10_000

// Query runs one SELECT and streams its rows. Whoever stops early has the server stop too.
func (s *session) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		if err := s.check(ctx, sql); err != nil {
			yield(nil, err)
			return
		}
		if !reads.MatchString(sql) {
			yield(nil, errors.New("the statement cannot be run: only one SELECT is allowed here"))
			return
		}
		s.begun = s.inTx
		reading, end := context.WithCancel(ctx)
		defer end()
		all := s.conn.Exec(reading, sql)
		stopped := false
		var bad error
		for all.NextResult() {
			r := all.ResultReader()
			fields := r.FieldDescriptions()
			row := make([]any, len(fields))
			for bad == nil && !stopped && r.NextRow() {
				for i, b := range r.Values() {
					if row[i], bad = value(fields[i].DataTypeOID, b); bad != nil {
						bad = fmt.Errorf("reading column %s: %w", fields[i].Name, bad)
						break
					}
				}
				if bad == nil {
					stopped = !yield(row, nil)
				}
			}
			if stopped && !s.inTx {
				for n := 0; n < fewRows && r.NextRow(); n++ { //nolint:revive // read and thrown away
				}
				end() // what is left is not sent any more; in a transaction that would undo it
			}
			_, _ = r.Close() // its error is that of all
		}
		err := all.Close()
		switch {
		case stopped:
		case bad != nil:
			yield(nil, bad)
		case err != nil:
			yield(nil, s.explain(ctx, err, sql))
		}
	}
}

// Tx runs f in one transaction.
func (s *session) Tx(ctx context.Context, f func(ctx context.Context) error) (err error) {
	if s.inTx {
		return errors.New("a transaction is open already")
	}
	if err := s.check(ctx, "BEGIN"); err != nil {
		return err
	}
	if _, err := s.run(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", s.explain(ctx, err, "BEGIN"))
	}
	s.inTx, s.begun = true, false
	after := context.WithoutCancel(ctx)
	done := false
	defer func() {
		s.inTx, s.begun = false, false
		if done || s.conn.IsClosed() {
			return
		}
		if _, back := s.run(after, "ROLLBACK"); back != nil && err != nil {
			err = errors.Join(err, fmt.Errorf("rolling back: %w", s.explain(after, back, "ROLLBACK")))
		}
	}()
	if err := f(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	results, err := s.conn.Exec(after, "COMMIT").ReadAll()
	if err != nil {
		return fmt.Errorf("committing: %w", s.explain(after, err, "COMMIT"))
	}
	// A transaction in which a statement failed is rolled back by COMMIT without an error.
	done = true
	if len(results) != 1 || !strings.HasPrefix(results[0].CommandTag.String(), "COMMIT") {
		return errors.New("committing: the transaction had failed and was rolled back")
	}
	return nil
}

// Now is the server's clock. Of its functions only this one has microseconds and does not stand still
// in a transaction.
func (s *session) Now(ctx context.Context) (time.Time, error) {
	for row, err := range s.Query(ctx, "SELECT TIMEOFDAY()") {
		if err != nil {
			return time.Time{}, err
		}
		said, _ := row[0].(string)
		t, err := time.Parse("Mon Jan _2 15:04:05.999999 2006 MST", said)
		if err != nil {
			return time.Time{}, errors.New("reading the clock: the server's time has another form")
		}
		return t.UTC(), nil
	}
	return time.Time{}, errors.New("the clock gave no time")
}

// Close disconnects.
func (s *session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.conn.Close(ctx)
}

var _ warehouse.Session = (*session)(nil)
