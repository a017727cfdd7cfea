package compile_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/models/scoring"
)

// TestScoreShapes computes models of extreme shapes: a tree as deep as may be, and very many trees
// of one split. Both count how many whole numbers from 0 a value exceeds.
func TestScoreShapes(t *testing.T) { runScoreShapes(t, casetest.DuckDB) }

func runScoreShapes(t *testing.T, open casetest.Open) {
	split := func(at int, left, right string) string {
		return fmt.Sprintf(`{"split_feature": 0, "threshold": %d, "decision_type": "<=", "default_left": true, "missing_type": "NaN", "left_child": %s, "right_child": %s}`, at, left, right)
	}
	leaf := func(v int) string { return `{"leaf_value": ` + strconv.Itoa(v) + `}` }
	deep := leaf(scoring.MaxDepth)
	for i := scoring.MaxDepth - 1; i >= 0; i-- {
		deep = split(i, leaf(i), deep)
	}
	var many []string
	for i := range 5000 {
		many = append(many, split(i, leaf(0), leaf(1)))
	}
	for _, c := range []struct {
		name  string
		trees []string
		most  int
	}{{"deep", []string{deep}, scoring.MaxDepth}, {"many", many, 5000}} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.trees {
				c.trees[i] = `{"tree_structure": ` + c.trees[i] + `}`
			}
			w := newWorld(t, open(t))
			p := newScores(t, w, scoreShapes, []byte(`{"objective": "regression", "num_tree_per_iteration": 1, "feature_names": ["x"], "tree_info": [`+strings.Join(c.trees, ",")+`]}`))
			w.script(t, "CREATE TABLE crm AS SELECT i AS id, CAST(i AS varchar) AS who, CAST(NULL AS timestamp with time zone) AS changed, CASE WHEN i > 0 THEN i - 2 END AS x FROM generate_series(0, 6000) AS g(i)")
			p.build(t)
			wrong := w.rows(t, fmt.Sprintf("SELECT who, x, n FROM %s WHERE n <> least(%d, greatest(0, coalesce(x, 0))) OR n IS NULL ORDER BY x", p.table("profiles"), c.most))
			if len(wrong) > 0 {
				t.Errorf("%d people have another score than their value, first %v", len(wrong), wrong[0])
			}
			if n := w.rows(t, "SELECT COUNT(*) FROM "+p.table("profiles"))[0][0]; n != "6001" {
				t.Errorf("%s people", n)
			}
		})
	}
}

const scoreShapes = `
sources:
  crm: {table: crm, key: id, updated_at: changed, identifiers: {customer_id: who}}
entities:
  customer:
    identity: {identifiers: {customer_id: {limit: 1}}, from: crm}
    traits:
      who: {from: crm.who}
      x: {from: crm.x}
      n: {score: {model: model.json}}
`
