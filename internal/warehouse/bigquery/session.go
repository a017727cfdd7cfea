package bigquery

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"time"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/iterator"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

// session is a chain of jobs that are run one after the other.
type session struct {
	*store
	id     string // of BigQuery's session; "" until something needs one
	stand  standIn
	inTx   bool
	lost   bool // the session ended within a transaction
	asking bool // the catalogue, for names like one that is missing
	closed bool
}

var (
	errClosed = errors.New("the session is closed")
	// What is made for good cannot be made in a transaction.
	errDefinition = errors.New("the statement cannot be run in a transaction: BigQuery makes and drops tables, views and datasets only outside of one")
)

// before is what may stand before the first word of a statement.
const before = `(?i)^(?:\s|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*(?s:.*?)\*/|\()*`

var (
	reads       = regexp.MustCompile(before + `(?:SELECT|WITH)\b`)
	temporary   = regexp.MustCompile(before + `CREATE\s+(?:OR\s+REPLACE\s+)?TEMP(?:ORARY)?\b`)
	definitions = regexp.MustCompile(before + `(?:CREATE|ALTER|DROP|UNDROP|GRANT|REVOKE)\b`)
	unqualified = regexp.MustCompile(before + "DROP\\s+(?:TABLE|FUNCTION)\\s+(?:IF\\s+EXISTS\\s+)?`[^`.]+`\\s*$")
	makesSchema = regexp.MustCompile(before + `CREATE\s+SCHEMA\s+IF\s+NOT\s+EXISTS\b`)
)

func (s *session) check(ctx context.Context, sql string) error {
	if s.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	if _, err := dialect.BigQuery().Raw(sql); err != nil {
		return fmt.Errorf("the statement cannot be run: %w", err)
	}
	return nil
}

// Exec runs one statement. An empty one does nothing.
func (s *session) Exec(ctx context.Context, sql string) (int64, error) {
	if strings.TrimSpace(sql) == "" {
		return 0, nil
	}
	if err := s.check(ctx, sql); err != nil {
		return -1, err
	}
	temp := temporary.MatchString(sql)
	if s.inTx && definitions.MatchString(sql) && !temp && !unqualified.MatchString(sql) {
		return -1, errDefinition
	}
	if temp {
		if err := s.needSession(ctx); err != nil {
			return -1, err
		}
	}
	if s.endpoint != "" {
		fit, done, err := s.fitStandIn(ctx, sql)
		if done || err != nil {
			return -1, err
		}
		sql = fit
	}
	d, err := s.run(ctx, s.query(sql))
	if err != nil {
		err = s.explain(ctx, err)
		if errors.As(err, new(*warehouse.DeniedError)) && makesSchema.MatchString(sql) && s.schemaIsThere(ctx) {
			return 0, nil
		}
		return -1, err
	}
	if q, ok := d.status.Statistics.Details.(*bq.QueryStatistics); ok && changes[q.StatementType] {
		return q.NumDMLAffectedRows, nil
	}
	return -1, nil
}

// changes are the kinds of statements that tell how many rows they changed.
var changes = map[string]bool{"INSERT": true, "UPDATE": true, "DELETE": true, "MERGE": true}

// schemaIsThere reports whether a statement that was denied would have done nothing: the right to make
// datasets is asked for before it is looked whether there is one. A user that got its dataset from
// somebody else needs no such right.
func (s *session) schemaIsThere(ctx context.Context) bool {
	_, err := s.plain.DatasetInProject(s.homeProject, s.dataset).Metadata(ctx)
	return err == nil
}

// Query runs one SELECT and streams its rows, of which some megabytes are in memory at a time.
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
		own, stop := context.WithCancel(ctx)
		defer stop() // also what is still being fetched
		it, err := s.results(own, sql)
		if err != nil {
			yield(nil, s.explain(ctx, err))
			return
		}
		var from []bq.Value
		var row []any
		for read := uint64(0); !it.known || read < it.rows; read++ {
			switch err := it.Next(&from); {
			case errors.Is(err, iterator.Done) && it.known:
				yield(nil, &warehouse.UnreachableError{Doing: "reading rows from " + s.Identity(), Err: fmt.Errorf("the stream ended after %d of %d rows: run this again", read, it.rows)})
				return
			case errors.Is(err, iterator.Done):
				return
			case err != nil:
				yield(nil, s.explain(ctx, err))
				return
			}
			if row == nil {
				row = make([]any, len(from))
			}
			for i, v := range from {
				if row[i], err = value(v, it.Schema[i]); err != nil {
					yield(nil, fmt.Errorf("reading column %s: %w", it.Schema[i].Name, err))
					return
				}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// worthStreams are as many as are worth a session of the Storage Read API, which takes about a second to
// begin.
const worthStreams = 50_000

// result is the rows of a SELECT. How many they are is known but of an emulator: the client's reader of
// streams may take their end for that of all, and nobody would see that rows are missing.
type result struct {
	*bq.RowIterator
	rows  uint64
	known bool
}

// results runs a SELECT to its end and gives its rows.
func (s *session) results(ctx context.Context, sql string) (*result, error) {
	if s.endpoint != "" {
		it, err := s.ask(ctx, s.query(sql))
		return &result{RowIterator: it}, err
	}
	d, err := s.run(ctx, s.query(sql))
	if err != nil {
		return nil, err
	}
	it, err := d.job.Read(ctx)
	if err != nil {
		return nil, err
	}
	out := &result{it, it.TotalRows, true}
	if s.stream == nil || out.rows < s.manyRows {
		return out, nil
	}
	// If this user may not use that API, the client reads pages all the same.
	job, err := s.stream.JobFromIDLocation(ctx, d.job.ID(), d.job.Location())
	if err != nil {
		return nil, err
	}
	if out.RowIterator, err = job.Read(ctx); err != nil {
		return nil, err
	}
	if len(out.Schema) == 0 {
		out.Schema = it.Schema
	}
	return out, nil
}

// Tx runs f in one transaction. Another change of the same tables that is committed first makes a
// statement of it, or the commit, fail.
func (s *session) Tx(ctx context.Context, f func(ctx context.Context) error) (err error) {
	if s.inTx {
		return errors.New("a transaction is open already")
	}
	if err := s.check(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	if err := s.needSession(ctx); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err := s.control(ctx, "BEGIN TRANSACTION"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	s.inTx = true
	after := context.WithoutCancel(ctx)
	committed := false
	defer func() {
		if committed {
			s.inTx = false
			return
		}
		if s.lost { // and with it the transaction
			s.id, s.inTx, s.lost = "", false, false
			return
		}
		back := s.control(after, "ROLLBACK TRANSACTION")
		s.inTx = false
		if s.lost {
			s.id, s.lost = "", false
		}
		// A statement that failed may have ended the transaction.
		if back != nil && err != nil && !strings.Contains(strings.ToLower(back.Error()), "transaction") {
			err = errors.Join(err, fmt.Errorf("rolling back: %w", back))
		}
	}()
	if err := f(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.control(after, "COMMIT TRANSACTION"); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	committed = true
	return nil
}

// control begins and ends transactions.
func (s *session) control(ctx context.Context, sql string) error {
	if s.endpoint != "" { // a stand-in has none
		return nil
	}
	_, err := s.run(ctx, s.query(sql))
	return s.explain(ctx, err)
}

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

// Close ends BigQuery's session, with what is temporary in it.
func (s *session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if s.endpoint != "" {
		return s.stand.close(ctx, s)
	}
	if s.id == "" {
		return nil
	}
	// A session that is busy or gone cannot be ended, and ends by itself.
	_, _ = s.once(ctx, s.aborting())
	s.id = ""
	return nil
}

func (s *session) aborting() *bq.Query {
	q := s.query("CALL BQ.ABORT_SESSION()")
	q.JobID = newJobID()
	return q
}

var _ warehouse.Session = (*session)(nil)
