//go:build cgo && !noduckdb

package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weir-data/weir/destinations"
	_ "github.com/weir-data/weir/destinations/http"
	"github.com/weir-data/weir/syncs"
)

const quotaYAML = `
project: quota
targets: {dev: TARGET}
sources:
  crm: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {email: email}}
entities:
  customer:
    identity: {identifiers: {email: {}}, from: crm}
    traits: {email: {from: crm.email}}
segments:
  everybody: {entity: customer, where: {trait: email, exists: true}}
destinations:
  hook: {type: http, url: "https://example.com/hook", purpose: none, calls_per_day: 2}
syncs:
  to_hook: {segment: everybody, destination: hook, object: rows, match: {email: email}, with: {batch_size: 3}}
`

// TestDailyQuota holds that a quota which a project declares ends a run in order, in requests and
// not in rows, and that another process sends nothing before there is room again.
func TestDailyQuota(t *testing.T) {
	dir := written(t, strings.Replace(quotaYAML, "TARGET", target(t), 1))
	a := loaded(t, dir)
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, changed_at timestamptz)",
		"insert into shop.crm select 'k' || i, 'p' || i || '@example.com', timestamptz '2026-01-01 00:00:00+00' from generate_series(1, 8) t(i)")
	run := func(a *App) syncs.Report {
		t.Helper()
		res, err := a.Run(t.Context())
		if err != nil || len(res.Runs) != 1 {
			t.Fatalf("%+v, %v", res, err)
		}
		return res.Runs[0]
	}
	began := time.Now()
	first := run(a)
	if c := first.Counts; first.Status != syncs.Degraded || first.Code != "syncs.quota" || c.Delivered != 6 || c.Due != 2 || first.Requests != 2 {
		t.Errorf("first run: %s %s (%s) %+v, %d requests", first.Status, first.Code, first.Error, c, first.Requests)
	}
	if d := first.Resumes.Sub(began); d < 24*time.Hour || d > 26*time.Hour {
		t.Errorf("it goes on after %s", d)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	quotas := func(want ...SpentQuota) {
		t.Helper()
		a := loaded(t, dir)
		defer a.Close()
		st, err := a.Status(t.Context())
		if err != nil || !cmp.Equal(want, st.Quotas, cmpopts.EquateEmpty()) {
			t.Errorf("status: %v\n%s", err, cmp.Diff(want, st.Quotas, cmpopts.EquateEmpty()))
		}
		x, err := a.Doctor(t.Context(), false)
		if x == nil {
			t.Fatal(err)
		}
		var told []string
		for _, c := range x.Checks {
			if strings.HasPrefix(c.Name, "quota of ") {
				told = append(told, c.What)
			}
		}
		if len(told) != len(want) || len(want) > 0 && (!strings.Contains(told[0], want[0].Why) || !strings.Contains(told[0], want[0].Resumes.Format("2006-01-02 15:04"))) {
			t.Errorf("doctor says %q, want it to tell of %+v", told, want)
		}
	}
	counted := SpentQuota{"hook", first.Resumes, "its quota of 2 calls in 24h is spent", []string{"to_hook"}}
	quotas(counted)
	second := run(loaded(t, dir))
	if c := second.Counts; second.Status != syncs.Degraded || second.Code != "syncs.quota" || c.Delivered != 0 || c.Due != 2 || second.Requests != 0 || !second.Resumes.Equal(first.Resumes) {
		t.Errorf("after a restart: %s %s (%s) %+v, %d requests, goes on at %s", second.Status, second.Code, second.Error, c, second.Requests, second.Resumes)
	}

	// What is counted stays when a person asks again; what a destination said is taken back.
	last := loaded(t, dir)
	if w, err := last.RetryRejects(t.Context(), "to_hook"); err != nil || w.Done {
		t.Errorf("retry: %+v, %v", w, err)
	}
	until := time.Now().Add(time.Hour)
	account := last.account(last.p.Destination("hook"), destinationSpec(t, "http"))
	if err := must(last.journal(t.Context())).Learn(t.Context(), account, syncs.Lesson{About: syncs.AboutQuota, Until: until, Text: "daily limit"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if r := run(last); !strings.Contains(r.Error, "daily limit") {
		t.Errorf("what the destination said: %+v", r)
	}
	quotas(SpentQuota{"hook", until.UTC().Truncate(time.Microsecond), "daily limit", []string{"to_hook"}}, counted)
	w, err := last.RetryRejects(t.Context(), "to_hook")
	if err != nil || !w.Done || len(w.Then) != 2 || !strings.Contains(w.Then[1], until.UTC().Format("15:04")) {
		t.Errorf("retry: %+v, %v", w, err)
	}
	quotas(counted)
	if r := run(last); r.Code != "syncs.quota" || strings.Contains(r.Error, "daily limit") {
		t.Errorf("after it: %+v", r)
	}
}

func destinationSpec(t *testing.T, name string) destinations.Spec {
	t.Helper()
	d, ok := destinations.Lookup(name)
	if !ok {
		t.Fatal("there is no destination " + name)
	}
	return d.Spec()
}
