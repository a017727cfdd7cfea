//go:build cgo && !noduckdb && unix

package app

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// TestDoctorPrintsGrants: a user without rights is told every statement that gives them; they are run
// as they stand, and then doctor has nothing to say. Without one of them a build names it too.
func TestDoctorPrintsGrants(t *testing.T) {
	dsn := pgtest.Start(t)
	k, _ := warehouse.Lookup("postgres")
	w, err := k.Open(warehouse.Config{Settings: map[string]string{"dsn": dsn}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	admin, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	run := func(statements ...string) {
		t.Helper()
		for _, sql := range statements {
			if _, err := admin.Exec(t.Context(), strings.TrimSuffix(sql, ";")); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	_, database, _ := strings.Cut(dsn, "dbname=")
	database, _, _ = strings.Cut(database, " ")
	run("revoke all on database "+database+" from public", "grant connect on database "+database+" to public", "create role weir_prod login", "create schema shop",
		"create table shop.crm (id varchar, email varchar, country varchar, phone varchar, changed_at timestamptz)")
	t.Setenv("WEIR_TEST_DSN", strings.Replace(dsn, "user=weir", "user=weir_prod", 1))
	dir := written(t, strings.Replace(forgetYAML, "TARGET", fmt.Sprintf("{type: postgres, dsn: %q, send: none}", "${env:WEIR_TEST_DSN}"), 1))
	doctor := func() (fixes []string, err error) {
		t.Helper()
		a := loaded(t, dir)
		defer a.Close()
		x, err := a.Doctor(t.Context(), false)
		for _, d := range x.Checks {
			if d.State == bad && d.Name == "right" {
				fixes = append(fixes, d.Fix)
			}
		}
		return fixes, err
	}
	want := []string{
		`GRANT USAGE ON SCHEMA "shop" TO "weir_prod";`,
		`GRANT SELECT ON TABLE "shop"."crm" TO "weir_prod";`,
		`CREATE SCHEMA "weir" AUTHORIZATION "weir_prod";`,
		`GRANT TEMPORARY ON DATABASE "` + database + `" TO "weir_prod";`,
	}
	got, err := doctor()
	var e *Error
	if diff := cmp.Diff(want, got); diff != "" || !errors.As(err, &e) || e.Kind != Refused {
		t.Fatalf("%v\n%s", err, diff)
	}
	run(got[0], got[2], got[3])
	_, err = loaded(t, dir).Build(t.Context())
	if !errors.As(err, &e) || e.Code != "warehouse.denied" || e.Kind != Refused || !strings.Contains(e.Fix, want[1]) {
		t.Fatalf("%v: %+v", err, e)
	}
	run(got[1])
	if got, err := doctor(); err != nil || len(got) > 0 {
		t.Errorf("%v, %q", err, got)
	}
}
