package scoring

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Model is a model that can be computed: the link of the start, plus every term, plus every tree.
type Model struct {
	Kind     string   // "logistic regression", "linear regression", "XGBoost" or "LightGBM"
	Features []string // that it looks at, each once
	Start    float64
	Terms    []Term
	Trees    []Tree
	Link     Link
	Slope    float64 // of Logistic: what the sum is multiplied by before it
}

// Link makes the output of the sum of a model.
type Link string

// The links.
const (
	Identity    Link = "identity"
	Logistic    Link = "logistic" // 1/(1+e^-x)
	Exponential Link = "exponential"
)

// Classifies reports whether the output is a probability.
func (m *Model) Classifies() bool { return m.Link == Logistic }

// Splits is the number of splits of all trees.
func (m *Model) Splits() int {
	n := 0
	for _, t := range m.Trees {
		n += t.Splits()
	}
	return n
}

// Term is a feature's part of a regression: Weight times the value less Mean. An absent value
// counts as the mean if there is one; without one the output is absent too.
type Term struct {
	Feature int // of Model.Features
	Weight  float64
	Mean    float64
	HasMean bool
}

// Tree is a list of nodes; the first is the root.
type Tree []Node

// Node is a leaf, or a split: a value of at most AtMost goes left, any other right. Comparisons are
// of doubles, also for libraries that compare in 32 bits: AtMost is the largest double that they
// would send left.
type Node struct {
	Leaf        bool
	Value       float64 // of a leaf
	Feature     int     // of Model.Features
	AtMost      float64
	AbsentLeft  bool // where an absent value goes
	ZeroAbsent  bool // a value of 0, within Zero, counts as absent
	Left, Right int
}

// Zero is how far from 0 a value may be and count as 0: LightGBM's own bound.
const Zero = float64(float32(1e-35))

// Splits is the number of nodes that are no leaves.
func (t Tree) Splits() int {
	n := 0
	for i := range t {
		if !t[i].Leaf {
			n++
		}
	}
	return n
}

// The bounds of what is computed.
const (
	MaxBytes    = 64 << 20 // of a file
	MaxSplits   = 300_000  // of a model: 1,000 full trees of depth 8 have 255,000
	MaxDepth    = 100      // of a tree, in splits
	MaxFeatures = 1_000
)

// Unfit says why a file is no model that can be computed, and what to do.
type Unfit struct{ What, Fix string }

// Error says why.
func (u *Unfit) Error() string { return u.What }

func unfit(fix, format string, args ...any) error {
	return &Unfit{What: fmt.Sprintf(format, args...), Fix: fix}
}

const formats = `save an XGBoost model with save_model("model.json"), write what dump_model() of LightGBM returns with json.dump, or write a regression as {"type": "logistic", "intercept": …, "coefficients": {…}}`

// Parse reads a model. The error is an *Unfit.
func Parse(data []byte) (*Model, error) {
	if len(data) > MaxBytes {
		return nil, unfit("train a smaller model", "the model has more than %d MB", MaxBytes>>20)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		return nil, unfit(formats, "the model is not a JSON object")
	}
	var m *Model
	var err error
	switch {
	case top["learner"] != nil:
		m, err = xgboost(top["learner"])
	case top["tree_info"] != nil:
		m, err = lightgbm(data)
	case top["coefficients"] != nil:
		m, err = regression(data)
	default:
		return nil, unfit(formats, "the model is none that is known: it has neither learner, as XGBoost's have, nor tree_info, as LightGBM's, nor coefficients")
	}
	if err != nil {
		return nil, err
	}
	return m, m.bounds()
}

// decode reads JSON into a struct, whose shape the library's versions may have changed.
func decode(data []byte, into any, library string) error {
	if err := json.Unmarshal(data, into); err != nil {
		return unfit("save it again with a current version of "+library, "the model looks like one of %s, but has not the form of one: %v", library, err)
	}
	return nil
}

// strictly reads JSON that has nothing but what the struct has.
func strictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return unfit(`write {"type": "logistic", "intercept": …, "coefficients": {"feature": …}}, with "means" and "scales" if the features were scaled`, "the regression has not the form of one: %v", err)
	}
	return nil
}

// bounds reports a model that is too large to be computed.
func (m *Model) bounds() error {
	if n := m.Splits(); n > MaxSplits {
		return unfit("train fewer or smaller trees", "the model has %d splits; at most %d can be computed", n, MaxSplits)
	}
	if n := len(m.Features); n > MaxFeatures {
		return unfit("train it on fewer features", "the model looks at %d features; at most %d can be", n, MaxFeatures)
	}
	return nil
}
