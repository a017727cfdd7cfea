package warehousetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

func (k *kit) large(t testing.TB, s warehouse.Session) {
	table := k.name("large")
	fields := []rel.Field{{Name: "id", Type: models.Integer}, {Name: "email", Type: models.Text}, {Name: "first", Type: models.Text}, {Name: "country", Type: models.Text},
		{Name: "value", Type: models.Number}, {Name: "yes", Type: models.Boolean}, {Name: "at", Type: models.Timestamp}, {Name: "hash", Type: models.Integer}}
	k.exec(t, s, rel.CreateTable{Name: table, Columns: fields})
	row := make([]any, len(fields))
	start := time.Now()
	n, err := s.Load(t.Context(), table, names(fields), func(yield func([]any, error) bool) {
		for i := range int64(k.o.Rows) {
			copy(row, []any{i, fmt.Sprintf("person%d@example.com", i), "Anna", nil, i % 1000, i%2 == 0, at.Add(time.Duration(i) * time.Microsecond), i * 7919})
			if !yield(row, nil) {
				return
			}
		}
	})
	if err != nil || n != int64(k.o.Rows) {
		t.Fatalf("loaded %d rows: %v", n, err)
	}
	loaded := time.Since(start)
	start = time.Now()
	var read, sum int64
	q := all(table, fields)
	q.OrderBy = nil
	for row, err := range warehouse.Rows(t.Context(), s, k.w.Kind().Dialect(), q) {
		if err != nil {
			t.Fatal(err)
		}
		read++
		sum += row[0].(int64)
	}
	rows := int64(k.o.Rows)
	if read != rows || sum != rows*(rows-1)/2 {
		t.Errorf("read %d rows with sum %d", read, sum)
	}
	t.Logf("%d rows of %d columns: loaded at %.0f, read at %.0f rows a second", rows, len(fields),
		float64(rows)/loaded.Seconds(), float64(rows)/time.Since(start).Seconds())
	k.exec(t, s, rel.DropTable{Name: table})
}

func (k *kit) statements(t testing.TB, s warehouse.Session) {
	table, fields := k.name("stmts"), []rel.Field{{Name: "id", Type: models.Integer}, {Name: "v", Type: models.Text}}
	k.exec(t, s, rel.CreateTable{Name: table, Columns: fields})
	d := k.w.Kind().Dialect()
	run := func(st rel.Statement) int64 {
		t.Helper()
		text, err := d.Statement(st)
		if err != nil {
			t.Fatal(err)
		}
		n, err := s.Exec(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	values := rel.Values{Columns: fields}
	for i := range int64(10) {
		values.Rows = append(values.Rows, []rel.Expr{rel.I(i), rel.T("old")})
	}
	id := rel.C("t", "id")
	if n := run(rel.Insert{Into: table, Columns: []string{"id", "v"}, From: values}); n != 10 {
		t.Errorf("inserted %d", n)
	}
	if n := run(rel.Update{Table: table, Set: []rel.Assign{{Column: "v", Value: rel.T("new")}}, Where: rel.F(rel.Lt, id, rel.I(3))}); n != 3 {
		t.Errorf("updated %d", n)
	}
	other := rel.Sub{Alias: "o", Query: rel.Values{Columns: fields, Rows: [][]rel.Expr{{rel.I(8), rel.T("joined")}, {rel.I(99), rel.T("nobody")}}}}
	if n := run(rel.Update{Table: table, Set: []rel.Assign{{Column: "v", Value: rel.C("o", "v")}}, From: other, Where: rel.F(rel.Eq, rel.C("o", "id"), id)}); n != 1 {
		t.Errorf("updated %d from another table", n)
	}
	exists := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: other, Where: rel.F(rel.Eq, rel.C("o", "id"), id)}}
	if n := run(rel.Delete{From: table, Where: rel.F(rel.Or, exists, rel.F(rel.Eq, id, rel.I(0)))}); n != 2 {
		t.Errorf("deleted %d", n)
	}
	want := [][]any{{int64(1), "new"}, {int64(2), "new"}}
	if diff := cmp.Diff(want, k.rows(t, s, all(table, fields))[:2]); diff != "" {
		t.Error(diff)
	}
	if n := run(rel.Delete{From: table}); n != 8 {
		t.Errorf("deleted %d of all", n)
	}
}

func (k *kit) views(t testing.TB, s warehouse.Session) {
	view := k.name("view")
	one := func(cols ...rel.Column) rel.Query { return rel.Select{Columns: cols} }
	k.exec(t, s, rel.CreateView{Name: view, As: one(rel.As("a", rel.I(1))), Comment: "The first."})
	// Another type and other columns: a view is replaced whatever it was.
	k.exec(t, s, rel.CreateView{Name: view, As: one(rel.As("b", rel.T("$weir$ it's")), rel.As("a", rel.B(true)))})
	if diff := cmp.Diff([][]any{{"$weir$ it's", true}}, k.rows(t, s, rel.Select{
		Columns: []rel.Column{rel.As("b", rel.C("b")), rel.As("a", rel.C("a"))}, From: rel.Table{Name: view}})); diff != "" {
		t.Error(diff)
	}
	cols, err := s.Columns(t.Context(), view)
	if err != nil || len(cols) != 2 || cols[0].Type != models.Text || cols[1].Type != models.Boolean {
		t.Errorf("columns %v, %v", cols, err)
	}
	k.exec(t, s, rel.DropView{Name: view}, rel.DropView{Name: view})
}

func (k *kit) temporary(t testing.TB, s warehouse.Session) {
	fields := []rel.Field{{Name: "x", Type: models.Integer}}
	table := rel.Name{"weir_temporary"}
	k.exec(t, s, rel.CreateTable{Name: table, Temp: true, As: rel.Values{Columns: fields, Rows: [][]rel.Expr{{rel.I(1)}}}})
	if _, err := s.Load(t.Context(), table, []string{"x"}, seq([]any{int64(2)})); err != nil {
		t.Fatal(err)
	}
	if cols, err := s.Columns(t.Context(), table); err != nil || len(cols) != 1 {
		t.Errorf("columns %v, %v", cols, err)
	}
	if n := k.count(t, s, table); n != 2 {
		t.Errorf("%d rows", n)
	}
	other := k.session(t)
	if _, err := other.Columns(t.Context(), table); !errors.As(err, new(*warehouse.MissingError)) {
		t.Errorf("another session: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a closed session runs statements")
	}
	k.exec(t, other, rel.CreateTable{Name: table, Temp: true, Columns: fields}) // the name is free
}

func (k *kit) two(t testing.TB, s warehouse.Session) {
	table, fields := k.name("two"), []rel.Field{{Name: "x", Type: models.Integer}}
	other := k.session(t)
	k.exec(t, s, rel.CreateTable{Name: table, Columns: fields})
	err := s.Tx(t.Context(), func(ctx context.Context) error {
		if _, err := s.Load(ctx, table, []string{"x"}, seq([]any{int64(1)})); err != nil {
			return err
		}
		if n := k.count(t, s, table); n != 1 {
			t.Errorf("the transaction sees %d rows", n)
		}
		if n := k.count(t, other, table); n != 0 {
			t.Errorf("another session sees %d rows before the commit", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := k.count(t, other, table); n != 1 {
		t.Errorf("another session sees %d rows after the commit", n)
	}
}

func (k *kit) transactions(t testing.TB, s warehouse.Session) {
	table, fields := k.name("tx"), []rel.Field{{Name: "x", Type: models.Integer, NotNull: true}}
	k.exec(t, s, rel.CreateTable{Name: table, Columns: fields})
	d := k.w.Kind().Dialect()
	insert := func(ctx context.Context, n int64) error {
		return warehouse.Exec(ctx, s, d, rel.Insert{Into: table, Columns: []string{"x"}, From: rel.Select{Columns: []rel.Column{rel.As("x", rel.I(n))}}})
	}
	no := errors.New("no")
	if err := s.Tx(t.Context(), func(ctx context.Context) error {
		return errors.Join(insert(ctx, 1), no)
	}); !errors.Is(err, no) {
		t.Errorf("error is %v", err)
	}
	if err := s.Tx(t.Context(), func(ctx context.Context) error {
		if err := insert(ctx, 2); err != nil {
			return err
		}
		_, err := s.Exec(ctx, "SELECT 1 FROM weir_is_not_there")
		return err
	}); !errors.As(err, new(*warehouse.MissingError)) {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Tx(ctx, func(ctx context.Context) error {
		defer cancel()
		return insert(ctx, 3)
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		_ = s.Tx(t.Context(), func(ctx context.Context) error {
			_ = insert(ctx, 4)
			panic("at the disco")
		})
	}()
	if n := k.count(t, s, table); n != 0 {
		t.Errorf("%d rows of failed transactions stayed", n)
	}
	if err := s.Tx(t.Context(), func(ctx context.Context) error {
		if err := s.Tx(ctx, func(context.Context) error { return nil }); err == nil {
			t.Error("a transaction began inside a transaction")
		}
		return insert(ctx, 5)
	}); err != nil {
		t.Error(err)
	}
	if n := k.count(t, s, table); n != 1 {
		t.Errorf("%d rows after a commit", n)
	}
}

func (k *kit) cancel(t testing.TB, s warehouse.Session) {
	for _, how := range []string{"query", "exec"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		var err error
		if how == "query" {
			_, err = collect(s.Query(ctx, k.o.Slow))
		} else {
			err = warehouse.Exec(ctx, s, k.w.Kind().Dialect(), rel.CreateTable{Name: rel.Name{"weir_slow"}, Temp: true, As: rel.RawQuery{SQL: k.o.Slow}})
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error is %v", how, err)
		}
		if took := time.Since(start); took > k.o.Stop {
			t.Errorf("%s: stopping took %v", how, took)
		}
	}
	if rows, err := collect(s.Query(t.Context(), "SELECT 1")); err != nil || len(rows) != 1 {
		t.Errorf("after that: %v, %v", rows, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Exec(ctx, "SELECT 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is over: error is %v", err)
	}
}

func (k *kit) missing(t testing.TB, s warehouse.Session) {
	k.exec(t, s, rel.CreateTable{Name: k.name("customers"), Columns: []rel.Field{{Name: "email", Type: models.Text}}})
	want := k.w.Schema() + ".customers"
	check := func(what, name string, err error) {
		t.Helper()
		var m *warehouse.MissingError
		if !errors.As(err, &m) {
			t.Errorf("error is %v", err)
			return
		}
		if m.What != what || !strings.HasSuffix(m.Name, name) || m.Err == nil {
			t.Errorf("missing %s %q because of %v", m.What, m.Name, m.Err)
		}
		if what == "table" && !slices.Contains(m.Nearest, want) {
			t.Errorf("nearest to %s are %q", m.Name, m.Nearest)
		}
		if what == "column" && !slices.Contains(m.Nearest, "email") {
			t.Errorf("nearest to %s are %q", m.Name, m.Nearest)
		}
	}
	_, err := s.Columns(t.Context(), k.name("custmers"))
	check("table", k.w.Schema()+".custmers", err)
	_, err = s.Columns(t.Context(), []string{"no_such_schema", "customers"})
	if !errors.As(err, new(*warehouse.MissingError)) {
		t.Errorf("missing schema: %v", err)
	}
	_, err = collect(s.Query(t.Context(), "SELECT 1 FROM "+k.w.Schema()+".custmers"))
	check("table", "custmers", err)
	_, err = s.QueryColumns(t.Context(), "SELECT 1 AS x FROM "+k.w.Schema()+".custmers")
	check("table", "custmers", err)
	_, err = collect(s.Query(t.Context(), "SELECT emial FROM "+k.w.Schema()+".customers"))
	var m *warehouse.MissingError
	if !errors.As(err, &m) || m.What != "column" || m.Name != "emial" {
		t.Errorf("missing column: %v", err)
	}
	_, err = s.Load(t.Context(), k.name("customers"), []string{"emial"}, seq())
	check("column", "emial", err)
	_, err = s.Load(t.Context(), k.name("custmers"), []string{"email"}, seq())
	check("table", "custmers", err)
}

func (k *kit) oneSelect(t testing.TB, s warehouse.Session) {
	table := k.name("victim")
	k.exec(t, s, rel.CreateTable{Name: table, Columns: everyType})
	victim := k.w.Schema() + ".victim"
	for _, sql := range []string{
		"SELECT 1; DROP TABLE " + victim, "SELECT 1;; DROP TABLE " + victim, "SELECT 1) AS q; DROP TABLE " + victim + " --",
		"DROP TABLE " + victim, "INSERT INTO " + victim + " (id) VALUES (1)", "DELETE FROM " + victim, "CREATE TABLE " + k.w.Schema() + ".other AS SELECT 1 AS x",
		"", " ; ", "SELECT (1", "SELECT 'a", "SELECT 1 /* ", "BEGIN", "SET TIME ZONE 'Europe/Paris'", "ROLLBACK",
	} {
		if _, err := collect(s.Query(t.Context(), sql)); err == nil {
			t.Errorf("the query %q ran", sql)
		}
		if cols, err := s.QueryColumns(t.Context(), sql); err == nil {
			t.Errorf("the query %q has columns %v", sql, cols)
		}
	}
	if _, err := s.Exec(t.Context(), "SELECT 1; DROP TABLE "+victim); err == nil {
		t.Error("two statements ran")
	}
	if cols, err := s.Columns(t.Context(), table); err != nil || len(cols) != len(everyType) {
		t.Errorf("the table has columns %v, %v", cols, err)
	}
	if n := k.count(t, s, table); n != 0 {
		t.Errorf("%d rows", n)
	}
	cols, err := s.QueryColumns(t.Context(), " SELECT id AS n, text, "+k.o.Naive+" AS naive, CAST(NULL AS DATE) AS day FROM "+victim+" -- all\n;\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []warehouse.Column{{Name: "n", Type: models.Integer}, {Name: "text", Type: models.Text}, {Name: "naive", Type: models.Timestamp, Naive: true}, {Name: "day", Type: models.Date}}
	for i := range cols {
		cols[i].Native = ""
	}
	if diff := cmp.Diff(want, cols); diff != "" {
		t.Error(diff)
	}
}

// files are out of reach for the SQL of a project.
func (k *kit) files(t testing.TB, s warehouse.Session) {
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a\n4711\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(filepath.Dir(secret), "out.csv")
	for _, sql := range []string{
		"SELECT * FROM read_csv('" + secret + "')", "SELECT * FROM '" + secret + "'", "SELECT * FROM read_text('" + secret + "')", "SELECT * FROM glob('" + filepath.Dir(secret) + "/*')",
		"COPY (SELECT 1) TO '" + out + "'", "ATTACH '" + out + "' AS stolen", "INSTALL httpfs", "LOAD httpfs", "EXPORT DATABASE '" + filepath.Dir(out) + "'",
		"SET enable_external_access = true", "SET GLOBAL lock_configuration = false",
	} {
		if rows, err := collect(s.Query(t.Context(), sql)); err == nil {
			t.Errorf("%s gave %v", sql, rows)
		}
		if k.w.Kind().Name() == "duckdb" {
			if _, err := s.Exec(t.Context(), sql); err == nil {
				t.Errorf("%s ran", sql)
			}
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was written")
	}
}

// quiet: what the data hold never shows in an error.
func (k *kit) quiet(t testing.TB, s warehouse.Session) {
	table := k.name("quiet")
	k.exec(t, s, rel.CreateTable{Name: table, Columns: []rel.Field{{Name: "email", Type: models.Text}}})
	if _, err := s.Load(t.Context(), table, []string{"email"}, seq([]any{"canary@example.com"})); err != nil {
		t.Fatal(err)
	}
	name := k.w.Schema() + ".quiet"
	for _, typ := range k.o.Types {
		sql := "SELECT CAST(email AS " + typ + ") AS x FROM " + name
		_, err := collect(s.Query(t.Context(), sql))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error is %v", sql, err)
		}
	}
}

func (k *kit) clock(t testing.TB, s warehouse.Session) {
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Since(now).Abs(); d > time.Minute || now.Location() != time.UTC || now.Nanosecond()%1000 != 0 {
		t.Errorf("the clock says %v, %v away", now, d)
	}
	later, err := s.Now(t.Context())
	if err != nil || later.Before(now) {
		t.Errorf("the clock went from %v to %v: %v", now, later, err)
	}
}

func (k *kit) tables(t testing.TB, s warehouse.Session) {
	k.exec(t, s, rel.CreateTable{Name: k.name("listed"), Columns: everyType},
		rel.CreateView{Name: k.name("listed_view"), As: rel.Select{Columns: []rel.Column{rel.As("a", rel.I(1))}}})
	own, err := s.Tables(t.Context(), k.w.Schema())
	if err != nil || !slices.Contains(own, "listed") || !slices.Contains(own, "listed_view") || !slices.IsSorted(own) {
		t.Errorf("tables %v, %v", own, err)
	}
	every, err := s.Tables(t.Context(), "")
	if err != nil || !slices.Contains(every, k.w.Schema()+".listed") || slices.Contains(every, "information_schema.tables") {
		t.Errorf("tables %v, %v", every, err)
	}
	if none, err := s.Tables(t.Context(), "it's not there"); err != nil || len(none) != 0 {
		t.Errorf("tables %v, %v", none, err)
	}
}

// stop: a reader that stops early leaves the session usable.
func (k *kit) stop(t testing.TB, s warehouse.Session) {
	for range s.Query(t.Context(), k.o.Series) {
		break
	}
	if rows, err := collect(s.Query(t.Context(), "SELECT 1")); err != nil || len(rows) != 1 {
		t.Errorf("after that: %v, %v", rows, err)
	}
}

func (k *kit) identity(t testing.TB, _ warehouse.Session) {
	if k.w.Identity() == "" || strings.Contains(k.w.Identity(), "password") || k.w.Schema() == "" {
		t.Errorf("identity %q, schema %q", k.w.Identity(), k.w.Schema())
	}
}
