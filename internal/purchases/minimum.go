package purchases

import (
	"math"
	"slices"
)

// minimum finds the arguments for which f is least, from a start, by the method of Nelder and Mead
// ("A Simplex Method for Function Minimization", 1965) with steps of 0.5, begun again from what it
// found until that helps no more. ok is false if it does not come to rest.
func minimum(f func([]float64) float64, start []float64) (at []float64, least float64, ok bool) {
	at, least = slices.Clone(start), f(start)
	for range 20 {
		next, value, rest := simplex(f, at, 0.5)
		better := least - value
		at, least = next, value
		if rest && better <= 1e-9*(1+math.Abs(least)) {
			return at, least, !math.IsNaN(least) && !math.IsInf(least, 0)
		}
	}
	return at, least, false
}

// corner is a point of the simplex, with its value.
type corner struct {
	at    []float64
	value float64
}

// simplex is one search. rest is true if the simplex became as small as numbers allow.
func simplex(f func([]float64) float64, start []float64, step float64) (at []float64, least float64, rest bool) {
	n := len(start)
	corners := make([]corner, n+1)
	for i := range corners {
		at := slices.Clone(start)
		if i > 0 {
			at[i-1] += step
		}
		corners[i] = corner{at, f(at)}
	}
	order := func(a, b corner) int {
		switch {
		case a.value < b.value || math.IsNaN(b.value) && !math.IsNaN(a.value):
			return -1
		case a.value > b.value || math.IsNaN(a.value) && !math.IsNaN(b.value):
			return 1
		}
		return 0
	}
	for range 500 * n {
		slices.SortStableFunc(corners, order)
		best, worst := corners[0], corners[n]
		if width(corners) < 1e-8 {
			return best.at, best.value, true
		}
		centre := make([]float64, n)
		for _, c := range corners[:n] {
			for j, v := range c.at {
				centre[j] += v / float64(n)
			}
		}
		along := func(k float64) corner {
			at := make([]float64, n)
			for j := range at {
				at[j] = centre[j] + k*(worst.at[j]-centre[j])
			}
			return corner{at, f(at)}
		}
		mirrored := along(-1)
		switch {
		case mirrored.value < best.value:
			if farther := along(-2); farther.value < mirrored.value {
				mirrored = farther
			}
			corners[n] = mirrored
		case mirrored.value < corners[n-1].value:
			corners[n] = mirrored
		default:
			nearer := along(0.5)
			if mirrored.value < worst.value {
				nearer = along(-0.5)
			}
			if nearer.value < min(worst.value, mirrored.value) {
				corners[n] = nearer
				continue
			}
			for i := 1; i <= n; i++ {
				for j := range corners[i].at {
					corners[i].at[j] = (corners[i].at[j] + best.at[j]) / 2
				}
				corners[i].value = f(corners[i].at)
			}
		}
	}
	slices.SortStableFunc(corners, order)
	return corners[0].at, corners[0].value, false
}

// width is the largest extent of a simplex along any axis.
func width(corners []corner) float64 {
	out := 0.0
	for j := range corners[0].at {
		low, high := math.Inf(1), math.Inf(-1)
		for _, c := range corners {
			low, high = min(low, c.at[j]), max(high, c.at[j])
		}
		out = max(out, high-low)
	}
	return out
}
