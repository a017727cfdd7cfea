package databricks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// insertBytes are how many bytes of rows one statement has, about, and insertRows how many rows.
const (
	insertBytes = 1 << 20
	insertRows  = 5_000
)

// Load appends rows: all of them or none. What fits one INSERT is one; more is gathered in a temporary
// table, whose rows one INSERT adds at the end.
func (s *session) Load(ctx context.Context, table []string, columns []string, rows iter.Seq2[[]any, error]) (int64, error) {
	shown := strings.Join(table, ".")
	n, err := s.load(ctx, table, columns, rows)
	if err != nil {
		return 0, fmt.Errorf("loading %s: %w", shown, err)
	}
	return n, nil
}

func (s *session) load(ctx context.Context, table []string, columns []string, rows iter.Seq2[[]any, error]) (n int64, err error) {
	name, err := s.quoted(table)
	if err != nil {
		return 0, err
	}
	types, err := s.loadTypes(ctx, table, columns)
	if err != nil {
		return 0, err
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quote(c)
	}
	list := strings.Join(names, ", ")
	next, stop := iter.Pull2(rows)
	defer stop()
	l := &loader{columns: columns, types: types}
	more, err := l.fill(next)
	switch {
	case err != nil:
		return 0, err
	case l.rows == 0:
		return 0, nil
	case !more:
		_, err := s.Exec(ctx, "INSERT INTO "+name+" ("+list+") VALUES"+l.buf.String())
		return l.read, err
	}
	staging := quote("weir_load_" + strings.ToLower(rand.Text()[:12]))
	if _, err := s.Exec(ctx, "CREATE TEMPORARY TABLE "+staging+" AS SELECT "+list+" FROM "+name+" LIMIT 0"); err != nil {
		return 0, err
	}
	defer func() {
		_, gone := s.Exec(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS "+staging)
		err = errors.Join(err, gone)
	}()
	for {
		if l.rows > 0 {
			if _, err := s.Exec(ctx, "INSERT INTO "+staging+" ("+list+") VALUES"+l.buf.String()); err != nil {
				return 0, err
			}
		}
		if !more {
			break
		}
		if more, err = l.fill(next); err != nil {
			return 0, err
		}
	}
	_, err = s.Exec(ctx, "INSERT INTO "+name+" ("+list+") SELECT "+list+" FROM "+staging)
	return l.read, err
}

// loader gathers the rows of one statement.
type loader struct {
	columns []string
	types   []models.Type
	buf     strings.Builder
	rows    int   // in buf
	read    int64 // so far
}

// fill gathers rows. more tells that the source may have others.
func (l *loader) fill(next func() ([]any, error, bool)) (more bool, err error) {
	l.buf.Reset()
	for l.rows = 0; l.buf.Len() < insertBytes && l.rows < insertRows; l.rows++ {
		row, err, ok := next()
		if !ok {
			return false, nil
		}
		l.read++
		if err == nil && len(row) != len(l.columns) {
			err = fmt.Errorf("row %d has %d values for %d columns", l.read, len(row), len(l.columns))
		}
		if err != nil {
			return false, err
		}
		cells := make([]string, len(row))
		for i, v := range row {
			var fits bool
			if cells[i], fits = literal(v, l.types[i]); !fits {
				return false, fmt.Errorf("row %d: the value of column %s, a %T, does not fit", l.read, l.columns[i], v)
			}
		}
		if l.rows > 0 {
			l.buf.WriteByte(',')
		}
		l.buf.WriteString("\n(" + strings.Join(cells, ", ") + ")")
	}
	return true, nil
}

func (s *session) loadTypes(ctx context.Context, table, columns []string) ([]models.Type, error) {
	if len(columns) == 0 {
		return nil, errors.New("there are no columns to load")
	}
	has, err := s.Columns(ctx, table)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range has {
		names = append(names, c.Name)
	}
	out := make([]models.Type, len(columns))
	for i, c := range columns {
		at := slices.IndexFunc(has, func(h warehouse.Column) bool { return strings.EqualFold(h.Name, c) })
		if at < 0 {
			return nil, &warehouse.MissingError{What: "column", Name: strings.Join(table, ".") + "." + c,
				Nearest: warehouse.Nearest(c, names), Err: errors.New("the table has no such column")}
		}
		out[i] = has[at].Type
	}
	return out, nil
}
