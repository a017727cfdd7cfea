package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestCases runs the golden cases on DuckDB.
func TestCases(t *testing.T) { casetest.Run(t, "testdata/cases/identity_*.txtar", casetest.DuckDB) }
