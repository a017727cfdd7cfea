//go:build unix

package build_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/build/worldtest"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// envNumber is a number of the environment, at least 64, or what it is without.
func envNumber(tb testing.TB, name string, without int) int {
	text := os.Getenv(name)
	if text == "" {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 64 {
		tb.Fatalf("%s is %q: it is a number, 64 at least", name, text)
	}
	return n
}

// bars are the ratios to keep to, from 5M records and below.
type bars struct{ graph, strings, increment, ignore, f1 float64 }

func barsFor(records int) bars {
	if records >= 5_000_000 {
		return bars{graph: 1.9, strings: 1.1, increment: 0.07, ignore: 0.09, f1: 0.93}
	}
	return bars{graph: 2.3, strings: 1.1, increment: 0.10, ignore: 0.09, f1: 0.91}
}

// BenchmarkIdentity builds a world of records from raw strings and changes it, each time beside what it is
// measured against: a union-find in this process over the same rows, or a build from nothing. It
// prints CPU seconds and ratios, of each side the cheapest of three, and fails if a changed build differs from one from nothing, or if
// too many strangers are joined. One iteration is enough:
//
//	WEIR_RECORDS=5000000 go test -run - -bench 'Identity$' -benchtime 1x ./internal/build
//
// The engine has one thread, or WEIR_THREADS. With WEIR_STATEMENTS=1 it lists the dearest statements of each build.
func BenchmarkIdentity(b *testing.B) {
	for b.Loop() {
		benchIdentity(b, envNumber(b, "WEIR_RECORDS", 1_000_000))
	}
}

func benchIdentity(b *testing.B, n int) {
	ctx := context.Background()
	bar := barsFor(n)
	w := &spy{Warehouse: benchWarehouse(b)}
	people := worldtest.New(n, n/100, 1)
	b.StopTimer()
	script(b, w, "CREATE SCHEMA raw", "CREATE TABLE raw.rows (key VARCHAR, seen_at TIMESTAMPTZ, user_id VARCHAR, email VARCHAR, phone VARCHAR, device VARCHAR)")
	load(b, w, worldtest.Columns, people.Base())
	b.StartTimer()

	m := benchModel()
	again := func(day int, full bool) built {
		r := runBuild(b, w, m, "customer", build.Options{AsOf: benchAsOf(day), Scratch: "again", Full: full})
		discard(b, w)
		return r
	}
	full := runBuild(b, w, m, "customer", build.Options{AsOf: benchAsOf(0)})
	fulls := []built{full, again(0, true), again(0, true)}
	say("from nothing: %d records, %d profiles, the largest with %d identifiers: %v",
		n, full.Stats["profiles"], full.Stats[compile.StatLargest], full.usage)
	say("%s", full.steps())

	var links, words int
	graph := func(r built) float64 { return r.part("identity: links", "identity: join", "identity: components") }
	plainLinks := leastOf(b, func() (err error) { links, err = joinLinks(ctx, w, full.Build); return err })
	told(b, "graph", least(graph, fulls...), plainLinks, bar.graph, fmt.Sprintf("union-find over the same links, %d components", links))
	plain := leastOf(b, func() (err error) { words, err = joinStrings(ctx, w, n); return err })
	told(b, "strings", least(func(r built) float64 { return r.until("identity: components") }, fulls...), plain, bar.strings, fmt.Sprintf("union-find over the same strings, %d components", words))
	if links != words {
		b.Errorf("%d components of links and %d of strings", links, words)
	}

	// The same in SQL to the end, beside it.
	m.Entities[0].Identity.Finish = "warehouse"
	sql := runBuild(b, w, m, "customer", build.Options{AsOf: benchAsOf(0), Scratch: "again", Full: true})
	join, most := w.rounds()
	told(b, "sql-graph", graph(sql), plainLinks, bar.graph, fmt.Sprintf("in SQL to the end, after %d rounds (any contraction: %d)", join, most))
	same(b, w, full, sql)
	m.Entities[0].Identity.Finish = ""

	strict := runBuild(b, w, m, "person", build.Options{AsOf: benchAsOf(0)})

	b.StopTimer()
	load(b, w, worldtest.Columns, people.Later())
	b.StartTimer()
	trials := []built{again(1, false), again(1, false)}
	more := runBuild(b, w, m, "customer", build.Options{AsOf: benchAsOf(1)})
	whole := usage{cpu: least(built.identity, fulls...)}
	told(b, "increment", least(built.identity, append(trials, more)...), whole, bar.increment, fmt.Sprintf("%d records more, to a build from nothing; whole builds: %.3f", n/100, more.cpu/full.cpu))
	say("%v; merged away %d; %s", more.usage, more.Stats[compile.StatMerged], more.steps())
	same(b, w, more, runBuild(b, w, m, "customer", build.Options{AsOf: benchAsOf(1), Scratch: "again", Full: true}))
	strictMore := runBuild(b, w, m, "person", build.Options{AsOf: benchAsOf(1)})
	say("%d records more, with max_links and a limit: %.2f CPU s to %.2f: ratio %.3f; %s",
		n/100, strictMore.identity(), strict.identity(), strictMore.identity()/strict.identity(), strictMore.steps())

	ids := m.Entities[0].Identity.Identifiers
	for i := range ids {
		ids[i].Ignore = worldtest.Junk[ids[i].Type]
	}
	trials = []built{again(2, false), again(2, false)}
	late := runBuild(b, w, m, "customer", build.Options{AsOf: benchAsOf(2)})
	told(b, "ignore", least(built.identity, append(trials, late)...), whole, bar.ignore, fmt.Sprintf("5 values ignored late, to a build from nothing; whole builds: %.3f", late.cpu/full.cpu))
	say("%v; split off %d; %s", late.usage, late.Stats[compile.StatSplit], late.steps())
	same(b, w, late, runBuild(b, w, m, "customer", build.Options{AsOf: benchAsOf(2), Scratch: "again", Full: true}))

	limited := runBuild(b, w, m, "person", build.Options{AsOf: benchAsOf(2), Full: true})
	say("with max_links and a limit, no list of junk: %d profiles, %v", limited.Stats["profiles"], limited.usage)
	say("%s", limited.steps())
	q := people.Compare(profiles(b, w, m, "person", limited.Build, n+n/100))
	best := people.Ceiling()
	say("pairs of records: precision %.4f, recall %.4f, F1 %.4f, bar %.2f (what the rows can tell at most: recall %.4f, F1 %.4f); %d of %d chains broken",
		q.Precision, q.Recall, q.F1, bar.f1, best.Recall, best.F1, q.Broken, q.Chains)
	b.ReportMetric(q.F1, "F1")
	b.ReportMetric(q.Precision, "precision")
	b.ReportMetric(float64(full.peak), "MB")
	b.ReportMetric(float64(join), "rounds")
	if n >= 1_000_000 && (q.F1 < bar.f1 || q.Precision < 0.99) {
		b.Errorf("F1 %.4f at precision %.4f", q.F1, q.Precision)
	}
	if q.Broken > 0 {
		b.Errorf("%d of %d chains are not whole", q.Broken, q.Chains)
	}
}

// benchWarehouse is an empty DuckDB of one thread, as a union-find has one: threads that wait for
// each other, or share a core, are charged for that too. WEIR_THREADS is another number.
func benchWarehouse(b *testing.B) warehouse.Warehouse {
	b.Helper()
	kind, ok := warehouse.Lookup("duckdb")
	if !ok {
		b.Fatal("this build has no DuckDB: the benchmark needs cgo")
	}
	w, err := kind.Open(warehouse.Config{Target: "bench", Dir: b.TempDir(),
		Settings: map[string]string{"path": "bench.duckdb", "schema": "weir", "threads": cmp.Or(os.Getenv("WEIR_THREADS"), "1")}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := w.Close(); err != nil {
			b.Error(err)
		}
	})
	return w
}

// told prints a ratio beside its bar. A machine that is busy does not fail a benchmark.
func told(b *testing.B, what string, ours float64, theirs usage, bar float64, against string) {
	b.Helper()
	ratio := ours / theirs.cpu
	verdict := "kept"
	if ratio > bar {
		verdict = "NOT KEPT"
	}
	say("%-9s %7.2f CPU s to %7.2f: ratio %.3f, bar %.2f %s (%s)", what, ours, theirs.cpu, ratio, bar, verdict, against)
	b.ReportMetric(ratio, what+"-ratio")
}

// say prints a line. What a benchmark logs is cut after ten lines.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func benchAsOf(day int) time.Time {
	return worldtest.Start.Add((worldtest.Days + 1 + time.Duration(day)) * 24 * time.Hour)
}

// benchModel has the same rows twice: customer joins whatever the links say, person keeps to rules.
func benchModel() *models.Model {
	guard := models.IdentityGuard{MaxProfileSize: 1 << 30, MaxMerged: models.Percent{BasisPoints: 10_000, Set: true}}
	ids := func() []models.Identifier {
		return []models.Identifier{{Type: "user_id"}, {Type: "email", Normalize: "lower"}, {Type: "phone", Normalize: "trim"}, {Type: "device"}}
	}
	strict := ids()
	strict[0].Limit.Max = 1
	for i := 1; i < len(strict); i++ {
		strict[i].MaxLinks = []models.MaxLinks{{Type: "user_id", Max: 3}}
	}
	src := models.Source{Name: "rows", Table: "raw.rows", Key: "key", Time: "seen_at", Lookback: models.Duration(time.Hour)}
	for _, c := range worldtest.Identifiers {
		src.Identifiers = append(src.Identifiers, models.SourceIdentifier{Type: c, Column: c})
	}
	return &models.Model{
		Sources: []models.Source{src},
		Entities: []models.Entity{
			{Name: "customer", Identity: models.Identity{Identifiers: ids(), From: []string{"rows"}, Guard: guard}},
			{Name: "person", Identity: models.Identity{Identifiers: strict, From: []string{"rows"}, Guard: guard}},
		},
	}
}

// built is a build with what it took, by step.
type built struct {
	usage
	*build.Result
	order []string
	spent map[string]float64
}

func runBuild(tb testing.TB, w *spy, m *models.Model, entity string, opts build.Options) built {
	tb.Helper()
	out := built{spent: map[string]float64{}}
	last, before := "", 0.0
	b := &build.Builder{W: w, Progress: func(step string, _, _ int) {
		now := cpuSeconds()
		if last != "" {
			out.spent[last] += now - before
		}
		if !slices.Contains(out.order, step) {
			out.order = append(out.order, step)
		}
		last, before = step, now
	}}
	w.reset()
	out.usage = measure(tb, func() (err error) {
		out.Result, err = b.Build(context.Background(), benchInput(m, entity), opts)
		out.spent[last] += cpuSeconds() - before // with the counts, and publishing
		return err
	})
	if os.Getenv("WEIR_STATEMENTS") != "" {
		say("dearest statements of %s %s:%s", entity, out.Build.ID, w.dearest(40))
	}
	return out
}

func benchInput(m *models.Model, entity string) compile.Input {
	in := compile.Input{Model: m, Entity: entity, Timezone: time.UTC, Columns: map[string][]models.Column{}}
	for _, s := range m.Sources {
		cols := []models.Column{{Name: s.Key, Type: models.Text}, {Name: s.Time, Type: models.Timestamp}}
		for _, id := range s.Identifiers {
			cols = append(cols, models.Column{Name: id.Column, Type: models.Text})
		}
		in.Columns[s.Name] = cols
	}
	return in
}

// part adds up steps.
func (r built) part(steps ...string) (cpu float64) {
	for _, s := range steps {
		cpu += r.spent[s]
	}
	return cpu
}

// identity adds up the steps of identity: without the table of profiles, segments and the counts
// after the last step, which are made whole by every build.
func (r built) identity() (cpu float64) {
	for _, s := range r.order {
		if strings.HasPrefix(s, "identity:") {
			cpu += r.spent[s]
		}
	}
	return cpu
}

// until adds up the steps up to one.
func (r built) until(step string) float64 {
	return r.part(r.order[:slices.Index(r.order, step)+1]...)
}

// steps lists what each step took.
func (r built) steps() string {
	var parts []string
	for _, s := range r.order {
		if r.spent[s] >= 0.005 {
			parts = append(parts, fmt.Sprintf("%s %.2f", strings.TrimPrefix(s, "identity: "), r.spent[s]))
		}
	}
	return strings.Join(parts, ", ")
}

// same fails unless two builds have the same identifiers in the same groups under the same ids.
// The second is dropped.
func same(b *testing.B, w *spy, now, again built) {
	b.Helper()
	b.StopTimer()
	defer b.StartTimer()
	table := func(r built) string { return strings.Join(r.Build.Table("customer", compile.Identifiers), ".") }
	row := ask(b, w, `SELECT count(*), count(a.value), count(b.value), count(DISTINCT a.profile_id), count(DISTINCT b.profile_id),
		count(DISTINCT a.profile_id || b.profile_id), count(CASE WHEN a.profile_id <> b.profile_id THEN 1 END)
		FROM `+table(now)+` AS a FULL JOIN `+table(again)+` AS b ON a.type = b.type AND a.value = b.value`)
	say("against a build from nothing (%.2f CPU s): %d identifiers, %d groups, %d under another id", again.cpu, row[0], row[3], row[6])
	if row[0] != row[1] || row[0] != row[2] {
		b.Errorf("%d identifiers, and %d from nothing", row[1], row[2])
	}
	if row[3] != row[4] || row[3] != row[5] {
		b.Errorf("another partition: %d groups, %d from nothing, %d pairs of them", row[3], row[4], row[5])
	}
	if row[6] != 0 {
		b.Errorf("%d identifiers are under another id than from nothing", row[6])
	}
	discard(b, w)
}

// discard drops the build beside the one in force.
func discard(b *testing.B, w *spy) {
	b.Helper()
	if err := (&build.Builder{W: w}).Discard(context.Background(), "again"); err != nil {
		b.Fatal(err)
	}
}

// least is what a part took in the cheapest of several equal builds: what else the machine does
// makes one dearer, never cheaper.
func least(part func(built) float64, of ...built) float64 {
	out := part(of[0])
	for _, r := range of[1:] {
		out = min(out, part(r))
	}
	return out
}

// leastOf is the cheapest of three equal pieces of work.
func leastOf(b *testing.B, work func() error) usage {
	b.Helper()
	out := measure(b, work)
	for range 2 {
		if u := measure(b, work); u.cpu < out.cpu {
			out = u
		}
	}
	return out
}

// profiles lists the profile of each record, by its place in the world.
func profiles(b *testing.B, w *spy, m *models.Model, entity string, of compile.Build, n int) []string {
	b.Helper()
	b.StopTimer()
	defer b.StartTimer()
	in := benchInput(m, entity)
	in.Build, in.AsOf = of, benchAsOf(2)
	q, problems := compile.RowOwners(in)
	if len(problems) > 0 {
		b.Fatal(problems[0].What)
	}
	text, err := w.Kind().Dialect().Query(q)
	if err != nil {
		b.Fatal(err)
	}
	out := make([]string, n)
	query(b, w, text, func(row []any) error {
		i, err := strconv.Atoi(strings.TrimPrefix(row[1].(string), "r"))
		if err != nil || i >= n || out[i] != "" {
			return fmt.Errorf("record %v is unknown or has two owners", row[1])
		}
		out[i] = row[2].(string)
		return nil
	})
	return out
}

// forest is a union-find. The smallest of a set leads it.
type forest []int32

func (f forest) find(x int32) int32 {
	for f[x] != x {
		f[x] = f[f[x]]
		x = f[x]
	}
	return x
}

func (f forest) join(x, y int32) {
	if a, b := f.find(x), f.find(y); a < b {
		f[b] = a
	} else if b < a {
		f[a] = b
	}
}

// joinLinks streams the combinations of numbered identifiers, joins what stands together, and
// writes the component of every number back.
func joinLinks(ctx context.Context, w *spy, of compile.Build) (sets int, err error) {
	s, err := w.Session(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var f forest
	var known []bool
	add := func(n int32) {
		for int(n) >= len(f) {
			f, known = append(f, int32(len(f))), append(known, false)
		}
		known[n] = true
	}
	table := strings.Join(of.Table("customer", compile.Tuples), ".")
	for row, err := range s.Query(ctx, "SELECT node_user_id, node_email, node_phone, node_device FROM "+table) {
		if err != nil {
			return 0, err
		}
		first := int32(-1)
		for _, v := range row {
			n, ok := v.(int64)
			if !ok {
				continue
			}
			add(int32(n))
			if first < 0 {
				first = int32(n)
			} else {
				f.join(first, int32(n))
			}
		}
	}
	back := func(yield func([]any, error) bool) {
		row := make([]any, 2)
		for i := range f {
			if !known[i] {
				continue
			}
			root := f.find(int32(i))
			if root == int32(i) {
				sets++
			}
			row[0], row[1] = int64(i), int64(root)
			if !yield(row, nil) {
				return
			}
		}
	}
	return sets, writeBack(ctx, s, "node BIGINT", "node", back)
}

// joinStrings streams the strings of n rows and joins them, then writes the map back.
func joinStrings(ctx context.Context, w *spy, n int) (sets int, err error) {
	s, err := w.Session(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	index := map[string]int32{}
	var f forest
	var values []string
	const page = 100_000 // the engine keeps a whole result in memory
	for lo := 0; lo < n; lo += page {
		for row, err := range s.Query(ctx, fmt.Sprintf("SELECT user_id, email, phone, device FROM raw.rows WHERE rowid >= %d AND rowid < %d", lo, lo+page)) {
			if err != nil {
				return 0, err
			}
			first := int32(-1)
			for t, v := range row {
				value, ok := v.(string)
				if !ok {
					continue
				}
				if t == 1 {
					value = strings.ToLower(value)
				}
				k := string(rune('0'+t)) + strings.TrimSpace(value)
				id, ok := index[k]
				if !ok {
					id = int32(len(f))
					index[k] = id
					f = append(f, id)
					values = append(values, k)
				}
				if first < 0 {
					first = id
				} else {
					f.join(first, id)
				}
			}
		}
	}
	back := func(yield func([]any, error) bool) {
		row := make([]any, 2)
		for i, v := range values {
			root := f.find(int32(i))
			if root == int32(i) {
				sets++
			}
			row[0], row[1] = v, int64(root)
			if !yield(row, nil) {
				return
			}
		}
	}
	return sets, writeBack(ctx, s, "value VARCHAR", "value", back)
}

func writeBack(ctx context.Context, s warehouse.Session, key, name string, rows iter.Seq2[[]any, error]) error {
	if _, err := s.Exec(ctx, "CREATE TABLE raw.plain_map ("+key+", cluster BIGINT)"); err != nil {
		return err
	}
	if _, err := s.Load(ctx, []string{"raw", "plain_map"}, []string{name, "cluster"}, rows); err != nil {
		return err
	}
	_, err := s.Exec(ctx, "DROP TABLE raw.plain_map")
	return err
}

// load appends rows to raw.rows.
func load(tb testing.TB, w warehouse.Warehouse, columns []string, rows iter.Seq2[[]any, error]) {
	tb.Helper()
	s, err := w.Session(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Load(context.Background(), []string{"raw", "rows"}, columns, rows); err != nil {
		tb.Fatal(err)
	}
}

func script(tb testing.TB, w warehouse.Warehouse, statements ...string) {
	tb.Helper()
	s, err := w.Session(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Close()
	for _, q := range statements {
		if _, err := s.Exec(context.Background(), q); err != nil {
			tb.Fatal(err)
		}
	}
}

func query(tb testing.TB, w warehouse.Warehouse, sql string, each func(row []any) error) {
	tb.Helper()
	s, err := w.Session(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Close()
	for row, err := range s.Query(context.Background(), sql) {
		if err == nil {
			err = each(row)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// ask runs a query of one row of integers.
func ask(tb testing.TB, w warehouse.Warehouse, sql string) (out []int64) {
	tb.Helper()
	query(tb, w, sql, func(row []any) error {
		for _, v := range row {
			n, ok := v.(int64)
			if !ok {
				return fmt.Errorf("a %T in place of a number", v)
			}
			out = append(out, n)
		}
		return nil
	})
	return out
}
