//go:build cgo && !noduckdb

package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/syncs"
)

const orphansYAML = `
project: orphans
targets: {dev: TARGET}
sources:
  crm: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {email: email}}
entities:
  customer:
    identity: {identifiers: {email: {}}, from: crm}
    traits:
      email: {from: crm.email}
      phone: {from: crm.phone}
segments:
  everybody: {entity: customer, where: {trait: email, exists: true}}
policies:
  asked: {entity: customer, purpose: ads, require: {trait: email, exists: true}}
  sms:   {entity: customer, purpose: sms, require: {trait: email, exists: true}}
destinations:
  meta: {type: meta_ads, ad_account: "1234567890", access_token: "${env:WEIR_TEST_KEY:-}", purpose: ads}
  sms:  {type: twilio, account_sid: "AC00000000000000000000000000000001", auth_token: "${env:WEIR_TEST_KEY:-}", purpose: sms}
syncs:
  ads:   {segment: everybody, destination: meta, into: All, match: {email: email}}
  hello: {segment: everybody, destination: sms, first_run: send, match: {to: phone}, fields: {body: {text: "Hello"}}, with: {from: "+12025550100"}}
`

// TestOrphans renames and deletes syncs: nothing of them is left behind silently.
func TestOrphans(t *testing.T) {
	yaml := strings.Replace(orphansYAML, "TARGET", target(t), 1)
	a := loaded(t, written(t, yaml))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, phone varchar, changed_at timestamptz)",
		"insert into shop.crm select 'k' || i, 'p' || i || '@example.com', '+3363998000' || i, timestamptz '2026-01-01 00:00:00+00' from generate_series(1, 4) t(i)")
	edit := func(changes ...string) {
		t.Helper()
		text := strings.NewReplacer(changes...).Replace(yaml)
		if err := os.WriteFile(filepath.Join(a.p.Dir, "weir.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		a = loaded(t, a.p.Dir)
	}
	orphaned := func() []Orphan {
		t.Helper()
		st := must(a.Status(t.Context()))
		p := must(a.Plan(t.Context(), PlanOptions{}))
		if diff := cmp.Diff(st.Orphans, p.Orphans); diff != "" {
			t.Errorf("status and plan differ:\n%s", diff)
		}
		for _, o := range st.Orphans {
			if o.Since.IsZero() || len(o.Then) != 2 {
				t.Errorf("told of %s: %+v", o.Sync, o)
			}
		}
		return st.Orphans
	}
	refused := func(code string, err error) {
		t.Helper()
		var e *Error
		if !errors.As(err, &e) || e.Code != code || e.Kind != Refused || e.Fix == "" {
			t.Errorf("%v, want %s", err, code)
		}
	}
	for name, r := range endsOf(t, a) {
		if r.Status != syncs.OK || r.Counts.Added != 4 {
			t.Fatalf("%s: %+v", name, r)
		}
	}
	if got := orphaned(); len(got) != 0 {
		t.Errorf("orphans before there are any: %+v", got)
	}
	must(a.PauseSync(t.Context(), "hello", "eve", "she said so"))
	_, err := a.RenameSync(t.Context(), "ads", "hello")
	refused("syncs.declared", err)

	edit("  ads:   {", "  ads_all: {", "  hello: {", "  welcome: {")
	want := []Orphan{{Sync: "ads", Rows: 4}, {Sync: "hello", Rows: 4}}
	st := must(a.Status(t.Context()))
	var refusal *Error
	if _, err := a.Plan(t.Context(), PlanOptions{}); !errors.As(err, &refusal) || refusal.Code != "ledger.shared_target" || !strings.Contains(refusal.Fix, "weir sync rename ads ads_all") {
		t.Errorf("a plan under a new name: %v", err)
	}
	if diff := cmp.Diff(want, st.Orphans, cmpopts.IgnoreFields(Orphan{}, "Place", "Since", "Then")); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	_, err = a.RenameSync(t.Context(), "ads", "welcome")
	refused("syncs.other_place", err)
	_, err = a.RenameSync(t.Context(), "adds", "ads_all")
	refused("syncs.unknown", err)
	for from, to := range map[string]string{"ads": "ads_all", "hello": "welcome"} {
		w, err := a.RenameSync(t.Context(), from, to)
		if err != nil || !w.Done || w.Rows != 4 {
			t.Fatalf("renaming %s: %+v, %v", from, w, err)
		}
	}
	if got := orphaned(); len(got) != 0 {
		t.Errorf("orphans after they were renamed: %+v", got)
	}
	for name, want := range map[string]int{"ads": 0, "hello": 0, "ads_all": 1, "welcome": 1} {
		if runs := must(must(a.journal(t.Context())).Runs(t.Context(), store.Filter{Sync: name})); len(runs) != want {
			t.Errorf("%d runs of %s in the journal, want %d", len(runs), name, want)
		}
	}
	if p := must(a.paused(t.Context())); p["welcome"].By != "eve" || len(p) != 1 {
		t.Errorf("pauses: %+v", p)
	}
	must(a.ResumeSync(t.Context(), "welcome"))
	for name, r := range endsOf(t, a) {
		if r.Status != syncs.OK || r.Requests != 0 || r.Counts.Added+r.Counts.Updated+r.Counts.Removed != 0 {
			t.Errorf("%s sends something again: %+v", name, r)
		}
	}

	edit("  ads:   {segment: everybody, destination: meta, into: All, match: {email: email}}\n", "", "  hello: {", "  greeting: {")
	_, err = a.DropWords(t.Context(), "greeting", true)
	refused("syncs.declared", err)
	_, err = a.DropWords(t.Context(), "welcome", true)
	refused("syncs.cannot_remove", err)
	w, report, err := a.DropSync(t.Context(), "ads_all", true)
	if err != nil || !w.Done || report == nil || report.Counts.Removed != 4 || report.Counts.Delivered+report.Counts.Accepted != 4 {
		t.Fatalf("taking out: %+v, %+v, %v", w, report, err)
	}
	w, _, err = a.DropSync(t.Context(), "welcome", false)
	if err != nil || !w.Done || w.Rows != 4 {
		t.Fatalf("leaving: %+v, %v", w, err)
	}
	if got := orphaned(); len(got) != 0 {
		t.Errorf("orphans after they were dropped: %+v", got)
	}
	_, err = a.DropWords(t.Context(), "ads_all", true)
	refused("syncs.unknown", err)
}
