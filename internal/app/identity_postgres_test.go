//go:build cgo && !noduckdb && unix

package app

import (
	"fmt"
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// TestIdentityOnPostgreSQL checks, plans and reviews on another warehouse.
func TestIdentityOnPostgreSQL(t *testing.T) {
	dsn := pgtest.Start(t)
	before := target
	defer func() { target = before }()
	target = func(t testing.TB) string {
		k, ok := warehouse.Lookup("postgres")
		if !ok {
			t.Fatal("postgres is not there")
		}
		w, err := k.Open(warehouse.Config{Target: "pg", Settings: map[string]string{"dsn": dsn, "schema": "weir"}})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		s, err := w.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, schema := range []string{"weir", "raw"} {
			if _, err := s.Exec(t.Context(), "drop schema if exists "+schema+" cascade"); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("WEIR_TEST_DSN", dsn)
		return fmt.Sprintf("{type: postgres, dsn: %q, schema: weir, send: sandbox}", "${env:WEIR_TEST_DSN}")
	}
	for name, test := range map[string]func(*testing.T){"check": TestCheckIdentity, "plan": TestPlanIdentity, "matching": TestFuzzyPlan} {
		t.Run(name, test)
	}
}
