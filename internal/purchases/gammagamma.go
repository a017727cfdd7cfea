package purchases

import (
	"errors"
	"fmt"
	"math"
)

// Spent is what is known of the value of a person's repeat purchases, and of how many people.
type Spent struct {
	Repeats float64
	Mean    float64 // of the repeat purchases, above 0
	People  float64
}

// Values are the parameters of Gamma-Gamma, with V in the unit of the amounts.
type Values struct{ P, Q, V float64 }

// FitValues fits Gamma-Gamma to people with repeat purchases. The error, in words for people, says
// why the amounts tell nothing.
func FitValues(of []Spent) (Values, error) {
	people, total := 0.0, 0.0
	for _, s := range of {
		people += s.People
		total += s.People * s.Mean
	}
	if people < MinRepeaters {
		return Values{}, fmt.Errorf("%.0f people have bought for some amount on more than one day; at least %d are needed", people, MinRepeaters)
	}
	unit := total / people // whatever the currency, the search is the same
	at, _, ok := minimum(func(x []float64) float64 {
		return -valuesAt(x).likelihood(of, unit)/people + tether(x)
	}, []float64{0, 1, 0})
	v := valuesAt(at)
	switch {
	case !ok:
		return Values{}, errors.New("the fit found no best parameters")
	case v.Q <= 1:
		return Values{}, errors.New("amounts differ so much between people that their mean has no bound")
	}
	v.V *= unit
	return v, nil
}

func valuesAt(x []float64) Values { return Values{math.Exp(x[0]), math.Exp(x[1]), math.Exp(x[2])} }

// likelihood is the logarithm of the likelihood, formula (1a) of the paper, with amounts in a unit.
func (v Values) likelihood(of []Spent, unit float64) float64 {
	sum := 0.0
	common := v.Q*math.Log(v.V) - lgamma(v.Q)
	for _, s := range of {
		px, m := v.P*s.Repeats, s.Mean/unit
		sum += s.People * (lgamma(px+v.Q) - lgamma(px) + common + (px-1)*math.Log(m) + px*math.Log(s.Repeats) - (px+v.Q)*math.Log(s.Repeats*m+v.V))
	}
	return sum
}

// Worth is what a purchase of somebody is expected to be worth: formula (5) of the paper, between
// the mean of everybody and their own, which counts the more the more purchases there were. Without
// repeats it is the mean of everybody.
func (v Values) Worth(repeats, mean float64) float64 {
	return v.P * (v.V + repeats*mean) / (v.P*repeats + v.Q - 1)
}
