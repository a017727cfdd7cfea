package compile

import (
	"iter"

	"github.com/weir-data/weir/internal/purchases"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// fitted are the columns of the one row that a fit is: the parameters, NULL where there are none,
// how many people there were, and why there are no parameters.
var fitted = func() []rel.Field {
	var out []rel.Field
	for _, name := range parameters {
		out = append(out, rel.Field{Name: name, Type: models.Number})
	}
	return append(out, rel.Field{Name: "people", Type: models.Integer}, rel.Field{Name: "repeaters", Type: models.Integer},
		rel.Field{Name: "why", Type: models.Text}, rel.Field{Name: "why_value", Type: models.Text})
}()

// parameters are those of BG/NBD, with alpha in weeks, and of Gamma-Gamma.
var parameters = []string{"r", "alpha", "a", "b", "p", "q", "v"}

func (p *prediction) fitted() rel.Query {
	q := rel.Select{From: from(p.table("fit"), "f")}
	for _, f := range fitted {
		q.Columns = append(q.Columns, same("f", f.Name))
	}
	return q
}

// weeks is a number of days in weeks.
func weeks(days float64) float64 { return days / 7 }

// fit reads totals, histories and values, and gives one row.
func (p *prediction) fit(read []iter.Seq2[[]any, error]) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var people, repeaters, payers float64
		for row, err := range read[0] {
			if err != nil {
				yield(nil, err)
				return
			}
			people, repeaters, payers = numberIn(row[0]), numberIn(row[1]), numberIn(row[2])
		}
		var histories []purchases.History
		all := purchases.Sample{Of: people}
		for row, err := range read[1] {
			if err != nil {
				yield(nil, err)
				return
			}
			if n := all.Take(numberIn(row[3])); n > 0 {
				histories = append(histories, purchases.History{Repeats: numberIn(row[0]), Last: weeks(numberIn(row[1])), Age: weeks(numberIn(row[2])), People: n})
			}
		}
		var spent []purchases.Spent
		paying := purchases.Sample{Of: payers}
		for row, err := range read[2] {
			if err != nil {
				yield(nil, err)
				return
			}
			if n := paying.Take(numberIn(row[2])); n > 0 {
				spent = append(spent, purchases.Spent{Repeats: numberIn(row[0]), Mean: numberIn(row[1]), People: n})
			}
		}
		out := make([]any, len(fitted))
		out[7], out[8] = int64(people), int64(repeaters)
		if rates, err := purchases.FitRates(histories); err != nil {
			out[9], out[10] = err.Error(), err.Error()
		} else {
			for i, v := range []float64{rates.R, rates.Alpha, rates.A, rates.B} {
				out[i] = fuzzyNumber(v)
			}
		}
		if p.amount != "" && out[9] == nil {
			if values, err := purchases.FitValues(spent); err != nil {
				out[10] = err.Error()
			} else {
				for i, v := range []float64{values.P, values.Q, values.V} {
					out[4+i] = fuzzyNumber(v)
				}
			}
		}
		yield(out, nil)
	}
}

// answer reads the fit and the histories, and tells of each what is to come. Without a fit nothing
// is told.
func (p *prediction) answer(read []iter.Seq2[[]any, error]) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var rates purchases.Rates
		known := false
		for row, err := range read[0] {
			if err != nil {
				yield(nil, err)
				return
			}
			known = row[9] == nil
			rates = purchases.Rates{R: numberIn(row[0]), Alpha: numberIn(row[1]), A: numberIn(row[2]), B: numberIn(row[3])}
		}
		for row, err := range read[1] {
			if err != nil {
				yield(nil, err)
				return
			}
			if !known {
				continue
			}
			h := purchases.History{Repeats: numberIn(row[0]), Last: weeks(numberIn(row[1])), Age: weeks(numberIn(row[2]))}
			out := append([]any{}, row[:3]...)
			out = append(out, fuzzyNumber(1-rates.Alive(h)))
			for _, d := range p.horizons {
				out = append(out, fuzzyNumber(rates.Expected(h, weeks(d.Hours()/24))))
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}

// predictionFields are the columns of the table Predictions.
var predictionFields = []rel.Field{{Name: "trait", Type: models.Text}, {Name: "name", Type: models.Text}, {Name: "value", Type: models.Number}, {Name: "note", Type: models.Text}}

// keep writes down, for each trait, what was fitted.
func (p *prediction) keep() []rel.Statement {
	row := func(tr *models.Trait, name string, value, note rel.Expr, where rel.Expr) rel.Query {
		return rel.Select{From: from(p.table("fit"), "f"), Where: where, Columns: []rel.Column{
			rel.As("trait", rel.T(tr.Name)), rel.As("name", rel.T(name)), rel.As("value", value), rel.As("note", note)}}
	}
	var all []rel.Query
	for _, tr := range p.traits {
		why := rel.C("f", "why")
		names := parameters[:4]
		if tr.Predict.What == "expected_value" {
			why, names = rel.C("f", "why_value"), parameters
		}
		for _, name := range []string{"people", "repeaters"} {
			all = append(all, row(tr, name, rel.Cast{Expr: rel.C("f", name), Type: models.Number, From: models.Integer}, rel.Null(models.Text), nil))
		}
		for _, name := range names {
			all = append(all, row(tr, name, rel.C("f", name), rel.Null(models.Text), isNull(why)))
		}
		all = append(all, row(tr, "absent", rel.Null(models.Number), why, notNull(why)))
	}
	return []rel.Statement{rel.Insert{Into: p.predicted.in.Build.Table(p.predicted.in.Entity, Predictions), Columns: []string{"trait", "name", "value", "note"}, From: union(all)}}
}

// predictionSteps are those of every prediction, in the order in which the traits are written.
func (t *traits) predictionSteps() []Step {
	if len(t.predictions) == 0 {
		return nil
	}
	out := []Step{{Name: "traits: predictions", Do: []rel.Statement{rel.CreateTable{Name: t.in.Build.Table(t.in.Entity, Predictions),
		Columns: predictionFields, Comment: "what was fitted to predict traits of " + t.in.Entity + " profiles"}}}}
	for n := 1; n <= len(t.predictions); n++ {
		for _, p := range t.predictions {
			if p.number == n {
				out = append(out, p.steps()...)
				t.drops = append(t.drops, drop(p.table("people"), p.table("fit"), p.table("told"))...)
			}
		}
	}
	return out
}

// predicts reports whether an entity has a predicted trait.
func predicts(e *models.Entity) bool {
	for i := range e.Traits {
		if e.Traits[i].Predict != nil {
			return true
		}
	}
	return false
}

// unfitted counts, by trait, the people of whom a prediction could tell nothing.
func unfitted(in Input) Stat {
	p := func(name string) rel.Expr { return rel.C("p", name) }
	people := rel.Select{From: from(in.Build.Table(in.Entity, Predictions), "n"), Columns: []rel.Column{same("n", "trait"), same("n", "value")}, Where: eq(rel.C("n", "name"), rel.T("people"))}
	return Stat{Name: "predictions.absent.", Each: true, Query: rel.Select{
		From:    from(in.Build.Table(in.Entity, Predictions), "p"),
		Joins:   []rel.Join{join(rel.Inner, rel.Sub{Query: people, Alias: "n"}, eq(rel.C("n", "trait"), p("trait")))},
		Where:   eq(p("name"), rel.T("absent")),
		Columns: []rel.Column{same("p", "trait"), rel.As("people", rel.Cast{Expr: rel.C("n", "value"), Type: models.Integer, From: models.Number})},
	}}
}
