package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// frequent is a trait that keeps the value that most rows have. It comes from the latest of them.
func (t *traits) frequent(tr *models.Trait, pieces []piece) rel.Expr {
	keep := t.entity.KeepsProvenance()
	q, typ, problem := frequentRows(t.in, pieces, keep)
	if problem != nil {
		problem.Path = t.path(tr, "from")
		return t.fail(*problem)
	}
	alias := t.scans.made(tr.From[0], q).alias
	v := rel.C(alias, "v")
	if keep {
		o := origin{trait: tr.Name, key: rel.Cast{Expr: rel.C(alias, "key"), Type: models.Text, From: typ}, at: rel.C(alias, "at")}
		var by rel.Case
		for i, p := range pieces {
			by.Whens = append(by.Whens, rel.When{If: rel.F(rel.Eq, rel.C(alias, "rank"), rel.I(int64(i))), Then: rel.T(p.source.Name)})
		}
		o.source = by
		t.noted(o, v)
	}
	return v
}

// mostFrequent is a query of profile_id and v, the value that most rows of the profile have. Of
// several the one whose latest row stands first wins: the latest of these, then the first
// source's, then the one with the first key.
func mostFrequent(in Input, pieces []piece) (rel.Query, *diag.Problem) {
	q, _, problem := frequentRows(in, pieces, false)
	return q, problem
}

// frequentRows is the query of mostFrequent. With origin it has the latest row that has the value
// too: rank, the number of its piece, key, of the type that is returned, and at.
func frequentRows(in Input, pieces []piece, origin bool) (q rel.Query, key models.Type, p *diag.Problem) {
	var each []rel.Query
	for i, p := range pieces {
		counted, typ, problem := countedValues(in, p, i, len(pieces) > 1)
		if problem != nil {
			return nil, key, problem
		}
		each, key = append(each, counted), typ
	}
	counted := each[0]
	if len(each) > 1 {
		u := func(name string) rel.Expr { return rel.C("u", name) }
		latest := []rel.Order{{Expr: u("at"), Desc: true}, {Expr: u("rank")}} // each source has a value once
		counted = rel.Select{
			Columns: []rel.Column{
				rel.As("profile_id", u("profile_id")), rel.As("v", u("v")),
				rel.As("n", rel.Agg{Fn: rel.Sum, Arg: u("n")}), rel.As("at", rel.Agg{Fn: rel.Max, Arg: u("at")}),
				rel.As("rank", rel.Agg{Fn: rel.First, Arg: u("rank"), OrderBy: latest, Is: models.Integer}),
				rel.As("number", rel.Agg{Fn: rel.First, Arg: u("number"), OrderBy: latest, Where: rel.F(rel.NotNull, u("v")), Is: models.Integer}),
				rel.As("key", rel.Agg{Fn: rel.First, Arg: u("key"), OrderBy: latest, Where: rel.F(rel.NotNull, u("v")), Is: models.Text}),
			},
			From:    rel.Sub{Query: rel.Union{All: true, Queries: each}, Alias: "u"},
			GroupBy: []rel.Expr{u("profile_id"), u("v")},
		}
	}
	n := func(name string) rel.Expr { return rel.C("n", name) }
	best := []rel.Order{{Expr: n("n"), Desc: true}, {Expr: n("at"), Desc: true}}
	if len(each) > 1 {
		best = append(best, rel.Order{Expr: n("rank")}, rel.Order{Expr: n("number")})
	}
	best = append(best, rel.Order{Expr: n("key")}, rel.Order{Expr: rel.Cast{Expr: n("v"), Type: models.Text, From: pieces[0].typ}})
	value := n("v")
	if pieces[0].typ == models.List { // said so, for warehouses that have to know
		value = rel.Cast{Expr: value, Type: models.List, From: models.List}
	}
	top := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", n("profile_id")), rel.As("v", rel.Agg{Fn: rel.First, Arg: value, OrderBy: best, Is: pieces[0].typ})},
		From:    rel.Sub{Query: counted, Alias: "n"},
		GroupBy: []rel.Expr{n("profile_id")},
	}
	if origin {
		is := map[string]models.Type{"rank": models.Integer, "key": key, "at": models.Timestamp}
		for _, name := range []string{"rank", "key", "at"} {
			top.Columns = append(top.Columns, rel.As(name, rel.Agg{Fn: rel.First, Arg: n(name), OrderBy: best, Where: rel.F(rel.NotNull, n("v")), Is: is[name]}))
		}
	}
	return top, key, nil
}

// countedValues counts the rows of a source that have each value, and says which is the latest of
// them. The key is as keyOf has it; if there are other sources beside it, it is text, and number is
// what keys that are numbers are put in order by.
func countedValues(in Input, p piece, rank int, beside bool) (rel.Query, models.Type, *diag.Problem) {
	r, problem := rowsOf(in, p.source)
	if problem != nil {
		return nil, models.Unknown, problem
	}
	v := p.value
	if p.normal != nil {
		v = r.normal(*p.normal, v)
	}
	if p.typ == models.Text {
		v = rel.Cast{Expr: v, Type: models.Text, From: models.Text}
	}
	at, problem := rowTime(in, p.source)
	if problem != nil {
		return nil, models.Unknown, problem
	}
	var order []rel.Order
	latest := rel.Expr(rel.Null(models.Timestamp))
	if at != nil {
		order = append(order, rel.Order{Expr: at, Desc: true})
		latest = rel.Agg{Fn: rel.Max, Arg: at}
	}
	key, typ, number := rel.Expr(rel.Null(models.Text)), models.Text, rel.Expr(rel.Null(models.Integer))
	if p.source.Key != "" {
		e, keyType, problem := keyOf(in, p.source)
		if problem != nil {
			return nil, models.Unknown, problem
		}
		order = append(order, rel.Order{Expr: e})
		first := func(e rel.Expr, typ models.Type) rel.Expr {
			return rel.Agg{Fn: rel.First, Arg: e, OrderBy: order, Where: rel.F(rel.NotNull, v), Is: typ}
		}
		key, typ = first(e, keyType), keyType
		if beside {
			if keyType == models.Integer {
				number = key
			}
			text, problem := rowKey(in, p.source)
			if problem != nil {
				return nil, models.Unknown, problem
			}
			key, typ = first(text, models.Text), models.Text
		}
	}
	return r.read(func(profile rel.Expr) rel.Select {
		q := rel.Select{
			Columns: []rel.Column{
				rel.As("profile_id", profile), rel.As("v", v), rel.As("n", rel.Agg{Fn: rel.CountRows}),
				rel.As("at", latest), rel.As("rank", rel.I(int64(rank))), rel.As("key", key),
			},
			Where:   rel.F(rel.NotNull, v),
			GroupBy: []rel.Expr{profile, v},
		}
		if beside {
			q.Columns = append(q.Columns, rel.As("number", number))
		}
		return q
	}), typ, nil
}
