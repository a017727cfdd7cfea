package lift

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: %.7g, want %.7g", what, got, want)
	}
}

// Quantiles of Student's t as every table of it has them (Fisher and Yates, Statistical tables,
// 1938; three decimals).
func TestStudent(t *testing.T) {
	for _, c := range []struct{ df, p, want float64 }{
		{1, 0.975, 12.706}, {2, 0.975, 4.303}, {3, 0.975, 3.182}, {4, 0.975, 2.776}, {5, 0.975, 2.571}, {10, 0.975, 2.228},
		{20, 0.975, 2.086}, {30, 0.975, 2.042}, {60, 0.975, 2.000}, {120, 0.975, 1.980}, {1e7, 0.975, 1.960},
		{1, 0.9, 3.078}, {5, 0.95, 2.015}, {10, 0.99, 2.764}, {30, 0.995, 2.750}, {120, 0.9995, 3.373}, {1, 0.9995, 636.619}, {2, 0.999, 22.327},
	} {
		q := StudentQuantile(c.p, c.df)
		near(t, "quantile", q, c.want, 0.0006)
		near(t, "tail of the quantile", StudentTail(q, c.df), 1-c.p, 1e-12)
	}
	// With one degree it is Cauchy's: 1/2 - arctan(t)/π. With two it has a closed form.
	for _, x := range []float64{0, 0.1, 1, 2.5, 40} {
		near(t, "Cauchy", StudentTail(x, 1), 0.5-math.Atan(x)/math.Pi, 1e-13)
		near(t, "two degrees", StudentTail(x, 2), 0.5-x/(2*math.Sqrt(2+x*x)), 1e-13)
	}
	near(t, "median", StudentQuantile(0.5, 7), 0, 1e-12)
}

func TestNormal(t *testing.T) {
	near(t, "z", Z, 1.959964, 5e-7)
	near(t, "80 %", NormalQuantile(0.8), 0.841621, 5e-7)
	near(t, "tail", NormalTail(1.644854), 0.05, 5e-8)
	near(t, "far tail", NormalTail(6)/9.865876e-10, 1, 1e-6)
}

// The score interval of 81 in 263 (Newcombe, Two-sided confidence intervals for the single
// proportion: comparison of seven methods, 1998, table I) and others of that table.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		hits, n   int64
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}} {
		low, high := Wilson(c.hits, c.n)
		near(t, "low", low, c.low, 5e-5)
		near(t, "high", high, c.high, 5e-5)
	}
	if _, high := Wilson(7, 7); high != 1 {
		t.Errorf("all of seven: up to %g", high)
	}
}

// The examples of Newcombe, Interval estimation for the difference between independent proportions,
// 1998, table II, method 10.
func TestRatesOfNewcombe(t *testing.T) {
	for _, c := range []struct {
		x1, n1, x2, n2 int64
		low, high      float64
	}{
		{56, 70, 48, 80, 0.0524, 0.3339}, {9, 10, 3, 10, 0.1705, 0.8090}, {6, 7, 2, 7, 0.0582, 0.8062}, {5, 56, 0, 29, -0.0381, 0.1926},
		{0, 10, 0, 20, -0.1611, 0.2775}, {0, 10, 0, 10, -0.2775, 0.2775}, {10, 10, 0, 20, 0.6791, 1}, {10, 10, 0, 10, 0.6075, 1},
	} {
		got := Rates(Group{N: c.n1, Converted: c.x1}, Group{N: c.n2, Converted: c.x2})
		near(t, "low", got.Interval.Low, c.low, 5e-5)
		near(t, "high", got.Interval.High, c.high, 5e-5)
		near(t, "difference", got.Difference, float64(c.x1)/float64(c.n1)-float64(c.x2)/float64(c.n2), 1e-15)
	}
}

// Heart attacks among physicians who took aspirin or a placebo: Agresti, A., An introduction to
// categorical data analysis, 2007, section 2.3: a relative risk of 1.82, from 1.43 to 2.30. The score
// statistic squared is Pearson's, 25.01.
func TestRatesOfPhysicians(t *testing.T) {
	c := Rates(Group{N: 11034, Converted: 189}, Group{N: 11037, Converted: 104})
	near(t, "relative", c.Relative, 0.82, 0.005)
	near(t, "low", c.Ratio.Low, 0.43, 0.005)
	near(t, "high", c.Ratio.High, 1.30, 0.006)
	near(t, "p", c.P, 2*NormalTail(math.Sqrt(25.01)), 2e-8)
	back := Rates(Group{N: 11037, Converted: 104}, Group{N: 11034, Converted: 189})
	near(t, "p of the other way round", back.P, c.P, 1e-18)
	near(t, "difference of the other way round", back.Difference, -c.Difference, 1e-18)
}

func TestRatesWithoutAnything(t *testing.T) {
	c := Rates(Group{N: 50}, Group{N: 50})
	if !math.IsNaN(c.P) || !math.IsNaN(c.Relative) || c.Ratio.OK || !c.Interval.OK {
		t.Errorf("nobody reached the goal: %+v", c)
	}
	c = Rates(Group{N: 50, Converted: 5}, Group{N: 50})
	if !math.IsNaN(c.Relative) || c.Ratio.OK || !(c.P < 0.05) {
		t.Errorf("nobody in the base reached the goal: %+v", c)
	}
	c = Rates(Group{}, Group{N: 50, Converted: 5})
	if c.Interval.OK || !math.IsNaN(c.P) || !math.IsNaN(c.Relative) {
		t.Errorf("no people: %+v", c)
	}
}

func groupOf(xs ...float64) Group {
	g := Group{N: int64(len(xs))}
	for _, x := range xs {
		g.Mean += x / float64(len(xs))
	}
	for _, x := range xs {
		g.Variance += (x - g.Mean) * (x - g.Mean) / float64(len(xs)-1)
	}
	return g
}

// The hours of sleep of Student, The probable error of a mean, 1908, as two groups: the worked
// example of Welch's test in the manual of R.
func TestMeansOfStudent(t *testing.T) {
	first := groupOf(0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
	second := groupOf(1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)
	c := Means(first, second)
	near(t, "difference", c.Difference, -1.58, 1e-12)
	near(t, "low", c.Interval.Low, -3.3654832, 5e-7)
	near(t, "high", c.Interval.High, 0.2054832, 5e-7)
	near(t, "p", c.P, 0.07939414, 5e-8)
}

// At the ends of Fieller's interval the test of a - r·b is just at its limit.
func TestRatioOfMeans(t *testing.T) {
	a, b, v1, v2, q := 12.0, 10.0, 0.4, 0.3, StudentQuantile(0.975, 50)
	i := fieller(a, b, v1, v2, q)
	for _, r := range []float64{i.Low + 1, i.High + 1} {
		near(t, "distance at an end", math.Abs(a-r*b)/math.Sqrt(v1+r*r*v2), q, 1e-12)
	}
	if !(i.Low < a/b-1 && a/b-1 < i.High) {
		t.Errorf("%+v is not around %g", i, a/b-1)
	}
	if i := fieller(a, 0.5, v1, v2, q); i.OK {
		t.Errorf("a base that may be 0 has an interval: %+v", i)
	}
	one := Means(groupOf(3), groupOf(1, 2, 3))
	if one.Interval.OK || !math.IsNaN(one.P) {
		t.Errorf("one person has an interval: %+v", one)
	}
	flat := Means(groupOf(2, 2, 2), groupOf(2, 2, 2))
	if flat.Interval.OK || !math.IsNaN(flat.P) || flat.Difference != 0 {
		t.Errorf("values that never differ: %+v", flat)
	}
}

// 5 % against 6 % needs some 8,155 people in each group by the textbook's formula with separate
// variances (Fleiss, J., Statistical methods for rates and proportions, 1981, without correction for
// continuity).
func TestNeeded(t *testing.T) {
	if got := Needed(0.05, 0.06); got < 8145 || got > 8165 {
		t.Errorf("%d", got)
	}
	if Needed(0.1, 0.1) != 0 || Needed(0.06, 0.05) != Needed(0.05, 0.06) {
		t.Error("no difference, or the other way round")
	}
}
