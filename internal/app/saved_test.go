//go:build cgo && !noduckdb

package app

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/syncs"
)

// savedWorld is a project with a list and messages, four people in it, and a build.
func savedWorld(t *testing.T) *App {
	t.Helper()
	a := loaded(t, written(t, strings.Replace(forgetYAML, "TARGET", target(t), 1)))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, country varchar, phone varchar, changed_at timestamptz)",
		"insert into shop.crm select 'k' || i, 'p' || i || '@example.com', 'FR', '+3363998000' || i, timestamptz '2026-01-01 00:00:00+00' from generate_series(0, 3) t(i)")
	must(a.Build(t.Context()))
	return a
}

// refusedWith checks that an error refuses with a code, and says something.
func refusedWith(t *testing.T, err error, code, says string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != Refused || e.Code != code || !strings.Contains(e.Message, says) || e.Fix == "" {
		t.Errorf("got %v (%+v); want %s, saying %q", err, e, code, says)
	}
}

// only is a saved plan with one of its syncs.
func only(f *PlanFile, sync string) *PlanFile {
	one := *f
	one.Syncs = nil
	for _, s := range f.Syncs {
		if s.Sync == sync {
			one.Syncs = append(one.Syncs, s)
		}
	}
	return &one
}

func TestASavedPlanOfTwoSyncs(t *testing.T) {
	a := savedWorld(t)
	ctx := t.Context()
	exec(t, a, "insert into shop.crm values ('k9', 'p9@example.com', 'FR', '+33639980009', timestamptz '2026-01-02 00:00:00+00')")
	path := filepath.Join(t.TempDir(), "a.plan")
	p, err := a.Plan(ctx, PlanOptions{Out: path, By: "ann", Sample: 10})
	if err != nil {
		t.Fatal(err)
	}
	if p.Saved == nil || p.Saved.Unbuilt != 2 || p.Plans[0].Counts.Added != 4 || p.Plans[1].Counts.Added != 4 {
		t.Errorf("planned %+v", p)
	}
	for _, x := range p.Plans {
		if len(x.Sample) != 4 || x.Sample[0].Move != "add" || len(x.Sample[0].Match) == 0 {
			t.Errorf("sample of %s: %+v", x.Sync, x.Sample)
		}
	}
	shown := string(must(json.Marshal(p)))
	file := string(must(os.ReadFile(path)))
	for _, secret := range []string{"p1@", "example.com", "+3363998000", "63998000"} {
		if strings.Contains(shown, secret) || strings.Contains(file, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	f, err := ReadPlan(path)
	if err != nil {
		t.Fatal(err)
	}
	// Who is erased between plan and run is left out, whichever process sends it and when.
	must(a.Forget(ctx, "email=p2@example.com", true))
	res, err := a.RunSaved(ctx, only(f, "ads"), SavedOptions{File: path})
	if err != nil || len(res.Runs) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if c := res.Runs[0].Counts; c.Added != 3 || c.Delivered+c.Accepted != 3 || c.Suppressed != 1 {
		t.Errorf("ads: %+v", c)
	}
	// The process died before the other sync began: the same command sends it, and only it.
	if res, err = a.RunSaved(ctx, f, SavedOptions{File: path}); err != nil {
		t.Fatal(err)
	}
	if len(res.Runs) != 1 || res.Runs[0].Sync != "hello" || len(res.Before) != 1 || res.Before[0].Sync != "ads" {
		t.Fatalf("%+v", res)
	}
	if c := res.Runs[0].Counts; c.Added != 3 || c.Delivered+c.Accepted != 3 || c.Suppressed != 1 {
		t.Errorf("hello: %+v", c)
	}
	_, err = a.RunSaved(ctx, f, SavedOptions{File: path})
	refusedWith(t, err, "plans.executed", "ads was sent already: run "+f.Syncs[0].Run)
	refusedWith(t, err, "plans.executed", "hello was sent already: run "+f.Syncs[1].Run)
	// The next ordinary run has what was left to it, and nobody twice.
	run, err := a.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range run.Runs {
		if r.Counts.Added != 1 || r.Counts.Updated != 0 || r.Counts.Removed != 0 || r.Status != syncs.OK {
			t.Errorf("%s after it: %+v", r.Sync, r.Counts)
		}
	}
	st, err := a.Status(ctx)
	if err != nil || len(st.Plans) != 0 {
		t.Errorf("still kept: %+v, %v", st.Plans, err)
	}
}

func TestF60ASavedPlanIsRefused(t *testing.T) {
	a := savedWorld(t)
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "a.plan")
	if _, err := a.Plan(ctx, PlanOptions{Out: path}); err != nil {
		t.Fatal(err)
	}
	f := must(ReadPlan(path))
	with := func(change func(*PlanFile)) *PlanFile {
		c := *f
		c.Parts, c.Syncs = append([]PlanPart(nil), f.Parts...), append([]SavedSync(nil), f.Syncs...)
		change(&c)
		return &c
	}
	for _, tt := range []struct {
		code, says string
		change     func(*PlanFile)
	}{
		{"plans.other_project", "it is of project p", func(f *PlanFile) { f.Project = "p" }},
		{"plans.other_target", "made for target prod", func(f *PlanFile) { f.Target = "prod" }},
		{"plans.expired", "it expired at ", func(f *PlanFile) { f.Expires = f.Made.Add(-1) }},
		{"plans.changed", "segment everybody changed (weir.yml); segment more is gone", func(f *PlanFile) {
			f.Hash = "other"
			f.Parts = append(f.Parts, PlanPart{"segment more", "1"})
			for i := range f.Parts {
				if f.Parts[i].Name == "segment everybody" {
					f.Parts[i].Hash = "other"
				}
			}
		}},
		{"plans.moved", "the ledger of ads was changed by hand", func(f *PlanFile) { f.Syncs[0].Ledger = "77" }},
		{"plans.gone", "the table of ads is gone", func(f *PlanFile) { f.Syncs[0].Run = "20260101_000000_aaaaaa" }},
		{"plans.gone", "is not the one that was saved", func(f *PlanFile) { f.Syncs[0].Hash = "other" }},
		{"plans.destination", "sync ads was to send to elsewhere", func(f *PlanFile) { f.Syncs[0].Destination = "elsewhere" }},
		{"plans.changed", "the columns of the source of sync ads changed", func(f *PlanFile) { f.Syncs[0].Columns = []string{"id text"} }},
		{"syncs.max_removed", "it would", func(f *PlanFile) { f.Syncs[0].Holds = []syncs.Hold{{Code: "syncs.max_removed", What: "it would"}} }},
		{"plans.executed", "it has no syncs", func(f *PlanFile) { f.Syncs = nil }},
	} {
		_, err := a.RunSaved(ctx, with(tt.change), SavedOptions{File: path})
		refusedWith(t, err, tt.code, tt.says)
	}
	// Nothing of that has used it up, and a person's command names itself as what moved the ledger.
	kept, err := a.KeptPlan(ctx, f.Plan)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(f.Syncs, kept.Syncs); d != "" {
		t.Errorf("the kept plan is not that of the file (-want +got):\n%s", d)
	}
	if _, err := a.RunSaved(ctx, only(f, "ads"), SavedOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.FullSync(ctx, "ads"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Plan(ctx, PlanOptions{Out: path}); err != nil {
		t.Fatal(err)
	}
	g := must(ReadPlan(path))
	if _, err := a.FullSync(ctx, "ads"); err != nil {
		t.Fatal(err)
	}
	_, err = a.RunSaved(ctx, g, SavedOptions{File: path})
	refusedWith(t, err, "plans.moved", "the ledger of ads was changed by hand since the plan was made")
	st := must(a.Status(ctx))
	stale := map[string]string{}
	for _, k := range st.Plans {
		if k.Plan == g.Plan {
			stale[k.Sync] = k.Stale
		}
	}
	if !strings.Contains(stale["ads"], "changed by hand") || stale["hello"] != "" {
		t.Errorf("status says %v", stale)
	}
}

func TestNoPlanIsSavedHalf(t *testing.T) {
	a := savedWorld(t)
	dir := t.TempDir()
	_, err := a.Plan(t.Context(), PlanOptions{Out: filepath.Join(dir, "no", "a.plan")})
	refusedWith(t, err, "plans.cannot_write", "the plan cannot be written")
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err = a.Plan(t.Context(), PlanOptions{Out: filepath.Join(dir, "taken")}); err == nil {
		t.Error("a plan was written over a folder")
	}
	if st := must(a.Status(t.Context())); len(st.Plans) != 0 {
		t.Errorf("kept without a file: %+v", st.Plans)
	}
	left := must(os.ReadDir(dir))
	if len(left) != 1 {
		t.Errorf("files were left: %v", left)
	}
}

// TestAnInterruptedSavedPlan leaves a plan as a process does that died right after it published it.
func TestAnInterruptedSavedPlan(t *testing.T) {
	a := savedWorld(t)
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "a.plan")
	a.picked = must(newGraph(&a.p.Model, a.p.Syncs).pick([]string{"ads"}))
	if _, err := a.Plan(ctx, PlanOptions{Out: path}); err != nil {
		t.Fatal(err)
	}
	f := must(ReadPlan(path))
	s := a.p.Sync("ads")
	task := must(a.bound(ctx, s, must(a.input(ctx)), must(a.inForce(ctx, s))))
	g := must(task.Source.Acquire(ctx, must(a.holder(ctx)), time.Millisecond))
	run := f.Syncs[0].Run
	ref := must(task.Source.Freeze(ctx, g, run))
	if err := a.st.Begin(ctx, syncs.RunRecord{Run: run, Sync: "ads", Epoch: g.Epoch, Plan: ref, Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if st := must(a.Status(ctx)); len(st.Plans) != 1 || st.Plans[0].State != "begun" {
		t.Errorf("status says %+v", st.Plans)
	}
	_, err := a.RunSaved(ctx, f, SavedOptions{File: path})
	refusedWith(t, err, "syncs.stale_plan", "begun before and interrupted")
	_, err = a.RunSaved(ctx, f, SavedOptions{File: path})
	refusedWith(t, err, "plans.executed", "ads was tried already, and nothing of it was sent: run "+run)
	res, err := a.Run(ctx)
	if err != nil || len(res.Runs) != 1 || res.Runs[0].Counts.Added != 4 || res.Runs[0].Counts.Due != 0 {
		t.Errorf("the next run: %+v, %v", res, err)
	}
}
