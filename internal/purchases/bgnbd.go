package purchases

import (
	"errors"
	"fmt"
	"math"
)

// History is what is known of a person's purchases, and of how many people.
type History struct {
	Repeats float64 // purchases after the first
	Last    float64 // weeks from the first purchase to the last; 0 without repeats
	Age     float64 // weeks from the first purchase to now
	People  float64
}

// Rates are the parameters of BG/NBD, with alpha in weeks.
type Rates struct{ R, Alpha, A, B float64 }

// MinPeople is how many people must have bought for their purchases to tell anything, and
// MinRepeaters how many of them more than once.
const (
	MinPeople    = 100
	MinRepeaters = 20
)

// FitRates fits BG/NBD. The error, in words for people, says why the purchases tell nothing.
func FitRates(of []History) (Rates, error) {
	people, repeaters := 0.0, 0.0
	for _, h := range of {
		people += h.People
		if h.Repeats > 0 {
			repeaters += h.People
		}
	}
	switch {
	case people < MinPeople:
		return Rates{}, fmt.Errorf("%.0f people have bought; at least %d are needed", people, MinPeople)
	case repeaters < MinRepeaters:
		return Rates{}, fmt.Errorf("%.0f people have bought on more than one day; at least %d are needed", repeaters, MinRepeaters)
	}
	at, _, ok := minimum(func(x []float64) float64 {
		return -ratesAt(x).likelihood(of)/people + tether(x)
	}, []float64{0, 1, 0, 0})
	if !ok {
		return Rates{}, errors.New("the fit found no best parameters")
	}
	return ratesAt(at), nil
}

// ratesAt are the parameters, which are above 0, by their logarithms.
func ratesAt(x []float64) Rates {
	return Rates{math.Exp(x[0]), math.Exp(x[1]), math.Exp(x[2]), math.Exp(x[3])}
}

// tether keeps parameters, by their logarithms, from running away where the purchases are explained
// the better, by ever less, the larger they become: people who are all alike, or who never drop out.
// What is predicted hardly depends on them there. Anywhere else it is too weak to matter: 2,000
// people say a hundred times as much.
func tether(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
		if math.Abs(v) > 25 {
			return math.Inf(1)
		}
	}
	return 1e-5 * sum
}

// likelihood is the logarithm of the likelihood, formula (7) of the paper as its authors compute
// it.
func (p Rates) likelihood(of []History) float64 {
	sum := 0.0
	beta := lgamma(p.A+p.B) - lgamma(p.B)
	gamma := p.R*math.Log(p.Alpha) - lgamma(p.R)
	one, of1 := 0.0, -1.0 // what depends on x alone, of the last x
	for _, h := range of {
		x := h.Repeats
		if x != of1 {
			one, of1 = gamma+lgamma(p.R+x)+beta+lgamma(p.B+x)-lgamma(p.A+p.B+x), x
		}
		alive := -(p.R + x) * math.Log(p.Alpha+h.Age)
		if x > 0 {
			gone := math.Log(p.A) - math.Log(p.B+x-1) - (p.R+x)*math.Log(p.Alpha+h.Last)
			alive = max(alive, gone) + math.Log1p(math.Exp(-math.Abs(alive-gone)))
		}
		sum += h.People * (one + alive)
	}
	return sum
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// Alive is the probability that somebody has not dropped out. By the model nobody drops out before
// a second purchase, so that it is 1 for those with one.
func (p Rates) Alive(h History) float64 { return 1 / p.odds(h) }

// odds are 1 plus the odds of having dropped out.
func (p Rates) odds(h History) float64 {
	if h.Repeats <= 0 {
		return 1
	}
	return 1 + p.A/(p.B+h.Repeats-1)*math.Pow((p.Alpha+h.Age)/(p.Alpha+h.Last), p.R+h.Repeats)
}

// Expected is how many purchases somebody will make in the coming weeks: formula (10) of the paper
//
//	(a+b+x-1)/(a-1) · [1 - ((α+T)/(α+T+t))^(r+x) · 2F1(r+x, b+x; a+b+x-1; z)] / odds,  z = t/(α+T+t)
//
// written so that it has no pole at a = 1 and no powers of r+x: by Euler's transformation the
// product of the power and 2F1 is (1-z)^(a-1) · 2F1(a+b-1-r, a-1; a+b+x-1; z), whose excess over 1
// has the factor a-1.
func (p Rates) Expected(h History, weeks float64) float64 {
	c := p.A + p.B + h.Repeats - 1
	z := weeks / (p.Alpha + h.Age + weeks)
	k := p.A - 1
	power := k * math.Log1p(-z)
	first := -math.Log1p(-z) // the limit of (1 - (1-z)^k) / k
	if k != 0 {
		first = -math.Expm1(power) / k
	}
	return max(0, (c*first-math.Exp(power)*excess(p.A+p.B-1-p.R, k, c, z))/p.odds(h))
}
