package lift

import "math"

// Group is what is known of the people of one arm.
type Group struct {
	N         int64   // people
	Converted int64   // of them, who reached the goal at least once
	Mean      float64 // of the value per person, with 0 for who has none
	Variance  float64 // of the value per person, as of a sample; absent, NaN, below two people
}

// Rate is the share of people who reached the goal; NaN without people.
func (g Group) Rate() float64 { return float64(g.Converted) / float64(g.N) }

// Interval is what a number lies in with 95 % confidence. OK is false where nothing bounds it.
type Interval struct {
	Low, High float64
	OK        bool
}

// Comparison is what one group did above another, the base.
type Comparison struct {
	Difference float64  // in the unit of the measure: 0.012 is 1.2 percentage points
	Interval   Interval // of the difference
	Relative   float64  // difference / base: 0.12 is 12 % more; NaN where the base is 0
	Ratio      Interval // of the relative difference
	P          float64  // how often chance alone makes a difference as large; NaN if that can not be said
}

// Z is how many standard deviations of a normal distribution leave 2.5 % at either end.
var Z = NormalQuantile(0.975)

// Rates compares the shares of people who reached the goal.
func Rates(g, base Group) Comparison {
	p1, p2 := g.Rate(), base.Rate()
	c := Comparison{Difference: p1 - p2, Relative: p1/p2 - 1, P: math.NaN()}
	if g.N == 0 || base.N == 0 {
		c.Relative = math.NaN()
		return c
	}
	if p2 == 0 {
		c.Relative = math.NaN()
	}
	l1, u1 := Wilson(g.Converted, g.N)
	l2, u2 := Wilson(base.Converted, base.N)
	c.Interval = Interval{c.Difference - math.Hypot(p1-l1, u2-p2), c.Difference + math.Hypot(u1-p1, p2-l2), true}
	n1, n2 := float64(g.N), float64(base.N)
	if pooled := float64(g.Converted+base.Converted) / (n1 + n2); pooled > 0 && pooled < 1 {
		c.P = 2 * NormalTail(math.Abs(c.Difference)/math.Sqrt(pooled*(1-pooled)*(1/n1+1/n2)))
	}
	if g.Converted > 0 && base.Converted > 0 {
		se := math.Sqrt(1/float64(g.Converted) - 1/n1 + 1/float64(base.Converted) - 1/n2)
		ratio := p1 / p2
		c.Ratio = Interval{ratio*math.Exp(-Z*se) - 1, ratio*math.Exp(Z*se) - 1, true}
	}
	return c
}

// Wilson is the score interval of a share.
func Wilson(hits, n int64) (low, high float64) {
	p, m, zz := float64(hits)/float64(n), float64(n), Z*Z
	mid, half := p+zz/(2*m), Z*math.Sqrt(p*(1-p)/m+zz/(4*m*m))
	low, high = (mid-half)/(1+zz/m), (mid+half)/(1+zz/m)
	if hits == 0 { // exactly, where rounding would leave a trace
		low = 0
	}
	if hits == n {
		high = 1
	}
	return low, high
}

// Means compares the values per person.
func Means(g, base Group) Comparison {
	c := Comparison{Difference: g.Mean - base.Mean, Relative: g.Mean/base.Mean - 1, P: math.NaN()}
	if base.Mean == 0 || g.N == 0 || base.N == 0 {
		c.Relative = math.NaN()
	}
	if g.N < 2 || base.N < 2 {
		return c
	}
	v1, v2 := g.Variance/float64(g.N), base.Variance/float64(base.N)
	se := math.Sqrt(v1 + v2)
	if se == 0 || math.IsNaN(se) {
		return c
	}
	df := (v1 + v2) * (v1 + v2) / (v1*v1/float64(g.N-1) + v2*v2/float64(base.N-1))
	t := StudentQuantile(0.975, df)
	c.Interval = Interval{c.Difference - t*se, c.Difference + t*se, true}
	c.P = 2 * StudentTail(math.Abs(c.Difference)/se, df)
	c.Ratio = fieller(g.Mean, base.Mean, v1, v2, t)
	return c
}

// fieller is the interval of a/b - 1 for independent a and b with variances v1 and v2: the r for
// which a - r·b is not further from 0 than t of its own deviations. It has no end where b itself is
// not surely different from 0.
func fieller(a, b, v1, v2, t float64) Interval {
	g := t * t * v2 / (b * b)
	if b == 0 || g >= 1 {
		return Interval{}
	}
	mid := a / b
	half := t / math.Abs(b) * math.Sqrt(v1*(1-g)+mid*mid*v2)
	return Interval{(mid-half)/(1-g) - 1, (mid+half)/(1-g) - 1, true}
}

// Needed is how many people each of two groups of one size needs for a difference of two shares to
// be told from chance in four of five cases; 0 if the shares are one.
func Needed(p1, p2 float64) int64 {
	d := p1 - p2
	if d == 0 || math.IsNaN(d) {
		return 0
	}
	z := Z + NormalQuantile(0.8)
	return int64(math.Ceil(z * z * (p1*(1-p1) + p2*(1-p2)) / (d * d)))
}
