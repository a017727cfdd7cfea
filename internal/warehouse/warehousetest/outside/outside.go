// Package outside finds and starts programs that tests need and that are not part of this module, and
// leaves out tests for want of something.
package outside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Find is the path of a program: on PATH, or in weir's cache folder, where .ci/warehouses installs
// what is built. Without it the test is skipped, or fails if WEIR_REQUIRE is "all".
func Find(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if cache, none := os.UserCacheDir(); none == nil {
		if path, err = exec.LookPath(filepath.Join(cache, "weir", "bin", name)); err == nil {
			return path
		}
	}
	why := name + " is not installed: neither on PATH nor in weir/bin of the cache folder, where .ci/warehouses puts it"
	LeaveOut(t, why)
	return ""
}

// LeaveOut skips a test for a reason, or fails it if WEIR_REQUIRE is "all", as in .ci/run. It is the only
// place that skips: what is required cannot be left out silently, by whatever command tests are run.
func LeaveOut(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("WEIR_REQUIRE") == "all" {
		t.Fatal("everything is required here: " + why)
	}
	t.Skip("skipped: " + why)
}

// Ports are free ports of this machine. Nobody else has them at the time of asking.
func Ports(t testing.TB, n int) []int {
	t.Helper()
	var out []int
	for range n {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // not before all are chosen, so that they differ
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out
}

// Start runs a program until the test ends, and waits until ready says nil. What the program said
// last is shown if it does not come to that.
func Start(t testing.TB, within time.Duration, ready func() error, path string, args ...string) {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(context.Background(), path, args...) // the test's context ends before its clean-up, which stops it in order
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // fails if it has ended
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = c.Process.Kill()
			<-ended
		}
		_ = said.Close()
	})
	deadline := time.After(within)
	for {
		if err = ready(); err == nil {
			return
		}
		select {
		case end := <-ended:
			ended <- end
			err = fmt.Errorf("it ended: %w", errors.Join(end, err))
		case <-deadline:
		case <-time.After(50 * time.Millisecond):
			continue
		}
		text, _ := os.ReadFile(said.Name())
		t.Fatalf("starting %s: %v\n%s", filepath.Base(path), err, strings.TrimSpace(string(text)))
	}
}
