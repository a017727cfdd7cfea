//go:build cgo && !noduckdb

package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

var ctx = context.Background()

// noon is the moment as of which the tests plan first.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// list is an audience that can be repeated and takes two identifiers.
var list = destinations.Object{
	Name: "list", Target: true, Idempotent: true, RemovalNeedsMatch: true, Granularity: destinations.PerRow,
	Ops:         []destinations.Op{destinations.Add, destinations.Remove, destinations.Erase},
	Identifiers: []destinations.Identifier{{Name: "email"}, {Name: "phone"}},
}

// message is harmful to repeat.
var message = destinations.Object{
	Name: "message", Granularity: destinations.PerRow, Ops: []destinations.Op{destinations.Emit}, Identifiers: []destinations.Identifier{{Name: "email"}},
}

// record is written, deleted and cleared.
var record = destinations.Object{
	Name: "profile", Idempotent: true, Granularity: destinations.PerRow, NullClears: true,
	Ops:         []destinations.Op{destinations.Upsert, destinations.Delete, destinations.Clear},
	Identifiers: []destinations.Identifier{{Name: "email"}},
}

// person is a desired row. What is empty is NULL.
type person struct{ key, email, phone, name, barred, invalid string }

// world is a warehouse with one sync.
type world struct {
	t     *testing.T
	w     warehouse.Warehouse
	l     *Ledger
	b     Binding
	src   syncs.Source
	g     syncs.Grant
	runs  int
	store string
	plain bool // every row is looked at in every plan
}

// openWarehouse opens the warehouse under test, empty.
var openWarehouse = openDuck

// openDuck is an empty warehouse in memory, or in a file of its own if the tests are thorough or
// measure.
func openDuck(t testing.TB) warehouse.Warehouse {
	t.Helper()
	k, ok := warehouse.Lookup("duckdb")
	if !ok {
		t.Fatal("duckdb is not there")
	}
	if _, measures := t.(*testing.B); !measures && !casetest.Thorough() {
		w, err := k.(warehouse.Ephemeral).Memory("weir")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		return w
	}
	w, err := k.Open(warehouse.Config{Target: "dev", Dir: t.TempDir(), Settings: map[string]string{"path": "shop.duckdb", "schema": "weir"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// newWorld makes a sync whose rows are those of the table people. change may alter the binding.
func newWorld(t *testing.T, obj destinations.Object, change func(*Binding)) *world {
	t.Helper()
	w := &world{t: t, w: openWarehouse(t), store: "store-a"}
	w.l = New(w.w, Options{Key: []byte("a secret of sixteen bytes or more")})
	w.b = newWorldBinding(obj)
	if len(obj.Identifiers) == 1 {
		w.b.Rows.Query, w.b.Rows.IDs = peopleQuery(1), w.b.Rows.IDs[:1]
	}
	if change != nil {
		change(&w.b)
	}
	w.exec("CREATE SCHEMA IF NOT EXISTS shop", "CREATE TABLE shop.people (key VARCHAR, email VARCHAR, phone VARCHAR, name VARCHAR, barred VARCHAR, invalid VARCHAR)")
	w.rebind()
	return w
}

func newWorldBinding(obj destinations.Object) Binding {
	return Binding{
		Sync:   syncs.Sync{Name: "vip", Segment: "vip", Into: "VIP", Mode: syncs.Mirror, OnLeave: syncs.Remove},
		Object: obj, Account: "acme", Channel: destinations.Email, AsOf: noon,
		Rows: compile.Rows{
			Query:  peopleQuery(2),
			Source: rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: people, Alias: "p"}},
			IDs:    []compile.RowColumn{{Name: "email", Type: models.Text}, {Name: "phone", Type: models.Text}},
			Fields: []compile.RowColumn{{Name: "name", Type: models.Text}}, Fingerprint: "map-1",
		},
	}
}

var people = rel.Name{"shop", "people"}

func peopleQuery(ids int) rel.Query {
	p := func(c string) rel.Expr { return rel.C("p", c) }
	cs := []rel.Column{rel.As("key", p("key")), rel.As("id_1", p("email"))}
	if ids > 1 {
		cs = append(cs, rel.As("id_2", p("phone")))
	}
	return rel.Select{Columns: append(cs, rel.As("field_1", p("name")), rel.As("barred", p("barred")), rel.As("invalid", p("invalid"))), From: rel.Table{Name: people, Alias: "p"}}
}

// givenOf is the rows of a sync in two steps, as compile has them.
func givenOf(r compile.Rows) *compile.Given {
	g := &compile.Given{Query: r.Query}
	for i := range r.IDs {
		g.Columns = append(g.Columns, id(i))
	}
	for i := range r.Fields {
		g.Columns = append(g.Columns, field(i))
	}
	g.Columns = append(g.Columns, "barred", "invalid")
	g.Rows = func(from rel.Relation, more ...string) rel.Query {
		q := rel.Select{From: from, Columns: []rel.Column{rel.As("key", rel.C("g", "key"))}}
		for _, name := range slices.Concat(g.Columns, more) {
			q.Columns = append(q.Columns, rel.As(name, rel.C("g", name)))
		}
		return q
	}
	return g
}

// rebind makes a new source, as a new process would. Rows of the ledger have marks, unless the
// world is plain.
func (w *world) rebind() {
	b := w.b
	if !w.plain {
		b.Rows.Given = givenOf(b.Rows)
	}
	w.src = w.l.Source(b)
}

func (w *world) exec(sqls ...string) {
	w.t.Helper()
	s, err := w.w.Session(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	for _, sql := range sqls {
		if _, err := s.Exec(ctx, w.words(sql)); err != nil {
			w.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// words is a statement of a test, which DuckDB and PostgreSQL understand, as the warehouse has it.
func (w *world) words(sql string) string {
	if w.w.Kind().Name() != "bigquery" {
		return sql
	}
	if (strings.HasPrefix(sql, "DELETE FROM ") || strings.HasPrefix(sql, "UPDATE ")) && !strings.Contains(sql, " WHERE ") {
		sql += " WHERE TRUE"
	}
	return googleSeries.ReplaceAllString(googleWords.Replace(sql), "UNNEST(GENERATE_ARRAY($1, $2)) AS i")
}

var googleSeries = regexp.MustCompile(`generate_series\((\d+), (\d+)\) t\(i\)`)

var googleWords = strings.NewReplacer(" VARCHAR", " STRING", " INTEGER", " INT64", "now()", "CURRENT_TIMESTAMP()", `"at"`, "`at`",
	"SELECT hash ", "SELECT `hash` ", "SET hash = hash", "SET `hash` = `hash`", ", rows,", ", `rows`,", "CREATE SCHEMA IF NOT EXISTS shop", "CREATE SCHEMA IF NOT EXISTS `shop`")

// rows reads a query as lines of values.
func (w *world) rows(sql string) (out []string) {
	w.t.Helper()
	s, err := w.w.Session(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	for r, err := range s.Query(ctx, w.words(sql)) {
		if err != nil {
			w.t.Fatalf("%s: %v", sql, err)
		}
		var parts []string
		for _, v := range r {
			if v == nil {
				v = "-"
			}
			parts = append(parts, fmt.Sprint(v))
		}
		out = append(out, strings.Join(parts, " "))
	}
	return out
}

// want replaces the desired rows.
func (w *world) want(ps ...person) *world {
	w.t.Helper()
	w.exec("DELETE FROM shop.people")
	null := func(s string) string {
		if s == "" {
			return "NULL"
		}
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	for _, p := range ps {
		w.exec(fmt.Sprintf("INSERT INTO shop.people VALUES (%s, %s, %s, %s, %s, %s)", null(p.key), null(p.email), null(p.phone), null(p.name), null(p.barred), null(p.invalid)))
	}
	return w
}

// acquire takes the lease unless it is held.
func (w *world) acquire() syncs.Grant {
	w.t.Helper()
	if w.g.Epoch == 0 {
		g, err := w.src.Acquire(ctx, syncs.Holder{Store: w.store, Host: "here", PID: os.Getpid()}, time.Minute)
		if err != nil {
			w.t.Fatal(err)
		}
		w.g = g
	}
	return w.g
}

// freeze plans the next run.
func (w *world) freeze() syncs.PlanRef {
	w.t.Helper()
	w.acquire()
	w.runs++
	ref, err := w.src.Freeze(ctx, w.g, fmt.Sprintf("run_%d", w.runs))
	if err != nil {
		w.t.Fatal(err)
	}
	return ref
}

// read gives the changes of a plan.
func (w *world) read(ref syncs.PlanRef) []syncs.Change {
	w.t.Helper()
	var out []syncs.Change
	for c, err := range w.src.Read(ctx, ref, 0, ref.Rows) {
		if err != nil {
			w.t.Fatal(err)
		}
		if c.Seq != int64(len(out)) {
			w.t.Fatalf("row %d has number %d", len(out), c.Seq)
		}
		out = append(out, c)
	}
	if int64(len(out)) != ref.Rows {
		w.t.Fatalf("the plan says %d rows and has %d", ref.Rows, len(out))
	}
	return out
}

// lines writes changes as "add p1 email=… name=…", those of rows that are there already with a ~.
func (w *world) lines(cs []syncs.Change) []string {
	out := []string{}
	for _, c := range cs {
		l := c.Op.String() + " " + c.Key
		if c.Move == syncs.Updating {
			l = "~" + l
		}
		show := func(name string, v any) {
			switch {
			case destinations.IsAbsent(v):
			case v == nil:
				l += " " + name + "=null"
			default:
				l += fmt.Sprintf(" %s=%v", name, v)
			}
		}
		for i, v := range c.IDs {
			show(w.b.Rows.IDs[i].Name, v)
		}
		for i, v := range c.Fields {
			show(w.b.Rows.Fields[i].Name, v)
		}
		if c.RemoteID != "" {
			l += " remote=" + c.RemoteID
		}
		if c.Forced {
			l += " forced"
		}
		if c.Doubt {
			l += " doubt"
		}
		if c.Barred != "" {
			l += " barred=" + c.Barred
		}
		out = append(out, l)
	}
	return out
}

// verdicts says the same of all rows but for some.
func verdicts(ref syncs.PlanRef, rest syncs.Verdict, but ...syncs.Exception) syncs.Verdicts {
	v := syncs.Verdicts{Exceptions: func(yield func(syncs.Exception, error) bool) {
		for _, e := range but {
			if !yield(e, nil) {
				return
			}
		}
	}}
	if ref.Rows > 0 {
		v.Ranges = []syncs.VerdictRange{{Lo: 0, Hi: ref.Rows, Verdict: rest}}
	}
	return v
}

func (w *world) settle(ref syncs.PlanRef, rest syncs.Verdict, but ...syncs.Exception) syncs.Counts {
	w.t.Helper()
	c, err := w.src.Settle(ctx, w.g, ref, verdicts(ref, rest, but...))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// expect plans, and compares the plan with lines.
func (w *world) expect(want ...string) syncs.PlanRef {
	w.t.Helper()
	ref := w.freeze()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, w.lines(w.read(ref))); diff != "" {
		w.t.Fatalf("plan of %s (-want +got):\n%s", ref.Run, diff)
	}
	return ref
}

// sends plans, compares, and settles everything as applied.
func (w *world) sends(want ...string) syncs.PlanRef {
	w.t.Helper()
	ref := w.expect(want...)
	w.settle(ref, syncs.Applied)
	return ref
}

func (w *world) isFenced(what string, err error) {
	w.t.Helper()
	if !errors.Is(err, syncs.ErrFenced) {
		w.t.Errorf("%s: %v, want ErrFenced", what, err)
	}
}
