package compile

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// Small graphs are worked out in this process: what arrives here are numbers of identifiers.

// components gives for edges u, v every node that is not the smallest of its component, and that
// smallest node: c, pc.
func components(read []iter.Seq2[[]any, error]) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var us, vs []int64
		top := int64(0)
		for row, err := range read[0] {
			if err != nil {
				yield(nil, err)
				return
			}
			u, v, err := pair(row)
			if err != nil {
				yield(nil, err)
				return
			}
			us, vs, top = append(us, u), append(vs, v), max(top, u, v)
		}
		if top < dense {
			joinDense(us, vs, int32(top), yield)
			return
		}
		f := forest{}
		for i := range us {
			f.join(us[i], vs[i])
		}
		f.each(yield)
	}
}

// dense is the number of nodes up to which an array is used in place of a map: 128 MB.
const dense = 32 << 20

// joinDense is components where the numbers of nodes are small.
func joinDense(us, vs []int64, top int32, yield func([]any, error) bool) {
	parent := make([]int32, top+1) // 0 for a node that is alone or the smallest
	find := func(n int32) int32 {
		for parent[n] != 0 {
			if up := parent[parent[n]]; up != 0 {
				parent[n] = up
			}
			n = parent[n]
		}
		return n
	}
	for i := range us {
		u, v := find(int32(us[i])), find(int32(vs[i]))
		switch {
		case u < v:
			parent[v] = u
		case v < u:
			parent[u] = v
		}
	}
	row := make([]any, 2)
	for n := range parent {
		if parent[n] == 0 {
			continue
		}
		row[0], row[1] = int64(n), int64(find(int32(n)))
		if !yield(row, nil) {
			return
		}
	}
}

// forest keeps sets of numbers, each named by its smallest.
type forest map[int64]int64

func (f forest) find(n int64) int64 {
	root := n
	for {
		p, ok := f[root]
		if !ok || p == root {
			break
		}
		root = p
	}
	for n != root {
		n, f[n] = f[n], root
	}
	return root
}

func (f forest) join(u, v int64) int64 {
	u, v = f.find(u), f.find(v)
	lo, hi := min(u, v), max(u, v)
	f[lo], f[hi] = lo, lo
	return lo
}

// each yields every number that is not the smallest of its set, with the smallest, in order.
func (f forest) each(yield func([]any, error) bool) {
	var all []int64
	for n := range f {
		if f.find(n) != n {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	row := make([]any, 2)
	for _, n := range all {
		row[0], row[1] = n, f.find(n)
		if !yield(row, nil) {
			return
		}
	}
}

// regrow takes clusters with what each counts towards every limit (label, counts …) and links
// between them (a, b, order), and accepts one link after the other unless a limit would be broken.
// It gives every cluster that was joined to one with a smaller name, and that: c, pc.
func regrow(limits []int64) func([]iter.Seq2[[]any, error]) iter.Seq2[[]any, error] {
	return func(read []iter.Seq2[[]any, error]) iter.Seq2[[]any, error] {
		return func(yield func([]any, error) bool) {
			counts := map[int64][]int64{}
			for row, err := range read[0] {
				if err != nil {
					yield(nil, err)
					return
				}
				n := make([]int64, len(row))
				for i, v := range row {
					var ok bool
					if n[i], ok = v.(int64); !ok {
						yield(nil, fmt.Errorf("a count came as %T", v))
						return
					}
				}
				counts[n[0]] = n[1:]
			}
			type link struct{ a, b, order int64 }
			var links []link
			for row, err := range read[1] {
				if err != nil {
					yield(nil, err)
					return
				}
				a, b, err := pair(row)
				if err != nil {
					yield(nil, err)
					return
				}
				order, _ := row[2].(int64)
				links = append(links, link{a, b, order})
			}
			slices.SortFunc(links, func(p, q link) int { return cmp.Compare(p.order, q.order) })
			f := forest{}
			for _, l := range links {
				a, b := f.find(l.a), f.find(l.b)
				if a == b {
					continue
				}
				ca, cb := counts[a], counts[b]
				fits := true
				for i, most := range limits {
					fits = fits && ca[i]+cb[i] <= most
				}
				if !fits {
					continue
				}
				root := f.join(a, b)
				both := counts[root]
				for i := range both {
					both[i] = ca[i] + cb[i]
				}
			}
			f.each(yield)
		}
	}
}

func pair(row []any) (u, v int64, err error) {
	u, ok1 := row[0].(int64)
	v, ok2 := row[1].(int64)
	if !ok1 || !ok2 {
		return 0, 0, fmt.Errorf("a link came as %T, %T", row[0], row[1])
	}
	return u, v, nil
}
