//go:build cgo && !noduckdb

package dialect_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"testing"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/dialect/dialecttest"
)

func TestDuckDBExecutes(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec("SET TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	dialecttest.Run(t, dialect.DuckDB(), nil, func(ctx context.Context, query string) (any, error) {
		var v any
		err := db.QueryRowContext(ctx, query).Scan(&v)
		if d, ok := v.(duckdb.Decimal); ok {
			v = json.Number(d.String())
		}
		return v, err
	})
}
