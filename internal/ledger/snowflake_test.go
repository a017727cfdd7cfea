//go:build cgo && !noduckdb && unix

package ledger

import (
	"slices"
	"testing"

	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestOnSnowflake puts the same rules to the stand-in for Snowflake: all of them in the thorough tests,
// else a few.
func TestOnSnowflake(t *testing.T) {
	t.Setenv("WEIR_LEDGER_WORLDS", "1")
	open := openWarehouse
	defer func() { openWarehouse = open }()
	openWarehouse = casetest.Snowflake(t)
	for name, test := range rules {
		switch {
		case name == "kept", name == "preview": // their own SQL asks the catalogue by names as DuckDB and PostgreSQL have them
		case casetest.Thorough() || slices.Contains([]string{"verdicts", "lease", "harmful"}, name):
			t.Run(name, test)
		}
	}
}
