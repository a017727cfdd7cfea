package compile

import (
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// suppressing are the policies whose lists keep people of an entity, "" for any, from a kind of
// destination for a purpose.
func suppressing(m *models.Model, entity, purpose string, kind destinations.Kind) []*models.Policy {
	var out []*models.Policy
	for i := range m.Policies {
		p := &m.Policies[i]
		if p.Suppress != nil && (p.Purpose == "" || p.Purpose == purpose) && (entity == "" || p.Entity == entity) &&
			(len(p.Suppress.Kinds) == 0 || slices.Contains(p.Suppress.Kinds, string(kind))) {
			out = append(out, p)
		}
	}
	return out
}

// suppressed is the code of the first policy whose list has an identifier of a profile, under the
// alias p; NULL where none has.
func suppressed(c *conditions, policies []*models.Policy) rel.Expr {
	if len(policies) == 0 {
		return rel.Null(models.Text)
	}
	var out rel.Case
	for _, p := range policies {
		if p.Entity != c.in.Entity {
			continue // its identifiers are of other profiles
		}
		list, problems := listed(c.in, p)
		c.problems = append(c.problems, problems...)
		if list == nil {
			continue
		}
		answer := c.scans.askQuery("list of policy "+p.Name, onList(c.in, list))
		out.Whens = append(out.Whens, rel.When{If: rel.F(rel.NotNull, answer), Then: rel.T("policy." + p.Name)})
	}
	if len(out.Whens) == 0 {
		return rel.Null(models.Text)
	}
	return out
}

// onList is a query of profile_id and v: the profiles that have an identifier of a list.
func onList(in Input, list rel.Query) rel.Query {
	return rel.Select{
		Columns:  []rel.Column{rel.As("profile_id", rel.C("i", "profile_id")), rel.As("v", rel.I(1))},
		Distinct: true,
		From:     rel.Table{Name: in.Build.Table(in.Entity, Identifiers), Alias: "i"},
		Joins: []rel.Join{{Rel: rel.Sub{Query: list, Alias: "l"},
			On: rel.F(rel.And, eq(rel.C("l", "type"), rel.C("i", "type")), eq(rel.C("l", "value"), rel.C("i", "value")))}},
		Where: rel.F(rel.NotNull, rel.C("i", "profile_id")),
	}
}

// listed is a query of type and value, in the normal form of the entity's identifiers: what a
// policy's list holds; nil if that is nothing.
func listed(in Input, p *models.Policy) (rel.Query, []diag.Problem) {
	source, e := in.Model.Source(p.Suppress.Source), in.Model.Entity(p.Entity)
	path := models.Path("policies", p.Name, "suppress")
	if source == nil {
		return nil, []diag.Problem{unknownSource(in, path+".source", p.Suppress.Source)}
	}
	in.Entity = p.Entity
	filter, problems := rowFilter(in, source, path, p.Suppress.Where, nil, nil)
	rows := rel.Select{From: sourceRelation(source, rowAlias), Where: filter}
	var forms []form
	var types []string
	for _, sid := range p.Suppress.Columns(source) {
		id, _ := e.Identifier(sid.Type)
		if id == nil {
			continue
		}
		raw, typ, problem := columnExpr(in, source, sid.Column)
		if problem != nil {
			problem.Path = path + ".identifiers." + sid.Type
			problems = append(problems, *problem)
			continue
		}
		text := rel.Expr(rel.Cast{Expr: raw, Type: models.Text, From: typ})
		name := ranked("v", len(forms))
		normal := *id
		if normal.Normalize = normalizer(id); normal.Normalize == "none" {
			rows.Columns = append(rows.Columns, rel.As(name, text))
		} else {
			forms = append(forms, form{name: name, id: normal, raw: text})
		}
		types = append(types, sid.Type+"="+name)
	}
	if len(types) == 0 {
		return nil, problems
	}
	return unpivoted(normalForms(rows, "f", forms), types), problems
}

// unpivoted puts the columns of a query, as type=column, under each other as type and value.
func unpivoted(q rel.Query, types []string) rel.Query {
	var each []rel.Query
	for _, t := range types {
		typ, column, _ := strings.Cut(t, "=")
		value := rel.C("l", column)
		each = append(each, rel.Select{
			Columns: []rel.Column{rel.As("type", rel.T(typ)), rel.As("value", value)},
			From:    rel.Sub{Query: q, Alias: "l"},
			Where:   rel.F(rel.NotNull, value),
		})
	}
	return union(each)
}

// listedMatch is the code of the first list that has a match value of a row itself, or another
// identifier of the profile that has the value, whoever the row belongs to; nil where no list has
// values of their kinds.
func (d *desired) listedMatch() rel.Expr {
	var out rel.Case
	for _, p := range d.lists {
		list, problems := listed(d.in, p)
		d.problems = append(d.problems, problems...)
		if list == nil {
			continue
		}
		for i, m := range d.sync.Match {
			kind := formKind(d.obj, m.Identifier)
			if kind == "" {
				continue
			}
			value := rel.C("d", nth("id", i))
			hit := rel.Select{
				Columns: []rel.Column{rel.As("one", rel.I(1))},
				From:    rel.Sub{Query: list, Alias: "x"},
				Where:   rel.F(rel.And, ofKind(d.in.Model.Entity(p.Entity), kind, rel.C("x", "type")), eq(rel.C("x", "value"), value)),
			}
			whens := []rel.Expr{rel.Exists{Query: hit}}
			if d.source != nil && p.Entity == d.in.Entity {
				whens = append(whens, rel.Exists{Query: rel.Select{
					Columns: hit.Columns,
					From:    rel.Table{Name: d.in.Build.Table(d.in.Entity, Identifiers), Alias: "o"},
					Joins:   []rel.Join{{Rel: rel.Sub{Query: onList(d.in, list), Alias: "x"}, On: eq(rel.C("x", "profile_id"), rel.C("o", "profile_id"))}},
					Where:   rel.F(rel.And, ofKind(d.in.Model.Entity(p.Entity), kind, rel.C("o", "type")), eq(rel.C("o", "value"), value)),
				}})
			}
			out.Whens = append(out.Whens, rel.When{If: or(whens), Then: rel.T("policy." + p.Name)})
		}
	}
	if len(out.Whens) == 0 {
		return nil
	}
	return out
}

// ofKind is true for the identifier types of an entity that are normalised in one way.
func ofKind(e *models.Entity, normaliser string, typ rel.Expr) rel.Expr {
	in := rel.InList{Expr: typ}
	for i := range e.Identity.Identifiers {
		if id := &e.Identity.Identifiers[i]; normalizer(id) == normaliser {
			in.List = append(in.List, rel.T(id.Type))
		}
	}
	if len(in.List) == 0 {
		return rel.B(false)
	}
	return in
}
