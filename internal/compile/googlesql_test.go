//go:build cgo && !noduckdb

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/googlesqltest"
)

// TestGoogleSQL has what the golden cases execute analysed as BigQuery's SQL: a part of them in make
// test, and all of them with the rules, matching and scores in make test-warehouses.
func TestGoogleSQL(t *testing.T) {
	foreign := map[string]string{
		"TestGoogleSQL/rules/provenance":     "rows, which the SQL of a trait names, is a reserved word",
		"TestGoogleSQL/rules/sql":            "two quotes in a row are two texts",
		"TestGoogleSQL/rules/sql_conditions": "two quotes in a row are two texts",
		"TestGoogleSQL/rules/times_untyped":  "a date is compared with a time: weir asks the warehouse what a trait's SQL gives, which the case does not",
	}
	if !casetest.Whole() {
		foreign = nil
	}
	log := googlesqltest.Start(t, foreign)
	open := casetest.Open(log.Open(casetest.DuckDB))
	t.Run("cases", func(t *testing.T) {
		casetest.RunWith(t, "testdata/cases/identity_*.txtar", open, casetest.Options{Once: true, Part: 6})
	})
	if !casetest.Whole() {
		return
	}
	t.Run("rules", func(t *testing.T) { runRules(t, open, casetest.Options{Once: true}) })
	t.Run("matching", func(t *testing.T) { runFuzzy(t, open) })
	t.Run("similarity", func(t *testing.T) { runSimilar(t, open) })
	t.Run("scores", func(t *testing.T) { runScores(t, open) })
	t.Run("reviews", func(t *testing.T) { checkReviews(t, open(t)) })
	t.Run("comparison", func(t *testing.T) { checkCompare(t, open(t)) })
	t.Run("golden record", func(t *testing.T) { goldenRecord(t, open, 2) })
}
