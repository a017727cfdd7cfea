package worldtest

import (
	"hash/maphash"
	"strconv"
	"strings"
)

// Quality compares found profiles with the truth, over pairs of records.
type Quality struct {
	Precision, Recall, F1 float64
	// Broken counts chains that are not in one profile. Chains are left out of the pairs: there
	// are few of them and each has so many pairs that they would hide everything else.
	Broken int
	Chains int
}

// Compare takes the profile of each record by its place in the world, base first; "" is a record
// of nobody, which counts as alone.
func (w *World) Compare(profile []string) Quality {
	type both struct {
		profile string
		person  int32
	}
	found, truth, shared := map[string]int64{}, map[int32]int64{}, map[both]int64{}
	chain, broken := map[int32]string{}, map[int32]bool{}
	for i, p := range profile {
		owner := w.owner[i]
		if owner < 0 {
			if first, ok := chain[owner]; !ok {
				chain[owner] = p
			} else if first != p {
				broken[owner] = true
			}
			continue
		}
		truth[owner]++
		if p != "" {
			found[p]++
			shared[both{p, owner}]++
		}
	}
	right, said, there := pairs(shared), pairs(found), pairs(truth)
	q := Quality{Precision: 1, Recall: 1, Broken: len(broken), Chains: len(chain)}
	if said > 0 {
		q.Precision = right / said
	}
	if there > 0 {
		q.Recall = right / there
	}
	if right > 0 {
		q.F1 = 2 * right / (said + there)
	}
	return q
}

// pairs counts the pairs inside of groups of these sizes.
func pairs[K comparable](sizes map[K]int64) float64 {
	total := 0.0
	for _, n := range sizes {
		total += float64(n) * float64(n-1) / 2
	}
	return total
}

// Ceiling is the quality of a resolver that knows which identifiers are each person's own: some
// records say nothing that any other record of the same person says.
func (w *World) Ceiling() Quality {
	type mine struct {
		owner int32
		value uint64
	}
	seed := maphash.MakeSeed()
	parent := make([]int32, len(w.owner))
	find := func(i int32) int32 {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	seen := make(map[mine]int32, len(w.owner))
	row := make([]any, len(Columns))
	for i := range int32(len(w.owner)) {
		parent[i] = i
		w.row(int(i), row)
		for c := 2; c < len(row); c++ {
			v, ok := row[c].(string)
			if !ok {
				continue
			}
			k := mine{w.owner[i], maphash.String(seed, Columns[c]+strings.ToLower(v))}
			if other, ok := seen[k]; ok {
				parent[find(i)] = find(other)
			} else {
				seen[k] = i
			}
		}
	}
	profile := make([]string, len(w.owner))
	for i := range profile {
		profile[i] = strconv.Itoa(int(find(int32(i))))
	}
	return w.Compare(profile)
}
