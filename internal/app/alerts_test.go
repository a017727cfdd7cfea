//go:build cgo && !noduckdb

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

const tellingYAML = `
project: telling
targets:
  dev: {type: duckdb, path: telling.duckdb, threads: 1, send: live}
  other: {type: duckdb, path: other.duckdb, threads: 1, send: sandbox}
default_target: dev
sources:
  crm: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {email: email}}
entities:
  customer: {identity: {identifiers: {email: {}}, from: crm}, traits: {email: {from: crm.email}}}
segments:
  everybody: {entity: customer, where: {trait: email, exists: true}}
destinations:
  out: {type: file, path: out, purpose: none}
syncs:
  vip: {segment: everybody, destination: out, into: vip, match: {email: email}, guard: {max_removed: 100%, max_added: 100%}}
  all: {segment: everybody, destination: out, into: all, match: {email: email}, guard: {max_removed: 100%, max_added: 100%}}
alerts:
  team: {type: http, url: "URL/team", on: [failed, held, full_resync, size_change, recovered], syncs: vip}
  quiet: {type: http, url: "URL/quiet", targets: other}
  lost: {type: http, url: "${env:NOBODY_SET_THIS}", on: failed}
`

// inbox is where alerts of a test arrive.
type inbox struct {
	*httptest.Server
	mu    sync.Mutex
	away  bool
	texts []string // "path event title"
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{}
	in.Server = httptest.NewServer(in)
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.away {
		w.WriteHeader(http.StatusNotFound) // which nobody repeats at once
		return
	}
	body, err := io.ReadAll(r.Body)
	var m struct{ Event, Title string }
	if err == nil && json.Unmarshal(body, &m) == nil {
		in.texts = append(in.texts, r.URL.Path+" "+m.Event+": "+m.Title)
	}
}

// take returns what arrived since the last time.
func (in *inbox) take(away bool) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	out := in.texts
	in.texts, in.away = nil, away
	return out
}

// TestTell follows a sync whose size changes while nobody can be told, and looks at what is kept.
func TestTell(t *testing.T) {
	in := newInbox(t)
	dir := written(t, strings.ReplaceAll(tellingYAML, "URL", in.URL))
	a := loaded(t, dir)
	exec(t, a, "create schema shop", "create table shop.crm as select 'k' || i as id, 'p' || i || '@example.com' as email, timestamptz '2026-01-01 00:00:00+00' as changed_at from generate_series(1, 120) t(i)")
	names := []string{"vip", "all"}
	round := func() []Alerted {
		t.Helper()
		a := loaded(t, dir) // as after a restart
		res, err := a.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		told, err := a.Tell(t.Context(), names, res, nil)
		if err != nil {
			t.Fatal(err)
		}
		return told
	}
	arrived := func(want ...string) {
		t.Helper()
		if d := cmp.Diff(want, in.take(false)); d != "" {
			t.Errorf("arrived (-want +got):\n%s", d)
		}
	}
	round()
	arrived("/team full_resync: vip wrote everybody")
	round()
	round()
	arrived()
	exec(t, a, "delete from shop.crm where substr(id, 2)::int > 60")
	in.take(true)
	if got := round(); len(got) != 1 || !strings.Contains(got[0].Error, "404") || got[0].Title != "vip shrank by 50%" {
		t.Errorf("with nobody there: %+v", got)
	}
	arrived()
	round() // the median is still what it was
	arrived("/team size_change: vip shrank by 50%")
	round()
	arrived()

	// A build that fails is told; the alert whose address is not set is an entry with what to do.
	failed := &Error{Kind: Unavailable, Code: "warehouse.unreachable", Message: "opening telling.duckdb: user 'Ana' may not"}
	told, err := a.Tell(t.Context(), names, &RunResult{}, failed)
	if err != nil || len(told) != 2 || told[0].Alert != "lost" || !strings.Contains(told[0].Error, "${env:NOBODY_SET_THIS}") || told[1].Error != "" {
		t.Errorf("%+v, %v", told, err)
	}
	arrived("/team failed: vip failed")
	list, err := a.Alerts(t.Context())
	if err != nil || len(list) != 3 || len(list[0].Told) != 2 || list[0].Told[0].State != "shrank" || list[0].Told[1].State != "failed" || !list[0].Active || list[1].Active {
		t.Errorf("%+v, %v", list, err)
	}
	// Not begun because it is paused, or because somebody else runs it: nothing happened to it.
	for _, res := range []*RunResult{
		{Paused: []PausedSync{{Sync: "vip"}, {Sync: "all"}}},
		{Failures: map[string]error{"vip": fmt.Errorf("x: %w", &syncs.HeldError{Sync: "vip"}), "all": &syncs.HeldError{Sync: "all"}}},
	} {
		if told, err := a.Tell(t.Context(), names, res, errors.New("not all of them ran")); err != nil || len(told) > 0 {
			t.Errorf("%+v, %v", told, err)
		}
	}
	round()
	arrived("/team recovered: vip is well again")
}

// A project that is refused is told once, and once when it is in order again, by alerts about all syncs.
func TestTellReading(t *testing.T) {
	in := newInbox(t)
	yaml := strings.Replace(strings.ReplaceAll(tellingYAML, "URL", in.URL), ", syncs: vip}", ", syncs: vip}\n  all: {type: http, url: \""+in.URL+"/all\"}", 1)
	dir := written(t, yaml)
	read := func(away bool, findings []diag.Finding, err error, want ...string) {
		t.Helper()
		in.take(away)
		a := loaded(t, dir) // as after a restart
		told, terr := a.TellReading(t.Context(), findings, err)
		if terr != nil {
			t.Fatal(terr)
		}
		for _, x := range told {
			if (x.Error != "") != away || x.Alert != "all" || x.Syncs == nil {
				t.Errorf("%+v", x)
			}
		}
		if d := cmp.Diff(want, in.take(false)); d != "" {
			t.Errorf("arrived (-want +got):\n%s", d)
		}
	}
	bad := &Error{Kind: Refused, Code: "project.findings", Message: "2 findings"}
	findings := []diag.Finding{{File: "weir.yml", Severity: diag.Warning, What: "unused"}, {File: "weir.yml", Line: 3, Col: 5, What: `there is no trait "Ana"`}, {File: "weir.yml", What: "more"}}
	read(false, nil, nil)
	read(true, findings, bad) // nobody is there
	read(false, findings, bad, "/all reload: the changed project is refused")
	read(false, findings[:2], bad)
	list, err := loaded(t, dir).Alerts(t.Context())
	if err != nil || !slices.ContainsFunc(list, func(x AlertStatus) bool {
		return x.Alert == "all" && len(x.Told) == 1 && x.Told[0].Sync == "" && x.Told[0].State == "refused"
	}) {
		t.Errorf("%+v, %v", list, err)
	}
	read(false, nil, nil, "/all recovered: the changed project is in use")
	read(false, nil, nil)
}

func TestTestAlert(t *testing.T) {
	in := newInbox(t)
	a := loaded(t, written(t, strings.ReplaceAll(tellingYAML, "URL", in.URL)))
	if _, err := a.TestAlert(t.Context(), "quiet"); err != nil { // though it is of another target
		t.Error(err)
	}
	if d := cmp.Diff([]string{"/quiet test: a test of the alert quiet"}, in.take(true)); d != "" {
		t.Error(d)
	}
	for name, want := range map[string]Error{
		"team": {Kind: Unavailable, Code: "alerts.not_sent"},
		"lost": {Kind: Refused, Code: "alerts.settings"},
		"taem": {Kind: Refused, Code: "alerts.unknown"},
	} {
		_, err := a.TestAlert(t.Context(), name)
		var got *Error
		if !errors.As(err, &got) || got.Kind != want.Kind || got.Code != want.Code || got.Fix == "" {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

// TestUnnamed takes out what may name somebody, from the words of vendors and warehouses.
func TestUnnamed(t *testing.T) {
	for in, want := range map[string]string{
		"refused (403): it's no key":                                  "refused (403): it's no key",
		`Conversion Error: Could not convert string 'Ana B' to INT32`: "Conversion Error: Could not convert string “…” to INT32",
		"column \"Ana\" of `Ben` and «Cleo»\nLINE 1: select 'Dora'":   "column “…” of “…” and “…”",
		"ana@example.com, +33 6 39 98 00 11, Bearer abc":              "[email], [number], [token]",
		"see https://api.example.com/p?email=ana":                     "see [url]",
	} {
		if got := Unnamed(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestReady holds that readiness asks the store and the warehouse, and names nobody.
func TestReady(t *testing.T) {
	dir := written(t, strings.ReplaceAll(tellingYAML, "URL", "http://127.0.0.1:1"))
	a := loaded(t, dir)
	if err := a.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Ready(ctx); err == nil {
		t.Error("ready, though there was no time to look")
	}
	broken := loaded(t, written(t, strings.ReplaceAll(strings.ReplaceAll(tellingYAML, "URL", "http://127.0.0.1:1"), "path: telling.duckdb", "path: gone/telling.duckdb")))
	if err := broken.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "the warehouse is away (warehouse.unreachable)") {
		t.Errorf("%v", err)
	}
}
