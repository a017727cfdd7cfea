package scoring

import (
	"maps"
	"slices"
)

// regression reads weir's own form:
//
//	{"type": "logistic", "intercept": -1.2, "coefficients": {"orders": 0.3, "age": -0.02},
//	 "means": {"age": 41}, "scales": {"age": 12}}
//
// means and scales are those of standardised features: (value - mean) / scale is what the
// coefficient multiplies. Features are in the order of their names.
func regression(data []byte) (*Model, error) {
	var in struct {
		Type         string             `json:"type"`
		Intercept    float64            `json:"intercept"`
		Coefficients map[string]float64 `json:"coefficients"`
		Means        map[string]float64 `json:"means"`
		Scales       map[string]float64 `json:"scales"`
	}
	if err := strictly(data, &in); err != nil {
		return nil, err
	}
	m := &Model{Start: in.Intercept, Slope: 1}
	switch in.Type {
	case "logistic":
		m.Kind, m.Link = "logistic regression", Logistic
	case "linear":
		m.Kind, m.Link = "linear regression", Identity
	default:
		return nil, unfit(`write "type": "logistic" or "type": "linear"`, "the type of the regression is %q", in.Type)
	}
	for _, of := range []map[string]float64{in.Means, in.Scales} {
		for name := range of {
			if _, ok := in.Coefficients[name]; !ok {
				return nil, unfit("add the coefficient, or take the feature out of means and scales", "feature %q has no coefficient", name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Coefficients)) {
		t := Term{Feature: len(m.Features), Weight: in.Coefficients[name]}
		if s, ok := in.Scales[name]; ok {
			if s <= 0 {
				return nil, unfit("write the feature's standard deviation", "the scale of feature %q is %v", name, s)
			}
			t.Weight /= s
		}
		if mean, ok := in.Means[name]; ok {
			t.Mean, t.HasMean = mean, true
		}
		m.Features, m.Terms = append(m.Features, name), append(m.Terms, t)
	}
	return m, nil
}
