//go:build unix

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestFuzzyPostgres runs the tests of matching on PostgreSQL.
func TestFuzzyPostgres(t *testing.T) {
	open := casetest.Postgres(t)
	t.Run("similar", func(t *testing.T) { runSimilar(t, open) })
	runFuzzy(t, open)
	t.Run("febrl", func(t *testing.T) { runFebrl(t, open, febrlCases()[0]) })
}
