package compile

import (
	"fmt"
	"strconv"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// vectors says of every candidate at which level each field agrees: a, b, l_0 … (1 for the best
// level, one more than there are levels if the values differ, 0 if one is absent), r_0 … (1 if the
// records agree on that block).
func (x *fuzzy) vectors() {
	var more []rel.Column
	for _, b := range x.blocks {
		name := nthOf("b", b.n)
		more = append(more, rel.As(nthOf("r", b.n), oneIf(eq(rel.C("a", name), rel.C("b", name)))))
	}
	x.step("comparing", temp(x.work("vect"), x.compared(
		rel.Select{Columns: []rel.Column{same("c", "a"), same("c", "b")}, From: from(x.work("cand"), "c"), Joins: []rel.Join{
			join(rel.Inner, from(x.work("rows"), "a"), eq(rel.C("a", "n"), rel.C("c", "a"))),
			join(rel.Inner, from(x.work("rows"), "b"), eq(rel.C("b", "n"), rel.C("c", "b")))}},
		more))...)
}

// compared adds to a query of pairs, whose records it has under the aliases a and b, the level of
// each comparison. Measures are taken once, in a layer below that of the levels.
func (x *fuzzy) compared(pairs rel.Select, more []rel.Column) rel.Query {
	kept := append(pairs.Columns, more...)
	pairs.Columns, pairs.Fence = kept, true
	levels := rel.Select{}
	for _, c := range kept {
		levels.Columns = append(levels.Columns, same("v", c.As))
	}
	for _, c := range x.cmps {
		level, measures := x.level(c)
		pairs.Columns = append(pairs.Columns, measures...)
		levels.Columns = append(levels.Columns, rel.As(nthOf("l", c.n), level))
	}
	levels.From = rel.Sub{Query: pairs, Alias: "v"}
	return levels
}

// level is the level of a comparison over the alias v, and the measures that it needs there.
func (x *fuzzy) level(c fuzzyCompare) (rel.Expr, []rel.Column) {
	a, b := rel.C("a", nthOf("f", c.field.n)), rel.C("b", nthOf("f", c.field.n))
	state := nthOf("s", c.n) // 0 absent, 1 equal, 2 neither
	measures := []rel.Column{rel.As(state, rel.Case{Whens: []rel.When{
		{If: rel.F(rel.Or, isNull(a), isNull(b)), Then: rel.I(0)}, {If: eq(a, b), Then: rel.I(1)}}, Else: rel.I(2)})}
	seen := map[string]bool{}
	// measure is taken of values that are there and differ.
	measure := func(name string, e rel.Expr, also ...rel.Expr) rel.Expr {
		name = nthOf(name, c.n)
		if !seen[name] {
			seen[name] = true
			measures = append(measures, rel.As(name, rel.Case{Whens: []rel.When{{If: and(append([]rel.Expr{rel.F(rel.Ne, a, b)}, also...)), Then: e}}}))
		}
		return rel.C("v", name)
	}
	whens := []rel.When{{If: eq(rel.C("v", state), rel.I(0)), Then: rel.I(0)}}
	for i, l := range c.Levels {
		equal := eq(rel.C("v", state), rel.I(1))
		var holds rel.Expr
		switch {
		case l.Is == "exact":
			holds = equal
		case l.JaroWinkler > 0:
			holds = rel.F(rel.Or, equal, rel.F(rel.Ge, measure("jw", rel.F(rel.JaroWinkler, a, b, decimalOf(leastAlike(c)))), decimalOf(l.JaroWinkler)))
		case l.Levenshtein > 0:
			most := rel.I(int64(mostEdits(c)))
			apart := rel.F(rel.Subtract, rel.F(rel.Greatest, rel.F(rel.Bytes, a), rel.F(rel.Bytes, b)), rel.F(rel.Least, rel.F(rel.Bytes, a), rel.F(rel.Bytes, b)))
			holds = rel.F(rel.Or, equal, rel.F(rel.Le, measure("le", rel.F(rel.Levenshtein, a, b, most), rel.F(rel.Le, apart, most)), rel.I(int64(l.Levenshtein))))
		case l.Days > 0:
			date := func(e rel.Expr) rel.Expr {
				return rel.Cast{Expr: e, Type: models.Date, Try: true, From: models.Text}
			}
			holds = rel.F(rel.Or, equal, rel.F(rel.Le, measure("da", rel.F(rel.DaysApart, date(a), date(b))), rel.I(int64(l.Days))))
		case l.First > 0:
			first := func(e rel.Expr) rel.Expr {
				return rel.F(rel.Substr, e, rel.I(1), rel.I(int64(l.First)))
			}
			holds = rel.F(rel.Or, equal, eq(measure(nthOf("fi", i), oneIf(eq(first(a), first(b)))), rel.I(1)))
		case l.Swapped != "":
			_, at := x.f.Field(l.Swapped)
			other := nthOf("f", at)
			holds = eq(measure(nthOf("sw", i), oneIf(rel.F(rel.And, eq(a, rel.C("b", other)), eq(b, rel.C("a", other))))), rel.I(1))
		}
		whens = append(whens, rel.When{If: holds, Then: rel.I(int64(i + 1))})
	}
	return rel.Case{Whens: whens, Else: rel.I(int64(len(c.Levels) + 1))}, measures
}

// mostEdits is the greatest distance that a comparison asks for.
func mostEdits(c fuzzyCompare) int {
	most := 0
	for _, l := range c.Levels {
		most = max(most, l.Levenshtein)
	}
	return most
}

// leastAlike is the lowest similarity that a comparison asks for.
func leastAlike(c fuzzyCompare) float64 {
	least := 1.0
	for _, l := range c.Levels {
		if l.JaroWinkler > 0 {
			least = min(least, l.JaroWinkler)
		}
	}
	return least
}

// exactLevel is the level at which values are equal: the first, if it says so, otherwise 0.
func exactLevel(c fuzzyCompare) int {
	if len(c.Levels) > 0 && c.Levels[0].Is == "exact" {
		return 1
	}
	return 0
}

func decimalOf(x float64) rel.Expr { return rel.N(strconv.FormatFloat(x, 'f', -1, 64)) }

// levelName is a level as reasons have it; the one after the last is difference.
func levelName(c fuzzyCompare, level int) string {
	if level > len(c.Levels) {
		return "different"
	}
	switch l := c.Levels[level-1]; {
	case l.JaroWinkler > 0:
		return fmt.Sprintf("similar (%s)", strconv.FormatFloat(l.JaroWinkler, 'f', -1, 64))
	case l.Levenshtein == 1:
		return "one character apart"
	case l.Levenshtein > 1:
		return fmt.Sprintf("up to %d characters apart", l.Levenshtein)
	case l.Days == 1:
		return "one day apart"
	case l.Days > 1:
		return fmt.Sprintf("up to %d days apart", l.Days)
	case l.First > 0:
		return fmt.Sprintf("starts the same (%d)", l.First)
	case l.Swapped != "":
		return "mixed up with " + fuzzyWords(l.Swapped)
	}
	return "same"
}
