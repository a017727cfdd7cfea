//go:build cgo && !noduckdb

package app

import (
	"errors"
	"slices"
	"testing"

	"github.com/weir-data/weir/destinations"
	_ "github.com/weir-data/weir/destinations/klaviyo"
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
	_, err = s.Write(t.Context(), destinations.Batch{ID: "by-hand", Object: "list", Target: target, Columns: destinations.Columns{IDs: []string{"email"}},
		Rows: []destinations.Row{{Key: "x", Op: destinations.Remove, IDs: []any{"p2@example.com"}}}})
	if err != nil {
		t.Fatal(err)
	}
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
