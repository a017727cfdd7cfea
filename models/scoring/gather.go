package scoring

import "math"

// gatherer names the features that the trees of a model look at.
type gatherer struct {
	m     *Model
	names []string    // of the library, "" or none for its own names
	seen  map[int]int // the library's number to the model's
}

// feature is a feature's number in the model. without is the name of one that has none.
func (g *gatherer) feature(n int, without string) (int, error) {
	if at, ok := g.seen[n]; ok {
		return at, nil
	}
	name := without
	switch {
	case n < 0 || len(g.names) > 0 && n >= len(g.names):
		return 0, unfit("save it again", "the model looks at feature %d of %d", n, len(g.names))
	case len(g.names) > 0 && g.names[n] != "":
		name = g.names[n]
	}
	if g.seen == nil {
		g.seen = map[int]int{}
	}
	g.seen[n] = len(g.m.Features)
	g.m.Features = append(g.m.Features, name)
	return g.seen[n], nil
}

var (
	categorical = unfit("encode categories as numbers, one column each, before training", "the model splits by categories, whose numbers only the training data tells")
	deep        = unfit("bound the depth with max_depth", "a tree of the model is more than %d splits deep", MaxDepth)
)

// check reports a tree that is none: a node that is reached twice or not there, one that is too
// deep, or a value that is no number.
func (t Tree) check() error {
	seen := make([]bool, len(t))
	var visit func(i, depth int) error
	visit = func(i, depth int) error {
		if i < 0 || i >= len(t) || seen[i] {
			return unfit("save it again", "a tree of the model is broken: its nodes make no tree")
		}
		if depth > MaxDepth {
			return deep
		}
		seen[i] = true
		n := &t[i]
		if n.Leaf {
			if math.IsNaN(n.Value) || math.IsInf(n.Value, 0) {
				return unfit("train it again", "a leaf of the model is %v", n.Value)
			}
			return nil
		}
		if math.IsNaN(n.AtMost) {
			return unfit("train it again", "a threshold of the model is no number")
		}
		if err := visit(n.Left, depth+1); err != nil {
			return err
		}
		return visit(n.Right, depth+1)
	}
	return visit(0, 0)
}
