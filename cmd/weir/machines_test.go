//go:build cgo && !noduckdb && unix

package main_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	_ "github.com/weir-data/weir/internal/warehouse/postgres"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// machine is one weir serve, with a folder of its own.
type machine struct {
	cmd *exec.Cmd

	mu     sync.Mutex
	lines  []map[string]any
	ended  chan struct{}
	grown  *sync.Cond
	closed bool
}

// serve starts a machine on the project whose text is given.
func serve(t *testing.T, text string, env ...string) *machine {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &machine{cmd: exec.Command("weir", "serve", "-p", dir, "--listen", "127.0.0.1:0", "--log", "json"), ended: make(chan struct{})}
	m.grown = sync.NewCond(&m.mu)
	m.cmd.Env = append(os.Environ(), env...)
	log, err := m.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(m.ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) != nil {
				line = map[string]any{"msg": lines.Text()}
			}
			m.mu.Lock()
			m.lines = append(m.lines, line)
			m.grown.Broadcast()
			m.mu.Unlock()
		}
		_ = m.cmd.Wait()
		m.mu.Lock()
		m.closed = true
		m.grown.Broadcast()
		m.mu.Unlock()
	}()
	t.Cleanup(func() {
		_ = m.cmd.Process.Kill() // fails if it has ended
		<-m.ended
		if t.Failed() {
			for _, l := range m.log() {
				t.Log(m.cmd.Process.Pid, l)
			}
		}
	})
	return m
}

// until waits for a line of the log that says what, of a sync.
func (m *machine) until(t *testing.T, what, of string, also ...string) {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() { m.mu.Lock(); m.closed = true; m.grown.Broadcast(); m.mu.Unlock() })
	defer late.Stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for at := 0; ; {
		for ; at < len(m.lines); at++ {
			l := m.lines[at]
			if l["msg"] == what && (of == "" || l["sync"] == of) && (len(also) == 0 || l[also[0]] == also[1]) {
				return
			}
		}
		if m.closed {
			t.Fatalf("no line %q of %q in the log", what, of)
		}
		m.grown.Wait()
	}
}

func (m *machine) log() []map[string]any {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]map[string]any(nil), m.lines...)
}

// TestTwoMachines shares the schedules of two syncs between two processes, with everything on
// PostgreSQL, and kills one in the middle of a delivery. The other ends what it had begun, the
// destination holds who it should, and no slot ran twice or was missed.
func TestTwoMachines(t *testing.T) {
	dir := pgtest.Dir(pgtest.Start(t))
	dsn := "host=" + dir + " user=weir dbname=postgres sslmode=disable"
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(fmt.Sprintf(`create table contacts as select 'c' || i as id, 'p' || i || '@example.com' as email, 'Name' || i as first_name,
		timestamp '2026-01-01' + i * interval '1 second' as changed_at from generate_series(0, %d) i`, crowd-1)); err != nil {
		t.Fatal(err)
	}
	big, ticks := newCRM(t), newCRM(t)
	middle := make(chan struct{})
	big.fail = func(call int, _ http.ResponseWriter, _ *http.Request) bool {
		if call == crowd/25/4 {
			close(middle)
		}
		time.Sleep(150 * time.Millisecond) // what a vendor takes
		return false
	}
	text := fmt.Sprintf(`project: small
secret_key: "${env:WEIR_SECRET_KEY}"
targets:
  prod: {type: postgres, dsn: "${env:WEIR_DSN}", schema: weir, send: live, store: "${env:WEIR_STORE}"}
sources:
  contacts: {table: public.contacts, key: id, updated_at: changed_at, identifiers: {customer_id: id, email: email}}
entities:
  customer:
    identity:
      identifiers: {customer_id: {limit: 1}, email: {normalize: email, max_links: {customer_id: 1}}}
      from: [contacts]
    traits:
      email: {from: contacts.email, keep: latest, pii: email}
      first_name: {from: contacts.first_name, keep: latest, pii: name}
segments:
  everybody: {entity: customer, where: {trait: first_name, exists: true}}
destinations:
  crm: {type: http, url: %q, allow_private: true, timeout: 1s, answer: json, purpose: none}
  bell: {type: http, url: %q, allow_private: true, timeout: 1s, answer: json, purpose: none}
syncs:
  to_crm: {segment: everybody, destination: crm, object: rows, match: {email: email}, fields: {first_name: first_name}, with: {batch_size: 25}, every: 5s}
  to_bell: {sql: "select 'k' as id, 'p1@example.com' as email", key: id, destination: bell, object: rows, match: {email: email}, every: 2s}
`, big.URL, ticks.URL)
	env := []string{"NO_COLOR=1", "WEIR_DSN=" + dsn, "WEIR_STORE=postgres://weir@/postgres?host=" + dir, "WEIR_SECRET_KEY=not secret here, and long enough"}
	machines := []*machine{serve(t, text, env...), serve(t, text, env...)}
	for _, m := range machines {
		m.until(t, "serving", "")
	}
	select {
	case <-middle:
	case <-time.After(time.Minute):
		t.Fatal("nothing is delivered")
	}
	var pid int
	if err := db.QueryRow("select pid from weir.epochs where sync = 'to_crm'").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	dead, alive := machines[0], machines[1]
	if alive.cmd.Process.Pid == pid {
		dead, alive = alive, dead
	} else if dead.cmd.Process.Pid != pid {
		t.Fatalf("process %d delivers", pid)
	}
	if err := dead.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-dead.ended
	if n := len(big.holds()); n == crowd {
		t.Fatal("it was killed too late: everybody was there")
	}
	alive.until(t, "taken over", "to_crm")
	alive.until(t, "ran", "to_crm", "status", "ok")
	if d := cmp.Diff(everybody(), big.holds()); d != "" {
		t.Errorf("who is there (-want +got):\n%s", d)
	}
	if err := alive.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-alive.ended
	slotsAreWhole(t, db, machines)
}

// slotsAreWhole asserts that every slot of both syncs, from the first to the last, was one job or was
// skipped since its sync still ran, and that every job is over.
func slotsAreWhole(t *testing.T, db *sql.DB, machines []*machine) {
	t.Helper()
	seen := map[string]map[int64]int{"to_crm": {}, "to_bell": {}}
	rows, err := db.QueryContext(context.Background(), `select s->>'sync', (s->>'at')::bigint, state::text from weir_state.river_job, jsonb_array_elements(args->'slots') s`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var sync, state string
		var at int64
		if err := rows.Scan(&sync, &at, &state); err != nil {
			t.Fatal(err)
		}
		seen[sync][at]++
		if state == "discarded" || state == "cancelled" {
			t.Errorf("a job of %s is %s", sync, state)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, m := range machines {
		for _, l := range m.log() {
			if text, _ := l["msg"].(string); strings.HasPrefix(text, "skipped") {
				at, err := time.Parse(time.RFC3339Nano, l["slot"].(string))
				if err != nil {
					t.Fatal(err)
				}
				seen[l["sync"].(string)][at.UnixMicro()]++
			}
		}
	}
	for sync, every := range map[string]time.Duration{"to_crm": 5 * time.Second, "to_bell": 2 * time.Second} {
		var first, last int64
		for at := range seen[sync] {
			if first == 0 || at < first {
				first = at
			}
			last = max(last, at)
		}
		n := 0
		for at := first; at <= last; at += every.Microseconds() {
			if n++; seen[sync][at] != 1 {
				t.Errorf("%s: the slot %s was seen %d times", sync, time.UnixMicro(at).UTC(), seen[sync][at])
			}
		}
		if n < 3 || n != len(seen[sync]) {
			t.Errorf("%s: %d slots, of which %d lie on the clock", sync, len(seen[sync]), n)
		}
	}
}
