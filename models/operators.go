package models

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

var operatorNames = []string{"is_not", "in", "not_in", "at_least", "at_most", "more_than", "less_than", "between",
	"contains", "not_contains", "starts_with", "ends_with", "contains_any", "contains_all", "in_region", "within", "within_next",
	"anniversary_in", "exists"}

// set lists the operators that are set, by their keys.
func (o *Operators) set() []string {
	var out []string
	for i, set := range []bool{o.IsNot != nil, o.In != nil, o.NotIn != nil, o.AtLeast != nil, o.AtMost != nil, o.MoreThan != nil,
		o.LessThan != nil, o.Between != nil, o.Contains != nil, o.NotContains != nil, o.StartsWith != nil, o.EndsWith != nil,
		o.ContainsAny != nil, o.ContainsAll != nil, o.InRegion != nil, o.Within != nil, o.WithinNext != 0, o.Anniversary != nil, o.Exists != nil} {
		if set {
			out = append(out, operatorNames[i])
		}
	}
	return out
}

// values returns the values of an operator by its key.
func (t *Test) values(op string) []Value {
	one := func(v *Value) []Value { return []Value{*v} }
	switch op {
	case "is":
		return one(t.Is)
	case "is_not":
		return one(t.IsNot)
	case "in":
		return t.In
	case "not_in":
		return t.NotIn
	case "at_least":
		return one(t.AtLeast)
	case "at_most":
		return one(t.AtMost)
	case "more_than":
		return one(t.MoreThan)
	case "less_than":
		return one(t.LessThan)
	case "between":
		return t.Between
	case "contains":
		return one(t.Contains)
	case "not_contains":
		return one(t.NotContains)
	case "starts_with":
		return one(t.StartsWith)
	case "ends_with":
		return one(t.EndsWith)
	case "contains_any":
		return t.ContainsAny
	case "contains_all":
		return t.ContainsAll
	}
	return nil
}

// test checks a test of a value of the given type, which may be Unknown.
func (c *checker) test(at string, t *Test, typ Type) {
	ops := t.Operators.set()
	if t.Is != nil {
		ops = append([]string{"is"}, ops...)
	}
	switch len(ops) {
	case 0:
		c.fail(at, "models.no_operator", "add is:, in:, at_least:, exists: or another operator", "nothing says what the value is compared with")
		return
	case 1:
	default:
		c.failKey(at+"."+ops[1], "models.one_operator", "write between:, or two conditions under all:", "one value is compared with %s; one operator is allowed", strings.Join(ops, " and "))
		return
	}
	op := ops[0]
	vs, p := t.values(op), at+"."+op
	switch {
	case typ == List || op == "contains_any" || op == "contains_all":
		c.listTest(p, op, typ, t)
		return
	case op == "in_region":
		c.inRegion(p, t, typ)
		return
	case contains(timeOperators, op):
		c.timeOperator(p, op, typ, t)
		return
	case (op == "in" || op == "not_in") && len(vs) == 0:
		c.fail(p, "models.empty_list", "write at least one value", "%s has no value in it", op)
	case op == "between" && !c.pair(p, vs):
		return
	}
	for i, v := range vs {
		vp := p
		if op == "in" || op == "not_in" || op == "between" {
			vp = item(p, i)
			if op != "between" && slices.Contains(vs[:i], v) {
				c.fail(vp, "models.doubled", "take one of them out", "%q stands twice in this list", v.Text)
			}
		}
		c.operand(vp, op, typ, v)
	}
	if op == "between" {
		c.rising(p, vs)
	}
}

// operand checks that a value can be compared by op with a value of type typ.
//
//	operator                              types                values
//	is is_not in not_in                   text                 text, numbers as written, dates as written
//	                                      integer number       numbers
//	                                      boolean              true, false
//	                                      date timestamp       dates and times, also quoted
//	at_least at_most more_than less_than  integer number       numbers
//	between                               date timestamp       dates and times, also quoted; 30d ago, in 30d
//	contains not_contains starts_with …   text                 text, numbers as written
func (c *checker) operand(path, op string, typ Type, v Value) {
	wrong := func(fix, format string, args ...any) {
		c.fail(path, "models.operator_type", fix, format, args...)
	}
	_, _, instant := v.Time()
	_, relative := v.Relative()
	numeric := v.Type == Integer || v.Type == Number
	switch {
	case op == "contains" || op == "not_contains" || op == "starts_with" || op == "ends_with":
		if typ != Unknown && typ != Text {
			wrong("use is, in, at_least or between", "%s compares text, not %s", op, named(typ))
		} else if v.Type == Boolean {
			wrong(fmt.Sprintf("write it in quotes: %q", v.Text), "%s compares text", op)
		}
		return
	case relative:
		c.relativeOperand(path, op, typ, v)
		return
	case op == "at_least" || op == "at_most" || op == "more_than" || op == "less_than" || op == "between":
		if typ == Text || typ == Boolean {
			wrong("use is or in", "%s compares numbers and times, not %s", op, typ)
			return
		}
		if typ == Unknown && !numeric && !instant {
			wrong(timeFix(v, "write a number, a date such as 2026-01-31, or 30d ago"), "%s compares numbers and times, not %s %q", op, v.Type, v.Text)
			return
		}
	}
	ok := true
	switch typ {
	case Text:
		ok = v.Type != Boolean && v.Type != Timestamp
	case Integer, Number:
		ok = numeric
	case Boolean:
		ok = v.Type == Boolean
	case Date, Timestamp:
		ok = instant
	}
	if !ok {
		fix := map[Type]string{Text: fmt.Sprintf("write it in quotes: %q", v.Text), Integer: "write a number without quotes",
			Number: "write a number without quotes", Boolean: "write true or false without quotes",
			Date: timeFix(v, "write a date such as 2026-01-31"), Timestamp: timeFix(v, "write a date such as 2026-01-31, or a time such as 2026-01-31T09:30:00Z")}[typ]
		if numbers := typ == Integer || typ == Number; numbers && v.Type == Boolean {
			fix = "write 1 or 0, or give the trait type: boolean"
		}
		wrong(fix, "%s can not be compared with %s %q", named(typ), named(v.Type), v.Text)
	}
}

// named gives a type its article.
func named(t Type) string {
	switch t {
	case Text:
		return "text"
	case Integer:
		return "a whole number"
	}
	return "a " + string(t)
}

// less reports whether a is less than b, as far as that is known.
func less(a, b Value) bool {
	x, okx := new(big.Float).SetString(a.Text)
	y, oky := new(big.Float).SetString(b.Text)
	if okx && oky {
		return x.Cmp(y) < 0
	}
	r, okr := a.Relative()
	q, okq := b.Relative()
	if okr && okq {
		return r.From(time.Time{}).Before(q.From(time.Time{}))
	}
	// A date and a time are only compared with their kind: how they lie depends on the zone.
	s, dates, oks := a.Time()
	t, datet, okt := b.Time()
	return oks && okt && dates == datet && s.Before(t)
}

func contains(xs []string, x string) bool { return slices.Contains(xs, x) }
