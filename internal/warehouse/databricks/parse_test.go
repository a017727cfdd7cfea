package databricks_test

import (
	"testing"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/sftest"
)

// TestStatementsParse has all golden text parsed as Databricks' SQL.
func TestStatementsParse(t *testing.T) {
	sftest.ParseGolden(t, dialect.Databricks(),
		[]string{"<double>", "DOUBLE", "<real>", "FLOAT", "<naive>", "TIMESTAMP_NTZ", "<instant>", "TIMESTAMP"}, nil)
}
