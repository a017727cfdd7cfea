package compile_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// The sources of the test of rows: acts and visits happen to people; items belong to acts; acts,
// visits and items are of things, whose keys are text, and things are of makers.
const rowsModel = `
sources:
  people: {table: people, key: id, updated_at: changed, identifiers: {n: who}}
  acts: {table: acts, key: id, time: happened, identifiers: {n: who}, related: {things: thing}}
  visits: {table: visits, key: ref, time: seen, identifiers: {n: who}, related: {things: thing}}
  items: {table: items, key: id, related: {acts: act, things: thing}}
  things: {table: things, key: id, updated_at: changed, related: {makers: maker}}
  makers: {table: makers, key: id}
entities:
  x:
    identity: {identifiers: {n: {limit: 1}}, from: [people, acts, visits]}
    traits:
      who: {from: people.who}
`

// fact is a row of a table; values are nil, a string, an int64 of whole numbers or a time.
type fact map[string]any

// table is a table of the test: its columns with their types, what its rows lead to, and its key.
type table struct {
	name, key, time string
	columns         []string // name type
	leads           map[string]string
	rows            []fact
}

func rowsTables(r *rand.Rand, asOf time.Time, people int) map[string]*table {
	out := map[string]*table{}
	for _, t := range []*table{
		{name: "people", key: "id", columns: []string{"id integer", "who varchar", "changed timestamptz"}},
		{name: "acts", key: "id", time: "happened", columns: []string{"id integer", "who varchar", "kind varchar", "n bigint", "thing integer", "happened timestamptz"}, leads: map[string]string{"things": "thing"}},
		{name: "visits", key: "ref", time: "seen", columns: []string{"ref varchar", "who varchar", "kind varchar", "n bigint", "thing varchar", "seen timestamptz"}, leads: map[string]string{"things": "thing"}},
		{name: "items", key: "id", columns: []string{"id integer", "act varchar", "kind varchar", "n bigint", "thing varchar"}, leads: map[string]string{"acts": "act", "things": "thing"}},
		{name: "things", key: "id", time: "changed", columns: []string{"id varchar", "kind varchar", "n bigint", "maker bigint", "changed timestamptz"}, leads: map[string]string{"makers": "maker"}},
		{name: "makers", key: "id", columns: []string{"id varchar", "kind varchar", "n bigint"}},
	} {
		out[t.name] = t
	}
	word := func() any { return pick[any](r, "", "a", "A", "ab", "b a", nil) }
	n := func() any { return pick[any](r, int64(-1), int64(0), int64(1), int64(2), nil) }
	at := func() any {
		return pick[any](r, nil, asOf.Add(time.Duration(r.IntN(8)-6)*24*time.Hour), asOf.Add(time.Duration(r.IntN(12)-10)*12*time.Hour), asOf.Add(-36*time.Hour))
	}
	thing := func() any { return pick[any](r, int64(1), int64(2), int64(3), int64(9), nil) }
	text := func(v any) any {
		if v == nil {
			return nil
		}
		return fmt.Sprint(v)
	}
	acts := 0
	for i := range people {
		who := fmt.Sprint("w", i)
		out["people"].rows = append(out["people"].rows, fact{"id": int64(i), "who": who, "changed": nil})
		for range r.IntN(6) {
			acts++
			a := fact{"id": pick[any](r, int64(acts), int64(acts), int64(acts), nil), "who": who, "kind": word(), "n": n(), "thing": thing(), "happened": at()}
			out["acts"].rows = append(out["acts"].rows, a)
			if r.IntN(4) == 0 { // the row came twice, or another one with its key and time
				b := fact{}
				for k, v := range a {
					b[k] = v
				}
				b["kind"] = pick(r, a["kind"], word())
				out["acts"].rows = append(out["acts"].rows, b)
			}
			for range r.IntN(3) {
				out["items"].rows = append(out["items"].rows, fact{"id": int64(len(out["items"].rows)), "act": pick(r, text(a["id"]), "none", nil), "kind": word(), "n": n(), "thing": text(thing())})
			}
		}
		for j := range r.IntN(4) {
			out["visits"].rows = append(out["visits"].rows, fact{"ref": fmt.Sprint(who, "-", 9+j), "who": who, "kind": word(), "n": n(), "thing": text(thing()), "seen": at()})
		}
	}
	for i := range 3 {
		for j := range 1 + r.IntN(3) {
			changed := any(asOf.Add(-time.Duration(r.IntN(5)) * time.Hour * time.Duration(j+1) * 10))
			if j == 2 {
				changed = nil
			}
			if slices.ContainsFunc(out["things"].rows, func(f fact) bool { return f["id"] == fmt.Sprint(i+1) && f["changed"] == changed }) {
				continue
			}
			out["things"].rows = append(out["things"].rows, fact{"id": fmt.Sprint(i + 1), "kind": word(), "n": n(), "maker": pick[any](r, int64(1), int64(2), int64(7), nil), "changed": changed})
		}
	}
	for i := range 2 {
		out["makers"].rows = append(out["makers"].rows, fact{"id": fmt.Sprint(i + 1), "kind": word(), "n": n()})
	}
	out["things"].rows = append(out["things"].rows, fact{"id": nil, "kind": "a", "n": int64(1), "maker": int64(1), "changed": nil})
	return out
}

func loadTables(t *testing.T, w *world, tables map[string]*table) {
	for _, tb := range tables {
		w.script(t, fmt.Sprintf("CREATE TABLE %s (%s)", tb.name, strings.Join(tb.columns, ", ")))
		var rows []string
		for _, f := range tb.rows {
			var values []string
			for _, c := range tb.columns {
				name, _, _ := strings.Cut(c, " ")
				switch v := f[name].(type) {
				case nil:
					values = append(values, "NULL")
				case int64:
					values = append(values, fmt.Sprint(v))
				case time.Time:
					values = append(values, "'"+v.Format(time.RFC3339)+"'")
				default:
					values = append(values, fmt.Sprintf("'%s'", v))
				}
			}
			rows = append(rows, "("+strings.Join(values, ", ")+")")
		}
		if len(rows) > 0 {
			w.script(t, fmt.Sprintf("INSERT INTO %s VALUES %s", tb.name, strings.Join(rows, ", ")))
		}
	}
}

// TestRowsProperty compares random conditions over rows with a reading of the rules that looks at
// every chain of rows, and follows every relation row by row.
func TestRowsProperty(t *testing.T) { randomRows(t, casetest.DuckDB, casetest.Rounds(1, 3)) }

func randomRows(t *testing.T, open casetest.Open, rounds int) {
	if testing.Short() {
		rounds = 1
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 23))
			in := input(t, rowsModel)
			tables := rowsTables(r, in.AsOf, 50)
			g := rowsGenerator{r: r, generator: generator{r: r, asOf: in.AsOf}}
			for i := range 90 {
				in.Model.Segments = append(in.Model.Segments, models.Segment{Name: fmt.Sprint("g", i), Entity: "x", Where: g.condition()})
			}
			for _, p := range models.Check(in.Model) {
				if p.Code != "models.doubled" && p.Code != "models.between" { // values are random
					t.Fatal(problemText([]diag.Problem{p}))
				}
			}
			w := newWorld(t, open(t))
			loadTables(t, w, tables)
			for name := range tables {
				w.columns(t, &in, name, "SELECT * FROM "+name)
			}
			program, problems := compile.Entity(in)
			if program == nil {
				t.Fatal(problemText(problems))
			}
			w.run(t, program)
			members := map[string][]string{}
			for _, row := range w.rows(t, "SELECT m.segment, p.who FROM weir.x_memberships_b17 m JOIN weir.x_profiles_b17 p USING (profile_id)") {
				members[row[0]] = append(members[row[0]], row[1])
			}
			explained(t, w, in)
			e := rowsEvaluator{tables: tables, asOf: in.AsOf}
			hits := 0
			for _, s := range in.Model.Segments {
				var want []string
				for _, p := range tables["people"].rows {
					if e.holds(p["who"].(string), &s.Where) {
						want = append(want, p["who"].(string))
					}
				}
				got := members[s.Name]
				slices.Sort(got)
				slices.Sort(want)
				if hits += len(want); !slices.Equal(got, want) {
					t.Errorf("%s: got %v, want %v\n%+v", s.Name, got, want, s.Where)
				}
			}
			for i := range 15 {
				if s := &in.Model.Segments[i]; s.Where.Sequence != nil {
					e.told(t, w, in, s)
				}
			}
			if seed == 0 {
				explained(t, w, in)
			}
			if hits < 100 {
				t.Errorf("only %d memberships: nearly nothing was compared", hits)
			}
		})
	}
}

// rowsGenerator makes random conditions over rows.
type rowsGenerator struct {
	generator
	r *rand.Rand
}

// column is a column of a source's rows with the kind of its values.
func (g *rowsGenerator) column(source string) (name, kind string) {
	ways := map[string][]string{
		"acts": {"", "", "things.", "things.makers."}, "visits": {"", "", "things.", "things.makers."},
		"items": {"", "acts.", "acts.things.", "things.", "things.makers."},
	}[source]
	name = pick(g.r, ways...)
	if g.r.IntN(2) == 0 && name != "acts." { // doubled acts differ in kind: nobody says in which
		return name + "kind", "word"
	}
	return name + "n", "n"
}

func (g *rowsGenerator) where(source string, n int) []models.ColumnTest {
	var out []models.ColumnTest
	for range n {
		name, kind := g.column(source)
		if !slices.ContainsFunc(out, func(t models.ColumnTest) bool { return t.Column == name }) {
			out = append(out, models.ColumnTest{Column: name, Test: g.test(kind)})
		}
	}
	return out
}

func (g *rowsGenerator) window() *models.Window {
	if g.r.IntN(2) == 0 {
		return nil
	}
	return &models.Window{Span: models.Span{Last: models.Duration(time.Duration(5+g.r.IntN(3)) * 24 * time.Hour)}}
}

func (g *rowsGenerator) condition() models.Condition {
	source := pick(g.r, "acts", "visits", "items")
	c := models.Condition{Operators: models.Operators{Within: g.window()}}
	switch g.r.IntN(8) {
	case 0:
		c.Every, c.Where = source, g.where(source, 1+g.r.IntN(2))
		if g.r.IntN(2) == 0 {
			c.Where = []models.ColumnTest{{Column: "n", Test: models.Test{Operators: models.Operators{IsNot: &models.Value{Type: models.Integer, Text: "1"}}}}}
		}
	case 1:
		c.Did, c.Where = source, g.where(source, g.r.IntN(2))
		column, kind := g.column(source)
		if g.r.IntN(2) == 0 {
			column, kind = "n", "n"
		}
		if kind == "word" && source == "acts" { // doubled rows differ in it: the first by text has it
			column, kind = "n", "n"
		}
		t := g.test(kind)
		c.Is = &t
		if g.r.IntN(2) == 0 {
			c.First = column
		} else {
			c.Last = column
		}
	case 2:
		c.Did, c.Where = source, g.where(source, g.r.IntN(3))
		c.Sum, _ = g.column(source)
		c.Sum = strings.TrimSuffix(c.Sum, "kind")
		c.Sum = strings.TrimSuffix(c.Sum, "n") + "n"
		t := g.test("n")
		c.Is = &t
	case 3:
		c.Never, c.Where = source, g.where(source, 1)
	default:
		g.sequence(&c)
	}
	return c
}

func (g *rowsGenerator) sequence(c *models.Condition) {
	steps := 2 + g.r.IntN(3)
	sources := pick(g.r, []string{"acts"}, []string{"acts", "visits"}, []string{"acts", "items"}, []string{"visits"})
	c.Same = pick(g.r, nil, nil, []string{"thing"}, []string{"n", "things.maker"})
	for i := range steps {
		s := models.Step{Did: pick(g.r, sources...)}
		s.Where = g.where(s.Did, g.r.IntN(2))
		if i > 0 && g.r.IntN(3) > 0 {
			within := models.Duration(pick(g.r, 0, 12*time.Hour, 24*time.Hour, 36*time.Hour, 72*time.Hour))
			s.Within = &within
		}
		if i == steps-1 && g.r.IntN(3) == 0 {
			within := models.Duration(pick(g.r, 12*time.Hour, 24*time.Hour, 48*time.Hour))
			s.Never, s.Did, s.Within = s.Did, "", &within
		}
		c.Sequence = append(c.Sequence, s)
	}
}

// rowsEvaluator reads the rules for one person at a time.
type rowsEvaluator struct {
	tables map[string]*table
	asOf   time.Time
}

// lead is the row that a row of a table leads to, or nil: of several with one key the latest.
func (e *rowsEvaluator) lead(tb *table, f fact, to string) fact {
	held := f[tb.leads[to]]
	var out fact
	for _, o := range e.tables[to].rows {
		if held == nil || o[e.tables[to].key] == nil || fmt.Sprint(o[e.tables[to].key]) != fmt.Sprint(held) {
			continue
		}
		a, _ := o[e.tables[to].time].(time.Time)
		if b, _ := out[e.tables[to].time].(time.Time); out == nil || a.After(b) {
			out = o
		}
	}
	return out
}

// value is a column of a row, maybe of one that it leads to.
func (e *rowsEvaluator) value(source string, f fact, name string) any {
	first, rest, dotted := strings.Cut(name, ".")
	if f == nil || !dotted {
		return f[name]
	}
	return e.value(first, e.lead(e.tables[source], f, first), rest)
}

// rows are a person's rows of a source, and when they happened, nil for those without a time.
func (e *rowsEvaluator) rows(who, source string) (out []fact, at []*time.Time) {
	tb := e.tables[source]
	for _, f := range tb.rows {
		of, when := f, tb.time
		if source == "items" {
			of, when = e.lead(tb, f, "acts"), "happened"
		}
		if of == nil || of["who"] != who {
			continue
		}
		out = append(out, f)
		if t, ok := of[when].(time.Time); ok {
			at = append(at, &t)
		} else {
			at = append(at, nil)
		}
	}
	return out, at
}

func (e *rowsEvaluator) test(source string, f fact, where []models.ColumnTest) bool {
	for _, w := range where {
		v := e.value(source, f, w.Column)
		if n, ok := v.(int64); ok {
			v = n * 100
		}
		if !passes(v, w.Test) {
			return false
		}
	}
	return true
}

func (e *rowsEvaluator) inWindow(at *time.Time, w *models.Window) bool {
	return w == nil || at != nil && !at.Before(e.asOf.Add(-time.Duration(w.Span.Last))) && at.Before(e.asOf)
}

func (e *rowsEvaluator) holds(who string, c *models.Condition) bool {
	if c.Sequence != nil {
		return e.chained(who, c)
	}
	source := c.Did + c.Never + c.Every
	rows, ats := e.rows(who, source)
	n, sum := 0, int64(0)
	for i, f := range rows {
		if !e.inWindow(ats[i], c.Within) {
			continue
		}
		if e.test(source, f, c.Where) {
			n++
			if v, ok := e.value(source, f, c.Sum).(int64); ok && c.Sum != "" {
				sum += v * 100
			}
		} else if c.Every != "" {
			return false
		}
	}
	switch {
	case c.Never != "":
		return n == 0
	case c.Sum != "":
		return passes(sum, *c.Is)
	case c.First+c.Last != "":
		return passes(e.outermost(source, rows, ats, c), *c.Is)
	}
	return n > 0
}

// outermost is the column of the first or last row.
func (e *rowsEvaluator) outermost(source string, rows []fact, ats []*time.Time, c *models.Condition) any {
	var best *chainRow
	for i, f := range rows {
		if !e.inWindow(ats[i], c.Within) || !e.test(source, f, c.Where) {
			continue
		}
		r := &chainRow{f: f, at: ats[i], key: f[e.tables[source].key], value: e.value(source, f, c.First+c.Last)}
		if best == nil || r.outer(best, c.Last != "") {
			best = r
		}
	}
	if best == nil {
		return nil
	}
	if n, ok := best.value.(int64); ok {
		return n * 100
	}
	return best.value
}

// chainRow is a row with its place in the order of rows.
type chainRow struct {
	f    fact
	at   *time.Time
	rank int
	key  any // int64, string or nil, which comes last

	value any // what is asked of it
}

// outer tells that a row is further out than another, those without a time or key last.
func (r *chainRow) outer(o *chainRow, last bool) bool {
	turn := 1
	if last {
		turn = -1
	}
	if (r.at == nil) != (o.at == nil) {
		return o.at == nil
	}
	if r.at != nil && !r.at.Equal(*o.at) {
		return r.at.Compare(*o.at)*turn < 0
	}
	if (r.key == nil) != (o.key == nil) {
		return o.key == nil
	}
	if n := compareKeys(r.key, o.key); n != 0 {
		return n*turn < 0
	}
	if r.value == nil || o.value == nil {
		return o.value == nil && r.value != nil
	}
	return fmt.Sprint(r.value) < fmt.Sprint(o.value)
}

func compareKeys(a, b any) int {
	if n, ok := a.(int64); ok {
		return cmp.Compare(n, b.(int64))
	}
	s, _ := a.(string)
	t, _ := b.(string)
	return cmp.Compare(s, t)
}

// after tells that a row comes after another.
func (r *chainRow) after(o *chainRow) bool {
	switch {
	case !r.at.Equal(*o.at):
		return r.at.After(*o.at)
	case r.rank != o.rank:
		return r.rank > o.rank
	case (r.key == nil) != (o.key == nil):
		return r.key == nil
	}
	return compareKeys(r.key, o.key) > 0
}

// told holds what an explanation says of how far some people went.
func (e *rowsEvaluator) told(t *testing.T, w *world, in compile.Input, s *models.Segment) {
	t.Helper()
	for _, p := range w.rows(t, "SELECT profile_id, who FROM weir.x_profiles_b17 ORDER BY who")[:6] {
		x, problems := compile.Explain(in, s.Name, compile.Asking{Profile: p[0]})
		if x == nil {
			t.Fatal(problemText(problems))
		}
		column := slices.IndexFunc(x.Tree.Facts, func(f compile.Fact) bool { return f.Name == compile.FactStep })
		if column < 0 {
			t.Fatalf("%s: nothing is told of the steps of %+v", s.Name, s.Where)
		}
		row := w.rows(t, w.render(t, x.Query))[0]
		if got, want := row[x.Tree.Facts[column].Column], fmt.Sprint(e.reached(p[1], &s.Where)); got != want {
			t.Errorf("%s: %s reached %s steps, want %s\n%+v", s.Name, p[1], got, want, s.Where)
		}
	}
}

// chained tells that some chain has all steps.
func (e *rowsEvaluator) chained(who string, c *models.Condition) bool {
	return e.reached(who, c) == len(c.Sequence)
}

// reached looks at every chain of rows, and says how many steps the longest has.
func (e *rowsEvaluator) reached(who string, c *models.Condition) int {
	var ranks []string
	for i := range c.Sequence {
		if s := c.Sequence[i].Source(); !slices.Contains(ranks, s) {
			ranks = append(ranks, s)
		}
	}
	steps := make([][]*chainRow, len(c.Sequence))
	for i := range c.Sequence {
		step := &c.Sequence[i]
		rows, ats := e.rows(who, step.Source())
		for j, f := range rows {
			if ats[j] == nil || !ats[j].Before(e.asOf) || step.Did != "" && !e.inWindow(ats[j], c.Within) || !e.test(step.Source(), f, step.Where) {
				continue
			}
			steps[i] = append(steps[i], &chainRow{f: f, at: ats[j], rank: slices.Index(ranks, step.Source()), key: f[e.tables[step.Source()].key]})
		}
	}
	same := func(a, b *chainRow) bool {
		return !slices.ContainsFunc(c.Same, func(name string) bool {
			v, w := e.value(ranks[a.rank], a.f, name), e.value(ranks[b.rank], b.f, name)
			return v == nil || w == nil || fmt.Sprint(v) != fmt.Sprint(w)
		})
	}
	most := 0
	var from func(k int, last *chainRow)
	from = func(k int, last *chainRow) {
		most = max(most, k)
		if k == len(steps) {
			return
		}
		step := &c.Sequence[k]
		follows := func(r *chainRow) bool {
			return last == nil && same(r, r) || last != nil && same(last, r) && r.after(last) && (step.Within == nil || r.at.Sub(*last.at) <= time.Duration(*step.Within))
		}
		if step.Never != "" {
			if !last.at.Add(time.Duration(*step.Within)).After(e.asOf) && !slices.ContainsFunc(steps[k], follows) {
				most = len(steps)
			}
			return
		}
		for _, r := range steps[k] {
			if follows(r) {
				from(k+1, r)
			}
		}
	}
	from(0, nil)
	return most
}
