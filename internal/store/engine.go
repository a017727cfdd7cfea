package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// engine is what the databases do differently. Statements are written once, for SQLite, in what
// both understand.
type engine interface {
	// bind gives a statement the placeholders of the database.
	bind(q string) string
	// args makes values ones that the database takes.
	args(args []any) []any
	// begin starts a transaction that no other writer of the store is in at the same time, in
	// this process or another: what it reads stays so until it ends.
	begin(w *writing) error
	// typed gives an error of the driver the type that callers look for.
	typed(err error) error
	// final reports whether an error leaves it unknown what reached the disk, so that nothing may
	// be written any more until the store is opened again.
	final(err error) bool
	// within bounds how long a commit may take; 0 is no bound.
	within() time.Duration
	close() error
}

// reads are connections that read, with statements written for SQLite.
type reads struct {
	*sql.DB
	eng engine
}

// QueryContext is that of sql.DB.
func (r reads) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	return r.DB.QueryContext(ctx, r.eng.bind(q), r.eng.args(args)...)
}

// QueryRowContext is that of sql.DB.
func (r reads) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	return r.DB.QueryRowContext(ctx, r.eng.bind(q), r.eng.args(args)...)
}

// file is the engine of a SQLite file.
type file struct{ path string }

func (file) bind(q string) string  { return q }
func (file) args(args []any) []any { return args }
func (file) within() time.Duration { return 0 }
func (file) close() error          { return nil }

func (file) begin(w *writing) error {
	_, err := w.exec("BEGIN IMMEDIATE")
	return err
}

func (f file) typed(err error) error {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return err
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %s", ErrNoSpace, f.path)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return &LockedError{Path: f.path, Err: err}
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &CorruptError{Path: f.path, Err: err}
	case sqlite3.SQLITE_IOERR:
		if strings.Contains(err.Error(), "no space") {
			return fmt.Errorf("%w: %s", ErrNoSpace, f.path)
		}
	}
	return err
}

func (file) final(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_IOERR && !errors.Is(err, ErrNoSpace)
}
