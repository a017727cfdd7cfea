//go:build unix

package casetest

import (
	"context"
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/postgres" // the kind that Postgres asks for
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// Postgres starts a server and returns what makes its database empty and opens it. Without
// PostgreSQL on this machine the test is skipped, or fails if WEIR_REQUIRE is "all".
func Postgres(t testing.TB) Open {
	t.Helper()
	dsn := pgtest.Start(t)
	kind, ok := warehouse.Lookup("postgres")
	if !ok {
		t.Fatal("this build has no PostgreSQL")
	}
	return func(t testing.TB) warehouse.Warehouse {
		t.Helper()
		w, err := kind.Open(warehouse.Config{Target: "test", Settings: map[string]string{"dsn": dsn, "schema": "weir"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
		ctx := context.Background()
		s, err := w.Session(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var schemas []string
		for row, err := range s.Query(ctx, `SELECT nspname::text FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'public')`) {
			if err != nil {
				t.Fatal(err)
			}
			schemas = append(schemas, row[0].(string))
		}
		for _, name := range schemas {
			if _, err := s.Exec(ctx, `DROP SCHEMA "`+name+`" CASCADE`); err != nil {
				t.Fatal(err)
			}
		}
		return w
	}
}
