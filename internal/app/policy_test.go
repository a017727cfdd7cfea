//go:build cgo && !noduckdb

package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	_ "github.com/weir-data/weir/destinations/file"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/warehouse"
)

// guardedYAML is a project in which rows leave by every path there is. Each kind of policy keeps
// one person in; only yes@example.com may leave.
const guardedYAML = `
project: guarded
targets: {dev: {type: duckdb, path: guarded.duckdb, threads: 1, send: live}}
sources:
  crm:    {table: shop.crm, key: id, updated_at: changed_at, identifiers: {email: email, phone: phone}}
  orders: {table: shop.orders, key: id, time: day, identifiers: {email: email}}
  leads:  {table: shop.leads, key: id}
  stop:   {table: shop.stop, key: id, identifiers: {email: email, phone: phone}}
entities:
  customer:
    identity: {identifiers: {email: {}, phone: {country: FR}}, from: [crm, orders]}
    traits:
      email:   {from: [crm.email, orders.email], keep: first_found}
      consent: {from: crm.consent}
segments:
  everybody: {entity: customer}
  buyers:    {entity: customer, where: {did: orders}}
policies:
  asked:   {entity: customer, purpose: news, require: {trait: consent, is: true}}
  listed:  {entity: customer, suppress: {source: stop}}
destinations:
  out: {type: file, path: out, purpose: news}
syncs:
  by_segment: {segment: everybody, destination: out, into: a, match: {email: email}, guard: {allow_empty: true}}
  by_other:   {segment: buyers, destination: out, into: b, match: {email: email}}
  by_entity:  {entity: customer, destination: out, into: c, mode: upsert, match: {email: email}}
  by_source:  {source: crm, destination: out, into: d, mode: upsert, match: {email: email}}
  by_event:   {source: orders, destination: out, into: e, mode: upsert, match: {email: email}}
  by_leads:   {source: leads, destination: out, into: f, mode: upsert, match: {email: email}}
  by_sql:     {sql: "SELECT id, email AS mail FROM shop.crm", key: id, destination: out, into: g, mode: upsert, match: {email: mail}}
`

var guardedSQL = []string{
	"create schema shop",
	"create table shop.crm (id bigint, email varchar, phone varchar, consent boolean, changed_at timestamptz)",
	"create table shop.orders (id bigint, email varchar, day timestamptz)",
	"create table shop.leads (id bigint, email varchar)",
	"create table shop.stop (id bigint, email varchar, phone varchar)",
	`insert into shop.crm values
	  (1, 'yes@example.com', null, true, '2026-01-01 00:00:00Z'), (2, 'no@example.com', null, false, '2026-01-01 00:00:00Z'), (3, 'silent@example.com', null, null, '2026-01-01 00:00:00Z'),
	  (4, 'listed@example.com', null, true, '2026-01-01 00:00:00Z'), (5, 'number@example.com', '06 39 98 00 05', true, '2026-01-01 00:00:00Z'), (6, 'erased@example.com', null, true, '2026-01-01 00:00:00Z'),
	  (7, 'barred@example.com', null, true, '2026-01-01 00:00:00Z')`,
	"insert into shop.orders select id, upper(email), '2026-02-01 00:00:00Z' from shop.crm",
	"insert into shop.leads select id, ' ' || email from shop.crm",
	"insert into shop.leads values (99, 'stranger@example.com')",
	"insert into shop.stop values (1, 'Listed@example.com', null), (2, null, '+33 6 39 98 00 05')",
}

// TestNoWayAroundPolicies tries each path by which rows leave: nobody whom a policy, a list, an
// erasure or a suppression keeps in comes out anywhere, and whoever may leave does by each.
func TestNoWayAroundPolicies(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(guardedYAML), 0o600); err != nil {
		t.Fatal(err)
	}
	a := loaded(t, dir)
	exec(t, a, guardedSQL...)
	if err := a.led.Erase(t.Context(), []ledger.Identifier{{Kind: "email", Value: "erased@example.com"}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.led.Suppress(t.Context(), []ledger.Suppression{{Channel: "all", Identifier: ledger.Identifier{Kind: "email", Value: "barred@example.com"}, Source: "asked us"}}); err != nil {
		t.Fatal(err)
	}
	res, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Runs {
		if r.Counts.Added != 1 || r.Counts.Suppressed == 0 {
			t.Errorf("%s: %d added, %d suppressed; want 1 and some", r.Sync, r.Counts.Added, r.Counts.Suppressed)
		}
	}
	files := 0
	err = filepath.WalkDir(filepath.Join(dir, "out"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		var out []string
		for _, word := range strings.FieldsFunc(strings.ToLower(string(b)), func(r rune) bool { return strings.ContainsRune(",\"\n\r {}:", r) }) {
			if strings.Contains(word, "@") && !slices.Contains(out, word) {
				out = append(out, word)
			}
		}
		if diff := cmp.Diff([]string{"yes@example.com"}, out); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filepath.Base(path), diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.PreviewSegment(t.Context(), "everybody", PreviewOptions{Purpose: "news", Reveal: true})
	if err != nil {
		t.Fatal(err)
	}
	var shown []any
	for _, one := range p.People {
		shown = append(shown, one.Values...)
	}
	if diff := cmp.Diff([]any{"yes@example.com"}, shown); diff != "" {
		t.Errorf("preview (-want +got):\n%s", diff)
	}
	if files != 7 {
		t.Errorf("%d files were written, want one by each of the 7 syncs", files)
	}
}

// loaded opens the project of a folder.
func loaded(t *testing.T, dir string) *App {
	t.Helper()
	a, findings, err := Load(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err, findings)
	}
	t.Cleanup(func() { a.Close() })
	if _, err := a.warehouse(); err != nil {
		t.Fatal(err)
	}
	return a
}

func exec(t *testing.T, a *App, sqls ...string) {
	t.Helper()
	err := a.session(t.Context(), func(s warehouse.Session) error {
		for _, st := range sqls {
			if _, err := s.Exec(t.Context(), st); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
