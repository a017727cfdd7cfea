package compile_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/bqtest"
	"github.com/weir-data/weir/models"
)

// world is a session in an empty warehouse.
type world struct {
	s    warehouse.Session
	d    dialect.Dialect
	twin *casetest.Twin // where the statements of cases are executed, if not on s
}

func newWorld(t testing.TB, w warehouse.Warehouse) *world {
	t.Helper()
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	out := &world{s: s, d: w.Kind().Dialect()}
	if out.d.Name() == "postgres" {
		out.script(t, "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public")
	}
	if out.d.Name() == "bigquery" { // whose datasets are those of all tests
		bqtest.Empty(t, w, "weir")
		out.twin = casetest.NewTwin(t)
		return out
	}
	out.script(t, "CREATE SCHEMA IF NOT EXISTS weir")
	return out
}

// script executes statements, each of which ends a line.
func (w *world) script(t testing.TB, text string) {
	t.Helper()
	if err := casetest.Script(t.Context(), w.s, w.twin, text); err != nil {
		t.Fatal(err)
	}
}

// shuffle puts the rows of a table in another order.
func (w *world) shuffle(t testing.TB, table string) {
	t.Helper()
	by := "hash(t)"
	if w.d.Name() == "postgres" {
		by = "hashtext(t::text)"
	}
	w.script(t, fmt.Sprintf("CREATE TABLE shuffled AS SELECT * FROM %[1]s AS t ORDER BY %[2]s;\nDROP TABLE %[1]s;\nALTER TABLE shuffled RENAME TO %[1]s", table, by))
}

func (w *world) render(t testing.TB, q rel.Query) string {
	t.Helper()
	text, err := w.d.Query(q)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// run executes a program and asks for its numbers.
func (w *world) run(t testing.TB, p *compile.Program) map[string]string {
	t.Helper()
	w.steps(t, p.Steps)
	stats := map[string]string{}
	for _, s := range p.Stats {
		if s.Each {
			for _, row := range w.rows(t, w.render(t, s.Query)) {
				stats[s.Name+row[0]] = row[1]
			}
			continue
		}
		stats[s.Name] = w.rows(t, w.render(t, s.Query))[0][0]
	}
	return stats
}

func (w *world) steps(t testing.TB, steps []compile.Step) {
	t.Helper()
	for _, s := range steps {
		for _, st := range s.Do {
			w.statement(t, s.Name, st)
		}
		if s.Solve != nil {
			w.solve(t, s.Name, s.Solve)
		}
		if s.If != nil {
			then := s.If.Else
			if w.integer(t, s.If.Query) > 0 {
				then = s.If.Then
			}
			w.steps(t, then)
		}
		if l := s.Loop; l != nil {
			done := 0
			for ; w.integer(t, l.Rest(done)) > l.Small; done++ {
				if done > l.Max {
					t.Fatalf("%s: more than %d rounds", s.Name, l.Max)
				}
				w.steps(t, l.Body(done+1))
			}
			if l.After != nil {
				w.steps(t, l.After(done))
			}
		}
	}
}

func (w *world) statement(t testing.TB, name string, st rel.Statement) {
	t.Helper()
	text, err := w.d.Statement(st)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if text == "" {
		return
	}
	if _, err := w.s.Exec(t.Context(), text); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
}

// solve does a piece of work in this process.
func (w *world) solve(t testing.TB, name string, do *compile.Solve) {
	t.Helper()
	var read []iter.Seq2[[]any, error]
	for _, q := range do.Read {
		read = append(read, w.s.Query(t.Context(), w.render(t, q)))
	}
	var rows [][]any
	for row, err := range do.Run(read) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows = append(rows, slices.Clone(row))
	}
	w.statement(t, name, do.Into)
	var columns []string
	for _, c := range do.Into.Columns {
		columns = append(columns, c.Name)
	}
	load := func(yield func([]any, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
	if _, err := w.s.Load(t.Context(), do.Into.Name, columns, load); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// integer is the answer to a query of one integer; none is 0.
func (w *world) integer(t testing.TB, q rel.Query) int64 {
	t.Helper()
	rows := w.rows(t, w.render(t, q))
	if len(rows) == 0 || rows[0][0] == "-" {
		return 0
	}
	n, err := strconv.ParseInt(rows[0][0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// rows are the rows of a query, as text.
func (w *world) rows(t testing.TB, text string) [][]string {
	t.Helper()
	var out [][]string
	for row, err := range w.s.Query(t.Context(), text) {
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		line := make([]string, len(row))
		for i, v := range row {
			line[i] = show(v)
		}
		out = append(out, line)
	}
	return out
}

// show writes a value of a row; absent is a dash, and odd text is quoted.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.999999Z")
	case json.Number:
		s := v.String()
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	case string:
		if v == "" || v == "-" || strings.ContainsAny(v, "|\n") || strings.TrimSpace(v) != v {
			return fmt.Sprintf("%q", v)
		}
		return v
	}
	return fmt.Sprint(v)
}

// table writes a result as sorted lines of columns between bars.
func (w *world) table(t testing.TB, names []string, text string) string {
	t.Helper()
	rows := w.rows(t, text)
	slices.SortFunc(rows, slices.Compare)
	var b strings.Builder
	for _, line := range append([][]string{names}, rows...) {
		b.WriteString(strings.Join(line, " | "))
		b.WriteByte('\n')
	}
	return b.String()
}

// columns tells an input of the columns of a query, as those of a source.
func (w *world) columns(t testing.TB, in *compile.Input, source, query string) {
	t.Helper()
	found, err := w.s.QueryColumns(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	if in.Columns == nil {
		in.Columns, in.Naive = map[string][]models.Column{}, map[string]map[string]bool{}
	}
	in.Columns[source], in.Naive[source] = nil, map[string]bool{}
	for _, c := range found {
		in.Columns[source] = append(in.Columns[source], models.Column{Name: c.Name, Type: c.Type})
		in.Naive[source][c.Name] = c.Naive
	}
}
