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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

// one is the server that the tests of a package share; nil if each has its own.
var one *shared

// shared is a server that starts when a test first asks for it.
type shared struct {
	mu        sync.Mutex
	begun     bool
	dsn       string
	stop      func()
	err       error
	databases int
}

// Main runs the tests of a package with one server for all that Start one, each in a database of its
// own, and stops it then. It returns the exit code: a TestMain calls it.
func Main(m *testing.M) int {
	one = &shared{stop: func() {}}
	defer func() { one.stop() }()
	return m.Run()
}

// database makes an empty database on the shared server.
func (s *shared) database(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun = true
		s.dsn, s.stop, s.err = start()
	}
	if s.err != nil {
		return "", s.err
	}
	conn, err := pgconn.Connect(ctx, s.dsn)
	if err != nil {
		return "", fmt.Errorf("asking PostgreSQL for a database: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // what it did was answered
	s.databases++
	name := "test" + strconv.Itoa(s.databases)
	if err := conn.Exec(ctx, "CREATE DATABASE "+name).Close(); err != nil {
		return "", fmt.Errorf("making a database: %w", err)
	}
	return strings.Replace(s.dsn, "dbname=postgres", "dbname="+name, 1), nil
}

// Start runs a server in a temporary folder, on a socket, until the test ends, or takes that of Main,
// and returns the connection string of an empty database. Text sorts there as English does, not by
// bytes. Without PostgreSQL on this machine the test is skipped, or fails if WEIR_REQUIRE is "all".
func Start(t testing.TB) string {
	t.Helper()
	var dsn string
	var err error
	if one != nil {
		dsn, err = one.database(t.Context())
	} else {
		var stop func()
		dsn, stop, err = start()
		t.Cleanup(stop)
	}
	var absent *absentError
	if errors.As(err, &absent) {
		outside.LeaveOut(t, err.Error())
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

// start runs a server. stop ends it and is never nil.
func start() (dsn string, stop func(), err error) {
	var undo []func()
	stop = func() {
		for _, f := range slices.Backward(undo) {
			f()
		}
		undo = nil
	}
	ctx := context.Background() // a test's own ends before its clean-up, which stops the server in order
	initdb, server := program("initdb"), program("postgres")
	if initdb == "" || server == "" {
		return "", stop, &absentError{"PostgreSQL is not installed: neither on PATH nor under /usr/lib/postgresql"}
	}
	// The path of a socket may have about a hundred bytes, so it is not in t.TempDir.
	dir, err := os.MkdirTemp("/tmp", "weir-pg-")
	if err != nil {
		return "", stop, err
	}
	undo = append(undo, func() { os.RemoveAll(dir) })
	who, err := servant(dir)
	if err != nil {
		return "", stop, err
	}
	data := filepath.Join(dir, "data")
	run := func(ctx context.Context, name string, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, name, args...)
		c.Dir, c.SysProcAttr = dir, &syscall.SysProcAttr{Credential: who, Setpgid: true}
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=America/New_York"}
		return c
	}
	common := []string{"-D", data, "-A", "trust", "-U", "weir", "--no-sync", "--encoding=UTF8"}
	if _, err := run(ctx, initdb, append(common, "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")...).CombinedOutput(); err != nil {
		os.RemoveAll(data)
		if out, err := run(ctx, initdb, common...).CombinedOutput(); err != nil {
			return "", stop, fmt.Errorf("initdb: %w: %s", err, out)
		}
	}
	c := run(ctx, server, "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_wal_size=2GB",
		"-c", "timezone=America/New_York", "-c", "datestyle=SQL, DMY", "-c", "log_min_messages=fatal")
	if err := c.Start(); err != nil {
		return "", stop, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	undo = append(undo, func() {
		_ = c.Process.Signal(syscall.SIGINT) // fails if it has ended
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = c.Process.Kill()
			<-ended
		}
	})
	dsn = "host=" + dir + " user=weir dbname=postgres sslmode=disable"
	return dsn, stop, await(dsn, ended)
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
