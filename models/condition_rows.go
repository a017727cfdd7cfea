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
// names, and those that lead to them and to the owners of the rows.
func (m *Model) RowColumns(e *Entity, w *Condition) []SourceColumn {
	var out []SourceColumn
	read := func(source string, where []ColumnTest) {
		for _, t := range where {
			out = append(out, m.ColumnsRead(source, t.Column)...)
		}
		out = append(out, m.OwnerColumns(e, source)...)
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
