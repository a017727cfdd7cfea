package warehousetest

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// hugeGrowth is by how much Go's heap may grow while a result is read that would need several times as
// much: the driver's parts and buffers are in it.
const hugeGrowth = 64 << 20

// huge: a result is read in constant memory, twice as many rows as the large table has, each of 200 bytes.
func (k *kit) huge(t testing.TB, s warehouse.Session) {
	table := k.name("digits")
	n := rel.Field{Name: "n", Type: models.Integer}
	digits := rel.Values{Columns: []rel.Field{n}}
	for i := range int64(10) {
		digits.Rows = append(digits.Rows, []rel.Expr{rel.I(i)})
	}
	k.exec(t, s, rel.CreateTable{Name: table, As: digits})
	q := rel.Select{From: rel.Table{Name: table, Alias: "d0"}, Columns: []rel.Column{rel.As("n", rel.C("d0", "n")), rel.As("text", rel.F(rel.Concat, rel.T(strings.Repeat("x", 200)), rel.Cast{Expr: rel.C("d0", "n"), Type: models.Text, From: models.Integer}))}}
	rows := int64(10)
	for rows < 2*int64(k.o.Rows) {
		alias := "d" + string(rune('0'+len(q.Joins)+1))
		q.Joins = append(q.Joins, rel.Join{Kind: rel.Inner, Rel: rel.Table{Name: table, Alias: alias}, On: rel.F(rel.Ge, rel.C(alias, "n"), rel.I(0))})
		rows *= 10
	}
	// Of the last digit as many as bring it near to what is wanted.
	if part := (2*int64(k.o.Rows)*10 + rows - 1) / rows; part < 10 {
		q.Where = rel.F(rel.Lt, rel.C("d0", "n"), rel.I(part))
		rows = rows / 10 * part
	}
	var read, sum int64
	var base, most uint64
	for row, err := range warehouse.Rows(t.Context(), s, k.w.Kind().Dialect(), q) {
		if err != nil {
			t.Fatal(err)
		}
		if len(row[1].(string)) != 201 {
			t.Fatalf("a text has %d bytes", len(row[1].(string)))
		}
		sum += row[0].(int64)
		if read%(rows/8+1) == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if most = max(most, m.HeapAlloc); base == 0 {
				base = m.HeapAlloc
			}
		}
		read++
	}
	if read != rows || sum == 0 {
		t.Errorf("read %d rows of %d", read, rows)
	}
	if most-base > hugeGrowth {
		t.Errorf("reading %d rows has made the heap grow by %d MB", rows, (most-base)>>20)
	}
	k.exec(t, s, rel.DropTable{Name: table})
}

// leap: a minute of 61 seconds is refused, or its last one is the first of the next minute. Nothing else
// may come of it.
func (k *kit) leap(t testing.TB, s warehouse.Session) {
	rows, err := collect(s.Query(t.Context(), "SELECT "+k.o.Leap+" AS at"))
	if err != nil {
		t.Logf("refused: %v", err)
		return
	}
	if diff := cmp.Diff([][]any{{time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)}}, rows); diff != "" {
		t.Error(diff)
	}
}

// long: names that differ behind what a warehouse keeps of them are refused, or are different names.
func (k *kit) long(t testing.TB, s warehouse.Session) {
	d := k.w.Kind().Dialect()
	for _, size := range []int{62, 126, 254, 299} { // as many as some keep, and more
		for _, last := range []string{"a", "aa", "ab"} {
			if last == "a" && size > 62 {
				continue
			}
			name := strings.Repeat("n", size) + last
			fields := []rel.Field{{Name: name, Type: models.Integer}}
			create := rel.CreateTable{Name: k.name(name), Columns: fields}
			text, err := d.Statement(create)
			if err != nil {
				if !strings.Contains(err.Error(), "allows") || len(name) <= 63 {
					t.Errorf("%d bytes: %v", len(name), err)
				}
				continue
			}
			if _, err := s.Exec(t.Context(), text); err != nil {
				t.Errorf("a table and a column whose names have %d bytes were rendered and not made: %v", len(name), err)
				continue
			}
			there, err := s.Tables(t.Context(), k.w.Schema())
			if err != nil || !slices.Contains(there, name) {
				t.Errorf("the table whose name has %d bytes is not there: %v", len(name), err)
			}
			cols, err := s.Columns(t.Context(), k.name(name))
			if err != nil || len(cols) != 1 || cols[0].Name != name {
				t.Errorf("the column whose name has %d bytes is not there: %v", len(name), err)
			}
			k.exec(t, s, rel.DropTable{Name: k.name(name)})
		}
	}
}

// twice: rows that are merged into a table twice are there once. It is how a settlement is written, which
// begins again after a fault: what changed is changed, what is new is added, what is gone is deleted.
func (k *kit) twice(t testing.TB, s warehouse.Session) {
	table, staged := k.name("merged"), k.name("staged")
	fields := []rel.Field{{Name: "id", Type: models.Integer}, {Name: "v", Type: models.Text}}
	fill := func(name rel.Name, rows ...[]rel.Expr) {
		k.exec(t, s, rel.CreateTable{Name: name, Columns: fields}, rel.Insert{Into: name, Columns: names(fields), From: rel.Values{Columns: fields, Rows: rows}})
	}
	row := func(id int64, v string) []rel.Expr { return []rel.Expr{rel.I(id), rel.T(v)} }
	fill(table, row(1, "old"), row(2, "old"), row(3, "gone"))
	fill(staged, row(2, "new"), row(3, ""), row(4, "new"))
	from := rel.Table{Name: staged, Alias: "o"}
	same := rel.F(rel.Eq, rel.C("o", "id"), rel.C("t", "id"))
	there := func(outer string, in rel.Name, alias string) rel.Exists {
		return rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: in, Alias: alias}, Where: rel.F(rel.Eq, rel.C(alias, "id"), rel.C(outer, "id"))}}
	}
	isNew := rel.F(rel.Ne, rel.C("o", "v"), rel.T(""))
	merge := []rel.Statement{
		rel.Update{Table: table, Set: []rel.Assign{{Column: "v", Value: rel.C("o", "v")}}, From: from, Where: rel.F(rel.And, same, isNew)},
		rel.Insert{Into: table, Columns: names(fields), From: rel.Select{Columns: []rel.Column{rel.As("id", rel.C("o", "id")), rel.As("v", rel.C("o", "v"))}, From: from,
			Where: rel.F(rel.And, isNew, rel.F(rel.Not, there("o", table, "m")))}},
		rel.Delete{From: table, Where: rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: from, Where: rel.F(rel.And, same, rel.F(rel.Eq, rel.C("o", "v"), rel.T("")))}}},
	}
	want := [][]any{{int64(1), "old"}, {int64(2), "new"}, {int64(4), "new"}}
	for range 2 {
		k.exec(t, s, merge...)
		if diff := cmp.Diff(want, k.rows(t, s, all(table, fields))); diff != "" {
			t.Error(diff)
		}
	}
}

// estimates tell what a statement would cost, and run nothing.
func (k *kit) estimates(t testing.TB, s warehouse.Session) {
	e, ok := warehouse.EstimatorOf(s)
	if !ok {
		t.Fatal("a session of this warehouse does not estimate")
	}
	table := k.name("estimated")
	k.exec(t, s, rel.CreateTable{Name: table, Columns: everyType}, rel.Insert{Into: table, Columns: []string{"id"}, From: rel.Select{Columns: []rel.Column{rel.As("id", rel.I(1))}}})
	d := k.w.Kind().Dialect()
	text, err := d.Query(all(table, everyType))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Estimate(t.Context(), text); err != nil || got.Bytes < -1 || got.Rows < -1 {
		t.Errorf("an estimate of a query is %+v, %v", got, err)
	}
	if text, err = d.Query(all(k.name("estimatd"), everyType)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Estimate(t.Context(), text); !errors.As(err, new(*warehouse.MissingError)) {
		t.Errorf("an estimate of what is not there: %v", err)
	}
	if _, err := e.Estimate(t.Context(), "SELECT 1; SELECT 2"); err == nil {
		t.Error("two statements were estimated")
	}
	if n := k.count(t, s, table); n != 1 {
		t.Errorf("%d rows after the estimates", n)
	}
}

// rights are held by whoever made the schema, each is told, and asking changes nothing.
func (k *kit) rights(t testing.TB, s warehouse.Session) {
	e, ok := warehouse.ExaminerOf(s)
	if !ok {
		t.Fatal("a session of this warehouse does not tell rights")
	}
	table := k.name("examined")
	k.exec(t, s, rel.CreateTable{Name: table, Columns: everyType})
	before, err := s.Tables(t.Context(), k.w.Schema())
	if err != nil {
		t.Fatal(err)
	}
	rights, err := e.Rights(t.Context(), [][]string{table})
	if err != nil || len(rights) == 0 {
		t.Fatalf("rights %v, %v", rights, err)
	}
	reads := false
	for _, r := range rights {
		reads = reads || strings.Contains(r.What, "examined")
		if !r.Held || r.What == "" {
			t.Errorf("the right to %s is not held: %s", r.What, r.Grant)
		}
	}
	if !reads && k.w.Kind().Name() != "duckdb" { // where rights are those of a file
		t.Errorf("nothing is told about the source: %+v", rights)
	}
	after, err := s.Tables(t.Context(), k.w.Schema())
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("asking for rights changed the tables: %v %s", err, diff)
	}
}
