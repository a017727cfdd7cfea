//go:build cgo && !noduckdb

package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	_ "github.com/weir-data/weir/destinations/http"
	"github.com/weir-data/weir/syncs"
)

const orderYAML = `
project: order
targets: {dev: {type: duckdb, path: order.duckdb, threads: 1, send: live}}
sources:
  crm: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {email: email}}
entities:
  customer:
    identity: {identifiers: {email: {}}, from: crm}
    traits: {email: {from: crm.email}}
segments:
  everybody: {entity: customer, where: {trait: email, exists: true}}
destinations:
  a: {type: http, url: "URL/a", allow_private: true, answer: json, purpose: none}
  b: {type: http, url: "URL/b", allow_private: true, answer: json, purpose: none}
  c: {type: http, url: "URL/c", allow_private: true, answer: json, purpose: none}
  d: {type: http, url: "URL/d", allow_private: true, answer: json, purpose: none}
syncs:
  a: {segment: everybody, destination: a, object: rows, match: {email: email}, with: {batch_size: 2}, after: b}
  b: {segment: everybody, destination: b, object: rows, match: {email: email}, with: {batch_size: 2}, after: c}
  c: {segment: everybody, destination: c, object: rows, match: {email: email}, with: {batch_size: 2}}
  d: {segment: everybody, destination: d, object: rows, match: {email: email}, with: {batch_size: 2}}
`

// TestRunInOrder holds that in a run a sync with after: begins when the one that it follows has
// ended well, and is skipped with a reason otherwise; and that what was not picked is not waited for.
func TestRunInOrder(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	answer := map[string]int{} // status by path; 200 for those that are not there
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		name := strings.TrimPrefix(r.URL.Path, "/")
		calls = append(calls, name)
		w.Header().Set("Content-Type", "application/json")
		if code := answer[name]; code != 0 {
			w.WriteHeader(code)
		}
		_, _ = io.WriteString(w, `{"ok": true}`)
	}))
	defer srv.Close()
	dir := written(t, strings.ReplaceAll(orderYAML, "URL", srv.URL))
	first := loaded(t, dir)
	exec(t, first, "create schema shop", "create table shop.crm (id varchar, email varchar, changed_at timestamptz)")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	people := 0
	run := func(o Options) (ended map[string]syncs.Status, skipped []SkippedSync, chained []string) {
		t.Helper()
		o.Dir = dir
		a, findings, err := Load(t.Context(), o)
		if err != nil {
			t.Fatal(err, findings)
		}
		defer a.Close()
		must(a.warehouse())
		exec(t, a, fmt.Sprintf("insert into shop.crm select 'k' || i, 'p' || i || '@example.com', timestamptz '2026-01-01 00:00:00+00' from range(%d, %d) t(i)", people, people+3))
		people += 3
		mu.Lock()
		calls = nil
		mu.Unlock()
		res, err := a.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ended = map[string]syncs.Status{}
		for _, r := range res.Runs {
			ended[r.Sync] = r.Status
		}
		mu.Lock()
		defer mu.Unlock()
		return ended, res.Skipped, slices.DeleteFunc(slices.Clone(calls), func(n string) bool { return n == "d" })
	}
	check := func(what string, got, want any) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	all := map[string]syncs.Status{"a": syncs.OK, "b": syncs.OK, "c": syncs.OK, "d": syncs.OK}

	for _, limit := range []int{1, 4} { // one place is enough: nobody waits in it
		ended, skipped, chained := run(Options{Limit: limit})
		check("all are well", ended, all)
		check("nobody is skipped", skipped, []SkippedSync{})
		if want := slices.Repeat([]string{"c"}, len(chained)/3); !slices.Equal(chained[:len(want)], want) || !slices.IsSortedFunc(chained, func(x, y string) int { return strings.Compare(y, x) }) || len(want) == 0 {
			t.Errorf("the calls were in the order %v", chained)
		}
	}

	answer["c"] = http.StatusUnauthorized
	ended, skipped, chained := run(Options{})
	check("one fails", ended, map[string]syncs.Status{"c": syncs.Failed, "d": syncs.OK})
	check("what follows it", skipped, []SkippedSync{{"a", "b", "b was skipped"}, {"b", "c", "c failed"}})
	if slices.Contains(chained, "a") || slices.Contains(chained, "b") {
		t.Errorf("something was sent after it: %v", chained)
	}
	ended, skipped, _ = run(Options{Select: []string{"sync:a", "sync:b"}})
	check("it is not waited for, who was not picked", ended, map[string]syncs.Status{"a": syncs.OK, "b": syncs.OK})
	check("nobody is skipped then", skipped, []SkippedSync{})

	delete(answer, "c")
	a := loaded(t, dir)
	must(a.PauseSync(t.Context(), "c", "ann", ""))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	ended, skipped, _ = run(Options{})
	check("one is paused", ended, map[string]syncs.Status{"d": syncs.OK})
	check("what follows it then", skipped, []SkippedSync{{"a", "b", "b was skipped"}, {"b", "c", "c is paused"}})
}
