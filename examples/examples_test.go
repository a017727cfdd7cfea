//go:build cgo && !noduckdb && unix

package examples_test

import (
	"testing"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

func TestPostgres(t *testing.T) {
	outside.Find(t, "psql")
	dsn := pgtest.Start(t)
	readme(t, "postgres", []string{"PGHOST=" + pgtest.Dir(dsn), "PGUSER=weir"}, nil)
}
