package compile_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// hitsModel has people who are known by several identifiers, so that their rows are counted over
// more than one.
const hitsModel = `
sources:
  people: {table: people, key: id, updated_at: changed, identifiers: {n: who}}
  links: {table: links, key: id, updated_at: changed, identifiers: {n: who, d: device}}
  acts: {table: acts, key: id, time: happened, identifiers: {n: who, d: device}}
entities:
  x:
    identity: {identifiers: {n: {limit: 1}, d: {}}, from: [people, links, acts]}
    traits:
      who: {from: people.who}
      n: {from: people.n}
`

// TestManyConditions compares conditions on the number of rows that become bits of several masks
// with a reading of the rules, row by row.
func TestManyConditions(t *testing.T) { manyConditions(t, casetest.DuckDB, casetest.Rounds(1, 3)) }

func manyConditions(t *testing.T, open casetest.Open, rounds int) {
	if testing.Short() {
		rounds = 1
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 19))
			in := input(t, hitsModel)
			people := randomPeople(r, in.AsOf, 50)
			for i := range people {
				for range r.IntN(12) {
					people[i].acts = append(people[i].acts, randomPeople(r, in.AsOf, 4)[3].acts...)
				}
			}
			g := generator{r: r, asOf: in.AsOf}
			for i := range 160 {
				w := models.Condition{All: []models.Condition{{Any: []models.Condition{g.often(), g.often()}}, {Not: &models.Condition{Trait: "n", Operators: models.Operators{IsNot: &models.Value{Type: models.Integer, Text: "0"}}}}}}
				if r.IntN(2) == 0 {
					w = g.often()
				}
				in.Model.Segments = append(in.Model.Segments, models.Segment{Name: fmt.Sprint("g", i), Entity: "x", Where: w})
			}
			w := newWorld(t, open(t))
			load(t, w, people)
			w.script(t, `CREATE TABLE links AS SELECT id * 2 + d AS id, who, who || '-' || d AS device, changed FROM people CROSS JOIN (VALUES (0), (1)) AS v(d);
ALTER TABLE acts ADD COLUMN device varchar;
UPDATE acts SET device = who || '-' || (id % 2) WHERE id % 5 > 0;
UPDATE acts SET who = NULL WHERE id % 5 > 1`)
			for _, s := range []string{"people", "links", "acts"} {
				w.columns(t, &in, s, "SELECT * FROM "+s)
			}
			program, problems := compile.Entity(in)
			if program == nil {
				t.Fatal(problemText(problems))
			}
			if n := masks(program, "acts"); n < 3 {
				t.Fatalf("the conditions are in %d masks", n)
			}
			w.run(t, program)
			members := map[string][]string{}
			for _, row := range w.rows(t, "SELECT m.segment, p.who FROM weir.x_memberships_b17 m JOIN weir.x_profiles_b17 p USING (profile_id)") {
				members[row[0]] = append(members[row[0]], row[1])
			}
			e := evaluator{m: in.Model, asOf: in.AsOf}
			for _, s := range in.Model.Segments {
				var want []string
				for i := range people {
					if e.holds(&people[i], &s.Where) {
						want = append(want, people[i].who)
					}
				}
				got := members[s.Name]
				sort.Strings(got)
				sort.Strings(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s: got %v, want %v\n%+v", s.Name, got, want, s.Where)
				}
			}
		})
	}
}

// masks is how many masks the conditions on the rows of a source are in; 0 if they are in none.
func masks(p *compile.Program, source string) int {
	for _, s := range p.Steps {
		if s.Name == "hits: "+source {
			return len(s.Do[0].(rel.CreateTable).As.(rel.Select).Columns) - 1
		}
	}
	return 0
}

// often is a condition on how many rows of one or two kinds there are.
func (g *generator) often() models.Condition {
	kind := models.Test{Is: &models.Value{Type: models.Text, Text: pick(g.r, words...)}}
	if g.r.IntN(4) == 0 {
		kind = models.Test{Operators: models.Operators{In: []models.Value{*kind.Is, {Type: models.Text, Text: pick(g.r, words...)}}}}
	}
	c := models.Condition{Did: "acts", Where: []models.ColumnTest{{Column: "kind", Test: kind}}}
	if g.r.IntN(3) == 0 {
		c.Where = append(c.Where, models.ColumnTest{Column: "amount", Test: g.test("num")})
	}
	if g.r.IntN(8) == 0 {
		c.Where = append(c.Where, models.ColumnTest{Column: "happened", Test: g.test("at")})
	}
	if g.r.IntN(4) > 0 {
		c.Within = &models.Window{Span: models.Span{Last: models.Duration(time.Duration(1+g.r.IntN(4)) * 24 * time.Hour)}}
	}
	n := g.r.IntN(6)
	more := n + g.r.IntN(4)
	switch g.r.IntN(9) {
	case 0:
		c.Did, c.Never = "", "acts"
	case 1:
		c.Times = &models.CountTest{Is: &n}
	case 2:
		c.Times = &models.CountTest{AtLeast: &n}
	case 3:
		c.Times = &models.CountTest{AtMost: &n}
	case 4:
		c.Times = &models.CountTest{MoreThan: &n}
	case 5:
		c.Times = &models.CountTest{LessThan: &n}
	case 6:
		c.Times = &models.CountTest{AtLeast: &n, AtMost: &more}
	}
	return c
}
