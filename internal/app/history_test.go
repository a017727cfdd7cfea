//go:build cgo && !noduckdb

package app

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/syncs"
)

// told is what `weir runs`, `weir runs show` and `weir status` tell.
func told(t *testing.T, a *App) string {
	t.Helper()
	all := []any{must(a.Status(t.Context()))}
	runs := must(a.Runs(t.Context(), "", 0))
	for _, r := range runs {
		all = append(all, r, must(a.RunDetail(t.Context(), r.Run)))
	}
	return string(must(json.MarshalIndent(all, "", " ")))
}

// TestAnotherMachineTellsTheSame runs to every end that there is, then asks with a store that never
// saw any of it.
func TestAnotherMachineTellsTheSame(t *testing.T) {
	a := loaded(t, written(t, strings.Replace(orphansYAML, "TARGET", target(t), 1)))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, phone varchar, changed_at timestamptz)",
		"insert into shop.crm select 'k' || i, 'p' || i || '@example.com', '+3363998000' || i, timestamptz '2026-01-01 00:00:00+00' from generate_series(1, 4) t(i)")
	if got := told(t, a); strings.Contains(got, `"run"`) {
		t.Errorf("before anything ran: %s", got)
	}
	endsOf(t, a)                                                   // ok
	exec(t, a, "update shop.crm set phone = '12' where id = 'k2'") // no number
	exec(t, a, "insert into shop.crm values ('k9', 'p9@example.com', '', timestamptz '2026-02-01 00:00:00+00')")
	endsOf(t, a)
	exec(t, a, "delete from shop.crm")
	if res, _ := a.Run(t.Context()); len(res.Runs) != 2 || res.Runs[0].Status != syncs.Held { // an empty source
		t.Fatalf("%+v", res.Runs)
	}
	a.o.Asked = "eve"
	st := must(a.journal(t.Context()))
	ended := func(run string, status syncs.Status, code, text string) { // as the engine does
		r := syncs.RunRecord{Run: run, Sync: "ads", Epoch: 99, Started: must(a.now(t.Context())), Asked: a.o.Asked}
		if err := st.Begin(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := (telling{st, a}).End(t.Context(), run, syncs.Report{Run: run, Sync: "ads", Status: status, Code: code, Error: text, Started: r.Started, Ended: r.Started}); err != nil {
			t.Fatal(err)
		}
	}
	ended("run_x1", syncs.Failed, "syncs.refused", "p1@example.com and +33 6 39 98 00 01 are not allowed in list 12")
	ended("run_x2", syncs.Stopped, "", "")
	// One of which the warehouse could not be told is told late.
	ended("run_x3", syncs.Stopped, "", "")
	exec(t, a, "delete from weir.runs where run = 'run_x3'")
	if err := a.tellLate(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := told(t, a)
	for _, status := range []syncs.Status{syncs.OK, syncs.Held, syncs.Failed, syncs.Stopped} {
		if !strings.Contains(before, `"status": "`+string(status)+`"`) {
			t.Errorf("no run ended %s", status)
		}
	}
	if strings.Contains(before, "p1@example.com") || strings.Contains(before, "39 98") || !strings.Contains(before, "…@… and N are not allowed in list 12") {
		t.Errorf("a vendor's words: %s", before)
	}
	dir := a.p.Dir
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range must(filepath.Glob(filepath.Join(dir, ".weir", "*.db*"))) {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	a = loaded(t, dir)
	if diff := cmp.Diff(before, told(t, a)); diff != "" {
		t.Errorf("-this machine +another:\n%s", diff)
	}
	if d := must(a.RunDetail(t.Context(), "run_x1")); d.Asked != "eve" {
		t.Errorf("asked by %q", d.Asked)
	}
	var e *Error
	if _, err := a.RunDetail(t.Context(), "nosuch"); !errors.As(err, &e) || e.Code != "runs.unknown" {
		t.Errorf("a run that nobody knows: %v", err)
	}
}
