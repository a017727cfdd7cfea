package store

import (
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNoSpace says that the disk of the store is full. Nothing was recorded; the same call works
// once there is space.
var ErrNoSpace = errors.New("no space left on the disk of the store")

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("the store is closed")

// ErrUnknownRun says that a run was never begun in this store.
var ErrUnknownRun = errors.New("the run is not known to this store")

// LockedError says that another process holds the file for longer than the store waits.
type LockedError struct {
	Path string
	Err  error
}

// Error names the file.
func (e *LockedError) Error() string { return fmt.Sprintf("%s is locked by another process", e.Path) }

// Unwrap returns the driver's error.
func (e *LockedError) Unwrap() error { return e.Err }

// CorruptError says that the file is damaged. Opening it again puts it aside.
type CorruptError struct {
	Path string
	Err  error
}

// Error names the file.
func (e *CorruptError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Path, e.Err) }

// Unwrap returns the driver's error.
func (e *CorruptError) Unwrap() error { return e.Err }

// NewerError says that a newer weir wrote the file.
type NewerError struct {
	Path        string
	Have, Knows int
}

// Error names both versions.
func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was written by a newer weir (format %d, this one knows %d)", e.Path, e.Have, e.Knows)
}

// typed gives an error of the driver the type that callers look for.
func (s *Store) typed(err error) error { return typed(s.path, err) }

func typed(path string, err error) error {
	var se *sqlite.Error
	if err == nil || !errors.As(err, &se) {
		return err
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %s", ErrNoSpace, path)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return &LockedError{Path: path, Err: err}
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &CorruptError{Path: path, Err: err}
	case sqlite3.SQLITE_IOERR:
		if strings.Contains(err.Error(), "no space") {
			return fmt.Errorf("%w: %s", ErrNoSpace, path)
		}
	}
	return err
}

// final reports whether an error leaves it unknown what reached the disk.
func final(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_IOERR && !errors.Is(err, ErrNoSpace)
}
