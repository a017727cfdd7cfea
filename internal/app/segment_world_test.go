//go:build cgo && !noduckdb

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/weir-data/weir/destinations/meta"
	"github.com/weir-data/weir/internal/warehouse"
)

const clubYAML = `
project: club
timezone: Europe/Paris
targets:
  dev: TARGET
sources:
  crm:    {table: club.crm, key: id, updated_at: changed_at, identifiers: {customer_id: customer_id, email: email, phone: phone}}
  orders: {table: club.orders, key: id, time: ordered_at, identifiers: {customer_id: customer_id}}
  visits: {table: club.visits, key: id, time: seen_at, identifiers: {customer_id: customer_id}}
entities:
  customer:
    identity:
      identifiers: {customer_id: {limit: 1}, email: {}, phone: {country: FR}}
      from: [crm, orders, visits]
    traits:
      email:      {from: crm.email, keep: latest, pii: email}
      phone:      {from: crm.phone, keep: latest, pii: phone}
      first_name: {from: crm.first_name, keep: latest, pii: name}
      country:    {from: crm.country, keep: latest}
      consent:    {from: crm.consent, keep: latest}
      diagnosis:  {from: crm.diagnosis, keep: latest, pii: health}
      spent:      {from: orders, sum: amount}
segments:
  staff: {entity: customer, where: {trait: email, ends_with: "@club.example.com"}}
  vip:
    entity: customer
    where:
      all:
        - {trait: spent, at_least: 100}
        - not: {segment: staff}
  lapsed:
    entity: customer
    where:
      all:
        - {segment: vip}
        - {never: orders, within: 90d}
        - any:
            - {trait: country, in: [FR, DE]}
            - {did: visits, where: {page: news}, times: {at_least: 2}, within: 30d}
  ill: {entity: customer, where: {trait: diagnosis, is: diabetes}}
  writers: {entity: customer, where: {did: crm, where: {email: {contains: example}}}}
  best: {entity: customer, where: {top: 2, by: spent}}
policies:
  letters: {entity: customer, purpose: letters, require: {trait: consent, is: true}}
  no_health_in_ads: {deny: {pii: [health], kinds: [ads]}}
destinations:
  post: {type: klaviyo, api_key: "${env:WEIR_TEST_KEY:-}", purpose: letters}
  ads: {type: meta_ads, access_token: "${env:WEIR_TEST_KEY:-}", ad_account: "1", purpose: advertising}
syncs:
  lapsed_post: {segment: lapsed, destination: post, object: list, into: Lapsed, match: {email: email}, fields: {first_name: first_name}}
`

// clubSQL is five people. Ana and Cleo have lapsed; Bea ordered lately; Dan is of the staff; Eve
// lives elsewhere and read too little.
const clubSQL = `
create schema club;
create table club.crm (id varchar, customer_id varchar, email varchar, phone varchar, first_name varchar, country varchar, consent boolean, diagnosis varchar, changed_at timestamptz);
insert into club.crm values
  ('k1', '17', 'ana@example.com', '+33639980011', 'Ana', 'FR', true, null, timestamptz '2026-01-04 08:00:00+00'),
  ('k2', '18', 'bea@example.com', '+33639980012', 'Bea', 'DE', false, 'diabetes', timestamptz '2026-01-04 08:00:00+00'),
  ('k3', '19', 'cleo@example.com', null, 'Cleo', 'FR', null, null, timestamptz '2026-01-04 08:00:00+00'),
  ('k4', '20', 'dan@club.example.com', '+33639980014', 'Dan', 'FR', null, null, timestamptz '2026-01-04 08:00:00+00'),
  ('k5', '21', 'eve@example.com', '+33639980015', 'Eve', 'GB', true, null, timestamptz '2026-01-04 08:00:00+00');
create table club.orders (id bigint, customer_id varchar, amount numeric(12, 2), ordered_at timestamptz);
insert into club.orders values
  (1, '17', 300, timestamptz '2026-01-10 10:00:00+00'), (2, '17', 200.5, timestamptz '2026-02-10 10:00:00+00'),
  (3, '18', 600, timestamptz '2026-05-20 10:00:00+00'), (4, '19', 150, timestamptz '2026-02-01 10:00:00+00'),
  (5, '20', 900, timestamptz '2026-01-05 10:00:00+00'), (6, '21', 250, timestamptz '2026-01-06 10:00:00+00');
create table club.visits (id bigint, customer_id varchar, page varchar, seen_at timestamptz);
insert into club.visits values
  (1, '17', 'news', timestamptz '2026-05-25 10:00:00+00'), (2, '17', 'news', timestamptz '2026-05-26 10:00:00+00'),
  (3, '17', 'shop', timestamptz '2026-05-27 10:00:00+00'), (4, '21', 'news', timestamptz '2026-05-28 10:00:00+00'),
  (5, '18', 'news', timestamptz '2026-01-28 10:00:00+00');
`

// clubTime is the time of the first build.
var clubTime = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// club is a project of five people in a folder. Its builds are made by build.
type club struct {
	t      testing.TB
	dir    string
	target string
}

func newClub(t testing.TB) *club {
	c := &club{t: t, dir: t.TempDir(), target: target(t)}
	c.write(clubYAML)
	c.execute(clubSQL)
	return c
}

func (c *club) write(yaml string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, "weir.yml"), []byte(strings.Replace(yaml, "TARGET", c.target, 1)), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// load opens the project; at is the time to work at, zero for that of the build.
func (c *club) load(at time.Time) *App {
	c.t.Helper()
	a, findings, err := Load(c.t.Context(), Options{Dir: c.dir, AsOf: at})
	if err != nil {
		c.t.Fatalf("%v: %v", err, findings)
	}
	c.t.Cleanup(func() { a.Close() })
	return a
}

func (c *club) execute(sql string) {
	c.t.Helper()
	a := c.load(time.Time{})
	defer a.Close()
	err := a.session(c.t.Context(), func(s warehouse.Session) error {
		for _, st := range strings.Split(sql, ";\n") {
			if strings.TrimSpace(st) == "" {
				continue
			}
			if _, err := s.Exec(c.t.Context(), st); err != nil {
				return fmt.Errorf("%s: %w", st, err)
			}
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *club) build(at time.Time) {
	c.t.Helper()
	a := c.load(at)
	defer a.Close()
	if _, err := a.Build(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}
