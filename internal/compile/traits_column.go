package compile

import (
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// piece is a column that a trait may take its value from.
type piece struct {
	source *models.Source
	value  rel.Expr // of a row
	typ    models.Type
	normal *models.Identifier // the form that the value is brought into, or nil
}

// column is a trait that keeps one value of one or several columns. Absent values never win.
// Ties end in the order of the sources, then of the keys and values, so that the result does not
// depend on the order in which rows are met.
func (t *traits) column(tr *models.Trait) rel.Expr {
	pieces, typ, ok := t.pieces(tr)
	if !ok {
		return rel.Null(models.Text)
	}
	if tr.Keep == models.MostFrequent {
		q, problem := mostFrequent(t.in, pieces)
		if problem != nil {
			problem.Path = t.path(tr, "from")
			return t.fail(*problem)
		}
		return t.scans.askQuery(tr.From[0], q)
	}
	if (tr.Keep == models.AnyTrue || tr.Keep == models.AllTrue) && typ != models.Boolean && typ != models.Unknown {
		return t.fail(unfit(t.path(tr, "keep"), tr.From[0], fmt.Errorf("%s needs true and false, not %s", tr.Keep, typ), "say type: boolean, or keep another way"))
	}
	var values, ranks []rel.Expr
	for _, p := range pieces {
		value, rank, ok := t.keep(tr, p)
		if !ok {
			return rel.Null(models.Text)
		}
		values = append(values, value)
		ranks = append(ranks, rank)
	}
	return combine(tr.Keep, values, ranks)
}

// pieces reads the columns of a trait, as values of one type.
func (t *traits) pieces(tr *models.Trait) ([]piece, models.Type, bool) {
	_, columns := tr.Columns()
	var out []piece
	var types []models.Type
	good := true
	for _, c := range columns {
		source := t.in.Model.Source(c.Source)
		if source == nil {
			t.fail(unknownSource(t.in, t.path(tr, "from"), c.Source))
			return nil, "", false
		}
		e, typ, problem := columnExpr(t.in, source, c.Column)
		if problem != nil {
			problem.Path = t.path(tr, "from")
			t.fail(*problem)
			good = false
			continue
		}
		p := piece{source: source, value: e, typ: typ}
		if typ == models.Text || typ == models.Unknown {
			if p.normal = normalOf(t.entity, source, c.Column, tr.PII); p.normal != nil {
				typ, p.typ = models.Text, models.Text
			}
		}
		out = append(out, p)
		types = append(types, typ)
	}
	if !good || len(out) == 0 {
		return nil, "", false
	}
	typ := tr.Type
	if typ == models.Unknown {
		var ok bool
		if typ, ok = commonType(types); !ok {
			t.fail(unfit(t.path(tr, "from"), strings.Join(tr.From, ", "), fmt.Errorf("the columns have types that do not go together, %v", types), "say type: text, or another"))
			return nil, "", false
		}
	}
	for i := range out {
		p := &out[i]
		if p.typ != typ && typ != models.Unknown {
			if typ == models.Timestamp && p.typ == models.Date {
				p.value = rel.F(rel.Instant, p.value, rel.T(t.in.zone().String()))
			} else {
				p.value = rel.Cast{Expr: p.value, Type: typ, Try: true, From: p.typ}
			}
			p.typ = typ
		}
	}
	return out, typ, true
}

// commonType is the type that values of several types have together.
func commonType(types []models.Type) (models.Type, bool) {
	out := types[0]
	for _, typ := range types[1:] {
		switch {
		case typ == out || typ == models.Unknown:
		case out == models.Unknown:
			out = typ
		case out == models.Integer && typ == models.Number || out == models.Number && typ == models.Integer:
			out = models.Number
		case out == models.Date && typ == models.Timestamp || out == models.Timestamp && typ == models.Date:
			out = models.Timestamp
		default:
			return models.Unknown, false
		}
	}
	return out, true
}

// keep asks for the best value of one source and, for the rules that compare over sources, by
// what it is the best: its time, or its length.
func (t *traits) keep(tr *models.Trait, p piece) (value, rank rel.Expr, ok bool) {
	failed := func(path string, problems ...diag.Problem) (rel.Expr, rel.Expr, bool) {
		for i := range problems {
			if problems[i].Path == "" {
				problems[i].Path = path
			}
		}
		t.fail(problems...)
		return nil, nil, false
	}
	sc, problem := t.scans.of(p.source)
	if problem != nil {
		return failed(t.path(tr, "from"), *problem)
	}
	v := p.value
	if p.normal != nil {
		v = sc.rows.normal(*p.normal, v)
	}
	order, at, problem := rowOrder(t.in, p.source, v, p.typ)
	if problem != nil {
		return failed(models.Path("sources", p.source.Name), *problem)
	}
	agg := rel.Agg{Fn: rel.First, Arg: v, OrderBy: order}
	var by *rel.Agg
	switch tr.Keep {
	case models.AnyTrue:
		agg = rel.Agg{Fn: rel.Max, Arg: rel.F(rel.Eq, v, rel.B(true))}
	case models.AllTrue:
		agg = rel.Agg{Fn: rel.Min, Arg: rel.F(rel.Eq, v, rel.B(true))}
	case models.Longest:
		length := rel.F(rel.Length, rel.Cast{Expr: v, Type: models.Text, From: p.typ})
		agg.OrderBy = append([]rel.Order{{Expr: length, Desc: true}}, order...)
		by = &rel.Agg{Fn: rel.Max, Arg: length}
	case models.Earliest:
		if at != nil {
			agg.OrderBy = append([]rel.Order{{Expr: at}}, order[1:]...)
			by = &rel.Agg{Fn: rel.Min, Arg: when(rel.F(rel.NotNull, v), at)}
		}
	case models.FirstFound:
	default: // latest
		if at != nil {
			by = &rel.Agg{Fn: rel.Max, Arg: when(rel.F(rel.NotNull, v), at)}
		}
	}
	if value, problem = t.scans.ask(p.source, agg); problem != nil {
		return failed(t.path(tr, "from"), *problem)
	}
	if by == nil || len(tr.From) == 1 {
		return value, nil, true
	}
	if rank, problem = t.scans.ask(p.source, *by); problem != nil {
		return failed(t.path(tr, "from"), *problem)
	}
	return value, rank, true
}

// rowOrder puts the rows of a source that have a value in order: the latest first, then by key
// and value. at is the time, nil if the source has none; it is then not in the order.
func rowOrder(in Input, s *models.Source, v rel.Expr, typ models.Type) (order []rel.Order, at rel.Expr, p *diag.Problem) {
	at, p = rowTime(in, s)
	if p != nil {
		return nil, nil, p
	}
	if at != nil {
		order = append(order, rel.Order{Expr: at, Desc: true})
	}
	if s.Key != "" {
		key, p := keyOrder(in, s)
		if p != nil {
			return nil, nil, p
		}
		order = append(order, rel.Order{Expr: key})
	}
	return append(order, rel.Order{Expr: rel.Cast{Expr: v, Type: models.Text, From: typ}}), at, nil
}

// combine takes the value of one source out of several, in their order where nothing else tells.
func combine(keep models.Keep, values, ranks []rel.Expr) rel.Expr {
	if len(values) == 1 {
		return values[0]
	}
	anyIs := func(b bool) rel.Expr {
		var each []rel.Expr
		for _, v := range values {
			each = append(each, rel.F(rel.Same, v, rel.B(b)))
		}
		return rel.F(rel.Or, each...)
	}
	found := rel.F(rel.Coalesce, values...)
	best := rel.Greatest
	switch keep {
	case models.FirstFound:
		return found
	case models.AnyTrue:
		return rel.Case{Whens: []rel.When{{If: anyIs(true), Then: rel.B(true)}}, Else: found}
	case models.AllTrue:
		return rel.Case{Whens: []rel.When{{If: anyIs(false), Then: rel.B(false)}}, Else: found}
	case models.Earliest:
		best = rel.Least
	}
	var ranked []rel.Expr
	for _, r := range ranks {
		if r != nil {
			ranked = append(ranked, r)
		}
	}
	if len(ranked) < 2 {
		return found
	}
	top := rel.F(best, ranked...)
	c := rel.Case{Else: found}
	for i, r := range ranks {
		if r != nil {
			c.Whens = append(c.Whens, rel.When{If: rel.F(rel.Eq, r, top), Then: values[i]})
		}
	}
	return c
}
