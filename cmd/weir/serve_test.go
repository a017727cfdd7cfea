package main_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const served = `project: p
targets:
  dev: {type: duckdb, path: p.duckdb, threads: 1, send: sandbox}
sources:
  people: {table: main.people, key: id, updated_at: changed_at, identifiers: {customer_id: id, email: email}}
entities:
  customer:
    identity:
      identifiers: {customer_id: {limit: 1}, email: {normalize: email}}
      from: people
    traits:
      email: {from: people.email, keep: latest, pii: email}
      may_mail: {from: people.may_mail, keep: latest}
segments:
  all: {entity: customer, where: {trait: may_mail, is: true}}
policies:
  mail: {entity: customer, purpose: mail, require: {trait: may_mail, is: true}}
destinations:
  klaviyo: {type: klaviyo, api_key: "${env:KLAVIYO_API_KEY:-}", purpose: mail}
syncs:
  mail: {segment: all, destination: klaviyo, object: list, into: All, match: {email: email}, every: 1s}
  later: {segment: all, destination: klaviyo, object: list, into: Later, match: {email: email}, after: mail}
`

// TestServe runs schedules in a process of its own, breaks the project, mends it, and stops it.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "weir.yml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(served)
	db := exec.Command("duckdb", filepath.Join(dir, "p.duckdb"), "create table people as select 'c' || i as id, 'p' || i || '@example.com' as email, true as may_mail, timestamp '2026-01-01' as changed_at from range(20) t(i)", "select 1")
	if out, err := db.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := exec.Command("weir", "serve", "-p", dir, "--listen", "127.0.0.1:0", "--log", "json")
	c.Env = append(os.Environ(), "NO_COLOR=1")
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer deadline.Stop()
	var all strings.Builder
	lines := bufio.NewScanner(log)
	until := func(parts ...string) {
		t.Helper()
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
			found := true
			for _, p := range parts {
				found = found && strings.Contains(lines.Text(), p)
			}
			if found {
				return
			}
		}
		t.Fatalf("no line with %q in the log:\n%s", parts, all.String())
	}
	until(`"msg":"serving"`)
	until(`"msg":"ran"`, `"sync":"mail"`, `"status":"ok"`, `"added":20`)
	until(`"msg":"ran"`, `"sync":"later"`, `"status":"ok"`, `"added":20`)
	write(strings.Replace(served, "segment: all,", "segment: nobody,", 1))
	until("models.unknown_segment")
	until(`"msg":"kept the project as it was"`)
	until(`"msg":"ran"`, `"sync":"mail"`, `"added":0`)
	write(strings.NewReplacer("later", "last", "Later", "Last").Replace(served))
	if err := c.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(`"msg":"reloaded"`)
	until(`"msg":"ran"`, `"sync":"last"`)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(`"msg":"stopped"`)
	if err := c.Wait(); c.ProcessState.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("ended with %v", err)
	}
	if strings.Contains(all.String(), "@example.com") {
		t.Errorf("somebody's address is in the log:\n%s", all.String())
	}
}
