package project

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMeanings changes the shop and looks at what means something else then.
func TestMeanings(t *testing.T) {
	load := func(target string, change func(dir string)) []Meaning {
		t.Helper()
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(shop)); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(dir)
		}
		p, fs := Load(dir, target)
		if len(fs) > 0 {
			t.Fatal(render(fs))
		}
		return p.Meanings()
	}
	replace := func(file string, pairs ...string) func(string) {
		return func(dir string) {
			path := filepath.Join(dir, file)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text := string(b)
			for i := 0; i < len(pairs); i += 2 {
				if !strings.Contains(text, pairs[i]) {
					t.Fatalf("%s has no %q", file, pairs[i])
				}
				text = strings.Replace(text, pairs[i], pairs[i+1], 1)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	base := load("", nil)
	changed := func(to []Meaning) string {
		var out []string
		for _, m := range to {
			i := slices.IndexFunc(base, func(b Meaning) bool { return b.Kind == m.Kind && b.Name == m.Name })
			if i < 0 || base[i].Hash != m.Hash {
				out = append(out, m.Kind+"."+m.Name)
			}
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	const segments = "segments/segments.yml"
	for name, c := range map[string]struct {
		change func(string)
		want   string
	}{
		"nothing":     {nil, ""},
		"comment":     {replace("weir.yml", "# A shop", "# The shop"), ""},
		"description": {replace(segments, "Spent 500 or more, our own people apart.", "Spent a lot."), ""},
		"layout":      {replace("customer.yml", "{from: crm_contacts.mobile, keep: latest, pii: phone}", "{pii: phone, keep: latest, from: [crm_contacts.mobile]}"), ""},
		"default":     {replace("customer.yml", "{from: crm_contacts.mobile, keep: latest, pii: phone}", "{from: crm_contacts.mobile, pii: phone}"), ""},
		"schedule":    {replace("syncs/syncs.yml", "0 * * * *", "5 * * * *"), ""},
		"target":      {replace("weir.yml", "send: sandbox", "send: live"), ""},
		"file": {func(dir string) {
			if err := os.Rename(filepath.Join(dir, "policies.yml"), filepath.Join(dir, "zz.yaml")); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"order of traits": {replace("customer.yml", "first_name:     {from: crm_contacts.first_name, keep: latest, pii: name}", "",
			"country:        {from: [crm_contacts.country, orders.ship_country], keep: first_found}", "country:        {from: [crm_contacts.country, orders.ship_country], keep: first_found}\n      first_name:     {from: crm_contacts.first_name, keep: latest, pii: name}"), ""},

		"threshold": {replace(segments, "at_least: 500", "at_least: 501"), "segment.vip"},
		"identity":  {replace("customer.yml", "limit: 5", "limit: 6"), "entity.customer"},
		"rank": {replace("customer.yml", "        anonymous_id: {limit: 100, max_links: {customer_id: 1}}\n", "",
			"        phone:        {normalize", "        anonymous_id: {limit: 100, max_links: {customer_id: 1}}\n        phone:        {normalize"), "entity.customer"},
		"source":          {replace("sources/shop.yml", "ordered_at", "placed_at"), "source.orders"},
		"mapping":         {replace("syncs/syncs.yml", "match: {email: email, phone: phone}", "match: {email: email}"), "sync.vip_ads"},
		"destination":     {replace("destinations.yml", "1234567890", "1234567891"), "sync.vip_ads"},
		"policy":          {replace("policies.yml", "is: true", "exists: true"), "sync.vip_lapsed_email"},
		"a new one":       {replace(segments, "segments:\n", "segments:\n  everybody: {entity: customer}\n"), "segment.everybody"},
		"time zone":       {replace("weir.yml", "Europe/Paris", "Europe/Berlin"), "entity.customer segment.cart_abandoners segment.employees segment.newsletter_readers segment.vip segment.vip_lapsed source.crm_contacts source.newsletter source.orders source.support_tickets source.web_events"},
		"order of values": {replace("customer.yml", "[crm_contacts.country, orders.ship_country]", "[orders.ship_country, crm_contacts.country]"), "entity.customer"},
	} {
		if d := cmp.Diff(c.want, changed(load("", c.change))); d != "" {
			t.Errorf("%s changes (-want +got):\n%s", name, d)
		}
	}
	for _, m := range base {
		if m.File == "" || len(m.Hash) != 32 {
			t.Errorf("%+v", m)
		}
	}
}

func TestPlainSQL(t *testing.T) {
	same := []string{
		"select a, 'x  y' from t where b = 1",
		"select a,\n  'x  y' -- why\n from t /* where c */ where b = 1\n",
		"\tselect a, 'x  y'\r\nfrom t where b = 1 -- end",
	}
	for _, s := range same[1:] {
		if d := cmp.Diff(plainSQL(same[0]), plainSQL(s)); d != "" {
			t.Error(d)
		}
	}
	for _, c := range [][2]string{
		{"select 'a  b'", "select 'a b'"}, {"select 'a--b'", "select 'a--c'"}, {"select 'it''s -- a'", "select 'it''s -- b'"}, {`select "a/*b*/"`, `select "a/*c*/"`},
		{`select 'a\'--b'`, `select 'a\'--c'`}, {"select $$--a$$", "select $$--b$$"}, {"select /*+ a */ 1", "select /*+ b */ 1"}, {"select '''a -- b'''", "select '''a -- c'''"}, {"select a b", "select ab"}, {"select 'a", "select 'b"}, {"/* a /* b */ */ 1", "/* a /* c */ */ 1"},
	} {
		if plainSQL(c[0]) == plainSQL(c[1]) {
			t.Errorf("%q and %q are taken for the same", c[0], c[1])
		}
	}
}
