package compile

import (
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// winner is what one source has for a trait: a value and, of the row that it is in, the key and
// the time. Value, key and time belong to one row by their making: each is taken from what comes
// first in one order of the rows that have a value, and that order ends in time and key, so that
// two rows that are equal in it have the same provenance.
type winner struct {
	source string
	value  rel.Expr
	found  rel.Expr // there is such a row
	alone  bool     // no other traits come together with the value, so that found is a value
	rank   rel.Expr // what sources are compared by: a time, or a length; nil where their order decides
	key    rel.Expr // as text; nil where provenance is not kept
	at     rel.Expr // nil where provenance is not kept
}

// contest is how the rows of a source compete for a trait.
type contest struct {
	source *models.Source
	keep   models.Keep
	value  rel.Expr    // of a row
	typ    models.Type // of value
	has    rel.Expr    // the row competes: it has a value, or one of those that come together
	group  bool        // there are others that come together with value
	lead   []rel.Order // what the rule puts first
	order  []rel.Order // then time and key
	tie    []rel.Order // then values, for rows with the same key
	at     rel.Expr    // nil without time
}

// winner asks for the best row of the i-th source of a trait.
func (t *traits) winner(tr *models.Trait, i int) (winner, bool) {
	c, others, ok := t.contest(tr, i)
	if !ok {
		return winner{}, false
	}
	var problem *diag.Problem
	ask := func(what string, agg rel.Agg) rel.Expr {
		t.scans.asker = t.called(tr) + what
		e, p := t.scans.ask(c.source, agg)
		if p != nil {
			problem = p
		}
		return e
	}
	w := winner{source: c.source.Name, value: ask("", c.best()), alone: !c.group}
	found := []rel.Expr{rel.F(rel.NotNull, w.value)}
	for _, o := range others {
		found = append(found, rel.F(rel.NotNull, ask("", o.best())))
	}
	w.found = rel.F(rel.Or, found...)
	if rank := c.rank(); rank != nil && len(tr.From) > 1 {
		w.rank = ask(", compared by", *rank)
	}
	if t.entity.KeepsProvenance() {
		w.at, w.key = rel.Null(models.Timestamp), rel.Null(models.Text)
		if c.at != nil {
			w.at = ask(", its time", c.time())
		}
		if c.source.Key != "" {
			key, typ, p := keyOf(t.in, c.source)
			if p != nil {
				problem = p
			} else {
				w.key = rel.Cast{Expr: ask(", its key", rel.Agg{Fn: rel.First, Arg: key, OrderBy: slices.Concat(c.lead, c.order), Where: c.has, Is: typ}), Type: models.Text, From: typ}
			}
		}
	}
	if problem != nil {
		if problem.Path == "" {
			problem.Path = t.path(tr, "from")
		}
		t.fail(*problem)
		return winner{}, false
	}
	return w, true
}

// contest is how the rows of the i-th source compete, with the contests of the traits that come
// together with this one, which the same row wins.
func (t *traits) contest(tr *models.Trait, i int) (own contest, others []contest, ok bool) {
	var all []contest
	var has []rel.Expr
	var tie []rel.Order
	at := -1
	for _, m := range t.entity.Companions(tr) {
		pieces, _, ok := t.pieces(m)
		if !ok || i >= len(pieces) {
			return own, nil, false
		}
		p := pieces[i]
		sc, problem := t.scans.of(p.source)
		if problem != nil {
			problem.Path = t.path(tr, "from")
			t.fail(*problem)
			return own, nil, false
		}
		c := contest{source: p.source, keep: tr.Keep, value: p.value, typ: p.typ}
		if p.normal != nil {
			c.value = sc.rows.normal(*p.normal, c.value)
		}
		if m == tr {
			at = len(all)
		}
		all = append(all, c)
		has = append(has, rel.F(rel.NotNull, c.value))
		tie = append(tie, rel.Order{Expr: rel.Cast{Expr: c.value, Type: models.Text, From: c.typ}})
	}
	for j := range all {
		c := &all[j]
		c.has, c.tie, c.group = rel.F(rel.Or, has...), tie, len(all) > 1
		if problem := c.arrange(t.in); problem != nil {
			if problem.Path == "" {
				problem.Path = models.Path("sources", c.source.Name)
			}
			t.fail(*problem)
			return own, nil, false
		}
	}
	own = all[at]
	return own, slices.Delete(all, at, at+1), true
}

// arrange says in which order the rows stand, the winner first: by the rule, then the latest
// first, or the earliest, those without a time last; then by key.
func (c *contest) arrange(in Input) *diag.Problem {
	var problem *diag.Problem
	if c.at, problem = rowTime(in, c.source); problem != nil {
		return problem
	}
	if c.at != nil {
		c.order = append(c.order, rel.Order{Expr: c.at, Desc: c.keep != models.Earliest})
	}
	if c.source.Key != "" {
		key, _, problem := keyOf(in, c.source)
		if problem != nil {
			return problem
		}
		c.order = append(c.order, rel.Order{Expr: key})
	}
	switch c.keep {
	case models.Longest:
		c.lead = []rel.Order{{Expr: c.length(), Desc: true}}
	case models.AnyTrue, models.AllTrue:
		c.lead = []rel.Order{{Expr: rel.F(rel.Eq, c.value, rel.B(true)), Desc: c.keep == models.AnyTrue}}
	}
	return nil
}

func (c *contest) length() rel.Expr {
	return rel.F(rel.Length, rel.Cast{Expr: c.value, Type: models.Text, From: c.typ})
}

// best is the value in the first row.
func (c *contest) best() rel.Agg {
	switch c.keep {
	case models.AnyTrue:
		return rel.Agg{Fn: rel.Max, Arg: rel.F(rel.Eq, c.value, rel.B(true))}
	case models.AllTrue:
		return rel.Agg{Fn: rel.Min, Arg: rel.F(rel.Eq, c.value, rel.B(true))}
	}
	first := rel.Agg{Fn: rel.First, Arg: c.value, OrderBy: slices.Concat(c.lead, c.order, c.tie), Is: c.typ}
	if c.group {
		first.Where = c.has
	}
	return first
}

// time is the time of the first row. Where time leads the order it is the first of all times,
// which costs less to find.
func (c *contest) time() rel.Agg {
	switch {
	case len(c.lead) > 0:
		return rel.Agg{Fn: rel.First, Arg: c.at, OrderBy: slices.Concat(c.lead, c.order), Where: c.has, Is: models.Timestamp}
	case c.keep == models.Earliest:
		return rel.Agg{Fn: rel.Min, Arg: when(c.has, c.at)}
	}
	return rel.Agg{Fn: rel.Max, Arg: when(c.has, c.at)}
}

// rank is what the winners of several sources are compared by; nil if nothing but their order.
func (c *contest) rank() *rel.Agg {
	switch {
	case c.keep == models.Longest:
		return &rel.Agg{Fn: rel.Max, Arg: c.length()}
	case c.keep == models.FirstFound, c.keep == models.AnyTrue, c.keep == models.AllTrue, c.at == nil:
		return nil
	}
	a := c.time()
	return &a
}
