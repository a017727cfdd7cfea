package compile

import "math"

// evidence is what is known of pairs when weights are learned: counts only, no values.
type evidence struct {
	records  float64
	compared []measured
	patterns []pattern // of all candidates
	random   []pattern // of pairs taken at random
	rules    int
	// learns says of each rule and comparison whether pairs that the rule brings may teach it:
	// not if the rule already asks for agreement there.
	learns [][]bool
}

// measured is a comparison whose weights are asked for. Its levels are numbered from 1, the best,
// and the last is difference.
type measured struct {
	levels int       // difference included
	exact  int       // the level of equal values, 0 if there is none
	given  []float64 // weights of the levels, nil to learn them
	// Pairs of records that both have a value, of all there are, and those of them that are equal.
	present, equal float64
}

// pattern is how many pairs have the same levels (0 is absent) and were brought by the same rules.
type pattern struct {
	rules  []bool
	levels []int
	n      float64
}

// learned is what a comparison says.
type learned struct {
	m, u, weight []float64 // by level from 1, at 0
	origin       string    // data, given or default
}

// The bounds of learning.
const (
	minPairs    = 100 // of a sample or a rule, to learn from it
	minMatches  = 10  // expected among a rule's pairs, to learn from it
	emRounds    = 500
	emTolerance = 1e-7
	maxWeight   = 40.0
)

// defaultM is what agreement among records of one person is taken for where nothing is known: 90 %
// equal, 4 % different, the rest in between.
func defaultM(levels int) []float64 {
	m := make([]float64, levels)
	for i := range m {
		switch {
		case levels == 1:
			m[i] = 1
		case i == levels-1:
			m[i] = 0.04
		case levels == 2:
			m[i] = 0.96
		case i == 0:
			m[i] = 0.9
		default:
			m[i] = 0.06 / float64(levels-2)
		}
	}
	return m
}

// defaultU is the same among different people: 1 % equal, 2 % at each level below.
func defaultU(levels int) []float64 {
	u := make([]float64, levels)
	rest := 1.0
	for i := range levels - 1 {
		u[i] = 0.02
		if i == 0 {
			u[i] = 0.01
		}
		rest -= u[i]
	}
	u[levels-1] = rest
	return u
}

// learn finds the weights of all comparisons and the probability that two records taken at random
// are one person. u is counted: exactly for equal values, from pairs at random for the rest. m comes
// from expectation maximisation (Dempster, Laird and Rubin, "Maximum Likelihood from Incomplete Data
// via the EM Algorithm", 1977) with u held fixed, once for each rule over the comparisons that it
// says nothing of, and is averaged over rules by the matches that they bring. The same evidence
// gives the same weights, and every weight is finite.
func learn(ev evidence) (out []learned, prior float64) {
	out = make([]learned, len(ev.compared))
	for i, c := range ev.compared {
		out[i] = learned{m: defaultM(c.levels), u: agreement(ev, i), origin: "data"}
		if out[i].u == nil {
			out[i].u, out[i].origin = defaultU(c.levels), "default"
		}
		if c.given != nil {
			out[i].origin, out[i].weight = "given", c.given
		}
	}
	sums := make([][]float64, len(out))
	shares := make([]float64, len(out))
	for j := range ev.rules {
		m, matches := ev.maximise(j, out)
		if m == nil {
			continue
		}
		for i := range out {
			if m[i] == nil {
				continue
			}
			if sums[i] == nil {
				sums[i] = make([]float64, len(m[i]))
			}
			for l, v := range m[i] {
				sums[i][l] += v * matches
			}
			shares[i] += matches
		}
	}
	for i := range out {
		if out[i].origin == "given" {
			continue
		}
		if sums[i] == nil {
			out[i].origin = "default"
		} else {
			for l := range sums[i] {
				out[i].m[l] = sums[i][l] / shares[i]
			}
		}
		out[i].weight = weightsOf(out[i].m, out[i].u)
	}
	return out, ev.prior(out)
}

// agreement is u of a comparison, nil if too few pairs have both values.
func agreement(ev evidence, i int) []float64 {
	c := ev.compared[i]
	counts := make([]float64, c.levels)
	total := 0.0
	for _, p := range ev.random {
		if l := p.levels[i]; l > 0 {
			counts[l-1] += p.n
			total += p.n
		}
	}
	if total < minPairs {
		return nil
	}
	// Half a pair at each level, so that what was not met is rare and not impossible.
	u := make([]float64, c.levels)
	rest, left := total+0.5*float64(c.levels), 1.0
	if c.exact > 0 && c.present > 0 {
		u[c.exact-1] = (c.equal + 0.5) / (c.present + 1)
		left -= u[c.exact-1]
		rest -= counts[c.exact-1] + 0.5
	}
	for l := range u {
		if l != c.exact-1 || c.present == 0 {
			u[l] = left * (counts[l] + 0.5) / rest
		}
	}
	return u
}

// maximise finds m of the comparisons that a rule may teach, and how many matches it brings; nil
// if it brings too few to learn from.
func (ev evidence) maximise(rule int, now []learned) (m [][]float64, matches float64) {
	var taught []int
	for i := range now {
		if ev.learns[rule][i] {
			taught = append(taught, i)
		}
	}
	var rows []pattern
	pairs := 0.0
	for _, p := range ev.patterns {
		if p.rules[rule] {
			rows = append(rows, p)
			pairs += p.n
		}
	}
	// One comparison alone cannot tell matches from the rest.
	if len(taught) < 2 || pairs < minPairs {
		return nil, 0
	}
	m = make([][]float64, len(now))
	for _, i := range taught {
		m[i] = defaultM(ev.compared[i].levels)
	}
	share := 0.5
	for range emRounds {
		sums := make([][]float64, len(now))
		for _, i := range taught {
			// One match of the default kind, so that what was not met stays possible.
			sums[i] = defaultM(ev.compared[i].levels)
		}
		matches = 0
		for _, p := range rows {
			bits := math.Log2(share / (1 - share))
			for _, i := range taught {
				l := p.levels[i]
				switch {
				case l == 0:
				case now[i].origin == "given":
					bits += now[i].weight[l-1]
				default:
					bits += math.Log2(m[i][l-1] / now[i].u[l-1])
				}
			}
			hit := p.n * chance(bits)
			matches += hit
			for _, i := range taught {
				if l := p.levels[i]; l > 0 {
					sums[i][l-1] += hit
				}
			}
		}
		moved := 0.0
		for _, i := range taught {
			total := 0.0
			for _, v := range sums[i] {
				total += v
			}
			for l, v := range sums[i] {
				moved = max(moved, math.Abs(m[i][l]-v/total))
				m[i][l] = v / total
			}
		}
		next := min(max(matches/pairs, 1e-9), 1-1e-9)
		moved = max(moved, math.Abs(next-share))
		if share = next; moved < emTolerance {
			break
		}
	}
	if matches < minMatches {
		return nil, 0
	}
	return m, matches
}

// prior is the probability that two records taken at random are one person: the share of matches
// that makes itself expected among the candidates, of all pairs there are.
func (ev evidence) prior(all []learned) float64 {
	pairs := ev.records * (ev.records - 1) / 2
	if pairs < 1 {
		return 0.5
	}
	least := min(1/pairs, 0.5)
	p := max(least, min(0.5, 1/ev.records))
	for range emRounds {
		matches := 0.0
		for _, row := range ev.patterns {
			matches += row.n * chance(math.Log2(p/(1-p))+sumOf(all, row.levels))
		}
		next := min(max(matches/pairs, least), 0.5)
		done := math.Abs(math.Log2(next/p)) < emTolerance
		if p = next; done {
			break
		}
	}
	return p
}

// sumOf is what the levels of a pair say together.
func sumOf(all []learned, levels []int) float64 {
	bits := 0.0
	for i, l := range levels {
		if l > 0 {
			bits += all[i].weight[l-1]
		}
	}
	return bits
}

// chance is the probability of odds of 2 to the power of bits.
func chance(bits float64) float64 { return 1 / (1 + math.Exp2(-bits)) }

// weightsOf are the weights of the levels, so smoothed that a better level never says less than a
// worse one: neighbours in the wrong order are taken together.
func weightsOf(m, u []float64) []float64 {
	type pool struct {
		m, u float64
		n    int
	}
	var pools []pool
	for l := range m {
		pools = append(pools, pool{m[l], u[l], 1})
		for k := len(pools) - 1; k > 0 && pools[k].m*pools[k-1].u > pools[k-1].m*pools[k].u; k-- {
			pools[k-1] = pool{pools[k-1].m + pools[k].m, pools[k-1].u + pools[k].u, pools[k-1].n + pools[k].n}
			pools = pools[:k]
		}
	}
	var out []float64
	for _, p := range pools {
		w := min(max(math.Log2(p.m/p.u), -maxWeight), maxWeight)
		for range p.n {
			out = append(out, w)
		}
	}
	return out
}
