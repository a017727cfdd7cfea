package compile

import (
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// normalForms adds to a query the columns of forms. Each step of normalising is a layer of its
// own, so that no expression is written twice.
func normalForms(q rel.Select, alias string, forms []form) rel.Select {
	if len(forms) == 0 {
		return q
	}
	for i, layer := range layers {
		if layer.name == "x" {
			return q
		}
		made := map[string]rel.Expr{}
		for _, f := range forms {
			below := f.raw
			if i > 0 {
				below = rel.C(alias, f.name)
			}
			if e := layer.of(&f.id, func(string) rel.Expr { return below }); e != nil {
				made[f.name] = e
			} else if i == 0 {
				made[f.name] = below
			}
		}
		if i == 0 {
			q.Columns = slices.Clip(q.Columns)
			for _, f := range forms {
				q.Columns = append(q.Columns, rel.As(f.name, made[f.name]))
			}
			continue
		}
		if len(made) == 0 {
			continue
		}
		next := rel.Select{From: rel.Sub{Query: q, Alias: alias}, Fence: true}
		for _, c := range q.Columns {
			e := made[c.As]
			if e == nil {
				e = rel.C(alias, c.As)
			}
			next.Columns = append(next.Columns, rel.As(c.As, e))
		}
		q = next
	}
	return q
}

// normalOf is the identifier in whose normal form a trait's column is kept, or nil: email and
// phone columns, which are those that the source declares as identifiers of that kind and those
// whose trait is marked as such personal data. A trait then matches the profile's identifiers,
// and every destination is told the same value, however it was typed.
func normalOf(e *models.Entity, s *models.Source, column, pii string) *models.Identifier {
	for i := range e.Identity.Identifiers {
		id := &e.Identity.Identifiers[i]
		for _, sid := range s.Identifiers {
			if sid.Type == id.Type && sid.Column == column && (normalizer(id) == "email" || normalizer(id) == "phone") {
				id = inSource(id, sid)
				return &models.Identifier{Type: id.Type, Normalize: normalizer(id), Country: id.Country, ProviderRules: id.ProviderRules}
			}
		}
	}
	if pii == "email" || pii == "phone" {
		id := likeIdentifiers(e, pii)
		return &id
	}
	return nil
}

// likeIdentifiers is how an entity normalises emails or phones that are none of its identifiers:
// as its strongest identifier of that kind, with the country of the strongest that has one.
func likeIdentifiers(e *models.Entity, kind string) models.Identifier {
	like := models.Identifier{Type: kind, Normalize: kind}
	if e == nil {
		return like
	}
	for i := range e.Identity.Identifiers {
		id := &e.Identity.Identifiers[i]
		if normalizer(id) != kind {
			continue
		}
		if like.Country == "" {
			like.Country = id.Country
		}
		like.ProviderRules = like.ProviderRules || id.ProviderRules
	}
	return like
}

// columnsUsed lists the columns of an alias that a query names, sorted.
func columnsUsed(q rel.Select, alias string) []string {
	seen := map[string]bool{}
	see := func(e rel.Expr) {
		walk(e, func(e rel.Expr) {
			if c, ok := e.(rel.Col); ok && c.Table == alias {
				seen[c.Name] = true
			}
		})
	}
	for _, c := range q.Columns {
		see(c.Expr)
	}
	see(q.Where)
	for _, e := range q.GroupBy {
		see(e)
	}
	for _, j := range q.Joins {
		see(j.On)
	}
	var out []string
	for name := range seen {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// walk calls f for an expression and everything in it, but not into subqueries.
func walk(e rel.Expr, f func(rel.Expr)) {
	if e == nil {
		return
	}
	f(e)
	all := func(es []rel.Expr) {
		for _, e := range es {
			walk(e, f)
		}
	}
	orders := func(os []rel.Order) {
		for _, o := range os {
			walk(o.Expr, f)
		}
	}
	switch e := e.(type) {
	case rel.Call:
		all(e.Args)
	case rel.Case:
		for _, w := range e.Whens {
			walk(w.If, f)
			walk(w.Then, f)
		}
		walk(e.Else, f)
	case rel.Cast:
		walk(e.Expr, f)
	case rel.InList:
		walk(e.Expr, f)
		all(e.List)
	case rel.Agg:
		walk(e.Arg, f)
		orders(e.OrderBy)
		walk(e.Where, f)
	case rel.Over:
		if e.Agg != nil {
			walk(*e.Agg, f)
		}
		all(e.PartitionBy)
		orders(e.OrderBy)
	}
}
