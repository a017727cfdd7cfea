//go:build cgo && !noduckdb && unix

package app

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// TestMaxBytes: a plan, a build and a run tell what they scan, and are held before that where it is
// more than the target allows.
func TestMaxBytes(t *testing.T) {
	t.Setenv("WEIR_TEST_DSN", pgtest.Start(t))
	yaml := func(limit string) string {
		return strings.Replace(forgetYAML, "TARGET", `{type: postgres, dsn: "${env:WEIR_TEST_DSN}", send: sandbox`+limit+"}", 1)
	}
	a := loaded(t, written(t, yaml("")))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, country varchar, phone varchar, changed_at timestamptz)",
		"insert into shop.crm select 'k' || i, 'p' || i || '@example.com', 'FR', '+33639980' || (100 + i), timestamptz '2026-01-01 00:00:00+00' from generate_series(0, 799) t(i)", "analyze shop.crm")
	var size int64
	for row, err := range mustSession(t, a).Query(t.Context(), "select pg_table_size('shop.crm'::regclass)") {
		if err != nil {
			t.Fatal(err)
		}
		size = row[0].(int64)
	}
	p, err := a.Plan(t.Context(), PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Scan == nil || len(p.Scan.Sources) != 1 || p.Scan.Sources[0].Source != "crm" || p.Scan.Sources[0].Scans == 0 ||
		p.Scan.Bytes != int64(p.Scan.Sources[0].Scans)*size || p.Scan.MaxBytes != 0 {
		t.Errorf("a table of %d bytes: %+v", size, p.Scan)
	}
	tight := loaded(t, written(t, yaml(", max_bytes: 50KB")))
	for name, do := range map[string]func(*App) error{
		"plan":  func(a *App) error { _, err := a.Plan(t.Context(), PlanOptions{}); return err },
		"build": func(a *App) error { _, err := a.Build(t.Context()); return err },
		"run":   func(a *App) error { _, err := a.Run(t.Context()); return err },
	} {
		err := do(tight)
		var e *Error
		if !errors.As(err, &e) || e.Kind != Refused || e.Code != "build.max_bytes" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range []string{Bytes(tight.Scanned().Bytes), "max_bytes of target dev is 50.0 KB", "the largest is source crm", "weir.yml:3", "--approve build.max_bytes"} {
			if !strings.Contains(e.Message+e.Fix, want) {
				t.Errorf("%s: %q is missing in %s: %s", name, want, e.Message, e.Fix)
			}
		}
	}
	if tables, err := mustSession(t, a).Tables(t.Context(), "weir"); err != nil || strings.Contains(strings.Join(tables, " "), "profiles") {
		t.Errorf("something was built: %q, %v", tables, err)
	}
	// A person may let it through once.
	tight.o.Approve = []string{codeMaxBytes}
	if _, err := tight.Build(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(int64(50_000), tight.Scanned().MaxBytes); diff != "" {
		t.Error(diff)
	}
	wide := loaded(t, written(t, yaml(", max_bytes: 1GB")))
	if _, err := wide.Build(t.Context()); err != nil || wide.Scanned().Bytes == 0 {
		t.Errorf("%v, %+v", err, wide.Scanned())
	}
}

// TestUnmetered: an embedded warehouse tells no bytes, and nothing is asked.
func TestUnmetered(t *testing.T) {
	a := loaded(t, written(t, strings.Replace(forgetYAML, "TARGET", target(t), 1)))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, country varchar, phone varchar, changed_at timestamptz)")
	if _, err := a.Build(t.Context()); err != nil || a.Scanned() != nil {
		t.Errorf("%v, %+v", err, a.Scanned())
	}
}

func mustSession(t *testing.T, a *App) warehouse.Session {
	t.Helper()
	s, err := a.w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
