package compile

import (
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// TableName splits a table as written in a source, schema.table or database.schema.table.
func TableName(table string) rel.Name { return rel.Name(strings.Split(table, ".")) }

// rawIdentifier is an identifier of a source's row as text, absent as the empty text, so that
// rows and owners join by plain equality. Numbers are written without zeros after the point: 42.00
// in one source and 42 in another are one value.
func rawIdentifier(in Input, s *models.Source, id models.SourceIdentifier) (rel.Expr, *diag.Problem) {
	c, problem := sourceColumn(in, s, id.Column)
	if problem != nil {
		problem.Path = models.Path("sources", s.Name, "identifiers", id.Type)
		return nil, problem
	}
	e := rel.Expr(rel.C(rowAlias, c.Name))
	if c.Type != models.Text {
		e = rel.Cast{Expr: e, Type: models.Text, From: c.Type}
	}
	if id.Country != "" {
		e, problem = withCountry(in, s, id, e)
		if problem != nil {
			problem.Path = models.Path("sources", s.Name, "identifiers", id.Type, "country")
		}
		return e, problem
	}
	return rel.F(rel.Coalesce, e, rel.T("")), nil
}

// eventOwner joins the rows of an event source, under rowAlias, with the profile that they belong
// to, under ownAlias, by their identifiers as the source has them. Rows of nobody are left out.
func eventOwner(in Input, s *models.Source) (rel.Join, *diag.Problem) {
	on := []rel.Expr{rel.F(rel.NotNull, rel.C(ownAlias, "profile_id"))}
	for _, id := range identifiersOf(in.Model.Entity(in.Entity), s) {
		raw, problem := rawIdentifier(in, s, id.in)
		if problem != nil {
			return rel.Join{}, problem
		}
		on = append(on, rel.F(rel.Eq, raw, rel.C(ownAlias, id.Type)))
	}
	return rel.Join{Rel: rel.Table{Name: in.Build.Table(in.Entity, Owners(s.Name)), Alias: ownAlias}, On: rel.F(rel.And, on...)}, nil
}

// sourceID is an identifier type of the entity with the column of a source that holds it.
type sourceID struct {
	*models.Identifier
	rank int // 0 is the strongest
	in   models.SourceIdentifier
}

// identifiersOf lists the entity's identifier types that a source holds, strongest first.
func identifiersOf(e *models.Entity, s *models.Source) []sourceID {
	var ids []sourceID
	for rank := range e.Identity.Identifiers {
		t := &e.Identity.Identifiers[rank]
		for _, id := range s.Identifiers {
			if id.Type == t.Type {
				ids = append(ids, sourceID{Identifier: inSource(t, id), rank: rank, in: id})
			}
		}
	}
	return ids
}
