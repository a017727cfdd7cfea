//go:build cgo && !noduckdb && unix

package app

import (
	"os"
	"testing"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// TestMain gives the tests one PostgreSQL, each in a database of its own.
func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
