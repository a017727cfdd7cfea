package store

import (
	"errors"
	"fmt"
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

// UnreachableError says that the server of the store does not answer.
type UnreachableError struct {
	Path string
	Err  error
}

// Error names the server.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s does not answer: %v", e.Path, e.Err)
}

// Unwrap returns the driver's error.
func (e *UnreachableError) Unwrap() error { return e.Err }

// OwnerError says that the schema of a server holds the store of another project or target.
type OwnerError struct {
	Path, Owner, Want string
}

// Error names both.
func (e *OwnerError) Error() string {
	return fmt.Sprintf("%s is the store of %s, not of %s", e.Path, e.Owner, e.Want)
}

// typed gives an error of the driver the type that callers look for.
func (s *Store) typed(err error) error {
	if err == nil {
		return nil
	}
	return s.eng.typed(err)
}
