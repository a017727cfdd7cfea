package modeltests_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	_ "github.com/weir-data/weir/destinations/file"
	_ "github.com/weir-data/weir/destinations/http"
	_ "github.com/weir-data/weir/destinations/klaviyo"
	_ "github.com/weir-data/weir/destinations/meta"
	_ "github.com/weir-data/weir/destinations/twilio"
	"github.com/weir-data/weir/internal/modeltests"
	"github.com/weir-data/weir/internal/project"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb"
	"github.com/weir-data/weir/models/diag"
)

const models = `
project: shop
timezone: Europe/Paris
targets: {dev: {type: duckdb, path: none.duckdb}}
sources:
  people: {table: crm.people, key: id, updated_at: changed, identifiers: {email: email, phone: mobile}}
  orders: {sql: "SELECT broken", key: id, time: at, identifiers: {email: email}}
entities:
  customer:
    identity:
      identifiers: {email: {limit: 2}, phone: {country: FR}}
      from: [people, orders]
    traits:
      email:   {from: people.email, pii: email}
      country: {from: people.country}
      joined:  {from: people.joined, type: date}
      spent:   {from: orders, sum: amount}
      last_at: {from: orders, max: at}
      ok:      {from: people.ok}
segments:
  big: {entity: customer, where: {trait: spent, at_least: 100}}
  big_and_french: {entity: customer, where: {all: [{segment: big}, {trait: country, is: FR}]}}
policies:
  yes: {entity: customer, purpose: mail, require: {trait: ok, is: true}}
destinations:
  out: {type: file, path: out.csv, purpose: mail}
syncs:
  send: {segment: big, destination: out, into: rows, match: {email: email}, fields: {country: country, spent: spent}}
tests:
`

// given is the rows of the cases below.
const given = `
  one:
    now: 2026-06-01T00:00:00Z
    given:
      people:
        - {id: 1, email: Ann@Example.com, mobile: 06 39 98 00 01, country: FR, joined: 2025-03-01, ok: true, changed: 2026-01-01}
        - {id: 2, email: bob@example.com, country: DE, ok: true, changed: 2026-01-01}
        - {id: 3, email: eve@example.com, mobile: "+33639980001", changed: 2026-01-02}
      orders:
        - {id: a, email: ann@example.com, amount: 99.5, at: 2026-05-01}
        - {id: b, email: eve@example.com, amount: 1, at: 2026-05-02T10:00:00Z}
        - {id: c, email: bob@example.com, amount: 100, at: null}
    expect:
`

func TestRun(t *testing.T) {
	for name, c := range map[string]struct{ expect, want string }{
		"all is as expected": {`
      segment.big: [{email: ann@example.com}, {email: [bob@example.com], phone: null, country: DE}]
      entity.customer:
        - {email: [eve@example.com, ANN@example.com], phone: 0639980001, joined: 2025-03-01, spent: 100.50, last_at: 2026-05-02T12:00:00+02:00}
        - {email: bob@example.com, joined: null, last_at: null}
      profile.customer: [{country: DE}]
      identity.customer: [{people: [3, 1], orders: [a, b]}, {people: 2, orders: c}]
      policy.yes: [{country: FR}, {country: DE}]
      sync.send: [{email: eve@example.com, spent: 100.5}, {email: bob@example.com, spent: 100, country: DE}]`, ""},
		"a member too few and one too many": {`
      segment.big: [{email: ann@example.com}, {email: fay@example.com}]`,
			`segment.big: expected 2 people, got 2 people
- email: fay@example.com
+ email: bob@example.com
`},
		"somebody who is out": {`
      segment.big_and_french: [{email: ann@example.com}, {email: bob@example.com}]`,
			`segment.big_and_french: expected 2 people, got 1 person
- email: bob@example.com
  trait country is false  {value: DE}  (weir.yml:22)
`},
		"nobody is expected": {`
      segment.big: []`,
			`segment.big: expected 0 people, got 2 people
+ email: [ann@example.com, eve@example.com], phone: +33639980001
+ email: bob@example.com
`},
		"the nearest": {`
      entity.customer: [{email: ann@example.com, country: DE, spent: 3}, {email: bob@example.com}]
      profile.customer: [{email: bob@example.com, joined: 2025-03-01}]`,
			`entity.customer: expected 2 people, got 2 people
- email: ann@example.com, country: DE, spent: 3
  nearest: country is FR, not DE; spent is 100.5, not 3
profile.customer: 1 of 1 expected people are not there
- email: bob@example.com, joined: 2025-03-01
  nearest: joined is null, not 2025-03-01
`},
		"records of another person": {`
      identity.customer: [{people: [1, 2], orders: [a, b]}, {people: 3, orders: c}]`,
			`identity.customer: expected 2 people, got 2 people
- people: [1, 2], orders: [a, b]
  nearest: people is [1, 3], not [1, 2]
- people: 3, orders: c
  nearest: people is 2, not 3
`},
		"a payload": {`
      sync.send: [{email: bob@example.com, spent: 100, country: FR}]`,
			`sync.send: expected 1 row, got 2 rows
- email: bob@example.com, spent: 100, country: FR
  nearest: country is DE, not FR
+ email: eve@example.com, spent: 100.5, country: FR
`},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, report(run(t, models+given+c.expect))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestBroken is about tests that cannot run: they say why, and where.
func TestBroken(t *testing.T) {
	for name, c := range map[string]struct{ test, want string }{
		"a value of another type": {`
  one:
    now: 2026-06-01
    given: {orders: [{id: a, email: ann@example.com, amount: much, at: 2026-05-01}]}
    expect: {segment.big: []}`, "orders.amount holds numbers, and much is none; write a value of that type; or declare the column's type: sources.orders.columns @weir.yml:33\n"},
		"a time that is none": {`
  one:
    now: 2026-06-01
    given: {orders: [{id: a, amount: 1, at: soon}]}
    expect: {segment.big: []}`, "orders.at holds timestamps, and soon is none; write a value of that type; or declare the column's type: sources.orders.columns @weir.yml:33\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, r := range run(t, models+c.test) {
				for _, f := range r.Failures {
					fmt.Fprintf(&b, "%s @%s:%d\n", f.Message, f.File, f.Line)
				}
			}
			if d := cmp.Diff(c.want, b.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestExamples: the tests of the examples pass.
func TestExamples(t *testing.T) {
	for _, dir := range []string{"shop", "start"} {
		p, findings := project.Load(filepath.Join("../../examples", dir), "")
		if diag.HasError(findings) {
			t.Fatal(findings)
		}
		if len(p.Tests) == 0 {
			t.Errorf("%s has no tests", dir)
		}
		res, err := modeltests.Run(context.Background(), p, p.Tests, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := report(res); got != "" {
			t.Errorf("%s:\n%s", dir, got)
		}
	}
}

func run(t *testing.T, yml string) []modeltests.Result {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(yml), 0o600); err != nil {
		t.Fatal(err)
	}
	p, findings := project.Load(dir, "")
	if diag.HasError(findings) {
		t.Fatal(findings)
	}
	res, err := modeltests.Run(context.Background(), p, p.Tests, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func report(results []modeltests.Result) string {
	var b strings.Builder
	for _, r := range results {
		for _, f := range r.Failures {
			fmt.Fprintf(&b, "%s: %s\n", f.Of, f.Message)
			for _, d := range f.Missing {
				fmt.Fprintf(&b, "- %s\n", d.Row)
				if d.Nearest != "" {
					fmt.Fprintf(&b, "  nearest: %s\n", d.Nearest)
				}
				for _, why := range d.Why {
					fmt.Fprintf(&b, "  %s\n", why)
				}
			}
			for _, u := range f.Unexpected {
				fmt.Fprintf(&b, "+ %s\n", u)
			}
		}
	}
	return b.String()
}
