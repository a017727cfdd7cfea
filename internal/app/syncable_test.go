//go:build cgo && !noduckdb

package app

import (
	"errors"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
)

// forBuilds is a warehouse from which nothing may be sent.
type forBuilds struct{ warehouse.Kind }

func (forBuilds) Name() string             { return "for_builds" }
func (forBuilds) Limits() warehouse.Limits { return warehouse.Limits{Syncs: "it has no transactions"} }

// TestNoSyncsWithoutTransactions holds that every way to send says no, and building does not.
func TestNoSyncsWithoutTransactions(t *testing.T) {
	duck, ok := warehouse.Lookup("duckdb")
	if !ok {
		t.Fatal("duckdb is not there")
	}
	warehouse.Register(forBuilds{duck})
	a := loaded(t, written(t, strings.Replace(quotaYAML, "TARGET", "{type: for_builds, path: a.duckdb, send: sandbox}", 1)))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, changed_at timestamptz)",
		"insert into shop.crm values ('k1', 'p1@example.com', timestamptz '2026-01-01 00:00:00+00')")
	if _, err := a.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"plan":   func() error { _, err := a.Plan(t.Context(), PlanOptions{}); return err },
		"run":    func() error { _, err := a.Run(t.Context()); return err },
		"saved":  func() error { _, err := a.RunSaved(t.Context(), &PlanFile{}, SavedOptions{}); return err },
		"verify": func() error { _, err := a.Verify(t.Context(), "to_hook", true); return err },
	} {
		var refused *Error
		if err := f(); !errors.As(err, &refused) || refused.Code != "targets.no_syncs" || !strings.Contains(refused.Message, "it has no transactions") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
