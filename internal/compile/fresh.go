package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// Newest is a query of one column, newest: the time of the newest row of a source up to as_of, NULL
// if there is none. A row of the time to come does not make a source fresh. The source has time or
// updated_at.
func Newest(in Input, s *models.Source) (rel.Query, *diag.Problem) {
	at, typ, problem := columnExpr(in, s, s.Time+s.UpdatedAt) // one of them
	if problem != nil {
		problem.Path = models.Path("sources", s.Name, "fresher_than")
		return nil, problem
	}
	if typ == models.Date {
		at = rel.F(rel.Instant, at, rel.T(in.zone().String()))
	}
	return rel.Select{
		Columns: []rel.Column{rel.As("newest", rel.Agg{Fn: rel.Max, Arg: rel.C("n", "at")})},
		From: rel.Sub{Alias: "n", Query: rel.Select{
			Columns: []rel.Column{rel.As("at", at)}, From: sourceRelation(s, rowAlias), Where: rel.F(rel.NotNull, at),
		}},
		Where: rel.F(rel.Le, rel.C("n", "at"), rel.At(in.AsOf)),
	}, nil
}

// AnyRow is a query of one row, one, where a source has rows, and of none where it has none.
func AnyRow(s *models.Source) rel.Query {
	return rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: sourceRelation(s, rowAlias), Limit: 1}
}
