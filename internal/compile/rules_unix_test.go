//go:build unix

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestRulesPostgres runs the same archives, random segments and times, many segments and golden records on
// PostgreSQL.
func TestRulesPostgres(t *testing.T) {
	open := casetest.Postgres(t)
	t.Run("rules", func(t *testing.T) { runRules(t, open, casetest.Options{Turn: true}) })
	t.Run("random", func(t *testing.T) { randomSegments(t, open, casetest.Rounds(1, 2)) })
	t.Run("random rows", func(t *testing.T) { randomRows(t, open, casetest.Rounds(1, 2)) })
	t.Run("times", func(t *testing.T) { randomTimes(t, open, casetest.Rounds(2, 4)) })
	t.Run("people", func(t *testing.T) { randomHumans(t, open, casetest.Rounds(1, 3)) })
	t.Run("many", func(t *testing.T) { manySegments(t, open) })
	t.Run("many conditions", func(t *testing.T) { manyConditions(t, open, 1) })
	t.Run("golden records", func(t *testing.T) { goldenRecord(t, open, casetest.Rounds(1, 2)) })
}
