package postgres

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
)

// session is one connection.
type session struct {
	*store
	conn   *pgconn.PgConn
	inTx   bool
	closed bool
}

var errClosed = errors.New("the session is closed")

func (s *session) check(ctx context.Context, sql string) error {
	if s.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	if _, err := dialect.Raw(sql); err != nil {
		return fmt.Errorf("the statement cannot be run: %w", err)
	}
	return nil
}

// Exec runs one statement; the extended protocol takes no more than one. An empty one does
// nothing.
func (s *session) Exec(ctx context.Context, sql string) (int64, error) {
	if strings.TrimSpace(sql) == "" {
		return 0, nil
	}
	if err := s.check(ctx, sql); err != nil {
		return -1, err
	}
	for again := 0; ; again++ {
		res := s.conn.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
		switch {
		case res.Err == nil:
			return res.CommandTag.RowsAffected(), nil
		case again < statementRetries && !s.inTx && undone(res.Err) && wait(ctx, again) == nil:
		case !s.inTx && hasCode(res.Err, "42501") && s.schemaIsThere(ctx, sql):
			return 0, nil
		default:
			return -1, s.explain(ctx, res.Err, sql)
		}
	}
}

var reads = regexp.MustCompile(`(?i)^(?:\s|--[^\n]*(?:\n|$)|/\*(?s:.*?)\*/|\()*(?:SELECT|WITH|VALUES|TABLE|EXPLAIN)\b`)

var makesSchema = regexp.MustCompile(`(?i)^\s*CREATE SCHEMA IF NOT EXISTS "((?:[^"]|"")+)"\s*$`)

// schemaIsThere reports whether a statement that was denied would have done nothing: the server asks
// for the right to make schemas before it looks whether there is one. A user that got its schema from
// somebody else needs no such right.
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

// Query runs one SELECT and streams its rows: the server sends them as it finds them and waits when
// nobody reads, so that a large result is in nobody's memory, however large. (A cursor would do the
// same at the price of the server's parallel workers, which it does not give to cursors, and of a way
// there and back for each part.) Whoever stops early has the server stop too.
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
		reading, end := context.WithCancel(ctx)
		defer end()
		// Asked first what the columns are, the server can send them in the form that is read fastest.
		d, err := s.conn.Prepare(reading, "", sql, nil)
		if err != nil {
			yield(nil, s.explain(ctx, err, sql))
			return
		}
		columns, forms := columnsOf(d.Fields)
		r := s.conn.ExecPrepared(reading, "", nil, nil, forms)
		stopped := false
		row := make([]any, len(columns))
		var bad error
		for bad == nil && !stopped && r.NextRow() {
			for i, b := range r.Values() {
				if b == nil {
					row[i] = nil
					continue
				}
				if row[i], bad = columns[i].read(b); bad != nil {
					bad = fmt.Errorf("reading column %s: %w", d.Fields[i].Name, bad)
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
		_, err = r.Close()
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
	if _, err := s.Exec(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	s.inTx = true
	after := context.WithoutCancel(ctx)
	done := false
	defer func() {
		s.inTx = false
		if done || s.conn.IsClosed() {
			return
		}
		if _, back := s.Exec(after, "ROLLBACK"); back != nil && err != nil {
			err = errors.Join(err, fmt.Errorf("rolling back: %w", back))
		}
	}()
	if err := f(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	res := s.conn.ExecParams(after, "COMMIT", nil, nil, nil, nil).Read()
	if res.Err != nil {
		return fmt.Errorf("committing: %w", s.explain(after, res.Err, "COMMIT"))
	}
	// A transaction in which a statement failed is rolled back by COMMIT without an error.
	done = true
	if res.CommandTag.String() != "COMMIT" {
		return errors.New("committing: the transaction had failed and was rolled back")
	}
	return nil
}

// Now is the server's clock.
func (s *session) Now(ctx context.Context) (time.Time, error) {
	for row, err := range s.Query(ctx, "SELECT clock_timestamp()") {
		if err != nil {
			return time.Time{}, err
		}
		if t, ok := row[0].(time.Time); ok {
			return t, nil
		}
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
