package main_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

// crm is an endpoint that keeps what it is sent, and fails as it is told.
type crm struct {
	*httptest.Server
	mu      sync.Mutex
	members map[string]string // email to first name
	calls   int
	events  int // messages that were written, repetitions included
	taken   int // rows that were written, repetitions included
	fail    failure
	applies bool // a failing call is written all the same
}

// failure answers a call in place of the endpoint, unless it returns false.
type failure func(call int, w http.ResponseWriter, r *http.Request) bool

func newCRM(t *testing.T) *crm {
	c := &crm{members: map[string]string{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(func() { c.CloseClientConnections(); c.Close() })
	return c
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c.mu.Lock()
	c.calls++
	call, fail, applies := c.calls, c.fail, c.applies
	c.mu.Unlock()
	if fail != nil && !applies && fail(call, w, r) {
		return
	}
	var in struct {
		Op   string
		Rows []struct{ IDs, Fields map[string]string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	for _, row := range in.Rows {
		c.taken++
		switch in.Op {
		case "add", "upsert":
			c.members[row.IDs["email"]] = row.Fields["first_name"]
		case "emit":
			c.events++
		case "remove", "delete":
			delete(c.members, row.IDs["email"])
		}
	}
	c.mu.Unlock()
	if fail != nil && applies && fail(call, w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"ok": true}`)
}

// well makes the endpoint answer as it should from now on.
func (c *crm) well() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = nil
}

func (c *crm) holds() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.members)
}

// written is how many rows were taken, repetitions included.
func (c *crm) written() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken
}

// count is how many calls there were.
func (c *crm) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// emitted is how many messages arrived.
func (c *crm) emitted() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events
}

// crowd is the number of people of the small projects: everybody has an address of their own.
const crowd = 2500

// small writes a project with one table of people and one sync to url, whose calls may take as
// long as timeout says.
func small(t *testing.T, dir, url, timeout string) {
	t.Helper()
	text := fmt.Sprintf(`project: small
default_target: prod
targets:
  prod: {type: duckdb, path: small.duckdb, threads: 1, send: live}
sources:
  contacts: {table: main.contacts, key: id, updated_at: changed_at, identifiers: {customer_id: id, email: email}}
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
  crm: {type: http, url: %q, allow_private: true, timeout: %s, answer: json, purpose: none}
syncs:
  to_crm: {segment: everybody, destination: crm, object: rows, match: {email: email}, fields: {first_name: first_name}}
`, url, timeout)
	if err := os.WriteFile(filepath.Join(dir, "weir.yml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	execute(t, filepath.Join(dir, "small.duckdb"), fmt.Sprintf(`create table contacts as
		select 'c' || i as id, 'p' || i || '@example.com' as email, 'Name' || i as first_name, timestamp '2026-01-01' + to_seconds(i) as changed_at
		from range(%d) t(i)`, crowd))
}

func execute(t *testing.T, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("duckdb", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// everybody is what the endpoint should hold.
func everybody() map[string]string {
	want := map[string]string{}
	for i := range crowd {
		want[fmt.Sprintf("p%d@example.com", i)] = fmt.Sprintf("Name%d", i)
	}
	return want
}

// ran is what `weir run --json` prints.
type ran struct {
	OK     bool
	Result struct{ Runs []ending }
	Error  *struct{ Code, Message, Fix string }
}

type ending struct {
	report
	Code, Error, Fix string
	Rejects          map[string]int64
	Requests         int64
}

// run runs the project once and returns how its only sync ended.
func run(t *testing.T, dir string) (ending, ran, int) {
	t.Helper()
	out, code := weir(t, "run", "--json", "--project", dir)
	r := decode[ran](t, out)
	if len(r.Result.Runs) != 1 {
		t.Fatalf("%d runs\n%s", len(r.Result.Runs), out)
	}
	r.Result.Runs[0].Counts.balanced(t, "to_crm")
	if r.OK != (code == 0) || r.OK != (r.Error == nil) {
		t.Errorf("exit code %d, ok %v, error %v", code, r.OK, r.Error)
	}
	return r.Result.Runs[0], r, code
}

// heals runs the project again and holds that the endpoint has everybody then, and that there is
// nothing left to send.
func heals(t *testing.T, dir string, c *crm) {
	t.Helper()
	end, _, code := run(t, dir)
	if code != 0 || end.Status != "ok" {
		t.Errorf("once all is well: exit code %d, %+v", code, end)
	}
	if diff := cmp.Diff(everybody(), c.holds()); diff != "" {
		t.Errorf("once all is well (-want +got):\n%.2000s", diff)
	}
	before := c.written()
	if end, _, code := run(t, dir); code != 0 || end.Counts.Unchanged != crowd || c.written() != before {
		t.Errorf("there was something left to send: exit code %d, %+v", code, end)
	}
}

// cut ends the connection after a text.
func cut(w http.ResponseWriter, text string) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = buf.WriteString(text)
	_ = buf.Flush()
	_ = conn.Close()
}

// answers is a failure with a status and headers.
func answers(code int, header ...string) failure {
	return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		return true
	}
}

// first fails the first n calls only.
func first(n int, f failure) failure {
	return func(call int, w http.ResponseWriter, r *http.Request) bool { return call <= n && f(call, w, r) }
}

func TestDestinationFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		outside.LeaveOut(t, "waits for times that a destination takes to be given up")
	}
	html := func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>Sign in</body></html>")
		return true
	}
	hang := func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Second):
		}
		return true
	}
	// In make test those that differ in what is promised; the others in the thorough tests.
	chosen := []string{"html once, and it had written", "429 for an hour", "500 that had written", "401", "hangs"}
	cases := []struct {
		name    string
		fail    failure
		applies bool // failing calls have written their rows all the same
		exit    int
		status  string
		code    string // of the report
		says    string // in the report's error
		doubt   bool   // rows are left in doubt
	}{
		{"html", html, false, 3, "failed", "syncs.unavailable", "not JSON but text/html", true},
		{"html once, and it had written", first(1, html), true, 0, "ok", "", "", false},
		{"401", answers(401), false, 1, "failed", "syncs.refused", "refused (401)", false},
		{"429 twice", first(2, answers(429)), false, 0, "ok", "", "", false},
		{"429 for a second", first(1, answers(429, "Retry-After", "1")), false, 0, "ok", "", "", false},
		{"429 for an hour", answers(429, "Retry-After", "3600"), false, 1, "degraded", "syncs.quota", "takes nothing more before", false},
		{"500", answers(500), false, 3, "failed", "syncs.unavailable", "Internal Server Error", true},
		{"500 that had written", answers(500), true, 3, "failed", "syncs.unavailable", "Internal Server Error", true},
		{"503", answers(503), false, 3, "failed", "syncs.unavailable", "keeps failing: transient (503)", false},
		{"nothing", func(_ int, w http.ResponseWriter, _ *http.Request) bool { cut(w, ""); return true }, true, 3, "failed", "syncs.unavailable", "no usable answer", true},
		{"hangs", hang, true, 3, "failed", "syncs.unavailable", "no answer in time", true},
		{"half a body", func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			cut(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"ok\": ")
			return true
		}, true, 3, "failed", "syncs.unavailable", "no usable answer", true},
	}
	var all sync.WaitGroup // they wait more than they work
	for _, c := range cases {
		if !thorough() && !slices.Contains(chosen, c.name) {
			continue
		}
		all.Go(func() {
			t.Run(c.name, func(t *testing.T) {
				srv := newCRM(t)
				srv.fail, srv.applies = c.fail, c.applies
				dir := t.TempDir()
				small(t, dir, srv.URL, "1s")
				end, r, code := run(t, dir)
				if code != c.exit || end.Status != c.status || end.Code != c.code || !strings.Contains(end.Error, c.says) {
					t.Errorf("exit code %d, %+v", code, end)
				}
				if (end.Counts.InDoubt > 0) != c.doubt || c.exit != 0 && end.Counts.Delivered != 0 {
					t.Errorf("counts %+v", end.Counts)
				}
				if r.Error != nil && (!strings.Contains(r.Error.Message, "to_crm "+map[string]string{"failed": "failed: ", "degraded": "ended degraded: "}[c.status]) || r.Error.Fix == "") {
					t.Errorf("error %+v", r.Error)
				}
				for _, command := range []string{"status", "runs"} {
					if c.exit == 0 {
						break
					}
					out, code := weir(t, command, "--project", dir)
					if code != 0 || !strings.Contains(string(out), c.status) || !strings.Contains(string(out), "to_crm") {
						t.Errorf("weir %s: exit code %d\n%s", command, code, out)
					}
					if command == "status" && !strings.Contains(string(out), c.says) {
						t.Errorf("weir status does not say why:\n%s", out)
					}
				}
				srv.well()
				if c.code == "syncs.quota" { // nothing is sent before, unless a person knows better
					if end, _, code := run(t, dir); code != 1 || end.Code != c.code || end.Requests != 0 || srv.written() != 0 {
						t.Errorf("before it is over: exit code %d, %+v", code, end)
					}
					if out, code := weir(t, "runs", "retry", "to_crm", "--project", dir); code != 0 {
						t.Errorf("weir runs retry: exit code %d\n%s", code, out)
					}
				}
				heals(t, dir, srv)
			})
		})
	}
	all.Go(func() { t.Run("connection refused", refused) })
	all.Wait()
}

// refused runs where nobody listens, until somebody does.
func refused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	small(t, dir, "http://"+address, "1s")
	end, _, code := run(t, dir)
	if code != 3 || end.Code != "syncs.unavailable" || !strings.Contains(end.Error, "127.0.0.1") || end.Counts.Due != crowd {
		t.Errorf("exit code %d, %+v", code, end)
	}
	until(t, "the port is free again", func() bool { l, err = net.Listen("tcp", address); return err == nil })
	srv := &crm{members: map[string]string{}}
	srv.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: srv}}
	srv.Start()
	defer srv.Close()
	heals(t, dir, srv)
}

// process is a weir that runs beside the test.
type process struct {
	cmd  *exec.Cmd
	gone chan struct{}
	mu   sync.Mutex
	err  bytes.Buffer
	out  bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err.Write(b)
}

func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err.String()
}

// done reports whether it has ended.
func (p *process) done() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

func begin(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(t.Context(), args...), gone: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.gone)
		_ = p.cmd.Wait() // the exit code says it
	}()
	return p
}

// until waits for something to become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 4800 {
		if is() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("waited two minutes for %s", what)
}

// end sends a signal and returns the exit code.
func (p *process) end(t *testing.T, sig os.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	<-p.gone
	return p.cmd.ProcessState.ExitCode()
}

func TestF41Interrupted(t *testing.T) {
	t.Parallel()
	srv := newCRM(t)
	srv.fail = func(int, http.ResponseWriter, *http.Request) bool { time.Sleep(300 * time.Millisecond); return false }
	dir := t.TempDir()
	small(t, dir, srv.URL, "5s")
	p := begin(t, "run", "--project", dir, "--json")
	until(t, "the first rows", func() bool { return srv.written() > 0 })
	if code := p.end(t, os.Interrupt); code != 130 {
		t.Errorf("exit code %d, want 130\n%s", code, p.stderr())
	}
	if !strings.Contains(p.stderr(), "stopping after what is on its way; once more to stop at once") {
		t.Errorf("stderr:\n%s", p.stderr())
	}
	r := decode[ran](t, p.out.Bytes())
	if len(r.Result.Runs) != 1 || r.OK || r.Error == nil || r.Error.Fix != "go on with: weir run --select to_crm" {
		t.Fatalf("%s", p.out.String())
	}
	c := r.Result.Runs[0].Counts
	c.balanced(t, "to_crm")
	if r.Result.Runs[0].Status != "stopped" || c.Delivered == 0 || c.Due == 0 || c.InDoubt != 0 || c.Delivered != int64(srv.written()) {
		t.Errorf("%d rows arrived, %+v", srv.written(), r.Result.Runs[0])
	}
	if out, _ := weir(t, "status", "--project", dir); !strings.Contains(string(out), "go on with: weir run --select to_crm") {
		t.Errorf("weir status:\n%s", out)
	}
	srv.well()
	heals(t, dir, srv)
	if srv.written() != crowd {
		t.Errorf("%d rows were written, want %d: each once", srv.written(), crowd)
	}
}

// A first run that is killed half way is gone on with: the guard of additions does not take what
// is left for a sudden growth.
func TestKilledFirstRun(t *testing.T) {
	t.Parallel()
	srv := newCRM(t)
	srv.fail = func(int, http.ResponseWriter, *http.Request) bool { time.Sleep(200 * time.Millisecond); return false }
	dir := t.TempDir()
	small(t, dir, srv.URL, "2s")
	p := begin(t, "run", "--project", dir)
	until(t, "the first rows", func() bool { return srv.written() > 0 })
	p.end(t, os.Kill)
	if out, code := weir(t, "runs", "--project", dir); code != 0 || !strings.Contains(string(out), "open") {
		t.Errorf("weir runs: exit code %d\n%s", code, out)
	}
	srv.well()
	heals(t, dir, srv)
}

func TestF41InterruptedTwice(t *testing.T) {
	t.Parallel()
	srv := newCRM(t)
	hold := make(chan struct{})
	srv.fail = func(int, http.ResponseWriter, *http.Request) bool { <-hold; return false }
	dir := t.TempDir()
	small(t, dir, srv.URL, "20s")
	p := begin(t, "run", "--project", dir)
	until(t, "the first call", func() bool { return srv.count() > 0 })
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	until(t, "the word that it stops", func() bool { return strings.Contains(p.stderr(), "once more") })
	start := time.Now()
	if code := p.end(t, os.Interrupt); code != 130 || time.Since(start) > 15*time.Second {
		t.Errorf("exit code %d after %s\n%s", code, time.Since(start), p.stderr())
	}
	close(hold)
	srv.well()
	heals(t, dir, srv)
}

func TestLockedWarehouse(t *testing.T) {
	t.Parallel()
	srv := newCRM(t)
	dir := t.TempDir()
	small(t, dir, srv.URL, "1s")
	holder := exec.CommandContext(t.Context(), "duckdb", filepath.Join(dir, "small.duckdb"), "hold")
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // it says when it has the file
		t.Fatal(err)
	}
	text, code := weir(t, "run", "--json", "--project", dir)
	e := decode[ran](t, text).Error
	if code != 3 || e == nil || e.Code != "warehouse.locked" || e.Fix == "" || !strings.Contains(e.Message, fmt.Sprint(holder.Process.Pid)) || !strings.Contains(e.Message, "small.duckdb") {
		t.Errorf("exit code %d, %+v, want the process %d to be named", code, e, holder.Process.Pid)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := holder.Wait(); err != nil {
		t.Fatal(err)
	}
	heals(t, dir, srv)
}

// full mounts a small disk.
func full(t *testing.T) (dir string, fill, free func()) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", dir).CombinedOutput(); err != nil {
		outside.LeaveOut(t, fmt.Sprintf("a small disk cannot be mounted here, so a full one is not tried: %v: %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	fill = func() {
		f, err := os.Create(ballast)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		block := make([]byte, 4096)
		for err == nil {
			_, err = f.Write(block)
		}
	}
	free = func() {
		if err := os.Remove(ballast); err != nil {
			t.Error(err)
		}
	}
	return dir, fill, free
}

func TestF43FullDisk(t *testing.T) {
	t.Parallel()
	t.Run("before the build", func(t *testing.T) {
		dir, fill, free := full(t)
		srv := newCRM(t)
		small(t, dir, srv.URL, "1s")
		fill()
		out, code := weir(t, "run", "--json", "--project", dir)
		e := decode[ran](t, out).Error
		if code != 3 || e == nil || e.Code != "disk.full" || !strings.Contains(e.Fix, "make room") || srv.written() != 0 {
			t.Errorf("exit code %d, %d rows written, %+v", code, srv.written(), e)
		}
		free()
		heals(t, dir, srv)
	})
	t.Run("while sending", func(t *testing.T) {
		dir, fill, free := full(t)
		srv := newCRM(t)
		small(t, dir, srv.URL, "1s")
		srv.fail = func(call int, _ http.ResponseWriter, _ *http.Request) bool {
			if call == 2 {
				fill()
			}
			return false
		}
		out, code := weir(t, "run", "--json", "--project", dir)
		e := decode[ran](t, out).Error
		if code != 3 || e == nil || !strings.Contains(e.Message, "disk is full") && !strings.Contains(e.Message, "no space") {
			t.Errorf("exit code %d, %+v\n%s", code, e, out)
		}
		free()
		srv.well()
		heals(t, dir, srv)
	})
}

// Two people with one address: it is written for the one with the lower profile id, the other is
// said to share it, and it passes on when the first one leaves.
func TestSharedAddress(t *testing.T) {
	t.Parallel()
	srv := newCRM(t)
	dir := t.TempDir()
	small(t, dir, srv.URL, "1s")
	file := filepath.Join(dir, "small.duckdb")
	execute(t, file, `update contacts set email = 'p1@example.com' where id = 'c2'`)
	end, _, _ := run(t, dir)
	want := everybody()
	delete(want, "p2@example.com")
	if end.Counts.Added != crowd-1 || end.Counts.Delivered != crowd-1 || end.Counts.Invalid != 1 || end.Rejects["syncs.shared_match"] != 1 {
		t.Errorf("%+v", end)
	}
	winner := srv.holds()["p1@example.com"]
	if winner != "Name1" && winner != "Name2" {
		t.Errorf("the shared address stands for %q", winner)
	}
	want["p1@example.com"] = winner
	if diff := cmp.Diff(want, srv.holds()); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
	// The winner leaves the segment: the address stays, for the other.
	execute(t, file, fmt.Sprintf(`update contacts set first_name = null where first_name = '%s'`, winner))
	end, _, code := run(t, dir)
	if code != 0 || end.Counts.Updated != 1 || end.Counts.Removed != 0 || end.Counts.Added != 0 || end.Counts.Invalid != 0 {
		t.Errorf("exit code %d, %+v", code, end)
	}
	want["p1@example.com"] = map[string]string{"Name1": "Name2", "Name2": "Name1"}[winner]
	if diff := cmp.Diff(want, srv.holds()); diff != "" {
		t.Errorf("after the first one left (-want +got):\n%.2000s", diff)
	}
}

// Messages that nobody confirmed are never repeated until a person says what became of them.
func TestSettle(t *testing.T) {
	t.Parallel()
	const few = 5
	for _, sent := range []bool{true, false} {
		t.Run(fmt.Sprintf("sent %v", sent), func(t *testing.T) {
			srv := newCRM(t)
			srv.applies = sent
			srv.fail = func(_ int, w http.ResponseWriter, _ *http.Request) bool { cut(w, ""); return true }
			dir := t.TempDir()
			small(t, dir, srv.URL, "1s")
			edit(t, filepath.Join(dir, "weir.yml"), "object: rows", "object: events, mode: append, first_run: send")
			execute(t, filepath.Join(dir, "small.duckdb"), fmt.Sprintf("delete from contacts where substr(id, 2)::int >= %d", few))
			end, _, code := run(t, dir)
			if code != 1 || end.Counts.InDoubt != few || end.Requests != 1 {
				t.Fatalf("exit code %d, %+v", code, end)
			}
			srv.well()
			// Neither a run nor a lost answer that comes late repeats them.
			again, _, code := run(t, dir)
			if again.Requests != 0 || again.Counts.Added != 0 {
				t.Errorf("a message in doubt was sent again: exit code %d, %+v", code, again)
			}
			out, _ := weir(t, "runs", "show", end.Run, "--project", dir)
			if strings.Count(string(out), "in doubt: ") != few || !strings.Contains(string(out), "5 in doubt") {
				t.Errorf("weir runs show:\n%s", out)
			}
			flag := map[bool]string{true: "--sent", false: "--not-sent"}[sent]
			if out, code := weir(t, "runs", "settle", end.Run, "--project", dir, "nobody", flag); code != 2 {
				t.Errorf("settling a key that is not in doubt: exit code %d\n%s", code, out)
			}
			if out, code := weir(t, "runs", "settle", end.Run, "--project", dir, flag); code != 0 || !strings.Contains(string(out), "5 rows settled") {
				t.Errorf("weir runs settle: exit code %d\n%s", code, out)
			}
			calls := srv.count()
			last, _, code := run(t, dir)
			if want := map[bool]int64{true: 0, false: few}[sent]; code != 0 || last.Counts.Added != want || last.Counts.Delivered != want {
				t.Errorf("after it was settled: exit code %d, %+v", code, last)
			}
			if sent != (srv.count() == calls) || srv.emitted() != few {
				t.Errorf("%d messages, want %d: each once", srv.emitted(), few)
			}
			if out, code := weir(t, "runs", "settle", end.Run, "--project", dir, flag); code != 2 {
				t.Errorf("settling twice: exit code %d\n%s", code, out)
			}
		})
	}
}
