package compile

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// compare is the truth of a test on a value: true exactly where the test passes. Elsewhere it is
// false or NULL, so whoever negates it wraps it in IsTrue first. The error says what does not
// fit, for a finding.
//
// On an absent value every operator is false, except is_not, not_in, not_contains and
// `exists: false`, which are true.
func compare(in Input, e rel.Expr, typ models.Type, t models.Test) (rel.Expr, error) {
	c := comparison{in: in, e: e, typ: typ}
	var out rel.Expr
	set := 0
	take := func(f func() rel.Expr) {
		if set++; set == 1 {
			out = f()
		}
	}
	ordered := func(v *models.Value, op string, fn rel.Fn) {
		if v != nil {
			take(func() rel.Expr { return c.ordered(op, fn, *v) })
		}
	}
	if v := t.Is; v != nil {
		take(func() rel.Expr { return c.pair(rel.Eq, *v) })
	}
	if v := t.IsNot; v != nil {
		take(func() rel.Expr { return c.pair(rel.Distinct, *v) })
	}
	if t.In != nil {
		take(func() rel.Expr { return c.oneOf(t.In) })
	}
	if t.NotIn != nil {
		take(func() rel.Expr { return rel.F(rel.Not, rel.F(rel.IsTrue, c.oneOf(t.NotIn))) })
	}
	ordered(t.AtLeast, "at_least", rel.Ge)
	ordered(t.AtMost, "at_most", rel.Le)
	ordered(t.MoreThan, "more_than", rel.Gt)
	ordered(t.LessThan, "less_than", rel.Lt)
	if t.Between != nil {
		take(func() rel.Expr { return c.between(t.Between) })
	}
	if v := t.Contains; v != nil {
		take(func() rel.Expr { return c.text("contains", *v) })
	}
	if v := t.NotContains; v != nil {
		take(func() rel.Expr { return rel.F(rel.Not, rel.F(rel.IsTrue, c.text("not_contains", *v))) })
	}
	if v := t.StartsWith; v != nil {
		take(func() rel.Expr { return c.text("starts_with", *v) })
	}
	if v := t.EndsWith; v != nil {
		take(func() rel.Expr { return c.text("ends_with", *v) })
	}
	if t.ContainsAny != nil {
		take(func() rel.Expr { return c.has("contains_any", rel.ListAny, t.ContainsAny...) })
	}
	if t.ContainsAll != nil {
		take(func() rel.Expr { return c.has("contains_all", rel.ListAll, t.ContainsAll...) })
	}
	if t.InRegion != nil {
		take(func() rel.Expr { return c.inRegion(t.InRegion) })
	}
	if t.Within != nil {
		take(func() rel.Expr { return c.within(t.Within) })
	}
	if t.WithinNext != 0 {
		take(func() rel.Expr { return c.withinNext(t.WithinNext) })
	}
	if t.Anniversary != nil {
		take(func() rel.Expr { return c.anniversary(*t.Anniversary) })
	}
	if v := t.Exists; v != nil {
		take(func() rel.Expr {
			if *v {
				return rel.F(rel.NotNull, e)
			}
			return rel.F(rel.IsNull, e)
		})
	}
	switch {
	case c.err != nil:
		return nil, c.err
	case set == 0:
		return nil, fmt.Errorf("nothing says what the value is compared with")
	case set > 1:
		return nil, fmt.Errorf("more than one operator is set")
	}
	return out, nil
}

// comparison makes the expressions of one test and keeps the first thing that does not fit.
type comparison struct {
	in  Input
	e   rel.Expr
	typ models.Type
	err error
}

func (c *comparison) fail(format string, args ...any) rel.Expr {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
	return rel.B(false)
}

func (c *comparison) pair(fn rel.Fn, v models.Value) rel.Expr {
	l, r := c.operands(v)
	return rel.F(fn, l, r)
}

// ordered compares with a number, a date, a time, or a time such as 30d ago. Such a time is taken
// by its distance, but for between.
func (c *comparison) ordered(op string, fn rel.Fn, v models.Value) rel.Expr {
	if r, ok := v.Relative(); ok {
		if op == "between" && c.timed(op) {
			return c.at(fn, r.From(c.in.AsOf.UTC()))
		}
		return c.relative(op, r)
	}
	t, date, instant := c.in.instant(v)
	switch {
	case c.typ == models.Text || c.typ == models.Boolean || c.typ == models.Unknown && !instant && (v.Type == models.Text || v.Type == models.Boolean):
		return c.fail("%s compares numbers and times, not %s", op, known(c.typ, v.Type))
	case instant && date && (c.typ == models.Date || c.typ == models.Unknown):
		return rel.F(fn, c.e, rel.D(v.Text))
	case instant && (c.typ == models.Date || c.typ == models.Unknown):
		return c.at(fn, t)
	}
	return c.pair(fn, v)
}

// between includes both ends for numbers and leaves the second out for times.
func (c *comparison) between(vs []models.Value) rel.Expr {
	if len(vs) != 2 {
		return c.fail("between takes two values, not %d", len(vs))
	}
	upper := rel.Le
	_, relative := vs[0].Relative()
	if _, _, instant := vs[0].Time(); c.typ == models.Date || c.typ == models.Timestamp || c.typ == models.Unknown && (instant || relative) {
		upper = rel.Lt
	}
	return rel.F(rel.And, c.ordered("between", rel.Ge, vs[0]), c.ordered("between", upper, vs[1]))
}

func (c *comparison) oneOf(vs []models.Value) rel.Expr {
	if len(vs) == 0 {
		return c.fail("the list is empty")
	}
	var list, each []rel.Expr
	plain := true
	for _, v := range vs {
		l, r := c.operands(v)
		list = append(list, r)
		each = append(each, rel.F(rel.Eq, l, r))
		plain = plain && fmt.Sprintf("%#v", l) == fmt.Sprintf("%#v", c.e)
	}
	if plain {
		return rel.InList{Expr: c.e, List: list}
	}
	return rel.F(rel.Or, each...)
}

// text compares text whatever the case, in the warehouse's own lower case on both sides.
func (c *comparison) text(op string, v models.Value) rel.Expr {
	if c.typ == models.List && (op == "contains" || op == "not_contains") {
		return c.has(op, rel.ListAny, v)
	}
	if c.typ != models.Text && c.typ != models.Unknown {
		return c.fail("%s compares text, not %s", op, c.typ)
	}
	if v.Text == "" {
		return rel.F(rel.NotNull, c.e)
	}
	l, r := rel.F(rel.Lower, c.e), rel.F(rel.Lower, rel.T(v.Text))
	switch op {
	case "starts_with":
		return rel.F(rel.HasPrefix, l, r)
	case "ends_with":
		return rel.F(rel.HasSuffix, l, r)
	default:
		return rel.F(rel.Gt, rel.F(rel.Position, l, r), rel.I(0))
	}
}

// operands are the value and a literal, made comparable: a number compares with a whole number,
// a bare date is midnight in the project's zone where it meets a time, and quoted dates are
// dates. Text is compared as it is written, so `zip: 75001` finds the text 75001.
func (c *comparison) operands(v models.Value) (rel.Expr, rel.Expr) {
	switch c.typ {
	case models.Unknown:
		if v.Type == models.Number {
			return c.e, rel.N(decimal(v.Text))
		}
		return c.e, rel.Of(v)
	case models.Text:
		if v.Type != models.Boolean && v.Type != models.Timestamp {
			return c.e, rel.T(v.Text)
		}
	case models.Integer, models.Number:
		switch v.Type {
		case models.Integer:
			return c.e, rel.Of(v)
		case models.Number:
			return c.e, rel.N(decimal(v.Text))
		}
	case models.Boolean:
		if v.Type == models.Boolean {
			return c.e, rel.Of(v)
		}
	case models.Date:
		if t, date, ok := c.in.instant(v); ok && date {
			return c.e, rel.D(v.Text)
		} else if ok {
			return rel.F(rel.Instant, c.e, rel.T(c.in.zone().String())), rel.At(t)
		}
	case models.Timestamp:
		if t, _, ok := c.in.instant(v); ok {
			return c.e, rel.At(t)
		}
	}
	return c.e, c.fail("%s is compared with %s", c.typ, v.Type)
}

// decimal writes a number without an exponent.
func decimal(text string) string {
	if !strings.ContainsAny(text, "eE_") && !strings.HasPrefix(text, ".") && !strings.HasPrefix(text, "+") && !strings.HasSuffix(text, ".") {
		return text
	}
	r, ok := new(big.Rat).SetString(strings.ReplaceAll(text, "_", ""))
	if !ok {
		return text
	}
	s := r.FloatString(38)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// known is the first type if it is known, otherwise the second.
func known(a, b models.Type) models.Type {
	if a != models.Unknown {
		return a
	}
	return b
}
