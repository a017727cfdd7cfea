package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The arms of a segment with a holdout.
const (
	ArmHoldout   = "holdout"
	ArmTreatment = "treatment"
)

// assignmentTable keeps the arms that were given before, for those who left too, and gives one
// to each member of a segment with a holdout who has none. An arm is never computed again. A
// profile in which two arms met is contaminated: it keeps its own arm, and an analysis should
// leave it out.
func assignmentTable(in Input, memberships rel.Name) rel.Statement {
	name := in.Build.Table(in.Entity, Assignments)
	var each []rel.Query
	if in.Previous.ID != "" {
		arm, since := rel.C("b", "arm"), rel.C("b", "since")
		own := rel.Case{Whens: []rel.When{{If: rel.F(rel.IsNull, rel.C("g", "to_id")), Then: rel.I(0)}}, Else: rel.I(1)}
		met := rel.F(rel.Distinct, rel.Agg{Fn: rel.Min, Arg: arm}, rel.Agg{Fn: rel.Max, Arg: arm})
		each = append(each, carried(in, Assignments,
			rel.As("arm", rel.Agg{Fn: rel.First, Arg: arm, OrderBy: []rel.Order{{Expr: own}, {Expr: since}, {Expr: arm}}}),
			rel.As("since", rel.Agg{Fn: rel.Min, Arg: since}),
			rel.As("contaminated", rel.F(rel.Or, met, rel.Agg{Fn: rel.Max, Arg: rel.F(rel.IsTrue, rel.C("b", "contaminated"))}))))
	}
	var splits [][]rel.Expr
	for i := range in.Model.Segments {
		s := &in.Model.Segments[i]
		if s.Entity == in.Entity && s.Holdout.BasisPoints > 0 {
			splits = append(splits, []rel.Expr{rel.T(s.Name), rel.T(salt(s) + ":"), rel.I(int64(s.Holdout.BasisPoints))})
		}
	}
	if len(splits) > 0 {
		each = append(each, newArms(in, memberships, splits))
	}
	switch len(each) {
	case 0:
		return rel.CreateTable{Name: name, Columns: []rel.Field{
			{Name: "profile_id", Type: models.Text}, {Name: "segment", Type: models.Text}, {Name: "arm", Type: models.Text},
			{Name: "since", Type: models.Timestamp}, {Name: "contaminated", Type: models.Boolean},
		}}
	case 1:
		return rel.CreateTable{Name: name, As: each[0], Comment: "who is in which arm of a holdout"}
	}
	return rel.CreateTable{Name: name, As: rel.Union{All: true, Queries: each}, Comment: "who is in which arm of a holdout"}
}

func salt(s *models.Segment) string {
	if s.Salt != "" {
		return s.Salt
	}
	return s.Name
}

// newArms draws an arm for each member without one: the bucket of salt:profile_id is the same on
// every warehouse, and raising the share moves nobody out of the holdout.
func newArms(in Input, memberships rel.Name, splits [][]rel.Expr) rel.Query {
	bucket := rel.F(rel.Bucket, rel.F(rel.Concat, rel.C("v", "salt"), rel.C("m", "profile_id")))
	q := rel.Select{
		Columns: []rel.Column{
			rel.As("profile_id", rel.C("m", "profile_id")), rel.As("segment", rel.C("m", "segment")),
			rel.As("arm", rel.Case{Whens: []rel.When{{If: rel.F(rel.Lt, bucket, rel.C("v", "below")), Then: rel.T(ArmHoldout)}}, Else: rel.T(ArmTreatment)}),
			rel.As("since", rel.At(in.AsOf.UTC())), rel.As("contaminated", rel.B(false)),
		},
		From: rel.Table{Name: memberships, Alias: "m"},
		Joins: []rel.Join{{
			Rel: rel.Sub{Query: rel.Values{Columns: []rel.Field{
				{Name: "segment", Type: models.Text}, {Name: "salt", Type: models.Text}, {Name: "below", Type: models.Integer},
			}, Rows: splits}, Alias: "v"},
			On: rel.F(rel.Eq, rel.C("v", "segment"), rel.C("m", "segment")),
		}},
	}
	if in.Previous.ID != "" {
		profile := rel.F(rel.Coalesce, rel.C("g", "to_id"), rel.C("b", "profile_id"))
		q.Where = rel.F(rel.Not, rel.Exists{Query: rel.Select{
			Columns: []rel.Column{rel.As("one", rel.I(1))},
			From:    rel.Table{Name: in.Previous.Table(in.Entity, Assignments), Alias: "b"},
			Joins:   []rel.Join{{Kind: rel.Left, Rel: rel.Sub{Query: mergedNow(in), Alias: "g"}, On: rel.F(rel.Eq, rel.C("g", "from_id"), rel.C("b", "profile_id"))}},
			Where: rel.F(rel.And, rel.F(rel.Eq, profile, rel.C("m", "profile_id")),
				rel.F(rel.Eq, rel.C("b", "segment"), rel.C("m", "segment"))),
		}})
	}
	return q
}
