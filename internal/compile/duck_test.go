//go:build cgo && !noduckdb

package compile_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// duck is a DuckDB in memory.
type duck struct {
	db *sql.DB
	d  dialect.Dialect
}

func openDuck(t testing.TB) *duck {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	w := &duck{db: db, d: dialect.DuckDB()}
	w.script(t, "SET TimeZone = 'UTC'; SET threads = 1; SET preserve_insertion_order = false; CREATE SCHEMA weir")
	return w
}

func (w *duck) script(t testing.TB, text string) {
	t.Helper()
	if _, err := w.db.Exec(text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

func (w *duck) render(t testing.TB, q rel.Query) string {
	t.Helper()
	text, err := w.d.Query(q)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// run executes a program and asks for its numbers.
func (w *duck) run(t testing.TB, p *compile.Program) map[string]string {
	t.Helper()
	w.steps(t, p.Steps)
	stats := map[string]string{}
	for _, s := range p.Stats {
		stats[s.Name] = w.rows(t, w.render(t, s.Query))[0][0]
	}
	return stats
}

func (w *duck) steps(t testing.TB, steps []compile.Step) {
	t.Helper()
	for _, s := range steps {
		for _, st := range s.Do {
			text, err := w.d.Statement(st)
			if err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
			if text != "" {
				w.script(t, text)
			}
		}
		if l := s.Loop; l != nil {
			done := 0
			for ; w.rows(t, w.render(t, l.Rest(done)))[0][0] != "0"; done++ {
				if done > l.Max {
					t.Fatalf("%s: more than %d rounds", s.Name, l.Max)
				}
				w.steps(t, l.Body(done+1))
			}
			w.steps(t, l.After(done))
		}
	}
}

func (w *duck) rows(t testing.TB, text string) [][]string {
	t.Helper()
	_, rows := w.query(t, text)
	return rows
}

func (w *duck) query(t testing.TB, text string) ([]string, [][]string) {
	t.Helper()
	rows, err := w.db.Query(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for rows.Next() {
		vs, ps := make([]any, len(names)), make([]any, len(names))
		for i := range vs {
			ps[i] = &vs[i]
		}
		if err := rows.Scan(ps...); err != nil {
			t.Fatal(err)
		}
		line := make([]string, len(names))
		for i, v := range vs {
			line[i] = show(v)
		}
		out = append(out, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return names, out
}

// show writes a value of a row; absent is a dash, and odd text is quoted.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.999999Z")
	case duckdb.Decimal:
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
func (w *duck) table(t testing.TB, text string) string {
	t.Helper()
	names, rows := w.query(t, text)
	slices.SortFunc(rows, slices.Compare)
	var b strings.Builder
	for _, line := range append([][]string{names}, rows...) {
		b.WriteString(strings.Join(line, " | "))
		b.WriteByte('\n')
	}
	return b.String()
}

// columns lists the columns of a SELECT by the types of the models.
func (w *duck) columns(t testing.TB, text string) ([]models.Column, map[string]bool) {
	t.Helper()
	var out []models.Column
	naive := map[string]bool{}
	for _, r := range w.rows(t, "DESCRIBE "+text) {
		c := models.Column{Name: r[0]}
		switch typ, _, _ := strings.Cut(r[1], "("); typ {
		case "VARCHAR":
			c.Type = models.Text
		case "INTEGER", "BIGINT", "SMALLINT", "TINYINT":
			c.Type = models.Integer
		case "DOUBLE", "FLOAT", "DECIMAL", "HUGEINT":
			c.Type = models.Number
		case "BOOLEAN":
			c.Type = models.Boolean
		case "DATE":
			c.Type = models.Date
		case "TIMESTAMP":
			c.Type, naive[r[0]] = models.Timestamp, true
		case "TIMESTAMP WITH TIME ZONE":
			c.Type = models.Timestamp
		}
		out = append(out, c)
	}
	return out, naive
}
