package explain

import (
	"cmp"
	"container/heap"
	"slices"
)

// Kind says what a step of a chain is.
type Kind uint8

// The kinds of steps.
const (
	AtNode Kind = iota
	AtRow
	AtMatch
)

// Step is one step of a chain.
type Step struct {
	Kind  Kind
	Node  int64 // AtNode: its ID
	Index int   // AtRow, AtMatch: the index
	// Crossed: the chain passes from one profile to another here. On a row, from the node before
	// it to the node after it; on a match, from the row before it to the row after it.
	Crossed bool
}

// Ends are where a chain may begin or end.
type Ends struct {
	Nodes []int64
	Rows  []int
}

// Chain finds the best chain from one end to the other: of all, those that cross least; of these
// the shortest; of these the one whose weakest identifiers are strongest, a match being weaker
// than any identifier; of these the one with the most rows behind it. It is the shortest path of
// Dijkstra (A note on two problems in connexion with graphs, 1959) over costs that are compared
// part by part. It is nil if no chain joins the two.
func (g *Graph) Chain(from, to Ends) []Step {
	s := newSearch(g)
	for _, v := range g.vertices(from) {
		s.offer(v, -1, cost{})
	}
	goal := make([]bool, len(s.best))
	for _, v := range g.vertices(to) {
		goal[v] = true
	}
	for s.Len() > 0 {
		v := heap.Pop(s).(int32)
		s.state[v] = done
		if goal[v] {
			return s.chain(v)
		}
		s.expand(v)
	}
	return nil
}

// vertices are those of ends, in order.
func (g *Graph) vertices(e Ends) []int32 {
	var out []int32
	for _, id := range e.Nodes {
		if n, ok := g.at[id]; ok {
			out = append(out, int32(n))
		}
	}
	for _, r := range e.Rows {
		if g.owner[r] >= 0 {
			out = append(out, g.owner[r])
			continue
		}
		for v, end := g.siblings(int32(r)); v < end; v++ {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// ranks is how many ranks are told apart; a match has the last one.
const ranks = 16

// cost is what a chain costs. Each step adds to crossed or length, so that no step is free.
type cost struct {
	crossed, length int32
	weak            [ranks]uint32 // how many identifiers of each rank
	seen            int64         // rows; more is better
}

func (c *cost) compare(d *cost) int {
	if n := cmp.Or(cmp.Compare(c.crossed, d.crossed), cmp.Compare(c.length, d.length)); n != 0 {
		return n
	}
	for i := ranks - 1; i >= 0; i-- {
		if c.weak[i] != d.weak[i] {
			return cmp.Compare(c.weak[i], d.weak[i])
		}
	}
	return cmp.Compare(d.seen, c.seen)
}

// search is a run of Dijkstra's algorithm and its queue.
type search struct {
	g     *Graph
	queue []int32
	place []int32 // of a vertex in the queue
	best  []cost
	prev  []int32 // -1 where a chain begins
	state []state
}

type state uint8

const (
	unseen state = iota
	queued
	done
)

func newSearch(g *Graph) *search {
	n := len(g.start) - 1
	return &search{g: g, place: make([]int32, n), best: make([]cost, n), prev: make([]int32, n), state: make([]state, n)}
}

// Len, Less, Swap, Push and Pop are for package heap. Equal costs go by the order of vertices, so
// that equal data gives equal chains.
func (s *search) Len() int { return len(s.queue) }

// Less compares costs.
func (s *search) Less(i, j int) bool {
	a, b := s.queue[i], s.queue[j]
	if n := s.best[a].compare(&s.best[b]); n != 0 {
		return n < 0
	}
	return a < b
}

// Swap exchanges two places.
func (s *search) Swap(i, j int) {
	s.queue[i], s.queue[j] = s.queue[j], s.queue[i]
	s.place[s.queue[i]], s.place[s.queue[j]] = int32(i), int32(j)
}

// Push adds a vertex.
func (s *search) Push(v any) {
	s.place[v.(int32)] = int32(len(s.queue))
	s.queue = append(s.queue, v.(int32))
}

// Pop removes the last vertex.
func (s *search) Pop() any {
	v := s.queue[len(s.queue)-1]
	s.queue = s.queue[:len(s.queue)-1]
	return v
}

// offer takes a way to a vertex if it is the best so far.
func (s *search) offer(v, from int32, c cost) {
	switch {
	case s.state[v] == unseen:
		s.state[v], s.best[v], s.prev[v] = queued, c, from
		heap.Push(s, v)
	case s.state[v] == queued && c.compare(&s.best[v]) < 0:
		s.best[v], s.prev[v] = c, from
		heap.Fix(s, int(s.place[v]))
	}
}

// expand offers the ways on from a vertex.
func (s *search) expand(v int32) {
	g := s.g
	if !g.isGroup(v) {
		if g.isNode(v) && s.prev[v] >= 0 && g.nodes[v].Attach && g.nodes[v].Found {
			return // it ends a chain, and is no way through
		}
		for _, to := range g.neighbours(v) {
			c := s.best[v]
			c.length++
			c.seen += g.rows[g.groupOf(to).row].Seen
			s.offer(to, v, c)
		}
		return
	}
	for _, to := range g.neighbours(v) {
		c := s.best[v]
		c.length++
		if g.isNode(to) {
			c.weak[min(g.nodes[to].Rank, ranks-2)]++
		} else {
			c.weak[ranks-1]++
			if g.split(int(to) - len(g.nodes)) {
				c.crossed++
			}
		}
		s.offer(to, v, c)
	}
	for to, end := g.siblings(g.groupOf(v).row); to < end; to++ {
		if to != v {
			c := s.best[v]
			c.crossed++
			s.offer(to, v, c)
		}
	}
}

// chain walks back from where a chain ends.
func (s *search) chain(v int32) []Step {
	g := s.g
	var out []Step
	for ; v >= 0; v = s.prev[v] {
		switch {
		case g.isNode(v):
			out = append(out, Step{Kind: AtNode, Node: g.nodes[v].ID})
		case !g.isGroup(v):
			m := int(v) - len(g.nodes)
			out = append(out, Step{Kind: AtMatch, Index: m, Crossed: g.split(m)})
		default:
			row := int(g.groupOf(v).row)
			if n := len(out); n > 0 && out[n-1].Kind == AtRow && out[n-1].Index == row {
				out[n-1].Crossed = true
				continue
			}
			out = append(out, Step{Kind: AtRow, Index: row})
		}
	}
	slices.Reverse(out)
	return out
}
