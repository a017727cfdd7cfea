//go:build unix

// Package pgtest starts a PostgreSQL server of its own for a test.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Start runs a server in a temporary folder, on a socket, until the test ends, and returns the
// connection string of an empty database. Text sorts there as English does, not by bytes. Without
// PostgreSQL on this machine the test is skipped, or fails if WEIR_REQUIRE is "all".
func Start(t testing.TB) string {
	t.Helper()
	dsn, err := start(t)
	var absent *absentError
	if errors.As(err, &absent) && os.Getenv("WEIR_REQUIRE") != "all" {
		t.Skipf("skipped: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// Dir is the folder of the socket of a server that Start started.
func Dir(dsn string) string {
	dir, _, _ := strings.Cut(strings.TrimPrefix(dsn, "host="), " ")
	return dir
}

// absentError says that there is no PostgreSQL here.
type absentError struct{ why string }

func (e *absentError) Error() string { return e.why }

func start(t testing.TB) (string, error) {
	initdb, server := program("initdb"), program("postgres")
	if initdb == "" || server == "" {
		return "", &absentError{"PostgreSQL is not installed: neither on PATH nor under /usr/lib/postgresql"}
	}
	// The path of a socket may have about a hundred bytes, so it is not in t.TempDir.
	dir, err := os.MkdirTemp("/tmp", "weir-pg-")
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	who, err := servant(dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	run := func(ctx context.Context, name string, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, name, args...)
		c.Dir, c.SysProcAttr = dir, &syscall.SysProcAttr{Credential: who, Setpgid: true}
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=America/New_York"}
		return c
	}
	common := []string{"-D", data, "-A", "trust", "-U", "weir", "--no-sync", "--encoding=UTF8"}
	if _, err := run(t.Context(), initdb, append(common, "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")...).CombinedOutput(); err != nil {
		os.RemoveAll(data)
		if out, err := run(t.Context(), initdb, common...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("initdb: %w: %s", err, out)
		}
	}
	// The test's context ends before its clean-up, which stops the server in order.
	c := run(context.Background(), server, "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_wal_size=2GB",
		"-c", "timezone=America/New_York", "-c", "datestyle=SQL, DMY", "-c", "log_min_messages=fatal")
	if err := c.Start(); err != nil {
		return "", fmt.Errorf("starting PostgreSQL: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGINT) // fails if it has ended
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = c.Process.Kill()
			<-ended
		}
	})
	dsn := "host=" + dir + " user=weir dbname=postgres sslmode=disable"
	return dsn, await(dsn, ended)
}

// await waits until the server answers.
func await(dsn string, ended chan error) error {
	deadline := time.After(30 * time.Second)
	for {
		conn, err := pgconn.Connect(context.Background(), dsn)
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("PostgreSQL ended: %w", err)
		case <-deadline:
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// program finds a program of the newest server, or "".
func program(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return found[0]
	}
	path, _ := exec.LookPath(name)
	return path
}

func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// servant is somebody else to run the server, which refuses to be root, and gives him the folder.
// nil means that we run it ourselves.
func servant(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, &absentError{"PostgreSQL cannot be run as root, and there is no user postgres or nobody"}
}
