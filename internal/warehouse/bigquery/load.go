package bigquery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	bq "cloud.google.com/go/bigquery"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// What one INSERT brings, at most: a request may have 10 MB. More are brought by a load job, which
// costs nothing but takes some seconds, and of which a table may have 1,500 a day.
const (
	insertRows  = 20_000
	insertBytes = 4 << 20
)

// Load appends rows: a few by one INSERT, many by one load job, which reads them as they come. Both are
// all or nothing. Load jobs know neither sessions nor transactions: in one, and into a temporary
// table, rows are brought by INSERTs.
func (s *session) Load(ctx context.Context, table []string, names []string, rows iter.Seq2[[]any, error]) (int64, error) {
	n, err := s.load(ctx, table, names, rows)
	if err != nil {
		return 0, fmt.Errorf("loading %s: %w", strings.Join(table, "."), err)
	}
	return n, nil
}

func (s *session) load(ctx context.Context, table []string, names []string, rows iter.Seq2[[]any, error]) (int64, error) {
	schema, err := s.loadSchema(ctx, table, names)
	if err != nil {
		return 0, err
	}
	next, stop := iter.Pull2(rows)
	defer stop()
	l := &loader{schema: schema, next: next}
	first, more, err := l.batch()
	if err != nil {
		return 0, err
	}
	if more && len(table) > 1 && !s.inTx {
		return l.read, s.loadJob(ctx, s.table(table), l, first)
	}
	name, err := quoted(table)
	if err != nil {
		return 0, err
	}
	insert := func(ctx context.Context) error {
		for batch := first; ; {
			if err := s.insert(ctx, name, schema, batch); err != nil || !more {
				return err
			}
			if batch, more, err = l.batch(); err != nil {
				return err
			}
		}
	}
	if more && !s.inTx {
		return l.read, errors.Join(s.Tx(ctx, insert))
	}
	err = insert(ctx)
	return l.read, err
}

// loadSchema is the fields that are loaded, in the order of names, as the table has them.
func (s *session) loadSchema(ctx context.Context, table, names []string) (bq.Schema, error) {
	if len(names) == 0 {
		return nil, errors.New("there are no columns to load")
	}
	has, err := s.schemaOf(ctx, table)
	if err != nil {
		return nil, err
	}
	byName := map[string]*bq.FieldSchema{}
	var known []string
	for _, f := range has {
		byName[strings.ToLower(f.Name)] = f
		known = append(known, f.Name)
	}
	out := make(bq.Schema, len(names))
	for i, n := range names {
		f, ok := byName[strings.ToLower(n)]
		if !ok {
			return nil, &warehouse.MissingError{What: "column", Name: strings.Join(table, ".") + "." + n,
				Nearest: warehouse.Nearest(n, known), Err: errors.New("the table has no such column")}
		}
		out[i] = f
	}
	return out, nil
}

// loader reads rows as texts, of which nil is NULL.
type loader struct {
	schema bq.Schema
	next   func() ([]any, error, bool)
	read   int64
}

// row is the next row. It is nil at the end.
func (l *loader) row() ([]*string, error) {
	row, err, ok := l.next()
	if !ok {
		return nil, nil
	}
	l.read++
	if err == nil && len(row) != len(l.schema) {
		err = fmt.Errorf("row %d has %d values for %d columns", l.read, len(row), len(l.schema))
	}
	if err != nil {
		return nil, err
	}
	out := make([]*string, len(row))
	for i, v := range row {
		f := l.schema[i]
		var fits bool
		if out[i], fits = bound(v, f); !fits {
			return nil, fmt.Errorf("row %d: the value of column %s, a %T, does not fit", l.read, f.Name, v)
		}
	}
	return out, nil
}

// batch is the rows of one INSERT, each the text of a JSON array of texts. more tells that the source
// may have others.
func (l *loader) batch() (out []string, more bool, err error) {
	for size := 0; len(out) < insertRows && size < insertBytes; {
		row, err := l.row()
		if err != nil || row == nil {
			return out, false, err
		}
		text, err := json.Marshal(row)
		if err != nil {
			return nil, false, err
		}
		size += len(text)
		out = append(out, string(text))
	}
	return out, true, nil
}

// insert appends a batch.
func (s *session) insert(ctx context.Context, table string, schema bq.Schema, batch []string) error {
	if len(batch) == 0 {
		return ctx.Err()
	}
	names, values := make([]string, len(schema)), make([]string, len(schema))
	for i, f := range schema {
		names[i] = quote(f.Name)
		values[i] = fmt.Sprintf("CAST(JSON_VALUE(r, '$[%d]') AS %s)", i, nativeOf(f))
	}
	q := s.query("INSERT INTO " + table + " (" + strings.Join(names, ", ") + ")\nSELECT " + strings.Join(values, ", ") + " FROM UNNEST(@rows) AS r")
	q.Parameters = []bq.QueryParameter{{Name: "rows", Value: batch}}
	var err error
	if s.endpoint != "" {
		_, err = s.ask(ctx, q)
	} else {
		_, err = s.run(ctx, q)
	}
	return s.explain(ctx, err)
}

// loadJob appends the first rows and all others of the source. Nothing is loaded if the source fails:
// the job begins when all has arrived.
func (s *session) loadJob(ctx context.Context, table *bq.Table, l *loader, first []string) error {
	own, stop := context.WithCancel(ctx)
	defer stop()
	from, to := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := l.write(to, first)
		if err != nil {
			stop() // the upload with it
		}
		_ = to.CloseWithError(err)
		wrote <- err
	}()
	source := bq.NewReaderSource(from)
	source.SourceFormat, source.Schema = bq.JSON, l.schema
	load := table.LoaderFrom(source)
	load.CreateDisposition, load.WriteDisposition = bq.CreateNever, bq.WriteAppend
	load.Labels = map[string]string{"weir": s.label}
	load.JobID, load.Location, load.JobTimeout = newJobID(), s.location, s.timeout
	job, err := load.Run(own)
	if unanswered(err) && own.Err() == nil { // it may have begun
		if begun, none := s.plain.JobFromIDLocation(ctx, load.JobID, s.location); none == nil {
			job, err = begun, nil
		}
	}
	_ = from.CloseWithError(errors.New("nobody reads")) // ends the writer if the upload failed
	if bad := <-wrote; bad != nil && (err == nil || own.Err() != nil && ctx.Err() == nil) {
		if job != nil {
			s.cancel(ctx, job.ID(), job.Location())
		}
		return bad
	}
	if err != nil {
		return s.explain(ctx, err)
	}
	var status *bq.JobStatus
	err = answered(ctx, func() (err error) {
		status, err = job.Wait(ctx)
		return err
	})
	if err != nil {
		s.cancel(ctx, job.ID(), job.Location())
		return s.explain(ctx, err)
	}
	return s.explain(ctx, status.Err())
}

// write writes rows as JSON, one a line.
func (l *loader) write(to io.Writer, first []string) error {
	var b bytes.Buffer
	line := func(row []*string) error {
		b.WriteByte('{')
		begun := false
		for i, v := range row {
			if v == nil {
				continue
			}
			if begun {
				b.WriteByte(',')
			}
			begun = true
			for j, text := range []string{l.schema[i].Name, *v} {
				if j > 0 {
					b.WriteByte(':')
				}
				quoted, err := json.Marshal(text)
				if err != nil {
					return err
				}
				b.Write(quoted)
			}
		}
		b.WriteString("}\n")
		if b.Len() < 1<<16 {
			return nil
		}
		_, err := b.WriteTo(to)
		return err
	}
	for _, text := range first {
		var row []*string
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			return err
		}
		if err := line(row); err != nil {
			return err
		}
	}
	for {
		row, err := l.row()
		if err != nil {
			return err
		}
		if row == nil {
			_, err := b.WriteTo(to)
			return err
		}
		if err := line(row); err != nil {
			return err
		}
	}
}

// bound is a value as text; nil for NULL. fits is false if it is not of the column's type.
func bound(v any, f *bq.FieldSchema) (out *string, fits bool) {
	t, naive := typeOf(f)
	var s string
	switch v := v.(type) {
	case nil:
		return nil, !f.Required
	case bool:
		s, fits = strconv.FormatBool(v), t == models.Boolean
	case int64:
		s, fits = strconv.FormatInt(v, 10), t == models.Integer || t == models.Number
	case float64:
		s, fits = strconv.FormatFloat(v, 'g', -1, 64), t == models.Number
	case json.Number:
		_, err := strconv.ParseFloat(string(v), 64)
		s, fits = string(v), (err == nil || errors.Is(err, strconv.ErrRange)) && (t == models.Number || t == models.Integer)
	case time.Time:
		layout := "2006-01-02 15:04:05.999999+00:00"
		if t == models.Date {
			layout = time.DateOnly
		} else if naive {
			layout = "2006-01-02 15:04:05.999999"
		}
		s, fits = v.UTC().Format(layout), t == models.Timestamp || t == models.Date
	case string:
		s, fits = v, t == models.Text
	}
	return &s, fits
}
