package redshift_test

import (
	"testing"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/sftest"
)

// TestStatementsParse has all golden text parsed as Redshift's SQL.
func TestStatementsParse(t *testing.T) {
	sftest.ParseGolden(t, dialect.Redshift(),
		[]string{"<double>", "DOUBLE PRECISION", "<real>", "REAL", "<naive>", "TIMESTAMP", "<instant>", "TIMESTAMPTZ"},
		[]string{"redshift has no function jaro_winkler", "redshift has no function levenshtein", "the items of a SUPER cannot be made texts",
			"the replacement has a dollar"})
}
