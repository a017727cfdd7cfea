//go:build unix

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestIncrementalEqualsFullPostgres is TestIncrementalEqualsFull on PostgreSQL.
func TestIncrementalEqualsFullPostgres(t *testing.T) {
	incrementalWorlds(t, casetest.Postgres(t)(t), 1)
}
