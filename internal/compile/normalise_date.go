package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// placeholders are the days that systems write where they know none: the first and last day of
// their calendars.
var placeholders = []string{"0001-01-01", "1000-01-01", "1753-01-01", "1800-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01",
	"1970-01-01", "2099-12-31", "2999-12-31", "9999-01-01", "9999-12-31"}

// The shapes of a date, with a time of day behind it or not.
const (
	clock       = `([t ] *[0-9].*)?$`
	isoShape    = `^[0-9]{4}-[0-9]{2}-[0-9]{2}` + clock
	solidShape  = `^([0-9]{4})([0-9]{2})([0-9]{2})([t ].*|[0-9]{6})?$`
	yearFirst   = `^([0-9]{4})[-/. ]([0-9]{1,2})[-/. ]([0-9]{1,2})` + clock
	yearLast    = `^([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{4})` + clock
	singleMonth = `-([0-9])-`
	singleDay   = `-([0-9])$`
)

// isoDay writes the day of a date as 2006-01-02, or NULL if its shape does not tell which number
// is the day and which the month. 31/01/2026 needs an order: day_first or month_first.
func isoDay(order string, text rel.Expr) rel.Expr {
	padded := func(shape, parts string) rel.Expr {
		e := rel.F(rel.RegexReplace, rel.F(rel.RegexReplace, text, rel.T(shape), rel.T(parts)), rel.T(singleMonth), rel.T(`-0\1-`))
		return rel.F(rel.RegexReplace, e, rel.T(singleDay), rel.T(`-0\1`))
	}
	is := func(shape string) rel.Expr { return rel.F(rel.RegexTest, text, rel.T(shape)) }
	c := rel.Case{Whens: []rel.When{
		{If: is(isoShape), Then: rel.F(rel.Substr, text, rel.I(1), rel.I(10))},
		{If: is(solidShape), Then: rel.F(rel.RegexReplace, text, rel.T(solidShape), rel.T(`\1-\2-\3`))},
		{If: is(yearFirst), Then: padded(yearFirst, `\1-\2-\3`)},
	}}
	switch order {
	case "day_first":
		c.Whens = append(c.Whens, rel.When{If: is(yearLast), Then: padded(yearLast, `\3-\2-\1`)})
	case "month_first":
		c.Whens = append(c.Whens, rel.When{If: is(yearLast), Then: padded(yearLast, `\3-\1-\2`)})
	}
	return c
}

// realDay is a day that the calendar has, as text, or NULL.
func realDay(day rel.Expr) rel.Expr {
	return rel.Cast{Expr: rel.Cast{Expr: day, Type: models.Date, Try: true, From: models.Text}, Type: models.Text, From: models.Date}
}
