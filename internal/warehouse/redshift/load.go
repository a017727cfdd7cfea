package redshift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// One statement has up to 16 MB ("SQL commands"), and is compiled for its leader node: a few thousand rows
// in about one is what is quick.
const (
	insertBytes = 1 << 20
	insertRows  = 5_000
)

// Load appends rows by INSERT statements of many rows, in one transaction: all of them or none. COPY reads
// from S3 only, which weir has no access to.
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
	l := &loader{columns: columns, types: types, head: "INSERT INTO " + name + " (" + strings.Join(names, ", ") + ") VALUES\n"}
	more, err := l.fill(next)
	if err != nil {
		return 0, fmt.Errorf("loading %s: %w", shown, err)
	}
	send := func(ctx context.Context) error {
		for {
			if err := l.send(ctx, s); err != nil || !more {
				return err
			}
			if more, err = l.fill(next); err != nil {
				return err
			}
		}
	}
	if more && !s.inTx { // one statement is all or nothing by itself
		err = s.Tx(ctx, send)
	} else {
		err = send(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("loading %s: %w", shown, err)
	}
	return l.sent, nil
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

// loader gathers the rows of one statement.
type loader struct {
	columns []string
	types   []models.Type
	head    string
	buf     strings.Builder
	rows    int64 // in buf
	read    int64
	sent    int64
}

// fill gathers rows. more tells that the source may have others.
func (l *loader) fill(next func() ([]any, error, bool)) (more bool, err error) {
	l.buf.Reset()
	l.rows = 0
	for l.buf.Len() < insertBytes && l.rows < insertRows {
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
		if l.rows++; l.rows > 1 {
			l.buf.WriteString(",\n")
		}
		for i, v := range row {
			l.buf.WriteByte("(,"[min(i, 1)])
			sql, fits := literal(v, l.types[i])
			if !fits {
				return false, fmt.Errorf("row %d: the value of column %s, a %T, does not fit", l.read, l.columns[i], v)
			}
			l.buf.WriteString(sql)
		}
		l.buf.WriteByte(')')
	}
	return true, nil
}

// send loads what was gathered.
func (l *loader) send(ctx context.Context, s *session) error {
	if l.rows == 0 {
		return nil
	}
	if _, err := s.Exec(ctx, l.head+l.buf.String()); err != nil {
		return err
	}
	l.sent += l.rows
	return nil
}

// literal is a value in a VALUES clause. fits is false if it is not of the column's type.
func literal(v any, t models.Type) (sql string, fits bool) {
	switch v := v.(type) {
	case nil:
		return "NULL", true
	case bool:
		return strconv.FormatBool(v), t == models.Boolean
	case int64:
		return strconv.FormatInt(v, 10), t == models.Integer || t == models.Number
	case float64:
		return text(strconv.FormatFloat(v, 'g', -1, 64)), t == models.Number
	case json.Number:
		_, err := strconv.ParseFloat(string(v), 64)
		return text(string(v)), (err == nil || errors.Is(err, strconv.ErrRange)) && (t == models.Number || t == models.Integer)
	case time.Time:
		if t == models.Date {
			return text(v.UTC().Format(time.DateOnly)), true
		}
		return text(v.UTC().Format("2006-01-02 15:04:05.999999+00")), t == models.Timestamp
	case string:
		return text(v), (t == models.Text || t == models.Unknown) && !strings.ContainsRune(v, 0)
	}
	return "", false
}
