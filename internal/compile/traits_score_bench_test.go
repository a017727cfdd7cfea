package compile_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
)

// forest is a model of full trees over the four features of scoreModel, as XGBoost writes it.
func forest(trees, depth int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	type tree struct {
		Left      []int     `json:"left_children"`
		Right     []int     `json:"right_children"`
		Feature   []int     `json:"split_indices"`
		Condition []float32 `json:"split_conditions"`
		Default   []int     `json:"default_left"`
	}
	nodes := 1<<(depth+1) - 1
	var all []tree
	for range trees {
		var t tree
		for i := range nodes {
			left, right := 2*i+1, 2*i+2
			f := r.IntN(4)
			condition := float32(r.Float64() * []float64{10, 300, 400, 1}[f])
			if left >= nodes {
				left, right, condition = -1, -1, float32(r.NormFloat64()/float64(trees))
			}
			t.Left, t.Right, t.Feature = append(t.Left, left), append(t.Right, right), append(t.Feature, f)
			t.Condition, t.Default = append(t.Condition, condition), append(t.Default, r.IntN(2))
		}
		all = append(all, t)
	}
	b, _ := json.Marshal(map[string]any{"learner": map[string]any{
		"feature_names": []string{"buys", "spent", "days_since", "opened"},
		"objective":     map[string]any{"name": "binary:logistic"}, "learner_model_param": map[string]any{"base_score": "5E-1"},
		"gradient_booster": map[string]any{"name": "gbtree", "model": map[string]any{"trees": all}}}})
	return b
}

// BenchmarkScore computes a large model, WEIR_TREES trees of depth 8, for WEIR_PEOPLE people.
func BenchmarkScore(b *testing.B) { benchScore(b, casetest.DuckDB) }

func benchScore(b *testing.B, open casetest.Open) {
	setting := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	trees, people := setting("WEIR_TREES", 100), setting("WEIR_PEOPLE", 10_000)
	w := newWorld(b, open(b))
	p := newScores(b, w, scoreOnce, forest(trees, 8))
	w.script(b, fmt.Sprintf(`CREATE TABLE crm AS SELECT i AS id, CAST(i AS varchar) AS who, CAST(NULL AS timestamp with time zone) AS changed,
		i %% 11 AS orders, CAST(i %% 3001 / 10.0 AS double precision) AS spent, i * 7 %% 400 AS days_since,
		CASE WHEN i %% 5 > 0 THEN CAST(i %% 97 / 97.0 AS double precision) END AS opened FROM generate_series(1, %d) AS g(i)`, people))
	for b.Loop() {
		p.in.Columns = nil
		w.columns(b, &p.in, "crm", "SELECT * FROM crm")
		program, problems := compile.Entity(p.in)
		if program == nil {
			b.Fatal(problems)
		}
		spent := time.Duration(0)
		for _, s := range program.Steps {
			began := time.Now()
			w.steps(b, []compile.Step{s})
			if s.Name == "traits: score predicted" {
				spent += time.Since(began)
			}
		}
		b.ReportMetric(spent.Seconds(), "score-s/op")
		b.ReportMetric(spent.Seconds()/float64(people)/float64(trees)*1e9, "ns/tree")
		p.again()
	}
}

const scoreOnce = `
sources:
  crm: {table: crm, key: id, updated_at: changed, identifiers: {customer_id: who}}
entities:
  customer:
    identity: {identifiers: {customer_id: {limit: 1}}, from: crm}
    traits:
      buys: {from: crm.orders}
      spent: {from: crm.spent}
      days_since: {from: crm.days_since}
      opened: {from: crm.opened}
      predicted: {score: {model: model.json}}
`
