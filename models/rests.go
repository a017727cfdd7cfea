package models

import "slices"

// Resting collects the sources that something rests on: those whose rows decide what it says.
type Resting struct {
	m       *Model
	e       *Entity
	sources []string
	seen    map[string]bool // traits and segments, so that circles end
}

// RestsOn begins with no source. e may be nil where no profiles are involved.
func (m *Model) RestsOn(e *Entity) *Resting {
	return &Resting{m: m, e: e, seen: map[string]bool{}}
}

// Sources lists them, each once, in the order in which they were found.
func (r *Resting) Sources() []string { return r.sources }

// Profiles adds the sources that decide who is a profile: all those of the identity, or without all
// those that join: a row with one identifier makes nobody out of two.
func (r *Resting) Profiles(all bool) {
	if r.e == nil {
		return
	}
	for _, name := range r.e.Identity.From {
		s := r.m.Source(name)
		if s == nil {
			continue
		}
		known := 0
		for _, id := range s.Identifiers {
			if t, _ := r.e.Identifier(id.Type); t != nil {
				known++
			}
		}
		if all || known > 1 {
			r.Source(name)
		}
	}
}

// Source adds sources by name; names of none are left out.
func (r *Resting) Source(names ...string) {
	for _, n := range names {
		if r.m.Source(n) != nil && !slices.Contains(r.sources, n) {
			r.sources = append(r.sources, n)
		}
	}
}

func (r *Resting) read(columns []SourceColumn) {
	for _, c := range columns {
		r.Source(c.Source)
	}
}

// Trait adds what a trait is computed from, other traits included.
func (r *Resting) Trait(name string) {
	if r.e == nil || r.seen["trait "+name] {
		return
	}
	r.seen["trait "+name] = true
	t := r.e.Trait(name)
	if t == nil {
		return
	}
	source, columns := t.Columns()
	r.read(columns)
	if source != "" {
		r.Source(source)
		r.read(r.m.OwnerColumns(r.e, source))
		names := []string{t.Aggregate.Column()}
		for _, w := range t.Where {
			names = append(names, w.Column)
		}
		for _, n := range names {
			if n != "" {
				r.read(r.m.ColumnsRead(source, n))
			}
		}
	}
	for _, other := range r.e.TraitsOf(t) {
		r.Trait(other)
	}
}

// Mapped adds what a mapped value comes from: a trait, or where rows of a source are sent a column.
func (r *Resting) Mapped(source, name string) {
	switch {
	case name == "":
	case source != "":
		r.read(r.m.ColumnsRead(source, name))
	default:
		r.Trait(name)
	}
}

// Segment adds what decides who is in a segment.
func (r *Resting) Segment(name string) {
	if r.seen["segment "+name] {
		return
	}
	r.seen["segment "+name] = true
	s := r.m.Segment(name)
	if s == nil {
		return
	}
	for _, other := range s.Refers() {
		r.Segment(other)
	}
	for _, t := range s.StratifyBy {
		r.Trait(t)
	}
	if s.Where.empty() && len(s.Priority) == 0 { // everybody
		r.Profiles(true)
	}
	r.Condition(&s.Where)
}

// Condition adds what a condition looks at, and those inside it.
func (r *Resting) Condition(w *Condition) {
	if r.e == nil {
		return
	}
	w.Conditions("", func(w *Condition, at string) {
		for _, t := range w.Traits(r.e, at) {
			r.Trait(t.Name)
		}
		r.Source(w.Sources()...)
		r.read(r.m.RowColumns(r.e, w))
		for _, g := range []string{w.Segment, w.Of} {
			if g != "" {
				r.Segment(g)
			}
		}
	})
}
