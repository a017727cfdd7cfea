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
	"unicode"

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
func (s *session) Exec(ctx context.Context, sql string) (n int64, err error) {
	switch verb(sql) {
	case "":
		return 0, nil
	case "UPDATE", "DELETE":
		if !s.inTx { // it waits for its turn
			err := s.Tx(ctx, func(ctx context.Context) (err error) {
				n, err = s.Exec(ctx, sql)
				return err
			})
			return n, err
		}
	case "CREATE", "INSERT":
		if !strings.Contains(strings.ToUpper(sql), "SELECT") {
			return s.make(ctx, sql)
		}
		err := s.whole(ctx, func() (err error) {
			n, err = s.exec(ctx, sql)
			return err
		})
		return n, s.explain(ctx, err)
	}
	n, err = s.exec(ctx, sql)
	return n, s.explain(ctx, err)
}

// make runs a statement that reads nothing. What is made if it is not there another session may be
// making at the same time: then it is waited for, which the engine does not do.
func (s *session) make(ctx context.Context, sql string) (int64, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		n, err := s.exec(ctx, sql)
		if err == nil || s.inTx || wait > time.Second || !strings.Contains(err.Error(), "write-write conflict on create") || !strings.Contains(sql, "IF NOT EXISTS") {
			return n, s.explain(ctx, err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return n, s.explain(ctx, ctx.Err())
		}
	}
}

func (s *session) exec(ctx context.Context, sql string) (int64, error) {
	st, err := s.prepare(ctx, sql)
	if err != nil {
		return -1, err
	}
	defer st.Close()
	res, err := st.ExecContext(ctx, nil)
	if err != nil {
		return -1, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return -1, err
	}
	return n, nil
}

// verb is the first word of a statement in capitals, after comments.
func verb(sql string) string {
	for {
		sql = strings.TrimSpace(sql)
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql, "*/")
		default:
			end := strings.IndexFunc(sql, func(r rune) bool { return !unicode.IsLetter(r) })
			if end < 0 {
				end = len(sql)
			}
			return strings.ToUpper(sql[:end])
		}
	}
}

// whole runs f, which prepares a statement and runs it, in one transaction. Without one the engine
// does each in a transaction of its own, and prepares for the values that its statistics know: it
// packs them into as few bytes as the largest needs and drops conditions that hold for all. Values
// that another session changes in between would be read as others than they are.
func (s *session) whole(ctx context.Context, f func() error) error {
	if s.inTx {
		return f()
	}
	if _, err := s.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	after := context.WithoutCancel(ctx)
	if err := f(); err != nil {
		if _, back := s.exec(after, "ROLLBACK"); back != nil && !strings.Contains(back.Error(), "no transaction is active") {
			s.broken = true // it would stay in the transaction
		}
		return err
	}
	_, err := s.exec(after, "COMMIT")
	return err
}

// Query runs one SELECT. The engine keeps the whole result in memory until the last row is read:
// callers read large tables in pages.
func (s *session) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		err := s.ask(ctx, sql, func(t duckdb.StmtType) error {
			if t != duckdb.STATEMENT_TYPE_SELECT && t != duckdb.STATEMENT_TYPE_EXPLAIN {
				return errors.New("the statement cannot be run: only one SELECT is allowed here")
			}
			return nil
		}, yield)
		if err != nil {
			yield(nil, s.explain(ctx, err))
		}
	}
}

// ask runs a statement and yields its rows. may, unless it is nil, says which types of statements it
// takes.
func (s *session) ask(ctx context.Context, sql string, may func(duckdb.StmtType) error, yield func([]any, error) bool) error {
	var st *duckdb.Stmt
	var rows driver.Rows
	defer func() {
		if rows != nil {
			rows.Close()
		}
		if st != nil {
			st.Close()
		}
	}()
	err := s.whole(ctx, func() (err error) {
		if st, err = s.prepare(ctx, sql); err != nil {
			return err
		}
		if may != nil {
			t, err := st.StatementType()
			if err == nil {
				err = may(t)
			}
			if err != nil {
				return err
			}
		}
		rows, err = st.QueryContext(ctx, nil)
		return err
	})
	if err != nil {
		return err
	}
	return read(ctx, rows, yield)
}

// read yields the rows of a result.
func read(ctx context.Context, rows driver.Rows, yield func([]any, error) bool) error {
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
