package modeltests

import (
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/models"
)

// columns are the columns of every source, as far as a project tells: those that it declares,
// else those that its models use. A type is Unknown where nothing tells it.
type columns struct {
	m  *models.Model
	of map[string][]models.Column
}

// usedColumns reads the columns of the sources out of a project.
func usedColumns(p *project.Project) *columns {
	c := &columns{m: &p.Model, of: map[string][]models.Column{}}
	for source, cols := range p.Columns {
		c.of[source] = slices.Clone(cols)
	}
	for i := range p.Model.Sources {
		c.source(&p.Model.Sources[i])
	}
	for i := range p.Model.Entities {
		c.entity(&p.Model.Entities[i])
	}
	for i := range p.Model.Segments {
		s := &p.Model.Segments[i]
		c.condition(p.Model.Entity(s.Entity), &s.Where)
	}
	for i := range p.Model.Policies {
		q := &p.Model.Policies[i]
		if q.Require != nil {
			c.condition(p.Model.Entity(q.Entity), q.Require)
		}
		if q.Suppress != nil {
			for _, id := range q.Suppress.Identifiers {
				c.use(q.Suppress.Source, id.Column, models.Unknown)
			}
			c.tests(q.Suppress.Source, q.Suppress.Where)
		}
	}
	for i := range p.Syncs {
		s := &p.Syncs[i]
		if s.Source == "" {
			continue
		}
		for _, m := range s.Match {
			c.use(s.Source, m.Trait, models.Unknown)
		}
		for _, f := range s.Fields {
			if f.Trait != "" {
				c.use(s.Source, f.Trait, models.Unknown)
			}
		}
	}
	return c
}

// use notes that a column of a source is used, and as what. The first type that is known stays.
// A dotted name is a column of a related source.
func (c *columns) use(source, name string, typ models.Type) {
	if name == "" {
		return
	}
	if related, rest, ok := strings.Cut(name, "."); ok && c.m.Source(related) != nil {
		c.use(related, rest, typ)
		return
	}
	for i := range c.of[source] {
		if have := &c.of[source][i]; strings.EqualFold(have.Name, name) {
			if have.Type == models.Unknown {
				have.Type = typ
			}
			return
		}
	}
	c.of[source] = append(c.of[source], models.Column{Name: name, Type: typ})
}

func (c *columns) source(s *models.Source) {
	for _, col := range s.Columns {
		c.use(s.Name, col.Name, col.Type)
	}
	c.use(s.Name, s.Key, models.Unknown)
	c.use(s.Name, s.Time, models.Timestamp)
	c.use(s.Name, s.UpdatedAt, models.Timestamp)
	for _, id := range s.Identifiers {
		c.use(s.Name, id.Column, models.Unknown)
		c.use(s.Name, id.Country, models.Text)
	}
	for _, r := range s.Related {
		c.use(s.Name, r.Column, models.Unknown)
	}
}

func (c *columns) entity(e *models.Entity) {
	if e.Identity.Fuzzy != nil {
		for i := range e.Identity.Fuzzy.Fields {
			f := &e.Identity.Fuzzy.Fields[i]
			for _, sc := range f.Columns() {
				c.use(sc.Source, sc.Column, models.Unknown)
			}
		}
	}
	for i := range e.Traits {
		t := &e.Traits[i]
		source, cols := t.Columns()
		for _, sc := range cols {
			typ := t.Type
			if t.Keep == models.AnyTrue || t.Keep == models.AllTrue {
				typ = models.Boolean
			}
			c.use(sc.Source, sc.Column, typ)
		}
		if source != "" {
			c.aggregate(source, &t.Aggregate)
			c.tests(source, t.Where)
			if t.Predict != nil {
				c.use(source, t.Predict.Amount, models.Number)
			}
		}
	}
}

func (c *columns) aggregate(source string, a *models.Aggregate) {
	typ := models.Unknown
	if a.Sum != "" || a.Avg != "" {
		typ = models.Number
	}
	c.use(source, a.Column(), typ)
}

func (c *columns) tests(source string, where []models.ColumnTest) {
	for i := range where {
		c.use(source, where[i].Column, testType(&where[i].Test))
	}
}

func (c *columns) condition(e *models.Entity, w *models.Condition) {
	w.Conditions("", func(w *models.Condition, _ string) {
		if source := w.Did + w.Never + w.Every; source != "" { // one of them
			c.aggregate(source, &w.Aggregate)
			c.tests(source, w.Where)
		}
		for i := range w.Sequence {
			source := w.Sequence[i].Did + w.Sequence[i].Never
			c.tests(source, w.Sequence[i].Where)
			for _, same := range w.Same {
				c.use(source, same, models.Unknown)
			}
		}
		if w.Trait == "" || e == nil {
			return
		}
		// What a trait is compared with tells the type of the columns that it is kept from.
		t := e.Trait(w.Trait)
		if t == nil || t.Type != models.Unknown {
			return
		}
		test := models.Test{Operators: w.Operators}
		if w.Is != nil {
			test = *w.Is
		}
		if source, cols := t.Columns(); source == "" {
			for _, sc := range cols {
				c.use(sc.Source, sc.Column, testType(&test))
			}
		}
	})
}

// testType is the type that a test asks for, or Unknown.
func testType(t *models.Test) models.Type {
	switch o := &t.Operators; {
	case o.ContainsAny != nil, o.ContainsAll != nil:
		return models.List
	case o.Within != nil, o.WithinNext != 0, o.Anniversary != nil:
		return models.Timestamp
	case o.Contains != nil, o.NotContains != nil, o.StartsWith != nil, o.EndsWith != nil, o.InRegion != nil:
		return models.Text
	}
	var values []models.Value
	for _, v := range []*models.Value{t.Is, t.IsNot, t.AtLeast, t.AtMost, t.MoreThan, t.LessThan} {
		if v != nil {
			values = append(values, *v)
		}
	}
	values = append(append(append(values, t.In...), t.NotIn...), t.Between...)
	typ := models.Unknown
	for _, v := range values {
		typ = wider(typ, v.Type)
	}
	return typ
}

// wider is the type that holds values of both; text where nothing else does.
func wider(a, b models.Type) models.Type {
	numbers := func(t models.Type) bool { return t == models.Integer || t == models.Number }
	times := func(t models.Type) bool { return t == models.Date || t == models.Timestamp }
	switch {
	case a == models.Unknown || a == b:
		return b
	case b == models.Unknown:
		return a
	case numbers(a) && numbers(b):
		return models.Number
	case times(a) && times(b):
		return models.Timestamp
	}
	return models.Text
}
