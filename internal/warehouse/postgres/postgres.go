// Package postgres is PostgreSQL as a warehouse, version 14 and later, built with ICU.
//
// A session is one connection with its zone in UTC. Rows are streamed: a large result does not
// stay in memory. Rights are those of the role in the connection string; give weir one that
// reads the sources and owns its own schema.
package postgres

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

func init() { warehouse.Register(kind{}) }

// kind is the warehouse kind "postgres".
type kind struct{}

func (kind) Name() string             { return "postgres" }
func (kind) Dialect() dialect.Dialect { return dialect.Postgres() }

func (kind) Settings() []warehouse.Setting {
	return []warehouse.Setting{
		{Name: "dsn", Required: true, Secret: true, Doc: "Connection string, such as postgres://weir@localhost/shop. What it leaves out comes from PGHOST, PGPASSWORD and so on."},
		{Name: "schema", Default: "weir", Doc: "Schema of the tables that weir makes."},
	}
}

// Open reads the connection string. It does not connect.
func (kind) Open(cfg warehouse.Config) (warehouse.Warehouse, error) {
	if cfg.Settings["dsn"] == "" {
		return nil, errors.New("dsn is missing: write the connection string, such as postgres://weir@localhost/shop")
	}
	// The error of a connection string may quote it, with its password.
	c, err := pgconn.ParseConfig(cfg.Settings["dsn"])
	if err != nil {
		return nil, errors.New("dsn is not a connection string of PostgreSQL, such as postgres://weir@localhost/shop")
	}
	s := &store{config: c, schema: cfg.Settings["schema"]}
	if s.schema == "" {
		s.schema = "weir"
	}
	label := cfg.Label
	if label == "" {
		label = "weir"
	}
	for k, v := range map[string]string{
		"timezone": "UTC", "datestyle": "ISO, YMD", "standard_conforming_strings": "on", "client_encoding": "UTF8",
		"extra_float_digits": "1", "bytea_output": "hex", "application_name": label,
		// Statements are made by a machine, large, and run once: compiling them costs more than it saves.
		"jit": "off",
	} {
		c.RuntimeParams[k] = v
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readAtOnce), w)
	}
	c.BuildContextWatcherHandler = func(p *pgconn.PgConn) ctxwatch.Handler { return &stopper{conn: p} }
	return s, nil
}

// readAtOnce is how much is taken from the network at once, in bytes: the driver asks for eight
// kilobytes, as the server sends them, which is a call of the system for some sixty rows.
const readAtOnce = 128 << 10

// store is a Warehouse on one database.
type store struct {
	config *pgconn.Config
	schema string
}

func (s *store) Kind() warehouse.Kind { return kind{} }
func (s *store) Schema() string       { return s.schema }

// Identity is the server and its database, without who connects.
func (s *store) Identity() string {
	return "postgres:" + net.JoinHostPort(s.config.Host, strconv.Itoa(int(s.config.Port))) + "/" + s.config.Database
}

// Session connects.
func (s *store) Session(ctx context.Context) (warehouse.Session, error) {
	c, err := pgconn.ConnectConfig(ctx, s.config.Copy())
	for again := 0; err != nil && again < connectRetries && notYet(err) && wait(ctx, again) == nil; again++ {
		c, err = pgconn.ConnectConfig(ctx, s.config.Copy())
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &warehouse.UnreachableError{Doing: "connecting to " + s.Identity(), Err: connectError(err)}
	}
	return &session{store: s, conn: c}, nil
}

// Close does nothing: every session is a connection of its own.
func (s *store) Close() error { return nil }
