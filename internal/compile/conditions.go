package compile

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// conditions compiles conditions of one entity into predicates on its profiles. What is asked of
// sources goes into scans, where equal leaves meet, over all conditions that share them.
type conditions struct {
	in       Input
	entity   *models.Entity
	scans    *scans
	problems []diag.Problem
	// trait and segment say where a predicate finds what it needs of a profile.
	trait   func(name string) rel.Expr
	segment func(name string) rel.Expr
	told    func(fact) // of whoever explains; nil for nobody
	// inline says that predicates stand outside of the program that makes the build. Otherwise raw
	// computes an expression that names traits as the user does.
	inline bool
	raw    func(rel.Expr) rel.Expr
	ranks  bool  // a predicate has a window in it, over the layer's rows
	hits   *hits // answers conditions on the number of rows; nil where they are asked one by one
}

// predicate is true exactly for the profiles for which the condition is true; for others it is
// false or NULL. Leaves have two values, so `not` is the complement.
func (c *conditions) predicate(path string, w *models.Condition) rel.Expr {
	switch {
	case w.All != nil:
		return c.list(path+".all", w.All, rel.And)
	case w.Any != nil:
		return c.list(path+".any", w.Any, rel.Or)
	case w.Not != nil:
		return rel.F(rel.Not, rel.F(rel.IsTrue, c.predicate(path+".not", w.Not)))
	case w.Trait != "":
		return c.traitTest(path, w)
	case w.Segment != "":
		if s := c.in.Model.Segment(w.Segment); s == nil || s.Entity != c.entity.Name {
			return c.fail(diag.Problem{Path: path + ".segment", Code: "models.unknown_segment",
				What: fmt.Sprintf("%s has no segment %q", c.entity.Name, w.Segment),
				Fix:  diag.DidYouMean(w.Segment, c.in.Model.SegmentNames(c.entity.Name))})
		}
		return c.segment(w.Segment)
	case w.Did != "":
		return c.did(path, w.Did, w)
	case w.Never != "":
		return c.did(path, w.Never, w)
	case w.Every != "":
		return c.every(path, w)
	case w.Sequence != nil:
		return c.sequence(path, w)
	case w.Top != nil, w.Bottom != nil:
		return c.share(path, w)
	case w.Near != nil:
		return c.near(path, w.Near)
	case w.SQL != "":
		return c.expression(path, w.SQL)
	}
	return rel.B(true) // nothing is asked: everybody
}

func (c *conditions) list(path string, list []models.Condition, fn rel.Fn) rel.Expr {
	each := make([]rel.Expr, len(list))
	for i := range list {
		each[i] = c.predicate(fmt.Sprintf("%s[%d]", path, i), &list[i])
	}
	switch len(each) {
	case 0:
		return rel.B(fn == rel.And)
	case 1:
		return each[0]
	}
	return rel.F(fn, each...)
}

func (c *conditions) traitTest(path string, w *models.Condition) rel.Expr {
	tr := c.entity.Trait(w.Trait)
	if tr == nil {
		return c.fail(diag.Problem{Path: path + ".trait", Code: "models.unknown_trait",
			What: fmt.Sprintf("%s has no trait %q", c.entity.Name, w.Trait),
			Fix:  diag.DidYouMean(w.Trait, c.entity.TraitNames())})
	}
	c.tell(path, FactValue, c.trait(tr.Name), TraitType(c.in, tr))
	e, err := compare(c.in, c.trait(tr.Name), TraitType(c.in, tr), testOf(w))
	if err != nil {
		return c.fail(mismatch(path, "trait "+tr.Name, err))
	}
	return e
}

// testOf is the test of a trait or aggregate: a bare value, or operators.
func testOf(w *models.Condition) models.Test {
	if w.Is != nil {
		return *w.Is
	}
	return models.Test{Operators: w.Operators}
}

// did is a leaf over the rows of a source. A profile without rows has done it 0 times.
func (c *conditions) did(path, name string, w *models.Condition) rel.Expr {
	source := c.in.Model.Source(name)
	if source == nil {
		return c.fail(unknownSource(c.in, path, name))
	}
	filter, problems := rowFilter(c.in, source, path, w.Where, w.Within, w.Between)
	if len(problems) > 0 {
		return c.fail(problems...)
	}
	if w.Days != nil {
		m, problems := c.scans.days(source, path+".days", filter)
		if len(problems) > 0 {
			return c.fail(problems...)
		}
		c.tellDays(source, path, filter, m)
		return times(m.expr, w.Days)
	}
	agg := w.Aggregate
	kind, column := aggregateOf(agg)
	if kind == "" {
		agg = models.Aggregate{Count: true}
	}
	if kind == "" {
		if hit := c.hits.test(source, filter, w); hit != nil {
			return hit
		}
	}
	m, problems := c.scans.aggregate(source, path, agg, filter)
	if len(problems) > 0 {
		return c.fail(problems...)
	}
	c.tellRows(source, path, filter, kind, m)
	switch {
	case w.Never != "":
		return rel.F(rel.Eq, m.expr, rel.I(0))
	case kind == "":
		return times(m.expr, w.Times)
	}
	e, err := compare(c.in, m.expr, m.typ, testOf(w))
	if err != nil {
		return c.fail(mismatch(path, fmt.Sprintf("%s of %s.%s", kind, name, column), err))
	}
	return e
}

func times(n rel.Expr, t *models.CountTest) rel.Expr {
	if t == nil {
		return rel.F(rel.Ge, n, rel.I(1))
	}
	var each []rel.Expr
	for _, x := range []struct {
		value *int
		fn    rel.Fn
	}{{t.Is, rel.Eq}, {t.AtLeast, rel.Ge}, {t.AtMost, rel.Le}, {t.MoreThan, rel.Gt}, {t.LessThan, rel.Lt}} {
		if x.value != nil {
			each = append(each, rel.F(x.fn, n, rel.I(int64(*x.value))))
		}
	}
	if len(each) == 0 {
		return rel.F(rel.Ge, n, rel.I(1))
	}
	return and(each)
}

func (c *conditions) fail(problems ...diag.Problem) rel.Expr {
	c.problems = append(c.problems, problems...)
	return rel.B(false)
}

// TraitType is the type that a trait has, or Unknown while the columns of its source are not
// known.
func TraitType(in Input, tr *models.Trait) models.Type {
	return in.Model.TraitType(in.Model.Entity(in.Entity), tr, func(source, column string) (models.Type, bool) {
		typ := columnType(in, source, column)
		return typ, typ != models.Unknown
	})
}

func columnType(in Input, source, column string) models.Type {
	s := in.Model.Source(source)
	if s == nil {
		return models.Unknown
	}
	c, problem := sourceColumn(in, s, column)
	if problem != nil {
		return models.Unknown
	}
	return c.Type
}
