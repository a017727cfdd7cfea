//go:build unix

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestComparePostgres runs the same comparisons on PostgreSQL.
func TestComparePostgres(t *testing.T) { checkCompare(t, casetest.Postgres(t)(t)) }
