package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// sequence is a leaf that is true if a profile has rows that follow each other: one for each step,
// every one after the one before and, where the step has a window, no later than that.
//
// A row comes after another if its time is later; of rows of one time, those of a source that the
// steps name first come before those of others, and those of one source are in the order of their
// keys. Rows of one time with one key are one row, however often they came. One row is never two
// steps. Rows without a time, from the run on, or outside the window of the sequence are not
// looked at.
//
// What must not follow is looked for beyond the window of the sequence; it is certain once its own
// has closed, which is at its end or before the run.
func (c *conditions) sequence(path string, w *models.Condition) rel.Expr {
	g, problems := c.scans.sequences(path, w)
	if len(problems) > 0 {
		return c.fail(problems...)
	}
	var q chain
	for i := range w.Sequence {
		step, at := &w.Sequence[i], fmt.Sprintf("%s.sequence[%d]", path, i)
		row, found := g.step(at, path, w, step)
		problems = append(problems, found...)
		q.rows = append(q.rows, row)
		within := int64(-1)
		if step.Within != nil && i > 0 {
			within = int64(*step.Within / second)
		}
		q.within = append(q.within, within)
		q.never = step.Never != ""
	}
	if len(problems) > 0 {
		return c.fail(problems...)
	}
	n := g.ask(q)
	answer := func(what string) rel.Expr {
		name := fmt.Sprintf("%s%d", what, n)
		g.scan.asked(name, c.scans.asker)
		return c.scans.column(g.scan.alias, name)
	}
	if c.told != nil {
		g.chains[n].told = true
		c.tell(path, FactStep, rel.F(rel.Coalesce, answer("n"), rel.I(0)), models.Integer)
		c.tell(path, FactAt, answer("at"), models.Timestamp)
	}
	return answer("v")
}

// second is the unit of windows, in durations.
const second = 1_000_000_000

// sequences is one reading of the rows of several sources for all sequences that name these
// sources in this order and whose rows agree in the same columns.
type sequences struct {
	in      Input
	scan    *scan
	sources []sequenceSource
	same    []string      // the columns as they are written
	types   []models.Type // that they are compared as
	key     models.Type   // of all keys, or Unknown if they differ
	chains  []chain
}

// sequenceSource is a source of sequences, with the rows of it that are steps.
type sequenceSource struct {
	*models.Source
	rows *rows
	at   rel.Expr // the time
	same []rel.Expr
	key  rel.Expr // nil without one
	typ  models.Type
	// steps are the tests of rows that some step looks for, nil for all rows.
	steps []rel.Expr
}

// chain is one sequence.
type chain struct {
	rows   []stepRow // what a row must be for each step
	within []int64   // seconds from the step before; -1 for any time
	never  bool      // the last step must not be
	told   bool      // somebody asks how far it went
}

// stepRow is a test of rows, by the numbers of its source and of the test.
type stepRow struct{ source, step int }

// sequences finds the reading for a sequence, or makes it.
func (s *scans) sequences(path string, w *models.Condition) (*sequences, []diag.Problem) {
	var names []string
	for i := range w.Sequence {
		if name := w.Sequence[i].Source(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	shape := "sequence of " + strings.Join(names, ", ")
	if len(w.Same) > 0 {
		shape += " by " + strings.Join(w.Same, ", ")
	}
	if sc := s.byName[shape]; sc != nil {
		return sc.sequences, nil
	}
	g := &sequences{in: s.in, same: w.Same}
	var problems []diag.Problem
	for _, name := range names {
		src, found := g.source(path, name)
		problems = append(problems, found...)
		g.sources = append(g.sources, src)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	g.agree()
	g.scan = s.add(&scan{title: shape, sequences: g})
	s.byName[shape] = g.scan
	return g, nil
}

// source is how the rows of a source are read.
func (g *sequences) source(path, name string) (sequenceSource, []diag.Problem) {
	s := sequenceSource{Source: g.in.Model.Source(name)}
	if s.Source == nil {
		return s, []diag.Problem{unknownSource(g.in, path, name)}
	}
	var problems []diag.Problem
	note := func(p *diag.Problem, at string) bool {
		if p != nil {
			if p.Path == "" {
				p.Path = at
			}
			problems = append(problems, *p)
		}
		return p == nil
	}
	var p *diag.Problem
	s.rows, p = rowsOf(g.in, s.Source)
	note(p, path)
	if s.at, p = rowTime(g.in, s.Source); note(p, path) && s.at == nil {
		note(&diag.Problem{Path: path, Code: "models.no_time",
			What: fmt.Sprintf("source %s has no time, so its rows follow nothing", name),
			Fix:  fmt.Sprintf("give the source %s a time: column", name)}, path)
	}
	if s.Key != "" {
		s.key, s.typ, p = keyOf(g.in, s.Source)
		note(p, models.Path("sources", name, "key"))
	}
	for i, column := range g.same {
		e, typ, p := columnExpr(g.in, s.Source, column)
		if note(p, fmt.Sprintf("%s.same[%d]", path, i)) {
			s.same = append(s.same, e)
			if len(g.types) <= i {
				g.types = append(g.types, typ)
			} else if g.types[i] != typ {
				g.types[i] = models.Text
			}
		}
	}
	return s, problems
}

// agree brings columns in which rows agree to one type, and keys, if there is one for all.
func (g *sequences) agree() {
	g.key = g.sources[0].typ
	for i := range g.sources {
		s := &g.sources[i]
		if s.typ != g.key {
			g.key = models.Unknown
		}
		for j, e := range s.same {
			_, typ, _ := columnExpr(g.in, s.Source, g.same[j])
			if g.types[j] == models.Text || g.types[j] == models.Unknown {
				g.types[j] = models.Text
				s.same[j] = rel.Cast{Expr: e, Type: models.Text, From: typ}
			}
		}
	}
}

// step finds the test of rows that a step looks for, or adds it.
func (g *sequences) step(at, path string, w *models.Condition, step *models.Step) (stepRow, []diag.Problem) {
	n := slices.IndexFunc(g.sources, func(s sequenceSource) bool { return s.Name == step.Source() })
	s := &g.sources[n]
	test, problems := rowFilter(g.in, s.Source, at, step.Where, nil, nil)
	if step.Did != "" {
		window, more := rowFilter(g.in, s.Source, path, nil, w.Within, w.Between)
		problems = append(problems, more...)
		if window != nil {
			test = and(slices.DeleteFunc([]rel.Expr{test, window}, func(e rel.Expr) bool { return e == nil }))
		}
	}
	canon := fmt.Sprintf("%#v", test)
	i := slices.IndexFunc(s.steps, func(e rel.Expr) bool { return fmt.Sprintf("%#v", e) == canon })
	if i < 0 {
		i = len(s.steps)
		s.steps = append(s.steps, test)
	}
	return stepRow{n, i}, problems
}

// ask adds a sequence, and returns its number. Equal ones are one.
func (g *sequences) ask(q chain) int {
	for i := range g.chains {
		c := &g.chains[i]
		if slices.Equal(c.rows, q.rows) && slices.Equal(c.within, q.within) && c.never == q.never {
			return i
		}
	}
	g.chains = append(g.chains, q)
	return len(g.chains) - 1
}

// names lists the columns with the answers.
func (g *sequences) names() []string {
	var out []string
	for i, c := range g.chains {
		out = append(out, fmt.Sprintf("v%d", i))
		if c.told {
			out = append(out, fmt.Sprintf("n%d", i), fmt.Sprintf("at%d", i))
		}
	}
	return out
}
