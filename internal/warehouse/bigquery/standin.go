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

// standIn is what the setting endpoint changes: an emulator has no sessions, does not tell how many
// rows a statement changed, cannot replace what is there, and a dry run there tells no columns. Temporary tables lie in a dataset of
// the session's own, and rows are looked at before and after a change. Transactions are none. It is
// for tests only.
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
	replaces  = regexp.MustCompile("^\\s*CREATE (?:OR REPLACE (?:TABLE|VIEW)|TABLE IF NOT EXISTS) (?:`([^`]+)`\\.)?`([^`]+)`\\.`([^`]+)`")
	changed   = regexp.MustCompile("^\\s*(?:INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|TRUNCATE TABLE)\\s+(`[^`]+`(?:\\.`[^`]+`)*)")
)

func (s *session) execStandIn(ctx context.Context, sql string) (int64, error) {
	if at := temporary.FindStringIndex(sql); at != nil {
		if s.stand.dataset == "" {
			s.stand.dataset = standInPrefix + strings.TrimPrefix(newJobID(), jobPrefix)
			if err := s.plain.Dataset(s.stand.dataset).Create(ctx, nil); err != nil {
				return -1, s.explain(ctx, err)
			}
		}
		word := tempWord.FindStringIndex(sql)
		sql = sql[:word[0]] + sql[word[1]:]
	}
	if m := newSchema.FindStringSubmatch(sql); m != nil {
		d := s.plain.DatasetInProject(cmp.Or(m[1], s.project), m[2])
		if _, err := d.Metadata(ctx); err == nil {
			return -1, nil
		}
		return -1, s.explain(ctx, d.Create(ctx, nil))
	}
	if m := replaces.FindStringSubmatch(sql); m != nil { // it takes what is there for a fault
		t := s.plain.DatasetInProject(cmp.Or(m[1], s.project), m[2]).Table(m[3])
		if _, err := t.Metadata(ctx); err == nil {
			if strings.Contains(m[0], "IF NOT EXISTS") {
				return -1, nil
			}
			if err := t.Delete(ctx); err != nil {
				return -1, s.explain(ctx, err)
			}
		}
	}
	m := changed.FindStringSubmatch(sql)
	var was map[string]int64
	if m != nil {
		var err error
		if was, err = s.contents(ctx, m[1]); err != nil {
			return -1, err
		}
	}
	if _, err := s.ask(ctx, s.query(sql)); err != nil {
		return -1, s.explain(ctx, err)
	}
	if m == nil {
		return -1, nil
	}
	is, err := s.contents(ctx, m[1])
	if err != nil {
		return -1, err
	}
	var gone, come int64
	for row, n := range was {
		gone += max(0, n-is[row])
	}
	for row, n := range is {
		come += max(0, n-was[row])
	}
	return max(gone, come), nil
}

// contents counts the rows of a table by what is in them.
func (s *session) contents(ctx context.Context, table string) (map[string]int64, error) {
	it, err := s.ask(ctx, s.query("SELECT TO_HEX(SHA256(TO_JSON_STRING(t))) AS row_hash, COUNT(*) AS n FROM "+table+" AS t GROUP BY row_hash"))
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	out := map[string]int64{}
	for {
		var row []bq.Value
		if err := it.Next(&row); err != nil {
			if errors.Is(err, iterator.Done) {
				return out, nil
			}
			return nil, s.explain(ctx, err)
		}
		hash, _ := row[0].(string)
		n, _ := row[1].(int64)
		out[hash] = n
	}
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
