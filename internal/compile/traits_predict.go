package compile

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// Predictions are fitted to counts of people, which is all that leaves the warehouse, and come back
// as answers to each history that there is:
//
//	rows ─► days with purchases ─► people: repeats, days to the last, age, mean of repeats
//	                                 │  └► people per history ─► fit ─► answers per history
//	                                 └────────────────────────── join ◄──────┘
//
// Traits that look at the same rows share all of it.

// prediction is what is told of the rows of one source under one filter.
type prediction struct {
	number    int
	amount    string // column of values; "" where nobody asks for them
	traits    []*models.Trait
	horizons  []time.Duration // that are asked for
	repeats   rel.Query       // of the days: profile_id, day, amount
	asOf      string          // the last date that is seen
	predicted *traits
}

// predict is a predicted trait.
func (t *traits) predict(tr *models.Trait) rel.Expr {
	source := t.in.Model.Source(firstOf(tr.From))
	if len(tr.From) != 1 || source == nil {
		return t.fail(unknownSource(t.in, t.path(tr, "from"), firstOf(tr.From)))
	}
	days := t.days(tr, source)
	if days == nil {
		return rel.Null(models.Number)
	}
	canon := fmt.Sprintf("%#v", days)
	p := t.predictions[canon]
	if p == nil {
		p = &prediction{number: len(t.predictions) + 1, amount: tr.Predict.Amount, repeats: days, predicted: t,
			asOf: t.in.AsOf.Add(-time.Microsecond).In(t.in.zone()).Format(time.DateOnly)}
		if t.predictions == nil {
			t.predictions = map[string]*prediction{}
		}
		t.predictions[canon] = p
	}
	p.traits = append(p.traits, tr)
	if h := tr.Predict.HorizonOf(); tr.Predict.What != "churn" && !slices.Contains(p.horizons, h) {
		p.horizons = append(p.horizons, h)
	}
	return t.scans.askQuery("what is predicted of "+source.Name, p.value(tr))
}

// days is a query of profile_id, day and amount (a Number, NULL where nobody asks): the days on
// which somebody bought, in the project's time zone, before the run.
func (t *traits) days(tr *models.Trait, source *models.Source) rel.Query {
	path := models.Path("entities", t.entity.Name, "traits", tr.Name)
	filter, problems := rowFilter(t.in, source, path, tr.Where, tr.Within, tr.Between)
	r, problem := rowsOf(t.in, source)
	if problem != nil {
		problem.Path = t.path(tr, "from")
		problems = append(problems, *problem)
	}
	at, problem := rowTime(t.in, source)
	switch {
	case problem != nil:
		problem.Path = models.Path("sources", source.Name)
		problems = append(problems, *problem)
	case at == nil:
		problems = append(problems, diag.Problem{Path: t.path(tr, "from"), Code: "models.no_time",
			What: fmt.Sprintf("source %s has no time, so that nobody can say when somebody bought", source.Name),
			Fix:  fmt.Sprintf("give the source %s a time: column", source.Name)})
	}
	amount := rel.Expr(rel.Null(models.Number))
	if name := tr.Predict.Amount; name != "" {
		e, typ, problem := columnExpr(t.in, source, name)
		if problem != nil {
			problem.Path = path + ".predict.amount"
			problems = append(problems, *problem)
		} else {
			amount = rel.Agg{Fn: rel.Sum, Arg: rel.Cast{Expr: e, Type: models.Number, Try: true, From: typ}}
		}
	}
	if len(problems) > 0 {
		t.fail(problems...)
		return nil
	}
	where := []rel.Expr{rel.F(rel.Lt, at, rel.At(t.in.AsOf))}
	if filter != nil {
		where = append(where, filter)
	}
	day := rel.F(rel.LocalDate, at, rel.T(t.in.zone().String()))
	return r.read(func(profile rel.Expr) rel.Select {
		return rel.Select{
			Columns: []rel.Column{rel.As("profile_id", profile), rel.As("day", day), rel.As("amount", amount)},
			Where:   and(where), GroupBy: []rel.Expr{profile, day},
		}
	})
}

func (p *prediction) table(what string) rel.Name {
	return p.predicted.work("guess%d_%s", p.number, what)
}

// history are the columns of the table people that answers are told by, all integers, in days.
var history = []string{"repeats", "last", "age"}

// people is a query of profile_id, history and mean, of repeat purchases.
func (p *prediction) people() rel.Query {
	d := func(name string) rel.Expr { return rel.C("d", name) }
	first := rel.Select{From: rel.Sub{Query: p.repeats, Alias: "d"}, Columns: []rel.Column{
		same("d", "profile_id"), same("d", "day"), same("d", "amount"),
		rel.As("first", rel.Over{Agg: &rel.Agg{Fn: rel.Min, Arg: d("day")}, PartitionBy: []rel.Expr{d("profile_id")}}),
	}}
	return rel.Select{From: rel.Sub{Query: first, Alias: "d"}, GroupBy: []rel.Expr{d("profile_id")}, Columns: []rel.Column{
		same("d", "profile_id"),
		rel.As("repeats", rel.F(rel.Subtract, count(), rel.I(1))),
		rel.As("last", rel.F(rel.DaysApart, greatest(d("day")), least(d("day")))),
		rel.As("age", rel.F(rel.DaysApart, rel.D(p.asOf), least(d("day")))),
		rel.As("mean", rel.Agg{Fn: rel.Avg, Arg: when(rel.F(rel.Gt, d("day"), d("first")), rel.Cast{Expr: d("amount"), Type: models.Number, From: models.Number})}),
	}}
}

// steps make the people, fit, and answer. They come before the scans.
func (p *prediction) steps() []Step {
	answers := []rel.Field{{Name: "repeats", Type: models.Integer}, {Name: "last", Type: models.Integer}, {Name: "age", Type: models.Integer}, {Name: "churn", Type: models.Number}}
	for i := range p.horizons {
		answers = append(answers, rel.Field{Name: ahead(i), Type: models.Number})
	}
	name := "traits: predict from " + p.traits[0].From[0]
	return []Step{
		{Name: name, Do: temp(p.table("people"), p.people()), Solve: &Solve{
			Read: []rel.Query{p.totals(), p.counted(history, "people"), p.counted([]string{"repeats", "mean"}, "payers")},
			Into: rel.CreateTable{Name: p.table("fit"), Temp: true, Columns: fitted}, Run: p.fit,
		}},
		{Name: name, Solve: &Solve{
			Read: []rel.Query{p.fitted(), p.counted(history, "people")},
			Into: rel.CreateTable{Name: p.table("told"), Temp: true, Columns: answers}, Run: p.answer,
		}},
		{Name: name, Do: p.keep()},
	}
}

// totals is a row of how many people, repeaters, and repeaters whose purchases had a value.
func (p *prediction) totals() rel.Query {
	q := rel.Select{From: from(p.table("people"), "p"), Columns: []rel.Column{rel.As("people", count())}}
	for _, x := range []struct {
		name string
		is   rel.Expr
	}{{"repeaters", rel.F(rel.Gt, rel.C("p", "repeats"), rel.I(0))}, {"payers", paid()}} {
		q.Columns = append(q.Columns, rel.As(x.name, rel.Agg{Fn: rel.Count, Arg: when(x.is, rel.I(1))}))
	}
	return q
}

// paid tells whether the repeat purchases of somebody came to more than nothing.
func paid() rel.Expr { return rel.F(rel.Gt, rel.C("p", "mean"), rel.N("0")) }

// counted counts the people, or those who paid, with the same values of columns, in their order.
func (p *prediction) counted(columns []string, who string) rel.Query {
	q := rel.Select{From: from(p.table("people"), "p")}
	for _, c := range columns {
		q.Columns = append(q.Columns, same("p", c))
		q.GroupBy = append(q.GroupBy, rel.C("p", c))
		q.OrderBy = append(q.OrderBy, rel.Order{Expr: rel.C("p", c)})
	}
	q.Columns = append(q.Columns, rel.As("people", count()))
	if who == "payers" {
		q.Where = paid()
	}
	return q
}

// ahead is the column of how many purchases are expected in a horizon.
func ahead(i int) string { return fmt.Sprintf("ahead_%d", i+1) }

// value is a query of profile_id and v: a trait of everybody of whom something can be told.
func (p *prediction) value(tr *models.Trait) rel.Query {
	var on []rel.Expr
	for _, c := range history {
		on = append(on, eq(rel.C("a", c), rel.C("p", c)))
	}
	q := rel.Select{From: from(p.table("people"), "p"), Joins: []rel.Join{join(rel.Inner, from(p.table("told"), "a"), on...)}, Columns: []rel.Column{same("p", "profile_id")}}
	if tr.Predict.What == "churn" {
		q.Columns = append(q.Columns, rel.As("v", rel.C("a", "churn")))
		return q
	}
	n := rel.C("a", ahead(slices.Index(p.horizons, tr.Predict.HorizonOf())))
	if tr.Predict.What == "purchases" {
		q.Columns = append(q.Columns, rel.As("v", n))
		return q
	}
	q.Joins = append(q.Joins, rel.Join{Kind: rel.Cross, Rel: from(p.table("fit"), "f")})
	q.Where = rel.F(rel.Or, eq(rel.C("p", "repeats"), rel.I(0)), paid())
	q.Columns = append(q.Columns, rel.As("worth", p.worth()), rel.As("n", rel.F(rel.Float, n)))
	return rel.Select{From: rel.Sub{Query: q, Alias: "w"}, Columns: []rel.Column{same("w", "profile_id"),
		rel.As("v", rel.Cast{Expr: rel.F(rel.Multiply, rel.F(rel.Float, rel.C("w", "worth")), rel.C("w", "n")), Type: models.Number, Try: true, From: rel.Double})}}
}

// worth is purchases.Values.Worth of a person, in doubles.
func (p *prediction) worth() rel.Expr {
	f := func(name string) rel.Expr { return rel.F(rel.Float, rel.C("f", name)) }
	x := rel.F(rel.Float, rel.C("p", "repeats"))
	mean := rel.F(rel.Coalesce, rel.F(rel.Float, rel.C("p", "mean")), double(0))
	return rel.F(rel.Divide, rel.F(rel.Multiply, f("p"), rel.F(rel.Add, f("v"), rel.F(rel.Multiply, x, mean))),
		rel.F(rel.Subtract, rel.F(rel.Add, rel.F(rel.Multiply, f("p"), x), f("q")), double(1)))
}
