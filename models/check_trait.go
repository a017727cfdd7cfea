package models

import (
	"fmt"
	"slices"
	"strings"
)

// SourceColumn names a column of a source.
type SourceColumn struct{ Source, Column string }

// Columns returns what the trait is computed from: a source to aggregate, or columns in order of
// preference. Both are empty for an sql trait. A list that mixes the two gives its columns.
func (t *Trait) Columns() (source string, columns []SourceColumn) {
	for _, f := range t.From {
		if s, c, ok := strings.Cut(f, "."); ok {
			columns = append(columns, SourceColumn{s, c})
		} else if source == "" {
			source = f
		}
	}
	if len(columns) > 0 {
		source = ""
	}
	return source, columns
}

// trait checks one trait.
func (c *checker) trait(e *Entity, t *Trait) {
	at := Path("entities", e.Name, "traits", t.Name)
	c.name("trait", at, t.Name, reservedTraits...)
	aggs := t.Aggregate.set()
	_, columns := t.Columns()
	kinds := t.kinds()
	switch {
	case len(kinds) == 0:
		c.failKey(at, "models.no_from", "add from: source.column, from: source with an aggregate, or one of sql:, ratio:, tiles:, rfm: and score:", "trait %s says not what it is computed from", t.Name)
	case len(kinds) > 1:
		c.failKey(at+"."+kinds[1], "models.too_many", "keep one of them", "trait %s has both %s and %s", t.Name, kinds[0], kinds[1])
	case t.Derived() && t.SQL == "":
		c.derived(e, t, at, kinds[0])
	case t.SQL != "":
		if strings.TrimSpace(t.SQL) == "" {
			c.fail(at+".sql", "models.no_from", "write an expression over other traits", "sql is empty")
		} else {
			c.expression(at+".sql", e, t.SQL)
		}
		c.notBeside(at, "sql", t.extras(aggs, true))
	case len(columns) == len(t.From):
		c.notBeside(at, "from: "+t.From[0], t.extras(aggs, false))
		for i, sc := range columns {
			p := at + ".from"
			if len(columns) > 1 {
				p = item(p, i)
			}
			if s := c.memberSource(e, p, sc.Source); s != nil && (t.Keep == "" || t.Keep == Latest || t.Keep == Earliest) {
				c.needTime(e, p, s, "keep "+string(or(t.Keep, Latest)))
			}
			if sc.Column == "" {
				c.fail(p, "models.no_column", "write source.column", "%q names no column", t.From[i])
			}
		}
		c.doubles(at+".from", t.From)
	case len(columns) > 0 || len(t.From) > 1:
		c.fail(at+".from", "models.mixed_from", "list columns, as source.column, or name one source",
			"from takes columns of sources, or one source to aggregate")
	default:
		s := c.rowSource(e, at+".from", t.From[0])
		if t.Keep != "" {
			c.failKey(at+".keep", "models.not_beside", "name a column: "+t.From[0]+".column", "keep goes with from: source.column, not with a whole source")
		}
		if t.Predict != nil {
			aggs = append(aggs, "predict")
			c.predict(t.Predict, at+".predict")
			if t.Type != Unknown {
				c.failKey(at+".type", "models.not_beside", "take it out", "type does not go with predict, which gives numbers")
			}
		}
		switch len(aggs) {
		case 0:
			c.failKey(at, "models.no_aggregate", fmt.Sprintf("add one of %s, or predict; or name a column: %s.column", strings.Join(aggregateNames, ", "), t.From[0]),
				"trait %s is computed from the rows of %s and says not how", t.Name, t.From[0])
		case 1:
		default:
			c.failKey(at+"."+aggs[1], "models.too_many", "keep one of them", "trait %s has more than one aggregate: %s", t.Name, strings.Join(aggs, ", "))
		}
		if s != nil {
			c.aggregateColumn(e, at, s, &t.Aggregate)
			c.rows(e, at, s, t.Where, c.rowWindow(at, t.Within, t.Between), len(aggs) > 0)
		}
	}
}

// extras lists the keys of a trait that are set beside from or sql.
func (t *Trait) extras(aggs []string, keep bool) []string {
	out := slices.Clone(aggs)
	if keep && t.Keep != "" {
		out = append(out, "keep")
	}
	if t.Predict != nil {
		out = append(out, "predict")
	}
	if t.Where != nil {
		out = append(out, "where")
	}
	if t.Within != nil {
		out = append(out, "within")
	}
	if t.Between != nil {
		out = append(out, "between")
	}
	return out
}

// notBeside reports keys that do not go with another.
func (c *checker) notBeside(at, with string, keys []string) {
	for _, k := range keys {
		fix := "take it out"
		if strings.HasPrefix(with, "from: ") {
			source, _, _ := strings.Cut(strings.TrimPrefix(with, "from: "), ".")
			fix = fmt.Sprintf("take it out; or aggregate the rows, with from: %s", source)
		}
		c.failKey(at+"."+k, "models.not_beside", fix, "%s does not go with %s", k, with)
	}
}

var aggregateNames = []string{"count", "count_distinct", "sum", "min", "max", "avg", "most_frequent", "first", "last", "collect"}

// set lists the aggregates that are set, by their keys.
func (a *Aggregate) set() []string {
	var out []string
	if a.Count {
		out = append(out, "count")
	}
	for _, name := range aggregateNames[1:] {
		if a.column(name) != "" {
			out = append(out, name)
		}
	}
	return out
}

// column is the column of the aggregate with a key; "" if it is not set.
func (a *Aggregate) column(key string) string {
	switch key {
	case "count_distinct":
		return a.CountDistinct
	case "sum":
		return a.Sum
	case "min":
		return a.Min
	case "max":
		return a.Max
	case "avg":
		return a.Avg
	case "most_frequent":
		return a.MostFrequent
	case "first":
		return a.First
	case "last":
		return a.Last
	case "collect":
		return a.Collect
	}
	return ""
}

// Column returns the column that is aggregated; "" for a count of rows or none.
func (a *Aggregate) Column() string {
	return or(a.CountDistinct, a.Sum, a.Min, a.Max, a.Avg, a.MostFrequent, a.First, a.Last, a.Collect)
}

// memberSource finds a source whose rows belong to the entity's profiles, or reports why not.
func (c *checker) memberSource(e *Entity, path, name string) *Source {
	s, ok := c.sources[name]
	if !ok {
		c.unknown(path, "source", name, c.m.SourceNames())
		return nil
	}
	if !c.from[e.Name][name] {
		c.fail(path, "models.not_in_identity", fmt.Sprintf("add %s to entities.%s.identity.from", name, e.Name),
			"the rows of %s belong to no %s", name, e.Name)
		return nil
	}
	return s
}

// needTime reports a source whose rows have no time at all where one is needed.
func (c *checker) needTime(e *Entity, path string, s *Source, who string) {
	if c.m.TimeSource(e, s) == nil {
		c.fail(path, "models.no_time", fmt.Sprintf("add time: or updated_at: to the source %s", s.Name),
			"%s needs a time, and source %s has neither time nor updated_at", who, s.Name)
	}
}

// rows checks the filter over the rows of a source. timed is the key that needs to know when a row
// happened, or "".
func (c *checker) rows(e *Entity, at string, s *Source, where []ColumnTest, timed string, aggregated bool) {
	switch {
	case timed != "" && !c.happens(e, s):
		c.fail(at+"."+timed, "models.no_time", fmt.Sprintf("add time: to the source %s, or take %s out", s.Name, timed),
			"%s needs the time of an event, and source %s has none", timed, s.Name)
	case aggregated:
		c.needTime(e, at, s, "aggregating rows")
	}
	for i := range where {
		c.rowColumn(at+".where."+where[i].Column, true, s, where[i].Column)
		c.test(at+".where."+where[i].Column, &where[i].Test, Unknown)
	}
}

// or returns the first value that is not zero.
func or[T comparable](xs ...T) T {
	var zero T
	for _, x := range xs {
		if x != zero {
			return x
		}
	}
	return zero
}
