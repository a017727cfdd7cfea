// Package casetest runs golden cases of models: YAML and rows in, tables and SQL out. The format
// of a case stands in internal/compile/testdata/README.md. It is for tests only.
package casetest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/dialect/dialecttest/gap"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// DefaultAsOf is the time of a case's first build that names none. Each further build is a day
// later.
var DefaultAsOf = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// Open makes an empty warehouse for one test.
type Open func(t testing.TB) warehouse.Warehouse

// Options fit the cases to a warehouse.
type Options struct {
	Once bool // not a second time with the rows in another order: for a stand-in that is slow
	Turn bool // with the rows in another order, and as written in the thorough tests only
	Part int  // only one case in so many, unless Whole; 0 for all
	// StandIn takes only one case in OneIn.
	StandIn bool
	Gaps    *gap.List // what a stand-in lacks, by the names of cases; nil for a real warehouse
}

// Thorough reports whether WEIR_THOROUGH asks for all there is: `make proof` does, `make test` takes
// a part of what is much the same.
func Thorough() bool { return os.Getenv("WEIR_THOROUGH") != "" }

// Whole reports whether all is to run on every warehouse, and not a part on all but the embedded
// one: WEIR_WAREHOUSES is "all" in `make test-warehouses`.
func Whole() bool { return Thorough() || os.Getenv("WEIR_WAREHOUSES") == "all" }

// OneIn says how many cases there are to one that is run on a stand-in, which is slow: all in the
// thorough tests, one in four in `make test-warehouses`, one in twelve in `make test`.
func OneIn() int {
	switch {
	case Thorough():
		return 1
	case Whole():
		return 4
	}
	return 12
}

// Rounds is how often something random is tried: few times, or all if the tests are thorough.
func Rounds(few, all int) int {
	if Thorough() {
		return all
	}
	return few
}

// Orders says in which orders the rows of cases are loaded: as written (false), in another order
// (true), which must change nothing, or both if the tests are thorough. Without a thorough run one
// warehouse takes the one and another the other.
func (o Options) Orders() []bool {
	switch {
	case o.Once:
		return []bool{false}
	case Thorough():
		return []bool{false, true}
	}
	return []bool{o.Turn}
}

// Run runs every case that a glob finds on a warehouse.
func Run(t *testing.T, glob string, open Open) { RunWith(t, glob, open, Options{}) }

// RunWith is Run with options.
func RunWith(t *testing.T, glob string, open Open, o Options) {
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s", glob)
	}
	for i, file := range files {
		if o.Part > 0 && i%o.Part != 0 && !Whole() || o.StandIn && i%OneIn() != 0 {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		o.Gaps.Run(t, name, func(t testing.TB) {
			c := read(t, file)
			for _, shuffled := range o.Orders() {
				c.rewrite = update() && !shuffled
				c.run(t, open(t), shuffled)
			}
			if c.changed && !t.Failed() {
				if err := os.WriteFile(file, txtar.Format(c.archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// golden is one archive.
type golden struct {
	archive *txtar.Archive
	steps   []step
	rewrite bool // files become what was got
	changed bool
}

// step is one build of a case.
type step struct {
	prefix string // "", "2/", "3/"
	files  map[string]*txtar.File
}

func read(t testing.TB, file string) *golden {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if update() {
		a.Files = recorded(a.Files)
	}
	c := &golden{archive: a, steps: []step{{files: map[string]*txtar.File{}}}}
	for i := range a.Files {
		f := &a.Files[i]
		n, name := 1, f.Name
		if head, rest, ok := strings.Cut(f.Name, "/"); ok {
			if k, err := strconv.Atoi(head); err == nil {
				n, name = k, rest
			}
		}
		for len(c.steps) < n {
			c.steps = append(c.steps, step{prefix: strconv.Itoa(len(c.steps)+1) + "/", files: map[string]*txtar.File{}})
		}
		known := []string{"model.yml", "as_of", "data.sql", "error"}
		if !slices.Contains(known, name) && !slices.Contains(texts(), name) && !strings.HasPrefix(name, "data/") && !strings.HasPrefix(name, "want/") {
			t.Fatalf("%s: unknown file %s", file, f.Name)
		}
		c.steps[n-1].files[name] = f
	}
	return c
}

func (c *golden) run(t testing.TB, w warehouse.Warehouse, shuffled bool) {
	t.Helper()
	ctx := context.Background()
	var model *models.Model
	var twin *Twin
	b := &build.Builder{W: w}
	for i, st := range c.steps {
		if f := st.files["model.yml"]; f != nil {
			model = decode(t, f)
		}
		in := compile.Input{Model: model, Entity: model.Entities[0].Name, AsOf: DefaultAsOf.AddDate(0, 0, i), Timezone: time.UTC}
		if f := st.files["as_of"]; f != nil {
			at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(f.Data)))
			if err != nil {
				t.Fatal(err)
			}
			in.AsOf = at
		}
		s, err := w.Session(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range st.files {
			if table, ok := strings.CutPrefix(name, "data/"); ok {
				if err := Fill(ctx, s, strings.TrimSuffix(table, ".csv"), f.Data, shuffled); err != nil {
					t.Fatalf("%s%s: %v", st.prefix, name, err)
				}
			}
		}
		if f := st.files["data.sql"]; f != nil {
			if twin == nil && w.Kind().Name() == "bigquery" {
				twin = NewTwin(t)
			}
			if err := Script(ctx, s, twin, string(f.Data)); err != nil {
				t.Fatalf("%sdata.sql: %v", st.prefix, err)
			}
		}
		problems, err := build.Sources(ctx, s, &in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var res *build.Result
		if len(problems) > 0 {
			err = &build.ProblemsError{Problems: problems}
		} else {
			res, err = b.Build(ctx, in, build.Options{AsOf: in.AsOf})
		}
		if f := st.files["error"]; f != nil {
			c.compare(t, f, problemText(err))
			continue
		}
		if err != nil {
			t.Fatalf("build %d: %v\n%s", i+1, err, problemText(err))
		}
		c.check(t, w, st, res)
		for _, name := range dialect.Names() {
			if f := st.files["sql/"+name+".sql"]; f != nil {
				d, _ := dialect.ByName(name)
				in.Build = res.Build
				in.Build.Schema = "weir"
				c.compare(t, f, Text(t, d, in))
			}
		}
	}
}

// texts are the files that hold the text of a program, one for each dialect.
func texts() []string {
	names := dialect.Names()
	for i, name := range names {
		names[i] = "sql/" + name + ".sql"
	}
	return names
}

// recorded adds the dialects that are not there yet where a case holds the text of a program, empty
// so that they are written.
func recorded(files []txtar.File) []txtar.File {
	var out []txtar.File
	for i, f := range files {
		out = append(out, f)
		dir, _ := path.Split(f.Name)
		if !strings.HasSuffix(dir, "sql/") || i+1 < len(files) && path.Dir(files[i+1].Name) == path.Clean(dir) {
			continue // the last one of its folder stands for all
		}
		for _, text := range texts() {
			has := func(f txtar.File) bool { return f.Name == dir+path.Base(text) }
			if !slices.ContainsFunc(files, has) {
				out = append(out, txtar.File{Name: dir + path.Base(text)})
			}
		}
	}
	return out
}

// problemText is what a case's file error holds: the problems, one a line, or the error.
func problemText(err error) string {
	if err == nil {
		return ""
	}
	var p *build.ProblemsError
	if !errors.As(err, &p) {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, one := range p.Problems {
		fmt.Fprintf(&b, "%s: %s %s %s\n", one.Path, one.What, one.Fix, one.Code)
	}
	return b.String()
}

// check compares the tables that a case expects.
func (c *golden) check(t testing.TB, w warehouse.Warehouse, st step, res *build.Result) {
	t.Helper()
	ctx := context.Background()
	s, err := w.Session(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, f := range st.files {
		what, ok := strings.CutPrefix(strings.TrimSuffix(name, ".csv"), "want/")
		if !ok {
			continue
		}
		if what == "stats" {
			c.compare(t, f, statsText(string(f.Data), res.Stats))
			continue
		}
		head, _, _ := strings.Cut(string(f.Data), "\n")
		columns := strings.Split(strings.TrimSpace(head), ",")
		q := rel.Select{From: rel.Table{Name: rel.Name{w.Schema(), entityOf(c) + "_" + what}, Alias: "t"}}
		for _, col := range columns {
			q.Columns = append(q.Columns, rel.As(col, rel.C("t", col)))
		}
		text, err := w.Kind().Dialect().Query(q)
		if err != nil {
			t.Fatal(err)
		}
		var rows [][]string
		for row, err := range s.Query(ctx, text) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			cells := make([]string, len(row))
			for i, v := range row {
				cells[i] = Cell(v)
			}
			rows = append(rows, cells)
		}
		slices.SortFunc(rows, func(a, b []string) int { return slices.Compare(a, b) })
		var out bytes.Buffer
		cw := csv.NewWriter(&out)
		_ = cw.Write(columns)
		_ = cw.WriteAll(rows)
		c.compare(t, f, out.String())
	}
}

func entityOf(c *golden) string {
	for _, st := range c.steps {
		if f := st.files["model.yml"]; f != nil {
			var m models.Model
			yamldoc.Decode(f.Name, f.Data, &m)
			return m.Entities[0].Name
		}
	}
	return ""
}

// statsText is the numbers that the case names, with what they are.
func statsText(want string, stats map[string]int64) string {
	var b strings.Builder
	for line := range strings.Lines(want) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ",")
		if name == "" {
			continue
		}
		n, ok := stats[name]
		if !ok {
			fmt.Fprintf(&b, "%s,there is no such number\n", name)
			continue
		}
		fmt.Fprintf(&b, "%s,%d\n", name, n)
	}
	return b.String()
}

var update = updateFlag()

// updateFlag shares the flag -update with the package under test.
func updateFlag() func() bool {
	if f := flag.Lookup("update"); f != nil {
		return func() bool { return f.Value.String() == "true" }
	}
	v := flag.Bool("update", false, "rewrite golden files")
	return func() bool { return *v }
}

// compare compares a file with what was got, or rewrites it.
func (c *golden) compare(t testing.TB, f *txtar.File, got string) {
	t.Helper()
	if string(f.Data) == got {
		return
	}
	if c.rewrite {
		f.Data, c.changed = []byte(got), true
		return
	}
	t.Errorf("%s (-want +got):\n%s", f.Name, gocmp.Diff(string(f.Data), got))
}

func decode(t testing.TB, f *txtar.File) *models.Model {
	t.Helper()
	m := &models.Model{}
	doc, findings := yamldoc.Decode(f.Name, f.Data, m)
	for _, p := range models.Check(m) {
		findings = append(findings, doc.Finding(p))
	}
	if diag.HasError(findings) {
		for _, one := range findings {
			t.Error(one.String())
		}
		t.FailNow()
	}
	return m
}

// Text renders a program: every statement, and of each loop the first round.
func Text(t testing.TB, d dialect.Dialect, in compile.Input) string {
	t.Helper()
	p, problems := compile.Entity(in)
	if p == nil {
		t.Fatal(problems)
		return ""
	}
	var b strings.Builder
	var render func(steps []compile.Step, depth string)
	render = func(steps []compile.Step, depth string) {
		for _, st := range steps {
			if st.Name != "" {
				fmt.Fprintf(&b, "%s-- %s\n", depth, st.Name)
			}
			for _, one := range st.Do {
				text, err := d.Statement(one)
				if err != nil {
					t.Fatalf("%s: %v", st.Name, err)
				}
				if strings.TrimSpace(text) != "" {
					fmt.Fprintf(&b, "%s;\n", text)
				}
			}
			if st.Solve != nil {
				into, err := d.Statement(st.Solve.Into)
				if err != nil {
					t.Fatalf("%s: %v", st.Name, err)
				}
				fmt.Fprintf(&b, "%s-- worked out in this process\n%s;\n", depth, into)
			}
			if st.If != nil {
				fmt.Fprintf(&b, "%s-- if\n", depth)
				render(st.If.Then, depth+"--")
				fmt.Fprintf(&b, "%s-- else\n", depth)
				render(st.If.Else, depth+"--")
			}
			if st.Loop != nil {
				fmt.Fprintf(&b, "%s-- round 1 of a loop\n", depth)
				render(st.Loop.Body(1), depth+"--")
				fmt.Fprintf(&b, "%s-- after 1 round\n", depth)
				render(st.Loop.After(1), depth+"--")
			}
		}
	}
	render(p.Steps, "")
	return b.String()
}

// Fill makes a table from CSV, in place of one of that name. The header says name:type, with the
// types of models and naive for a timestamp without a zone; text is the default. An empty cell is
// absent; two single quotes are the empty text.
func Fill(ctx context.Context, s warehouse.Session, table string, data []byte, shuffled bool) error {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("a header is needed")
	}
	d := dialectOf(s)
	native := map[string]string{"text": "TEXT", "integer": "BIGINT", "number": "DECIMAL(18,4)", "double": "DOUBLE PRECISION",
		"boolean": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMPTZ", "naive": "TIMESTAMP"}
	casts := d.Name() == "bigquery" // where a text is no literal of another type
	if casts {
		native = map[string]string{"text": "STRING", "integer": "INT64", "number": "NUMERIC", "double": "FLOAT64",
			"boolean": "BOOL", "date": "DATE", "timestamp": "TIMESTAMP", "naive": "DATETIME"}
	}
	var columns []string
	var names, types []string
	for _, h := range rows[0] {
		name, typ, _ := strings.Cut(strings.TrimSpace(h), ":")
		sql, ok := native[cmp.Or(typ, "text")]
		if !ok {
			return fmt.Errorf("unknown type %q", typ)
		}
		names = append(names, d.Quote(name))
		types = append(types, sql)
		columns = append(columns, d.Quote(name)+" "+sql)
	}
	rows = rows[1:]
	if shuffled {
		rand.New(rand.NewSource(7)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	var parts []string
	for p := range strings.SplitSeq(table, ".") {
		parts = append(parts, d.Quote(p))
	}
	quoted := strings.Join(parts, ".")
	schema, _, ok := strings.Cut(table, ".")
	if ok {
		if _, err := s.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+d.Quote(schema)); err != nil {
			return err
		}
	}
	if _, err := s.Exec(ctx, "DROP TABLE IF EXISTS "+quoted); err != nil {
		return err
	}
	if _, err := s.Exec(ctx, "CREATE TABLE "+quoted+" ("+strings.Join(columns, ", ")+")"); err != nil {
		return err
	}
	for len(rows) > 0 {
		n := min(500, len(rows))
		var values []string
		for _, row := range rows[:n] {
			cells := make([]string, len(row))
			for i, v := range row {
				switch v {
				case "":
					cells[i] = "NULL"
				case "''":
					cells[i] = "''"
				default:
					if cells[i], err = d.Expr(rel.T(v)); err != nil {
						return err
					}
				}
				if casts && i < len(types) {
					cells[i] = "CAST(" + cells[i] + " AS " + types[i] + ")"
				}
			}
			values = append(values, "("+strings.Join(cells, ", ")+")")
		}
		if _, err := s.Exec(ctx, "INSERT INTO "+quoted+" ("+strings.Join(names, ", ")+") VALUES "+strings.Join(values, ", ")); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// dialectOf is the SQL of a session's warehouse.
func dialectOf(s warehouse.Session) dialect.Dialect {
	if of, ok := s.(interface{ Kind() warehouse.Kind }); ok {
		return of.Kind().Dialect()
	}
	return dialect.DuckDB()
}

// Cell writes a value of a warehouse as a case has it.
func Cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v == "" {
			return "''"
		}
		return v
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.999999Z07:00")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
