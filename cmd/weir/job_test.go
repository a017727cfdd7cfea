package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

type counts struct {
	Added, Updated, Removed, Unchanged, Delivered, Accepted, Rejected, Invalid, Suppressed, Due, Quarantined int64
	InDoubt                                                                                                  int64 `json:"in_doubt"`
}

type report struct {
	Run, Sync, Status string
	Counts            counts
}

type demoResult struct {
	OK     bool
	Result struct {
		Dir               string
		People            int
		Records, Profiles int64
		Identity          struct{ Precision, Recall float64 }
		Segments          map[string]int64
		FirstRun          []report `json:"first_run"`
		SecondRun         []report `json:"second_run"`
		Change            []struct {
			Segment     string
			Join, Leave int64
		}
		Sandbox map[string]int64
		Seconds map[string]float64
	}
	Error *struct{ Code, Message string }
}

// weir runs the command as a process of its own and returns its stdout and exit code.
func weir(t *testing.T, args ...string) ([]byte, int) {
	t.Helper()
	c := command(context.Background(), args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	code := c.ProcessState.ExitCode()
	if err != nil && code < 0 {
		t.Fatalf("weir %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	t.Logf("weir %s: exit %d\n%s", strings.Join(args, " "), code, errs.String())
	return out.Bytes(), code
}

func command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "weir", args...)
	c.Env = append(os.Environ(), "NO_COLOR=1", "CI=true")
	return c
}

func decode[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("decoding: %v\n%s", err, b)
	}
	return v
}

// total checks the equation that ties what was planned to what became of it.
func (c counts) balanced(t *testing.T, sync string) {
	t.Helper()
	if c.Added+c.Updated+c.Removed != c.Delivered+c.Accepted+c.Rejected+c.Due+c.InDoubt {
		t.Errorf("%s: planned rows and outcomes differ: %+v", sync, c)
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	dir := copied(t)
	_, out := demo()
	d := decode[demoResult](t, out).Result
	if d.People != people || d.Records < 5*people || d.Profiles < people || d.Profiles > d.Records {
		t.Errorf("people %d, records %d, profiles %d", d.People, d.Records, d.Profiles)
	}
	if d.Identity.Precision < 0.999 || d.Identity.Recall < 0.99 {
		t.Errorf("identity: precision %.5f, recall %.5f", d.Identity.Precision, d.Identity.Recall)
	}
	for _, s := range []string{"vip", "vip_lapsed", "cart_abandoners", "newsletter_readers", "employees"} {
		if d.Segments[s] == 0 {
			t.Errorf("nobody is in segment %s", s)
		}
	}
	if len(d.FirstRun) != 3 || len(d.SecondRun) != 3 {
		t.Fatalf("first run %v, second run %v", d.FirstRun, d.SecondRun)
	}
	for _, r := range d.FirstRun {
		r.Counts.balanced(t, r.Sync)
		if r.Counts.Added == 0 || r.Counts.Delivered+r.Counts.Accepted == 0 || r.Counts.Suppressed == 0 {
			t.Errorf("first run of %s: %+v", r.Sync, r.Counts)
		}
	}
	for _, r := range d.SecondRun {
		r.Counts.balanced(t, r.Sync)
		if n := r.Counts.Added + r.Counts.Updated + r.Counts.Removed + r.Counts.Delivered + r.Counts.Accepted; n != 0 || r.Status != "ok" && r.Status != "degraded" {
			t.Errorf("second run of %s sends something: %s %+v", r.Sync, r.Status, r.Counts)
		}
	}
	moved := map[string]int64{}
	for _, c := range d.Change {
		moved[c.Segment] = c.Leave - c.Join
	}
	if moved["vip"] <= 0 || moved["vip_lapsed"] < 0 || moved["newsletter_readers"] != 0 {
		t.Errorf("raising vip moves %v", moved)
	}
	settled(t, dir)

	// The same seed tells the same story.
	again := filepath.Join(t.TempDir(), "again")
	out, code := weir(t, "demo", "--once", "--json", "--people", strconv.Itoa(people), "--dir", again)
	e := decode[demoResult](t, out).Result
	if code != 0 {
		t.Errorf("demo: exit code %d", code)
	}
	if diff := cmp.Diff([]any{d.Records, d.Profiles, d.Segments, d.Sandbox, d.Identity}, []any{e.Records, e.Profiles, e.Segments, e.Sandbox, e.Identity}); diff != "" {
		t.Errorf("a second demo with the same seed differs (-first +second):\n%s", diff)
	}

	// The folder is an ordinary project.
	if _, code := weir(t, "validate", "--project", dir); code != 0 {
		t.Errorf("validate: exit code %d", code)
	}
	if _, code := weir(t, "plan", "--project", dir, "--detailed-exitcode"); code != 0 {
		t.Errorf("plan after two runs: exit code %d, want 0: nothing to do", code)
	}
	// A changed model says so before anything is sent.
	edit(t, filepath.Join(dir, "segments", "segments.yml"), "at_least: 500", "at_least: 900")
	if out, code := weir(t, "plan", "--project", dir, "--detailed-exitcode", "--json"); code != 4 || !bytes.Contains(out, []byte(`"held_by"`)) {
		t.Errorf("plan of a changed model: exit code %d, want 4\n%s", code, out)
	}
}

func edit(t *testing.T, path, from, to string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(from)) {
		t.Fatalf("%s does not hold %q", path, from)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(b, []byte(from), []byte(to)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// expected asks the warehouse, apart from weir, who should be at a destination.
var expected = map[string]string{
	"klaviyo": `select distinct p.email from weir.customer_memberships m join weir.customer_profiles p using (profile_id)
		where m.segment = 'vip_lapsed' and p.email_consent and p.email is not null`,
	"twilio": `select distinct p.phone from weir.customer_memberships m join weir.customer_profiles p using (profile_id)
		where m.segment = 'cart_abandoners' and p.sms_consent and p.phone is not null`,
	"meta": `select distinct coalesce(p.email, '') || ' ' || coalesce(p.phone, '') from weir.customer_memberships m join weir.customer_profiles p using (profile_id)
		where m.segment = 'vip' and p.ads_consent and coalesce(p.email, p.phone) is not null`,
}

func wanted(t *testing.T, dir string) map[string][]string {
	t.Helper()
	db, err := sql.Open("duckdb", filepath.Join(dir, "shop.duckdb")+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := map[string][]string{}
	for name, q := range expected {
		rows, err := db.Query(q)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer rows.Close()
		for rows.Next() {
			var v string
			if err := rows.Scan(&v); err != nil {
				t.Fatal(err)
			}
			want[name] = append(want[name], v)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(want[name])
	}
	return want
}

// settled holds that every sandbox has exactly the people it should. It starts a sandbox server
// on the project's folder to read their memories.
func settled(t *testing.T, dir string) {
	t.Helper()
	box := startSandbox(t, dir)
	defer box.stop(t)
	compare(t, dir, box)
}

func compare(t *testing.T, dir string, box *sandboxServer) {
	t.Helper()
	want := wanted(t, dir)
	if diff := cmp.Diff(want["klaviyo"], box.members(t, "klaviyo")); diff != "" {
		t.Errorf("klaviyo does not hold the segment (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(hashed(want["meta"]), box.members(t, "meta")); diff != "" {
		t.Errorf("meta does not hold the segment (-want +got):\n%s", diff)
	}
	got := box.members(t, "twilio")
	numbers := map[string]int{}
	for _, m := range got {
		numbers[regexp.MustCompile(`\+\d+`).FindString(m)]++
	}
	for n, times := range numbers {
		if times > 1 || n == "" {
			t.Errorf("a message was sent %d times", times)
		}
		if !slices.Contains(want["twilio"], n) {
			t.Errorf("a message went to somebody who is not in the segment")
		}
	}
	// Whom no message reached is one whom it may have reached, or whom the vendor refused.
	out, _ := weir(t, "status", "--project", dir, "--json")
	excused := int64(0)
	for _, s := range decode[struct {
		Result struct {
			Syncs []struct {
				Sync   string
				Ledger map[string]int64
			}
		}
	}](t, out).Result.Syncs {
		if s.Sync == "cart_sms" {
			excused = s.Ledger["absent"]
		}
	}
	if n := int64(len(want["twilio"]) - len(numbers)); len(numbers) == 0 || n > excused {
		t.Errorf("%d messages were sent; of %d people without one, %d are in doubt or rejected", len(numbers), n, excused)
	}
}

// hashed is what an ad destination is told of an address and a number: SHA-256 of each.
func hashed(people []string) []string {
	out := []string{}
	for _, p := range people {
		email, phone, _ := strings.Cut(p, " ")
		var values []string
		for _, v := range []string{email, strings.TrimPrefix(phone, "+")} {
			if v != "" {
				values = append(values, fmt.Sprintf("%x", sha256.Sum256([]byte(v))))
			}
		}
		out = append(out, strings.Join(values, ","))
	}
	slices.Sort(out)
	return out
}

type sandboxServer struct {
	cmd *exec.Cmd
	url string
	err *bytes.Buffer
}

func startSandbox(t *testing.T, dir string, args ...string) *sandboxServer {
	t.Helper()
	s := &sandboxServer{cmd: command(context.Background(), append([]string{"sandbox", "--project", dir}, args...)...), err: &bytes.Buffer{}}
	s.cmd.Stderr = s.err
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := filepath.Join(dir, ".weir", "sandbox", "address.json")
	for range 200 {
		b, err := os.ReadFile(address)
		var at struct {
			URL string
			PID int
		}
		if err == nil && json.Unmarshal(b, &at) == nil && at.PID == s.cmd.Process.Pid {
			s.url = at.URL
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the sandbox did not start:\n%s", s.err.String())
	return nil
}

func (s *sandboxServer) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // ends with 130
	if code := s.cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("the sandbox ended with %d, want 130\n%s", code, s.err.String())
	}
}

// members are all members of a destination, over its lists.
func (s *sandboxServer) members(t *testing.T, name string) []string {
	t.Helper()
	resp, err := http.Get(s.url + "/" + name + "/_members")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v\n%s", resp.Status, err, b)
	}
	all := []string{}
	for _, list := range decode[struct{ Members map[string][]string }](t, b).Members {
		all = append(all, list...)
	}
	slices.Sort(all)
	return all
}

// demo runs the demonstration once for all tests, in a folder that they only copy.
var demo = sync.OnceValues(func() (string, []byte) {
	dir, err := os.MkdirTemp("", "weir-demo-*")
	if err != nil {
		panic(err)
	}
	demoDir = dir
	c := command(context.Background(), "demo", "--once", "--json", "--people", strconv.Itoa(people), "--dir", filepath.Join(dir, "shop"))
	out, _ := c.Output() // what it printed says it
	return filepath.Join(dir, "shop"), out
})

// demoDir is removed after the tests; "" if no test asked for the demonstration.
var demoDir string

// people are how many the demonstration invents here.
const people = 1000

// copied is a copy of the demonstration's folder as it was left.
func copied(t *testing.T) string {
	t.Helper()
	from, out := demo()
	if d := decode[demoResult](t, out); !d.OK {
		t.Fatalf("the demo failed:\n%s", out)
	}
	dir := filepath.Join(t.TempDir(), "shop")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shop is a project whose first run has not happened: the demo's tables, and no ledger.
func shop(t *testing.T) string {
	t.Helper()
	dir := copied(t)
	if err := os.RemoveAll(filepath.Join(dir, ".weir")); err != nil {
		t.Fatal(err)
	}
	execute(t, filepath.Join(dir, "shop.duckdb"), "drop schema weir cascade")
	return dir
}

// runUntilDone runs until no sync has anything left to send.
func runUntilDone(t *testing.T, dir string) {
	t.Helper()
	for i := range 12 {
		out, code := weir(t, "run", "--json", "--project", dir)
		r := decode[struct{ Result struct{ Runs []report } }](t, out).Result
		left := int64(0)
		for _, x := range r.Runs {
			x.Counts.balanced(t, x.Sync)
			left += x.Counts.Due
			if x.Sync != "cart_sms" {
				left += x.Counts.InDoubt
			}
		}
		if len(r.Runs) == 3 && left == 0 && (code == 0 || i > 0) {
			return
		}
	}
	t.Error("twelve runs were not enough")
}

// TestFaultsLoseNothing holds that what a vendor fails to take is sent until it is there, and
// messages at most once.
func TestFaultsLoseNothing(t *testing.T) {
	if testing.Short() {
		outside.LeaveOut(t, "runs the demonstration many times")
	}
	t.Parallel()
	dir := shop(t)
	box := startSandbox(t, dir, "--faults", "20%", "--seed", "3", "--speed", "200")
	defer box.stop(t)
	runUntilDone(t, dir)
	compare(t, dir, box)
}

// touch changes what many people are worth, so that there is something to send again.
func touch(t *testing.T, dir string, i int) {
	t.Helper()
	execute(t, filepath.Join(dir, "shop.duckdb"), fmt.Sprintf("update shop.shop.orders set amount = amount + %d where order_id %% 7 = %d", i, i/10%7))
}

func TestF35KilledRunsLoseNothing(t *testing.T) {
	if testing.Short() {
		outside.LeaveOut(t, "runs the demonstration many times")
	}
	t.Parallel()
	dir := shop(t)
	box := startSandbox(t, dir, "--speed", "5")
	defer box.stop(t)
	r := rand.New(rand.NewPCG(1, 2))
	want := 3
	if n, err := strconv.Atoi(os.Getenv("WEIR_KILLS")); err == nil {
		want = n
	}
	kills, sending := 0, 0
	for i := range want {
		if i > 0 && i%10 == 0 { // let it get somewhere, then give it something new to do
			weir(t, "run", "--project", dir)
			touch(t, dir, i)
		}
		// One in three is killed once its plan is made, one while it plans, one at any time.
		p := begin(t, "run", "--project", dir, "--events")
		wait := time.Duration(r.IntN(2500)) * time.Millisecond
		if i%3 != 2 {
			sign := []string{"run.planned", "run.started"}[i%3]
			until(t, sign, func() bool { return strings.Contains(p.stderr(), sign) || p.done() })
			wait /= 4
		}
		time.Sleep(wait)
		if strings.Contains(p.stderr(), "run.planned") {
			sending++
		}
		if err := p.cmd.Process.Kill(); err == nil {
			kills++
		}
		<-p.gone
	}
	t.Logf("%d kills, %d of them after a plan was made", kills, sending)
	if kills == 0 || sending == 0 {
		t.Error("no run was killed while it was sending")
	}
	runUntilDone(t, dir)
	compare(t, dir, box)
	if out, code := weir(t, "plan", "--project", dir, "--json", "--detailed-exitcode"); code != 0 {
		t.Errorf("something is left to do:\n%s", out)
	}
}
