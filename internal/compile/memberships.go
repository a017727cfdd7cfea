package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// membershipSteps makes the tables of who is in, since when, and in which arm, from a query of
// profile_id, segment and, of a priority, arm (nil for nobody) and the tables of the previous build.
//
// Profiles merge between builds. The survivor takes over what the merged profile had: it is in
// since the earlier of the two times, and keeps its arm of a holdout or split, or else gets the
// merged one's. The merged profile's own history ends.
func membershipSteps(in Input, members rel.Query) []Step {
	memberships := in.Build.Table(in.Entity, Memberships)
	history := in.Build.Table(in.Entity, History)
	a := divide(in, members)
	return append(a.steps(),
		Step{Name: "segments: memberships", Do: []rel.Statement{
			membershipTable(in, a, memberships, members),
			rel.Analyze{Name: memberships},
		}},
		Step{Name: "segments: history", Do: []rel.Statement{historyTable(in, history, memberships), rel.Analyze{Name: history}}},
	)
}

func membershipTable(in Input, a *division, name rel.Name, members rel.Query) rel.Statement {
	if members == nil {
		return rel.CreateTable{Name: name, Columns: []rel.Field{
			{Name: "profile_id", Type: models.Text}, {Name: "segment", Type: models.Text}, {Name: "since", Type: models.Timestamp},
			{Name: "arm", Type: models.Text},
		}}
	}
	arm, joins := a.inForce()
	q := rel.Select{
		Columns: []rel.Column{
			rel.As("profile_id", rel.C("m", "profile_id")),
			rel.As("segment", rel.C("m", "segment")),
			rel.As("since", rel.At(in.AsOf.UTC())),
			rel.As("arm", arm),
		},
		From:  rel.Sub{Query: members, Alias: "m"},
		Joins: joins,
	}
	if in.Previous.ID != "" {
		q.Columns[2].Expr = rel.F(rel.Coalesce, rel.C("o", "since"), rel.At(in.AsOf.UTC()))
		q.Joins = append(q.Joins, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: carried(in, Memberships,
			rel.As("since", rel.Agg{Fn: rel.Min, Arg: rel.C("b", "since")})), Alias: "o"}, On: sameMember("o", "m")})
	}
	return rel.CreateTable{Name: name, As: q, Comment: "who is in which segment, since when, in which arm"}
}

func sameMember(a, b string) rel.Expr {
	return rel.F(rel.And,
		rel.F(rel.Eq, rel.C(a, "profile_id"), rel.C(b, "profile_id")),
		rel.F(rel.Eq, rel.C(a, "segment"), rel.C(b, "segment")))
}

// carried is a table of the previous build, under the alias b, by the profiles of this one: one
// row per profile and segment. What it was merged into is under the alias g, absent if the
// profile is still its own.
func carried(in Input, what string, columns ...rel.Column) rel.Query {
	profile := rel.F(rel.Coalesce, rel.C("g", "to_id"), rel.C("b", "profile_id"))
	return rel.Select{
		Columns: append([]rel.Column{rel.As("profile_id", profile), rel.As("segment", rel.C("b", "segment"))}, columns...),
		From:    rel.Table{Name: in.Previous.Table(in.Entity, what), Alias: "b"},
		Joins:   []rel.Join{{Kind: rel.Left, Rel: rel.Sub{Query: mergedNow(in), Alias: "g"}, On: rel.F(rel.Eq, rel.C("g", "from_id"), rel.C("b", "profile_id"))}},
		GroupBy: []rel.Expr{profile, rel.C("b", "segment")},
	}
}

// mergedNow is a query of from_id and to_id: the profiles that this build merged away, each once.
func mergedNow(in Input) rel.Query {
	return rel.Select{
		Columns: []rel.Column{rel.As("from_id", rel.C("x", "from_id")), rel.As("to_id", rel.Agg{Fn: rel.Min, Arg: rel.C("x", "to_id")})},
		From:    rel.Table{Name: in.Build.Table(in.Entity, Merges), Alias: "x"},
		Where: rel.F(rel.And, rel.F(rel.Eq, rel.C("x", "kind"), rel.T("merge")),
			rel.F(rel.Eq, rel.C("x", "build"), rel.T(in.Build.ID))),
		GroupBy: []rel.Expr{rel.C("x", "from_id")},
	}
}

// historyTable closes the entries of those who have left, as of this build, and opens one for
// each who has come.
func historyTable(in Input, name, memberships rel.Name) rel.Statement {
	open := rel.Select{
		Columns: []rel.Column{
			rel.As("profile_id", rel.C("m", "profile_id")), rel.As("segment", rel.C("m", "segment")),
			rel.As("entered_at", rel.C("m", "since")), rel.As("left_at", rel.Null(models.Timestamp)),
		},
		From: rel.Table{Name: memberships, Alias: "m"},
	}
	if in.Previous.ID == "" {
		return rel.CreateTable{Name: name, As: open, Comment: "when people entered and left segments"}
	}
	before := rel.Table{Name: in.Previous.Table(in.Entity, History), Alias: "h"}
	open.Where = rel.F(rel.Not, rel.Exists{Query: rel.Select{
		Columns: []rel.Column{rel.As("one", rel.I(1))},
		From:    before,
		Where:   rel.F(rel.And, sameMember("h", "m"), rel.F(rel.IsNull, rel.C("h", "left_at"))),
	}})
	kept := rel.Select{
		Columns: []rel.Column{
			rel.As("profile_id", rel.C("h", "profile_id")), rel.As("segment", rel.C("h", "segment")),
			rel.As("entered_at", rel.C("h", "entered_at")),
			rel.As("left_at", rel.Case{
				Whens: []rel.When{{
					If:   rel.F(rel.And, rel.F(rel.IsNull, rel.C("h", "left_at")), rel.F(rel.IsNull, rel.C("m", "profile_id"))),
					Then: rel.At(in.AsOf.UTC()),
				}},
				Else: rel.C("h", "left_at"),
			}),
		},
		From:  before,
		Joins: []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: memberships, Alias: "m"}, On: sameMember("m", "h")}},
	}
	return rel.CreateTable{Name: name, As: rel.Union{All: true, Queries: []rel.Query{kept, open}}, Comment: "when people entered and left segments"}
}
