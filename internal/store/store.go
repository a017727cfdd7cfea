package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// Store is an open store, in a file or on a server. It is safe for concurrent use, also by several
// processes.
type Store struct {
	path  string // of the file; of a server, what people may read of its address
	id    string
	aside string
	eng   engine
	reads reads
	write *sql.DB

	requests chan request
	stop     chan struct{}
	stopped  chan struct{}
	closing  sync.Once
}

// checkedUpTo is the size of file that is read through for damage when it is opened. Larger
// ones are checked by SQLite as their pages are read.
const checkedUpTo = 64 << 20

// Open opens the store at path and makes it, with its folder, if it is not there. A damaged
// file is put aside under another name, which Aside tells, and an empty store takes its place:
// it has a new ID, so that the warehouse sees that a journal was lost. Errors are *LockedError,
// *NewerError, ErrNoSpace, or from the file system.
func Open(ctx context.Context, path string) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", path, err)
	}
	s, err := open(ctx, abs)
	var damaged *CorruptError
	if !errors.As(err, &damaged) {
		return s, err
	}
	aside, err := putAside(abs)
	if err != nil {
		return nil, fmt.Errorf("putting the damaged store aside: %w", err)
	}
	if s, err = open(ctx, abs); err != nil {
		return nil, err
	}
	s.aside = aside
	return s, nil
}

func open(ctx context.Context, path string) (*Store, error) {
	if err := touch(path); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	s := newStore(path, file{path})
	var err error
	if s.write, err = connect(path, 1); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		s.write.Close()
		return nil, fmt.Errorf("opening the store: %w", s.typed(err))
	}
	db, err := connect(path, 4)
	if err != nil {
		s.write.Close()
		return nil, err
	}
	s.reads = reads{db, s.eng}
	go s.writer()
	return s, nil
}

func newStore(path string, e engine) *Store {
	return &Store{path: path, eng: e, requests: make(chan request, 256), stop: make(chan struct{}), stopped: make(chan struct{})}
}

// touch makes the file and its folder readable by their owner alone.
func touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func connect(path string, conns int) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(OFF)",
	}}.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	db.SetMaxOpenConns(conns)
	return db, nil
}

// prepare checks the file, brings its tables up to date and reads or makes the store's id.
func (s *Store) prepare(ctx context.Context) error {
	if st, err := os.Stat(s.path); err == nil && st.Size() > 0 && st.Size() <= checkedUpTo {
		var found string
		if err := s.write.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
			return err
		}
		if found != "ok" {
			return &CorruptError{Path: s.path, Err: errors.New(found)}
		}
	}
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := s.migrate(ctx, conn); err != nil {
		_, undo := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, undo)
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

func (s *Store) migrate(ctx context.Context, conn *sql.Conn) error {
	var have int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(versions) {
		return &NewerError{Path: s.path, Have: have, Knows: len(versions)}
	}
	for _, v := range versions[have:] {
		if _, err := conn.ExecContext(ctx, v); err != nil {
			return err
		}
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(versions))); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "INSERT OR IGNORE INTO meta VALUES ('store', ?)", newID()); err != nil {
		return err
	}
	err := conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'store'").Scan(&s.id)
	if errors.Is(err, sql.ErrNoRows) {
		return &CorruptError{Path: s.path, Err: errors.New("it has no id")}
	}
	return err
}

// newID makes the id of a store.
func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// putAside renames a damaged file and what belongs to it.
func putAside(path string) (string, error) {
	aside := path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000000")
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(path+end, aside+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return aside, nil
}

// ID is random, made with the file and never changed: it tells one store from another.
func (s *Store) ID() string { return s.id }

// Path is the file, or of a server what people may read of its address.
func (s *Store) Path() string { return s.path }

// Aside is where a damaged file was put when the store was opened, or "".
func (s *Store) Aside() string { return s.aside }

// Close waits for what was asked before it and closes the store. It can be called again.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.stop)
		<-s.stopped
		err = errors.Join(s.reads.Close(), s.write.Close(), s.eng.close())
	})
	return err
}
