package snowflake

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	sf "github.com/snowflakedb/gosnowflake"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// Rows are loaded as bound arrays, which need no stage, no right to make one, and stay in the transaction
// around them. What weir loads is what a run heard and what people decided: thousands of rows, seldom a
// million, which are a statement for each 8,000 rows of eight columns.

// boundValues are how many values one statement binds, at most: with more than 65,280 the server asks
// the driver to bring them by a stage, which is made by a definition and would end a transaction.
const boundValues = 64_000

// boundBytes are how many bytes of values one statement binds, about.
const boundBytes = 8 << 20

// Load appends rows by statements that bind an array for each column, in one transaction: all of them
// or none. In a transaction that is open already, what was loaded before a fault goes with it.
func (s *session) Load(ctx context.Context, table []string, columns []string, rows iter.Seq2[[]any, error]) (int64, error) {
	shown := strings.Join(table, ".")
	types, err := s.loadTypes(ctx, table, columns)
	if err != nil {
		return 0, fmt.Errorf("loading %s: %w", shown, err)
	}
	name, err := quoted(table)
	if err != nil {
		return 0, err
	}
	names, marks := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], marks[i] = quote(c), "?"
	}
	l := &loader{columns: columns, types: types, sql: "INSERT INTO " + name + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"}
	next, stop := iter.Pull2(rows)
	defer stop()
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
		t, ok := byName[fold(kept(c))]
		if !ok {
			return nil, &warehouse.MissingError{What: "column", Name: strings.Join(table, ".") + "." + c,
				Nearest: warehouse.Nearest(c, names), Err: errors.New("the table has no such column")}
		}
		out[i] = t
	}
	return out, nil
}

// loader gathers rows, column by column, as texts: the server reads them as what the columns are.
type loader struct {
	columns []string
	types   []models.Type
	sql     string
	values  [][]any
	read    int64 // rows so far
	sent    int64
}

// fill gathers the rows of one statement. more tells that the source may have others.
func (l *loader) fill(next func() ([]any, error, bool)) (more bool, err error) {
	l.values = make([][]any, len(l.columns))
	size, most := 0, max(1, boundValues/len(l.columns))
	for n := 0; n < most && size < boundBytes; n++ {
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
		for i, v := range row {
			text, fits := bound(v, l.types[i])
			if !fits {
				return false, fmt.Errorf("row %d: the value of column %s, a %T, does not fit", l.read, l.columns[i], v)
			}
			if text == nil {
				l.values[i] = append(l.values[i], nil)
				continue
			}
			size += len(*text)
			l.values[i] = append(l.values[i], *text)
		}
	}
	return true, nil
}

// send loads what was gathered.
func (l *loader) send(ctx context.Context, s *session) error {
	if err := s.check(ctx, l.sql); err != nil {
		return err
	}
	n := len(l.values[0])
	if n == 0 {
		return nil
	}
	args := make([]driver.NamedValue, len(l.columns))
	for i := range args {
		args[i] = driver.NamedValue{Ordinal: i + 1, Value: sf.Array(&l.values[i])}
	}
	if _, err := s.run(ctx, l.sql, args...); err != nil {
		return s.explain(ctx, err)
	}
	l.sent += int64(n)
	return nil
}

// bound is a value as text; nil for NULL. fits is false if it is not of the column's type.
func bound(v any, t models.Type) (out *string, fits bool) {
	var s string
	switch v := v.(type) {
	case nil:
		return nil, true
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
		}
		s, fits = v.UTC().Format(layout), t == models.Timestamp || t == models.Date
	case string:
		s, fits = v, t == models.Text && !strings.ContainsRune(v, 0)
	}
	return &s, fits
}
