//go:build cgo && !noduckdb

package duckdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
)

// TestMain makes this program hold a database when it is asked to, as another process.
func TestMain(m *testing.M) {
	if path := os.Getenv("WEIR_TEST_HOLD"); path != "" {
		hold(path)
		return
	}
	os.Exit(m.Run())
}

// hold opens a session, makes a table, says so, and ends when its standard input does.
func hold(path string) {
	w, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"path": path}})
	if err != nil {
		panic(err)
	}
	s, err := w.Session(context.Background())
	if err != nil {
		panic(err)
	}
	for _, sql := range []string{"CREATE TABLE IF NOT EXISTS held AS SELECT 1 AS x", "CREATE TABLE IF NOT EXISTS also AS SELECT range AS x FROM range(1000)"} {
		if _, err := s.Exec(context.Background(), sql); err != nil {
			panic(err)
		}
	}
	fmt.Println("held")
	bufio.NewReader(os.Stdin).ReadByte()
	s.Close()
	w.Close()
}

// other starts a process that holds a database. let makes it let go.
func other(t *testing.T, path string) (c *exec.Cmd, let func()) {
	t.Helper()
	c = exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "WEIR_TEST_HOLD="+path)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	let = sync.OnceFunc(func() { in.Close(); c.Wait() })
	t.Cleanup(let)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process said %q: %v", line, err)
	}
	return c, let
}

func run(t *testing.T, w *store, sql string) {
	t.Helper()
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	c, let := other(t, w.path)
	start := time.Now()
	_, err := w.file.connect(t.Context(), w.options, 300*time.Millisecond)
	var locked *warehouse.LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("error is %v", err)
	}
	if want := fmt.Sprintf("process %d (%s)", c.Process.Pid, filepath.Base(os.Args[0])); locked.Holder != want || locked.Path != "shop.duckdb" {
		t.Errorf("locked: %q, %q, want %q", locked.Path, locked.Holder, want)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("waited %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := w.Session(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "locked by process") {
		t.Errorf("a wait that was stopped: %v", err)
	}
	time.AfterFunc(200*time.Millisecond, let)
	run(t, w, "SELECT * FROM held") // waits for it
}

// The file is free for others soon after the last session, and while none is open.
func TestFileIsLetGo(t *testing.T) {
	w := open(t, t.TempDir())
	run(t, w, "CREATE TABLE mine AS SELECT 1 AS x")
	_, let := other(t, w.path) // waits for us to let go
	let()
	run(t, w, "SELECT * FROM held")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.file.db != nil {
		t.Error("the file is open after Close")
	}
}

func TestTwoWarehousesOnOneFile(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	s, err := a.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run(t, b, "CREATE TABLE x AS SELECT 1 AS x")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exec(t.Context(), "DROP TABLE x"); err != nil {
		t.Fatal(err)
	}
}

func TestKilledProcessLosesNothing(t *testing.T) {
	w := open(t, t.TempDir())
	c, _ := other(t, w.path)
	c.Process.Kill()
	c.Wait()
	s, err := w.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if tables, err := s.Tables(t.Context(), "main"); err != nil || !slices.Equal(tables, []string{"also", "held"}) {
		t.Errorf("tables %v, %v", tables, err)
	}
}

// A write-ahead log that cannot be replayed is moved aside once, with an error that tells.
func TestF45DamagedLogIsSetAside(t *testing.T) {
	w := open(t, t.TempDir())
	run(t, w, "CREATE TABLE kept AS SELECT 1 AS x")
	w.Close() // a checkpoint
	c, _ := other(t, w.path)
	c.Process.Kill()
	c.Wait()
	log := w.path + ".wal"
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) / 2; i < len(b)/2+64 && i < len(b); i++ {
		b[i] ^= 0xff
	}
	if err := os.WriteFile(log, b, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = w.Session(t.Context())
	if err == nil || !strings.Contains(err.Error(), "shop.duckdb.wal.damaged") {
		t.Fatalf("error is %v", err)
	}
	if _, err := os.Stat(log + ".damaged"); err != nil {
		t.Error(err)
	}
	run(t, w, "SELECT * FROM kept")
}

// A log without which the file does not open either stays where it was.
func TestF45ALogStaysBesideAFileThatIsDamagedToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.duckdb")
	if err := errors.Join(os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o666), os.WriteFile(path+".wal", []byte("log"), 0o666)); err != nil {
		t.Fatal(err)
	}
	err := setAside(options{path: path, shown: "shop.duckdb"}, errors.New("the log does not replay"))
	if err == nil || !strings.Contains(err.Error(), "neither with its write-ahead log nor without") {
		t.Errorf("error is %v", err)
	}
	if b, err := os.ReadFile(path + ".wal"); err != nil || string(b) != "log" {
		t.Errorf("the log is %q, %v", b, err)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want string
	}{
		{map[string]string{}, "path is missing"},
		{map[string]string{"path": "a?x=1"}, "cannot be the file"},
		{map[string]string{"path": ":memory:"}, "cannot be the file"},
		{map[string]string{"path": "a", "memory_limit": "lots"}, "memory_limit"},
		{map[string]string{"path": "a", "threads": "0"}, "threads"},
	} {
		if _, err := (kind{}).Open(warehouse.Config{Settings: c.set}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error is %v", c.set, err)
		}
	}
	w, err := kind{}.Open(warehouse.Config{Dir: t.TempDir(), Settings: map[string]string{"path": "no/such/folder/shop.duckdb"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Session(t.Context()); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("error is %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop.duckdb"), []byte(strings.Repeat("not a database ", 1000)), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).Session(t.Context()); err == nil || !strings.Contains(err.Error(), "not a valid DuckDB") {
		t.Errorf("error is %v", err)
	}
}

func TestOpeningIsCheap(t *testing.T) {
	w := open(t, t.TempDir())
	run(t, w, "CREATE TABLE big AS SELECT range AS x FROM range(1000000)")
	w.Close()
	start := time.Now()
	const n = 10
	for range n {
		run(t, w, "SELECT 1")
		w.Close()
	}
	each := time.Since(start) / n
	t.Logf("opening, one statement and closing take %v", each)
	if each > 20*time.Second { // reading the file whole, not a slow machine
		t.Errorf("opening takes %v", each)
	}
}

// A file that nobody uses is given up before others have waited in vain, however often it is used.
func TestLingers(t *testing.T) {
	opened := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var last time.Duration
	for after := time.Duration(0); after < 20*time.Second; after += 50 * time.Millisecond {
		stays := lingers(opened, opened.Add(after))
		if stays == lingerNew {
			last = after + stays
		} else if stays != linger {
			t.Errorf("%s after it was opened the file stays for %s", after, stays)
		}
	}
	if last == 0 || last+linger > patience*2/3 {
		t.Errorf("a file that is used now and then may be held for %s; others wait %s", last, patience)
	}
}
