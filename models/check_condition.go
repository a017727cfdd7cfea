package models

import (
	"fmt"
	"strings"

	"github.com/weir-data/weir/models/diag"
)

// maxDepth bounds how deeply conditions nest, also of a model that was made without YAML.
const maxDepth = 64

// segment checks one segment.
func (c *checker) segment(s *Segment) {
	at := Path("segments", s.Name)
	c.name("segment", at, s.Name)
	c.doubles(at+".tags", s.Tags)
	e, ok := c.entities[s.Entity]
	c.arms(s, e)
	if !ok {
		c.unknown(at+".entity", "entity", s.Entity, c.m.EntityNames())
		return
	}
	if !s.Where.empty() {
		c.condition(e, &s.Where, at+".where", 0)
	}
}

// empty reports whether nothing at all is set.
func (w *Condition) empty() bool { return len(w.keys()) == 0 }

// kinds lists which of the exclusive keys are set.
func (w *Condition) kinds() []string {
	var out []string
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"all", w.All != nil}, {"any", w.Any != nil}, {"not", w.Not != nil}, {"trait", w.Trait != ""},
		{"segment", w.Segment != ""}, {"did", w.Did != ""}, {"never", w.Never != ""},
		{"every", w.Every != ""}, {"sequence", w.Sequence != nil}, {"top", w.Top != nil}, {"bottom", w.Bottom != nil},
		{"near", w.Near != nil}, {"sql", w.SQL != ""},
	} {
		if k.set {
			out = append(out, k.name)
		}
	}
	return out
}

// keys lists every key of the condition that is set.
func (w *Condition) keys() []string {
	out := append(w.kinds(), w.beside()...)
	return out
}

// beside lists the keys that are set beside the exclusive ones.
func (w *Condition) beside() []string {
	var out []string
	if w.Is != nil {
		out = append(out, "is")
	}
	out = append(out, w.Operators.set()...)
	if w.Where != nil {
		out = append(out, "where")
	}
	if w.Times != nil {
		out = append(out, "times")
	}
	if w.Days != nil {
		out = append(out, "days")
	}
	if w.Same != nil {
		out = append(out, "same")
	}
	if w.By != "" {
		out = append(out, "by")
	}
	if w.Of != "" {
		out = append(out, "of")
	}
	return append(out, w.Aggregate.set()...)
}

func (c *checker) condition(e *Entity, w *Condition, at string, depth int) {
	if depth > maxDepth {
		c.fail(at, "models.too_deep", "name the inner part as a segment of its own", "conditions nest more than %d deep", maxDepth)
		return
	}
	kinds := w.kinds()
	switch {
	case len(kinds) == 0:
		c.fail(at, "models.no_condition", "write one of all, any, not, trait, segment, did, never", "this condition says nothing")
		return
	case len(kinds) > 1:
		c.failKey(at+"."+kinds[1], "models.too_many", fmt.Sprintf("write all: with %s and %s as two entries", kinds[0], kinds[1]),
			"a condition has one of %s", strings.Join(kinds, ", "))
		return
	}
	only := func(allowed ...string) {
		for _, k := range w.beside() {
			if !contains(allowed, k) {
				c.failKey(at+"."+k, "models.not_beside", besideFix(kinds[0], k), "%s does not go with %s", k, kinds[0])
			}
		}
	}
	switch kinds[0] {
	case "all", "any":
		only()
		list := w.All
		if kinds[0] == "any" {
			list = w.Any
		}
		if len(list) == 0 {
			c.failKey(at+"."+kinds[0], "models.empty_list", "write at least one condition", "%s has no condition in it", kinds[0])
		}
		for i := range list {
			c.condition(e, &list[i], item(at+"."+kinds[0], i), depth+1)
		}
	case "not":
		only()
		c.condition(e, w.Not, at+".not", depth+1)
	case "segment":
		only()
		c.segmentOf(e, w.Segment, at+".segment")
	case "trait":
		only(append([]string{"is"}, operatorNames...)...)
		c.traitCondition(e, w, at)
	case "did", "never":
		c.rowsCondition(e, w, at, kinds[0], only)
	case "every":
		c.everyCondition(e, w, at, only)
	case "sequence":
		c.sequenceCondition(e, w, at, only)
	case "top", "bottom":
		c.shareCondition(e, w, at, kinds[0], only)
	case "near":
		c.nearCondition(e, w, at, only)
	case "sql":
		c.sqlCondition(e, w, at, only)
	}
}

func besideFix(kind, key string) string {
	switch {
	case (kind == "did" || kind == "never") && contains(operatorNames, key):
		return fmt.Sprintf("to test an aggregate write is: {%s: …}", key)
	case kind == "trait":
		return "take it out; windows and filters belong into the trait"
	case kind == "never":
		return "take it out; or write did: with " + or(map[string]string{"days": "days:"}[key], "times:")
	}
	return "take it out, or write both under all:"
}

func (c *checker) traitCondition(e *Entity, w *Condition, at string) {
	if tr, ok := c.traits[e.Name][w.Trait]; !ok {
		c.unknown(at+".trait", "trait", w.Trait, e.TraitNames())
	} else {
		c.untyped(tr, w, at)
	}
	t := Test{Operators: w.Operators}
	if w.Is != nil {
		if t.Is = w.Is.Is; t.Is == nil {
			ops := w.Is.Operators.set()
			if len(ops) == 0 {
				ops = []string{"at_least"}
			}
			c.failKey(at+".is", "models.not_beside", fmt.Sprintf("write %s: beside trait:", ops[0]), "is takes one value here")
			return
		}
	}
	c.test(at, &t, Unknown)
}

func (c *checker) rowsCondition(e *Entity, w *Condition, at, kind string, only func(...string)) {
	name := or(w.Did, w.Never)
	s := c.rowSource(e, at+"."+kind, name)
	aggs := w.Aggregate.set()
	timed := c.rowWindow(at, w.Within, w.Between)
	if timed == "" && w.Days != nil {
		timed = "days"
	}
	if kind == "never" {
		only("where", "within", "between")
	} else {
		only(append([]string{"where", "within", "between", "times", "days", "is"}, aggregateNames...)...)
		switch {
		case len(aggs) > 1:
			c.failKey(at+"."+aggs[1], "models.too_many", "keep one of them", "did has more than one aggregate: %s", strings.Join(aggs, ", "))
		case w.Count:
			c.failKey(at+".count", "models.not_beside", "write times: {at_least: 2}", "to count rows, did has times")
		case w.Days != nil && (len(aggs) == 1 || w.Times != nil):
			c.failKey(at+".days", "models.not_beside", "take it out, or write both under all:", "days does not go with %s", or(strings.Join(aggs, ""), "times"))
		case len(aggs) == 1 && w.Times != nil:
			c.failKey(at+".times", "models.not_beside", "take it out, or write both under all:", "times does not go with %s", aggs[0])
		case len(aggs) == 1 && w.Is == nil:
			c.failKey(at+"."+aggs[0], "models.no_operator", "add is: {at_least: 500}", "nothing says what the %s is compared with", aggs[0])
		case len(aggs) == 0 && w.Is != nil:
			c.failKey(at+".is", "models.no_aggregate", "add an aggregate, such as sum: amount; or write times: to count rows", "is tests an aggregate, and there is none")
		case w.Is != nil:
			c.test(at+".is", w.Is, aggregateType(&w.Aggregate, Unknown))
		}
		if w.Times != nil {
			c.times(at+".times", "times", w.Times)
		}
		if w.Days != nil {
			c.times(at+".days", "days", w.Days)
		}
	}
	if s != nil {
		c.aggregateColumn(e, at, s, &w.Aggregate)
		c.rows(e, at, s, w.Where, timed, len(aggs) > 0)
		if len(aggs) == 0 && timed == "" {
			c.needTime(e, at+"."+kind, s, kind)
		}
	}
}

func (c *checker) times(at, key string, t *CountTest) {
	set, never := 0, false
	for _, n := range []struct {
		p   *int
		min int // at least, so that it can be true of more than nobody's rows
	}{{t.Is, 0}, {t.AtLeast, 0}, {t.AtMost, 0}, {t.MoreThan, 0}, {t.LessThan, 1}} {
		if n.p != nil {
			set++
			never = never || *n.p < n.min
		}
	}
	switch {
	case set != 1:
		c.fail(at, "models.one_operator", "write one of is, at_least, at_most, more_than, less_than", "%s compares with one operator, not %d", key, set)
	case never:
		c.fail(at, "models.count", "use a number that a count can have", "no count of %s can be less than 0", map[string]string{"times": "rows", "days": "days"}[key])
	}
}

// policy checks one policy.
func (c *checker) policy(p *Policy) {
	at := Path("policies", p.Name)
	c.name("policy", at, p.Name)
	kinds := p.kinds()
	switch {
	case len(kinds) == 0:
		c.failKey(at, "models.empty_policy", "add purpose: and require:, or deny:, suppress: or cap:", "policy %s neither requires nor denies anything", p.Name)
		return
	case len(kinds) > 1:
		c.failKey(at+"."+kinds[1], "models.too_many", "make two policies of it", "policy %s has %s and %s", p.Name, kinds[0], kinds[1])
		return
	case p.Suppress != nil:
		c.suppress(p, at+".suppress")
		return
	case p.Cap != nil:
		c.cap(p, at+".cap")
		return
	case p.Deny != nil:
		c.deny(p, at+".deny")
		if p.Purpose != "" {
			c.failKey(at+".purpose", "models.not_beside", "take it out", "a policy that denies holds for every purpose")
		}
		return
	}
	if p.Purpose == "" {
		c.failKey(at, "models.no_purpose", "add purpose: and name it on destinations or syncs", "policy %s requires something and says not for which purpose", p.Name)
	} else if p.Purpose == "none" {
		c.fail(at+".purpose", "models.reserved_name", "choose another name", "none says that there is no purpose; no policy can guard it")
	} else if what, fix := NameProblem(p.Purpose); what != "" {
		c.fail(at+".purpose", "models.name", fix, "%s", what)
	}
	if p.Entity == "" {
		c.failKey(at, "models.no_entity", "add entity:", "policy %s says not whose profiles it requires something of", p.Name)
		return
	}
	e, ok := c.entities[p.Entity]
	if !ok {
		c.unknown(at+".entity", "entity", p.Entity, c.m.EntityNames())
		return
	}
	c.condition(e, p.Require, at+".require", 0)
}

// policyKinds are the kinds of destinations that a policy can name; package destinations has
// the same.
var policyKinds = []string{"email", "ads", "sms", "crm", "messaging", "file", "table", "http"}

func (c *checker) deny(p *Policy, at string) {
	for i, k := range p.Deny.Kinds {
		if !contains(policyKinds, k) {
			c.unknown(item(at+".kinds", i), "kind", k, policyKinds)
			c.out[len(c.out)-1].What = fmt.Sprintf("unknown kind of destination %q", k)
		}
	}
	c.doubles(at+".kinds", p.Deny.Kinds)
	c.doubles(at+".pii", p.Deny.PII)
	if _, ok := c.entities[p.Entity]; p.Entity != "" && !ok {
		c.unknown(Path("policies", p.Name, "entity"), "entity", p.Entity, c.m.EntityNames())
	}
	tags := c.m.PIITags()
	for i, tag := range p.Deny.PII {
		if !contains(tags, tag) {
			c.warn(item(at+".pii", i), "models.unknown_tag", diag.DidYouMean(tag, tags), "no trait has pii: %s, so that this denies nothing", tag)
		}
	}
	if len(p.Deny.Kinds) == 0 || len(p.Deny.PII) == 0 {
		c.failKey(at, "models.empty_list", "name at least one tag and one kind", "deny has an empty list, so that it denies nothing")
	}
}
