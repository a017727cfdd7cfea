package bigquery

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"strings"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/iterator"
)

// standIn is what the setting endpoint changes: an emulator has no sessions, and a dry run there tells no
// columns. Temporary tables lie in a dataset of the session's own. Transactions are none. It is for
// tests only.
type standIn struct {
	dataset string // of temporary tables; "" if none was made
}

const standInPrefix = "weir_session_"

// ofStandIn tells datasets that only an emulator has: of a session here, or of the result of a job.
func ofStandIn(dataset string) bool {
	return strings.HasPrefix(dataset, standInPrefix) || strings.HasPrefix(dataset, jobPrefix)
}

// standIn fits a job to an emulator.
func (s *session) standIn(q *bq.Query) {
	if s.endpoint != "" {
		q.DefaultProjectID, q.DefaultDatasetID = s.project, cmp.Or(s.stand.dataset, standInPrefix+"none")
	}
}

// ask runs a statement by one request, for which an emulator makes no dataset. The client only does so
// if nothing is asked for that the request has no word for.
func (s *session) ask(ctx context.Context, q *bq.Query) (*bq.RowIterator, error) {
	q.Priority, q.JobTimeout = "", 0
	return q.Read(ctx)
}

var (
	newSchema = regexp.MustCompile("^\\s*CREATE SCHEMA IF NOT EXISTS (?:`([^`]+)`\\.)?`([^`]+)`\\s*$")
	tempWord  = regexp.MustCompile(`(?i)\bTEMP(?:ORARY)?\s+`)
)

// fitStandIn fits a statement to an emulator: the one that makes a dataset is none, and what is
// temporary is so because its dataset is. It reports whether there is nothing more to do.
func (s *session) fitStandIn(ctx context.Context, sql string) (fit string, done bool, err error) {
	if temporary.MatchString(sql) {
		if s.stand.dataset == "" {
			s.stand.dataset = standInPrefix + strings.TrimPrefix(newJobID(), jobPrefix)
			if err := s.plain.Dataset(s.stand.dataset).Create(ctx, nil); err != nil {
				return sql, true, s.explain(ctx, err)
			}
		}
		word := tempWord.FindStringIndex(sql)
		return sql[:word[0]] + sql[word[1]:], false, nil
	}
	if m := newSchema.FindStringSubmatch(sql); m != nil {
		d := s.plain.DatasetInProject(cmp.Or(m[1], s.project), m[2])
		if _, err := d.Metadata(ctx); err == nil {
			return sql, true, nil
		}
		return sql, true, s.explain(ctx, d.Create(ctx, nil))
	}
	return sql, false, nil
}

// describeStandIn runs a SELECT for no rows.
func (s *session) describeStandIn(ctx context.Context, sql string) (bq.Schema, error) {
	it, err := s.ask(ctx, s.query("SELECT * FROM (\n"+sql+"\n) AS described LIMIT 0"))
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	var none []bq.Value
	if err := it.Next(&none); err != nil && !errors.Is(err, iterator.Done) { // by which the schema comes
		return nil, s.explain(ctx, err)
	}
	return it.Schema, nil
}

// close drops the session's temporary tables.
func (i *standIn) close(ctx context.Context, s *session) error {
	if i.dataset == "" {
		return nil
	}
	err := s.plain.Dataset(i.dataset).DeleteWithContents(ctx)
	i.dataset = ""
	if httpCode(err) == 404 { // it was stopped while it was made
		return nil
	}
	return err
}
