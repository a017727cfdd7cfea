package models

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Traits lists the traits that a condition itself looks at, not those inside it, each with the path
// of the key that names it. Those that an sql condition names are found by reading it.
func (w *Condition) Traits(e *Entity, at string) []Reference {
	var out []Reference
	add := func(name, key string) {
		if name != "" {
			out = append(out, Reference{Name: name, Path: at + "." + key})
		}
	}
	add(w.Trait, "trait")
	add(w.By, "by")
	if w.Near != nil {
		for i, name := range w.Near.At {
			add(name, item("near.at", i))
		}
	}
	if w.SQL != "" {
		for _, name := range e.TraitsIn(w.SQL) {
			add(name, "sql")
		}
	}
	return out
}

// Reference is a name that is used, with the path of the use.
type Reference struct{ Name, Path string }

// shareCondition checks top and bottom.
func (c *checker) shareCondition(e *Entity, w *Condition, at, kind string, only func(...string)) {
	only("by", "of")
	share := w.Top
	if kind == "bottom" {
		share = w.Bottom
	}
	if share.Count == 0 && share.Percent.BasisPoints == 0 {
		c.fail(at+"."+kind, "models.count", "write a number such as 1000, or a share such as 10%", "nobody is in the %s %s", kind, share)
	}
	switch {
	case w.By == "":
		c.failKey(at+"."+kind, "models.no_by", "add by: and the name of a trait", "%s says not by which trait", kind)
	case c.traits[e.Name][w.By] == nil:
		c.unknown(at+".by", "trait", w.By, e.TraitNames())
	}
	if w.Of != "" {
		c.segmentOf(e, w.Of, at+".of")
	}
}

// segmentOf checks that a segment of the entity has this name.
func (c *checker) segmentOf(e *Entity, name, path string) {
	s, ok := c.segments[name]
	if !ok {
		known := slices.DeleteFunc(c.m.SegmentNames(e.Name), func(n string) bool { return strings.HasPrefix(path, Path("segments", n)+".") })
		c.unknown(path, "segment", name, known)
	} else if s.Entity != e.Name {
		c.fail(path, "models.other_entity", "", "segment %s is of the entity %s, not %s", s.Name, s.Entity, e.Name)
	}
}

// nearCondition checks near.
func (c *checker) nearCondition(e *Entity, w *Condition, at string, only func(...string)) {
	only()
	n, at := w.Near, at+".near"
	for _, x := range []struct {
		key  string
		v    Value
		most float64
	}{{"latitude", n.Latitude, 90}, {"longitude", n.Longitude, 180}} {
		degrees, err := strconv.ParseFloat(x.v.Text, 64)
		switch {
		case x.v.Type != Integer && x.v.Type != Number || err != nil:
			c.fail(at+"."+x.key, "models.operator_type", "write degrees, such as 48.8566", "%s takes a number of degrees, not %s", x.key, named(x.v.Type))
		case degrees < -x.most || degrees > x.most:
			c.fail(at+"."+x.key, "models.degrees", fmt.Sprintf("write a number from -%v to %v", x.most, x.most), "%s is outside of the earth", x.v.Text)
		}
	}
	if n.Within <= 0 {
		c.fail(at+".within", "models.distance", "write a distance such as 25km", "nobody is within no distance at all")
	}
	if len(n.At) != 2 {
		c.fail(at+".at", "models.near", "write two traits: [latitude, longitude]", "at takes the traits with latitude and longitude, not %d", len(n.At))
		return
	}
	c.doubles(at+".at", n.At)
	for i, name := range n.At {
		if c.traits[e.Name][name] == nil {
			c.unknown(item(at+".at", i), "trait", name, e.TraitNames())
		}
	}
}

// sqlCondition checks sql.
func (c *checker) sqlCondition(e *Entity, w *Condition, at string, only func(...string)) {
	only()
	c.expression(at+".sql", e, w.SQL)
}

// expression checks that SQL is one expression.
func (c *checker) expression(path string, e *Entity, sql string) {
	if what, fix := ExpressionProblem(sql, e.TraitNames()); what != "" {
		c.fail(path, "models.sql", fix, "sql is not one expression: %s", what)
	}
}

// listTest checks an operator on a list, or one that only lists have.
func (c *checker) listTest(path, op string, typ Type, t *Test) {
	switch {
	case typ != Unknown && typ != List:
		fix := "use in"
		if op == "contains_all" || typ != Text {
			fix = "use is or in, or name a trait that is a list"
		}
		c.failKey(path, "models.operator_type", fix, "%s is for lists, and this is %s", op, named(typ))
		return
	case op == "exists":
		return
	case op == "is" || op == "in":
		c.failKey(path, "models.operator_type", "use contains, contains_any or contains_all", "%s compares one value, and this is a list", op)
		return
	case op == "is_not" || op == "not_in":
		c.failKey(path, "models.operator_type", "use not_contains, or not: with contains_any", "%s compares one value, and this is a list", op)
		return
	case op == "starts_with" || op == "ends_with":
		c.failKey(path, "models.operator_type", "use contains with a whole item", "%s compares text, and this is a list", op)
		return
	case op == "in_region":
		c.failKey(path, "models.operator_type", "name a trait with one country", "in_region takes one country code, and this is a list")
		return
	case op != "contains" && op != "not_contains" && op != "contains_any" && op != "contains_all":
		c.failKey(path, "models.operator_type", "use contains, contains_any, contains_all or exists", "%s needs an order, which lists have not", op)
		return
	}
	vs := t.values(op)
	many := op == "contains_any" || op == "contains_all"
	if many && len(vs) == 0 {
		c.fail(path, "models.empty_list", "write at least one value", "%s has no value in it", op)
	}
	for i, v := range vs {
		at := path
		if many {
			at = item(path, i)
			if slices.Contains(vs[:i], v) {
				c.fail(at, "models.doubled", "take one of them out", "%q stands twice in this list", v.Text)
			}
		}
		if v.Type == Boolean || v.Type == Timestamp {
			c.fail(at, "models.operator_type", fmt.Sprintf("write it in quotes: %q", v.Text), "the items of lists are texts, not %s", named(v.Type))
		}
	}
}

// people checks what columns say against the conditions on what a person is: whether the trait that
// ranks has an order, and coordinates are numbers.
func (c *columnChecker) people(e *Entity, w *Condition, at string) {
	typ := func(name string) Type {
		if t := c.traits[e.Name][name]; t != nil {
			return c.m.TraitType(e, t, c.lookup)
		}
		return Unknown
	}
	if t := typ(w.By); t == Text || t == Boolean || t == List {
		c.fail(at+".by", "models.operator_type", "name a trait with numbers, dates or times", "top and bottom need an order by size, and %s is %s", w.By, named(t))
	}
	if w.Near == nil {
		return
	}
	for i, name := range w.Near.At {
		if t := typ(name); t != Unknown && t != Integer && t != Number {
			c.fail(item(at+".near.at", i), "models.operator_type", "name a trait with degrees; add type: number to it if its column is text", "coordinates are numbers, and %s is %s", name, named(t))
		}
	}
}

// listTrait checks what a trait makes of lists, or says of being one.
func (c *columnChecker) listTrait(at string, t *Trait, typ Type) {
	switch {
	case typ == List && (t.Keep == Longest):
		c.fail(at+".keep", "models.column_type", "use another keep", "keep longest takes text, and this is a list")
	case typ == List && t.Type != Unknown && t.Type != List && t.Type != Text:
		c.fail(at+".type", "models.column_type", "take type out, or use text for a JSON array", "a list cannot become %s", named(t.Type))
	case typ != List && typ != Unknown && t.Type == List:
		c.fail(at+".type", "models.column_type", "split it in a query: sql: in place of the source's table:; or collect: it from rows", "%s cannot become a list", named(typ))
	}
}
