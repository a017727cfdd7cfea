package explain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// world is a graph for people to read: "1:0/7" is node 1 of rank 0 in profile 7, "2:1/-" one that
// finds nobody, "3:2/7a" one that only attaches. A row is its nodes, with x5 for five rows and !
// for one that would be a profile of its own.
func world(nodes string, rows []string, matches ...Match) *Graph {
	var ns []Node
	for _, f := range strings.Fields(nodes) {
		var n Node
		var own string
		if _, err := fmt.Sscanf(strings.NewReplacer(":", " ", "/", " ").Replace(f), "%d %d %s", &n.ID, &n.Rank, &own); err != nil {
			panic(err)
		}
		if own != "-" {
			n.Found = true
			n.Attach = strings.HasSuffix(own, "a")
			if _, err := fmt.Sscanf(own, "%d", &n.Cluster); err != nil {
				panic(err)
			}
		}
		ns = append(ns, n)
	}
	var rs []Row
	for _, text := range rows {
		r := Row{Seen: 1}
		for _, f := range strings.Fields(text) {
			var n int64
			switch {
			case f == "!":
				r.Alone = true
			case f[0] == 'x':
				fmt.Sscanf(f, "x%d", &r.Seen)
			default:
				fmt.Sscanf(f, "%d", &n)
				r.Nodes = append(r.Nodes, n)
			}
		}
		rs = append(rs, r)
	}
	return New(ns, rs, matches)
}

// told writes a chain: "1 r0 2", a match as m0, a crossing with a star.
func told(steps []Step) string {
	var out []string
	for _, s := range steps {
		text := ""
		switch s.Kind {
		case AtNode:
			text = fmt.Sprint(s.Node)
		case AtRow:
			text = fmt.Sprintf("r%d", s.Index)
		case AtMatch:
			text = fmt.Sprintf("m%d", s.Index)
		}
		if s.Crossed {
			text += "*"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestChain(t *testing.T) {
	for _, c := range []struct {
		name  string
		graph *Graph
		from  Ends
		to    Ends
		want  string
	}{
		{"one row", world("1:0/1 2:1/1", []string{"1 2"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, "1 r0 2"},
		{"itself", world("1:0/1", []string{"1"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{1}}, "1"},
		{"the shorter of two", world("1:0/1 2:1/1 3:1/1 4:2/1", []string{"1 2", "2 3", "3 4", "1 4"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{4}}, "1 r3 4"},
		{"over the stronger of two", world("1:1/1 2:3/1 3:2/1 4:1/1", []string{"1 2", "2 4", "1 3", "3 4"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{4}}, "1 r2 3 r3 4"},
		{"two of the middle before one of the weakest", world("1:0/1 2:1/1 3:1/1 4:0/1 5:2/1 9:0/1", []string{"1 2", "2 3", "3 9", "1 5", "5 4", "4 9"}),
			Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{9}}, "1 r0 2 r1 3 r2 9"},
		{"by the row seen more often", world("1:0/1 2:1/1", []string{"1 2", "1 2 x9", "1 2 x4"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, "1 r1 2"},
		{"not over what only attaches", world("1:0/1 2:1/1 3:2/1a 4:1/1", []string{"1 3", "3 2", "1 4", "4 2"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, "1 r2 4 r3 2"},
		{"from what only attaches", world("1:0/1 2:1/1 3:2/1a", []string{"1 2", "2 3"}), Ends{Nodes: []int64{3}}, Ends{Nodes: []int64{1}}, "3 r1 2 r0 1"},
		{"from a row to a row", world("1:0/1 2:1/1 3:1/1", []string{"1 2", "2 3", "3"}), Ends{Rows: []int{0}}, Ends{Rows: []int{2}}, "r0 2 r1 3 r2"},
		{"nothing joins them", world("1:0/1 2:0/2", []string{"1", "2"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, ""},
		{"an end that is not there", world("1:0/1", []string{"1"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{8}}, ""},

		{"kept apart by a limit", world("1:0/1 2:0/2 3:1/1", []string{"1 3", "3 2"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, "1 r0 3 r1* 2"},
		{"kept apart by a shared identifier", world("1:0/1 2:0/2 3:1/-", []string{"1 3", "3 2"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, "1 r0* 3 r1* 2"},
		{"a detour without a crossing", world("1:0/1 2:0/1 3:1/- 4:1/1 5:1/1 6:1/1", []string{"1 3", "3 2", "1 4", "4 5", "5 6", "6 2"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, "1 r2 4 r3 5 r4 6 r5 2"},
		{"one row of two profiles is no evidence", world("1:0/1 2:1/2 3:0/2", []string{"1 2", "2 3"}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{3}}, "1 r0* 2 r1 3"},

		{"over a match", world("1:0/1 2:0/1", []string{"1", "2"}, Match{0, 1}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, "1 r0 m0 r1 2"},
		{"rather over an identifier", world("1:0/1 2:0/1 3:4/1", []string{"1", "2", "1 3", "3 2"}, Match{0, 1}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, "1 r2 3 r3 2"},
		{"a match that was refused", world("1:0/1 2:0/2", []string{"1", "2"}, Match{0, 1}), Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{2}}, "1 r0 m0* r1 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := told(c.graph.Chain(c.from, c.to)); got != c.want {
				t.Errorf("chain %q, want %q", got, c.want)
			}
			back := told(c.graph.Chain(c.to, c.from))
			fields := strings.Fields(c.want)
			slices.Reverse(fields)
			if want := strings.Join(fields, " "); back != want {
				t.Errorf("the chain back is %q, want %q", back, want)
			}
		})
	}
}

// TestChainDoesNotDependOnOrder holds that the same rows in another order give the same chain.
func TestChainDoesNotDependOnOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for range 50 {
		var nodes []Node
		for i := range 30 {
			nodes = append(nodes, Node{ID: int64(i), Rank: i % 4, Found: i%7 != 0, Cluster: int64(i % 2)})
		}
		rows := make([]Row, 60)
		for i := range rows {
			rows[i] = Row{Nodes: []int64{r.Int64N(30), r.Int64N(30), r.Int64N(30)}, Seen: int64(1 + i)} // no two alike
		}
		tell := func() string {
			var out []string
			for _, s := range New(nodes, rows, nil).Chain(Ends{Nodes: []int64{1}}, Ends{Nodes: []int64{24}}) {
				if s.Kind == AtRow {
					out = append(out, fmt.Sprintf("seen %d", rows[s.Index].Seen))
				} else {
					out = append(out, fmt.Sprint(s.Node))
				}
			}
			return strings.Join(out, " ")
		}
		want := tell()
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		r.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		if got := tell(); got != want {
			t.Fatalf("another order gives %q, not %q", got, want)
		}
	}
}

func bridges(g *Graph, cluster int64) []string {
	out := []string{}
	for _, b := range g.Bridges(cluster) {
		name := fmt.Sprint(b.Node)
		if b.Kind == AtMatch {
			name = fmt.Sprintf("m%d", b.Index)
		}
		var parts []string
		for _, p := range b.Parts {
			parts = append(parts, fmt.Sprintf("%d+%d", p.Nodes, p.Rows))
		}
		out = append(out, name+": "+strings.Join(parts, ", "))
	}
	return out
}

func TestBridges(t *testing.T) {
	for _, c := range []struct {
		name  string
		graph *Graph
		want  []string
	}{
		{"a triangle has none", world("1:0/1 2:1/1 3:2/1", []string{"1 2", "2 3", "1 3"}), []string{}},
		{"the middle of a chain, the weakest first", world("1:0/1 2:1/1 3:2/1 4:0/1", []string{"1 2", "2 3", "3 4"}), []string{"3: 2+0, 1+0", "2: 2+0, 1+0"}},
		{"equally weak: the fewer rows first", world("1:0/1 2:1/1 3:1/1 4:0/1", []string{"1 2 x9", "2 3 x2", "3 4"}), []string{"3: 2+0, 1+0", "2: 2+0, 1+0"}},
		{"events with nothing else are no part", world("1:0/1 2:1/1", []string{"1 2", "2 x5", "1"}), []string{}},
		{"records are", world("1:0/1", []string{"1 !", "1 !", "1 x3"}), []string{"1: 0+1, 0+1"}},
		{"a record that another profile has is none of its parts", world("1:0/1 2:1/1 3:0/2", []string{"1 2", "3 2 !"}), []string{}},
		{"in the middle of a star", world("1:1/1 2:0/1 3:0/1 4:0/1", []string{"1 2", "1 3", "1 4"}), []string{"1: 1+0, 1+0, 1+0"}},
		{"not what only attaches", world("1:0/1 2:1/1 5:2/1a", []string{"1 2", "1 5", "5"}), []string{}},
		{"not what belongs to others", world("1:0/1 2:1/1 3:1/2 4:0/2", []string{"1 2", "2 3", "3 4"}), []string{}},
		{"a match", world("1:0/1 2:0/1", []string{"1", "2"}, Match{0, 1}), []string{"m0: 1+0, 1+0"}},
		{"of one profile only", world("1:0/1 2:0/2 3:0/2 4:1/2", []string{"1", "2 4", "4 3"}), []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, bridges(c.graph, 1)); diff != "" {
				t.Errorf("bridges (-want +got):\n%s", diff)
			}
		})
	}
}

// parts is what is left of profile 1 without a node, by plain search.
func parts(nodes []Node, rows []Row, without int64) []Part {
	seen := map[int64]bool{without: true}
	used := make([]bool, len(rows))
	var out []Part
	var visit func(n int64, p *Part)
	spread := func(i int, p *Part) {
		if used[i] {
			return
		}
		used[i] = true
		if rows[i].Alone {
			p.Rows++
		}
		for _, m := range rows[i].Nodes {
			visit(m, p)
		}
	}
	visit = func(n int64, p *Part) {
		if seen[n] {
			return
		}
		seen[n] = true
		p.Nodes++
		for i, r := range rows {
			if slices.Contains(r.Nodes, n) {
				spread(i, p)
			}
		}
	}
	for _, n := range nodes {
		var p Part
		visit(n.ID, &p)
		if p != (Part{}) {
			out = append(out, p)
		}
	}
	for i := range rows {
		var p Part
		spread(i, &p)
		if p != (Part{}) {
			out = append(out, p)
		}
	}
	b := Bridge{Parts: out}
	b.splits()
	return b.Parts
}

// TestBridgesAreAllThereIs compares with trying each identifier on random profiles.
func TestBridgesAreAllThereIs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	cut := 0
	for range 300 {
		n := 2 + r.IntN(9)
		var nodes []Node
		var rows []Row
		for i := range n {
			nodes = append(nodes, Node{ID: int64(i), Rank: r.IntN(4), Found: true, Cluster: 1})
			if i > 0 { // hangs together
				rows = append(rows, Row{Nodes: []int64{int64(i), r.Int64N(int64(i))}, Seen: 1, Alone: r.IntN(2) == 0})
			}
		}
		for range r.IntN(4) {
			rows = append(rows, Row{Nodes: []int64{r.Int64N(int64(n))}, Seen: 1, Alone: r.IntN(2) == 0})
			rows = append(rows, Row{Nodes: []int64{r.Int64N(int64(n)), r.Int64N(int64(n)), r.Int64N(int64(n))}, Seen: 1})
		}
		for i := range rows { // a row has an identifier once
			slices.Sort(rows[i].Nodes)
			rows[i].Nodes = slices.Compact(rows[i].Nodes)
		}
		got := map[int64][]Part{}
		for _, b := range New(nodes, rows, nil).Bridges(1) {
			got[b.Node] = b.Parts
		}
		want := map[int64][]Part{}
		for _, x := range nodes {
			if p := parts(nodes, rows, x.ID); len(p) > 1 {
				want[x.ID] = p
				cut++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("nodes %v, rows %v (-want +got):\n%s", nodes, rows, diff)
		}
	}
	if cut < 100 {
		t.Errorf("only %d bridges were met", cut)
	}
}

// TestLarge holds that a chain of 50,000 identifiers and a hub with as many rows are searched.
func TestLarge(t *testing.T) {
	const n = 50_000
	var nodes []Node
	var rows []Row
	for i := range int64(n) {
		nodes = append(nodes, Node{ID: i, Rank: 1, Found: true, Cluster: 1}, Node{ID: n + i, Rank: 1, Found: true, Cluster: 1})
		if i > 0 {
			rows = append(rows, Row{Nodes: []int64{i - 1, i}, Seen: 1}, Row{Nodes: []int64{n, n + i}, Seen: 1})
		}
	}
	rows = append(rows, Row{Nodes: []int64{0, n}, Seen: 1})
	g := New(nodes, rows, nil)
	if got := len(g.Chain(Ends{Nodes: []int64{n - 1}}, Ends{Nodes: []int64{2*n - 1}})); got != 2*n+3 {
		t.Errorf("%d steps, want %d", got, 2*n+3)
	}
	if got := len(g.Bridges(1)); got != n {
		t.Errorf("%d bridges, want %d", got, n)
	}
}
