package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// Load appends rows by COPY: all of them or none.
func (s *session) Load(ctx context.Context, table []string, columns []string, rows iter.Seq2[[]any, error]) (int64, error) {
	shown := strings.Join(table, ".")
	name, err := quoted(table)
	if err != nil {
		return 0, err
	}
	types, err := s.loadTypes(ctx, table, columns)
	if err != nil {
		return 0, fmt.Errorf("loading %s: %w", shown, err)
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quote(c)
	}
	next, stop := iter.Pull2(rows)
	defer stop()
	r := &copyReader{next: next, over: ctx.Err, columns: columns, types: types}
	tag, err := s.conn.CopyFrom(ctx, r, "COPY "+name+" ("+strings.Join(names, ", ")+") FROM STDIN")
	switch {
	case r.err != nil:
		return 0, fmt.Errorf("loading %s: %w", shown, r.err)
	case err != nil:
		return 0, fmt.Errorf("loading %s: %w", shown, s.explain(ctx, err, name))
	}
	return tag.RowsAffected(), nil
}

func (s *session) loadTypes(ctx context.Context, table, columns []string) ([]models.Type, error) {
	if len(columns) == 0 {
		return nil, errors.New("there are no columns to load")
	}
	has, err := s.Columns(ctx, table)
	if err != nil {
		return nil, err
	}
	byName := map[string]models.Type{}
	var names []string
	for _, c := range has {
		byName[c.Name] = c.Type
		names = append(names, c.Name)
	}
	out := make([]models.Type, len(columns))
	for i, c := range columns {
		t, ok := byName[c]
		if !ok {
			return nil, &warehouse.MissingError{What: "column", Name: strings.Join(table, ".") + "." + c,
				Nearest: warehouse.Nearest(c, names), Err: errors.New("the table has no such column")}
		}
		out[i] = t
	}
	return out, nil
}

// copyReader writes rows in the text format of COPY.
type copyReader struct {
	next    func() ([]any, error, bool)
	over    func() error // why nothing more is to be sent
	columns []string
	types   []models.Type
	buf     []byte
	rest    []byte // of buf, not read yet
	rows    int64
	err     error // why it stopped; the server is told only that it did
	done    bool
}

var errStopped = errors.New("weir stopped sending rows")

// Read fills p with rows.
func (r *copyReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && !r.done {
		r.fill()
	}
	if r.err != nil {
		return 0, errStopped
	}
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *copyReader) fill() {
	r.buf = r.buf[:0]
	for len(r.buf) < 64<<10 {
		row, err, ok := r.next()
		if !ok {
			r.done = true
			break
		}
		if err == nil && len(row) != len(r.columns) {
			err = fmt.Errorf("row %d has %d values for %d columns", r.rows+1, len(row), len(r.columns))
		}
		if err != nil {
			r.err = err
			return
		}
		for i, v := range row {
			if i > 0 {
				r.buf = append(r.buf, '\t')
			}
			var fits bool
			if r.buf, fits = appendCopy(r.buf, v, r.types[i]); !fits {
				r.err = fmt.Errorf("row %d: the value of column %s, a %T, does not fit", r.rows+1, r.columns[i], v)
				return
			}
		}
		r.buf = append(r.buf, '\n')
		r.rows++
	}
	r.rest = r.buf
	if r.err = r.over(); r.err != nil {
		r.err = fmt.Errorf("sending rows was stopped: %w", r.err)
	}
}
