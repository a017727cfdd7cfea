//go:build cgo && !noduckdb

package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	_ "github.com/weir-data/weir/destinations/http"
	"github.com/weir-data/weir/internal/project"
)

const modesYAML = `
project: modes
targets: {dev: {type: duckdb, path: modes.duckdb, threads: 1, send: live}}
sources:
  crm: {table: shop.crm, key: id, updated_at: changed_at, identifiers: {customer_id: id, email: email}}
entities:
  customer:
    identity: {identifiers: {customer_id: {limit: 1}, email: {limit: 5}}, from: crm}
    traits:
      email: {from: crm.email, pii: email}
      name: {from: crm.name}
      inside: {from: crm.inside}
      may: {from: crm.may}
segments:
  club: {entity: customer, where: {trait: inside, is: true}}
policies:
  asked: {entity: customer, purpose: news, require: {trait: may, is: true}}
`

// modeSyncs are every allowed way of a sync, by name, with what it says.
var modeSyncs = map[string]string{
	"mirror":            "object: rows, mode: mirror",
	"mirror_keep":       "object: rows, mode: mirror, on_leave: keep, first_run: adopt",
	"mirror_clear":      "object: rows, mode: mirror, on_leave: clear",
	"add":               "object: rows, mode: add",
	"upsert":            "object: rows, mode: upsert",
	"upsert_remove":     "object: rows, mode: upsert, on_leave: remove",
	"upsert_clear":      "object: rows, mode: upsert, on_leave: clear, first_run: adopt",
	"append":            "object: events, mode: append",
	"append_send":       "object: events, mode: append, first_run: send, again: never",
	"append_again":      "object: events, mode: append, again: on_reentry",
	"append_again_send": "object: events, mode: append, first_run: send, again: on_reentry",
	"append_after":      `object: events, mode: append, first_run: skip, again: "after: 30d"`,
	"append_after_send": `object: events, mode: append, first_run: send, again: "after: 30d"`,
}

// modesProject writes the project with a destination for each sync, whose fields are given.
func modesProject(t *testing.T, dir, url, fields string) {
	t.Helper()
	var d, s strings.Builder
	for name, says := range modeSyncs {
		fmt.Fprintf(&d, "  %s: {type: http, url: %q, allow_private: true, answer: json, purpose: news}\n", name, url+"/"+name)
		fmt.Fprintf(&s, "  %s: {segment: club, destination: %s, %s, match: {email: email}, fields: %s}\n", name, name, says, fields)
	}
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(modesYAML+"destinations:\n"+d.String()+"syncs:\n"+s.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// recorder keeps what arrives, by destination, and who is there then.
type recorder struct {
	mu      sync.Mutex
	arrived map[string][]string          // "op address name", by destination
	there   map[string]map[string]string // name by address, by destination
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var in struct {
		Op   string
		Rows []struct {
			IDs    map[string]string
			Fields map[string]*string
		}
	}
	if err := json.NewDecoder(q.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := strings.TrimPrefix(q.URL.Path, "/")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.there[name] == nil {
		r.there[name] = map[string]string{}
	}
	for _, row := range in.Rows {
		who, _, _ := strings.Cut(row.IDs["email"], "@example.com")
		line := in.Op + " " + who
		value := ""
		for _, f := range row.Fields {
			if value = "null"; f != nil {
				value = *f
			}
			line += " " + value
		}
		r.arrived[name] = append(r.arrived[name], line)
		switch in.Op {
		case "remove", "delete":
			delete(r.there[name], who)
		case "emit":
		default:
			r.there[name][who] = value
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{}"))
}

// TestModes leads every allowed way of a sync through the same life of the same people, and holds what
// arrives in each run, who is there then, and how many the ledger says are there.
func TestModes(t *testing.T) {
	rec := &recorder{}
	srv := httptest.NewServer(rec)
	defer srv.Close()
	dir := t.TempDir()
	day := time.Now().UTC().Truncate(24 * time.Hour) // what was sent is remembered by the real clock, so the life lies ahead
	rec.there = map[string]map[string]string{}
	upsert := func(id, email, name string, inside, may bool) string {
		return fmt.Sprintf("insert or replace into shop.crm values ('%s', '%s@example.com', '%s', %v, %v, timestamptz '%s')", id, email, name, inside, may, day.Format(time.RFC3339))
	}
	for i, step := range modeSteps {
		modesProject(t, dir, srv.URL, step.fields)
		a, findings, err := Load(t.Context(), Options{Dir: dir, AsOf: day.AddDate(0, 0, 1)})
		if err != nil {
			t.Fatal(err, findings)
		}
		must(a.warehouse())
		if i == 0 {
			exec(t, a, "create schema shop", "create table shop.crm (id varchar primary key, email varchar, name varchar, inside boolean, may boolean, changed_at timestamptz)")
		}
		for _, p := range step.people {
			exec(t, a, upsert(p.id, p.email, p.name, p.inside, p.may))
		}
		rec.arrived = map[string][]string{}
		res, err := a.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res.Runs {
			if r.Status != "ok" {
				t.Errorf("%s: %s ended %s: %s", step.what, r.Sync, r.Status, r.Error)
			}
		}
		got := map[string]string{}
		for name := range modeSyncs {
			slices.Sort(rec.arrived[name])
			got[name] = strings.Join(rec.arrived[name], ", ")
		}
		if d := cmp.Diff(step.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, d)
		}
		st, err := a.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range st.Syncs {
			if strings.HasPrefix(x.Sync, "append") || x.Sync == "upsert_clear" || x.Sync == "mirror_clear" {
				continue // who is there is no question of theirs
			}
			if n := len(rec.there[x.Sync]); x.Ledger["rows"] != int64(n) {
				t.Errorf("%s: %s has %d people, and the ledger says %d", step.what, x.Sync, n, x.Ledger["rows"])
			}
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		day = day.AddDate(0, 0, step.days)
	}
}

type modePerson struct {
	id, email, name string
	inside, may     bool
}

var modeSteps = []struct {
	what   string
	people []modePerson // who changes before the run
	fields string
	days   int // that pass after it
	want   map[string]string
}{
	{what: "two are in at the first run", days: 1, fields: "{name: name}", people: []modePerson{{"1", "ann", "Ann", true, true}, {"2", "bob", "Bob", true, true}, {"3", "cleo", "Cleo", false, true}}, want: map[string]string{
		"add":               "add ann Ann, add bob Bob",
		"append":            "",
		"append_after":      "",
		"append_after_send": "emit ann Ann, emit bob Bob",
		"append_again":      "",
		"append_again_send": "emit ann Ann, emit bob Bob",
		"append_send":       "emit ann Ann, emit bob Bob",
		"mirror":            "add ann Ann, add bob Bob",
		"mirror_clear":      "add ann Ann, add bob Bob",
		"mirror_keep":       "add ann Ann, add bob Bob",
		"upsert":            "upsert ann Ann, upsert bob Bob",
		"upsert_clear":      "upsert ann Ann, upsert bob Bob",
		"upsert_remove":     "upsert ann Ann, upsert bob Bob",
	}},
	{what: "one enters, and one changes", days: 1, fields: "{name: name}", people: []modePerson{{"2", "bob", "Rob", true, true}, {"3", "cleo", "Cleo", true, true}}, want: map[string]string{
		"add":               "add bob Rob, add cleo Cleo",
		"append":            "emit cleo Cleo",
		"append_after":      "emit cleo Cleo",
		"append_after_send": "emit cleo Cleo",
		"append_again":      "emit cleo Cleo",
		"append_again_send": "emit cleo Cleo",
		"append_send":       "emit cleo Cleo",
		"mirror":            "add bob Rob, add cleo Cleo",
		"mirror_clear":      "add bob Rob, add cleo Cleo",
		"mirror_keep":       "add bob Rob, add cleo Cleo",
		"upsert":            "upsert bob Rob, upsert cleo Cleo",
		"upsert_clear":      "upsert bob Rob, upsert cleo Cleo",
		"upsert_remove":     "upsert bob Rob, upsert cleo Cleo",
	}},
	{what: "one has another address, and one leaves", days: 1, fields: "{name: name}", people: []modePerson{{"1", "ann.new", "Ann", true, true}, {"2", "bob", "Rob", false, true}}, want: map[string]string{
		"add":               "add ann.new Ann",
		"append":            "",
		"append_after":      "",
		"append_after_send": "",
		"append_again":      "",
		"append_again_send": "",
		"append_send":       "",
		"mirror":            "add ann.new Ann, remove ann, remove bob",
		"mirror_clear":      "add ann.new Ann, clear ann null, clear bob null",
		"mirror_keep":       "add ann.new Ann",
		"upsert":            "upsert ann.new Ann",
		"upsert_clear":      "clear ann null, clear bob null, upsert ann.new Ann",
		"upsert_remove":     "delete ann, delete bob, upsert ann.new Ann",
	}},
	{what: "who left comes back, and one says no", days: 40, fields: "{name: name}", people: []modePerson{{"2", "bob", "Rob", true, true}, {"3", "cleo", "Cleo", true, false}}, want: map[string]string{
		"add":               "remove cleo",
		"append":            "",
		"append_after":      "emit bob Rob",
		"append_after_send": "",
		"append_again":      "emit bob Rob",
		"append_again_send": "emit bob Rob",
		"append_send":       "",
		"mirror":            "add bob Rob, remove cleo",
		"mirror_clear":      "add bob Rob, remove cleo",
		"mirror_keep":       "remove cleo",
		"upsert":            "delete cleo",
		"upsert_clear":      "delete cleo, upsert bob Rob",
		"upsert_remove":     "delete cleo, upsert bob Rob",
	}},
	// Who came back too early is told once the time is over. All that was sent counts from the real clock,
	// so that from here on everything is long ago.
	{what: "nothing happens", days: 1, fields: "{name: name}", want: map[string]string{
		"add":               "",
		"append":            "",
		"append_after":      "",
		"append_after_send": "emit bob Rob",
		"append_again":      "",
		"append_again_send": "",
		"append_send":       "",
		"mirror":            "",
		"mirror_clear":      "",
		"mirror_keep":       "",
		"upsert":            "",
		"upsert_clear":      "",
		"upsert_remove":     "",
	}},
	{what: "one leaves after a long time", days: 1, fields: "{name: name}", people: []modePerson{{"2", "bob", "Rob", false, true}}, want: map[string]string{
		"add":               "",
		"append":            "",
		"append_after":      "",
		"append_after_send": "",
		"append_again":      "",
		"append_again_send": "",
		"append_send":       "",
		"mirror":            "remove bob",
		"mirror_clear":      "clear bob null",
		"mirror_keep":       "",
		"upsert":            "",
		"upsert_clear":      "clear bob null",
		"upsert_remove":     "delete bob",
	}},
	{what: "and comes back, and the mapping changes", days: 1, fields: "{name: {text: \"Dear {name}\"}}", people: []modePerson{{"2", "bob", "Rob", true, true}}, want: map[string]string{
		"add":               "add ann.new Dear Ann, add bob Dear Rob",
		"append":            "",
		"append_after":      "emit bob Dear Rob",
		"append_after_send": "emit bob Dear Rob",
		"append_again":      "emit bob Dear Rob",
		"append_again_send": "emit bob Dear Rob",
		"append_send":       "",
		"mirror":            "add ann.new Dear Ann, add bob Dear Rob",
		"mirror_clear":      "add ann.new Dear Ann, add bob Dear Rob",
		"mirror_keep":       "add ann.new Dear Ann, add bob Dear Rob",
		"upsert":            "upsert ann.new Dear Ann, upsert bob Dear Rob",
		"upsert_clear":      "upsert ann.new Dear Ann, upsert bob Dear Rob",
		"upsert_remove":     "upsert ann.new Dear Ann, upsert bob Dear Rob",
	}},
}

// TestModesThatAreRefused holds which of all combinations of the four keys are allowed, and what is
// said of the others.
func TestModesThatAreRefused(t *testing.T) {
	in := func(x string, list ...string) bool { return x == "" || slices.Contains(list, x) }
	n := 0
	for _, mode := range []string{"mirror", "add", "upsert", "append"} {
		for _, leave := range []string{"", "remove", "keep", "clear"} {
			for _, first := range []string{"", "adopt", "replace", "skip", "send"} {
				for _, again := range []string{"", "never", "on_reentry", "after: 30d"} {
					var want []string
					if (mode == "add" || mode == "append") && !in(leave, "keep") || mode != "append" && again != "" {
						want = append(want, "syncs.not_beside")
					}
					switch {
					case mode == "append" && !in(first, "skip", "send"), mode != "append" && !in(first, "adopt"):
						want = append(want, "syncs.first_run")
					}
					slices.Sort(want)
					says := "object: " + map[bool]string{true: "events", false: "rows"}[mode == "append"] + ", mode: " + mode
					for key, v := range map[string]string{"on_leave": leave, "first_run": first, "again": again} {
						if v != "" {
							says += fmt.Sprintf(", %s: %q", key, v)
						}
					}
					yaml := modesYAML + "destinations: {hook: {type: http, url: \"https://example.com/\", purpose: news}}\nsyncs: {one: {segment: club, destination: hook, match: {email: email}, " + says + "}}\n"
					_, findings := project.Load(written(t, yaml), "")
					var got []string
					for _, f := range findings {
						got = append(got, f.Code)
						if f.File == "" || f.Line == 0 || f.Fix == "" {
							t.Errorf("%s: %+v", says, f)
						}
					}
					slices.Sort(got)
					if got = slices.Compact(got); !slices.Equal(got, want) {
						t.Errorf("%s: %v, want %v", says, got, want)
					}
					n++
				}
			}
		}
	}
	t.Logf("%d combinations", n)
}
