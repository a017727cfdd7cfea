package compile

import (
	"slices"

	"github.com/weir-data/weir/internal/rel"
)

// Given is the rows of a sync with their values as the warehouse has them. What Rows.Query says of
// a row depends on nothing but the values of its columns, so that a row whose values are those of
// before needs not be normalised to know that it is the same.
type Given struct {
	// Query has the columns key, id_1 … as texts, field_1 … and barred.
	Query rel.Query
	// Columns are those of Query after key, in order.
	Columns []string
	// Rows is what Rows.Query is, over a relation that has the columns of Query, under the alias
	// "g". More columns of it come out as they are.
	Rows func(from rel.Relation, more ...string) rel.Query
}

// given makes the rows before trimming and normalising. It comes after finish.
func (d *desired) given() *Given {
	if d.asks || len(d.problems) > 0 {
		return nil
	}
	of := map[string]rel.Expr{}
	for _, c := range d.rows.Columns {
		of[c.As] = c.Expr
	}
	plain := map[string]bool{}
	for i, text := range d.texts {
		_, plain[nth("id", i)] = of[nth("id", i)] // it is among the columns unless it has a form
		of[nth("id", i)] = text
	}
	g := &Given{}
	for i := range d.ids {
		g.Columns = append(g.Columns, nth("id", i))
	}
	for i := range d.columns {
		g.Columns = append(g.Columns, nth("field", i))
	}
	g.Columns = append(g.Columns, "barred")
	q := d.rows
	q.Columns = []rel.Column{rel.As("key", of["key"])}
	for _, name := range g.Columns {
		q.Columns = append(q.Columns, rel.As(name, of[name]))
	}
	g.Query = q
	forms := slices.Clone(d.forms)
	for i := range forms {
		forms[i].raw = rel.C("g", forms[i].name)
	}
	g.Rows = func(from rel.Relation, more ...string) rel.Query {
		rows := rel.Select{From: from, Columns: []rel.Column{rel.As("key", rel.C("g", "key"))}}
		for _, name := range slices.Concat(g.Columns, more) {
			e := rel.Expr(rel.C("g", name))
			switch {
			case plain[name]:
				e = rel.F(rel.NullIf, rel.F(rel.Trim, e), rel.T(""))
			case slices.ContainsFunc(forms, func(f form) bool { return f.name == name }):
				continue // its layers add it
			}
			rows.Columns = append(rows.Columns, rel.As(name, e))
		}
		return d.over(rows, forms, rel.C("d", "barred"), nil, more...)
	}
	return g
}
