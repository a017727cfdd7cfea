//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

// session is one connection.
type session struct {
	*store
	conn   *duckdb.Conn
	inTx   bool
	broken bool // the engine has invalidated the database
	closed bool
}

var errClosed = errors.New("the session is closed")

// prepare takes exactly one statement.
func (s *session) prepare(ctx context.Context, sql string) (*duckdb.Stmt, error) {
	if s.closed {
		return nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := dialect.Raw(sql); err != nil {
		return nil, fmt.Errorf("the statement cannot be run: %w", err)
	}
	st, err := s.conn.Prepare(sql)
	if err != nil {
		return nil, err
	}
	return st.(*duckdb.Stmt), nil
}

// Exec runs one statement. An empty one does nothing.
func (s *session) Exec(ctx context.Context, sql string) (int64, error) {
	if strings.TrimSpace(sql) == "" {
		return 0, nil
	}
	st, err := s.prepare(ctx, sql)
	if err != nil {
		return -1, s.explain(ctx, err)
	}
	defer st.Close()
	if t, err := st.StatementType(); err == nil && !s.inTx && (t == duckdb.STATEMENT_TYPE_UPDATE || t == duckdb.STATEMENT_TYPE_DELETE) {
		// Prepared again inside of a transaction: the engine drops conditions that the table's
		// statistics prove, as they are when it prepares, and without a transaction another
		// session may change the rows before the statement runs.
		n := int64(-1)
		err := s.Tx(ctx, func(ctx context.Context) (err error) {
			n, err = s.Exec(ctx, sql)
			return err
		})
		return n, err
	}
	res, err := st.ExecContext(ctx, nil)
	if err != nil {
		return -1, s.explain(ctx, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return -1, s.explain(ctx, err)
	}
	return n, nil
}

// Query runs one SELECT. The engine keeps the whole result in memory until the last row is read:
// callers read large tables in pages.
func (s *session) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		st, err := s.prepare(ctx, sql)
		if err != nil {
			yield(nil, s.explain(ctx, err))
			return
		}
		if t, err := st.StatementType(); err != nil || t != duckdb.STATEMENT_TYPE_SELECT && t != duckdb.STATEMENT_TYPE_EXPLAIN {
			st.Close()
			yield(nil, errors.New("the statement cannot be run: only one SELECT is allowed here"))
			return
		}
		if err := s.rows(ctx, st, yield); err != nil {
			yield(nil, s.explain(ctx, err))
		}
	}
}

// rows runs a prepared query and yields its rows. It closes the statement.
func (s *session) rows(ctx context.Context, st *duckdb.Stmt, yield func([]any, error) bool) error {
	defer st.Close()
	rows, err := st.QueryContext(ctx, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	kinds := make([]string, len(rows.Columns()))
	for i := range kinds {
		kinds[i] = rows.(driver.RowsColumnTypeDatabaseTypeName).ColumnTypeDatabaseTypeName(i)
	}
	if done, err := chunks(ctx, rows, kinds, yield); done {
		return err
	}
	return oneByOne(ctx, rows, kinds, yield)
}

// oneByOne yields the rows of a result as the driver reads them.
func oneByOne(ctx context.Context, rows driver.Rows, kinds []string, yield func([]any, error) bool) error {
	raw := make([]driver.Value, len(kinds))
	row := make([]any, len(raw))
	for n := 1; ; n++ {
		if n%2048 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := rows.Next(raw); err == io.EOF { //nolint:errorlint // the driver's word for the end; a wrapped one is a failure
			return nil
		} else if err != nil {
			return err
		}
		for i, v := range raw {
			row[i] = value(v, kinds[i])
		}
		if !yield(row, nil) {
			return nil
		}
	}
}

// Tx runs f in one transaction.
func (s *session) Tx(ctx context.Context, f func(ctx context.Context) error) (err error) {
	if s.inTx {
		return errors.New("a transaction is open already")
	}
	turn, err := s.file.turn(ctx)
	if err != nil {
		return err
	}
	defer turn()
	if _, err := s.Exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	s.inTx = true
	after := context.WithoutCancel(ctx)
	done := false
	defer func() {
		s.inTx = false
		if done {
			return
		}
		if _, back := s.Exec(after, "ROLLBACK"); back != nil && err != nil && !strings.Contains(back.Error(), "no transaction is active") {
			err = errors.Join(err, fmt.Errorf("rolling back: %w", back))
		}
	}()
	if err := f(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := s.Exec(after, "COMMIT"); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	done = true
	return nil
}

// Now is the engine's clock.
func (s *session) Now(ctx context.Context) (time.Time, error) {
	for row, err := range s.Query(ctx, "SELECT get_current_timestamp()") {
		if err != nil {
			return time.Time{}, err
		}
		if t, ok := row[0].(time.Time); ok {
			return t.Truncate(time.Microsecond), nil
		}
	}
	return time.Time{}, errors.New("the clock gave no time")
}

// Close gives the connection back. What a transaction had done is rolled back by that.
func (s *session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return s.file.release(s.conn, s.broken)
}

var _ warehouse.Session = (*session)(nil)
