package models

import (
	"fmt"
)

// everyCondition checks that every row of a source passes something.
func (c *checker) everyCondition(e *Entity, w *Condition, at string, only func(...string)) {
	only("where", "within", "between")
	s := c.rowSource(e, at+".every", w.Every)
	if len(w.Where) == 0 {
		c.failKey(at+".every", "models.no_where", fmt.Sprintf("add where:, such as where: {status: paid}; or write did: %s", w.Every), "nothing says what every row of %s must pass", w.Every)
	}
	timed := c.rowWindow(at, w.Within, w.Between)
	if s != nil {
		c.rows(e, at, s, w.Where, timed, false)
	}
}

// Source is the source that the step looks at.
func (s *Step) Source() string { return or(s.Did, s.Never) }

// sequenceCondition checks rows that follow each other.
func (c *checker) sequenceCondition(e *Entity, w *Condition, at string, only func(...string)) {
	only("same", "within", "between")
	c.rowWindow(at, w.Within, w.Between)
	steps := at + ".sequence"
	switch len(w.Sequence) {
	case 0:
		c.failKey(steps, "models.empty_list", "write at least two steps: [{did: carts}, {did: orders, within: 3d}]", "sequence has no step in it")
	case 1:
		fix := "add what follows"
		if s := w.Sequence[0].Did; s != "" {
			fix = "add what follows, or write did: " + s
		}
		c.fail(item(steps, 0), "models.one_step", fix, "a sequence has at least two steps, not one")
	}
	c.doubles(at+".same", w.Same)
	timeless := map[string]bool{}
	for i := range w.Sequence {
		step, p := &w.Sequence[i], item(steps, i)
		c.step(w, i, p)
		key := "did"
		if step.Did == "" {
			key = "never"
		}
		if step.Source() == "" {
			continue
		}
		s := c.rowSource(e, p+"."+key, step.Source())
		if s == nil {
			continue
		}
		if !timeless[s.Name] && !c.happens(e, s) {
			timeless[s.Name] = true
			c.fail(p+"."+key, "models.no_time", fmt.Sprintf("add time: to the source %s", s.Name),
				"the rows of a sequence are put in order by the time of an event, and source %s has none", s.Name)
		}
		for j := range step.Where {
			test := p + ".where." + step.Where[j].Column
			c.rowColumn(test, true, s, step.Where[j].Column)
			c.test(test, &step.Where[j].Test, Unknown)
		}
		for j, column := range w.Same {
			c.rowColumn(item(at+".same", j), false, s, column)
		}
	}
}

// step checks the i-th step of a sequence by itself.
func (c *checker) step(w *Condition, i int, p string) {
	step, last := &w.Sequence[i], i == len(w.Sequence)-1
	switch {
	case step.Did != "" && step.Never != "":
		c.failKey(p+".never", "models.too_many", "keep one of them, or make two steps of it", "a step has did or never, not both")
	case step.Did == "" && step.Never == "":
		c.fail(p, "models.no_step", "add did: with a source", "this step says not what happens")
	case step.Never != "" && !last:
		c.failKey(p+".never", "models.never_last", "move it to the end; what must not lie between two steps cannot be said", "never is only for the last step of a sequence")
	case step.Never != "" && step.Within == nil:
		c.failKey(p+".never", "models.no_within", "add within: 3d", "nothing says how long after the step before there must be no row of %s", step.Never)
	}
	if step.Within == nil {
		return
	}
	if i == 0 {
		c.failKey(p+".within", "models.not_beside", "take it out; to bound the whole sequence write within: beside sequence:", "there is no step before the first")
		return
	}
	if w.Within == nil || w.Within.Span.Last == 0 {
		return
	}
	whole := w.Within.Span.Last
	switch {
	case step.Never != "" && *step.Within >= whole:
		c.fail(p+".within", "models.window", fmt.Sprintf("make the within of the sequence longer than %s", *step.Within),
			"the sequence lies in the last %s, and that is not long enough for %s without a row of %s", whole, *step.Within, step.Never)
	case *step.Within > whole:
		c.fail(p+".within", "models.window", fmt.Sprintf("make it shorter, or the within of the sequence at least %s", *step.Within),
			"a step takes up to %s, and the whole sequence lies in the last %s", *step.Within, whole)
	}
}

// sequence checks the columns of a sequence, and that those in which its rows are to agree can.
func (c *columnChecker) sequence(w *Condition, at string) {
	types := make([]Type, len(w.Same))
	told := make([]bool, len(w.Same))
	seen := map[string]bool{}
	for i := range w.Sequence {
		step := &w.Sequence[i]
		c.where(item(at+".sequence", i), step.Source(), step.Where)
		if seen[step.Source()] {
			continue
		}
		seen[step.Source()] = true
		for j, column := range w.Same {
			p := item(at+".same", j)
			t, ok := c.rowColumn(p, false, step.Source(), column)
			if !ok || t == Unknown {
				continue
			}
			if types[j] != Unknown && !agree(types[j], t) && !told[j] {
				told[j] = true
				c.fail(p, "models.column_type", "cast one of them in a query: sql: in place of the source's table:",
					"%s is %s in one source and %s in %s: they never agree", column, named(types[j]), named(t), step.Source())
			}
			types[j] = t
		}
	}
}

// agree reports whether values of two types can be the same: numbers and numbers, times and
// times, and text and whatever it writes out.
func agree(a, b Type) bool {
	return join(a, b) != Unknown || a == Text && b != Boolean || b == Text && a != Boolean
}
