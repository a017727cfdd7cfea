//go:build unix

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestCasesPostgres runs the same cases on PostgreSQL: in make test one in three, whose rows come in
// another order.
func TestCasesPostgres(t *testing.T) {
	casetest.RunWith(t, "testdata/cases/identity_*.txtar", casetest.Postgres(t), casetest.Options{Turn: true, Part: 3})
}
