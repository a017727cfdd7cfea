package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// every is a leaf that is true if a profile has rows in a source, of the time that is asked for,
// and each of them passes: none fails, as a row does whose test is neither true nor false.
func (c *conditions) every(path string, w *models.Condition) rel.Expr {
	source := c.in.Model.Source(w.Every)
	if source == nil {
		return c.fail(unknownSource(c.in, path, w.Every))
	}
	where, problems := rowFilter(c.in, source, path, w.Where, nil, nil)
	window, more := rowFilter(c.in, source, path, nil, w.Within, w.Between)
	if problems = append(problems, more...); len(problems) > 0 {
		return c.fail(problems...)
	}
	fails := rel.Expr(rel.B(false))
	if where != nil {
		fails = rel.F(rel.Not, rel.F(rel.IsTrue, where))
	}
	if window != nil {
		fails = rel.F(rel.And, window, fails)
	}
	count := models.Aggregate{Count: true}
	all, problems := c.scans.aggregate(source, path, count, window)
	failing, more := c.scans.aggregate(source, path, count, fails)
	if problems = append(problems, more...); len(problems) > 0 {
		return c.fail(problems...)
	}
	c.tell(path, FactRows, all.expr, all.typ)
	c.tell(path, FactFailing, failing.expr, failing.typ)
	return rel.F(rel.And, rel.F(rel.Ge, all.expr, rel.I(1)), rel.F(rel.Eq, failing.expr, rel.I(0)))
}
