package compile

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// draw gives an arm of a segment's holdout and split to each member without one, whom the entity's
// holdout does not keep out. Two numbers decide, which are independent of each other, so that
// raising the holdout moves nobody between the arms:
//
//	salt:profile_id        held out if it is below the share
//	salt:split:profile_id  the arm, by the shares in their order
func (a *division) draw(s *models.Segment) rel.Query {
	profile := rel.C("m", "profile_id")
	d := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", profile)},
		From:    rel.Sub{Query: a.members, Alias: "m"},
		Joins:   []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: a.table, Alias: "a"}, On: sameMember("a", "m")}},
	}
	where := []rel.Expr{eq(rel.C("m", "segment"), rel.T(s.Name)), rel.F(rel.IsNull, rel.C("a", "profile_id"))}
	if a.entity.HoldsOut() {
		d.Joins = append(d.Joins, a.universallyHeld(profile))
		where = append(where, rel.F(rel.IsNull, rel.C("u", "profile_id")))
	}
	held, mixed := rel.Expr(rel.B(false)), rel.Expr(rel.B(false))
	if s.HoldsOut() {
		held = rel.F(rel.Lt, bucketOf(s.SaltOf()+":", profile), rel.I(int64(s.Holdout.BasisPoints)))
	}
	if a.follows() && len(s.Split) > 0 { // who had an arm that is no more was never held out, or is not any more
		d.Joins = append(d.Joins, rel.Join{Kind: rel.Left, Rel: rel.Table{Name: a.before, Alias: "o"}, On: sameMember("o", "m")})
		if s.HoldsOut() {
			held = rel.F(rel.And, rel.F(rel.IsNull, rel.C("o", "profile_id")), held)
		}
		treated := rel.F(rel.Not, rel.InList{Expr: rel.C("o", "arm"), List: []rel.Expr{rel.T(ArmHoldout), rel.T(ArmTreatment)}})
		mixed = rel.F(rel.Or, rel.F(rel.IsTrue, treated), rel.F(rel.IsTrue, rel.C("o", "contaminated")))
	}
	d.Where, d.Fence = and(where), len(s.Split) > 0
	d.Columns = append(d.Columns, rel.As("held", held), rel.As("contaminated", mixed))
	out := rel.Select{
		Columns: []rel.Column{
			rel.As("profile_id", rel.C("d", "profile_id")), rel.As("segment", rel.T(s.Name)), {As: "arm"},
			rel.As("since", rel.At(a.in.AsOf.UTC())), rel.As("contaminated", rel.C("d", "contaminated")),
		},
	}
	arm := rel.Case{Whens: []rel.When{{If: rel.C("d", "held"), Then: rel.T(ArmHoldout)}}, Else: rel.T(ArmTreatment)}
	if len(s.Split) > 0 {
		d.Columns = append(d.Columns, rel.As("draw", bucketOf(s.SaltOf()+":split:", profile)))
	}
	switch {
	case len(s.Split) == 0:
		out.From = rel.Sub{Query: d, Alias: "d"}
	case len(s.StratifyBy) == 0:
		out.From = rel.Sub{Query: d, Alias: "d"}
		arm = byShares(s, rel.C("d", "draw"), nil)
	default:
		out.From = rel.Sub{Query: a.strata(s, d), Alias: "d"}
		at := rel.F(rel.Add, rel.F(rel.Multiply, rel.F(rel.Subtract, rel.C("d", "place"), rel.I(1)), rel.I(10000)), rel.C("d", "start"))
		arm = byShares(s, at, rel.C("d", "size"))
	}
	out.Columns[2].Expr = arm
	return out
}

// byShares is the arm of somebody who stands at a place from 0 to below 10,000 times a size (nil
// for 1): the arms lie beside each other there, each as long as its share.
func byShares(s *models.Segment, at, size rel.Expr) rel.Case {
	c := rel.Case{Whens: []rel.When{{If: rel.C("d", "held"), Then: rel.T(ArmHoldout)}}}
	end := 0
	for i, arm := range s.Split {
		if end += arm.Share.BasisPoints; i == len(s.Split)-1 {
			c.Else = rel.T(arm.Name)
			break
		}
		bound := rel.Expr(rel.I(int64(end)))
		if size != nil {
			bound = rel.F(rel.Multiply, bound, size)
		}
		c.Whens = append(c.Whens, rel.When{If: rel.F(rel.Lt, at, bound), Then: rel.T(arm.Name)})
	}
	return c
}

// strata puts the new members of each stratum in an order of chance and adds their place (from 1),
// the stratum's size and where it starts (0 to 9,999, by chance). Taking every arm's share of the
// places is systematic sampling (Madow, W. and Madow, L., On the theory of systematic sampling,
// 1944): in each stratum an arm has its share of the new members, rounded down or up, and each of
// them is in it with the probability of its share, also when they come one by one.
func (a *division) strata(s *models.Segment, d rel.Select) rel.Query {
	d.Joins = append(d.Joins, rel.Join{Rel: rel.Table{Name: a.in.Build.Table(a.in.Entity, Profiles), Alias: "p"},
		On: eq(rel.C("p", "profile_id"), rel.C("m", "profile_id"))})
	d.Columns = append(d.Columns, rel.As("lot", bucketOf(s.SaltOf()+":order:", rel.C("m", "profile_id"))))
	stratum := []rel.Expr{rel.C("d", "held")}
	for i, name := range s.StratifyBy {
		k := fmt.Sprintf("k%d", i+1)
		d.Columns = append(d.Columns, rel.As(k, rel.C("p", name)))
		stratum = append(stratum, rel.C("d", k))
	}
	placed := rel.Select{From: rel.Sub{Query: d, Alias: "d"}}
	for _, c := range d.Columns {
		placed.Columns = append(placed.Columns, same("d", c.As))
	}
	placed.Columns = append(placed.Columns,
		rel.As("place", rel.Over{Rank: rel.RowNumber, PartitionBy: stratum, OrderBy: []rel.Order{{Expr: rel.C("d", "lot")}, {Expr: rel.C("d", "profile_id")}}}),
		rel.As("size", rel.Over{Agg: &rel.Agg{Fn: rel.CountRows}, PartitionBy: stratum}))
	first := rel.Agg{Fn: rel.Max, Arg: when(eq(rel.C("d", "place"), rel.I(1)), rel.C("d", "draw"))}
	return rel.Select{
		Columns: []rel.Column{same("d", "profile_id"), same("d", "held"), same("d", "contaminated"), same("d", "place"), same("d", "size"),
			rel.As("start", rel.Over{Agg: &first, PartitionBy: stratum})},
		From: rel.Sub{Query: placed, Alias: "d"},
	}
}
