package worldtest

import (
	"fmt"
	"iter"
	"math/bits"
	"math/rand"
	"time"
)

// Shape is a connected graph on nodes that are hard on an algorithm: where the smallest number of
// a neighbourhood leads has much to do with how soon one number has won everywhere.
type Shape struct {
	Name string
	// edges of n nodes, n a power of 4: every edge has one end that an edge before it had too.
	edges func(n int, rng *rand.Rand) [][2]int32
	// number gives node i its place in the order of birth; nil is i itself.
	number func(n, i int, shuffled []int32) int32
}

// Shapes are paths in several orders, a star, a caterpillar, a grid and trees.
var Shapes = []Shape{
	{Name: "path in order", edges: path},
	{Name: "path in random order", edges: path, number: random},
	{Name: "path of low and high in turn", edges: path, number: func(n, i int, _ []int32) int32 {
		if i%2 == 0 {
			return int32(i / 2)
		}
		return int32(n - 1 - i/2)
	}},
	{Name: "path in bit-reversed order", edges: path, number: func(n, i int, _ []int32) int32 {
		return int32(bits.Reverse32(uint32(i)) >> (32 - bits.Len(uint(n-1))))
	}},
	{Name: "star around the largest", edges: func(n int, _ *rand.Rand) [][2]int32 {
		return tree(n, func(int) int { return 0 })
	}, number: func(n, i int, _ []int32) int32 { return int32((i + n - 1) % n) }},
	{Name: "caterpillar", edges: func(n int, _ *rand.Rand) [][2]int32 {
		return tree(n, func(i int) int {
			if i < n/2 {
				return i - 1
			}
			return i - n/2
		})
	}},
	{Name: "grid", edges: grid},
	{Name: "random tree", edges: func(n int, rng *rand.Rand) [][2]int32 { return tree(n, rng.Intn) }},
	{Name: "random tree in random order", edges: func(n int, rng *rand.Rand) [][2]int32 { return tree(n, rng.Intn) }, number: random},
}

func random(_, i int, shuffled []int32) int32 { return shuffled[i] }

func path(n int, _ *rand.Rand) [][2]int32 { return tree(n, func(i int) int { return i - 1 }) }

// tree hangs each node but the first below an earlier one.
func tree(n int, above func(i int) int) [][2]int32 {
	out := make([][2]int32, 0, n-1)
	for i := 1; i < n; i++ {
		out = append(out, [2]int32{int32(above(i)), int32(i)})
	}
	return out
}

// grid is as high as it is wide.
func grid(n int, _ *rand.Rand) [][2]int32 {
	side := 1 << (bits.Len(uint(n-1)) / 2)
	var out [][2]int32
	for i := range n {
		if (i+1)%side != 0 {
			out = append(out, [2]int32{int32(i), int32(i + 1)})
		}
		if i+side < n {
			out = append(out, [2]int32{int32(i), int32(i + side)})
		}
	}
	return out
}

// ShapeColumns are those of a shape's rows.
var ShapeColumns = []string{"key", "seen_at", "even", "odd"}

// Rows are a row per node, at a second of its own, which gives it its number, and then a row per
// edge. All shapes are bipartite, so that each edge is between a value of one identifier type and
// one of the other. n is a power of 4. The row is reused.
func (s Shape) Rows(n int) iter.Seq2[[]any, error] {
	rng := rand.New(rand.NewSource(7))
	edges := s.edges(n, rng)
	shuffled := make([]int32, n)
	for i, v := range rng.Perm(n) {
		shuffled[i] = int32(v)
	}
	number := func(i int32) int32 {
		if s.number == nil {
			return i
		}
		return s.number(n, int(i), shuffled)
	}
	odd := make([]bool, n)
	for _, e := range edges {
		odd[e[1]] = !odd[e[0]]
	}
	return func(yield func([]any, error) bool) {
		row := make([]any, len(ShapeColumns))
		put := func(i int32) {
			column := 2
			if odd[i] {
				column = 3
			}
			row[column] = fmt.Sprintf("v%d", number(i))
		}
		for i := range int32(n) {
			clear(row)
			row[0], row[1] = fmt.Sprintf("n%d", i), Start.Add(time.Duration(number(i))*time.Second)
			put(i)
			if !yield(row, nil) {
				return
			}
		}
		late := Start.Add(time.Duration(n) * time.Second)
		for i, e := range edges {
			clear(row)
			row[0], row[1] = fmt.Sprintf("e%d", i), late.Add(time.Duration(i)*time.Second)
			put(e[0])
			put(e[1])
			if !yield(row, nil) {
				return
			}
		}
	}
}
