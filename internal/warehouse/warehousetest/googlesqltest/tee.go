package googlesqltest

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

var bigquery = dialect.BigQuery()

// teed is a warehouse whose dialect renders everything twice. What its sessions execute is known by
// its text; any other text is a test's own, which may have changed the tables of the sources.
type teed struct {
	warehouse.Warehouse
	t        testing.TB
	to       *record
	mu       sync.Mutex
	rendered map[string]twin   // by the text for the warehouse itself
	sources  map[string]string // what was said about each table that a test has made itself
	own      map[string]bool   // the tables of weir's schema that weir has made
	said     map[string]bool   // the statements that are in the log
	stale    bool              // the sources may be others
}

// twin is a statement in BigQuery's SQL.
type twin struct {
	sql  string
	name rel.Name // of the table or view that it makes
	temp bool     // for the session
	err  error
}

func wrap(t testing.TB, w warehouse.Warehouse, to *record) warehouse.Warehouse {
	return &teed{Warehouse: w, t: t, to: to, rendered: map[string]twin{}, sources: map[string]string{}, own: map[string]bool{}, said: map[string]bool{}, stale: true}
}

// Kind is that of the warehouse, with another dialect.
func (w *teed) Kind() warehouse.Kind { return kind{w.Warehouse.Kind(), w} }

type kind struct {
	warehouse.Kind
	w *teed
}

// Dialect renders twice.
func (k kind) Dialect() dialect.Dialect { return tee{k.Kind.Dialect(), k.w} }

type tee struct {
	dialect.Dialect
	w *teed
}

// Statement renders a statement twice.
func (d tee) Statement(st rel.Statement) (string, error) {
	text, err := d.Dialect.Statement(st)
	if err != nil {
		return text, err
	}
	var two twin
	two.sql, two.err = bigquery.Statement(st)
	switch st := st.(type) {
	case rel.CreateTable:
		two.name, two.temp = st.Name, st.Temp
	case rel.CreateView:
		two.name = st.Name
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if _, ok := st.(rel.Provide); ok && strings.TrimSpace(text) == "" { // it will not be executed
		d.w.say(two)
	}
	d.w.rendered[text] = two
	return text, nil
}

// Query renders a query twice.
func (d tee) Query(q rel.Query) (string, error) {
	text, err := d.Dialect.Query(q)
	if err != nil {
		return text, err
	}
	var two twin
	two.sql, two.err = bigquery.Query(q)
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.w.rendered[text] = two
	return text, nil
}

// say keeps a statement. The lock is held.
func (w *teed) say(two twin) {
	if two.err != nil {
		w.t.Errorf("%v", two.err)
		return
	}
	if two.name == nil && w.said[two.sql] && !changes(two.sql) {
		return
	}
	w.said[two.sql] = true
	w.to.statements = append(w.to.statements, two.sql)
}

// changes tells that a statement changes which tables there are, so that it is not the same a second
// time.
func changes(sql string) bool {
	return strings.HasPrefix(sql, "DROP ") || strings.HasPrefix(sql, "CREATE ") || strings.HasPrefix(sql, "ALTER ")
}

// Session takes a session of the warehouse.
func (w *teed) Session(ctx context.Context) (warehouse.Session, error) {
	s, err := w.Warehouse.Session(ctx)
	if err != nil {
		return nil, err
	}
	return &session{Session: s, w: w}, nil
}

type session struct {
	warehouse.Session
	w     *teed
	temps []rel.Name
}

// Inner is the warehouse's session.
func (s *session) Inner() warehouse.Session { return s.Session }

// Exec executes a statement, and keeps it if it went well.
func (s *session) Exec(ctx context.Context, sql string) (int64, error) {
	two, ok := s.before(ctx, sql)
	n, err := s.Session.Exec(ctx, sql)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	switch {
	case !ok:
		s.w.stale = true
	case err == nil:
		s.w.say(two)
		if two.temp {
			s.temps = append(s.temps, two.name)
		} else if two.name != nil {
			s.w.own[strings.Join(two.name, ".")] = true
		}
	}
	return n, err
}

// Query asks a query, and keeps it if it gives a row or ends well.
func (s *session) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		two, ok := s.before(ctx, sql)
		keep := func() {
			s.w.mu.Lock()
			defer s.w.mu.Unlock()
			if ok {
				s.w.say(two)
			}
			ok = false
		}
		for row, err := range s.Session.Query(ctx, sql) {
			if err == nil {
				keep()
			} else {
				ok = false
			}
			if !yield(row, err) {
				return
			}
		}
		keep()
	}
}

// Close gives the session back, and its tables go with it.
func (s *session) Close() error {
	s.w.mu.Lock()
	for _, name := range s.temps {
		text, err := bigquery.Statement(rel.DropTable{Name: name})
		s.w.say(twin{sql: text, err: err})
	}
	s.temps = nil
	s.w.mu.Unlock()
	return s.Session.Close()
}

// before finds the twin of a text, and says what the tables of the sources are by now.
func (s *session) before(ctx context.Context, sql string) (twin, bool) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	two, ok := s.w.rendered[sql]
	if ok && s.w.stale {
		s.w.stale = false
		s.declare(ctx)
	}
	return two, ok
}

// declare says what changed among the tables that weir has not made. The lock is held.
func (s *session) declare(ctx context.Context) {
	names, err := s.Session.Tables(ctx, "")
	if err != nil {
		s.w.t.Errorf("listing the tables of the sources: %v", err)
		return
	}
	now := map[string]string{}
	for _, name := range names {
		parts := strings.Split(name, ".")
		if len(parts) != 2 || s.w.own[name] {
			continue
		}
		columns, err := s.Session.Columns(ctx, parts)
		if err != nil {
			continue // dropped meanwhile, or of a kind that has none
		}
		fields := make([]string, len(columns))
		for i, c := range columns {
			fields[i] = bigquery.Quote(c.Name) + " " + native(c)
		}
		place := bigquery.Quote(parts[0]) + "."
		if parts[0] == "main" { // where the embedded engine looks first, as BigQuery does in a default dataset
			place = ""
		}
		now[place+bigquery.Quote(parts[1])] = strings.Join(fields, ", ")
	}
	for _, name := range slices.Sorted(maps.Keys(s.w.sources)) {
		if now[name] != s.w.sources[name] {
			s.w.say(twin{sql: "DROP TABLE " + name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if now[name] != s.w.sources[name] {
			s.w.say(twin{sql: "CREATE TABLE " + name + " (" + now[name] + ")"})
		}
	}
	s.w.sources = now
}

// native is the type that a column of another warehouse would have in BigQuery.
func native(c warehouse.Column) string {
	item, isList := strings.CutSuffix(c.Native, "[]")
	types := map[models.Type]string{
		models.Text: "STRING", models.Integer: "INT64", models.Number: "NUMERIC", models.Boolean: "BOOL", models.Date: "DATE", models.Timestamp: "TIMESTAMP",
	}
	name, known := types[c.Type]
	switch {
	case isList:
		return "ARRAY<" + native(warehouse.Column{Native: item, Type: itemType(item)}) + ">"
	case strings.HasPrefix(strings.ToUpper(c.Native), "DOUBLE"), strings.HasPrefix(strings.ToUpper(c.Native), "FLOAT"):
		return "FLOAT64"
	case c.Naive:
		return "DATETIME"
	case !known:
		return "STRING"
	}
	return name
}

func itemType(native string) models.Type {
	switch {
	case strings.HasSuffix(native, "INT"), strings.HasPrefix(native, "INT"):
		return models.Integer
	case strings.HasPrefix(native, "DECIMAL"):
		return models.Number
	case native == "BOOLEAN":
		return models.Boolean
	case native == "DATE":
		return models.Date
	case strings.HasPrefix(native, "TIMESTAMP"):
		return models.Timestamp
	}
	return models.Text
}
