//go:build cgo && !noduckdb && unix

package main_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// stalls makes an endpoint answer some calls and keep the next ones waiting, without writing their
// rows, until whoever asks is gone; reached is closed when the first one waits.
func (c *crm) stalls(answered int) (reached chan struct{}) {
	reached = make(chan struct{})
	var once sync.Once
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.calls + answered
	c.fail = func(call int, _ http.ResponseWriter, r *http.Request) bool {
		if call <= from {
			return false
		}
		once.Do(func() { close(reached) })
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
		return true
	}
	return reached
}

// underWay starts a run and waits until it is in the middle of sending.
func underWay(t *testing.T, dir string, srv *crm, args ...string) *process {
	t.Helper()
	want := srv.written() + 3*100 // batches of the endpoint's usual size
	reached := srv.stalls(3)
	p := begin(t, append([]string{"run", "--project", dir}, args...)...)
	select {
	case <-reached:
	case <-p.gone:
		t.Fatalf("it ended before it had sent anything: %s", p.stderr())
	case <-time.After(time.Minute):
		t.Fatalf("nothing is delivered: %s", p.stderr())
	}
	until(t, "the first calls are through", func() bool { return srv.written() >= want })
	return p
}

// isBusy runs beside p and holds that the run says who is sending, and sends nothing itself.
func isBusy(t *testing.T, dir string, p *process, srv *crm) {
	t.Helper()
	before := srv.written() // calls of p wait, and more may begin
	out, code := weir(t, "run", "--json", "--project", dir)
	e := decode[ran](t, out).Error
	if code != 3 || e == nil || e.Code != "syncs.busy" || !strings.Contains(e.Message, fmt.Sprintf("to_crm is being run by process %d", p.cmd.Process.Pid)) || e.Fix == "" {
		t.Errorf("exit code %d, %+v, want process %d to be named", code, e, p.cmd.Process.Pid)
	}
	if n := srv.written(); n != before {
		t.Errorf("%d rows arrived", n-before)
	}
}

// kill kills a process and waits until it is gone.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.gone
}

// TestF37TwoProcesses runs one sync in two processes of one machine: the second names the first and
// sends nothing. When the first is killed it takes over without waiting for the lease, once no call of
// the first can be on its way any more.
func TestF37TwoProcesses(t *testing.T) {
	t.Parallel()
	srv := newCRM(t)
	dir := t.TempDir()
	small(t, dir, srv.URL, "10s")
	first := underWay(t, dir, srv)
	isBusy(t, dir, first, srv)
	first.kill(t)
	taken := srv.written()
	if taken == 0 || taken >= crowd {
		t.Fatalf("%d rows arrived before it was killed", taken)
	}
	srv.well()
	if end, r, code := run(t, dir); code != 0 || end.Status != "ok" {
		t.Errorf("after it was killed: exit code %d, %+v, %+v", code, end, r.Error)
	}
	if d := cmp.Diff(everybody(), srv.holds()); d != "" {
		t.Errorf("who is there (-want +got):\n%.2000s", d)
	}
	before := srv.written()
	if end, _, code := run(t, dir); code != 0 || end.Counts.Unchanged != crowd || srv.written() != before {
		t.Errorf("there was something left to send: exit code %d, %+v", code, end)
	}
}

// TestF37TwoStores runs one sync from two folders, each with a store of its own, on one PostgreSQL: the
// lease in the warehouse keeps the second out until it has expired, also when the first is dead, which
// the second cannot know.
func TestF37TwoStores(t *testing.T) {
	dsn := pgtest.Start(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	execute := func(query string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	insert := func(from, to int) {
		execute(fmt.Sprintf(`insert into contacts select 'c' || i, 'p' || i || '@example.com', 'Name' || i, timestamp '2026-01-01' + i * interval '1 second' from generate_series(%d, %d) i`, from, to-1))
	}
	execute(`create table contacts (id text, email text, first_name text, changed_at timestamp)`)
	insert(0, 5)

	srv := newCRM(t)
	t.Setenv("WEIR_DSN", dsn)
	t.Setenv("WEIR_SECRET_KEY", "not secret here, and long enough")
	dirs := []string{t.TempDir(), t.TempDir()}
	for _, dir := range dirs {
		small(t, dir, srv.URL, "10s")
		path := filepath.Join(dir, "weir.yml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		on := strings.NewReplacer("project: small\n", "project: small\nsecret_key: \"${env:WEIR_SECRET_KEY}\"\n",
			"{type: duckdb, path: small.duckdb, threads: 1, send: live}", `{type: postgres, dsn: "${env:WEIR_DSN}", schema: weir, send: live}`, "main.contacts", "public.contacts").Replace(string(text))
		if err := os.WriteFile(path, []byte(on), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if end, r, code := run(t, dirs[0]); code != 0 || end.Counts.Delivered != 5 {
		t.Fatalf("exit code %d, %+v, %+v", code, end, r.Error)
	}
	if out, code := weir(t, "doctor", "--adopt-store", "--project", dirs[1]); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	if end, r, code := run(t, dirs[1]); code != 0 || end.Counts.Unchanged != 5 {
		t.Fatalf("the other store: exit code %d, %+v, %+v", code, end, r.Error)
	}

	insert(5, crowd)
	first := underWay(t, dirs[0], srv, "--approve", "syncs.max_added")
	isBusy(t, dirs[1], first, srv)
	first.kill(t)
	isBusy(t, dirs[1], first, srv)
	execute(`update weir.epochs set expires = now() - interval '1 second' where sync = 'to_crm'`)
	srv.well()
	out, code := weir(t, "run", "--json", "--project", dirs[1], "--approve", "syncs.max_added")
	if r := decode[ran](t, out); code != 0 || len(r.Result.Runs) != 1 || r.Result.Runs[0].Status != "ok" {
		t.Errorf("once the lease has expired: exit code %d\n%s", code, out)
	}
	if d := cmp.Diff(everybody(), srv.holds()); d != "" {
		t.Errorf("who is there (-want +got):\n%.2000s", d)
	}
	before := srv.written()
	for _, dir := range dirs {
		if end, _, code := run(t, dir); code != 0 || end.Counts.Unchanged != crowd || srv.written() != before {
			t.Errorf("there was something left to send: exit code %d, %+v", code, end)
		}
	}
}
