package scoring

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// xgbLinks are the objectives that have one output: the link of the sum, which is also how the
// base score is written. binary:logitraw is not among them: what its base score means depends on
// the version of the library that trained it.
var xgbLinks = map[string]Link{
	"binary:logistic": Logistic, "reg:logistic": Logistic,
	"reg:squarederror": Identity, "reg:linear": Identity, "reg:absoluteerror": Identity,
	"reg:squaredlogerror": Identity, "reg:pseudohubererror": Identity, "reg:quantileerror": Identity,
	"rank:pairwise": Identity, "rank:ndcg": Identity, "rank:map": Identity,
	"count:poisson": Exponential, "reg:gamma": Exponential, "reg:tweedie": Exponential,
}

// xgbLearner is what is read of a model. Booster gbtree has Model; dart has GBTree and WeightDrop.
type xgbLearner struct {
	FeatureNames []string `json:"feature_names"`
	Booster      struct {
		Name   string    `json:"name"`
		Model  *xgbTrees `json:"model"`
		GBTree *struct {
			Model *xgbTrees `json:"model"`
		} `json:"gbtree"`
		WeightDrop []float32 `json:"weight_drop"`
	} `json:"gradient_booster"`
	Param struct {
		BaseScore string `json:"base_score"`
		NumClass  string `json:"num_class"`
		NumTarget string `json:"num_target"`
	} `json:"learner_model_param"`
	Objective struct {
		Name string `json:"name"`
	} `json:"objective"`
}

type xgbTrees struct {
	Trees []xgbTree `json:"trees"`
}

// xgbTree is a tree as arrays over its nodes. A node without children is a leaf, whose value is its
// split condition.
type xgbTree struct {
	Left        []int     `json:"left_children"`
	Right       []int     `json:"right_children"`
	Feature     []int     `json:"split_indices"`
	Condition   []float32 `json:"split_conditions"`
	DefaultLeft []flag    `json:"default_left"`
	SplitType   []int     `json:"split_type"`
	Param       struct {
		LeafSize string `json:"size_leaf_vector"`
	} `json:"tree_param"`
}

// flag is true or false, or 1 or 0.
type flag bool

// UnmarshalJSON reads what the versions of the library write.
func (f *flag) UnmarshalJSON(b []byte) error {
	*f = string(b) == "true" || string(b) == "1"
	return nil
}

// xgboost reads what is under learner.
func xgboost(data json.RawMessage) (*Model, error) {
	var in xgbLearner
	if err := decode(data, &in, "XGBoost"); err != nil {
		return nil, err
	}
	link, ok := xgbLinks[in.Objective.Name]
	if !ok || several(in.Param.NumClass) || several(in.Param.NumTarget) {
		return nil, unfit("train a model with one output, such as binary:logistic or reg:squarederror", "the model's objective is %s, which does not give one number a person that could be computed", in.Objective.Name)
	}
	trees := in.Booster.Model
	if in.Booster.Name == "dart" && in.Booster.GBTree != nil {
		trees = in.Booster.GBTree.Model
	}
	if trees == nil || in.Booster.Name != "gbtree" && in.Booster.Name != "dart" {
		return nil, unfit("train with booster gbtree or dart, or write a regression's coefficients", "the model's booster is %s, which has no trees", in.Booster.Name)
	}
	base, err := xgbBase(in.Param.BaseScore, link)
	if err != nil {
		return nil, err
	}
	m := &Model{Kind: "XGBoost", Start: base, Link: link, Slope: 1}
	g := gatherer{m: m, names: in.FeatureNames}
	for i := range trees.Trees {
		weight := 1.0
		if in.Booster.Name == "dart" && i < len(in.Booster.WeightDrop) {
			weight = float64(in.Booster.WeightDrop[i])
		}
		t, err := g.xgbTree(&trees.Trees[i], weight)
		if err != nil {
			return nil, err
		}
		m.Trees = append(m.Trees, t)
	}
	return m, nil
}

// several reports whether a count, written as text, is more than one.
func several(n string) bool {
	i, err := strconv.Atoi(n)
	return err == nil && i > 1
}

// xgbBase is the start of the sum. It is written after the link: 5E-1, or in later versions [5E-1].
func xgbBase(text string, link Link) (float64, error) {
	f, err := strconv.ParseFloat(strings.Trim(text, "[] "), 32)
	if text == "" {
		f, err = 0.5, nil
	}
	if err != nil {
		return 0, unfit("train a model with one output", "the base score %q is not one number", text)
	}
	switch link {
	case Logistic:
		f = math.Log(f / (1 - f))
	case Exponential:
		f = math.Log(f)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, unfit("train it with a base score that its objective allows", "the base score %q does not go with the objective", text)
	}
	return f, nil
}

func (g *gatherer) xgbTree(in *xgbTree, weight float64) (Tree, error) {
	broken := unfit("save it again", "a tree of the model is broken: its arrays do not fit together")
	n := len(in.Left)
	if n == 0 || len(in.Right) != n || len(in.Feature) != n || len(in.Condition) != n || len(in.DefaultLeft) != n {
		return nil, broken
	}
	if several(in.Param.LeafSize) {
		return nil, unfit("train with multi_strategy: one_output_per_tree and one output", "the model's leaves have several values each")
	}
	t := make(Tree, n)
	for i := range t {
		if in.Left[i] < 0 {
			t[i] = Node{Leaf: true, Value: float64(in.Condition[i]) * weight}
			continue
		}
		if i < len(in.SplitType) && in.SplitType[i] != 0 {
			return nil, categorical
		}
		feature, err := g.feature(in.Feature[i], "f"+strconv.Itoa(in.Feature[i]))
		if err != nil {
			return nil, err
		}
		t[i] = Node{Feature: feature, AtMost: below(in.Condition[i]), AbsentLeft: bool(in.DefaultLeft[i]), Left: in.Left[i], Right: in.Right[i]}
	}
	return t, t.check()
}

// below is the largest double that, as a float of 32 bits, is less than t. A double becomes the
// nearest float, and of two the even one.
func below(t float32) float64 {
	if math.IsInf(float64(t), -1) {
		return -math.MaxFloat64
	}
	prev := math.Nextafter32(t, float32(math.Inf(-1)))
	middle := (float64(prev) + float64(t)) / 2
	if math.IsInf(float64(t), 1) {
		middle = float64(prev) + (float64(prev)-float64(math.Nextafter32(prev, 0)))/2
	}
	if math.Float32bits(t)&1 == 0 {
		return math.Nextafter(middle, math.Inf(-1)) // the middle becomes t
	}
	return middle
}
