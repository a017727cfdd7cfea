package compile

import (
	"math"
	"math/rand"
	"testing"
)

// drawn makes counts of pairs that agree as m and u say, with some share of matches among those
// that a rule brings. Comparison 0 is what the rule asks for.
func drawn(r *rand.Rand, m, u [][]float64, candidates int, share float64) evidence {
	ev := evidence{records: 20000, rules: 1, learns: [][]bool{make([]bool, len(m))}}
	for i := range m {
		ev.compared = append(ev.compared, measured{levels: len(m[i])})
		ev.learns[0][i] = i > 0
	}
	draw := func(p []float64) int {
		x := r.Float64()
		for l, v := range p {
			if x -= v; x < 0 {
				return l + 1
			}
		}
		return len(p)
	}
	counts := func(n int, of func() [][]float64, first bool) []pattern {
		seen := map[[8]int]float64{}
		for range n {
			var key [8]int
			for i, p := range of() {
				key[i] = draw(p)
				if r.Float64() < 0.05 {
					key[i] = 0
				}
			}
			if first {
				key[0] = 1
			}
			seen[key]++
		}
		var out []pattern
		for key, n := range seen {
			out = append(out, pattern{rules: []bool{true}, levels: append([]int(nil), key[:len(m)]...), n: n})
		}
		return out
	}
	ev.patterns = counts(candidates, func() [][]float64 {
		if r.Float64() < share {
			return m
		}
		return u
	}, true)
	ev.random = counts(200000, func() [][]float64 { return u }, false)
	return ev
}

func TestLearn(t *testing.T) {
	m := [][]float64{{0.95, 0.05}, {0.8, 0.15, 0.05}, {0.9, 0.1}, {0.7, 0.1, 0.1, 0.1}, {0.97, 0.03}}
	u := [][]float64{{0.001, 0.999}, {0.004, 0.01, 0.986}, {0.1, 0.9}, {0.002, 0.008, 0.05, 0.94}, {0.5, 0.5}}
	for _, share := range []float64{0.01, 0.1, 0.5, 0.9} {
		ev := drawn(rand.New(rand.NewSource(1)), m, u, 50000, share)
		got, prior := learn(ev)
		for i := range m {
			for l := range m[i] {
				if math.Abs(got[i].u[l]-u[i][l]) > 0.15*u[i][l]+0.0003 {
					t.Errorf("share %v: u of %d at %d is %.5f, want %.5f", share, i, l+1, got[i].u[l], u[i][l])
				}
				if i > 0 && math.Abs(got[i].m[l]-m[i][l]) > 0.03+1/math.Sqrt(share*50000) {
					t.Errorf("share %v: m of %d at %d is %.3f, want %.3f", share, i, l+1, got[i].m[l], m[i][l])
				}
			}
		}
		if got[0].origin != "default" || got[1].origin != "data" {
			t.Errorf("share %v: origins are %s and %s", share, got[0].origin, got[1].origin)
		}
		// All matches are among the candidates.
		if want := share * 50000 / (20000 * 19999 / 2); prior < want*0.8 || prior > want*1.2 {
			t.Errorf("share %v: two records are one person with probability %v, want %v", share, prior, want)
		}
	}
}

// What cannot be learned has documented weights, and all weights are finite and in order.
func TestLearnLittle(t *testing.T) {
	cmp := func(levels, exact int, present, equal float64) measured {
		return measured{levels: levels, exact: exact, present: present, equal: equal}
	}
	for name, ev := range map[string]evidence{
		"nothing":     {compared: []measured{cmp(3, 1, 0, 0)}, rules: 1, learns: [][]bool{{true}}},
		"one record":  {records: 1, compared: []measured{cmp(3, 1, 0, 0)}, rules: 1, learns: [][]bool{{true}}},
		"two records": {records: 2, compared: []measured{cmp(3, 1, 1, 1), cmp(2, 1, 1, 1)}, rules: 1, learns: [][]bool{{true, true}}, patterns: []pattern{{[]bool{true}, []int{1, 1}, 1}}, random: []pattern{{nil, []int{1, 1}, 1}}},
		"always absent": {records: 1000, compared: []measured{cmp(3, 1, 0, 0), cmp(2, 1, 499500, 500), cmp(2, 1, 499500, 500)}, rules: 1, learns: [][]bool{{true, true, true}},
			patterns: []pattern{{[]bool{true}, []int{0, 1, 1}, 500}, {[]bool{true}, []int{0, 2, 2}, 5000}}, random: []pattern{{nil, []int{0, 2, 2}, 20000}}},
		"always equal": {records: 1000, compared: []measured{cmp(2, 1, 499500, 499500), cmp(2, 1, 499500, 499500), cmp(4, 1, 499500, 499500)}, rules: 1, learns: [][]bool{{true, true, true}},
			patterns: []pattern{{[]bool{true}, []int{1, 1, 1}, 5000}}, random: []pattern{{nil, []int{1, 1, 1}, 20000}}},
		"never equal": {records: 1000, compared: []measured{cmp(2, 1, 499500, 0), cmp(2, 1, 499500, 0)}, rules: 1, learns: [][]bool{{true, true}},
			patterns: []pattern{{[]bool{true}, []int{2, 2}, 5000}}, random: []pattern{{nil, []int{2, 2}, 20000}}},
	} {
		got, prior := learn(ev)
		if !(prior > 0 && prior <= 0.5) {
			t.Errorf("%s: the prior is %v", name, prior)
		}
		for i, l := range got {
			for k, w := range l.weight {
				if math.IsNaN(w) || math.Abs(w) > maxWeight || k > 0 && w > l.weight[k-1] {
					t.Errorf("%s: weights of %d are %v", name, i, l.weight)
				}
			}
		}
		if name != "always equal" && got[0].origin == "data" && name != "never equal" {
			t.Errorf("%s: weights come from %s", name, got[0].origin)
		}
		if got[0].origin == "default" && got[0].weight[0] < 2 && name != "always equal" {
			t.Errorf("%s: agreement says %v", name, got[0].weight)
		}
	}
}

// Given weights stay, and others are learned beside them.
func TestLearnGiven(t *testing.T) {
	m := [][]float64{{0.95, 0.05}, {0.8, 0.15, 0.05}, {0.9, 0.1}, {0.7, 0.1, 0.1, 0.1}}
	u := [][]float64{{0.001, 0.999}, {0.004, 0.01, 0.986}, {0.1, 0.9}, {0.002, 0.008, 0.05, 0.94}}
	ev := drawn(rand.New(rand.NewSource(2)), m, u, 50000, 0.1)
	ev.compared[1].given = []float64{7, 4, -4}
	ev.learns[0][1] = false
	got, _ := learn(ev)
	if got[1].origin != "given" || got[1].weight[0] != 7 || got[1].weight[2] != -4 {
		t.Errorf("given weights are %v, from %s", got[1].weight, got[1].origin)
	}
	if got[2].origin != "data" || math.Abs(got[2].m[0]-0.9) > 0.05 {
		t.Errorf("beside them m is %v, from %s", got[2].m, got[2].origin)
	}
}

func TestWeightsInOrder(t *testing.T) {
	got := weightsOf([]float64{0.1, 0.6, 0.3}, []float64{0.1, 0.1, 0.8})
	// The first two are taken together: 0.7 to 0.2.
	if want := math.Log2(3.5); math.Abs(got[0]-want) > 1e-12 || got[0] != got[1] || math.Abs(got[2]-math.Log2(0.3/0.8)) > 1e-12 {
		t.Errorf("got %v", got)
	}
}
