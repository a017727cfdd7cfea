package compile_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/models"
)

// person and act are the rows of the property test; nil is absent.
type person struct {
	who  string
	word *string
	n    *int64 // whole number
	num  *int64 // hundredths
	yes  *bool
	at   *time.Time
	acts []act
}

type act struct {
	kind   *string
	amount *int64 // hundredths
	at     *time.Time
}

const propertyModel = `
sources:
  people: {table: people, key: id, updated_at: changed, identifiers: {n: who}}
  acts: {table: acts, key: id, time: happened, identifiers: {n: who}}
entities:
  x:
    identity: {identifiers: {n: {limit: 1}}, from: [people, acts]}
    traits:
      who: {from: people.who}
      word: {from: people.word}
      n: {from: people.n}
      num: {from: people.num}
      yes: {from: people.yes}
      at: {from: people.seen}
`

// TestProperty compares random segments over random people with a reading of the rules, row by
// row.
func TestProperty(t *testing.T) { randomSegments(t, casetest.DuckDB, casetest.Rounds(3, 6)) }

func randomSegments(t *testing.T, open casetest.Open, rounds int) {
	if testing.Short() {
		rounds = 1
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 17))
			in := input(t, propertyModel)
			people := randomPeople(r, in.AsOf, 60)
			g := generator{r: r, asOf: in.AsOf}
			for i := range 80 {
				w := g.condition(3)
				s := models.Segment{Name: fmt.Sprint("g", i), Entity: "x", Where: w}
				if i%9 == 8 {
					s.Where, s.Priority = models.Condition{}, somePriority(r, g.segments)
				}
				in.Model.Segments = append(in.Model.Segments, s)
				g.segments = append(g.segments, fmt.Sprint("g", i))
			}
			w := newWorld(t, open(t))
			load(t, w, people)
			for _, s := range []string{"people", "acts"} {
				w.columns(t, &in, s, "SELECT * FROM "+s)
			}
			program, problems := compile.Entity(in)
			if program == nil {
				t.Fatal(problemText(problems))
			}
			stats := w.run(t, program)
			members := map[string][]string{}
			for _, row := range w.rows(t, "SELECT m.segment, p.who FROM weir.x_memberships_b17 m JOIN weir.x_profiles_b17 p USING (profile_id)") {
				members[row[0]] = append(members[row[0]], row[1])
			}
			explained(t, w, in)
			e := evaluator{m: in.Model, asOf: in.AsOf}
			firstFits(t, w, in.Model, func(who string, s *models.Segment) bool {
				i := slices.IndexFunc(people, func(p person) bool { return p.who == who })
				return e.holds(&people[i], s.Rule())
			})
			for _, s := range in.Model.Segments {
				var want []string
				for i := range people {
					if e.holds(&people[i], s.Rule()) {
						want = append(want, people[i].who)
					}
				}
				got := members[s.Name]
				sort.Strings(got)
				sort.Strings(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s: got %v, want %v\n%+v", s.Name, got, want, s.Where)
				}
				if n := strconv.Itoa(len(want)); stats["segment."+s.Name] != n {
					t.Errorf("%s has %s members by its number, want %s", s.Name, stats["segment."+s.Name], n)
				}
			}
		})
	}
}

func maybe[T any](r *rand.Rand, f func() T) *T {
	if r.IntN(4) == 0 {
		return nil
	}
	v := f()
	return &v
}

var words = []string{"", "a", "A", "ab", "Äb", "b a", "B'", "%"}

func randomPeople(r *rand.Rand, asOf time.Time, n int) []person {
	word := func() string { return words[r.IntN(len(words))] }
	amount := func() int64 { return int64(r.IntN(7)-2) * 50 }
	at := func() time.Time { return asOf.Add(time.Duration(r.IntN(7)-4) * 24 * time.Hour) }
	var out []person
	for i := range n {
		p := person{who: fmt.Sprint("w", i), word: maybe(r, word), n: maybe(r, func() int64 { return int64(r.IntN(5) - 2) }),
			num: maybe(r, amount), yes: maybe(r, func() bool { return r.IntN(2) == 0 }), at: maybe(r, at)}
		for range r.IntN(4) {
			p.acts = append(p.acts, act{kind: maybe(r, word), amount: maybe(r, amount), at: maybe(r, at)})
		}
		out = append(out, p)
	}
	return out
}

func load(t *testing.T, w *world, people []person) {
	text := func(s *string) string {
		if s == nil {
			return "NULL"
		}
		return "'" + strings.ReplaceAll(*s, "'", "''") + "'"
	}
	whole := func(n *int64) string {
		if n == nil {
			return "NULL"
		}
		return fmt.Sprint(*n)
	}
	cents := func(n *int64) string {
		if n == nil {
			return "NULL"
		}
		return fmt.Sprintf("%d / 100.0", *n)
	}
	at := func(v *time.Time) string {
		if v == nil {
			return "NULL"
		}
		return "'" + v.Format(time.RFC3339) + "'"
	}
	flag := func(b *bool) string {
		if b == nil {
			return "NULL"
		}
		return fmt.Sprint(*b)
	}
	var ps, as []string
	for i, p := range people {
		ps = append(ps, fmt.Sprintf("(%d, '%s', %s, %s, %s, %s, %s, NULL)", i, p.who, text(p.word), whole(p.n), cents(p.num), flag(p.yes), at(p.at)))
		for _, a := range p.acts {
			as = append(as, fmt.Sprintf("(%d, '%s', %s, %s, %s)", len(as), p.who, text(a.kind), cents(a.amount), at(a.at)))
		}
	}
	w.script(t, "CREATE TABLE people (id integer, who varchar, word varchar, n bigint, num decimal(12,2), yes boolean, seen timestamptz, changed timestamptz);\n"+
		"CREATE TABLE acts (id integer, who varchar, kind varchar, amount decimal(12,2), happened timestamptz);\n"+
		"INSERT INTO people VALUES "+strings.Join(ps, ", ")+";\nINSERT INTO acts VALUES "+strings.Join(as, ", "))
}

// generator makes random conditions that pass the checks.
type generator struct {
	r        *rand.Rand
	asOf     time.Time
	segments []string
}

func pick[T any](r *rand.Rand, xs ...T) T { return xs[r.IntN(len(xs))] }

func (g *generator) condition(depth int) models.Condition {
	if depth > 0 && g.r.IntN(2) == 0 {
		list := []models.Condition{g.condition(depth - 1), g.condition(depth - 1)}
		switch g.r.IntN(3) {
		case 0:
			return models.Condition{All: list}
		case 1:
			return models.Condition{Any: list}
		}
		return models.Condition{Not: &list[0]}
	}
	switch n := g.r.IntN(5); {
	case n == 0 && len(g.segments) > 0:
		return models.Condition{Segment: pick(g.r, g.segments...)}
	case n <= 2:
		name := pick(g.r, "word", "n", "num", "yes", "at")
		test := g.test(name)
		c := models.Condition{Trait: name, Operators: test.Operators}
		if test.Is != nil {
			c.Is = &models.Test{Is: test.Is}
		}
		return c
	default:
		return g.did()
	}
}

func (g *generator) did() models.Condition {
	var c models.Condition
	for _, column := range []string{"kind", "amount", "happened"} {
		if g.r.IntN(3) == 0 {
			c.Where = append(c.Where, models.ColumnTest{Column: column, Test: g.test(map[string]string{"kind": "word", "amount": "num", "happened": "at"}[column])})
		}
	}
	if g.r.IntN(2) == 0 {
		c.Within = &models.Window{Span: models.Span{Last: models.Duration(time.Duration(1+g.r.IntN(4)) * 24 * time.Hour)}}
	}
	n := g.r.IntN(4)
	switch g.r.IntN(6) {
	case 0:
		c.Never = "acts"
		return c
	case 1:
		c.Times = pick(g.r, &models.CountTest{Is: &n}, &models.CountTest{AtLeast: &n}, &models.CountTest{AtMost: &n}, &models.CountTest{MoreThan: &n})
	case 2:
		c.Sum = "amount"
	case 3:
		c.Max = pick(g.r, "amount", "happened")
	case 4:
		c.CountDistinct = "kind"
	}
	c.Did = "acts"
	switch {
	case c.Sum != "", c.CountDistinct != "", c.Max == "amount":
		t := g.test("num")
		c.Is = &t
	case c.Max == "happened":
		t := g.test("at")
		c.Is = &t
	}
	return c
}

// value is a value to compare a column of a kind with.
func (g *generator) value(kind string) models.Value {
	switch kind {
	case "word":
		return models.Value{Type: models.Text, Text: pick(g.r, words...)}
	case "n":
		return models.Value{Type: models.Integer, Text: fmt.Sprint(g.r.IntN(5) - 2)}
	case "num":
		if n := g.r.IntN(5) - 2; n%2 == 0 {
			return models.Value{Type: models.Integer, Text: fmt.Sprint(n / 2)}
		} else {
			return models.Value{Type: models.Number, Text: strconv.FormatFloat(float64(n)/2, 'f', 2, 64)}
		}
	case "yes":
		return models.Value{Type: models.Boolean, Text: fmt.Sprint(g.r.IntN(2) == 0)}
	}
	at := g.asOf.Add(time.Duration(g.r.IntN(7)-4) * 24 * time.Hour)
	if g.r.IntN(2) == 0 {
		return models.Value{Type: models.Date, Text: at.Format(time.DateOnly)}
	}
	return models.Value{Type: models.Timestamp, Text: at.Format(time.RFC3339)}
}

func (g *generator) test(kind string) models.Test {
	v, u := g.value(kind), g.value(kind)
	var t models.Test
	ops := []string{"is", "is_not", "in", "not_in", "exists"}
	switch kind {
	case "word":
		ops = append(ops, "contains", "not_contains", "starts_with", "ends_with")
	case "n", "num", "at":
		ops = append(ops, "at_least", "at_most", "more_than", "less_than", "between")
	}
	switch pick(g.r, ops...) {
	case "is":
		t.Is = &v
	case "is_not":
		t.IsNot = &v
	case "in":
		t.In = []models.Value{v, u}
	case "not_in":
		t.NotIn = []models.Value{v, u}
	case "exists":
		yes := g.r.IntN(2) == 0
		t.Exists = &yes
	case "contains":
		t.Contains = &v
	case "not_contains":
		t.NotContains = &v
	case "starts_with":
		t.StartsWith = &v
	case "ends_with":
		t.EndsWith = &v
	case "at_least":
		t.AtLeast = &v
	case "at_most":
		t.AtMost = &v
	case "more_than":
		t.MoreThan = &v
	case "less_than":
		t.LessThan = &v
	case "between":
		t.Between = []models.Value{v, u}
	}
	return t
}

// evaluator reads the rules for one person at a time. A value is nil, a string, a bool, an int64
// of hundredths or microseconds.
type evaluator struct {
	m    *models.Model
	asOf time.Time
}

func (e *evaluator) holds(p *person, w *models.Condition) bool {
	switch {
	case w.All != nil:
		for i := range w.All {
			if !e.holds(p, &w.All[i]) {
				return false
			}
		}
		return true
	case w.Any != nil:
		for i := range w.Any {
			if e.holds(p, &w.Any[i]) {
				return true
			}
		}
		return false
	case w.Not != nil:
		return !e.holds(p, w.Not)
	case w.Segment != "":
		return e.holds(p, e.m.Segment(w.Segment).Rule())
	case w.Trait != "":
		t := models.Test{Operators: w.Operators}
		if w.Is != nil {
			t = *w.Is
		}
		return passes(map[string]any{"word": opt(p.word), "n": hundred(p.n), "num": opt(p.num), "yes": opt(p.yes), "at": micros(p.at)}[w.Trait], t)
	}
	var rows []act
	for _, a := range p.acts {
		if e.counts(a, w) {
			rows = append(rows, a)
		}
	}
	switch {
	case w.Never != "":
		return len(rows) == 0
	case w.Times != nil:
		n := len(rows)
		t := w.Times
		return (t.Is == nil || n == *t.Is) && (t.AtLeast == nil || n >= *t.AtLeast) && (t.AtMost == nil || n <= *t.AtMost) && (t.MoreThan == nil || n > *t.MoreThan) && (t.LessThan == nil || n < *t.LessThan)
	case w.Sum != "":
		var sum int64
		for _, a := range rows {
			if a.amount != nil {
				sum += *a.amount
			}
		}
		return passes(sum, *w.Is)
	case w.CountDistinct != "":
		kinds := map[string]bool{}
		for _, a := range rows {
			if a.kind != nil {
				kinds[*a.kind] = true
			}
		}
		return passes(int64(len(kinds))*100, *w.Is)
	case w.Max != "":
		var most any
		for _, a := range rows {
			v := opt(a.amount)
			if w.Max == "happened" {
				v = micros(a.at)
			}
			if v != nil && (most == nil || v.(int64) > most.(int64)) {
				most = v
			}
		}
		return passes(most, *w.Is)
	}
	return len(rows) > 0
}

func (e *evaluator) counts(a act, w *models.Condition) bool {
	if w.Within != nil && (a.at == nil || a.at.Before(e.asOf.Add(-time.Duration(w.Within.Span.Last))) || !a.at.Before(e.asOf)) {
		return false
	}
	for _, c := range w.Where {
		if !passes(map[string]any{"kind": opt(a.kind), "amount": opt(a.amount), "happened": micros(a.at)}[c.Column], c.Test) {
			return false
		}
	}
	return true
}

func opt[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func hundred(p *int64) any {
	if p == nil {
		return nil
	}
	return *p * 100
}

func micros(p *time.Time) any {
	if p == nil {
		return nil
	}
	return p.UnixMicro()
}

// passes is a test on one value.
func passes(v any, t models.Test) bool {
	timed := false
	conv := func(x models.Value) any {
		switch x.Type {
		case models.Text:
			return x.Text
		case models.Boolean:
			return x.Text == "true"
		case models.Integer, models.Number:
			f, _ := strconv.ParseFloat(x.Text, 64)
			return int64(f * 100)
		}
		timed = true
		layout := time.RFC3339
		if x.Type == models.Date {
			layout = time.DateOnly
		}
		at, _ := time.Parse(layout, x.Text)
		return at.UnixMicro()
	}
	in := func(list []models.Value) bool {
		return v != nil && slices.ContainsFunc(list, func(x models.Value) bool { return conv(x) == v })
	}
	order := func(x models.Value) int {
		a, b := v.(int64), conv(x).(int64)
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	}
	fold := func(x *models.Value, f func(a, b string) bool) bool {
		return v != nil && f(strings.ToLower(v.(string)), strings.ToLower(x.Text))
	}
	switch {
	case t.Is != nil:
		return v != nil && v == conv(*t.Is)
	case t.IsNot != nil:
		return v == nil || v != conv(*t.IsNot)
	case t.In != nil:
		return in(t.In)
	case t.NotIn != nil:
		return !in(t.NotIn)
	case t.Exists != nil:
		return (v != nil) == *t.Exists
	case t.Contains != nil:
		return fold(t.Contains, strings.Contains)
	case t.NotContains != nil:
		return !fold(t.NotContains, strings.Contains)
	case t.StartsWith != nil:
		return fold(t.StartsWith, strings.HasPrefix)
	case t.EndsWith != nil:
		return fold(t.EndsWith, strings.HasSuffix)
	case v == nil:
		return false
	case t.AtLeast != nil:
		return order(*t.AtLeast) >= 0
	case t.AtMost != nil:
		return order(*t.AtMost) <= 0
	case t.MoreThan != nil:
		return order(*t.MoreThan) > 0
	case t.LessThan != nil:
		return order(*t.LessThan) < 0
	}
	from, to := order(t.Between[0]), order(t.Between[1])
	return from >= 0 && (to < 0 || to == 0 && !timed)
}
