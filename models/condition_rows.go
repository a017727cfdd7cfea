package models

// Sources lists the sources that a condition looks at by itself, without those inside it, each
// once.
func (w *Condition) Sources() []string {
	var out []string
	add := func(name string) {
		if name != "" && !contains(out, name) {
			out = append(out, name)
		}
	}
	add(w.Did)
	add(w.Never)
	add(w.Every)
	for i := range w.Sequence {
		add(w.Sequence[i].Source())
	}
	return out
}

// RowColumns lists the columns that a condition of an entity reads of rows, by itself: those that it
// names, those that lead to them and to the owners of the rows, and the times that it asks about.
func (m *Model) RowColumns(e *Entity, w *Condition) []SourceColumn {
	var out []SourceColumn
	timed := w.Within != nil || w.Between != nil || w.Days != nil || w.Sequence != nil || w.First != "" || w.Last != ""
	read := func(source string, where []ColumnTest) {
		for _, t := range where {
			out = append(out, m.ColumnsRead(source, t.Column)...)
		}
		out = append(out, m.OwnerColumns(e, source)...)
		if timed {
			out = append(out, m.TimeColumns(e, source)...)
		}
	}
	if source := or(w.Did, w.Never, w.Every); source != "" {
		read(source, w.Where)
		if c := w.Aggregate.Column(); c != "" {
			out = append(out, m.ColumnsRead(source, c)...)
		}
	}
	for i := range w.Sequence {
		step := &w.Sequence[i]
		read(step.Source(), step.Where)
		for _, same := range w.Same {
			out = append(out, m.ColumnsRead(step.Source(), same)...)
		}
	}
	return out
}

// TimeColumns lists the column that says when the rows of a source happened or last changed; none
// if nothing does.
func (m *Model) TimeColumns(e *Entity, source string) []SourceColumn {
	s := m.Source(source)
	if s == nil {
		return nil
	}
	if s = m.TimeSource(e, s); s == nil {
		return nil
	}
	return []SourceColumn{{s.Name, or(s.Time, s.UpdatedAt)}}
}
