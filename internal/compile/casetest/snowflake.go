package casetest

import (
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/snowflake" // the kind that Snowflake asks for
	"github.com/weir-data/weir/internal/warehouse/warehousetest/sftest"
)

// Snowflake starts a stand-in for the warehouse and returns what makes a database in it and opens it.
// Without fakesnow on this machine the test is skipped, or fails if WEIR_REQUIRE is "all".
func Snowflake(t testing.TB) Open {
	t.Helper()
	s := sftest.Start(t)
	return func(t testing.TB) warehouse.Warehouse {
		t.Helper()
		return sftest.Open(t, s.Settings())
	}
}
