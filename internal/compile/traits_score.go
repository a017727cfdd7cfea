package compile

import (
	"fmt"
	"math"
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/models/scoring"
)

// A score is a sum in doubles over a table of features. Trees are added a few at a time, each time
// from one temporary table to the next, since an engine plans and holds a statement with all the
// splits of a large model badly or not at all. The additions have one order, so that every
// warehouse gives the same sum.
//
//	profiles so far ─► features, sum 0 ─► features, sum of some trees ─► … ─► profile_id, sum
//	        └────────────────────────────────────── join ◄──────────────────────────┘

// statementSplits is how many splits one statement has, unless a single tree has more.
const statementSplits = 4000

// scored makes what the scores of a layer need. Without any, the profiles so far stay a query;
// otherwise they become a table, with which the tables of sums are joined.
func (t *traits) scored(inner rel.Select, layer []*models.Trait) (rel.Relation, []rel.Join) {
	if !slices.ContainsFunc(layer, func(tr *models.Trait) bool { return tr.Score != nil }) {
		return rel.Sub{Query: inner, Alias: soFar}, nil
	}
	t.tables++
	profiles := t.work("so_far%d", t.tables)
	t.made = append(t.made, Step{Name: "traits: profiles so far", Do: temp(profiles, inner)})
	t.drops = append(t.drops, drop(profiles)...)
	var joins []rel.Join
	for _, tr := range layer {
		if tr.Score == nil {
			continue
		}
		if tr.Score.Formula == nil {
			t.fail(diag.Problem{Path: t.path(tr, "score.model"), Code: "models.no_model", What: "the model could not be read", Fix: "check the file"})
			continue
		}
		name := t.sums(tr, profiles)
		joins = append(joins, join(rel.Left, from(name, scoreAlias(tr)), eq(rel.C(scoreAlias(tr), "profile_id"), rel.C(soFar, "profile_id"))))
	}
	return from(profiles, soFar), joins
}

func scoreAlias(tr *models.Trait) string { return "score_" + tr.Name }

// sums makes the table of profile_id and s, the sum of a model; s is NULL where a regression lacks
// a feature.
func (t *traits) sums(tr *models.Trait, profiles rel.Name) rel.Name {
	m := tr.Score.Formula
	s := &formula{m: m, lowest: make([]bool, len(m.Features))}
	for _, tree := range m.Trees {
		for _, n := range tree {
			if !n.Leaf && n.AbsentLeft && !n.ZeroAbsent {
				s.lowest[n.Feature] = true
			}
		}
	}
	features := rel.Select{
		Columns: []rel.Column{same(soFar, "profile_id"), rel.As("s", double(m.Start))},
		From:    from(profiles, soFar),
		Comment: fmt.Sprintf("what the %s model of %s looks at", m.Kind, tr.Name),
	}
	for i, f := range tr.Score.Inputs() {
		features.Columns = append(features.Columns, rel.As(feature(i), t.feature(f.Trait)))
	}
	t.tables++
	number, part := t.tables, 0
	next := func(q rel.Select) rel.Name {
		part++
		name := t.work("score%d_%d", number, part)
		do := temp(name, q)
		if part > 1 {
			do = append(do, drop(t.work("score%d_%d", number, part-1))...)
		}
		t.made = append(t.made, Step{Name: "traits: score " + tr.Name, Do: do})
		return name
	}
	held := next(s.withLowest(features))
	for _, chunk := range s.chunks() {
		q := rel.Select{From: from(held, "f"), Columns: []rel.Column{same("f", "profile_id"), rel.As("s", rel.F(rel.Add, rel.C("f", "s"), added(chunk)))}}
		for _, c := range s.columns() {
			q.Columns = append(q.Columns, same("f", c))
		}
		held = next(q)
	}
	t.drops = append(t.drops, drop(held)...)
	return held
}

// feature is a trait as a Double.
func (t *traits) feature(name string) rel.Expr {
	e := rel.Expr(rel.C(soFar, name))
	if t.typeOf(name) == models.Boolean {
		e = rel.Case{Whens: []rel.When{{If: e, Then: rel.I(1)}, {If: rel.F(rel.Not, e), Then: rel.I(0)}}}
	}
	return rel.F(rel.Float, e)
}

// scoreOf is the output of a model, from its sum.
func (t *traits) scoreOf(tr *models.Trait) rel.Expr {
	m := tr.Score.Formula
	if m == nil {
		return rel.Null(models.Number)
	}
	s := rel.Expr(rel.C(scoreAlias(tr), "s"))
	if tr.Score.Output != "raw" {
		switch m.Link {
		case scoring.Logistic:
			power := rel.F(rel.Multiply, double(-m.Slope), s)
			return rel.F(rel.Divide, double(1), rel.F(rel.Add, double(1), rel.F(rel.Exp, power)))
		case scoring.Exponential:
			s = rel.F(rel.Exp, s)
		}
	}
	return rel.Cast{Expr: s, Type: models.Number, Try: true, From: rel.Double}
}

func double(f float64) rel.Expr { return rel.Lit{Type: rel.Double, Value: f} }

func feature(i int) string { return fmt.Sprintf("x%d", i+1) }

// lowestOf is the column that a feature is in with the lowest of numbers where it is absent, so
// that it goes left without being asked for.
func lowestOf(i int) string { return fmt.Sprintf("l%d", i+1) }

// formula writes a model as expressions over the columns of its features.
type formula struct {
	m      *scoring.Model
	lowest []bool // features that some split sends left where they are absent
}

// columns are those of the features.
func (s *formula) columns() []string {
	var out []string
	for i := range s.m.Features {
		out = append(out, feature(i))
	}
	for i, is := range s.lowest {
		if is {
			out = append(out, lowestOf(i))
		}
	}
	return out
}

func (s *formula) withLowest(features rel.Select) rel.Select {
	out := rel.Select{From: rel.Sub{Query: features, Alias: "f"}}
	for _, c := range features.Columns {
		out.Columns = append(out.Columns, same("f", c.As))
	}
	for i, is := range s.lowest {
		if is {
			out.Columns = append(out.Columns, rel.As(lowestOf(i), rel.F(rel.Coalesce, rel.C("f", feature(i)), double(-math.MaxFloat64))))
		}
	}
	return out
}

// chunks are the terms and trees, as many together as one statement has.
func (s *formula) chunks() [][]rel.Expr {
	var out [][]rel.Expr
	var chunk []rel.Expr
	splits := 0
	add := func(e rel.Expr, n int) {
		if splits > 0 && splits+n > statementSplits {
			out, chunk, splits = append(out, chunk), nil, 0
		}
		chunk, splits = append(chunk, e), splits+n
	}
	for _, term := range s.m.Terms {
		x := rel.Expr(rel.C("f", feature(term.Feature)))
		if term.HasMean {
			x = rel.F(rel.Subtract, rel.F(rel.Coalesce, x, double(term.Mean)), double(term.Mean))
		}
		add(rel.F(rel.Multiply, double(term.Weight), x), 1)
	}
	for _, tree := range s.m.Trees {
		add(s.node(tree, 0), tree.Splits()+1)
	}
	if len(chunk) > 0 {
		out = append(out, chunk)
	}
	return out
}

// node is the value that a tree has from a node on.
func (s *formula) node(tree scoring.Tree, at int) rel.Expr {
	n := &tree[at]
	if n.Leaf {
		return double(n.Value)
	}
	x := rel.Expr(rel.C("f", feature(n.Feature)))
	limit := double(n.AtMost)
	var left rel.Expr
	switch {
	case n.ZeroAbsent:
		zero := rel.F(rel.And, rel.F(rel.Ge, x, double(-scoring.Zero)), rel.F(rel.Le, x, double(scoring.Zero)))
		if n.AbsentLeft {
			left = rel.F(rel.Or, rel.F(rel.IsNull, x), zero, rel.F(rel.Le, x, limit))
		} else {
			left = rel.F(rel.And, rel.F(rel.Not, zero), rel.F(rel.Le, x, limit))
		}
	case n.AbsentLeft:
		left = rel.F(rel.Le, rel.C("f", lowestOf(n.Feature)), limit)
	default:
		left = rel.F(rel.Le, x, limit) // NULL is not true
	}
	return rel.Case{Whens: []rel.When{{If: left, Then: s.node(tree, n.Left)}}, Else: s.node(tree, n.Right)}
}

// added is a sum, in groups: an engine bounds how deep an expression may be, and a plain sum of
// many is as deep as it is long.
func added(es []rel.Expr) rel.Expr {
	const group = 40
	for len(es) > 1 {
		var groups []rel.Expr
		for chunk := range slices.Chunk(es, group) {
			groups = append(groups, rel.F(rel.Add, chunk...))
		}
		if len(es) <= group {
			return groups[0]
		}
		es = groups
	}
	return es[0]
}
