package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// segmentStats are the sizes of the entity's segments, also of those without members, in one
// query, "segment.vip", and those of their arms, "arm.vip.a".
func segmentStats(in Input) []Stat {
	var names [][]rel.Expr
	for _, name := range in.Model.SegmentNames(in.Entity) {
		names = append(names, []rel.Expr{rel.T(name)})
	}
	if len(names) == 0 {
		return nil
	}
	stats := []Stat{{Name: "segment.", Each: true, Query: rel.Select{
		Columns: []rel.Column{rel.As("segment", rel.C("v", "segment")), rel.As("n", rel.F(rel.Coalesce, rel.C("n", "members"), rel.I(0)))},
		From:    rel.Sub{Query: rel.Values{Columns: []rel.Field{{Name: "segment", Type: models.Text}}, Rows: names}, Alias: "v"},
		Joins: []rel.Join{{Kind: rel.Left, Rel: rel.Sub{Query: rel.Select{
			Columns: []rel.Column{rel.As("segment", rel.C("m", "segment")), rel.As("members", rel.Agg{Fn: rel.CountRows})},
			From:    rel.Table{Name: in.Build.Table(in.Entity, Memberships), Alias: "m"},
			GroupBy: []rel.Expr{rel.C("m", "segment")},
		}, Alias: "n"}, On: rel.F(rel.Eq, rel.C("n", "segment"), rel.C("v", "segment"))}},
	}}}
	if arms := armSizes(in); arms != nil {
		stats = append(stats, Stat{Name: "arm.", Each: true, Query: arms})
	}
	return stats
}

// armSizes are the sizes of the arms that the model declares, also of those without members, by
// "vip.a"; nil if it declares none.
func armSizes(in Input) rel.Query {
	var names [][]rel.Expr
	for i := range in.Model.Segments {
		if s := &in.Model.Segments[i]; s.Entity == in.Entity {
			for _, arm := range in.Model.AllArms(s) {
				names = append(names, []rel.Expr{rel.T(s.Name + "." + arm), rel.T(s.Name), rel.T(arm)})
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	n := func(c string) rel.Expr { return rel.C("n", c) }
	return rel.Select{
		Columns: []rel.Column{rel.As("name", rel.C("v", "name")), rel.As("n", rel.F(rel.Coalesce, n("members"), rel.I(0)))},
		From: rel.Sub{Query: rel.Values{Columns: []rel.Field{{Name: "name", Type: models.Text}, {Name: "segment", Type: models.Text},
			{Name: "arm", Type: models.Text}}, Rows: names}, Alias: "v"},
		Joins: []rel.Join{{Kind: rel.Left, Rel: rel.Sub{Query: ArmSizes(in.Entity, in.Build), Alias: "n"},
			On: rel.F(rel.And, rel.F(rel.Eq, n("segment"), rel.C("v", "segment")), rel.F(rel.Eq, n("arm"), rel.C("v", "arm")))}},
	}
}

// ArmSizes is a query of segment, arm (text) and members (integer) over a build, one row for each
// arm that has members.
func ArmSizes(entity string, b Build) rel.Query {
	m := func(c string) rel.Expr { return rel.C("m", c) }
	return rel.Select{
		Columns: []rel.Column{rel.As("segment", m("segment")), rel.As("arm", m("arm")), rel.As("members", rel.Agg{Fn: rel.CountRows})},
		From:    rel.Table{Name: b.Table(entity, Memberships), Alias: "m"},
		Where:   rel.F(rel.NotNull, m("arm")),
		GroupBy: []rel.Expr{m("segment"), m("arm")},
	}
}

// Sizes is a query of segment (text) and members (integer) over a build, one row for each
// segment that has members.
func Sizes(entity string, b Build) rel.Query {
	return rel.Select{
		Columns: []rel.Column{rel.As("segment", rel.C("m", "segment")), rel.As("members", rel.Agg{Fn: rel.CountRows})},
		From:    rel.Table{Name: b.Table(entity, Memberships), Alias: "m"},
		GroupBy: []rel.Expr{rel.C("m", "segment")},
		OrderBy: []rel.Order{{Expr: rel.C("m", "segment")}},
	}
}

// SegmentDelta is a query of one row of three integers: how many profiles joined a segment
// between two builds, how many left, and how many are in now. Without a first build all have
// joined. A profile that was merged away has left.
func SegmentDelta(entity string, from, to Build, segment string) rel.Query {
	size := rel.Select{
		Columns: []rel.Column{rel.As("joined", rel.Agg{Fn: rel.CountRows}), rel.As("left", rel.I(0)), rel.As("size", rel.Agg{Fn: rel.CountRows})},
		From:    rel.Sub{Query: members(to, entity, segment), Alias: "n"},
	}
	if from.ID == "" {
		return size
	}
	missing := func(there string) rel.Expr {
		return rel.Agg{Fn: rel.Count, Arg: when(rel.F(rel.IsNull, rel.C(there, "profile_id")), rel.I(1))}
	}
	return rel.Select{
		Columns: []rel.Column{
			rel.As("joined", missing("o")), rel.As("left", missing("n")),
			rel.As("size", rel.Agg{Fn: rel.Count, Arg: rel.C("n", "profile_id")}),
		},
		From: rel.Sub{Query: members(to, entity, segment), Alias: "n"},
		Joins: []rel.Join{{Kind: rel.Full, Rel: rel.Sub{Query: members(from, entity, segment), Alias: "o"},
			On: rel.F(rel.Eq, rel.C("o", "profile_id"), rel.C("n", "profile_id"))}},
	}
}

// members is a query of the profile_id of those in a segment.
func members(b Build, entity, segment string) rel.Query {
	return rel.Select{
		Columns: []rel.Column{rel.As("profile_id", rel.C("m", "profile_id"))},
		From:    rel.Table{Name: b.Table(entity, Memberships), Alias: "m"},
		Where:   rel.F(rel.Eq, rel.C("m", "segment"), rel.T(segment)),
	}
}

// rowsIn is a query of one integer: the rows of another.
func rowsIn(q rel.Query, alias string) rel.Query {
	return rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Sub{Query: q, Alias: alias}}
}
