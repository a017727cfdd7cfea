package explain

import (
	"cmp"
	"slices"
)

// Node is an identifier.
type Node struct {
	ID      int64
	Rank    int   // of its type; 0 is the strongest
	Found   bool  // false: it finds nobody, and Cluster means nothing
	Cluster int64 // the profile that it was put into
	Attach  bool  // it finds a profile and never joins two
}

// Row is a row of a source, or several of them with the same identifiers.
type Row struct {
	Nodes []int64 // its identifiers; those that the graph was not given are passed over
	Seen  int64   // how many rows there are
	Alone bool    // without identifiers it would be a profile of its own
}

// Match joins two rows that look like one person.
type Match struct{ A, B int } // indexes of rows

// Graph is a graph of identifiers, rows and matches. It is not changed once made, and may be used
// from several goroutines.
type Graph struct {
	nodes   []Node
	rows    []Row
	matches []Match

	at     map[int64]int // index of a node by its ID
	groups []group       // see group
	start  []int32       // by vertex, where its neighbours begin in next; one more at the end
	next   []int32
	first  []int32 // by row, its first group; one more at the end
	owner  []int32 // by row, the group of its strongest identifier; -1 without any
}

// group is the part of a row that lies in one profile: most rows have one. The vertices of the
// graph are nodes, then matches, then groups.
type group struct {
	row     int32
	own     int64 // the cluster, or the node that finds nobody
	outcast bool  // own is such a node
}

// New makes a graph. Rows and matches keep their indexes; nodes that come twice count once.
func New(nodes []Node, rows []Row, matches []Match) *Graph {
	g := &Graph{nodes: slices.Clone(nodes), rows: rows, matches: matches}
	slices.SortFunc(g.nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	g.nodes = slices.CompactFunc(g.nodes, func(a, b Node) bool { return a.ID == b.ID })
	g.at = make(map[int64]int, len(g.nodes))
	for i, n := range g.nodes {
		g.at[n.ID] = i
	}
	g.link(g.group())
	return g
}

// group makes the groups of every row and lists the edges between nodes and groups.
func (g *Graph) group() (edges [][2]int32) {
	base := int32(len(g.nodes) + len(g.matches))
	for r, row := range g.rows {
		g.first = append(g.first, int32(len(g.groups)))
		owner, strongest := int32(-1), 0
		for _, id := range row.Nodes {
			n, ok := g.at[id]
			if !ok {
				continue
			}
			made := group{int32(r), g.nodes[n].Cluster, false}
			if !g.nodes[n].Found {
				made.own, made.outcast = id, true
			}
			at := slices.Index(g.groups[g.first[r]:], made) + int(g.first[r])
			if at < int(g.first[r]) {
				at = len(g.groups)
				g.groups = append(g.groups, made)
			}
			edges = append(edges, [2]int32{int32(n), base + int32(at)})
			if !made.outcast && (owner < 0 || g.nodes[n].Rank < strongest) {
				owner, strongest = base+int32(at), g.nodes[n].Rank
			}
		}
		g.owner = append(g.owner, owner)
	}
	g.first = append(g.first, int32(len(g.groups)))
	for m, x := range g.matches {
		for _, r := range []int{x.A, x.B} {
			if g.owner[r] >= 0 {
				edges = append(edges, [2]int32{int32(len(g.nodes) + m), g.owner[r]})
			}
		}
	}
	return edges
}

// link sorts edges into neighbours.
func (g *Graph) link(edges [][2]int32) {
	n := len(g.nodes) + len(g.matches) + len(g.groups)
	g.start = make([]int32, n+1)
	for _, e := range edges {
		g.start[e[0]+1]++
		g.start[e[1]+1]++
	}
	for i := range n {
		g.start[i+1] += g.start[i]
	}
	g.next = make([]int32, 2*len(edges))
	fill := slices.Clone(g.start)
	for _, e := range edges {
		for i := range 2 {
			g.next[fill[e[i]]] = e[1-i]
			fill[e[i]]++
		}
	}
}

// neighbours of a node or match are groups; of a group, nodes and matches.
func (g *Graph) neighbours(v int32) []int32 { return g.next[g.start[v]:g.start[v+1]] }

func (g *Graph) isNode(v int32) bool  { return int(v) < len(g.nodes) }
func (g *Graph) isGroup(v int32) bool { return int(v) >= len(g.nodes)+len(g.matches) }

// groupOf is the group that a vertex is.
func (g *Graph) groupOf(v int32) group { return g.groups[int(v)-len(g.nodes)-len(g.matches)] }

// siblings are the vertices of a row's groups.
func (g *Graph) siblings(row int32) (from, to int32) {
	base := int32(len(g.nodes) + len(g.matches))
	return base + g.first[row], base + g.first[row+1]
}

// split reports whether the rows of a match are in different profiles.
func (g *Graph) split(match int) bool {
	a, b := g.owner[g.matches[match].A], g.owner[g.matches[match].B]
	return a < 0 || b < 0 || g.groupOf(a).own != g.groupOf(b).own
}
