package scoring

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// lgbLinks are the objectives that have one output.
var lgbLinks = map[string]Link{
	"binary": Logistic, "cross_entropy": Logistic, "xentropy": Logistic,
	"regression": Identity, "regression_l2": Identity, "regression_l1": Identity, "huber": Identity, "fair": Identity,
	"quantile": Identity, "mape": Identity, "lambdarank": Identity, "rank_xendcg": Identity, "custom": Identity, "": Identity,
	"poisson": Exponential, "gamma": Exponential, "tweedie": Exponential,
}

type lgbModel struct {
	Objective    string   `json:"objective"`
	PerIteration int      `json:"num_tree_per_iteration"`
	Average      bool     `json:"average_output"`
	Names        []string `json:"feature_names"`
	Trees        []struct {
		Root lgbNode `json:"tree_structure"`
	} `json:"tree_info"`
}

type lgbNode struct {
	Feature     *int            `json:"split_feature"`
	Threshold   json.RawMessage `json:"threshold"`
	Decision    string          `json:"decision_type"`
	DefaultLeft bool            `json:"default_left"`
	Missing     string          `json:"missing_type"`
	Left        *lgbNode        `json:"left_child"`
	Right       *lgbNode        `json:"right_child"`
	Value       float64         `json:"leaf_value"`
	Linear      json.RawMessage `json:"leaf_coeff"`
}

// lightgbm reads a whole dump.
func lightgbm(data []byte) (*Model, error) {
	var in lgbModel
	if err := decode(data, &in, "LightGBM"); err != nil {
		return nil, err
	}
	words := append(strings.Fields(in.Objective), "")
	m := &Model{Kind: "LightGBM", Slope: 1}
	link, ok := lgbLinks[words[0]]
	if !ok || in.PerIteration > 1 {
		return nil, unfit("train a model with one output, such as binary or regression", "the model's objective is %s, which is not one number a person", in.Objective)
	}
	m.Link = link
	for _, w := range words[1:] {
		if w == "sqrt" {
			return nil, unfit("train without reg_sqrt", "the model predicts square roots (reg_sqrt)")
		}
		if k, ok := strings.CutPrefix(w, "sigmoid:"); ok && link == Logistic {
			slope, err := strconv.ParseFloat(k, 64)
			if err != nil || slope <= 0 {
				return nil, unfit("save it again", "the sigmoid of the objective %q is no number above 0", in.Objective)
			}
			m.Slope = slope
		}
	}
	g := gatherer{m: m, names: in.Names}
	for i := range in.Trees {
		t, err := g.lgbTree(nil, &in.Trees[i].Root, 0)
		if err != nil {
			return nil, err
		}
		if in.Average {
			for j := range t {
				t[j].Value /= float64(len(in.Trees))
			}
		}
		m.Trees = append(m.Trees, t)
	}
	return m, nil
}

// lgbTree appends a node and all below it.
func (g *gatherer) lgbTree(t Tree, n *lgbNode, depth int) (Tree, error) {
	if depth > MaxDepth {
		return nil, deep
	}
	at := len(t)
	t = append(t, Node{Leaf: true, Value: n.Value})
	switch {
	case n.Linear != nil:
		return nil, unfit("train without linear_tree", "the model's leaves are regressions (linear_tree)")
	case n.Feature == nil:
		return t, nil
	case n.Decision != "<=":
		return nil, categorical
	case n.Left == nil || n.Right == nil:
		return nil, unfit("save it again", "a tree of the model is broken: a split lacks a side")
	}
	var limit float64
	if err := json.Unmarshal(n.Threshold, &limit); err != nil {
		return nil, unfit("save it again", "a threshold of the model is no number: %s", n.Threshold)
	}
	feature, err := g.feature(*n.Feature, "Column_"+strconv.Itoa(*n.Feature))
	if err != nil {
		return nil, err
	}
	split := Node{Feature: feature, AtMost: limit, AbsentLeft: n.DefaultLeft, ZeroAbsent: n.Missing == "Zero"}
	if n.Missing == "None" {
		split.AbsentLeft = 0 <= limit // as if it were 0
	}
	split.Left = len(t)
	if t, err = g.lgbTree(t, n.Left, depth+1); err != nil {
		return nil, err
	}
	split.Right = len(t)
	if t, err = g.lgbTree(t, n.Right, depth+1); err != nil {
		return nil, err
	}
	t[at] = split
	if math.IsNaN(limit) || math.IsInf(limit, 0) {
		return nil, unfit("save it again", "a threshold of the model is %v", limit)
	}
	return t, nil
}
