package purchases

import "math"

// Hypergeometric is Gauss's function 2F1(a, b; c; z) for 0 <= z < 1 and c > 0, by its series
// (Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, 15.1.1), after Euler's
// transformation (15.3.3) where that has the smaller terms.
func Hypergeometric(a, b, c, z float64) float64 {
	if a+b > c && c-a >= 0 && c-b >= 0 {
		return math.Pow(1-z, c-a-b) * (1 + (c-b)*excess(c-a, c-b, c, z)/c)
	}
	return 1 + b*excess(a, b, c, z)/c
}

// excess is (2F1(a, b; c; z) - 1) · c / b, which has a value where b or c is 0 too.
func excess(a, b, c, z float64) float64 {
	term := a * z
	sum := term
	for n := 1.0; n < 1e6; n++ {
		term *= (a + n) / (c + n) * (b + n) / (n + 1) * z
		sum += term
		// What is left is no more than a geometric series of the terms at hand.
		if math.Abs(term) <= 1e-16*math.Abs(sum)*(1-z) {
			break
		}
	}
	return sum
}
