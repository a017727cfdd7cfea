package snowflake

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"
	"time"

	sf "github.com/snowflakedb/gosnowflake"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

// session is one connection.
type session struct {
	*store
	conn   connection
	inTx   bool
	asking bool // the catalogue, for names like one that is missing
	closed bool
}

var (
	errClosed = errors.New("the session is closed")
	// A definition would end the transaction around it.
	errDefinition = errors.New("the statement cannot be run in a transaction: Snowflake commits before it changes a definition")
)

// before is what may stand before the first word of a statement.
const before = `(?i)^(?:\s|--[^\n]*(?:\n|$)|/\*(?s:.*?)\*/|\()*`

var (
	reads       = regexp.MustCompile(before + `(?:SELECT|WITH|VALUES|EXPLAIN)\b`)
	definitions = regexp.MustCompile(before + `(?:CREATE|ALTER|DROP|UNDROP|GRANT|REVOKE|TRUNCATE|COMMENT|USE)\b`)
	makesSchema = regexp.MustCompile(`(?i)^\s*CREATE SCHEMA IF NOT EXISTS ((?:"(?:[^"]|"")+"\.)?"(?:[^"]|"")+")\s*$`)
	newSchema   = regexp.MustCompile(before + `CREATE\s+(?:OR\s+REPLACE\s+)?(?:TRANSIENT\s+)?SCHEMA\b`)
)

// enter makes weir's schema the one in which unqualified names lie, temporary tables among them, if it
// is in the database of the sources. If it is not, or not made yet, they lie in PUBLIC, where the
// server begins.
func (s *session) enter(ctx context.Context) error {
	if s.home[0] != s.database {
		return nil
	}
	_, err := s.run(ctx, "USE SCHEMA "+quote(s.home[0])+"."+quote(s.home[1]))
	if isMissing(err) {
		return nil
	}
	return s.explain(ctx, err)
}

func (s *session) check(ctx context.Context, sql string) error {
	if s.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	if _, err := dialect.Snowflake().Raw(sql); err != nil {
		return fmt.Errorf("the statement cannot be run: %w", err)
	}
	return nil
}

// Exec runs one statement; the server takes no more than one. An empty one does nothing.
func (s *session) Exec(ctx context.Context, sql string) (int64, error) {
	if strings.TrimSpace(sql) == "" {
		return 0, nil
	}
	if err := s.check(ctx, sql); err != nil {
		return -1, err
	}
	if s.inTx && definitions.MatchString(sql) {
		return -1, errDefinition
	}
	n, err := s.run(ctx, sql)
	if numberOf(err) == denied && s.schemaIsThere(ctx, sql) {
		n, err = 0, nil
	}
	if err != nil {
		return -1, s.explain(ctx, err)
	}
	if newSchema.MatchString(sql) { // which moves the session there
		if err := s.enter(ctx); err != nil {
			return -1, err
		}
	}
	return n, nil
}

// schemaIsThere reports whether a statement that was denied would have done nothing: the right to make
// schemas is asked for before it is looked whether there is one. A role that got its schema from somebody
// else needs no such right.
func (s *session) schemaIsThere(ctx context.Context, sql string) bool {
	m := makesSchema.FindStringSubmatch(sql)
	if m == nil {
		return false
	}
	_, err := s.run(ctx, "DESCRIBE SCHEMA "+m[1])
	return err == nil
}

// run runs a statement without a look at it.
func (s *session) run(ctx context.Context, sql string, args ...driver.NamedValue) (int64, error) {
	res, err := s.conn.ExecContext(ctx, sql, args)
	if err != nil {
		return -1, err
	}
	n, err := res.RowsAffected()
	if err != nil { // a definition has none
		return -1, nil //nolint:nilerr // it is no fault
	}
	return n, nil
}

// Query runs one SELECT and streams its rows, which the driver gets in parts of some megabytes.
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
		own, cancel := context.WithCancel(ctx)
		defer cancel() // also stops what the driver is still getting
		r, err := s.conn.QueryContext(asArrow(own), sql, nil)
		if err == nil {
			err = s.arrowRows(own, r, yield)
			if errors.Is(err, errJSON) {
				err = s.oneByOne(r, yield)
			}
			r.Close()
		}
		if errors.Is(err, errNotArrow) || isDecoding(err) { // the server has this result already, and gives it again
			if r, err = s.conn.QueryContext(sf.WithHigherPrecision(own), sql, nil); err == nil {
				err = s.oneByOne(r, yield)
				r.Close()
			}
		}
		if err != nil {
			yield(nil, s.explain(ctx, err))
		}
	}
}

// oneByOne yields the rows of a result as the driver reads them.
func (s *session) oneByOne(r driver.Rows, yield func([]any, error) bool) error {
	read, names := readers(r)
	from, row := make([]driver.Value, len(read)), make([]any, len(read))
	for {
		if err := r.Next(from); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var err error
		for i, v := range from {
			if row[i], err = read[i](v); err != nil {
				return fmt.Errorf("reading column %s: %w", names[i], err)
			}
		}
		if !yield(row, nil) {
			return nil
		}
	}
}

// rowsByName runs what gives rows of texts, such as SHOW, and yields them by column.
func (s *session) rowsByName(ctx context.Context, sql string) iter.Seq2[map[string]string, error] {
	return func(yield func(map[string]string, error) bool) {
		r, err := s.conn.QueryContext(ctx, sql, nil)
		if err != nil {
			yield(nil, s.explain(ctx, err))
			return
		}
		defer r.Close()
		names := r.Columns()
		from := make([]driver.Value, len(names))
		for {
			if err := r.Next(from); err != nil {
				if !errors.Is(err, io.EOF) {
					yield(nil, s.explain(ctx, err))
				}
				return
			}
			row := map[string]string{}
			for i, v := range from {
				row[names[i]], _ = v.(string)
			}
			if !yield(row, nil) {
				return
			}
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
	if _, err := s.run(ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", s.explain(ctx, err))
	}
	s.inTx = true
	after := context.WithoutCancel(ctx)
	done := false
	defer func() {
		s.inTx = false
		if done || s.closed {
			return
		}
		if _, back := s.run(after, "ROLLBACK"); back != nil && err != nil {
			err = errors.Join(err, fmt.Errorf("rolling back: %w", s.explain(after, back)))
		}
	}()
	if err := f(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := s.run(after, "COMMIT"); err != nil {
		return fmt.Errorf("committing: %w", s.explain(after, err))
	}
	done = true
	return nil
}

// Now is the server's clock.
func (s *session) Now(ctx context.Context) (time.Time, error) {
	for row, err := range s.Query(ctx, "SELECT CAST(SYSDATE() AS TIMESTAMP_NTZ(6))") {
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
	return s.conn.Close()
}

var _ warehouse.Session = (*session)(nil)
