package purchases

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within*max(1, math.Abs(want))) {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}

// TestHypergeometric holds 2F1 against its special cases: Abramowitz and Stegun, 15.1.3 to 15.1.8,
// and 15.1.20 by its approach to 1.
func TestHypergeometric(t *testing.T) {
	for _, z := range []float64{0, 0.01, 0.3, 0.5, 0.75, 0.9, 0.99} {
		if z > 0 {
			near(t, "2F1(1,1;2;z)", Hypergeometric(1, 1, 2, z), -math.Log1p(-z)/z, 1e-12)
			near(t, "2F1(1/2,1;3/2;z²)", Hypergeometric(0.5, 1, 1.5, z*z), math.Atanh(z)/z, 1e-12)
			near(t, "2F1(1/2,1/2;3/2;z²)", Hypergeometric(0.5, 0.5, 1.5, z*z), math.Asin(z)/z, 1e-12)
		}
		for _, a := range []float64{-1.5, 0.3, 2, 7.25} {
			near(t, "2F1(a,b;b;z)", Hypergeometric(a, 3.2, 3.2, z), math.Pow(1-z, -a), 1e-11)
		}
		near(t, "2F1(a,0;c;z)", Hypergeometric(2.5, 0, 1.5, z), 1, 0)
	}
	near(t, "2F1(a,b;c;1-)", Hypergeometric(0.4, 0.3, 2.5, 1-1e-9), math.Gamma(2.5)*math.Gamma(1.8)/(math.Gamma(2.1)*math.Gamma(2.2)), 1e-7)
}

// cdnow are the parameters that the paper publishes for CDNOW.
var cdnow = Rates{R: 0.243, Alpha: 4.414, A: 0.793, B: 2.426}

// TestExpected holds the worked example of the paper: a customer with two repeat purchases, the
// last 30.43 weeks after the first of 38.86 weeks ago, makes 1.226 in the next 39.
func TestExpected(t *testing.T) {
	near(t, "E(Y)", cdnow.Expected(History{Repeats: 2, Last: 30.43, Age: 38.86}, 39), 1.226, 0.001)
	near(t, "E(Y) of somebody new", cdnow.Expected(History{Age: 38.86}, 0), 0, 1e-12)
}

// plain is formula (10) as it is printed.
func plain(p Rates, h History, weeks float64) float64 {
	c := p.A + p.B + h.Repeats - 1
	z := weeks / (p.Alpha + h.Age + weeks)
	f := Hypergeometric(p.R+h.Repeats, p.B+h.Repeats, c, z)
	return c / (p.A - 1) * (1 - math.Pow((p.Alpha+h.Age)/(p.Alpha+h.Age+weeks), p.R+h.Repeats)*f) / p.odds(h)
}

// TestExpectedForm holds the form that is computed against the printed one, where that has no pole,
// and against its neighbours where it has.
func TestExpectedForm(t *testing.T) {
	for _, p := range []Rates{cdnow, {1.5, 20, 2.5, 4}, {0.1, 0.5, 0.2, 0.4}, {3, 50, 1.2, 9}} {
		for _, h := range []History{{}, {Age: 40}, {Repeats: 1, Last: 3, Age: 40}, {Repeats: 12, Last: 39, Age: 40}, {Repeats: 80, Last: 100, Age: 140}} {
			for _, weeks := range []float64{1, 39, 200} {
				near(t, "E(Y)", p.Expected(h, weeks), plain(p, h, weeks), 1e-8)
			}
			p := p
			p.A = 1
			below, above := p, p
			below.A, above.A = 1-1e-6, 1+1e-6
			near(t, "E(Y) at a = 1", p.Expected(h, 39), (plain(below, h, 39)+plain(above, h, 39))/2, 1e-6)
		}
	}
}

// TestAlive holds P(alive) to what it must be: 1 without a repeat, less the longer it is silent.
func TestAlive(t *testing.T) {
	if got := cdnow.Alive(History{Age: 100}); got != 1 {
		t.Errorf("without a repeat it is %v", got)
	}
	last := 1.0
	for age := 30.43; age < 200; age += 10 {
		p := cdnow.Alive(History{Repeats: 2, Last: 30.43, Age: age})
		if !(p < last && p > 0) {
			t.Fatalf("at %v weeks it is %v, before it was %v", age, p, last)
		}
		last = p
	}
	// a/(b+x-1) · ((alpha+T)/(alpha+t))^(r+x), by hand.
	near(t, "P(alive)", cdnow.Alive(History{Repeats: 2, Last: 30.43, Age: 38.86}), 1/(1+0.793/3.426*math.Pow(43.274/34.844, 2.243)), 1e-12)
}

// TestFit finds the parameters that a crowd was drawn from.
func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	want, worth := Rates{R: 0.8, Alpha: 6, A: 0.7, B: 2.5}, Values{P: 6, Q: 4, V: 15}
	var people []History
	var spent []Spent
	for range 8_000 {
		rate, drop := gamma(r, want.R)/want.Alpha, beta(r, want.A, want.B)
		h := History{Age: 20 + 60*r.Float64(), People: 1}
		for at := 0.0; ; {
			if at += r.ExpFloat64() / rate; at > h.Age {
				break
			}
			h.Repeats, h.Last = h.Repeats+1, at
			if r.Float64() < drop {
				break
			}
		}
		people = append(people, h)
		if h.Repeats > 0 {
			scale := gamma(r, worth.Q) / worth.V
			total := 0.0
			for range int(h.Repeats) {
				total += gamma(r, worth.P) / scale
			}
			spent = append(spent, Spent{h.Repeats, total / h.Repeats, 1})
		}
	}
	got, err := FitRates(people)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", got)
	for _, p := range [][2]float64{{got.R, want.R}, {got.Alpha, want.Alpha}, {got.A, want.A}, {got.B, want.B}} {
		if math.Abs(p[0]/p[1]-1) > 0.2 {
			t.Errorf("a parameter is %v, drawn from %v", p[0], p[1])
		}
	}
	values, err := FitValues(spent)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", values)
	for _, p := range [][2]float64{{values.P, worth.P}, {values.Q, worth.Q}, {values.V, worth.V}} {
		if math.Abs(p[0]/p[1]-1) > 0.15 {
			t.Errorf("a parameter is %v, drawn from %v", p[0], p[1])
		}
	}
	cents := make([]Spent, len(spent))
	for i, s := range spent {
		cents[i] = Spent{s.Repeats, s.Mean * 100, s.People}
	}
	again, err := FitValues(cents)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "V in cents", again.V, values.V*100, 1e-4)
}

// gamma draws from a gamma distribution of scale 1: Marsaglia and Tsang, "A Simple Method for
// Generating Gamma Variables", 2000.
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	for {
		x := r.NormFloat64()
		v := math.Pow(1+x/math.Sqrt(9*d), 3)
		if v > 0 && math.Log(r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

func beta(r *rand.Rand, a, b float64) float64 {
	x, y := gamma(r, a), gamma(r, b)
	return x / (x + y)
}

// TestNothingToTell says why too little was bought.
func TestNothingToTell(t *testing.T) {
	for _, c := range []struct {
		name string
		of   []History
		want string
	}{
		{"nobody", nil, "0 people"},
		{"few", []History{{Repeats: 1, Last: 1, Age: 2, People: 99}}, "99 people"},
		{"once each", []History{{Age: 2, People: 5000}}, "more than one day"},
	} {
		if _, err := FitRates(c.of); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want something of %q", c.name, err, c.want)
		}
	}
	if _, err := FitValues([]Spent{{1, 10, 19}}); err == nil || !strings.Contains(err.Error(), "19 people") {
		t.Errorf("few amounts: %v", err)
	}
}

// TestAlike fits people who have no differences: no parameters are best, and what is predicted is
// plain all the same.
func TestAlike(t *testing.T) {
	same := History{Repeats: 5, Last: 9.5, Age: 10, People: 5000}
	p, err := FitRates([]History{same})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", p)
	if got := p.Alive(same); got < 0.97 {
		t.Errorf("they are alive with %v", got)
	}
	if got := p.Expected(same, 10); math.Abs(got-5) > 0.5 {
		t.Errorf("they are expected to buy %v times in as long again", got)
	}
	v, err := FitValues([]Spent{{3, 10, 5000}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", v)
	near(t, "worth", v.Worth(3, 10), 10, 0.01)
	// Rates that are a Poisson's, and nobody drops out.
	r := rand.New(rand.NewPCG(5, 6))
	var crowd []History
	for range 3000 {
		h := History{Age: 30, People: 1}
		for at := r.ExpFloat64() * 8; at < h.Age; at += r.ExpFloat64() * 8 {
			h.Repeats, h.Last = h.Repeats+1, at
		}
		crowd = append(crowd, h)
	}
	if p, err = FitRates(crowd); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", p)
	if got := p.Expected(History{Repeats: 4, Last: 28, Age: 30}, 16); math.Abs(got-2) > 0.25 {
		t.Errorf("of a rate of 1 in 8 weeks %v purchases are expected in 16", got)
	}
}

// TestSample takes all of a small crowd, and of a large one as many as are enough.
func TestSample(t *testing.T) {
	for _, c := range []struct{ crowd, want float64 }{{50, 50}, {Enough, Enough}, {Enough * 3.7, Enough}} {
		s, taken := Sample{Of: c.crowd}, 0.0
		for left := c.crowd; left > 0; left -= 2 {
			taken += s.Take(min(2, left))
		}
		if math.Abs(taken-c.want) > 1 {
			t.Errorf("of %v people %v are taken, want %v", c.crowd, taken, c.want)
		}
	}
}
