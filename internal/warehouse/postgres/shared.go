package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/weir-data/weir/models"
)

// Wire is what a warehouse that speaks PostgreSQL's protocol, and is not PostgreSQL, has in common with
// it: how values are written, how a statement is stopped, and which errors pass by themselves.
var Wire = struct {
	// Value reads the text form of a value of a type, by its number in pg_type.
	Value func(oid uint32, text []byte) (any, error)
	// TypeOf is the model type of a native one, and whether it is a timestamp without a zone.
	TypeOf func(oid uint32) (models.Type, bool)
	// Stopper stops the statements of a connection whose context is over, and lets it live on.
	Stopper func(*pgconn.PgConn) ctxwatch.Handler
	// Undone tells that a statement failed because of others, and left nothing.
	Undone func(error) bool
	// NotYet tells that a server cannot be connected to at the moment.
	NotYet func(error) bool
	// Wait waits before the attempt after so many; it is cut short by the context.
	Wait func(ctx context.Context, after int) error
	// Clean is an error of the server without values of data, and ConnectError one without the
	// connection string.
	Clean        func(*pgconn.PgError) error
	ConnectError func(error) error
}{
	Value: value, TypeOf: typeOf, Undone: undone, NotYet: notYet, Wait: wait, Clean: clean, ConnectError: connectError,
	Stopper: func(c *pgconn.PgConn) ctxwatch.Handler { return &stopper{conn: c} },
}
