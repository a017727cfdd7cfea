package compile

import (
	"slices"
	"strconv"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// The rows that a source's row leads to stand beside it under aliases of their own, j1, j2, …: one
// for each way there. An expression over a source's rows names what it needs of them, and whoever
// reads the rows joins what the expressions name. Where no row is found its columns are NULL.

// way is a way from a source's rows to those of another one.
type way struct {
	alias string
	hops  []models.Hop
}

// last is the source that the way leads to.
func (w way) last() *models.Source { return w.hops[len(w.hops)-1].To }

// ways lists all ways from a source in the order in which its relations are written, each after
// those that it goes on from.
func ways(in Input, s *models.Source) []way {
	var out []way
	var follow func(from *models.Source, hops []models.Hop)
	follow = func(from *models.Source, hops []models.Hop) {
		for _, r := range from.Related {
			next, ok := in.Model.Hop(from, r.Source)
			if !ok {
				continue
			}
			w := way{alias: "j" + strconv.Itoa(len(out)+1), hops: append(slices.Clip(hops), next)}
			out = append(out, w)
			if len(w.hops) < models.MaxHops {
				follow(w.last(), w.hops)
			}
		}
	}
	follow(s, nil)
	return out
}

// aliasOf is the alias of the rows at the end of a way; that of the source's own for none.
func aliasOf(in Input, s *models.Source, hops []models.Hop) string {
	for _, w := range ways(in, s) {
		if slices.Equal(w.hops, hops) {
			return w.alias
		}
	}
	return rowAlias
}

// relatedColumn reads a column of the row at the end of a way.
func relatedColumn(in Input, s *models.Source, hops []models.Hop, name string) (rel.Expr, models.Type, *diag.Problem) {
	of, alias := s, rowAlias
	for _, h := range hops {
		if _, _, problem := hopColumns(in, h); problem != nil {
			return nil, models.Unknown, problem
		}
	}
	if len(hops) > 0 {
		of, alias = hops[len(hops)-1].To, aliasOf(in, s, hops)
	}
	c, problem := sourceColumn(in, of, name)
	if problem != nil {
		return nil, models.Unknown, problem
	}
	return typedColumn(in, of, c, alias), c.Type, nil
}

// relatedTime is the time of the row whose time a source's row without one has.
func relatedTime(in Input, s *models.Source) (rel.Expr, models.Type, *diag.Problem) {
	hops, ok := in.Model.TimeRoute(in.Model.Entity(in.Entity), s)
	if !ok || len(hops) == 0 {
		return nil, models.Unknown, nil
	}
	to := hops[len(hops)-1].To
	name, key := to.Time, "time"
	if name == "" {
		name, key = to.UpdatedAt, "updated_at"
	}
	e, typ, problem := relatedColumn(in, s, hops, name)
	if problem != nil {
		problem.Path = models.Path("sources", to.Name, key)
	}
	return e, typ, problem
}

// usedWays tells of each way from a source which columns at its end a query over the source's rows,
// or anything beside it, names, or needs to go on from there.
func usedWays(in Input, s *models.Source, q rel.Select, beside ...rel.Expr) [][]string {
	all := ways(in, s)
	q.Columns = slices.Clip(q.Columns)
	for _, e := range beside {
		q.Columns = append(q.Columns, rel.Column{Expr: e})
	}
	used := make([][]string, len(all))
	for i := range all {
		used[i] = columnsUsed(q, all[i].alias)
	}
	for i := len(all) - 1; i >= 0; i-- {
		w := all[i]
		if len(used[i]) == 0 || len(w.hops) == 1 {
			continue
		}
		h := w.hops[len(w.hops)-1]
		from := slices.IndexFunc(all, func(o way) bool { return slices.Equal(o.hops, w.hops[:len(w.hops)-1]) })
		if c, problem := sourceColumn(in, h.From, h.Column); problem == nil && !slices.Contains(used[from], c.Name) {
			used[from] = append(used[from], c.Name)
		}
	}
	return used
}

// wayJoins has for each way from a source the join of the rows at its end, each after those that
// it goes on from, and without a condition where nothing there is used. A row without a
// counterpart stays.
func wayJoins(in Input, s *models.Source, q rel.Select, beside ...rel.Expr) []rel.Join {
	used := usedWays(in, s, q, beside...)
	out := make([]rel.Join, len(used))
	for i, w := range ways(in, s) {
		if len(used[i]) > 0 {
			h := w.hops[len(w.hops)-1]
			out[i] = hopJoin(in, h, aliasOf(in, s, w.hops[:len(w.hops)-1]), w.alias, used[i])
		}
	}
	return out
}

// relatedKey is the key of a row in the query of one row for each key.
const relatedKey = "weir_key"

// hopColumns are the column that holds a key, and the key itself.
func hopColumns(in Input, h models.Hop) (held, key models.Column, problem *diag.Problem) {
	if held, problem = sourceColumn(in, h.From, h.Column); problem != nil {
		problem.Path = models.Path("sources", h.From.Name, "related", h.To.Name)
		return held, key, problem
	}
	if key, problem = sourceColumn(in, h.To, h.To.Key); problem != nil {
		problem.Path = models.Path("sources", h.To.Name, "key")
	}
	return held, key, problem
}

// hopJoin joins the rows that a relation leads to, one for each key, with some of their columns.
func hopJoin(in Input, h models.Hop, from, alias string, columns []string) rel.Join {
	held, key, _ := hopColumns(in, h) // followed before
	l, r := rel.Expr(rel.C(from, held.Name)), rel.Expr(rel.C(alias, relatedKey))
	if !sameKind(held.Type, key.Type) {
		l, r = rel.Cast{Expr: l, Type: models.Text, From: held.Type}, rel.Cast{Expr: r, Type: models.Text, From: key.Type}
	}
	rows := rel.Sub{Query: oneForEachKey(in, h.To, key, columns), Alias: alias}
	return rel.Join{Kind: rel.Left, Rel: rows, On: rel.F(rel.Eq, l, r)}
}

// sameKind reports whether values of two types can be compared as they are.
func sameKind(a, b models.Type) bool {
	number := func(t models.Type) bool { return t == models.Integer || t == models.Number }
	return a == b && a != models.Unknown || number(a) && number(b)
}

// oneForEachKey is the rows of a source, one for each key, so that a doubled key does not multiply
// the rows that lead to it: the latest, and of several by what is read of them.
func oneForEachKey(in Input, s *models.Source, key models.Column, columns []string) rel.Query {
	e := rel.C(rowAlias, key.Name)
	inner := rel.Select{
		Columns: []rel.Column{rel.As(relatedKey, e)},
		From:    sourceRelation(s, rowAlias),
		Where:   rel.F(rel.NotNull, e),
	}
	outer := rel.Select{Columns: []rel.Column{same("u", relatedKey)}}
	var order []rel.Order
	if name := s.Time + s.UpdatedAt; name != "" { // one of them
		if at, _, problem := ownColumn(in, s, name); problem == nil {
			order = append(order, rel.Order{Expr: at, Desc: true})
		}
	}
	for _, name := range columns {
		c, _ := sourceColumn(in, s, name) // by the name that it was found by
		inner.Columns = append(inner.Columns, rel.As(name, rel.C(rowAlias, c.Name)))
		outer.Columns = append(outer.Columns, same("u", name))
		order = append(order, rel.Order{Expr: rel.Cast{Expr: rel.C(rowAlias, c.Name), Type: models.Text, From: c.Type}})
	}
	inner.Columns = append(inner.Columns, rel.As("weir_n", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{e}, OrderBy: order}))
	outer.From = rel.Sub{Query: inner, Alias: "u"}
	outer.Where = rel.F(rel.Eq, rel.C("u", "weir_n"), rel.I(1))
	return outer
}

// relatedOwner joins the rows of a source that has no owners of its own with the profile that the
// row owns to which they lead.
func relatedOwner(in Input, s *models.Source, hops []models.Hop) (rel.Join, *diag.Problem) {
	for _, h := range hops {
		if _, _, problem := hopColumns(in, h); problem != nil {
			return rel.Join{}, problem
		}
	}
	h := hops[len(hops)-1]
	if h.To.UpdatedAt == "" {
		join, problem := eventOwner(in, h.To)
		if problem != nil {
			return rel.Join{}, problem
		}
		join.On = moved(join.On, rowAlias, aliasOf(in, s, hops))
		return join, nil
	}
	held, _, _ := hopColumns(in, h)
	key := rel.Cast{Expr: rel.C(aliasOf(in, s, hops[:len(hops)-1]), held.Name), Type: models.Text, From: held.Type}
	return recordOwner(in, h.To, key), nil
}

// moved is an expression with the columns of one alias taken from another.
func moved(e rel.Expr, from, to string) rel.Expr {
	all := func(es []rel.Expr) []rel.Expr {
		out := make([]rel.Expr, len(es))
		for i, e := range es {
			out[i] = moved(e, from, to)
		}
		return out
	}
	switch e := e.(type) {
	case rel.Col:
		if e.Table == from {
			e.Table = to
		}
		return e
	case rel.Call:
		e.Args = all(e.Args)
		return e
	case rel.Cast:
		e.Expr = moved(e.Expr, from, to)
		return e
	case rel.InList:
		e.Expr, e.List = moved(e.Expr, from, to), all(e.List)
		return e
	case rel.Case:
		whens := make([]rel.When, len(e.Whens))
		for i, w := range e.Whens {
			whens[i] = rel.When{If: moved(w.If, from, to), Then: moved(w.Then, from, to)}
		}
		e.Whens = whens
		if e.Else != nil {
			e.Else = moved(e.Else, from, to)
		}
		return e
	}
	return e
}
