//go:build cgo && !noduckdb

package app

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/warehouse"
)

const crowdYAML = `
project: crowd
targets: {dev: TARGET}
sources:
  crm:    {table: shop.crm, key: id, updated_at: changed_at, identifiers: {customer_id: customer_id, email: email, phone: phone}}
  orders: {table: shop.orders, key: id, time: changed_at, identifiers: {email: email, phone: phone, ip: ip}}
entities:
  customer:
    identity:
      identifiers:
        customer_id: {limit: 1}
        email: {limit: 3, max_links: {customer_id: 2}}
        phone: {max_links: {customer_id: 2}}
        ip: {role: attach}
      from: [crm, orders]
      guard: {max_merged: 100%}
`

// crowd writes rows of people who share much: few numbers, fewer addresses.
func crowd(t *testing.T, a *App, r *rand.Rand, from, to int) {
	t.Helper()
	some := func(format string, of int, share float64) string {
		if r.Float64() > share {
			return "null"
		}
		return "'" + fmt.Sprintf(format, r.IntN(of)) + "'"
	}
	var crm, orders []string
	for i := from; i < to; i++ {
		at := fmt.Sprintf("timestamptz '2026-01-01 00:00:00+00' + interval '%d minutes'", i)
		crm = append(crm, fmt.Sprintf("('k%d', %s, %s, %s, %s)", i, some("%d", 60, 0.7), some("p%d@example.com", 90, 0.6), some("+336399800%02d", 70, 0.4), at))
		orders = append(orders, fmt.Sprintf("(%d, %s, %s, %s, %s)", i, some("p%d@example.com", 90, 0.5), some("+336399800%02d", 70, 0.4), some("203.0.113.%d", 60, 0.3), at))
	}
	err := a.session(t.Context(), func(s warehouse.Session) error {
		for _, st := range []string{
			"create schema if not exists shop",
			"create table if not exists shop.crm (id varchar, customer_id varchar, email varchar, phone varchar, changed_at timestamptz)",
			"create table if not exists shop.orders (id bigint, email varchar, phone varchar, ip varchar, changed_at timestamptz)",
			"insert into shop.crm values " + strings.Join(crm, ", "), "insert into shop.orders values " + strings.Join(orders, ", "),
		} {
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

// asks reads rows of texts.
func asks(t *testing.T, a *App, sql string) (out [][]string) {
	t.Helper()
	err := a.session(t.Context(), func(s warehouse.Session) error {
		for row, err := range s.Query(t.Context(), sql) {
			if err != nil {
				return err
			}
			var texts []string
			for i := range row {
				texts = append(texts, cells(row).text(i))
			}
			out = append(out, texts)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// backed holds that each row of a chain has the identifiers beside it, by the source itself.
func backed(t *testing.T, a *App, x *Explanation) {
	t.Helper()
	for i, l := range x.Chain {
		if l.Kind != "row" {
			continue
		}
		var has []string
		for _, beside := range []int{i - 1, i + 1} {
			if beside >= 0 && beside < len(x.Chain) && x.Chain[beside].Kind == "identifier" && x.Chain[beside].Type != "record" {
				has = append(has, fmt.Sprintf("%s = '%s'", x.Chain[beside].Type, x.Chain[beside].Value))
			}
		}
		if l.Key != "" {
			has = append(has, "cast(id as varchar) = '"+l.Key+"'")
		}
		n := asks(t, a, fmt.Sprintf("select count(*) from shop.%s where %s", l.Source, strings.Join(has, " and ")))
		if n[0][0] == "0" {
			t.Errorf("%s: no row of %s has %s", x.Summary, l.Source, strings.Join(has, " and "))
		}
	}
}

// TestEveryMergeHasEvidence holds, on people who share much, that each merge has a chain of rows
// which the build used, and that whatever is apart says why.
func TestEveryMergeHasEvidence(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(strings.Replace(crowdYAML, "TARGET", target(t), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	a, findings, err := Load(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatalf("%v: %v", err, findings)
	}
	defer a.Close()
	r := rand.New(rand.NewPCG(5, 8))
	for i := range 3 {
		crowd(t, a, r, i*25, i*25+25)
		if _, err := a.Build(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(one, two, want string) *Explanation {
		x, err := a.ExplainIdentity(t.Context(), one, two)
		if err != nil {
			t.Fatalf("%s and %s: %v", one, two, err)
		}
		if x.Verdict != want && want != "" {
			t.Errorf("%s and %s: %s, want %s: %s", one, two, x.Verdict, want, x.Summary)
		}
		backed(t, a, x)
		return x
	}

	merges := asks(t, a, "select from_id, to_id from weir.customer_merges where kind = 'merge' order by 1 limit 12")
	for _, m := range merges {
		if x := ask(m[0], m[1], ""); len(x.A.Followed) == 0 {
			t.Errorf("%s was merged into %s, and is not followed", m[0], m[1])
		}
	}
	within := asks(t, a, `select a.type || '=' || a.value, b.type || '=' || b.value from weir.customer_nodes a join weir.customer_nodes b on a.cluster = b.cluster and a.node < b.node
		where a.type <> 'record' and b.type <> 'record' order by md5(cast(a.node * 1000 + b.node as varchar)) limit 30`)
	for _, pair := range within {
		x := ask(pair[0], pair[1], VerdictTogether)
		if len(x.Chain) < 3 {
			t.Errorf("%s and %s are one without evidence", pair[0], pair[1])
		}
		for _, l := range x.Chain {
			if l.Apart || l.Kind == "identifier" && l.ProfileID != x.A.ProfileID {
				t.Errorf("%s and %s are one by what was dropped: %s", pair[0], pair[1], chainText(x.Chain))
			}
		}
	}
	across := asks(t, a, `select distinct a.profile_id, b.profile_id from weir.customer_nodes a join weir.customer_nodes b on a.component = b.component and a.profile_id < b.profile_id order by 1, 2 limit 15`)
	for _, pair := range across {
		x := ask(pair[0], pair[1], VerdictApart)
		apart := false
		for _, l := range x.Chain {
			apart = apart || l.Apart
		}
		if len(x.Reasons) == 0 || !apart {
			t.Errorf("%s and %s hang together and are two for no reason: %s", pair[0], pair[1], chainText(x.Chain))
		}
	}
	shared := asks(t, a, `select type || '=' || value, min(rule) from weir.customer_dropped_links where rule in ('max_links', 'contested') group by 1 order by 1 limit 10`)
	for _, d := range shared {
		if x := ask(d[0], "", VerdictApart); len(x.Reasons) == 0 || x.Reasons[0].Rule != d[1] {
			t.Errorf("%s: %+v, want %s", d[0], x.Reasons, d[1])
		}
	}
	if len(merges) == 0 || len(within) < 20 || len(across) == 0 || len(shared) == 0 {
		t.Errorf("the crowd shows too little: %d merges, %d within, %d across, %d shared", len(merges), len(within), len(across), len(shared))
	}
}
