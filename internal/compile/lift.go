package compile

import (
	"fmt"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// LiftAsk asks how the arms of a segment did on a goal.
type LiftAsk struct {
	Segment string
	Source  string        // whose rows reach the goal
	Column  string        // that is summed; "" to count people alone
	Since   time.Time     // only rows from then on; zero for all since the arm was given
	Within  time.Duration // only rows so long after the arm was given, of people whose time is over; 0 for all
}

// LiftColumns are the columns of Lift, in order.
//
//	arm           text
//	people        integer: who was ever given the arm and has a profile now
//	contaminated  integer: of them, in whom two arms met
//	universal     integer: of the others, whom the entity's holdout keeps out
//	early         integer: of the others, whose time of Within is not over
//	n             integer: those who are left, whom the following are about
//	converted     integer: with at least one row
//	total         number: the sum of the column, absent values as 0
//	squares       number: the sum of the squares of the sums per person, from doubles
var LiftColumns = []string{"arm", "people", "contaminated", "universal", "early", "n", "converted", "total", "squares"}

// Lift is a query over a build: for each arm of a split or holdout, how many people reached a goal
// after they were given the arm, and sums from which means and variances follow. It is about
// everybody who was given an arm, whether they are members still: to leave because of what was sent
// is a result, too.
func Lift(in Input, ask LiftAsk) (rel.Query, []diag.Problem) {
	s := in.Model.Segment(ask.Segment)
	source := in.Model.Source(ask.Source)
	if source == nil {
		return nil, []diag.Problem{{Path: ask.Source, Code: "models.unknown_source", What: fmt.Sprintf("there is no source %q", ask.Source), Fix: diag.DidYouMean(ask.Source, in.Model.SourceNames())}}
	}
	goals, problem := liftGoals(in, ask, source)
	if problem != nil {
		return nil, []diag.Problem{*problem}
	}
	people := liftPeople(in, s, ask)
	w := func(c string) rel.Expr { return rel.C("w", c) }
	counts := rel.F(rel.And, eq(w("contaminated"), rel.I(0)), eq(w("universal"), rel.I(0)), eq(w("early"), rel.I(0)))
	value := rel.F(rel.Coalesce, rel.C("g", "value"), rel.N("0"))
	each := rel.Select{
		Columns: []rel.Column{same("w", "arm"), same("w", "contaminated"), same("w", "universal"), same("w", "early"),
			rel.As("counts", when(counts, rel.I(1))),
			rel.As("converted", when(rel.F(rel.And, counts, rel.F(rel.NotNull, rel.C("g", "profile_id"))), rel.I(1))),
			rel.As("value", when(counts, value))},
		From: rel.Sub{Query: people, Alias: "w"},
		Joins: []rel.Join{{Kind: rel.Left, Rel: rel.Sub{Query: rel.Select{
			Columns: []rel.Column{rel.As("profile_id", rel.C("v", "profile_id")), rel.As("value", rel.Agg{Fn: rel.Sum, Arg: rel.C("v", "value")})},
			From:    rel.Sub{Query: goals, Alias: "v"},
			Joins: []rel.Join{{Rel: rel.Sub{Query: people, Alias: "w"}, On: rel.F(rel.And,
				eq(w("profile_id"), rel.C("v", "profile_id")), rel.F(rel.Ge, rel.C("v", "at"), w("starts")), rel.F(rel.Lt, rel.C("v", "at"), w("ends")))}},
			GroupBy: []rel.Expr{rel.C("v", "profile_id")},
		}, Alias: "g"}, On: eq(rel.C("g", "profile_id"), w("profile_id"))}},
	}
	e := func(c string) rel.Expr { return rel.C("e", c) }
	value = rel.F(rel.Float, e("value"))
	sum := func(c string) rel.Column { return rel.As(c, rel.Agg{Fn: rel.SumInt, Arg: e(c)}) }
	return rel.Select{
		Columns: []rel.Column{same("e", "arm"), rel.As("people", rel.Agg{Fn: rel.CountRows}), sum("contaminated"), sum("universal"), sum("early"),
			rel.As("n", rel.Agg{Fn: rel.Count, Arg: e("counts")}), rel.As("converted", rel.Agg{Fn: rel.Count, Arg: e("converted")}),
			rel.As("total", rel.Agg{Fn: rel.Sum, Arg: e("value")}),
			rel.As("squares", rel.Agg{Fn: rel.Sum, Arg: rel.Cast{Expr: rel.F(rel.Multiply, value, value), Type: models.Number, Try: true, From: rel.Double}})},
		From: rel.Sub{Query: each, Alias: "e"}, GroupBy: []rel.Expr{e("arm")}, OrderBy: []rel.Order{{Expr: e("arm")}},
	}, nil
}

// liftPeople are profile_id, arm, starts and ends of a person's time, and as 0 or 1 the first reason
// to leave them out: contaminated, universal or early.
func liftPeople(in Input, s *models.Segment, ask LiftAsk) rel.Query {
	a := func(c string) rel.Expr { return rel.C("a", c) }
	var arms []rel.Expr
	for _, name := range s.Arms() {
		arms = append(arms, rel.T(name))
	}
	if s.HoldsOut() {
		arms = append(arms, rel.T(ArmHoldout))
	}
	arm := a("arm")
	where := []rel.Expr{eq(a("segment"), rel.T(s.Name)), rel.F(rel.Le, a("since"), rel.At(in.AsOf.UTC()))}
	if len(s.Split) == 0 {
		arm = rel.Case{Whens: []rel.When{{If: eq(arm, rel.T(ArmHoldout)), Then: rel.T(ArmHoldout)}}, Else: rel.T(ArmTreatment)}
	} else {
		where = append(where, rel.InList{Expr: arm, List: arms})
	}
	asOf := rel.At(in.AsOf.UTC())
	starts, ends, early := a("since"), rel.Expr(asOf), rel.Expr(rel.B(false))
	if ask.Within > 0 {
		ends = rel.F(rel.AddSecs, a("since"), rel.I(int64(ask.Within/time.Second)))
		early = rel.F(rel.Gt, ends, asOf)
	}
	if !ask.Since.IsZero() {
		starts = rel.F(rel.Greatest, starts, rel.At(ask.Since.UTC()))
	}
	universal := rel.Expr(rel.B(false))
	joins := []rel.Join{{Rel: rel.Table{Name: in.Build.Table(in.Entity, Profiles), Alias: "p"}, On: eq(rel.C("p", "profile_id"), a("profile_id"))}}
	if in.Model.Entity(in.Entity).HoldsOut() {
		joins = append(joins, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: held(in, "h"), Alias: "u"}, On: eq(rel.C("u", "profile_id"), a("profile_id"))})
		universal = rel.F(rel.NotNull, rel.C("u", "profile_id"))
	}
	mixed := rel.F(rel.IsTrue, a("contaminated"))
	flag := func(test rel.Expr, but ...rel.Expr) rel.Expr {
		var c rel.Case
		for _, b := range but {
			c.Whens = append(c.Whens, rel.When{If: b, Then: rel.I(0)})
		}
		c.Whens, c.Else = append(c.Whens, rel.When{If: test, Then: rel.I(1)}), rel.I(0)
		return c
	}
	return rel.Select{
		Columns: []rel.Column{rel.As("profile_id", a("profile_id")), rel.As("arm", arm), rel.As("starts", starts), rel.As("ends", ends),
			rel.As("contaminated", flag(mixed)), rel.As("universal", flag(universal, mixed)), rel.As("early", flag(early, mixed, universal))},
		From: rel.Table{Name: in.Build.Table(in.Entity, Assignments), Alias: "a"}, Joins: joins, Where: and(where),
	}
}

// liftGoals are profile_id, at and value of the rows of a goal.
func liftGoals(in Input, ask LiftAsk, source *models.Source) (rel.Query, *diag.Problem) {
	r, problem := rowsOf(in, source)
	if problem != nil {
		return nil, problem
	}
	at, problem := rowTime(in, source)
	if problem != nil {
		return nil, problem
	}
	if at == nil {
		return nil, &diag.Problem{Path: models.Path("sources", source.Name), Code: "models.no_time", What: fmt.Sprintf("the rows of %s have no time, so that nothing tells which came after an arm was given", source.Name),
			Fix: "give the source time: or updated_at:, or name another goal"}
	}
	value := rel.Expr(rel.N("0"))
	if ask.Column != "" {
		e, typ, problem := columnExpr(in, source, ask.Column)
		if problem != nil {
			return nil, problem
		}
		if typ != models.Integer && typ != models.Number && typ != models.Unknown {
			return nil, &diag.Problem{Path: models.Path("sources", source.Name), Code: "models.column_type", What: fmt.Sprintf("%s.%s is %s, and a goal sums numbers", source.Name, ask.Column, typ), Fix: "name a column of numbers, or the source alone to count people"}
		}
		value = rel.Cast{Expr: e, Type: models.Number, Try: true, From: typ}
	}
	earliest := []rel.Expr{rel.F(rel.Lt, at, rel.At(in.AsOf.UTC()))}
	if !ask.Since.IsZero() {
		earliest = append(earliest, rel.F(rel.Ge, at, rel.At(ask.Since.UTC())))
	}
	return r.read(func(profile rel.Expr) rel.Select {
		return rel.Select{
			Columns: []rel.Column{rel.As("profile_id", profile), rel.As("at", at), rel.As("value", value)},
			Where:   rel.F(rel.And, append(earliest, rel.F(rel.NotNull, profile))...),
		}
	}), nil
}
