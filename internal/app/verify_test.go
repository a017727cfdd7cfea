//go:build cgo && !noduckdb

package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weir-data/weir/destinations"
	_ "github.com/weir-data/weir/destinations/klaviyo"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/syncs"
)

const verifyYAML = `
project: verifying
targets: {dev: {type: duckdb, path: v.duckdb, threads: 1, send: sandbox}}
sources:
  crm: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {email: email}}
entities:
  customer:
    identity: {identifiers: {email: {}}, from: crm}
    traits: {email: {from: crm.email}}
segments: {everybody: {entity: customer, where: {trait: email, exists: true}}}
policies: {asked: {entity: customer, purpose: mail, require: {trait: email, exists: true}}}
destinations: {klaviyo: {type: klaviyo, api_key: "${env:WEIR_TEST_KEY:-}", purpose: mail}}
syncs: {mail: {segment: everybody, destination: klaviyo, object: list, into: All, match: {email: email}}}
`

// byHand does something to people on the list All at the vendor, behind weir's back.
func byHand(t *testing.T, a *App, op destinations.Op, emails ...string) {
	t.Helper()
	d := a.p.Destination("klaviyo")
	dest, _ := destinations.Lookup(d.Type)
	s, err := a.open(t.Context(), dest, d)
	if err != nil {
		t.Fatal(err)
	}
	target, err := s.(destinations.AudienceManager).Ensure(t.Context(), "list", "All", nil)
	if err != nil {
		t.Fatal(err)
	}
	b := destinations.Batch{ID: "by-hand-" + op.String(), Object: "list", Target: target, Columns: destinations.Columns{IDs: []string{"email"}}}
	for _, e := range emails {
		b.Rows = append(b.Rows, destinations.Row{Key: e, Op: op, IDs: []any{e}})
	}
	out, err := s.Write(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for done := out.Job == nil; !done; {
		if _, done, err = s.(destinations.Poller).Poll(t.Context(), *out.Job, b); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifyMendsAList takes somebody off a list at the vendor, behind weir's back.
func TestVerifyMendsAList(t *testing.T) {
	a := loaded(t, written(t, verifyYAML))
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, changed_at timestamptz)",
		"insert into shop.crm select 'k' || i, 'p' || i || '@example.com', timestamptz '2026-01-01 00:00:00+00' from range(4) t(i)")
	var e *Error
	if _, err := a.Verify(t.Context(), "mail", false); !errors.As(err, &e) || e.Code != "verify.never_ran" {
		t.Fatalf("before it ran: %v", err)
	}
	if _, err := a.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	byHand(t, a, destinations.Remove, "p2@example.com")
	for _, fix := range []bool{false, true} {
		v, err := a.Verify(t.Context(), "mail", fix)
		if err != nil || v.Told != 4 || v.There != 3 || v.Missing != 1 || v.Extra != 0 || v.Drifts() == fix || len(v.MissingKeys) != 1 {
			t.Fatalf("fix %v: %+v, %v", fix, v, err)
		}
	}
	res, err := a.Run(t.Context())
	if err != nil || res.Runs[0].Counts.Added != 1 || res.Runs[0].Counts.Unchanged != 3 {
		t.Fatalf("%+v, %v", res, err)
	}
	if v, err := a.Verify(t.Context(), "mail", false); err != nil || v.There != 4 || v.Drifts() || !slices.Equal(v.MissingKeys, []string{}) {
		t.Errorf("after it: %+v, %v", v, err)
	}
}

// TestFirstRunReplacesAList sends to a list on which others are already, through plans that are held,
// saved and approved.
func TestFirstRunReplacesAList(t *testing.T) {
	dir := written(t, strings.Replace(verifyYAML, "into: All,", "into: All, first_run: replace,", 1))
	a := loaded(t, dir)
	exec(t, a, "create schema shop", "create table shop.crm (id varchar, email varchar, changed_at timestamptz)",
		"insert into shop.crm select 'k' || i, 'p' || i || '@example.com', timestamptz '2026-01-01 00:00:00+00' from range(4) t(i)")

	// The list is not there yet: looking does not make it.
	plan, err := a.Plan(t.Context(), PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if x := plan.Plans[0]; x.Counts.Removed != 0 || len(x.Holds) != 1 || !strings.Contains(x.Holds[0].What, "of 0 members 0 are taken out") || !strings.Contains(x.Holds[0].Fix, "--approve syncs.first_run_replace") {
		t.Fatalf("of no list: %+v", x)
	}
	dest, _ := destinations.Lookup("klaviyo")
	s, err := a.open(t.Context(), dest, a.p.Destination("klaviyo"))
	if err != nil {
		t.Fatal(err)
	}
	if target, err := s.(destinations.Lister).Find(t.Context(), "list", "All"); err != nil || target != "" {
		t.Fatalf("a plan made the list %q, %v", target, err)
	}

	byHand(t, a, destinations.Add, "p2@example.com", "old1@example.com", "old2@example.com")
	res, err := a.Run(t.Context())
	if err != nil || res.Runs[0].Status != syncs.Held || res.Runs[0].Counts.Delivered != 0 {
		t.Fatalf("not approved: %+v, %v", res, err)
	}
	if plan, err = a.Plan(t.Context(), PlanOptions{Sample: 9}); err != nil {
		t.Fatal(err)
	}
	if x := plan.Plans[0].Sample; len(x) != 6 || x[0].Op != "remove" || x[0].Key != "not sent by weir" || strings.Contains(fmt.Sprint(x[0].Match), "old") {
		t.Errorf("a sample: %+v", x)
	}
	a.o.Approve = []string{ledger.HoldReplace}
	if res, err = a.Run(t.Context()); err != nil || res.Runs[0].Counts.Added != 4 || res.Runs[0].Counts.Removed != 2 || res.Runs[0].Status != syncs.OK {
		t.Fatalf("approved: %+v, %v", res, err)
	}
	a.o.Approve = nil
	byHand(t, a, destinations.Add, "new@example.com") // once only: who comes later stays
	if res, err = a.Run(t.Context()); err != nil || res.Runs[0].Counts.Unchanged != 4 || res.Runs[0].Counts.Removed != 0 {
		t.Fatalf("after it: %+v, %v", res, err)
	}
	v, err := a.Verify(t.Context(), "mail", false)
	if err != nil || v.There != 5 || v.Extra != 1 || v.Missing != 0 {
		t.Errorf("in the end: %+v, %v", v, err)
	}
}
