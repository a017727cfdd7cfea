package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models/diag"
)

// RowOwners is a query of source, key (text) and profile_id over a build: whose each row of each
// source of the entity is. Rows of nobody and rows without a key are left out.
func RowOwners(in Input) (rel.Query, []diag.Problem) {
	var all []rel.Query
	var problems []diag.Problem
	e := in.Model.Entity(in.Entity)
	records := rel.Select{
		Columns: []rel.Column{same("r", "source"), same("r", "key"), same("r", "profile_id")},
		From:    rel.Table{Name: in.Build.Table(in.Entity, Records), Alias: "r"},
	}
	all = append(all, records)
	for _, name := range e.Identity.From {
		s := in.Model.Source(name)
		if s.Time == "" {
			continue
		}
		owner, problem := eventOwner(in, s)
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		key, problem := rowKey(in, s)
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		all = append(all, rel.Select{
			Columns: []rel.Column{rel.As("source", rel.T(name)), rel.As("key", key), rel.As("profile_id", rel.C(ownAlias, "profile_id"))},
			From:    sourceRelation(s, rowAlias), Joins: []rel.Join{owner},
			Where: rel.F(rel.NotNull, key),
		})
	}
	return rel.Union{All: true, Queries: all}, problems
}
