package models

import (
	"fmt"
	"strings"

	"github.com/weir-data/weir/models/diag"
)

// TraitType infers the type of a trait's values. columns tells the type of a source's column,
// and false if it is not known. The result is Unknown where it depends on a column that is not
// known, and for an sql trait without a type.
func (m *Model) TraitType(e *Entity, t *Trait, columns func(source, column string) (Type, bool)) Type {
	if t.Type != Unknown {
		return t.Type
	}
	source, cols := t.Columns()
	switch {
	case t.derivedType() != Unknown:
		return t.derivedType()
	case t.SQL != "":
		return Unknown
	case len(cols) > 0:
		if t.Keep == AnyTrue || t.Keep == AllTrue {
			return Boolean
		}
		typ := Unknown
		for i, sc := range cols {
			ct, ok := columns(sc.Source, sc.Column)
			if !ok || ct == Unknown {
				return Unknown
			}
			if i == 0 {
				typ = ct
			} else if typ = join(typ, ct); typ == Unknown {
				return Unknown
			}
		}
		return typ
	case source != "":
		ct := Unknown
		if c := t.Aggregate.Column(); c != "" {
			at := m.ColumnOf(source, c)
			ct, _ = columns(at.Source, at.Column)
		}
		return aggregateType(&t.Aggregate, ct)
	}
	return Unknown
}

// aggregateType is the type of an aggregate over a column of type ct.
func aggregateType(a *Aggregate, ct Type) Type {
	switch {
	case a.Count || a.CountDistinct != "":
		return Integer
	case a.Avg != "":
		return Number
	case a.Collect != "":
		return List
	case a.Sum != "":
		if ct == Integer {
			return Integer
		}
		return Number
	}
	return ct
}

// join is the type that holds values of both types; Unknown if there is none.
func join(a, b Type) Type {
	switch {
	case a == b:
		return a
	case (a == Integer || a == Number) && (b == Integer || b == Number):
		return Number
	case (a == Date || a == Timestamp) && (b == Date || b == Timestamp):
		return Timestamp
	}
	return Unknown
}

// CheckColumns reports what the columns of the sources say against a model that Check has
// passed: columns that are missing, and operators and aggregates that do not fit a type. The
// columns given win over those declared with a source; a source with neither is passed over.
func CheckColumns(m *Model, columns map[string][]Column) []diag.Problem {
	c := &columnChecker{checker: newChecker(m), types: map[string]map[string]Type{}, written: map[string][]string{}}
	for i := range m.Sources {
		s := &m.Sources[i]
		cols, ok := columns[s.Name]
		if !ok {
			cols = s.Columns
		}
		if len(cols) == 0 && !ok {
			continue
		}
		c.types[s.Name] = make(map[string]Type, len(cols))
		for _, col := range cols {
			c.types[s.Name][strings.ToLower(col.Name)] = col.Type
			c.written[s.Name] = append(c.written[s.Name], col.Name)
		}
	}
	for i := range m.Sources {
		c.source(&m.Sources[i])
	}
	for i := range m.Entities {
		for j := range m.Entities[i].Traits {
			c.trait(&m.Entities[i], &m.Entities[i].Traits[j])
		}
	}
	for i := range m.Segments {
		s := &m.Segments[i]
		e := m.Entity(s.Entity)
		if e != nil && !s.Where.empty() {
			c.condition(e, &s.Where, Path("segments", s.Name, "where"))
		}
		if e != nil {
			c.strata(e, s)
		}
	}
	for i := range m.Policies {
		p := &m.Policies[i]
		if e := m.Entity(p.Entity); e != nil && p.Require != nil {
			c.condition(e, p.Require, Path("policies", p.Name, "require"))
		}
		if p.Suppress != nil {
			c.suppress(p)
		}
	}
	return c.out
}

// columnChecker checks against columns. Names are compared without case, as most warehouses do.
type columnChecker struct {
	*checker
	types   map[string]map[string]Type // source, lower-case column
	written map[string][]string        // source: columns as the warehouse writes them
}

// lookup tells a column's type; ok is false if the source's columns are not known or have none
// of that name.
func (c *columnChecker) lookup(source, column string) (Type, bool) {
	t, ok := c.types[source][strings.ToLower(column)]
	return t, ok
}

// column checks that a column is there, and returns its type.
func (c *columnChecker) column(path string, onKey bool, source, column string) (Type, bool) {
	if column == "" || c.types[source] == nil {
		return Unknown, false
	}
	t, ok := c.lookup(source, column)
	if !ok {
		fix := diag.DidYouMean(column, c.written[source])
		if fix == "" {
			fix = "run weir columns to see the columns"
		}
		c.out = append(c.out, diag.Problem{Path: path, OnKey: onKey, Code: "models.unknown_column", Fix: fix,
			What: fmt.Sprintf("source %s has no column %q", source, column)})
	}
	return t, ok
}

func (c *columnChecker) source(s *Source) {
	at := Path("sources", s.Name)
	c.column(at+".key", false, s.Name, s.Key)
	for _, f := range []struct{ key, column string }{{"updated_at", s.UpdatedAt}, {"time", s.Time}} {
		if t, ok := c.column(at+"."+f.key, false, s.Name, f.column); ok && t != Unknown && t != Date && t != Timestamp {
			c.fail(at+"."+f.key, "models.column_type", "name a column with dates or times, or cast it in a query: sql: in place of table:", "%s must be a date or a timestamp, and %s.%s is %s", f.key, s.Name, f.column, named(t))
		}
	}
	for _, r := range s.Related {
		c.column(at+".related."+r.Source, false, s.Name, r.Column)
	}
	for _, id := range s.Identifiers {
		if id.Country != "" {
			c.column(at+".identifiers."+id.Type+".country", false, s.Name, id.Country)
		}
		days := c.dates(id.Type)
		if t, ok := c.column(at+".identifiers."+id.Type, false, s.Name, id.Column); ok && (t == Boolean || t == List || !days && (t == Timestamp || t == Date)) {
			c.fail(at+".identifiers."+id.Type, "models.column_type", "name a column with text or whole numbers", "%s is %s: that identifies nobody", id.Column, named(t))
		}
	}
}

// dates reports whether some entity normalises the identifier type as dates.
func (c *columnChecker) dates(identifier string) bool {
	for i := range c.m.Entities {
		if id, _ := c.m.Entities[i].Identifier(identifier); id != nil && id.Normalizer() == "date" {
			return true
		}
	}
	return false
}

func (c *columnChecker) trait(e *Entity, t *Trait) {
	at := Path("entities", e.Name, "traits", t.Name)
	source, cols := t.Columns()
	typ := Unknown
	for i, sc := range cols {
		p := at + ".from"
		if len(cols) > 1 {
			p = item(p, i)
		}
		ct, ok := c.column(p, false, sc.Source, sc.Column)
		if !ok || ct == Unknown {
			continue
		}
		if (t.Keep == AnyTrue || t.Keep == AllTrue) && ct != Boolean && t.Type != Boolean {
			c.fail(p, "models.column_type", "add type: boolean, or use another keep", "keep %s takes true and false, and %s.%s is %s", t.Keep, sc.Source, sc.Column, named(ct))
		}
		if typ != Unknown && join(typ, ct) == Unknown && t.Type == Unknown {
			c.fail(p, "models.column_type", "add type: to the trait", "trait %s is made of %s and of %s", t.Name, named(typ), named(ct))
			break
		}
		if typ == Unknown {
			typ = ct
		} else if j := join(typ, ct); j != Unknown {
			typ = j
		}
	}
	c.listTrait(at, t, typ)
	c.derivedTypes(e, t)
	c.amount(at, source, t.Predict)
	if source != "" {
		c.aggregate(at, source, &t.Aggregate)
		c.where(at, source, t.Where)
	}
}

// aggregate checks the aggregated column and returns the type of the result.
func (c *columnChecker) aggregate(at, source string, a *Aggregate) Type {
	keys := a.set()
	if len(keys) != 1 || keys[0] == "count" {
		return aggregateType(a, Unknown)
	}
	t, ok := c.rowColumn(at+"."+keys[0], false, source, a.Column())
	if !ok {
		return aggregateType(a, Unknown)
	}
	if (a.Sum != "" || a.Avg != "") && t != Unknown && t != Integer && t != Number {
		c.fail(at+"."+keys[0], "models.column_type", "name a column with numbers, or cast it in a query: sql: in place of the source's table:",
			"%s takes numbers, and %s.%s is %s", keys[0], source, a.Column(), named(t))
	}
	if t == List && (a.Min != "" || a.Max != "" || a.Collect != "") {
		c.fail(at+"."+keys[0], "models.column_type", "name a column with single values; or keep the list of one row: from: "+source+"."+a.Column(),
			"%s takes single values, and %s.%s is a list", keys[0], source, a.Column())
	}
	return aggregateType(a, t)
}

func (c *columnChecker) where(at, source string, where []ColumnTest) {
	for i := range where {
		p := at + ".where." + where[i].Column
		if t, ok := c.rowColumn(p, true, source, where[i].Column); ok && t != Unknown {
			c.test(p, &where[i].Test, t)
		}
	}
}

func (c *columnChecker) condition(e *Entity, w *Condition, at string) {
	w.Conditions(at, func(w *Condition, at string) {
		switch {
		case w.Trait != "":
			t := c.traits[e.Name][w.Trait]
			if t == nil {
				return
			}
			test := Test{Operators: w.Operators}
			if w.Is != nil {
				test.Is = w.Is.Is
			}
			if typ := c.m.TraitType(e, t, c.lookup); typ != Unknown {
				c.test(at, &test, typ)
			}
		case w.Did != "" || w.Never != "":
			source := or(w.Did, w.Never)
			typ := c.aggregate(at, source, &w.Aggregate)
			if w.Is != nil && typ != Unknown && len(w.Aggregate.set()) == 1 {
				c.test(at+".is", w.Is, typ)
			}
			c.where(at, source, w.Where)
		case w.Every != "":
			c.where(at, w.Every, w.Where)
		case w.Sequence != nil:
			c.sequence(w, at)
		case w.Top != nil || w.Bottom != nil || w.Near != nil:
			c.people(e, w, at)
		}
	})
}
