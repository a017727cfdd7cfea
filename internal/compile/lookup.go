package compile

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// NormalForms is a query of one row: a value as somebody typed it, in the normal form of each
// identifier type of the entity, by rank; NULL where it has none. It is what a build makes of it.
func NormalForms(in Input, value string) rel.Query {
	var forms []form
	out := rel.Select{}
	e := in.Model.Entity(in.Entity)
	for rank := range e.Identity.Identifiers {
		id := e.Identity.Identifiers[rank]
		name := ranked("v", rank)
		if id.Normalize = normalizer(&id); id.Normalize == "none" {
			out.Columns = append(out.Columns, rel.As(name, rel.T(value)))
			continue
		}
		forms = append(forms, form{name: name, id: id, raw: rel.Cast{Expr: rel.T(value), Type: models.Text, From: models.Text}})
		out.Columns = append(out.Columns, rel.As(name, rel.C("f", name)))
	}
	if len(forms) > 0 {
		out.From = rel.Sub{Query: normalForms(rel.Select{}, "f", forms), Alias: "f"}
	}
	return out
}

// RawOwners is a query of type, value as a source has it, and profile_id: the identifiers of the
// rows that belong to some profiles, each once. A source of records is read whole.
func RawOwners(in Input, source string, profiles []string) (rel.Query, *diag.Problem) {
	s := in.Model.Source(source)
	var each []rel.Query
	wanted := func(profile rel.Expr) rel.Expr {
		list := rel.InList{Expr: profile}
		for _, p := range profiles {
			list.List = append(list.List, rel.T(p))
		}
		return list
	}
	r, problem := rowsOf(in, s)
	if problem != nil {
		return nil, problem
	}
	for _, id := range identifiersOf(in.Model.Entity(in.Entity), s) {
		columns := func(value, profile rel.Expr) []rel.Column {
			return []rel.Column{rel.As("type", rel.T(id.Type)), rel.As("value", value), rel.As("profile_id", profile)}
		}
		if s.UpdatedAt == "" {
			value, profile := rel.C("o", id.Type), rel.C("o", "profile_id")
			each = append(each, rel.Select{Distinct: true, Columns: columns(value, profile),
				From:  rel.Table{Name: in.Build.Table(in.Entity, Owners(source)), Alias: "o"},
				Where: rel.F(rel.And, wanted(profile), rel.F(rel.Ne, value, rel.T("")))})
			continue
		}
		raw, problem := rawIdentifier(in, s, id.in)
		if problem != nil {
			return nil, problem
		}
		profile := rel.C(ownAlias, "profile_id")
		each = append(each, rel.Select{Distinct: true, Columns: columns(raw, profile),
			From: sourceRelation(s, rowAlias), Joins: []rel.Join{r.join},
			Where: rel.F(rel.And, wanted(profile), rel.F(rel.Ne, raw, rel.T("")))})
	}
	if len(each) == 0 {
		return nil, nil
	}
	return union(each), nil
}

// Having is a query of profile_id: who owns the rows of a source that have a value, as the source
// has it, of an identifier type. It is nil if the source has no such type.
func Having(in Input, source, typ, value string) (rel.Query, *diag.Problem) {
	s := in.Model.Source(source)
	for _, id := range identifiersOf(in.Model.Entity(in.Entity), s) {
		if id.Type != typ {
			continue
		}
		if s.UpdatedAt == "" {
			return rel.Select{Distinct: true, Columns: []rel.Column{same("o", "profile_id")},
				From:  rel.Table{Name: in.Build.Table(in.Entity, Owners(source)), Alias: "o"},
				Where: rel.F(rel.And, notNull(rel.C("o", "profile_id")), eq(rel.C("o", typ), rel.T(value)))}, nil
		}
		raw, problem := rawIdentifier(in, s, id.in)
		if problem != nil {
			return nil, problem
		}
		r, problem := rowsOf(in, s)
		if problem != nil {
			return nil, problem
		}
		return rel.Select{Distinct: true, Columns: []rel.Column{same(ownAlias, "profile_id")},
			From: sourceRelation(s, rowAlias), Joins: []rel.Join{r.join}, Where: eq(raw, rel.T(value))}, nil
	}
	return nil, nil
}

// EventsOf is a query of the newest rows of an event source that belong to a profile: at, key
// (text, NULL without one), then the source's columns, which are returned too. Columns of a type
// that models do not have are text.
func EventsOf(in Input, source, profile string, limit int64) (rel.Query, []models.Column, *diag.Problem) {
	s := in.Model.Source(source)
	r, problem := rowsOf(in, s)
	if problem != nil {
		return nil, nil, problem
	}
	at, problem := rowTime(in, s)
	if problem != nil {
		return nil, nil, problem
	}
	if at == nil {
		return nil, nil, &diag.Problem{Path: models.Path("sources", source), Code: "models.no_time", What: fmt.Sprintf("source %s does not say when its rows happened", source)}
	}
	key := rel.Expr(rel.Null(models.Text))
	if s.Key != "" {
		if key, problem = rowKey(in, s); problem != nil {
			return nil, nil, problem
		}
	}
	columns := in.Columns[source]
	if columns == nil {
		columns = s.Columns
	}
	q := rel.Select{
		Columns: []rel.Column{rel.As("weir_at", at), rel.As("weir_key", key)},
		From:    sourceRelation(s, rowAlias), Joins: []rel.Join{r.join},
		Where:   eq(rel.C(ownAlias, "profile_id"), rel.T(profile)),
		OrderBy: []rel.Order{{Expr: at, Desc: true}, {Expr: key}},
		Limit:   limit,
	}
	for _, c := range columns {
		e := typedColumn(in, s, c, rowAlias)
		if c.Type == models.Unknown {
			e = rel.Cast{Expr: e, Type: models.Text, From: c.Type}
		}
		q.Columns = append(q.Columns, rel.As(c.Name, e))
	}
	return q, columns, nil
}

// Answers is a query of one row: for each policy of the entity that requires something or has a
// list, in the order of the model, whether a profile of the build passes it. Their names are returned too; the
// query is nil without any.
func Answers(in Input, profile string) (rel.Query, []*models.Policy, []diag.Problem) {
	c := profileConditions(in)
	q := rel.Select{
		From:  rel.Table{Name: in.Build.Table(in.Entity, Profiles), Alias: "p"},
		Where: eq(rel.C("p", "profile_id"), rel.T(profile)),
	}
	var policies []*models.Policy
	for i := range in.Model.Policies {
		p := &in.Model.Policies[i]
		if p.Require == nil && p.Suppress == nil || p.Entity != in.Entity {
			continue
		}
		q.Columns = append(q.Columns, rel.As(ranked("a", len(policies)), rel.F(rel.IsTrue, allows(c, p))))
		policies = append(policies, p)
	}
	q.Joins = c.scans.joins(rel.C("p", "profile_id"), true)
	if len(policies) == 0 {
		return nil, nil, c.problems
	}
	return q, policies, c.problems
}
