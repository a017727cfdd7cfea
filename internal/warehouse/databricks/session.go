package databricks

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/databricks/databricks-sql-go/driverctx"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

// session is one session of the SQL warehouse.
type session struct {
	*store
	conn   connection
	asking bool // the catalogue, for names like one that is missing
	closed bool
}

var (
	errClosed = errors.New("the session is closed")
	// See the package's comment.
	errTransaction = errors.New("several statements cannot be made one on Databricks here: its transactions are a preview")
)

// before is what may stand before the first word of a statement.
const before = `(?i)^(?:\s|--[^\n]*(?:\n|$)|/\*(?s:.*?)\*/|\()*`

var (
	reads      = regexp.MustCompile(before + `(?:SELECT|WITH|VALUES|FROM|TABLE|EXPLAIN)\b`)
	changes    = regexp.MustCompile(before + `(?:INSERT|UPDATE|DELETE|MERGE)\b`)
	addsColumn = regexp.MustCompile(before + "ALTER TABLE ((?:`(?:[^`]|``)+`\\.?)+) ADD COLUMN (`(?:[^`]|``)+`)")
	makesHome  = regexp.MustCompile(before + `CREATE SCHEMA IF NOT EXISTS\b`)
)

func (s *session) check(ctx context.Context, sql string) error {
	if s.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	if _, err := dialect.Databricks().Raw(sql); err != nil {
		return fmt.Errorf("the statement cannot be run: %w", err)
	}
	return nil
}

// giveUp is how long the id of a statement that is to be stopped is waited for.
const giveUp = 30 * time.Second

// stoppable is a context for the driver, which is over soon after ctx is: when the server has told the id
// of the statement, without which the driver would leave it running. end is called when the driver has
// returned.
func stoppable(ctx context.Context) (run context.Context, end func()) {
	known, over, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
	tell := sync.OnceFunc(func() { close(known) })
	run, cancel := context.WithCancel(driverctx.NewContextWithQueryIdCallback(context.WithoutCancel(ctx), func(id string) {
		if id != "" {
			tell()
		}
	}))
	go func() {
		defer close(gone)
		defer cancel()
		select {
		case <-ctx.Done():
			select {
			case <-known:
			case <-over:
			case <-time.After(giveUp):
			}
		case <-over:
		}
	}()
	return run, func() { close(over); <-gone }
}

// query runs anything that gives rows.
func (s *session) query(ctx context.Context, sql string) (driver.Rows, error) {
	run, end := stoppable(ctx)
	defer end()
	return s.conn.QueryContext(run, sql, nil)
}

// Exec runs one statement; the server takes no more than one. An empty one does nothing.
func (s *session) Exec(ctx context.Context, sql string) (int64, error) {
	if strings.TrimSpace(sql) == "" {
		return 0, nil
	}
	if err := s.check(ctx, sql); err != nil {
		return -1, err
	}
	if changes.MatchString(sql) {
		return s.changed(ctx, sql)
	}
	run, end := stoppable(ctx)
	_, err := s.conn.ExecContext(run, sql, nil)
	end()
	if err != nil {
		if m := addsColumn.FindStringSubmatch(sql); m != nil && ctx.Err() == nil && s.hasColumn(ctx, m[1], m[2]) {
			return 0, nil
		}
		err = s.explain(ctx, err, sql)
		if errors.As(err, new(*warehouse.DeniedError)) && makesHome.MatchString(sql) && s.schemaIsThere(ctx) {
			return 0, nil
		}
		return -1, err
	}
	return -1, nil
}

// changed runs a statement that changes rows. How many it were is in a row that it gives, as
// num_affected_rows ("MERGE INTO", "UPDATE", "DELETE FROM").
func (s *session) changed(ctx context.Context, sql string) (int64, error) {
	n := int64(-1)
	for row, err := range s.named(ctx, sql) {
		if err != nil {
			return -1, err
		}
		if v, ok := row["num_affected_rows"].(int64); ok {
			n = v
		}
	}
	return n, nil
}

// hasColumn tells whether adding a column failed because it is there.
func (s *session) hasColumn(ctx context.Context, table, column string) bool {
	columns, err := s.describe(ctx, "SELECT * FROM "+table)
	if err != nil {
		return false
	}
	for _, c := range columns {
		if strings.EqualFold(quote(c.Name), column) {
			return true
		}
	}
	return false
}

// schemaIsThere reports whether a schema that may not be made is there. A user that got it from somebody
// else needs no right to make one.
func (s *session) schemaIsThere(ctx context.Context) bool {
	for _, err := range s.rows(ctx, "DESCRIBE SCHEMA "+quote(s.home[0])+"."+quote(s.home[1])) {
		return err == nil
	}
	return false
}

// Query runs one SELECT and streams its rows, of which some thousand are in memory at a time.
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
		for row, err := range s.rows(ctx, sql) {
			if !yield(row, err) {
				return
			}
		}
	}
}

// rows runs anything that gives rows. The slice is reused.
func (s *session) rows(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		r, err := s.query(ctx, sql)
		if err != nil {
			yield(nil, s.explain(ctx, err, sql))
			return
		}
		defer r.Close() // which ends what is still being fetched
		columns := columnsOf(r)
		from, row := make([]driver.Value, len(columns)), make([]any, len(columns))
		for {
			if err := ctx.Err(); err != nil { // the driver fetches without the context
				yield(nil, fmt.Errorf("the statement was stopped: %w", context.Cause(ctx)))
				return
			}
			if err := r.Next(from); err != nil {
				if !errors.Is(err, io.EOF) {
					yield(nil, s.explain(ctx, err, sql))
				}
				return
			}
			for i, v := range from {
				if row[i], err = value(v, columns[i].Native); err != nil {
					yield(nil, fmt.Errorf("reading column %s: %w", columns[i].Name, err))
					return
				}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// named runs what gives rows and yields them by column.
func (s *session) named(ctx context.Context, sql string) iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		r, err := s.query(ctx, sql)
		if err != nil {
			yield(nil, s.explain(ctx, err, sql))
			return
		}
		defer r.Close()
		columns := columnsOf(r)
		from := make([]driver.Value, len(columns))
		for {
			if err := r.Next(from); err != nil {
				if !errors.Is(err, io.EOF) {
					yield(nil, s.explain(ctx, err, sql))
				}
				return
			}
			row := map[string]any{}
			for i, c := range columns {
				if row[c.Name], err = value(from[i], c.Native); err != nil {
					yield(nil, fmt.Errorf("reading column %s: %w", c.Name, err))
					return
				}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// Tx refuses: see the package's comment.
func (s *session) Tx(context.Context, func(ctx context.Context) error) error { return errTransaction }

// Now is the server's clock.
func (s *session) Now(ctx context.Context) (time.Time, error) {
	for row, err := range s.Query(ctx, "SELECT CURRENT_TIMESTAMP() AS now") {
		if err != nil {
			return time.Time{}, err
		}
		if t, ok := row[0].(time.Time); ok {
			return t, nil
		}
	}
	return time.Time{}, errors.New("the clock gave no time")
}

// Close ends the session on the server.
func (s *session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if err := s.conn.Close(); err != nil {
		return fmt.Errorf("ending the session: %w", short(err))
	}
	return nil
}

var _ warehouse.Session = (*session)(nil)
