//go:build cgo && !noduckdb

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	_ "github.com/weir-data/weir/destinations/klaviyo"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb"
)

const shopYAML = `
project: shop
timezone: Europe/Paris
targets:
  dev: TARGET
sources:
  crm:    {table: shop.crm, key: id, updated_at: changed_at, identifiers: {customer_id: customer_id, email: email, phone: {column: phone, country: country}}}
  orders: {table: shop.orders, key: order_id, time: placed_at, identifiers: {customer_id: customer_id, email: email, phone: phone, ip: ip}}
entities:
  customer:
    identity:
      identifiers:
        customer_id: {limit: 1}
        email: {max_links: {customer_id: 1}, ignore: ["noreply@*"]}
        phone: {country: FR}
        ip: {role: attach}
      from: [crm, orders]
    traits:
      first_name: {from: crm.first_name, keep: latest, pii: name}
      consent: {from: crm.opt_in, keep: latest}
      spent: {from: orders, sum: amount}
segments:
  buyers: {entity: customer, where: {did: orders}, holdout: 10%}
policies:
  mail: {entity: customer, purpose: newsletter, require: {trait: consent, is: true}}
  recent: {entity: customer, purpose: ads, require: {did: orders, within: 90d}}
destinations:
  letters: {type: klaviyo, api_key: "${env:WEIR_TEST_KEY:-}", purpose: newsletter}
syncs:
  to_letters: {segment: buyers, destination: letters, object: list, into: Buyers, match: {email: first_name}}
`

// shopSQL is what a build leaves behind. Ana (17) has two e-mails and a phone; Bea (18) has the
// same phone, which a limit keeps from joining them; Cleo (20) has the shop's address in common
// with Ana; Dan (30) has nothing in common with anybody but an ignored address. cus_3 was merged
// into Ana's. 8 finds Ana and joins nobody; 9 was seen with two.
const shopSQL = `
create schema shop;
create table shop.crm (id varchar, customer_id varchar, email varchar, phone varchar, first_name varchar, opt_in boolean, changed_at timestamptz);
insert into shop.crm values
  ('k1', '17', 'Ana@Example.com', null, 'Ana', true, timestamptz '2026-01-04 08:00:00+00'),
  ('k2', null, 'ana@example.com', '06 39 98 00 11', 'Ana', true, timestamptz '2026-02-04 08:00:00+00'),
  ('k3', '18', null, '+33639980011', 'Bea', false, timestamptz '2026-03-01 08:00:00+00'),
  ('k4', '17', 'shop@example.com', null, 'Ana', true, timestamptz '2026-01-05 08:00:00+00'),
  ('k5', '20', 'shop@example.com', null, 'Cleo', true, timestamptz '2026-03-05 08:00:00+00'),
  ('k9', '30', 'NoReply@example.com', null, 'Dan', null, timestamptz '2026-03-09 08:00:00+00'),
  ('k7', '20', 'noreply@example.com', null, 'Cleo', true, timestamptz '2026-03-06 08:00:00+00');
alter table shop.crm add column country varchar;
create table shop.orders (order_id bigint, customer_id varchar, email varchar, phone varchar, ip varchar, amount double precision, placed_at timestamptz, note varchar);
insert into shop.orders values
  (1, null, 'ana.b@example.com', '0639980011', null, 12.5, timestamptz '2026-04-01 10:00:00+00', null),
  (2, null, 'ana.b@example.com', '0639980011', null, 7, timestamptz '2026-05-01 22:30:00+00', 'two
lines'),
  (3, '17', null, null, '203.0.113.7', 1, timestamptz '2026-03-01 10:00:00+00', null),
  (4, '18', null, null, '203.0.113.9', 4, timestamptz '2026-03-02 10:00:00+00', null),
  (5, '20', null, null, '203.0.113.9', 5, timestamptz '2026-03-03 10:00:00+00', null);

create schema weir;
create table weir.builds (entity varchar, build bigint, as_of timestamptz, published_at timestamptz, holder varchar);
insert into weir.builds values ('customer', 1, timestamptz '2026-05-02 00:00:00+00', timestamptz '2026-05-02 00:00:00+00', 'x');
create table weir.customer_nodes_b1 (node bigint, type varchar, value varchar, source varchar, status varchar, first_seen timestamptz, last_seen timestamptz, seen bigint, component bigint, cluster bigint, profile_id varchar, rank bigint, src bigint);
insert into weir.customer_nodes_b1 values
  (1, 'customer_id', '17', 'crm', 'active', timestamptz '2026-01-04 08:00:00+00', timestamptz '2026-03-01 10:00:00+00', 3, 1, 1, 'cus_1', 0, 0),
  (2, 'email', 'ana@example.com', 'crm', 'active', timestamptz '2026-01-04 08:00:00+00', timestamptz '2026-02-04 08:00:00+00', 2, 1, 1, 'cus_1', 1, 0),
  (3, 'phone', '+33639980011', 'crm', 'active', timestamptz '2026-02-04 08:00:00+00', timestamptz '2026-05-01 22:30:00+00', 4, 1, 1, 'cus_1', 2, 0),
  (4, 'customer_id', '18', 'crm', 'active', timestamptz '2026-03-01 08:00:00+00', timestamptz '2026-03-02 10:00:00+00', 2, 1, 4, 'cus_2', 0, 0),
  (5, 'email', 'shop@example.com', 'crm', 'shared', timestamptz '2026-01-05 08:00:00+00', timestamptz '2026-03-05 08:00:00+00', 2, 5, null, null, 1, 0),
  (6, 'customer_id', '20', 'crm', 'active', timestamptz '2026-03-03 10:00:00+00', timestamptz '2026-03-06 08:00:00+00', 3, 6, 6, 'cus_4', 0, 0),
  (7, 'email', 'ana.b@example.com', 'orders', 'active', timestamptz '2026-04-01 10:00:00+00', timestamptz '2026-05-01 22:30:00+00', 2, 1, 1, 'cus_1', 1, 1),
  (8, 'ip', '203.0.113.7', 'orders', 'active', timestamptz '2026-03-01 10:00:00+00', timestamptz '2026-03-01 10:00:00+00', 1, 8, 1, 'cus_1', 3, 1),
  (9, 'ip', '203.0.113.9', 'orders', 'shared', timestamptz '2026-03-02 10:00:00+00', timestamptz '2026-03-03 10:00:00+00', 2, 9, null, null, 3, 1),
  (10, 'customer_id', '30', 'crm', 'active', timestamptz '2026-03-09 08:00:00+00', timestamptz '2026-03-09 08:00:00+00', 1, 10, 10, 'cus_5', 0, 0),
  (11, 'email', '30', 'crm', 'active', null, null, 1, 11, 11, 'cus_6', 1, 0);
create table weir.customer_tuples_b1 (source varchar, key varchar, node_customer_id bigint, node_email bigint, node_phone bigint, node_ip bigint, node bigint, first_seen timestamptz, last_seen timestamptz, seen bigint);
insert into weir.customer_tuples_b1 values
  ('crm', 'k1', 1, 2, null, null, 1, timestamptz '2026-01-04 08:00:00+00', timestamptz '2026-01-04 08:00:00+00', 1),
  ('crm', 'k2', null, 2, 3, null, 2, timestamptz '2026-02-04 08:00:00+00', timestamptz '2026-02-04 08:00:00+00', 1),
  ('crm', 'k3', 4, null, 3, null, 4, timestamptz '2026-03-01 08:00:00+00', timestamptz '2026-03-01 08:00:00+00', 1),
  ('crm', 'k4', 1, 5, null, null, 1, timestamptz '2026-01-05 08:00:00+00', timestamptz '2026-01-05 08:00:00+00', 1),
  ('crm', 'k5', 6, 5, null, null, 6, timestamptz '2026-03-05 08:00:00+00', timestamptz '2026-03-05 08:00:00+00', 1),
  ('crm', 'k7', 6, null, null, null, 6, timestamptz '2026-03-06 08:00:00+00', timestamptz '2026-03-06 08:00:00+00', 1),
  ('crm', 'k9', 10, null, null, null, 10, timestamptz '2026-03-09 08:00:00+00', timestamptz '2026-03-09 08:00:00+00', 1),
  ('orders', null, null, 7, 3, null, 7, timestamptz '2026-04-01 10:00:00+00', timestamptz '2026-05-01 22:30:00+00', 2),
  ('orders', null, 1, null, null, 8, 1, timestamptz '2026-03-01 10:00:00+00', timestamptz '2026-03-01 10:00:00+00', 1),
  ('orders', null, 4, null, null, 9, 4, timestamptz '2026-03-02 10:00:00+00', timestamptz '2026-03-02 10:00:00+00', 1),
  ('orders', null, 6, null, null, 9, 6, timestamptz '2026-03-03 10:00:00+00', timestamptz '2026-03-03 10:00:00+00', 1);
create table weir.customer_clusters_b1 (cluster bigint, number bigint, profile_id varchar, anonymous boolean);
insert into weir.customer_clusters_b1 values (1, 1, 'cus_1', false), (4, 2, 'cus_2', false), (6, 4, 'cus_4', false), (10, 5, 'cus_5', false), (11, 6, 'cus_6', false);
create table weir.customer_records_b1 (source varchar, key varchar, profile_id varchar);
insert into weir.customer_records_b1 values ('crm', 'k1', 'cus_1'), ('crm', 'k2', 'cus_1'), ('crm', 'k3', 'cus_2'), ('crm', 'k4', 'cus_1'), ('crm', 'k5', 'cus_4'), ('crm', 'k7', 'cus_4'), ('crm', 'k9', 'cus_5');
create table weir.customer_owners_orders_b1 (customer_id varchar, email varchar, phone varchar, ip varchar, profile_id varchar);
insert into weir.customer_owners_orders_b1 values
  ('', 'ana.b@example.com', '0639980011', '', 'cus_1'), ('17', '', '', '203.0.113.7', 'cus_1'), ('18', '', '', '203.0.113.9', 'cus_2'), ('20', '', '', '203.0.113.9', 'cus_4');
create table weir.customer_merges_b1 ("at" timestamptz, kind varchar, from_id varchar, to_id varchar, type varchar, value varchar, build varchar);
insert into weir.customer_merges_b1 values
  (timestamptz '2026-01-10 00:00:00+00', 'new', null, 'cus_1', 'customer_id', '17', '0'),
  (timestamptz '2026-04-02 00:00:00+00', 'new', null, 'cus_3', 'email', 'ana.b@example.com', '0'),
  (timestamptz '2026-05-02 00:00:00+00', 'merge', 'cus_3', 'cus_1', 'phone', '+33639980011', '1'),
  (timestamptz '2026-01-10 00:00:00+00', 'new', null, 'cus_9', 'email', 'gone@example.com', '0');
create table weir.customer_dropped_links_b1 (type varchar, value varchar, rule varchar, profile_id varchar, detail varchar, node bigint, other bigint);
insert into weir.customer_dropped_links_b1 values
  ('phone', '+33639980011', 'limit', 'cus_1', 'kept from customer_id 18', 3, 4),
  ('email', 'shop@example.com', 'max_links', null, 'seen with 2 values of customer_id, the most is 1', 5, null),
  ('ip', '203.0.113.9', 'contested', null, 'seen with several profiles', 9, null),
  ('email', 'noreply@example.com', 'ignore', null, 'rows: 1', null, null),
  ('email', 'NoReply@example.com', 'ignore', null, 'rows: 1', null, null),
  ('phone', '123', 'invalid', null, 'rows: 4', null, null),
  ('phone', '4711 @DE', 'invalid', null, 'rows: 1', null, null);
create table weir.customer_pairs_b1 (source_a varchar, key_a varchar, source_b varchar, key_b varchar, weight double precision, probability double precision, decision varchar, "by" varchar, reasons varchar);
insert into weir.customer_pairs_b1 values
  ('crm', 'k5', 'crm', 'k9', 0.5, 0.625, 'review', 'weight', 'same first name'),
  ('crm', 'k3', 'crm', 'k5', -4.5, 0.042, 'apart', 'person', 'another birthday');
create table weir.customer_profiles_b1 (profile_id varchar, anonymous boolean, first_name varchar, consent boolean, spent double precision);
insert into weir.customer_profiles_b1 values ('cus_1', false, 'Ana', true, 20.5), ('cus_2', false, 'Bea', false, 4), ('cus_4', false, 'Cleo', true, 5), ('cus_5', false, 'Dan', null, null), ('cus_6', false, null, null, null);
create table weir.customer_memberships_b1 (profile_id varchar, segment varchar, since timestamptz);
insert into weir.customer_memberships_b1 values ('cus_1', 'buyers', timestamptz '2026-04-01 22:30:00+00'), ('cus_2', 'buyers', timestamptz '2026-03-02 12:00:00+00');
create table weir.customer_membership_history_b1 (profile_id varchar, segment varchar, entered_at timestamptz, left_at timestamptz);
insert into weir.customer_membership_history_b1 values
  ('cus_1', 'buyers', timestamptz '2026-04-01 22:30:00+00', null), ('cus_1', 'newcomers', timestamptz '2026-01-10 00:00:00+00', timestamptz '2026-02-10 00:00:00+00');
create table weir.customer_assignments_b1 (profile_id varchar, segment varchar, arm varchar, since timestamptz, contaminated boolean);
insert into weir.customer_assignments_b1 values ('cus_1', 'buyers', 'treatment', timestamptz '2026-04-01 22:30:00+00', false), ('cus_2', 'buyers', 'holdout', timestamptz '2026-03-02 12:00:00+00', false);
`

const provenanceSQL = `
create table weir.customer_provenance_b1 (profile_id varchar, first_name__source varchar, first_name__key varchar, first_name__at timestamptz);
insert into weir.customer_provenance_b1 values ('cus_1', 'crm', 'k2', timestamptz '2026-02-04 08:00:00+00')
`

const ledgerSQL = `
create table weir.ledgers (sync varchar, account varchar, object varchar, target varchar, print varchar, columns varchar, slots varchar, canary bigint, version bigint, started boolean);
insert into weir.ledgers values ('to_letters', 'a', 'list', 'Buyers', '', '', 'email', 0, 1, true);
create table weir.ledger_to_letters (key varchar, profile varchar, grp varchar, id_1 varchar, hash bigint, doubt boolean, version bigint, state varchar, attempts bigint, next_try timestamptz, code varchar, reason varchar, tried varchar, tried_hash bigint, remote_id varchar, sent_at timestamptz, run varchar);
insert into weir.ledger_to_letters values
  ('cus_3', 'cus_3', 'email:ana.b@example.com', 'ana.b@example.com', 1, false, 1, 'sent', 0, null, null, null, null, null, 'r-1', timestamptz '2026-04-03 00:00:00+00', 'run_1'),
  ('cus_2', 'cus_2', 'email:x@example.com', 'x@example.com', 1, false, 1, 'sent', 0, null, null, null, null, null, null, timestamptz '2026-04-03 00:00:00+00', 'run_1');
create table weir.deliveries (run varchar, sync varchar, key varchar, op varchar, state varchar, code varchar, reason varchar, "at" timestamptz);
insert into weir.deliveries values
  ('run_1', 'to_letters', 'cus_3', 'add', 'delivered', null, null, timestamptz '2026-04-03 00:00:00+00'),
  ('run_2', 'to_letters', 'cus_1', 'upsert', 'rejected', 'http.bad', 'no', timestamptz '2026-04-04 00:00:00+00'),
  ('run_2', 'to_letters', 'cus_2', 'upsert', 'delivered', null, null, timestamptz '2026-04-04 00:00:00+00')
`

// target is the YAML of the warehouse under test, and empties it.
var target = func(testing.TB) string { return "{type: duckdb, path: shop.duckdb, threads: 1, send: sandbox}" }

// shopApp is a project on a warehouse with what a build leaves behind.
func shopApp(t testing.TB, sql ...string) *App {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(strings.Replace(shopYAML, "TARGET", target(t), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	a, findings, err := Load(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatalf("%v: %v", err, findings)
	}
	t.Cleanup(func() { a.Close() })
	err = a.session(t.Context(), func(s warehouse.Session) error {
		for _, part := range sql {
			for _, st := range strings.Split(part, ";\n") {
				if strings.TrimSpace(st) == "" {
					continue
				}
				if _, err := s.Exec(t.Context(), st); err != nil {
					return fmt.Errorf("%s: %w", st, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// told writes a chain for people: an identifier by its value, a row by source and key or rows, a
// crossing with a star.
func chainText(links []Link) string {
	var out []string
	for _, l := range links {
		text := l.Value
		switch l.Kind {
		case "row":
			text = l.Source + "/" + l.Key
			if l.Key == "" {
				text += fmt.Sprint(l.Rows)
			}
		case "match":
			text = "alike"
		}
		if l.Apart {
			text += "*"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestExplainIdentity(t *testing.T) {
	a := shopApp(t, shopSQL)
	type explained struct {
		Verdict, Chain, Weakest string
		Reasons                 []string
	}
	for _, c := range []struct {
		name string
		a, b string
		want explained
	}{
		{"two identifiers of one row", "email=ana@example.com", "customer_id=17", explained{"together", "ana@example.com crm/k1 17", "", nil}},
		{"by rows that were typed otherwise", " ANA@example.com ", "phone=06 39-98 00 11", explained{"together", "ana@example.com crm/k2 +33639980011", "", nil}},
		{"a chain, with events that say how many they are", "customer_id=17", "ana.b@example.com",
			explained{"together", "17 crm/k1 ana@example.com crm/k2 +33639980011 orders/2 ana.b@example.com", "phone +33639980011", nil}},
		{"a record and an identifier", "crm=k1", "+33639980011", explained{"together", "crm/k1 ana@example.com crm/k2 +33639980011", "email ana@example.com", nil}},
		{"two records", "crm:k2", "crm:k1", explained{"together", "crm/k2 ana@example.com crm/k1", "email ana@example.com", nil}},
		{"what only finds", "ip=203.0.113.7", "email=ana@example.com", explained{"together", "203.0.113.7 orders/1 17 crm/k1 ana@example.com", "customer_id 17", nil}},
		{"a profile stands for its strongest identifier", "cus_1", "email=ana@example.com", explained{"together", "17 crm/k1 ana@example.com", "", nil}},
		{"one that was merged away stands for the one that founded it", "cus_3", "cus_1",
			explained{"together", "ana.b@example.com orders/2 +33639980011 crm/k2 ana@example.com crm/k1 17", "phone +33639980011", nil}},

		{"a limit", "cus_1", "cus_2", explained{"apart", "+33639980011 crm/k3* 18", "", []string{
			"phone +33639980011 was kept from customer_id 18 (limit)", "as one profile they would have 2 values of customer_id, and the most is 1 (limit)"}}},
		{"a shared address", "cus_1", "customer_id=20", explained{"apart", "17 crm/k4* shop@example.com crm/k5* 20", "", []string{
			"email shop@example.com was seen with 2 values of customer_id, the most is 1 (max_links): it joins nobody"}}},
		{"what only finds, and was seen with two", "customer_id=18", "customer_id=20", explained{"apart", "18 orders/1* 203.0.113.9 orders/1* 20", "", []string{
			"ip 203.0.113.9 only finds profiles, and was seen with several profiles (contested): it finds nobody"}}},
		{"one ignored address on both", "cus_4", "cus_5", explained{"apart", "", "", []string{
			"email NoReply@example.com is on the ignore list (ignore): it joins nobody"}}},
		{"nothing at all", "cus_1", "cus_5", explained{"unlinked", "", "", nil}},
		{"a shared identifier and a profile", "shop@example.com", "cus_4", explained{"apart", "shop@example.com crm/k5* 20", "", []string{
			"email shop@example.com was seen with 2 values of customer_id, the most is 1 (max_links): it joins nobody"}}},
		{"a value that is none", "phone=123", "cus_4", explained{"apart", "", "", []string{"phone 123 has no normal form (invalid): it joins nobody"}}},
		{"a value that is none, in the country of its row", "phone=4711", "cus_4", explained{"apart", "", "", []string{"phone 4711 @DE has no normal form (invalid): it joins nobody"}}},
		{"a profile whose rows are gone", "cus_9", "cus_4", explained{"unlinked", "", "", nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, err := a.ExplainIdentity(t.Context(), c.a, c.b)
			if err != nil {
				t.Fatal(err)
			}
			got := explained{Verdict: x.Verdict, Chain: chainText(x.Chain), Weakest: x.Weakest}
			for _, r := range x.Reasons {
				got.Reasons = append(got.Reasons, r.Text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, x.Summary)
			}
		})
	}
	t.Run("records that look alike", func(t *testing.T) {
		x, err := a.ExplainIdentity(t.Context(), "cus_4", "cus_5")
		if err != nil {
			t.Fatal(err)
		}
		want := []Alike{{SourceA: "crm", KeyA: "k5", SourceB: "crm", KeyB: "k9", Decision: "review", By: "weight", Weight: 0.5, Probability: 0.625, Why: "same first name"}}
		if diff := cmp.Diff(want, x.Alike); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestExplainMatches holds that a match is evidence where the build joined by it.
func TestExplainMatches(t *testing.T) {
	a := shopApp(t, shopSQL, `
update weir.customer_pairs_b1 set decision = 'join', probability = 0.97 where key_b = 'k9';
update weir.customer_nodes_b1 set cluster = 6, profile_id = 'cus_4' where node = 10;
update weir.customer_records_b1 set profile_id = 'cus_4' where key = 'k9';
delete from weir.customer_clusters_b1 where cluster = 10`)
	x, err := a.ExplainIdentity(t.Context(), "customer_id=20", "customer_id=30")
	if err != nil {
		t.Fatal(err)
	}
	if got := chainText(x.Chain); x.Verdict != VerdictTogether || got != "20 crm/k5 alike crm/k9 30" {
		t.Errorf("%s by %q", x.Verdict, got)
	}
	if want := "two records that look alike, with a probability of 0.97"; x.Weakest != want {
		t.Errorf("the weakest link is %q, want %q", x.Weakest, want)
	}
	if x, err = a.ExplainIdentity(t.Context(), "cus_4", ""); err != nil {
		t.Fatal(err)
	}
	if b := x.Profile.Bridges; len(b) == 0 || b[0].Match == nil || b[0].Match.KeyB != "k9" {
		t.Errorf("the match is not the first of the bridges: %+v", b)
	}
}

func TestExplainOne(t *testing.T) {
	a := shopApp(t, shopSQL)
	x, err := a.ExplainIdentity(t.Context(), "cus_1", "")
	if err != nil {
		t.Fatal(err)
	}
	if x.Verdict != VerdictProfile || x.Profile == nil {
		t.Fatalf("%+v", x)
	}
	var members, bridges []string
	for _, m := range x.Profile.Identifiers {
		text := m.Value
		if m.Bridge {
			text += " bridge"
		}
		if m.Attach {
			text += " finds"
		}
		members = append(members, text)
	}
	if diff := cmp.Diff([]string{"17 bridge", "ana@example.com bridge", "ana.b@example.com", "+33639980011 bridge", "203.0.113.7 finds"}, members); diff != "" {
		t.Errorf("identifiers (-want +got):\n%s", diff)
	}
	for _, b := range x.Profile.Bridges {
		bridges = append(bridges, fmt.Sprint(b.Value, " ", b.Parts))
	}
	if diff := cmp.Diff([]string{"+33639980011 [{2 3} {1 0}]", "ana@example.com [{2 1} {1 2}]", "17 [{3 2} {0 1}]"}, bridges); diff != "" {
		t.Errorf("bridges (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"crm": 3, "orders": 3}, x.Profile.Sources); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if len(x.Profile.Shared) != 1 || x.Profile.Shared[0].Value != "shop@example.com" {
		t.Errorf("shared: %+v", x.Profile.Shared)
	}
	if n := len(x.Profile.History); n != 3 || x.Profile.History[2].Kind != "merge" {
		t.Errorf("history: %+v", x.Profile.History)
	}
}

// TestExplainRefuses holds that what is not known, or may be several things, is said without
// personal data, and that what may have been meant comes with it.
func TestExplainRefuses(t *testing.T) {
	a := shopApp(t, shopSQL)
	for _, c := range []struct {
		a, b       string
		code       string
		near, many []string
	}{
		{"anna@example.com", "cus_1", "identity.unknown", []string{"ana@example.com"}, nil},
		{"cus_1", "email=nobody@example.org", "identity.unknown", nil, nil},
		{"phone=+1 639 980 011", "", "identity.unknown", []string{"+33639980011"}, nil},
		{"emial=ana@example.com", "", "identity.unknown_type", nil, nil},
		{"crm=k77", "", "identity.unknown", nil, nil},
		{"orders=1", "", "identity.events", nil, nil},
		{" ", "cus_1", "identity.no_value", nil, nil},
		{"cus_1", "email= ", "identity.no_value", nil, nil},
		{"crm:", "", "identity.no_value", nil, nil},
		{"30", "cus_1", "identity.ambiguous", nil, []string{"customer_id", "email"}},
	} {
		t.Run(c.a+" "+c.b, func(t *testing.T) {
			x, err := a.ExplainIdentity(t.Context(), c.a, c.b)
			var e *Error
			if !errors.As(err, &e) || e.Kind != Refused || e.Code != c.code || e.Fix == "" {
				t.Fatalf("error %#v, want %s", err, c.code)
			}
			if strings.Contains(e.Message+e.Fix, "example.") || strings.Contains(e.Message+e.Fix, "639") {
				t.Errorf("the error holds personal data: %s; %s", e.Message, e.Fix)
			}
			var near, many []string
			for _, f := range x.Near {
				near = append(near, f.Value)
			}
			for _, f := range x.Candidates {
				many = append(many, f.Type)
			}
			if diff := cmp.Diff(c.near, near); diff != "" {
				t.Errorf("near (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.many, many); diff != "" {
				t.Errorf("candidates (-want +got):\n%s", diff)
			}
		})
	}
}

// TestExplainLarge holds that a component of 50,000 identifiers is explained.
func TestExplainLarge(t *testing.T) {
	a := shopApp(t, shopSQL, `
insert into weir.customer_nodes_b1 select 1000 + i, 'phone', '+4477009' || lpad(cast(i as varchar), 5, '0'), 'orders', 'active', null, null, 1, 1, 1, 'cus_1', 2, 1 from generate_series(0, 49999) as g(i);
insert into weir.customer_tuples_b1 select 'orders', null, null, 7, 1000 + i, null, 7, null, null, 1 from generate_series(0, 49999) as g(i)`)
	begun := time.Now()
	x, err := a.ExplainIdentity(t.Context(), "customer_id=17", "phone=+447700949999")
	if err != nil {
		t.Fatal(err)
	}
	if got := len(x.Chain); x.Verdict != VerdictTogether || got != 9 {
		t.Errorf("%s by %d steps, want 9: %s", x.Verdict, got, chainText(x.Chain))
	}
	if x, err = a.ExplainIdentity(t.Context(), "cus_1", "cus_2"); err != nil || x.Verdict != VerdictApart || len(x.Chain) != 3 {
		t.Errorf("%s, %v: %s", x.Verdict, err, chainText(x.Chain))
	}
	if x, err = a.ExplainIdentity(t.Context(), "cus_1", ""); err != nil || len(x.Profile.Identifiers) != listedMembers || x.Profile.More["identifiers"] != 50_005-listedMembers {
		t.Errorf("%d identifiers, %v more, %v", len(x.Profile.Identifiers), x.Profile.More, err)
	}
	t.Logf("three explanations took %s", time.Since(begun).Round(time.Millisecond))
}
