package dialect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// query renders a query whose first line stands at the caller's place and whose other lines
// start at a level.
func (w *writer) query(q rel.Query, level int) string {
	switch q := q.(type) {
	case rel.Select:
		return w.selects(q, level)
	case rel.Union:
		return w.union(q, level)
	case rel.Values:
		return w.values(q, level)
	case rel.RawQuery:
		return "SELECT *" + nl(level) + "FROM " + w.inner(q, level) + " AS " + w.ident("q")
	case nil:
		return w.fail("a query is missing")
	default:
		return w.fail("unknown query %T", q)
	}
}

// inner renders a query in parentheses. A user's own text gets lines of its own, so that a
// comment at its end cannot take the parenthesis with it.
func (w *writer) inner(q rel.Query, level int) string {
	if raw, ok := q.(rel.RawQuery); ok {
		return "(\n" + w.raw(raw.SQL) + "\n)"
	}
	if level < 0 {
		return "(" + w.query(q, flat) + ")"
	}
	return "(" + nl(level+1) + w.query(q, level+1) + nl(level) + ")"
}

func (w *writer) raw(sql string) string {
	text, err := w.s.lexicon.raw(sql)
	if err != nil {
		return w.fail("the SQL of the project cannot be used: %w", err)
	}
	return text
}

func (w *writer) selects(q rel.Select, level int) string {
	if len(q.Columns) == 0 {
		return w.fail("a select has no columns")
	}
	q = w.prepared(q)
	text := comment(q.Comment, level)
	for i, c := range q.With {
		if i == 0 {
			text += "WITH "
		}
		text += w.ident(c.Name) + " AS " + w.inner(c.Query, level)
		if i < len(q.With)-1 {
			text += ","
		}
		text += nl(level)
	}
	text += "SELECT"
	if q.Distinct {
		text += " DISTINCT"
	}
	for i, c := range q.Columns {
		if i > 0 {
			text += ","
		}
		if len(q.Columns) == 1 {
			text += " " + w.column(c, level)
		} else {
			text += nl(deeper(level)) + w.column(c, deeper(level))
		}
	}
	if q.From != nil {
		text += nl(level) + "FROM " + w.relation(q.From, level)
	} else if len(q.Joins) > 0 {
		return w.fail("a join needs something to join to")
	} else if q.Where != nil {
		text += w.s.oneRow(level)
	}
	for _, j := range q.Joins {
		text += w.join(j, level)
	}
	text += w.where("WHERE", q.Where, level)
	if len(q.GroupBy) > 0 {
		text += nl(level) + "GROUP BY " + w.groups(q, deeper(level))
	}
	text += w.where("HAVING", q.Having, level)
	if len(q.OrderBy) > 0 {
		text += nl(level) + "ORDER BY " + w.orders(q.OrderBy, deeper(level))
	}
	if q.Limit > 0 {
		text += nl(level) + "LIMIT " + strconv.FormatInt(q.Limit, 10)
	} else if q.Offset > 0 && w.s.noLimit != "" {
		text += nl(level) + w.s.noLimit
	}
	if q.Offset > 0 {
		text += nl(level) + "OFFSET " + strconv.FormatInt(q.Offset, 10)
	} else if q.Fence && w.s.fence != "" {
		text += nl(level) + w.s.fence
	}
	return text
}

// groups renders what a query groups by. Where the warehouse does not see that an expression with a
// query in it is the one that is selected, or takes the alias of a table for the column of that name,
// it is told by its place.
func (w *writer) groups(q rel.Select, level int) string {
	if !w.s.groupsByPlace {
		return w.list(q.GroupBy, level)
	}
	parts := make([]string, len(q.GroupBy))
	for i, e := range q.GroupBy {
		parts[i] = w.expr(e, level)
		col, _ := e.(rel.Col)
		hidden := func(c rel.Column) bool { return col.Table != "" && strings.EqualFold(c.As, col.Table) }
		if !strings.Contains(parts[i], "(SELECT ") && !slices.ContainsFunc(q.Columns, hidden) {
			continue
		}
		same := func(c rel.Column) bool { return w.expr(c.Expr, level) == parts[i] }
		if place := slices.IndexFunc(q.Columns, same); place >= 0 {
			parts[i] = strconv.Itoa(place + 1)
		}
	}
	return strings.Join(parts, ", ")
}

// column renders an item of a select list. A column that keeps its name needs no alias.
func (w *writer) column(c rel.Column, level int) string {
	text := w.stored(c.Expr, level)
	if col, ok := c.Expr.(rel.Col); ok && col.Name == c.As {
		return text
	}
	return text + " AS " + w.ident(c.As)
}

// stored renders an expression that a column is made of, with the type that the algebra gives
// it: bare literals would make a column of 32 bits, and text would keep the collation of the
// database.
func (w *writer) stored(e rel.Expr, level int) string {
	text := w.expr(e, level)
	switch typeOf(e) {
	case models.Integer:
		if !isWide(e) {
			return "CAST(" + text + " AS " + w.typeName(models.Integer) + ")"
		}
	case models.Number:
		if !isWide(e) {
			return "CAST(" + text + " AS " + w.typeName(models.Number) + ")"
		}
	case models.Text:
		return w.s.bytewise(w.arg(e, level))
	}
	return text
}

func (w *writer) union(q rel.Union, level int) string {
	if len(q.Queries) == 0 {
		return w.fail("a union has no queries")
	}
	word := cmp.Or(w.s.union, "UNION")
	if q.All {
		word = "UNION ALL"
	}
	var text string
	for i, b := range q.Queries {
		if i > 0 {
			text += nl(level) + word + nl(level)
		}
		s, simple := b.(rel.Select)
		if simple && len(s.With) == 0 && len(s.OrderBy) == 0 && s.Limit == 0 && s.Offset == 0 && !s.Fence {
			text += w.query(b, level)
		} else {
			text += `SELECT * FROM ` + w.inner(b, level) + " AS " + w.ident("q")
		}
	}
	return text
}

// values renders a table of literals. The casts around it give the columns their types whatever
// the rows hold.
func (w *writer) values(q rel.Values, level int) string {
	if len(q.Columns) == 0 || len(q.Rows) == 0 {
		return w.fail("a table of values needs columns and rows")
	}
	names := make([]string, len(q.Columns))
	text := "SELECT"
	for i, f := range q.Columns {
		names[i] = w.ident(f.Name)
		if i > 0 {
			text += ","
		}
		cast := "CAST(" + w.ident("v") + "." + names[i] + " AS " + w.typeName(f.Type) + ")"
		if f.Type == models.Text {
			cast = w.s.bytewise(cast)
		}
		text += nl(deeper(level)) + cast + " AS " + names[i]
	}
	for i, row := range q.Rows {
		if len(row) != len(q.Columns) {
			return w.fail("row %d of a table of values has %d items for %d columns", i+1, len(row), len(q.Columns))
		}
	}
	if w.s.rows != nil {
		return text + nl(level) + "FROM " + w.s.rows(w, q, level)
	}
	text += nl(level) + "FROM (VALUES"
	for i, row := range q.Rows {
		if i > 0 {
			text += ","
		}
		text += nl(deeper(level)) + "(" + w.list(row, flat) + ")"
	}
	return text + nl(level) + ") AS " + w.ident("v") + " (" + strings.Join(names, ", ") + ")"
}

func (w *writer) relation(r rel.Relation, level int) string {
	switch r := r.(type) {
	case rel.Table:
		alias := r.Alias
		if alias == "" && len(r.Name) > 0 {
			alias = r.Name[len(r.Name)-1]
		}
		return w.name(r.Name) + " AS " + w.ident(alias)
	case rel.Sub:
		return w.inner(r.Query, level) + " AS " + w.ident(r.Alias)
	case nil:
		return w.fail("a relation is missing")
	default:
		return w.fail("unknown relation %T", r)
	}
}

func (w *writer) join(j rel.Join, level int) string {
	words := map[rel.JoinKind]string{rel.Inner: "JOIN ", rel.Left: "LEFT JOIN ", rel.Full: "FULL JOIN ", rel.Cross: "CROSS JOIN "}
	word, ok := words[j.Kind]
	if !ok {
		return w.fail("unknown kind of join %d", j.Kind)
	}
	text := nl(level) + word + w.relation(j.Rel, level)
	if j.Kind == rel.Cross {
		if j.On != nil {
			return w.fail("a cross join has no condition")
		}
		return text
	}
	if j.On == nil {
		return w.fail("a join needs a condition")
	}
	return text + " ON " + w.expr(j.On, deeper(level))
}

// where renders a clause of conditions, each on a line of its own.
func (w *writer) where(word string, e rel.Expr, level int) string {
	if e == nil {
		return ""
	}
	text := nl(level) + word + " "
	call, ok := e.(rel.Call)
	if !ok || call.Fn != rel.And || len(call.Args) < 2 {
		return text + w.met(e, 0, deeper(level))
	}
	for i, a := range call.Args {
		if i > 0 {
			text += nl(deeper(level)) + "AND "
		}
		text += w.met(a, precAnd+1, deeper(level))
	}
	return text
}

// met renders a condition that must hold, for a place that binds as tight as prec.
func (w *writer) met(e rel.Expr, prec, level int) string {
	if x, ok := e.(rel.Exists); ok && w.s.looksUp {
		if text, ok := w.among(x.Query, true, level); ok {
			return text
		}
	}
	return w.tight(e, prec, level)
}

func (w *writer) list(es []rel.Expr, level int) string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = w.expr(e, level)
	}
	return strings.Join(parts, ", ")
}

// orders renders the sort keys of a query. Absent values are last in both directions.
func (w *writer) orders(os []rel.Order, level int) string { return w.keys(os, level, false) }

// sorted renders the sort keys of an aggregate or window.
func (w *writer) sorted(os []rel.Order, level int) string { return w.keys(os, level, w.s.nullsFirst) }

// keys renders sort keys. With nullsFirst, where NULL is the least of all, a descending order has
// absent values last already, and an ascending one asks for them first.
func (w *writer) keys(os []rel.Order, level int, nullsFirst bool) string {
	parts := make([]string, len(os))
	for i, o := range os {
		text := w.expr(o.Expr, level)
		switch o.Expr.(type) {
		case rel.Lit: // a bare number would be a place in the select list
			text = "CAST(" + text + " AS " + w.typeName(typeOf(o.Expr)) + ")"
		default:
			if typeOf(o.Expr) == models.Text {
				text = w.s.bytewise(w.arg(o.Expr, level))
			}
		}
		if o.Desc {
			text += " DESC"
		}
		switch {
		case !nullsFirst:
			text += " NULLS LAST"
		case !o.Desc && !neverNull(o.Expr):
			text = w.arg(o.Expr, level) + " IS NULL, " + text
		}
		parts[i] = text
	}
	return strings.Join(parts, ", ")
}
