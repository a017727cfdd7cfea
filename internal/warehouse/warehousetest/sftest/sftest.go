// Package sftest starts a stand-in for Snowflake for a test: fakesnow, a server that speaks the
// warehouse's protocol, with what weir's statements need and it lacks (.ci/tools/snowflake).
package sftest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

// Server is a stand-in that runs.
type Server struct{ port int }

// made counts the databases of this process, each of which is a test's own.
var made atomic.Int64

// Start runs a server until the test ends. Without fakesnow on this machine the test is skipped, or
// fails if WEIR_REQUIRE is "all"; .ci/warehouses installs it.
func Start(t testing.TB) *Server {
	t.Helper()
	python, err := Python()
	if err != nil {
		outside.LeaveOut(t, err.Error())
	}
	port, err := free(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The test's context ends before its clean-up, which stops the server in order.
	c := exec.CommandContext(context.WithoutCancel(t.Context()), python, Tool("serve.py"), strconv.Itoa(port))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // by which the server ends
		_ = c.Wait()
	})
	ready := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(out).ReadString('\n')
		if err == nil && line != "ready\n" {
			err = fmt.Errorf("it said %q", line)
		}
		ready <- err
	}()
	select {
	case err = <-ready:
	case <-time.After(2 * time.Minute):
		err = errors.New("it is not ready after two minutes")
	}
	if err != nil {
		_ = c.Process.Kill()
		t.Fatalf("starting the stand-in for Snowflake: %v", err)
	}
	return &Server{port: port}
}

// Settings are those of a target in a new and empty database. Its name is the setting database.
func (s *Server) Settings() map[string]string {
	return map[string]string{
		"account": "fakesnow", "user": "weir", "password": "weir", "host": "127.0.0.1", "port": strconv.Itoa(s.port), "protocol": "http",
		"database": fmt.Sprintf("shop%d", made.Add(1)), "schema": "weir",
	}
}

// Open opens a warehouse with settings, and closes it when the test ends.
func Open(t testing.TB, settings map[string]string) warehouse.Warehouse {
	t.Helper()
	kind, ok := warehouse.Lookup("snowflake")
	if !ok {
		t.Fatal("this build has no Snowflake")
	}
	w, err := kind.Open(warehouse.Config{Target: "test", Dir: t.TempDir(), Settings: settings, Label: "weir test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// Python is the interpreter that has fakesnow and sqlglot: the one of the program fakesnow, on PATH or
// in weir's cache folder.
func Python() (string, error) {
	path, err := exec.LookPath("fakesnow")
	if err != nil {
		cache, none := os.UserCacheDir()
		if none != nil {
			return "", none
		}
		if path, err = exec.LookPath(filepath.Join(cache, "weir", "bin", "fakesnow")); err != nil {
			return "", errors.New("fakesnow is not installed: neither on PATH nor in weir/bin of the cache folder")
		}
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(path), "python"), nil
}

// Tool is the path of a file in .ci/tools/snowflake.
func Tool(name string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..", "..", ".ci", "tools", "snowflake", name)
}

// free is a port that nobody listens on.
func free(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Parse has statements parsed as Snowflake's SQL by sqlglot, all in one process, and reports each that
// does not parse.
func Parse(t testing.TB, statements []string) {
	t.Helper()
	ParseAs(t, "snowflake", statements)
}

// ParseAs is Parse as the SQL of another warehouse that sqlglot knows.
func ParseAs(t testing.TB, dialect string, statements []string) {
	t.Helper()
	python, err := Python()
	if err != nil {
		outside.LeaveOut(t, err.Error())
	}
	in, err := json.Marshal(statements)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), python, Tool("parse.py"), dialect)
	c.Stdin, c.Stderr = bytes.NewReader(in), os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("running sqlglot: %v", err)
	}
	var faults []string
	if err := json.Unmarshal(out, &faults); err != nil || len(faults) != len(statements) {
		t.Fatalf("sqlglot gave %d answers for %d statements: %v", len(faults), len(statements), err)
	}
	for i, f := range faults {
		if f != "" {
			t.Errorf("%s\n%s", f, statements[i])
		}
	}
}
