package compile

import (
	"strconv"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Expression is a piece of the user's own SQL over traits, to be asked about before a build.
type Expression struct {
	Path    string
	Query   rel.Query // of one column, the expression, over traits of the types that they will have
	Boolean bool      // it is a condition
	Entity  *models.Entity
}

// Expressions lists the sql traits and the sql conditions of segments and policies. Those that use a
// trait whose type nobody can tell before it is computed are left out.
func Expressions(in Input) []Expression {
	var out []Expression
	for i := range in.Model.Entities {
		e := &in.Model.Entities[i]
		in.Entity = e.Name
		a := asked{t: traits{in: in, entity: e, scans: newScans(in, "traits"), read: map[string]reading{}}}
		add := func(path, sql string, boolean bool) {
			if q, ok := a.query(sql); ok {
				out = append(out, Expression{Path: path, Query: q, Boolean: boolean, Entity: e})
			}
		}
		for j := range e.Traits {
			if t := &e.Traits[j]; t.SQL != "" {
				add(models.Path("entities", e.Name, "traits", t.Name, "sql"), t.SQL, false)
			}
		}
		conditions := func(at string, w *models.Condition) {
			w.Conditions(at, func(w *models.Condition, at string) {
				if w.SQL != "" {
					add(at+".sql", w.SQL, true)
				}
			})
		}
		for j := range in.Model.Segments {
			if s := &in.Model.Segments[j]; s.Entity == e.Name {
				conditions(models.Path("segments", s.Name, "where"), &s.Where)
			}
		}
		for j := range in.Model.Policies {
			if p := &in.Model.Policies[j]; p.Entity == e.Name && p.Require != nil {
				conditions(models.Path("policies", p.Name, "require"), p.Require)
			}
		}
	}
	return out
}

// asked makes a row of traits out of the columns that they come from, so that the warehouse gives
// them the types that they will have. It is never run.
type asked struct {
	t traits
	n int // columns taken so far
}

func (a *asked) query(sql string) (rel.Query, bool) {
	row := rel.Select{Columns: []rel.Column{rel.As("profile_id", rel.Null(models.Text)), rel.As("anonymous", rel.B(false))}}
	from := func(r rel.Relation) {
		if row.From == nil {
			row.From = r
		} else {
			row.Joins = append(row.Joins, rel.Join{Kind: rel.Cross, Rel: r})
		}
	}
	for _, name := range a.t.entity.TraitsIn(sql) {
		e, ok := a.trait(a.t.entity.Trait(name), from)
		if !ok {
			return nil, false
		}
		row.Columns = append(row.Columns, rel.As(name, e))
	}
	return rel.Select{Columns: []rel.Column{rel.As("v", rel.RawExpr{SQL: sql})}, From: rel.Sub{Query: row, Alias: soFar}}, true
}

// trait is an expression of the type that a trait will have.
func (a *asked) trait(tr *models.Trait, from func(rel.Relation)) (rel.Expr, bool) {
	column := func(s *models.Source, e rel.Expr) rel.Expr {
		a.n++
		alias := "k" + strconv.Itoa(a.n)
		from(rel.Sub{Query: rel.Select{Columns: []rel.Column{rel.As("v", e)}, From: sourceRelation(s, rowAlias), Limit: 1}, Alias: alias})
		return rel.C(alias, "v")
	}
	typ := TraitType(a.t.in, tr)
	kind, name := aggregateOf(tr.Aggregate)
	source, columns := tr.Columns()
	switch {
	case tr.Type != models.Unknown, typ == models.Text, typ == models.Boolean, typ == models.List, tr.Derived() && typ != models.Unknown:
		return rel.Null(typ), true
	case kind == "min", kind == "max", kind == "first", kind == "last", kind == "most_frequent":
		at := a.t.in.Model.ColumnOf(source, name)
		s := a.t.in.Model.Source(at.Source)
		if s == nil {
			return nil, false
		}
		e, _, problem := ownColumn(a.t.in, s, at.Column)
		if problem != nil {
			return nil, false
		}
		return column(s, e), true
	case len(columns) > 0:
		pieces, _, ok := a.t.pieces(tr)
		if !ok {
			return nil, false
		}
		values := make([]rel.Expr, len(pieces))
		for i, p := range pieces {
			values[i] = column(p.source, p.value)
		}
		return coalesced(values), true
	case typ != models.Unknown:
		return rel.Null(typ), true
	}
	return nil, false
}
