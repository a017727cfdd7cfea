package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The arms that nobody declares.
const (
	ArmHoldout   = models.ArmHoldout
	ArmTreatment = models.ArmTreatment
	ArmUniversal = models.ArmUniversal
)

// division divides members: who is held out, and who is in which arm of a split. Each profile is
// given an arm once, and it is never computed again. In order:
//
//	universal    the entity's holdout, of all profiles, under the segment "*"
//	holdout      of a segment's members who are not held out already
//	split        of those who are left
//
// A profile in which two arms met is contaminated: it keeps its own arm, and an analysis should
// leave it out.
type division struct {
	in       Input
	entity   *models.Entity
	members  rel.Query         // profile_id, segment, arm; nil for nobody
	assigned []*models.Segment // whose arms are given by chance
	table    rel.Name
	before   rel.Name // temporary: the arms of the previous build, by the profiles of this one
}

func divide(in Input, members rel.Query) *division {
	a := &division{in: in, entity: in.Model.Entity(in.Entity), members: members,
		table: in.Build.Table(in.Entity, Assignments), before: workTable(in, "arms")}
	for i := range in.Model.Segments {
		if s := &in.Model.Segments[i]; members != nil && s.Entity == in.Entity && (s.HoldsOut() || len(s.Split) > 0) {
			a.assigned = append(a.assigned, s)
		}
	}
	return a
}

// follows tells whether there is a previous build.
func (a *division) follows() bool { return a.in.Previous.ID != "" }

// steps make the table of assignments.
func (a *division) steps() []Step {
	var do []rel.Statement
	var kept []rel.Query
	if a.follows() {
		do = append(do, rel.CreateTable{Name: a.before, Temp: true, As: a.carried(), Comment: "arms that were given before, those of merged profiles brought together"},
			rel.Analyze{Name: a.before})
		kept = append(kept, a.kept())
	}
	if a.entity.HoldsOut() {
		kept = append(kept, a.universal())
	}
	const comment = "who was given which arm of a holdout or a split, and when"
	if len(kept) == 0 {
		do = append(do, rel.CreateTable{Name: a.table, Comment: comment, Columns: []rel.Field{
			{Name: "profile_id", Type: models.Text}, {Name: "segment", Type: models.Text}, {Name: "arm", Type: models.Text},
			{Name: "since", Type: models.Timestamp}, {Name: "contaminated", Type: models.Boolean},
		}})
	} else {
		do = append(do, rel.CreateTable{Name: a.table, As: union(kept), Comment: comment})
	}
	if len(a.assigned) > 0 {
		do = append(do, rel.Analyze{Name: a.table})
		var each []rel.Query
		for _, s := range a.assigned {
			each = append(each, a.draw(s))
		}
		do = append(do, rel.Insert{Into: a.table, Columns: assignmentColumns, From: union(each), Comment: "arms of those who have none"})
	}
	do = append(do, rel.Analyze{Name: a.table})
	if a.follows() {
		do = append(do, rel.DropTable{Name: a.before})
	}
	return []Step{{Name: "segments: arms", Do: do}}
}

var assignmentColumns = []string{"profile_id", "segment", "arm", "since", "contaminated"}

// carried are the arms that were given before. Of a merged profile and its survivor, the
// survivor's own counts, or else the oldest.
func (a *division) carried() rel.Query {
	arm, since := rel.C("b", "arm"), rel.C("b", "since")
	own := rel.Case{Whens: []rel.When{{If: rel.F(rel.IsNull, rel.C("g", "to_id")), Then: rel.I(0)}}, Else: rel.I(1)}
	met := rel.F(rel.Distinct, rel.Agg{Fn: rel.Min, Arg: arm}, rel.Agg{Fn: rel.Max, Arg: arm})
	return carried(a.in, Assignments,
		rel.As("arm", rel.Agg{Fn: rel.First, Arg: arm, OrderBy: []rel.Order{{Expr: own}, {Expr: since}, {Expr: arm}}, Is: models.Text}),
		rel.As("since", rel.Agg{Fn: rel.Min, Arg: since}),
		rel.As("contaminated", rel.F(rel.Or, met, rel.Agg{Fn: rel.Max, Arg: rel.F(rel.IsTrue, rel.C("b", "contaminated"))})))
}

// kept are the arms given before that stay: all but those of members whose segment's split has no
// such arm any more, or has come since. They are drawn anew.
func (a *division) kept() rel.Query {
	b := func(c string) rel.Expr { return rel.C("b", c) }
	q := rel.Select{From: rel.Table{Name: a.before, Alias: "b"}}
	for _, c := range assignmentColumns {
		q.Columns = append(q.Columns, same("b", c))
	}
	var lost, splits []rel.Expr
	for _, s := range a.assigned {
		if len(s.Split) == 0 {
			continue
		}
		splits = append(splits, rel.T(s.Name))
		var has []rel.Expr
		for _, arm := range s.Arms() {
			has = append(has, rel.T(arm))
		}
		if s.HoldsOut() {
			has = append(has, rel.T(ArmHoldout))
		}
		lost = append(lost, rel.F(rel.And, eq(b("segment"), rel.T(s.Name)), rel.F(rel.Not, rel.InList{Expr: b("arm"), List: has})))
	}
	if len(lost) > 0 {
		members := rel.Select{Columns: []rel.Column{same("m", "profile_id"), same("m", "segment")}, From: rel.Sub{Query: a.members, Alias: "m"},
			Where: rel.InList{Expr: rel.C("m", "segment"), List: splits}}
		q.Joins = []rel.Join{{Kind: rel.Left, Rel: rel.Sub{Query: members, Alias: "m"}, On: sameMember("m", "b")}}
		q.Where = rel.F(rel.Or, rel.F(rel.IsNull, rel.C("m", "profile_id")), rel.F(rel.Not, or(lost)))
	}
	return q
}

// bucketOf is a number from 0 to 9,999 for each profile: the same on every warehouse, and
// independent of that with another salt.
func bucketOf(salt string, profile rel.Expr) rel.Expr {
	return rel.F(rel.Bucket, rel.F(rel.Concat, rel.T(salt), profile))
}

// universal draws for each profile without an arm of the entity's holdout.
func (a *division) universal() rel.Query {
	p := rel.C("p", "profile_id")
	held := rel.F(rel.Lt, bucketOf(a.entity.SaltOf()+":*:", p), rel.I(int64(a.entity.Holdout.BasisPoints)))
	q := rel.Select{
		Columns: []rel.Column{
			rel.As("profile_id", p), rel.As("segment", rel.T(models.UniversalSegment)),
			rel.As("arm", rel.Case{Whens: []rel.When{{If: held, Then: rel.T(ArmHoldout)}}, Else: rel.T(ArmTreatment)}),
			rel.As("since", rel.At(a.in.AsOf.UTC())), rel.As("contaminated", rel.B(false)),
		},
		From: rel.Table{Name: a.in.Build.Table(a.in.Entity, Profiles), Alias: "p"},
	}
	if a.follows() {
		q.Joins = []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: a.before, Alias: "o"},
			On: rel.F(rel.And, eq(rel.C("o", "profile_id"), p), eq(rel.C("o", "segment"), rel.T(models.UniversalSegment)))}}
		q.Where = rel.F(rel.IsNull, rel.C("o", "profile_id"))
	}
	return q
}

// universallyHeld joins those whom the entity's holdout keeps out, under the alias u.
func (a *division) universallyHeld(profile rel.Expr) rel.Join {
	return rel.Join{Kind: rel.Left, Rel: rel.Table{Name: a.table, Alias: "u"}, On: rel.F(rel.And,
		eq(rel.C("u", "profile_id"), profile), eq(rel.C("u", "segment"), rel.T(models.UniversalSegment)), eq(rel.C("u", "arm"), rel.T(ArmHoldout)))}
}

// inForce is the arm of a member under the alias m, NULL in a segment without arms, with the joins
// that it needs.
func (a *division) inForce() (rel.Expr, []rel.Join) {
	var joins []rel.Join
	var whens []rel.When
	if a.entity.HoldsOut() {
		joins = append(joins, a.universallyHeld(rel.C("m", "profile_id")))
		whens = append(whens, rel.When{If: rel.F(rel.NotNull, rel.C("u", "profile_id")), Then: rel.T(ArmUniversal)})
	}
	if len(a.assigned) > 0 {
		joins = append(joins, rel.Join{Kind: rel.Left, Rel: rel.Table{Name: a.table, Alias: "a"}, On: sameMember("a", "m")})
	}
	var holdouts, splits []rel.Expr
	for _, s := range a.assigned {
		if s.HoldsOut() {
			holdouts = append(holdouts, rel.T(s.Name))
		}
		if len(s.Split) > 0 {
			splits = append(splits, rel.T(s.Name))
		}
	}
	of := func(list []rel.Expr) rel.Expr { return rel.InList{Expr: rel.C("m", "segment"), List: list} }
	if len(holdouts) > 0 {
		whens = append(whens, rel.When{If: rel.F(rel.And, eq(rel.C("a", "arm"), rel.T(ArmHoldout)), of(holdouts)), Then: rel.T(ArmHoldout)})
	}
	if len(splits) > 0 {
		whens = append(whens, rel.When{If: of(splits), Then: rel.C("a", "arm")})
	}
	if len(holdouts) > 0 { // with a priority, its arm is there
		whens = append(whens, rel.When{If: rel.F(rel.And, rel.F(rel.IsNull, rel.C("m", "arm")), of(holdouts)), Then: rel.T(ArmTreatment)})
	}
	if len(whens) == 0 {
		return rel.C("m", "arm"), joins
	}
	return rel.Case{Whens: whens, Else: rel.C("m", "arm")}, joins
}

// arm is the first segment of a priority that a profile of the flags is in.
func (f *flags) arm(s *models.Segment) rel.Expr {
	if len(s.Priority) == 0 {
		return rel.Null(models.Text)
	}
	var first rel.Case
	for _, name := range s.Priority {
		first.Whens = append(first.Whens, rel.When{If: rel.C("p", f.column[name]), Then: rel.T(name)})
	}
	return first
}
