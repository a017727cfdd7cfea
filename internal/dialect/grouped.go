package dialect

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// prepared is a select as the warehouse can run it. Where no aggregate gives the first value of a
// group, a query inside numbers the rows of each group in its order, and what is wanted is the value
// of the row that is number one. Aggregates that need the same row share a number, so that several
// columns come from one row even where the order leaves open which it is.
func (w *writer) prepared(q rel.Select) rel.Select {
	if !w.s.ranksFirst {
		return q
	}
	needs := func(a rel.Agg) bool { return a.Fn == rel.First || a.Fn == rel.BitXor && w.s.namesBits }
	found := false
	for _, e := range shown(q) {
		found = found || anyAggregate(e, needs)
	}
	if !found || q.From == nil {
		return q
	}
	g := &grouping{w: w, q: q}
	g.in = rel.Select{From: q.From, Joins: q.Joins, Where: q.Where}
	out := rel.Select{Comment: q.Comment, With: q.With, Distinct: q.Distinct, Limit: q.Limit, Offset: q.Offset, Fence: q.Fence}
	for i, e := range q.GroupBy {
		name := "g" + strconv.Itoa(i)
		g.in.Columns = append(g.in.Columns, rel.As(name, e))
		out.GroupBy = append(out.GroupBy, rel.C(grouped, name))
	}
	for _, c := range q.Columns {
		out.Columns = append(out.Columns, rel.As(c.As, g.outside(c.Expr)))
	}
	if q.Having != nil {
		out.Having = g.outside(q.Having)
	}
	for _, o := range q.OrderBy {
		out.OrderBy = append(out.OrderBy, rel.Order{Expr: g.outside(o.Expr), Desc: o.Desc})
	}
	out.From = rel.Sub{Query: g.in, Alias: grouped}
	return out
}

// grouped is the alias of the rows that are grouped.
const grouped = "weir_rows"

// shown are the expressions in which a select may have aggregates.
func shown(q rel.Select) []rel.Expr {
	var out []rel.Expr
	for _, c := range q.Columns {
		out = append(out, c.Expr)
	}
	if q.Having != nil {
		out = append(out, q.Having)
	}
	for _, o := range q.OrderBy {
		out = append(out, o.Expr)
	}
	return out
}

// anyAggregate looks for an aggregate in an expression, not in queries within it.
func anyAggregate(e rel.Expr, is func(rel.Agg) bool) bool {
	if a, ok := e.(rel.Agg); ok {
		return is(a)
	}
	found := false
	mapped(e, func(e rel.Expr) rel.Expr {
		found = found || anyAggregate(e, is)
		return e
	})
	return found
}

// grouping takes a select apart: what is worked out of each row, and what of a group.
type grouping struct {
	w     *writer
	q     rel.Select
	in    rel.Select
	ranks []ranked
	args  []rel.Expr // of which the nth is the column an
}

// ranked is an order of the rows of a group, and the condition that they come first by.
type ranked struct {
	where rel.Expr
	by    []rel.Order
}

// outside is an expression over groups as it is over the query inside.
func (g *grouping) outside(e rel.Expr) rel.Expr {
	for i, by := range g.q.GroupBy {
		if reflect.DeepEqual(by, e) {
			return rel.C(grouped, "g"+strconv.Itoa(i))
		}
	}
	switch e := e.(type) {
	case rel.Lit:
		return e
	case rel.Agg:
		return g.aggregate(e)
	case rel.Call, rel.Case, rel.Cast, rel.InList:
		return mapped(e, g.outside)
	}
	g.w.fail("a select takes the first of a group, and has a %T that is neither grouped by nor aggregated", e)
	return e
}

func (g *grouping) aggregate(a rel.Agg) rel.Expr {
	if a.Arg == nil {
		return a
	}
	typ := typeOf(a.Arg)
	if typ == models.Unknown {
		typ = a.Is
	}
	value := typed(rel.C(grouped, g.arg(a.Arg)), typ)
	if a.Fn != rel.First {
		a.Arg = value
		return a
	}
	if typ == models.Unknown {
		g.w.fail("aggregate %s: the type of its value is not known, and %s needs it", a.Fn, g.w.s.name)
	}
	where := a.Where
	if where == nil {
		where = rel.F(rel.NotNull, a.Arg)
	}
	n := g.rank(ranked{where, a.OrderBy})
	is := rel.F(rel.And, rel.F(rel.Eq, rel.C(grouped, "n"+n), rel.I(1)), rel.F(rel.Eq, rel.C(grouped, "w"+n), rel.I(1)))
	return rel.Agg{Fn: rel.Max, Arg: rel.Case{Whens: []rel.When{{If: is, Then: value}}}}
}

// arg is the column of a value.
func (g *grouping) arg(e rel.Expr) string {
	at := slices.IndexFunc(g.args, func(x rel.Expr) bool { return reflect.DeepEqual(x, e) })
	if at < 0 {
		at = len(g.args)
		g.args = append(g.args, e)
		g.in.Columns = append(g.in.Columns, rel.As("a"+strconv.Itoa(at), e))
	}
	return "a" + strconv.Itoa(at)
}

// rank is the number of an order. Its columns are w, 1 for rows of the condition, and n, the place.
func (g *grouping) rank(r ranked) string {
	at := slices.IndexFunc(g.ranks, func(x ranked) bool { return reflect.DeepEqual(x, r) })
	n := strconv.Itoa(at)
	if at < 0 {
		n = strconv.Itoa(len(g.ranks))
		g.ranks = append(g.ranks, r)
		fits := rel.Case{Whens: []rel.When{{If: r.where, Then: rel.I(1)}}, Else: rel.I(0)}
		g.in.Columns = append(g.in.Columns, rel.As("w"+n, fits), rel.As("n"+n, rel.Over{Rank: rel.RowNumber, PartitionBy: g.q.GroupBy,
			OrderBy: append([]rel.Order{{Expr: fits, Desc: true}}, r.by...)}))
	}
	return n
}

// typed is a column whose type is known, of a query that gave it that type.
func typed(c rel.Expr, t rel.Type) rel.Expr {
	switch t {
	case models.Unknown:
		return c
	case models.Number: // it is one: a plain cast says so
		return rel.Cast{Expr: c, Type: t, From: models.Integer}
	}
	return rel.Cast{Expr: c, Type: t, From: t}
}

// mapped is an expression with its operands put through f. Queries within it are left alone.
func mapped(e rel.Expr, f func(rel.Expr) rel.Expr) rel.Expr {
	all := func(es []rel.Expr) []rel.Expr {
		out := make([]rel.Expr, len(es))
		for i, x := range es {
			out[i] = f(x)
		}
		return out
	}
	switch e := e.(type) {
	case rel.Call:
		e.Args = all(e.Args)
		return e
	case rel.Case:
		whens := make([]rel.When, len(e.Whens))
		for i, a := range e.Whens {
			whens[i] = rel.When{If: f(a.If), Then: f(a.Then)}
		}
		e.Whens = whens
		if e.Else != nil {
			e.Else = f(e.Else)
		}
		return e
	case rel.Cast:
		e.Expr = f(e.Expr)
		return e
	case rel.InList:
		e.Expr, e.List = f(e.Expr), all(e.List)
		return e
	}
	return e
}

// retarget qualifies the columns of a table that rows are deleted from, whose alias is "t", by its name.
// A query within that gives the alias to another table means that one.
func retarget(e rel.Expr, table rel.Name) rel.Expr {
	if e == nil || len(table) == 0 {
		return e
	}
	var change func(e rel.Expr) rel.Expr
	change = func(e rel.Expr) rel.Expr {
		switch x := e.(type) {
		case rel.Col:
			if x.Table == "t" {
				x.Table = table[len(table)-1]
			}
			return x
		case rel.Exists:
			x.Query = within(x.Query, change)
			return x
		case rel.Agg:
			if x.Arg != nil {
				x.Arg = change(x.Arg)
			}
			return x
		}
		return mapped(e, change)
	}
	return change(e)
}

// within puts the expressions of a query through f, unless it has an alias "t" of its own.
func within(q rel.Query, f func(rel.Expr) rel.Expr) rel.Query {
	switch q := q.(type) {
	case rel.Union:
		out := make([]rel.Query, len(q.Queries))
		for i, one := range q.Queries {
			out[i] = within(one, f)
		}
		q.Queries = out
		return q
	case rel.Select:
		if aliased(q.From) || slices.ContainsFunc(q.Joins, func(j rel.Join) bool { return aliased(j.Rel) }) {
			return q
		}
		columns := make([]rel.Column, len(q.Columns))
		for i, c := range q.Columns {
			columns[i] = rel.As(c.As, f(c.Expr))
		}
		joins := make([]rel.Join, len(q.Joins))
		for i, j := range q.Joins {
			if j.On != nil {
				j.On = f(j.On)
			}
			joins[i] = j
		}
		q.Columns, q.Joins = columns, joins
		if q.Where != nil {
			q.Where = f(q.Where)
		}
		if q.Having != nil {
			q.Having = f(q.Having)
		}
		return q
	}
	return q
}

func aliased(r rel.Relation) bool {
	switch r := r.(type) {
	case rel.Table:
		return r.Alias == "t" || r.Alias == "" && len(r.Name) > 0 && r.Name[len(r.Name)-1] == "t"
	case rel.Sub:
		return r.Alias == "t"
	}
	return false
}
