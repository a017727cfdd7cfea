// Package warehousetest is the contract of a warehouse as tests. Every kind runs it.
package warehousetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/dialect/dialecttest"
	"github.com/weir-data/weir/internal/dialect/dialecttest/gap"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// Options fit the tests to a warehouse.
type Options struct {
	Rows  int           // of the large table; 0 means 1,000,000
	Texts               // what is not the same in every SQL
	Stop  time.Duration // in which a statement must stop when it is told to; 0 means 2 s
	Gaps  *gap.List     // what a stand-in lacks, by the names of cases; nil for a real warehouse
	Brief bool          // a stand-in takes seconds for a statement: the cases of manyStatements run only with WEIR_THOROUGH
}

// manyStatements are cases whose ground others cover, or the tests of a warehouse.
var manyStatements = []string{"huge", "long names", "merge twice", "estimates", "rights"}

// Texts are queries that the algebra has no words for. What is empty is as DuckDB and PostgreSQL have
// it.
type Texts struct {
	Slow         string   // a SELECT of several seconds; the default is a join that most engines have to count out
	Series       string   // a SELECT of ten thousand rows
	Numbers      string   // a SELECT of 7 in three integer types, 0.1 in two floating ones, and the decimals 1.50 and 100
	Lists        string   // a SELECT of the lists that defaultTexts has, under the same names
	Naive        string   // the literal of a timestamp without a zone
	Leap         string   // the literal of the instant 2016-12-31 23:59:60 UTC
	Types        []string // native types for an integer, a date, a timestamp, a decimal and a boolean
	ListsAreText bool     // a list in a table is its text, and no type of its own
	// Unfit tells that the warehouse cannot have a table and a column of that name. nil means that it
	// can have any.
	Unfit func(name string) bool
}

var defaultTexts = Texts{
	Slow:    "SELECT count(*) AS n FROM generate_series(1, 200000) AS a (x) JOIN generate_series(1, 200000) AS b (y) ON a.x + b.y = -1 AND a.x * b.y > a.x",
	Series:  "SELECT x FROM generate_series(1, 10000) AS a (x)",
	Numbers: "SELECT CAST(7 AS SMALLINT), CAST(7 AS INTEGER), CAST(7 AS BIGINT), CAST(0.1 AS REAL), CAST(0.1 AS DOUBLE PRECISION), CAST(1.50 AS DECIMAL(10,2)), CAST(100 AS DECIMAL(10,2))",
	Lists:   "SELECT ARRAY[1, 2] AS whole, ARRAY['a', NULL] AS text, ARRAY[1.5] AS decimal, ARRAY[CAST(0.1 AS DOUBLE PRECISION)] AS double, ARRAY[TRUE] AS yes, ARRAY[DATE '2026-01-31'] AS day",
	Naive:   "TIMESTAMP '2024-01-01 00:00:00'",
	Leap:    "TIMESTAMPTZ '2016-12-31 23:59:60+00'",
	Types:   []string{"INTEGER", "DATE", "TIMESTAMPTZ", "DECIMAL(10,2)", "BOOLEAN"},
	Unfit:   func(string) bool { return false },
}

func (t *Texts) fill() {
	d := defaultTexts
	t.Slow, t.Series, t.Numbers = cmp.Or(t.Slow, d.Slow), cmp.Or(t.Series, d.Series), cmp.Or(t.Numbers, d.Numbers)
	t.Lists, t.Naive, t.Leap = cmp.Or(t.Lists, d.Lists), cmp.Or(t.Naive, d.Naive), cmp.Or(t.Leap, d.Leap)
	if t.Types == nil {
		t.Types = d.Types
	}
	if t.Unfit == nil {
		t.Unfit = d.Unfit
	}
}

// Run checks a warehouse. open gives a new and empty one, whose schema is not made yet.
func Run(t *testing.T, o Options, open func(t *testing.T) warehouse.Warehouse) {
	if o.Rows == 0 {
		o.Rows = 1_000_000
	}
	o.fill()
	if o.Stop == 0 {
		o.Stop = 2 * time.Second
	}
	k := &kit{o: o, w: open(t)}
	t.Cleanup(func() {
		if err := k.w.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	part := o.Brief && os.Getenv("WEIR_THOROUGH") == ""
	if part && o.Gaps != nil {
		o.Gaps.Part()
	}
	s := k.session(t)
	k.exec(t, s, rel.CreateSchema{Name: rel.Name{k.w.Schema()}}, rel.CreateSchema{Name: rel.Name{k.w.Schema()}})
	t.Run("dialect", func(t *testing.T) { k.dialect(t, k.session(t)) })
	for _, c := range []struct {
		name string
		run  func(testing.TB, warehouse.Session)
	}{
		{"types", k.types}, {"lists", k.lists}, {"numbers", k.numbers}, {"microseconds", k.microseconds}, {"names and texts", k.nasty},
		{"empty", k.empty}, {"load", k.load}, {"load all or nothing", k.loadFails}, {"large", k.large},
		{"statements", k.statements}, {"views", k.views}, {"temporary", k.temporary}, {"two sessions", k.two},
		{"transactions", k.transactions}, {"cancel", k.cancel}, {"missing", k.missing}, {"one select", k.oneSelect},
		{"files", k.files}, {"no values in errors", k.quiet}, {"clock", k.clock}, {"tables", k.tables}, {"stop reading", k.stop}, {"identity", k.identity},
		{"huge", k.huge}, {"leap seconds", k.leap}, {"long names", k.long}, {"merge twice", k.twice}, {"estimates", k.estimates}, {"rights", k.rights},
	} {
		if part && slices.Contains(manyStatements, c.name) {
			continue
		}
		o.Gaps.Run(t, c.name, func(t testing.TB) { c.run(t, k.session(t)) })
	}
}

type kit struct {
	o Options
	w warehouse.Warehouse
}

func (k *kit) session(t testing.TB) warehouse.Session {
	t.Helper()
	s, err := k.w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing a session: %v", err)
		}
	})
	return s
}

func (k *kit) name(table string) rel.Name { return rel.Name{k.w.Schema(), table} }

func (k *kit) exec(t testing.TB, s warehouse.Session, stmts ...rel.Statement) {
	t.Helper()
	if err := warehouse.Exec(t.Context(), s, k.w.Kind().Dialect(), stmts...); err != nil {
		t.Fatal(err)
	}
}

func (k *kit) rows(t testing.TB, s warehouse.Session, q rel.Query) [][]any {
	t.Helper()
	out, err := collect(warehouse.Rows(t.Context(), s, k.w.Kind().Dialect(), q))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (k *kit) count(t testing.TB, s warehouse.Session, table rel.Name) int64 {
	t.Helper()
	n, err := warehouse.Int(t.Context(), s, k.w.Kind().Dialect(), rel.Select{
		Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: table, Alias: "t"}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func collect(rows iter.Seq2[[]any, error]) ([][]any, error) {
	var out [][]any
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, slices.Clone(row))
	}
	return out, nil
}

func seq(rows ...[]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

var at = time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)

// everyType are fields of all types, in the order of everyRow.
var everyType = []rel.Field{
	{Name: "id", Type: models.Integer, NotNull: true}, {Name: "text", Type: models.Text}, {Name: "number", Type: models.Number},
	{Name: "yes", Type: models.Boolean}, {Name: "day", Type: models.Date}, {Name: "at", Type: models.Timestamp},
}

var everyRow = [][]any{
	{int64(1), "a", json.Number("499.99"), true, at.Truncate(24 * time.Hour), at},
	{int64(2), nil, nil, nil, nil, nil},
	{int64(-9223372036854775808), "", json.Number("-0.000000001"), false, time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC)},
	{int64(9223372036854775807), "it's \"\\\" é😀\r\n\t--", json.Number("1234567890123456789012345678.123456789"), true,
		time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC)},
}

func names(fields []rel.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

// all selects all fields of a table in the order of the first.
func all(table rel.Name, fields []rel.Field) rel.Select {
	q := rel.Select{From: rel.Table{Name: table, Alias: "t"}, OrderBy: []rel.Order{{Expr: rel.C("t", fields[0].Name)}}}
	for _, f := range fields {
		q.Columns = append(q.Columns, rel.As(f.Name, rel.C("t", f.Name)))
	}
	return q
}

func (k *kit) dialect(t *testing.T, s warehouse.Session) {
	dialecttest.Run(t, k.w.Kind().Dialect(), k.o.Gaps, func(ctx context.Context, sql string) (any, error) {
		rows, err := collect(s.Query(ctx, sql))
		if err != nil {
			return nil, err
		}
		if len(rows) != 1 || len(rows[0]) != 1 {
			return nil, fmt.Errorf("%d rows", len(rows))
		}
		return rows[0][0], nil
	})
}

func (k *kit) types(t testing.TB, s warehouse.Session) {
	table := k.name("types")
	k.exec(t, s, rel.CreateTable{Name: table, Columns: everyType})
	n, err := s.Load(t.Context(), table, names(everyType), seq(everyRow...))
	if err != nil || n != int64(len(everyRow)) {
		t.Fatalf("loaded %d rows: %v", n, err)
	}
	want := slices.Clone(everyRow)
	slices.SortFunc(want, func(a, b []any) int {
		if a[0].(int64) < b[0].(int64) {
			return -1
		}
		return 1
	})
	if diff := gocmp.Diff(want, k.rows(t, s, all(table, everyType))); diff != "" {
		t.Error(diff)
	}
	cols, err := s.Columns(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cols {
		if c.Name != everyType[i].Name || c.Type != everyType[i].Type || c.Native == "" || c.Naive {
			t.Errorf("column %d is %+v, want %+v", i, c, everyType[i])
		}
	}
	if len(cols) != len(everyType) {
		t.Errorf("%d columns", len(cols))
	}
	copied := k.name("types_copied")
	k.exec(t, s, rel.CreateTable{Name: copied, As: all(table, everyType)}, rel.Analyze{Name: copied})
	if diff := gocmp.Diff(want, k.rows(t, s, all(copied, everyType))); diff != "" {
		t.Error(diff)
	}
}

// lists are a type, and come as the text of a JSON array.
func (k *kit) lists(t testing.TB, s warehouse.Session) {
	table := k.name("lists")
	items := []string{"b", `a,"`, "NULL", `\`, " ", "", "{x}", "it's <é>\n"}
	k.exec(t, s, rel.CreateTable{Name: table, Columns: []rel.Field{{Name: "n", Type: models.Integer}, {Name: "l", Type: models.List}}})
	for i, l := range []rel.Lit{rel.L(items...), rel.L(), rel.Null(models.List)} {
		k.exec(t, s, rel.Insert{Into: table, Columns: []string{"n", "l"}, From: rel.Select{Columns: []rel.Column{rel.As("n", rel.I(int64(i))), rel.As("l", l)}}})
	}
	want := [][]any{{int64(0), `["b","a,\"","NULL","\\"," ","","{x}","it's <é>\n"]`}, {int64(1), "[]"}, {int64(2), nil}}
	if diff := gocmp.Diff(want, k.rows(t, s, all(table, []rel.Field{{Name: "n"}, {Name: "l"}}))); diff != "" {
		t.Error(diff)
	}
	kept := models.List
	if k.o.ListsAreText {
		kept = models.Text
	}
	cols, err := s.Columns(t.Context(), table)
	if err != nil || len(cols) != 2 || cols[1].Type != kept {
		t.Errorf("columns %v, %v", cols, err)
	}
	sql := k.o.Lists
	cols, err = s.QueryColumns(t.Context(), sql)
	if err != nil || len(cols) != 6 {
		t.Fatalf("columns %v, %v", cols, err)
	}
	for _, c := range cols {
		if c.Type != models.List {
			t.Errorf("column %s (%s) is %q", c.Name, c.Native, c.Type)
		}
	}
	rows, err := collect(s.Query(t.Context(), sql))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([][]any{{"[1,2]", `["a",null]`, "[1.5]", "[0.1]", "[true]", `["2026-01-31T00:00:00Z"]`}}, rows); diff != "" {
		t.Error(diff)
	}
}

// numbers come as the kinds that a Session promises, whatever the warehouse calls them.
func (k *kit) numbers(t testing.TB, s warehouse.Session) {
	rows, err := collect(s.Query(t.Context(), k.o.Numbers))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{{int64(7), int64(7), int64(7), 0.1, 0.1, json.Number("1.5"), json.Number("100")}}
	if diff := gocmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	d := k.w.Kind().Dialect()
	n, err := warehouse.Int(t.Context(), s, d, rel.Select{Columns: []rel.Column{rel.As("n", rel.F(rel.Add, rel.N("1.5"), rel.N("1.5")))}})
	if err != nil || n != 3 {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := warehouse.Int(t.Context(), s, d, rel.Select{Columns: []rel.Column{rel.As("n", rel.N("1.5"))}}); err == nil {
		t.Error("a fraction passed as an integer")
	}
}

func (k *kit) microseconds(t testing.TB, s warehouse.Session) {
	table := k.name("micros")
	fields := []rel.Field{{Name: "at", Type: models.Timestamp}}
	k.exec(t, s, rel.CreateTable{Name: table, Columns: fields})
	var in [][]any
	for i := range 5 {
		in = append(in, []any{at.Add(time.Duration(i) * time.Microsecond)})
	}
	zone := time.FixedZone("", -5*3600)
	in = append(in, []any{at.Add(time.Second).In(zone)})
	if _, err := s.Load(t.Context(), table, []string{"at"}, seq(in...)); err != nil {
		t.Fatal(err)
	}
	in[5][0] = at.Add(time.Second)
	if diff := gocmp.Diff(in, k.rows(t, s, all(table, fields))); diff != "" {
		t.Error(diff)
	}
}

// nastyNames are names that break out of quotes, if they can.
var nastyNames = []string{`a b`, `q"uote`, `x"; DROP TABLE t; --`, "back`tick", `dollar $$ 'single'`, `select`, `é😀`, `semi;colon`, `100%`, `back\slash`}

func (k *kit) nasty(t testing.TB, s warehouse.Session) {
	for i, name := range nastyNames {
		if k.o.Unfit(name) {
			k.unfit(t, s, name)
			continue
		}
		table := rel.Name{k.w.Schema(), fmt.Sprintf("%d %s", i, name)}
		fields := []rel.Field{{Name: "id", Type: models.Integer}, {Name: name, Type: models.Text}}
		k.exec(t, s, rel.CreateTable{Name: table, Columns: fields, Comment: name + "\n; DROP TABLE x"})
		k.exec(t, s, rel.Insert{Into: table, Columns: names(fields), From: rel.Values{Columns: fields,
			Rows: [][]rel.Expr{{rel.I(1), rel.T(name)}, {rel.I(2), rel.T(name + "\x01\n'")}}}})
		if _, err := s.Load(t.Context(), table, []string{name, "id"}, seq([]any{name, int64(3)})); err != nil {
			t.Fatal(err)
		}
		k.exec(t, s, rel.Update{Table: table, Set: []rel.Assign{{Column: name, Value: rel.F(rel.Concat, rel.C("t", name), rel.T("!"))}},
			Where: rel.F(rel.Eq, rel.C("t", "id"), rel.I(1))})
		want := [][]any{{int64(1), name + "!"}, {int64(2), name + "\x01\n'"}, {int64(3), name}}
		if diff := gocmp.Diff(want, k.rows(t, s, all(table, fields))); diff != "" {
			t.Error(diff)
		}
		if cols, err := s.Columns(t.Context(), table); err != nil || len(cols) != 2 || cols[1].Name != name {
			t.Errorf("columns %v, %v", cols, err)
		}
		k.exec(t, s, rel.DropTable{Name: table}, rel.DropTable{Name: table})
	}
	d := k.w.Kind().Dialect()
	for _, bad := range []string{"", "a\x00b", "\xff"} {
		if _, err := d.Statement(rel.DropTable{Name: rel.Name{bad}}); err == nil {
			t.Errorf("the name %q was rendered", bad)
		}
	}
}

// unfit: a name that the warehouse cannot have is refused, by the dialect or the warehouse, and does
// nothing else.
func (k *kit) unfit(t testing.TB, s warehouse.Session, name string) {
	t.Helper()
	before, err := s.Tables(t.Context(), k.w.Schema())
	if err != nil {
		t.Fatal(err)
	}
	d := k.w.Kind().Dialect()
	for _, st := range []rel.Statement{
		rel.CreateTable{Name: k.name(name), Columns: []rel.Field{{Name: "id", Type: models.Integer}}},
		rel.CreateTable{Name: k.name("unfit"), Columns: []rel.Field{{Name: name, Type: models.Text}}},
	} {
		if err := warehouse.Exec(t.Context(), s, d, st); err == nil {
			k.exec(t, s, rel.DropTable{Name: st.(rel.CreateTable).Name})
			t.Logf("%q does not fit as one of table and column, and fits as the other", name)
		}
	}
	after, err := s.Tables(t.Context(), k.w.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(before, after); diff != "" {
		t.Errorf("the name %q changed the tables: %s", name, diff)
	}
}

func (k *kit) empty(t testing.TB, s warehouse.Session) {
	table := k.name("empty")
	k.exec(t, s, rel.CreateTable{Name: table, Columns: everyType}, rel.CreateTable{Name: table, IfNotExists: true, Columns: everyType})
	if rows := k.rows(t, s, all(table, everyType)); len(rows) != 0 {
		t.Errorf("%d rows", len(rows))
	}
	if n, err := s.Load(t.Context(), table, names(everyType), seq()); err != nil || n != 0 {
		t.Errorf("loaded %d rows: %v", n, err)
	}
	n, err := warehouse.Int(t.Context(), s, k.w.Kind().Dialect(), all(table, everyType[:1]))
	if err != nil || n != 0 {
		t.Errorf("got %d, %v", n, err)
	}
	if n, err := s.Exec(t.Context(), "  \n"); err != nil || n != 0 {
		t.Errorf("an empty statement gave %d, %v", n, err)
	}
}

func (k *kit) load(t testing.TB, s warehouse.Session) {
	table := k.name("loaded")
	k.exec(t, s, rel.CreateTable{Name: table, Columns: everyType})
	// A few columns, in another order; the others are absent.
	if _, err := s.Load(t.Context(), table, []string{"number", "id"}, seq([]any{int64(5), int64(1)}, []any{0.25, int64(2)})); err != nil {
		t.Fatal(err)
	}
	want := [][]any{{int64(1), nil, json.Number("5"), nil, nil, nil}, {int64(2), nil, json.Number("0.25"), nil, nil, nil}}
	if diff := gocmp.Diff(want, k.rows(t, s, all(table, everyType))); diff != "" {
		t.Error(diff)
	}
}

func (k *kit) loadFails(t testing.TB, s warehouse.Session) {
	table := k.name("half")
	k.exec(t, s, rel.CreateTable{Name: table, Columns: everyType})
	stop := errors.New("the source broke")
	many := func(last func(yield func([]any, error) bool)) iter.Seq2[[]any, error] {
		return func(yield func([]any, error) bool) {
			for i := range int64(5000) {
				if !yield([]any{i, "x"}, nil) {
					return
				}
			}
			last(yield)
		}
	}
	for name, last := range map[string]func(func([]any, error) bool){
		"error":         func(y func([]any, error) bool) { y(nil, stop) },
		"missing value": func(y func([]any, error) bool) { y([]any{int64(1)}, nil) },
		"another kind":  func(y func([]any, error) bool) { y([]any{"secret@example.com", "x"}, nil) },
		"null":          func(y func([]any, error) bool) { y([]any{nil, "x"}, nil) },
	} {
		_, err := s.Load(t.Context(), table, []string{"id", "text"}, many(last))
		if err == nil || name == "error" && !errors.Is(err, stop) {
			t.Errorf("%s: error is %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: the error tells a value: %v", name, err)
		}
	}
	if _, err := s.Load(t.Context(), table, []string{"id", "txet"}, seq()); err == nil || !strings.Contains(err.Error(), "txet") {
		t.Errorf("unknown column: error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := s.Load(ctx, table, []string{"id", "text"}, many(func(func([]any, error) bool) { cancel() })); err == nil {
		t.Error("a load that was stopped gave no error")
	}
	if n := k.count(t, s, table); n != 0 {
		t.Errorf("%d rows of failed loads stayed", n)
	}
}
