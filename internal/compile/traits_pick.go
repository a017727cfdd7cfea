package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// arm is a winner of one source with the condition under which it is the trait's. The first arm
// that holds is taken, for the value as for where it comes from.
type arm struct {
	holds  rel.Expr
	winner winner
}

// pick takes something of the winner whose arm is the first to hold.
func pick(arms []arm, of func(winner) rel.Expr) rel.Expr {
	var c rel.Case
	for _, a := range arms {
		c.Whens = append(c.Whens, rel.When{If: a.holds, Then: of(a.winner)})
	}
	return c
}

// valueOf takes the value of one source out of several.
func valueOf(keep models.Keep, ws []winner) rel.Expr {
	switch {
	case len(ws) == 1:
		return ws[0].value
	case keep == models.FirstFound && ws[0].alone:
		var values []rel.Expr
		for _, w := range ws {
			values = append(values, w.value)
		}
		return rel.F(rel.Coalesce, values...)
	}
	return pick(arms(keep, ws), func(w winner) rel.Expr { return w.value })
}

// arms puts the winners of several sources against each other: by the rule, and in the order of
// the sources where nothing else tells.
func arms(keep models.Keep, ws []winner) []arm {
	found := func(w winner) rel.Expr { return w.found }
	rank := func(w winner) rel.Expr { return w.rank }
	latestOf := func(b bool) []arm {
		is := func(w winner) rel.Expr { return rel.F(rel.Same, w.value, rel.B(b)) }
		return bestArms(ws, is, rel.Greatest, func(w winner) rel.Expr {
			if w.at == nil {
				return nil
			}
			return when(is(w), w.at)
		})
	}
	switch keep {
	case models.FirstFound:
		return foundArms(ws, found)
	case models.AnyTrue:
		return append(latestOf(true), latestOf(false)...)
	case models.AllTrue:
		return append(latestOf(false), latestOf(true)...)
	case models.Earliest:
		return bestArms(ws, found, rel.Least, rank)
	}
	return bestArms(ws, found, rel.Greatest, rank)
}

// foundArms takes the first winner for which a condition holds.
func foundArms(ws []winner, holds func(winner) rel.Expr) []arm {
	var out []arm
	for _, w := range ws {
		out = append(out, arm{holds(w), w})
	}
	return out
}

// bestArms takes, of the winners for which a condition holds, the one with the highest or lowest
// measure. A measure is NULL, or nil, for a winner that has none: they come after all others.
func bestArms(ws []winner, holds func(winner) rel.Expr, top rel.Fn, measure func(winner) rel.Expr) []arm {
	var all []rel.Expr
	for _, w := range ws {
		if m := measure(w); m != nil {
			all = append(all, m)
		}
	}
	var out []arm
	for _, w := range ws {
		if m := measure(w); m != nil && len(all) > 1 {
			out = append(out, arm{rel.F(rel.Eq, m, rel.F(top, all...)), w})
		}
	}
	return append(out, foundArms(ws, holds)...)
}
