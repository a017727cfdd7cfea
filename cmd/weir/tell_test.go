package main_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const told = `project: p
targets:
  dev: {type: duckdb, path: p.duckdb, threads: 1, send: live}
sources:
  people: {table: main.people, key: id, updated_at: changed_at, identifiers: {customer_id: id, email: email}}
entities:
  customer:
    identity:
      identifiers: {customer_id: {limit: 1}, email: {normalize: email}}
      from: people
    traits:
      email: {from: people.email, keep: latest, pii: email}
      first_name: {from: people.first_name, keep: latest, pii: name}
segments:
  all: {entity: customer, where: {trait: email, exists: true}}
destinations:
  crm: {type: http, url: %q, allow_private: true, timeout: 2s, purpose: none}
  other: {type: http, url: "http://127.0.0.1:1", allow_private: true, purpose: none}
syncs:
  mail: {segment: all, destination: crm, object: rows, match: {email: email}, fields: {first_name: first_name}, every: 1s}
  broken: {sql: "select id, email, cast(first_name as integer) as n from main.people", key: id, destination: other, object: rows, match: {email: email}, fields: {n: n}, every: 1s}
alerts:
  team: {type: http, url: %q, secret: "${env:ALERT_SECRET}"}
`

// canaries are what must never be seen of people: values of rows, what a vendor says back of them,
// and secrets.
var canaries = []string{"canary.person", "Canarina", "39 98 00 11", "639980011", "sk_live_canary0123456789", "hunter2"}

// heard is what arrives at a local server, by its path.
type heard struct {
	*httptest.Server
	mu     sync.Mutex
	bodies map[string][]string
	signed []string
	refuse bool
}

func newHeard(t *testing.T) *heard {
	h := &heard{bodies: map[string][]string{}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *heard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bodies[r.URL.Path] = append(h.bodies[r.URL.Path], string(body))
	if r.URL.Path == "/alerts" {
		h.signed = append(h.signed, r.Header.Get("X-Signature"))
	}
	if strings.HasPrefix(r.URL.Path, "/crm") && h.refuse {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error": "key sk_live_canary0123456789 may not write canary.person@example.com, +33 6 39 98 00 11, 'Canarina Person'"}`)
	}
}

func (h *heard) refusing(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = yes
}

func (h *heard) of(path string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.bodies[path])
}

// TestTelling runs a sync that is refused and then is not, beside one that never works, and looks at
// all that weir tells: the log, metrics, traces and alerts. Each change is told once, and nothing of
// it is personal.
func TestF57Telling(t *testing.T) {
	dir, world := t.TempDir(), newHeard(t)
	world.refusing(true)
	db := exec.Command("duckdb", filepath.Join(dir, "p.duckdb"), "create table people as select 'c' || i as id, 'canary.person' || i || '@example.com' as email, 'Canarina' as first_name, timestamp '2026-01-01' as changed_at from range(20) t(i)", "select 1")
	if out, err := db.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	project := fmt.Sprintf(told, world.URL+"/crm", world.URL+"/alerts")
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(project)
	var log strings.Builder
	serve := func(until func(line string) bool) {
		t.Helper()
		c := exec.Command("weir", "serve", "-p", dir, "--listen", "127.0.0.1:0", "--log", "json")
		c.Env = append(os.Environ(), "NO_COLOR=1", "ALERT_SECRET=hunter2", "OTEL_EXPORTER_OTLP_ENDPOINT="+world.URL, "OTEL_SERVICE_NAME=weir-test")
		out, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
		defer deadline.Stop()
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		found := false
		for lines.Scan() {
			log.WriteString(lines.Text() + "\n")
			if !found && until(lines.Text()) {
				found = true
				_ = c.Process.Signal(syscall.SIGTERM)
			}
		}
		_ = c.Wait()
		if !found {
			t.Fatalf("it did not come to it:\n%s", log.String())
		}
	}
	listen, metrics, runs := "", "", map[string]int{}
	ran := func(line string) (msg, sync, status string) {
		var x struct{ Msg, Sync, Status, Listen string }
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Errorf("no JSON: %s", line)
		}
		if x.Listen != "" {
			listen = x.Listen
		}
		return x.Msg, x.Sync, x.Status
	}
	// Refused several times, and well again.
	serve(func(line string) bool {
		switch msg, sync, status := ran(line); {
		case msg == "ran" && sync == "mail":
			if runs[status]++; runs["failed"] == 2 {
				world.refusing(false)
			}
		case msg == "alert sent" && strings.Contains(line, `"event":"recovered"`):
			r, err := http.Get("http://" + listen + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			metrics = string(b)
			return true
		}
		return false
	})
	// A restart tells nothing twice: the other sync still fails.
	failures := 0
	serve(func(line string) bool {
		_, sync, status := ran(line)
		if sync == "broken" && status == "failed" {
			failures++
		}
		return failures == 2
	})

	// Files that are refused are told, and a start that reads them in order tells that too.
	serve(func(line string) bool {
		if strings.Contains(line, `"msg":"serving"`) {
			write(strings.Replace(project, "segment: all,", "segment: nobody,", 1))
		}
		return strings.Contains(line, `"msg":"alert sent"`) && strings.Contains(line, `"event":"reload"`)
	})
	write(project)
	serve(func(line string) bool {
		return strings.Contains(line, `"msg":"alert sent"`) && strings.Contains(line, `"event":"recovered"`)
	})

	var events []string
	for i, body := range world.of("/alerts") {
		var m struct {
			Event, Text, Command string
			Syncs                []string
		}
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			t.Fatal(err)
		}
		events = append(events, m.Event+" "+strings.Join(m.Syncs, ","))
		if m.Text == "" || m.Command == "" {
			t.Errorf("a message that says nothing: %s", body)
		}
		at, sum, _ := strings.Cut(strings.TrimPrefix(world.signed[i], "t="), ",v1=")
		mac := hmac.New(sha256.New, []byte("hunter2"))
		mac.Write([]byte(at + "." + body))
		if sum != hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("not signed: %s", world.signed[i])
		}
	}
	slices.Sort(events)
	if got := strings.Join(events, "; "); got != "failed broken; failed mail; full_resync mail; recovered ; recovered mail; reload " {
		t.Errorf("told: %s\n%s", got, log.String())
	}
	for _, want := range []string{`weir_runs_total{status="failed",sync="mail"}`, `weir_requests_total{class="refused",destination="crm"}`, `weir_rows_total{outcome="delivered",sync="mail"} 20`, `weir_segment_members{entity="customer",segment="all"} 20`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
	spans := strings.Join(world.of("/v1/traces"), "\n")
	for _, want := range []string{"weir-test", "weir serve", "build customer", "run mail", "plan", "send", "settle", "INSERT", "refused"} {
		if !strings.Contains(spans, want) {
			t.Errorf("no span or attribute %q", want)
		}
	}
	// What arrived shows that there was something to hide.
	if crm := strings.Join(world.of("/crm"), "\n"); !strings.Contains(crm, "canary.person1@example.com") || !strings.Contains(crm, "Canarina") {
		t.Errorf("the canaries never flew: %.200s", crm)
	}
	for what, text := range map[string]string{"the log": log.String(), "metrics": metrics, "traces": spans, "alerts": strings.Join(world.of("/alerts"), "\n")} {
		for _, c := range canaries {
			if i := strings.Index(text, c); i >= 0 {
				t.Errorf("%s hold %q: …%q…", what, c, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
}
