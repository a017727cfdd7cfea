//go:build unix

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestScoresPostgres is TestScores and TestScoreShapes on PostgreSQL.
func TestScoresPostgres(t *testing.T) {
	open := casetest.Postgres(t)
	t.Run("libraries", func(t *testing.T) { runScores(t, open) })
	t.Run("shapes", func(t *testing.T) { runScoreShapes(t, open) })
}

// TestCDNOWPostgres is TestCDNOW on PostgreSQL.
func TestCDNOWPostgres(t *testing.T) { runCDNOW(t, casetest.Postgres(t)) }

// BenchmarkScorePostgres is BenchmarkScore on PostgreSQL.
func BenchmarkScorePostgres(b *testing.B) { benchScore(b, casetest.Postgres(b)) }
