package scoring

import (
	"encoding/csv"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// raw computes a model's sum as its Node and Term say, NaN being absent.
func (m *Model) raw(x []float64) float64 {
	sum := m.Start
	for _, t := range m.Terms {
		v := x[t.Feature]
		if math.IsNaN(v) && t.HasMean {
			v = t.Mean
		}
		sum += t.Weight * (v - t.Mean)
	}
	for _, t := range m.Trees {
		at := 0
		for !t[at].Leaf {
			n := t[at]
			v := x[n.Feature]
			absent := math.IsNaN(v) || n.ZeroAbsent && math.Abs(v) <= Zero
			at = n.Right
			if absent && n.AbsentLeft || !absent && v <= n.AtMost {
				at = n.Left
			}
		}
		sum += t[at].Value
	}
	return sum
}

func (m *Model) output(raw float64) float64 {
	switch m.Link {
	case Logistic:
		return 1 / (1 + math.Exp(-m.Slope*raw))
	case Exponential:
		return math.Exp(raw)
	}
	return raw
}

// TestLibraries holds what is read of a model against the predictions of the library that made it:
// for people with absent values and for values at and beside thresholds.
func TestLibraries(t *testing.T) {
	files, err := filepath.Glob("testdata/*.csv")
	if err != nil || len(files) < 10 {
		t.Fatalf("fixtures: %v %v", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			m, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			rows, err := csv.NewReader(f).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			header := rows[0]
			worst := 0.0
			for _, row := range rows[1:] {
				number := func(i int) float64 {
					if row[i] == "" {
						return math.NaN()
					}
					v, err := strconv.ParseFloat(row[i], 64)
					if err != nil {
						t.Fatal(err)
					}
					return v
				}
				x := make([]float64, len(m.Features))
				for i, name := range m.Features {
					at := slices.Index(header, name)
					if at < 0 {
						if at, err = strconv.Atoi(strings.TrimPrefix(name, "f")); err != nil {
							t.Fatalf("the model looks at %q", name)
						}
					}
					x[i] = number(at)
				}
				raw := m.raw(x)
				for i, got := range []float64{raw, m.output(raw)} {
					want := number(len(row) - 2 + i)
					off := math.Abs(got-want) / max(1, math.Abs(want))
					if worst = max(worst, off); off > 1e-6 {
						t.Errorf("%v: got %v, the library says %v", row, got, want)
					}
				}
			}
			t.Logf("%d rows, farthest off %.1e", len(rows)-1, worst)
		})
	}
}

// TestBelow holds thresholds against what a comparison in 32 bits says.
func TestBelow(t *testing.T) {
	inf := math.Inf(1)
	for _, f := range []float32{0, 1, 0.1, -0.1, 2.5, 1e-30, -1e30, math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 16777217} {
		limit := below(f)
		low := float64(math.Nextafter32(f, float32(-inf)))
		for _, x := range []float64{float64(f), low, (low + float64(f)) / 2, limit, math.Nextafter(limit, inf), math.Nextafter(limit, -inf), 0, -inf, inf} {
			if x == -inf && f == -math.MaxFloat32 {
				continue
			}
			if got, want := x <= limit, float32(x) < f; got != want {
				t.Errorf("%v < %v: got %v, in 32 bits it is %v", x, f, got, want)
			}
		}
	}
}

// TestRegression reads weir's own form.
func TestRegression(t *testing.T) {
	m, err := Parse([]byte(`{"type": "logistic", "intercept": -1, "coefficients": {"b": 2, "a": 0.5}, "means": {"a": 10}, "scales": {"a": 5}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.output(m.raw([]float64{20, 1})), 1/(1+math.Exp(-2)); math.Abs(got-want) > 1e-15 {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := m.raw([]float64{math.NaN(), 1}), 1.0; got != want {
		t.Errorf("with a at its mean: got %v, want %v", got, want)
	}
	if got := m.raw([]float64{1, math.NaN()}); !math.IsNaN(got) {
		t.Errorf("b has no mean, and the sum is %v", got)
	}
}

// TestUnfit says of each file why nothing can be computed.
func TestUnfit(t *testing.T) {
	xgb := func(objective, booster, tree string) string {
		return `{"learner": {"objective": {"name": "` + objective + `"}, "learner_model_param": {"base_score": "5E-1"},
			"gradient_booster": {"name": "` + booster + `", "model": {"trees": [` + tree + `]}}}}`
	}
	lgb := func(objective, tree string) string {
		return `{"objective": "` + objective + `", "num_tree_per_iteration": 1, "feature_names": ["a"], "tree_info": [{"tree_structure": ` + tree + `}]}`
	}
	leaf := `{"left_children": [-1], "right_children": [-1], "split_indices": [0], "split_conditions": [1], "default_left": [0]}`
	for _, c := range []struct{ name, file, want string }{
		{"no JSON", "tree", "is not a JSON object"},
		{"unknown", `{"a": 1}`, "none that is known"},
		{"type", `{"type": "probit", "coefficients": {}}`, `"probit"`},
		{"key", `{"type": "linear", "coefficients": {}, "bias": 1}`, "bias"},
		{"scale", `{"type": "linear", "coefficients": {"a": 1}, "scales": {"a": 0}}`, "scale of feature"},
		{"mean of nothing", `{"type": "linear", "coefficients": {"a": 1}, "means": {"b": 0}}`, `"b" has no coefficient`},
		{"several outputs", xgb("multi:softprob", "gbtree", leaf), "multi:softprob"},
		{"linear booster", xgb("binary:logistic", "gblinear", ""), "gblinear"},
		{"raw logit", xgb("binary:logitraw", "gbtree", leaf), "binary:logitraw"},
		{"categories", xgb("binary:logistic", "gbtree", `{"left_children": [1,-1,-1], "right_children": [2,-1,-1], "split_indices": [0,0,0], "split_conditions": [1,1,1], "default_left": [0,0,0], "split_type": [1,0,0]}`), "categories"},
		{"arrays", xgb("binary:logistic", "gbtree", `{"left_children": [1,-1,-1], "right_children": [2], "split_indices": [0,0,0], "split_conditions": [1,1,1], "default_left": [0,0,0]}`), "broken"},
		{"circle", xgb("binary:logistic", "gbtree", `{"left_children": [0], "right_children": [0], "split_indices": [0], "split_conditions": [1], "default_left": [0]}`), "broken"},
		{"base score", strings.Replace(xgb("binary:logistic", "gbtree", leaf), "5E-1", "2", 1), "base score"},
		{"several base scores", strings.Replace(xgb("reg:squarederror", "gbtree", leaf), "5E-1", "[1,2]", 1), "base score"},
		{"another form", `{"learner": {"gradient_booster": 1}}`, "XGBoost"},
		{"classes", lgb("multiclass num_class:3", `{"leaf_value": 1}`), "multiclass"},
		{"category", lgb("binary sigmoid:1", `{"split_feature": 0, "threshold": "1||2", "decision_type": "==", "left_child": {"leaf_value": 1}, "right_child": {"leaf_value": 2}}`), "categories"},
		{"linear leaves", lgb("regression", `{"leaf_value": 1, "leaf_coeff": [1]}`), "regressions"},
		{"square roots", lgb("regression sqrt", `{"leaf_value": 1}`), "square roots"},
		{"one side", lgb("regression", `{"split_feature": 0, "threshold": 1, "decision_type": "<=", "left_child": {"leaf_value": 1}}`), "lacks a side"},
		{"feature", lgb("regression", `{"split_feature": 7, "threshold": 1, "decision_type": "<=", "left_child": {"leaf_value": 1}, "right_child": {"leaf_value": 2}}`), "feature 7 of 1"},
		{"depth", lgb("regression", strings.Repeat(`{"split_feature": 0, "threshold": 1, "decision_type": "<=", "right_child": {"leaf_value": 2}, "left_child": `, 150)+`{"leaf_value": 1}`+strings.Repeat("}", 150)), "deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse([]byte(c.file))
			var u *Unfit
			if !errors.As(err, &u) || !strings.Contains(u.What, c.want) || u.Fix == "" {
				t.Errorf("got %v, %#v; want something of %q", m, err, c.want)
			}
		})
	}
}

// TestBounds refuses what is too large to be computed.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		model *Model
		want  string
	}{
		{&Model{Trees: []Tree{make(Tree, MaxSplits), make(Tree, 1)}}, "300001 splits"},
		{&Model{Features: make([]string, MaxFeatures+1)}, "1001 features"},
		{&Model{Trees: []Tree{make(Tree, MaxSplits)}, Features: make([]string, MaxFeatures)}, ""},
	} {
		err := c.model.bounds()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
