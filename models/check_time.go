package models

import (
	"fmt"
	"strings"
	"time"
)

// timeOperators compare dates and times only, and take no value.
var timeOperators = []string{"within", "within_next", "anniversary_in"}

// The longest calendar windows, about a hundred years as for durations.
const (
	maxCalendarDays   = 36500
	maxCalendarMonths = 1200
)

// window checks that a window says one thing that it can be.
func (c *checker) window(at string, w *Window) {
	if w == nil {
		return
	}
	var keys []string
	if w.Span != (Span{}) {
		keys = append(keys, "last")
	}
	for _, n := range []struct {
		key       string
		n, most   int
		singulars string
	}{{"calendar_days", w.CalendarDays, maxCalendarDays, "days"}, {"calendar_months", w.CalendarMonths, maxCalendarMonths, "months"}} {
		if n.n == 0 {
			continue
		}
		keys = append(keys, n.key)
		switch {
		case n.n < 0:
			c.fail(at+"."+n.key, "models.window", fmt.Sprintf("write {%s: %d}", n.key, -n.n), "a window goes back by 1 or more %s, not by %d", n.singulars, n.n)
		case n.n > n.most:
			c.fail(at+"."+n.key, "models.window", "take within out, or write a shorter one", "%d %s are more than a hundred years", n.n, n.singulars)
		}
	}
	switch {
	case len(keys) == 0:
		c.fail(at, "models.window", "write 90d, this_month, {calendar_days: 7} or {calendar_months: 1}", "this window has no length")
	case len(keys) > 1:
		c.failKey(at+"."+keys[1], "models.too_many", "keep one of them", "a window has one of %s", strings.Join(keys, ", "))
	}
}

// rowWindow checks within and between of the rows of a source, and returns which of them is set.
func (c *checker) rowWindow(at string, within *Window, between []Value) (key string) {
	c.window(at+".within", within)
	switch {
	case within != nil:
		key = "within"
	case between != nil:
		key = "between"
	}
	if between == nil {
		return key
	}
	if within != nil {
		c.failKey(at+".between", "models.too_many", "keep one of them", "rows are in one window: within and between do not go together")
	}
	if c.pair(at+".between", between) {
		for i, v := range between {
			_, _, ok := v.Time()
			if _, relative := v.Relative(); !ok && !relative {
				c.fail(item(at+".between", i), "models.operator_type", timeFix(v, "write a date such as 2026-01-31, a time such as 2026-01-31T09:30:00Z, or 30d ago"), "between compares the times of rows, not %s %q", named(v.Type), v.Text)
				return key
			}
		}
		c.rising(at+".between", between)
	}
	return key
}

// pair checks that between has two values.
func (c *checker) pair(at string, vs []Value) bool {
	if len(vs) != 2 {
		c.fail(at, "models.between", "write two values: [1, 10]", "between takes two values, not %d", len(vs))
	}
	return len(vs) == 2
}

// rising checks that the values of between do not go backwards, and that two times leave a moment
// between them.
func (c *checker) rising(at string, vs []Value) {
	if less(vs[1], vs[0]) {
		c.fail(at, "models.between", fmt.Sprintf("write [%s, %s]", vs[1].Text, vs[0].Text), "between takes the smaller value first")
		return
	}
	a, date, _ := vs[0].Time()
	b, _, ok := vs[1].Time()
	_, relative := vs[0].Relative()
	switch {
	case vs[0] != vs[1]:
	case ok && date && a.Equal(b):
		c.fail(at, "models.between", fmt.Sprintf("for that day write [%s, %s]", vs[0].Text, a.AddDate(0, 0, 1).Format(time.DateOnly)), "between leaves the second date out, so that nothing is between %s and itself", vs[0].Text)
	case ok || relative:
		c.fail(at, "models.between", "write a later time second", "between leaves the second time out, so that nothing is between %s and itself", vs[0].Text)
	}
}

// timeOperator checks an operator that compares dates and times only, on a value of type typ.
func (c *checker) timeOperator(path, op string, typ Type, t *Test) {
	switch typ {
	case Date, Timestamp, Unknown:
	case Text:
		c.fail(path, "models.operator_type", "name a column with times, or add type: timestamp to the trait", "%s compares dates and times, not text", op)
	case Boolean:
		c.fail(path, "models.operator_type", "use is", "%s compares dates and times, not %s", op, named(typ))
	default:
		c.fail(path, "models.operator_type", "use is, at_least or between", "%s compares dates and times, not %s", op, named(typ))
	}
	switch op {
	case "within":
		c.window(path, t.Within)
	case "anniversary_in":
		if time.Duration(*t.Anniversary)%(24*time.Hour) != 0 {
			c.fail(path, "models.window", "write whole days, such as 7d", "anniversaries are days: %s is not a number of them", t.Anniversary)
		}
	}
}

// relativeOperand checks a time such as 30d ago, compared by op with a value of type typ.
func (c *checker) relativeOperand(path, op string, typ Type, v Value) {
	within := fmt.Sprintf("write at_least: %s, or within: with a window", v.Text)
	switch op {
	case "is", "is_not", "in", "not_in":
		switch typ {
		case Unknown, Text: // a text may well be that
		case Date, Timestamp:
			c.fail(path, "models.operator_type", within, "hardly anything is exactly at %q", v.Text)
		default:
			c.fail(path, "models.operator_type", "write "+map[bool]string{true: "true or false", false: "a number"}[typ == Boolean], "%s can not be compared with the time %q", named(typ), v.Text)
		}
		return
	}
	switch typ {
	case Date, Timestamp, Unknown:
	case Text:
		c.fail(path, "models.operator_type", "name a column with times, or add type: timestamp to the trait", "%q is a time, and this is text", v.Text)
	default:
		c.fail(path, "models.operator_type", "write a number, or name a column with times", "%q is a time, and this is %s", v.Text, named(typ))
	}
}

// timeFix tells how to write a time that looks like one, and otherwise what else.
func timeFix(v Value, otherwise string) string {
	switch text := strings.TrimSpace(v.Text); {
	case durationRE.MatchString(text):
		return fmt.Sprintf("write %s ago, or in %s", text, text)
	case strings.HasSuffix(text, "ago"):
		return "write a number and w, d, h, m or s: 30d ago"
	case strings.HasPrefix(text, "in "):
		return "write a number and w, d, h, m or s: in 30d"
	}
	return otherwise
}

// untyped reports an anniversary of an sql trait that says no type: whether it is a date or a time
// decides what its date is in the project's zone.
func (c *checker) untyped(t *Trait, w *Condition, at string) {
	if w.Anniversary != nil && t.SQL != "" && t.Type == Unknown {
		c.fail(at+".anniversary_in", "models.no_type", fmt.Sprintf("add type: date, or type: timestamp, to the trait %s", t.Name),
			"an anniversary needs to know whether %s is a date or a time", t.Name)
	}
}
