package compile

import (
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// timed reports whether the value can be a date or a time; what is of unknown type is taken for a
// time where only times can be compared.
func (c *comparison) timed(op string) bool {
	switch c.typ {
	case models.Date, models.Timestamp, models.Unknown:
		return true
	}
	c.fail("%s compares dates and times, not %s", op, c.typ)
	return false
}

// at compares the value with an instant. A date stands for its first instant in the project's
// zone, and is compared with the dates that begin before or after: no zone is asked of the
// warehouse.
func (c *comparison) at(fn rel.Fn, t time.Time) rel.Expr {
	if c.typ != models.Date {
		return rel.F(fn, c.e, rel.At(t))
	}
	// x <= t is x < t and a microsecond, the smallest step of time.
	side := fn
	switch fn {
	case rel.Le:
		t, side = t.Add(time.Microsecond), rel.Lt
	case rel.Gt:
		t, side = t.Add(time.Microsecond), rel.Ge
	}
	date := firstDate(t, c.in.zone())
	if y := date.Year(); y < 1 || y > 9999 { // no date literal
		return rel.F(fn, rel.F(rel.Instant, c.e, rel.T(c.in.zone().String())), rel.At(t))
	}
	return rel.F(side, c.e, rel.D(date.Format(time.DateOnly)))
}

// in is whether the value lies in a span.
func (c *comparison) inSpan(s span) []rel.Expr {
	return []rel.Expr{c.at(rel.Ge, s.From), c.at(rel.Lt, s.To)}
}

func (c *comparison) within(w *models.Window) rel.Expr {
	if !c.timed("within") {
		return rel.B(false)
	}
	return and(c.inSpan(c.in.window(w)))
}

func (c *comparison) withinNext(d models.Duration) rel.Expr {
	if !c.timed("within_next") {
		return rel.B(false)
	}
	asOf := c.in.AsOf.UTC()
	return and(c.inSpan(span{asOf, asOf.Add(time.Duration(d))}))
}

// relative compares the value with a time such as 30d ago by its distance from the run: more than
// 30d ago is before it, less than 30d ago is after it and before the run; more than in 30d is
// after it, less than in 30d is before it, from the run on.
func (c *comparison) relative(op string, r models.Relative) rel.Expr {
	if !c.timed(op) {
		return rel.B(false)
	}
	asOf := c.in.AsOf.UTC()
	t := r.From(asOf)
	if !r.Ago {
		switch op {
		case "more_than":
			return c.at(rel.Gt, t)
		case "at_least":
			return c.at(rel.Ge, t)
		case "less_than":
			return and(c.inSpan(span{asOf, t}))
		}
		return rel.F(rel.And, c.at(rel.Ge, asOf), c.at(rel.Le, t))
	}
	switch op {
	case "more_than":
		return c.at(rel.Lt, t)
	case "at_least":
		return c.at(rel.Le, t)
	case "less_than":
		return rel.F(rel.And, c.at(rel.Gt, t), c.at(rel.Lt, asOf))
	}
	return and(c.inSpan(span{t, asOf}))
}

// anniversary is whether the month and day of the value come today or on one of the following
// days. 29 February is celebrated on 28 February in common years.
func (c *comparison) anniversary(d models.Duration) rel.Expr {
	if c.typ == models.Unknown {
		return c.fail("anniversary_in needs to know whether this is a date or a time: say type: date or type: timestamp")
	}
	if !c.timed("anniversary_in") {
		return rel.B(false)
	}
	days := int(time.Duration(d) / (24 * time.Hour))
	if days >= 365 { // every day there is
		return rel.F(rel.NotNull, c.e)
	}
	day := c.e
	if c.typ == models.Timestamp {
		day = rel.F(rel.LocalDate, c.e, rel.T(c.in.zone().String()))
	}
	day = rel.F(rel.MonthDay, day)
	today := localDate(c.in.AsOf, c.in.zone())
	last := today.AddDate(0, 0, days)
	from, to := today.Format("01-02"), last.Format("01-02")
	if to == "02-28" && last.AddDate(0, 0, 1).Day() == 1 {
		to = "02-29"
	}
	dates := func(from, to string) rel.Expr {
		if from == to {
			return rel.F(rel.Eq, day, rel.T(to))
		}
		return rel.F(rel.And, rel.F(rel.Ge, day, rel.T(from)), rel.F(rel.Le, day, rel.T(to)))
	}
	if last.Year() > today.Year() {
		return rel.F(rel.Or, dates(from, "12-31"), dates("01-01", to))
	}
	return dates(from, to)
}

// rowSpan is whether the time of a source's row lies in a span.
func rowSpan(in Input, s *models.Source, path string, w span) ([]rel.Expr, *diag.Problem) {
	at, typ, problem := timeColumn(in, s)
	switch {
	case problem != nil:
		return nil, problem
	case at == nil:
		return nil, &diag.Problem{
			Path: path, Code: "models.no_time",
			What: fmt.Sprintf("source %s has no time, so its rows lie in no window", s.Name),
			Fix:  fmt.Sprintf("give the source %s a time: column, or leave the window out", s.Name),
		}
	}
	c := comparison{in: in, e: at, typ: typ}
	return c.inSpan(w), nil
}

// rowDate is the local date of a source's row.
func rowDate(in Input, s *models.Source, path string) (rel.Expr, *diag.Problem) {
	at, typ, problem := timeColumn(in, s)
	switch {
	case problem != nil:
		return nil, problem
	case at == nil:
		return nil, &diag.Problem{
			Path: path, Code: "models.no_time",
			What: fmt.Sprintf("source %s has no time, so its rows are of no day", s.Name),
			Fix:  fmt.Sprintf("give the source %s a time: column, or write times: to count rows", s.Name),
		}
	case typ == models.Date:
		return at, nil
	}
	return rel.F(rel.LocalDate, at, rel.T(in.zone().String())), nil
}

// timeColumn is the column that says when a source's row happened or last changed, and its type,
// which is a date or a time; nil if neither the source says it, nor one on the way to the owners of
// its rows.
func timeColumn(in Input, s *models.Source) (rel.Expr, models.Type, *diag.Problem) {
	name, key := s.Time, "time"
	if name == "" {
		name, key = s.UpdatedAt, "updated_at"
	}
	if name == "" {
		return relatedTime(in, s)
	}
	e, typ, problem := columnExpr(in, s, name)
	if problem != nil {
		problem.Path = models.Path("sources", s.Name, key)
	}
	return e, typ, problem
}

// days asks on how many local dates a profile has rows that pass a filter.
func (s *scans) days(source *models.Source, path string, filter rel.Expr) (measure, []diag.Problem) {
	day, problem := rowDate(s.in, source, path)
	if problem != nil {
		return measure{}, []diag.Problem{*problem}
	}
	return s.answer(source, path, rel.Agg{Fn: rel.Count, Arg: when(filter, day), Distinct: true}, models.Integer, rel.I(0))
}
