//go:build cgo && !noduckdb

package app

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/project"
)

func TestKeep(t *testing.T) {
	for name, c := range map[string]struct{ keep, cap, code string }{
		"as long as a cap counts": {"180d", "180d", ""},
		"shorter than a cap":      {"29d", "30d", "project.keep"},
	} {
		_, findings := project.Load(written(t, strings.NewReplacer("TARGET", "{type: duckdb, path: x.duckdb}", "\nsources:", "\nkeep: {deliveries: "+c.keep+", runs: 365d}\nsources:",
			"\npolicies:\n", "\npolicies:\n  often: {entity: customer, cap: {kinds: [sms], max: 2, within: "+c.cap+"}}\n").Replace(orphansYAML)), "")
		codes := ""
		for _, f := range findings {
			codes += f.Code
		}
		if codes != c.code {
			t.Errorf("%s: %+v", name, findings)
		}
	}
}

// TestOldRunsAreForgotten drops old history after a run, and of it nothing that is needed; so do the
// runs of a saved plan and those of a schedule.
func TestOldRunsAreForgotten(t *testing.T) {
	for name, run := range map[string]func(*App){
		"run": func(a *App) {
			if r := endsOf(t, a)["ads"]; r.Counts.Unchanged != 1 || r.Counts.Added != 0 {
				t.Errorf("after it: %+v", r)
			}
		},
		"saved plan": func(a *App) {
			exec(t, a, "insert into shop.crm values ('k2', 'p2@example.com', '', timestamptz '2026-01-02 00:00:00+00')")
			must(a.Build(t.Context()))
			path := filepath.Join(t.TempDir(), "a.plan")
			must(a.Plan(t.Context(), PlanOptions{Out: path, By: "ann"}))
			must(a.RunSaved(t.Context(), only(must(ReadPlan(path)), "ads"), SavedOptions{File: path}))
		},
		"served": func(a *App) {
			svc := must(a.Serve(t.Context(), ServiceOptions{Parallel: 1}))
			defer svc.Close()
			svc.Run(t.Context(), a, []string{"ads"}, func(_ []string, _ *RunResult, err error) {
				if err != nil {
					t.Error(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) { forgets(t, run) })
	}
}

func forgets(t *testing.T, run func(*App)) {
	a := loaded(t, written(t, strings.NewReplacer("TARGET", target(t), "\nsources:", "\nkeep: {deliveries: 30d, runs: 60d}\nsources:").Replace(orphansYAML)))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, phone varchar, changed_at timestamptz)",
		"insert into shop.crm values ('k1', 'p1@example.com', '+33639980001', timestamptz '2026-01-01 00:00:00+00')")
	endsOf(t, a)
	exec(t, a, "update weir.deliveries set \"at\" = \"at\" - interval '31' day where sync = 'ads'")
	run(a)
	left := map[string]int{}
	s := must(a.w.Session(t.Context()))
	defer s.Close()
	for row, err := range s.Query(t.Context(), "select sync from weir.deliveries where \"at\" < current_timestamp - interval '1' day or sync = 'hello'") {
		if err != nil {
			t.Fatal(err)
		}
		left[row[0].(string)]++
	}
	if left["ads"] != 0 || left["hello"] != 1 {
		t.Errorf("deliveries left: %v", left)
	}
}

// TestExplainTellsCaps says how many messages a person had of those that a policy allows, and when the
// next may be sent.
func TestExplainTellsCaps(t *testing.T) {
	dir := written(t, strings.NewReplacer("TARGET", target(t), "\npolicies:\n", "\npolicies:\n  often: {entity: customer, cap: {kinds: [sms], max: 1, within: 7d}}\n").Replace(orphansYAML))
	a := loaded(t, dir)
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, phone varchar, changed_at timestamptz)",
		"insert into shop.crm values ('k1', 'p1@example.com', '+12025550111', timestamptz '2026-01-01 00:00:00+00')")
	caps := func() CapState {
		t.Helper()
		x, err := a.ExplainSegment(t.Context(), "everybody", "email=p1@example.com", ExplainOptions{})
		if err != nil || len(x.Caps) != 1 {
			t.Fatalf("%+v, %v", x, err)
		}
		return x.Caps[0]
	}
	if _, err := a.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := caps(); c.Policy != "often" || c.Had != 0 || c.Max != 1 || c.Within != "7d" || c.Free != nil || !slices.Equal(c.Syncs, []string{"hello"}) {
		t.Errorf("before the message: %+v", c)
	}
	before := time.Now().Add(7 * 24 * time.Hour)
	if _, err := a.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := caps(); c.Had != 1 || c.Free == nil || c.Free.Before(before.Add(-time.Minute)) || c.Free.After(time.Now().Add(7*24*time.Hour+time.Minute)) {
		t.Errorf("after it: %+v", c)
	}
}
