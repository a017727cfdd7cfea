//go:build cgo && !noduckdb

package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

const restingYAML = `
project: resting
targets: {dev: TARGET}
sources:
  crm:      {table: shop.crm, key: id, updated_at: changed_at, identifiers: {email: email}}
  consents: {table: shop.consents, key: id, updated_at: changed_at, identifiers: {email: email}}
  orders:   {table: shop.orders, key: id, time: day, identifiers: {email: email}, fresher_than: 26h}
  visits:   {table: shop.visits, key: id, time: day, identifiers: {email: email}, fresher_than: 2h}
  left:     {table: shop.gone, key: id, updated_at: changed_at, identifiers: {email: email}}
entities:
  customer:
    identity: {identifiers: {email: {}}, from: [crm, consents, orders, visits]}
    traits:
      email:  {from: crm.email}
      asked:  {from: consents.yes}
      orders: {from: orders, count: true}
      often:  {sql: "orders > 3", type: boolean}
segments:
  everybody: {entity: customer, where: {trait: email, exists: true}}
  buyers:    {entity: customer, where: {did: orders}}
  nested:    {entity: customer, where: {all: [{segment: buyers}]}}
policies:
  asked: {entity: customer, purpose: ads, require: {trait: asked, is: true}}
  left:  {entity: customer, suppress: {source: left}}
destinations:
  meta: {type: meta_ads, ad_account: "1234567890", access_token: "${env:WEIR_TEST_KEY:-}", purpose: ads}
syncs:
  plain:  {segment: everybody, destination: meta, into: A, match: {email: email}}
  buyers: {segment: nested, destination: meta, into: B, match: {email: email}}
`

var restingSQL = []string{
	"create schema shop",
	"create table shop.crm (id varchar, email varchar, changed_at timestamptz)",
	"create table shop.consents (id varchar, email varchar, yes boolean, changed_at timestamptz)",
	"create table shop.orders (id varchar, email varchar, day timestamp)",
	"create table shop.visits (id varchar, email varchar, day timestamptz)",
	"create table shop.gone (id varchar, email varchar, changed_at timestamptz)",
	"insert into shop.crm select 'k' || i, 'p' || i || '@example.com', timestamptz '2026-01-01 00:00:00+00' from generate_series(1, 5) t(i)",
	"insert into shop.consents select 'k' || i, 'p' || i || '@example.com', true, timestamptz '2026-01-01 00:00:00+00' from generate_series(1, 4) t(i)",
	"insert into shop.gone values ('l1', 'p1@example.com', timestamptz '2026-01-01 00:00:00+00')",
}

func TestResting(t *testing.T) {
	a := loaded(t, written(t, strings.Replace(restingYAML, "TARGET", target(t), 1)))
	for name, want := range map[string][]string{"plain": {"crm", "consents", "left"}, "buyers": {"crm", "orders", "consents", "left"}} {
		got, policies := a.resting(a.p.Sync(name))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s rests on other sources (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(map[string]string{"consents": "asked", "left": "left"}, policies); diff != "" {
			t.Errorf("%s: other policies (-want +got):\n%s", name, diff)
		}
	}
	m := &a.p.Model
	r := m.RestsOn(m.Entity("customer"))
	r.Trait("often")
	if diff := cmp.Diff([]string{"orders"}, r.Sources()); diff != "" {
		t.Errorf("a derived trait (-want +got):\n%s", diff)
	}
}

// TestStaleSourcesHold holds what rests on a source that is too old, and nothing else.
func TestStaleSourcesHold(t *testing.T) {
	a := loaded(t, written(t, strings.Replace(restingYAML, "TARGET", target(t), 1)))
	exec(t, a, restingSQL...)
	// 2026-03-01 12:00 less 27 hours; what is dated later does not make it fresh.
	exec(t, a, "insert into shop.orders select 'o' || i, 'p' || i || '@example.com', timestamp '2026-02-28 09:00:00' from generate_series(2, 4) t(i)",
		"insert into shop.orders values ('f', 'p2@example.com', timestamp '2027-01-01 00:00:00')")
	a.o.AsOf = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ends := endsOf(t, a)
	if r := ends["plain"]; r.Status != syncs.OK || r.Counts.Added != 3 {
		t.Errorf("plain: %+v", r)
	}
	r := ends["buyers"]
	if r.Status != syncs.Held || len(r.Holds) != 1 || r.Holds[0].Code != syncs.HoldStale || !strings.Contains(r.Holds[0].What, "orders is 27h old, and fresher_than allows 26h") {
		t.Errorf("buyers: %+v", r)
	}
	exec(t, a, "insert into shop.orders values ('n', 'p2@example.com', timestamp '2026-02-28 11:00:00')")
	a = loaded(t, a.p.Dir)
	a.o.AsOf = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if r := endsOf(t, a)["buyers"]; r.Status != syncs.OK || r.Counts.Delivered+r.Counts.Accepted == 0 {
		t.Errorf("buyers, after a load: %+v", r)
	}
}

// TestAnEmptiedPolicySourceHolds stops where nobody knows any more who may be reached: an emptied
// list of consents takes nobody out, an emptied list of those who left lets nobody in.
func TestAnEmptiedPolicySourceHolds(t *testing.T) {
	a := loaded(t, written(t, strings.Replace(restingYAML, "TARGET", target(t), 1)))
	exec(t, a, restingSQL...)
	run := func(approve ...string) syncs.Report {
		t.Helper()
		a = loaded(t, a.p.Dir)
		a.o.Select, a.o.Approve = []string{"plain"}, approve
		return endsOf(t, a)["plain"]
	}
	if r := run(); r.Status != syncs.OK || r.Counts.Added != 3 {
		t.Fatalf("first: %+v", r)
	}
	exec(t, a, "create table shop.kept as select * from shop.consents", "delete from shop.consents")
	for range 2 {
		r := run()
		if r.Status != syncs.Held || r.Code != syncs.HoldPolicyEmpty || r.Requests != 0 || r.Counts.Removed != 3 || r.Counts.Due != 3 {
			t.Fatalf("emptied: %+v", r)
		}
	}
	exec(t, a, "insert into shop.consents select * from shop.kept", "delete from shop.gone")
	if r := run(); r.Status != syncs.Held || r.Code != syncs.HoldPolicyEmpty || r.Counts.Added != 1 || r.Requests != 0 {
		t.Fatalf("those who left are forgotten: %+v", r)
	}
	if r := run(syncs.HoldPolicyEmpty); r.Status != syncs.OK || r.Counts.Added != 1 {
		t.Fatalf("approved: %+v", r)
	}
	if r := run(); r.Status != syncs.OK || r.Counts.Unchanged != 4 {
		t.Fatalf("after it: %+v", r)
	}
}

func TestFresherThanNeedsATime(t *testing.T) {
	_, findings := project.Load(written(t, strings.NewReplacer("TARGET", "{type: duckdb, path: x.duckdb}", "time: day, identifiers: {email: email}, fresher_than: 26h", "fresher_than: 26h").Replace(restingYAML)), "")
	for _, f := range findings {
		if f.Code == "models.no_time" && strings.Contains(f.What, "nothing in source orders tells how old its rows are") && f.Line == 7 && f.Severity != diag.Warning {
			return
		}
	}
	t.Errorf("no such finding: %+v", findings)
}

// endsOf runs what is picked and gives the ends by sync.
func endsOf(t *testing.T, a *App) map[string]syncs.Report {
	t.Helper()
	res, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]syncs.Report{}
	for _, r := range res.Runs {
		out[r.Sync] = r
	}
	return out
}
