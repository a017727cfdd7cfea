//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/weir-data/weir/internal/warehouse"
)

// How long a file is kept open after its last session: longer while it has not been open for long,
// since closing writes everything that changed, and a run that reads page after page would wait for
// that. And how long a session waits for another process to let go of it, which is more than a file
// is kept open for nothing.
const (
	young     = 4 * time.Second
	lingerNew = time.Second
	linger    = 200 * time.Millisecond
	patience  = 10 * time.Second
)

// lingers is how long a file that was opened at a time is kept open when nobody uses it.
func lingers(opened, now time.Time) time.Duration {
	if now.Sub(opened) < young {
		return lingerNew
	}
	return linger
}

// file is an open database file of this process. The engine allows one instance of it, with one
// set of settings, so all warehouses on the same path share it.
type file struct {
	path string

	mu       sync.Mutex // held while opening, so that sessions wait for each other
	db       *duckdb.Connector
	opened   time.Time
	sessions int
	copying  sync.Mutex
	memory   bool // there is no file: it stays open until the warehouse is closed
	broken   bool // the engine has given up on it: it must be opened anew
	idle     *time.Timer

	changing chan struct{} // holds one token: whose turn it is to change rows
}

// turn waits for this process's turn to change rows that others may change too. The engine does
// not let one transaction wait for another: the second one to touch a row fails.
func (f *file) turn(ctx context.Context) (done func(), err error) {
	select {
	case f.changing <- struct{}{}:
		return func() { <-f.changing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var files = struct {
	sync.Mutex
	m map[string]*file
}{m: map[string]*file{}}

// fileAt is the file of a path. It is not opened.
func fileAt(path string) *file {
	files.Lock()
	defer files.Unlock()
	f := files.m[path]
	if f == nil {
		f = &file{path: path, changing: make(chan struct{}, 1)}
		files.m[path] = f
	}
	return f
}

// connect opens the file if need be and takes a connection.
func (f *file) connect(ctx context.Context, o options, wait time.Duration) (*duckdb.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.idle != nil {
		f.idle.Stop()
		f.idle = nil
	}
	if f.broken && f.sessions == 0 {
		f.shut()
	}
	if f.db == nil {
		if err := f.open(ctx, o, wait); err != nil {
			return nil, err
		}
	}
	c, err := f.db.Connect(ctx)
	if err != nil {
		if f.sessions == 0 {
			f.shut()
		}
		return nil, fmt.Errorf("connecting to %s: %w", o.shown, clean(err))
	}
	f.sessions++
	return c.(*duckdb.Conn), nil
}

// release gives a connection back. The file is closed when nobody has used it for a moment.
func (f *file) release(c *duckdb.Conn, broken bool) error {
	err := c.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions--
	f.broken = f.broken || broken
	if f.sessions == 0 && !f.memory {
		f.idle = time.AfterFunc(lingers(f.opened, time.Now()), f.rest)
	}
	return err
}

// rest closes the file if nobody uses it.
func (f *file) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sessions == 0 {
		f.shut()
	}
}

func (f *file) shut() {
	if f.idle != nil {
		f.idle.Stop()
		f.idle = nil
	}
	if f.db != nil {
		f.db.Close()
	}
	f.db, f.broken = nil, false
}

// open opens the file, waiting for another process that holds it.
func (f *file) open(ctx context.Context, o options, wait time.Duration) error {
	if st, err := os.Stat(filepath.Dir(o.path)); !o.memory && (err != nil || !st.IsDir()) {
		return &warehouse.UnreachableError{Doing: "opening " + o.shown, Err: fmt.Errorf("its folder %s is not there", filepath.Dir(o.path))}
	}
	deadline := time.Now().Add(wait)
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		db, err := start(o)
		if err == nil {
			f.db, f.opened = db, time.Now()
			return nil
		}
		locked := lockHolder(err)
		switch {
		case isWAL(err):
			return setAside(o, err)
		case locked == "":
			return &warehouse.UnreachableError{Doing: "opening " + o.shown, Err: clean(err)}
		case time.Now().Add(pause).After(deadline):
			return &warehouse.LockedError{Path: o.shown, Holder: locked, Err: err}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s, which is locked by %s: %w", o.shown, locked, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// catalog is the name under which the file is attached. The engine would name it after the file,
// and then shop.orders would mean two things in shop.duckdb.
const catalog = "weir_file"

// start opens an instance and closes it up: after this, SQL reaches no file but this one and the
// copies of the ledger, and no setting.
func start(o options) (*duckdb.Connector, error) {
	var attached atomic.Bool
	db, err := duckdb.NewConnector("", func(c driver.ExecerContext) error {
		if !attached.Load() {
			return nil
		}
		_, err := c.ExecContext(context.Background(), "USE "+catalog, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	c, err := db.Connect(context.Background())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	settings := []string{"ATTACH ':memory:' AS " + catalog, "SET temp_directory = ''"}
	if !o.memory {
		settings = []string{"ATTACH " + text(o.path) + " AS " + catalog, "SET temp_directory = " + text(o.path+".tmp")}
	}
	settings = append(settings,
		"SET GLOBAL preserve_insertion_order = false",
		// Choosing how to compress texts is the dearest part of writing a build, which is written often
		// and kept for two builds: half the time for twice the bytes of texts.
		"SET GLOBAL disabled_compression_methods = 'fsst,dictionary'",
		"SET GLOBAL TimeZone = 'UTC'",
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
	)
	if o.memoryLimit != "" {
		// What was given back is kept for use until it is more than the threshold, 512 MB unless told:
		// memory beyond the limit.
		settings = append(settings, "SET memory_limit = "+text(o.memoryLimit),
			"SET GLOBAL allocator_flush_threshold = '16MB'", "SET GLOBAL allocator_bulk_deallocation_flush_threshold = '16MB'")
	}
	if o.threads > 0 {
		settings = append(settings, fmt.Sprintf("SET threads = %d", o.threads))
	}
	if !o.memory {
		copied := copyPath(o.path)
		settings = append(settings, fmt.Sprintf("SET allowed_paths = [%s, %s, %s]", text(copied), text(copied+".wal"), text(copied+".wal.checkpoint")))
	}
	settings = append(settings, "SET enable_external_access = false", "SET lock_configuration = true")
	for _, s := range settings {
		if _, err := c.(driver.ExecerContext).ExecContext(context.Background(), s, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s, err), c.Close(), db.Close())
		}
	}
	attached.Store(true)
	return db, c.Close()
}

var heldBy = regexp.MustCompile(`held in (.+?) \(PID (\d+)\)`)

// lockHolder names who holds the file, or is "" if that is not what an error says.
func lockHolder(err error) string {
	msg := err.Error()
	if !strings.Contains(msg, "Could not set lock") && !strings.Contains(msg, "Conflicting lock") &&
		!strings.Contains(msg, "being used by another process") {
		return ""
	}
	if m := heldBy.FindStringSubmatch(msg); m != nil {
		return "process " + m[2] + " (" + filepath.Base(m[1]) + ")"
	}
	return "another process"
}

func isWAL(err error) bool {
	msg := err.Error()
	return strings.Contains(msg, "replaying WAL") || strings.Contains(msg, "replay WAL") || strings.Contains(msg, "Corrupt WAL")
}

// setAside moves a write-ahead log that cannot be replayed out of the way, if the file opens
// without it, and always returns an error that tells. What the log held since the last
// checkpoint is not in the file; the journal of runs and the copies of the ledger are.
func setAside(o options, cause error) error {
	log := o.path + ".wal"
	aside := log + ".damaged"
	for n := 2; ; n++ {
		if _, err := os.Stat(aside); errors.Is(err, os.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s.damaged-%d", log, n)
	}
	if err := os.Rename(log, aside); err != nil {
		return fmt.Errorf("opening %s: its write-ahead log is damaged and cannot be moved aside: %w", o.shown, errors.Join(err, clean(cause)))
	}
	db, err := start(o)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		back := os.Rename(aside, log)
		return fmt.Errorf("opening %s: neither with its write-ahead log nor without: %w", o.shown, errors.Join(clean(cause), clean(err), back))
	}
	return fmt.Errorf("opening %s: its write-ahead log was damaged, and is now %s; the database opens without it, as of its last checkpoint: run the command again to go on from there: %w",
		o.shown, filepath.Base(aside), clean(cause))
}

// text is a string literal.
func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
