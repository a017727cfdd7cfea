package lift

import "math"

// NormalTail is the probability that a standard normal number is more than z.
func NormalTail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// NormalQuantile is the z that a standard normal number is below with probability p.
func NormalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// StudentTail is the probability that a number of Student's t with df degrees of freedom is more
// than t, which is not negative: half the incomplete beta function of df/(df+t²) at df/2 and 1/2
// (Abramowitz, M. and Stegun, I., Handbook of mathematical functions, 1964, 26.7.1).
func StudentTail(t, df float64) float64 {
	return incompleteBeta(df/(df+t*t), df/2, 0.5) / 2
}

// StudentQuantile is the t that a number of Student's t with df degrees of freedom is below with
// probability p, from 0.5 to less than 1. The tail falls with t, so that halving finds it.
func StudentQuantile(p, df float64) float64 {
	low, high := 0.0, 1.0
	for StudentTail(high, df) > 1-p {
		low, high = high, high*2
	}
	for range 200 {
		mid := (low + high) / 2
		if mid == low || mid == high {
			break
		}
		if StudentTail(mid, df) > 1-p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// incompleteBeta is the regularised incomplete beta function at x from 0 to 1: the continued
// fraction of Abramowitz and Stegun, 26.5.8, by the method of Lentz, W., Generating Bessel functions
// in Mie scattering calculations using continued fractions, 1976. It converges fast below the mean
// of the distribution, and above it the function is 1 minus that of the other side.
func incompleteBeta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - incompleteBeta(1-x, b, a)
	}
	ga, _ := math.Lgamma(a)
	gb, _ := math.Lgamma(b)
	gab, _ := math.Lgamma(a + b)
	front := math.Exp(gab-ga-gb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	safe := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/safe(1-(a+b)*x/(a+1))
	h := d
	for i := 1; i <= 10_000; i++ {
		m := float64(i)
		for _, step := range [2]float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			d = 1 / safe(1+step*d)
			c = safe(1 + step/c)
			h *= d * c
		}
		if math.Abs(d*c-1) < 1e-15 {
			break
		}
	}
	return front * h
}
