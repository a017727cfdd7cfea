//go:build unix

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestRulesPostgres runs the same archives on PostgreSQL.
func TestRulesPostgres(t *testing.T) { runRules(t, casetest.Postgres(t)) }
