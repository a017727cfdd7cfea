package explain

import (
	"cmp"
	"slices"
)

// Part is one of the parts that a profile falls into without a bridge.
type Part struct {
	Nodes int // identifiers
	Rows  int // rows that would be profiles of their own if they had no identifiers
}

// Bridge is an identifier, or a match, that a profile hangs together by: without it the profile
// falls into parts.
type Bridge struct {
	Kind  Kind  // AtNode or AtMatch
	Node  int64 // AtNode: its ID
	Index int   // AtMatch: its index
	Rank  int   // of its type; a match is weaker than any
	Seen  int64 // rows that it stands on
	Parts []Part
}

// Bridges lists what a profile hangs together by, the weakest first: of the weakest type, then
// with the fewest rows behind it, then splitting most evenly. They are the articulation points of
// the profile's graph (Tarjan, Depth-first search and linear graph algorithms, 1972) that have
// something on two sides: an identifier, or a row that would be a profile of its own.
func (g *Graph) Bridges(cluster int64) []Bridge {
	w := walk{g: g, cluster: cluster, disc: make([]int32, len(g.start)-1), low: make([]int32, len(g.start)-1), below: make([]Part, len(g.start)-1)}
	for v := range g.nodes {
		if w.in(int32(v)) && w.disc[v] == 0 {
			w.from(int32(v))
		}
	}
	slices.SortFunc(w.found, func(a, b Bridge) int {
		return cmp.Or(cmp.Compare(b.Rank, a.Rank), cmp.Compare(a.Seen, b.Seen), cmp.Compare(b.even(), a.even()), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Index, b.Index))
	})
	return w.found
}

// even is what the largest part leaves to the others.
func (b *Bridge) even() int {
	sum, top := 0, 0
	for _, p := range b.Parts {
		sum += p.Nodes + p.Rows
		top = max(top, p.Nodes+p.Rows)
	}
	return sum - top
}

// walk is a depth-first walk over one profile. It keeps its own stack, since profiles may be
// chains of any length.
type walk struct {
	g       *Graph
	cluster int64
	disc    []int32 // the order in which vertices are met, from 1; 0 for not yet
	low     []int32 // the first vertex that is reached from below
	below   []Part  // what lies in the subtree
	clock   int32
	found   []Bridge
}

// in reports whether a vertex holds the profile together, or hangs on what does.
func (w *walk) in(v int32) bool {
	g := w.g
	switch {
	case g.isNode(v):
		n := g.nodes[v]
		return n.Found && n.Cluster == w.cluster && !n.Attach
	case !g.isGroup(v):
		m := int(v) - len(g.nodes)
		return !g.split(m) && g.groupOf(g.owner[g.matches[m].A]).own == w.cluster
	}
	x := g.groupOf(v)
	return !x.outcast && x.own == w.cluster
}

type frame struct {
	v, parent int32
	next      int // of the neighbours
	parts     []Part
}

// from walks everything that hangs together with a vertex.
func (w *walk) from(root int32) {
	var tree []Part // of the root, whose parts are its subtrees
	total := Part{}
	var cuts []Bridge // that do not know yet what is left above them
	stack := []frame{w.enter(root, -1)}
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		around := w.g.neighbours(f.v)
		if f.next < len(around) {
			to := around[f.next]
			f.next++
			switch {
			case to == f.parent || !w.in(to):
			case w.disc[to] > 0:
				w.low[f.v] = min(w.low[f.v], w.disc[to])
			default:
				stack = append(stack, w.enter(to, f.v))
			}
			continue
		}
		v, parts := f.v, f.parts
		stack = stack[:len(stack)-1]
		if len(stack) == 0 {
			tree, total = parts, w.below[v]
			break
		}
		up := &stack[len(stack)-1]
		w.low[up.v] = min(w.low[up.v], w.low[v])
		w.below[up.v] = add(w.below[up.v], w.below[v])
		if w.low[v] >= w.disc[up.v] {
			up.parts = append(up.parts, w.below[v])
		}
		if len(parts) > 0 && !w.g.isGroup(v) {
			cuts = append(cuts, w.bridge(v, parts))
		}
	}
	if len(tree) > 1 {
		if b := w.bridge(root, tree); b.splits() {
			w.found = append(w.found, b)
		}
	}
	for _, b := range cuts {
		rest := total
		if b.Kind == AtNode {
			rest.Nodes--
		}
		for _, p := range b.Parts {
			rest = Part{rest.Nodes - p.Nodes, rest.Rows - p.Rows}
		}
		b.Parts = append(b.Parts, rest)
		if b.splits() {
			w.found = append(w.found, b)
		}
	}
}

func (w *walk) enter(v, parent int32) frame {
	w.clock++
	w.disc[v], w.low[v] = w.clock, w.clock
	switch {
	case w.g.isNode(v):
		w.below[v] = Part{Nodes: 1}
	case w.g.isGroup(v) && w.g.owner[w.g.groupOf(v).row] == v && w.g.rows[w.g.groupOf(v).row].Alone:
		w.below[v] = Part{Rows: 1}
	}
	return frame{v: v, parent: parent}
}

func (w *walk) bridge(v int32, parts []Part) Bridge {
	b := Bridge{Kind: AtNode, Rank: ranks - 1, Parts: parts}
	if w.g.isNode(v) {
		b.Node, b.Rank = w.g.nodes[v].ID, w.g.nodes[v].Rank
	} else {
		b.Kind, b.Index = AtMatch, int(v)-len(w.g.nodes)
	}
	for _, to := range w.g.neighbours(v) {
		b.Seen += w.g.rows[w.g.groupOf(to).row].Seen
	}
	return b
}

// splits keeps the parts that hold something, the largest first, and reports whether there are
// two.
func (b *Bridge) splits() bool {
	b.Parts = slices.DeleteFunc(b.Parts, func(p Part) bool { return p == Part{} })
	slices.SortFunc(b.Parts, func(x, y Part) int {
		return cmp.Or(cmp.Compare(y.Nodes, x.Nodes), cmp.Compare(y.Rows, x.Rows))
	})
	return len(b.Parts) > 1
}

func add(a, b Part) Part { return Part{a.Nodes + b.Nodes, a.Rows + b.Rows} }
