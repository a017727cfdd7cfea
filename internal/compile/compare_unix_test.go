//go:build unix

package compile_test

import (
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestComparePostgres runs the same comparisons on PostgreSQL.
func TestComparePostgres(t *testing.T) { checkCompare(t, casetest.Postgres(t)(t)) }

// TestReviewsPostgres is the same on PostgreSQL.
func TestReviewsPostgres(t *testing.T) { checkReviews(t, casetest.Postgres(t)(t)) }
