//go:build unix

package compile_test

import (
	"os"
	"testing"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// TestMain gives the tests one PostgreSQL, each in a database of its own.
func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
