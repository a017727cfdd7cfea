// Package redshift is Amazon Redshift as a warehouse, over the protocol of PostgreSQL.
//
// Statements are sent by the simple form of the protocol, one at a time: the extended one describes them
// by a plan that Redshift makes on its leader node, and pgx advises against it there. A session is one
// connection with its zone in UTC. Results are streamed: the server sends rows as they come and waits
// when nobody reads. There are no cursors: Redshift keeps the whole result of a cursor on its leader
// node before the first row is sent ("DECLARE", usage notes), which is worse for a large one.
//
// A statement that failed because of others (error 1023, a violation of serializable isolation) is run
// again where nothing stands before it: outside of a transaction, or as the first one of a transaction,
// which then begins anew.
//
// Source: the Amazon Redshift Database Developer Guide, docs.aws.amazon.com/redshift/latest/dg, and for
// what statements mean, dialect.Redshift.
package redshift

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/postgres"
)

func init() { warehouse.Register(kind{}) }

// kind is the warehouse kind "redshift".
type kind struct{}

func (kind) Name() string             { return "redshift" }
func (kind) Dialect() dialect.Dialect { return dialect.Redshift() }

// Limits: its own functions have none for it, and since patch 198 no function in Python can be made ("Creating
// user-defined functions"), in which the session could be given some.
func (kind) Limits() warehouse.Limits {
	return warehouse.Limits{Similarity: "Redshift has no function of similarity, and none can be made for a session"}
}

func (kind) Settings() []warehouse.Setting {
	return []warehouse.Setting{
		{Name: "dsn", Required: true, Secret: true, Doc: "Connection string, such as postgres://weir@shop.abc123.eu-west-1.redshift.amazonaws.com:5439/shop?sslmode=require. What it leaves out comes from PGHOST, PGPASSWORD and so on."},
		{Name: "schema", Default: "weir", Doc: "Schema of the tables that weir makes."},
		{Name: "query_group", Doc: "Query group of the statements, by which a queue of workload management is chosen. The default is weir and the name of the project."},
	}
}

// defaultPort is where a cluster or workgroup listens unless it is told otherwise.
const defaultPort = 5439

// Open reads the connection string. It does not connect.
func (kind) Open(cfg warehouse.Config) (warehouse.Warehouse, error) {
	dsn := cfg.Settings["dsn"]
	if dsn == "" {
		return nil, errors.New("dsn is missing: write the connection string, such as postgres://weir@shop.abc123.eu-west-1.redshift.amazonaws.com:5439/shop")
	}
	// The error of a connection string may quote it, with its password.
	c, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("dsn is not a connection string, such as postgres://weir@shop.abc123.eu-west-1.redshift.amazonaws.com:5439/shop")
	}
	if c.Port == 5432 && strings.Contains(c.Host, ".redshift") && !strings.Contains(dsn, "5432") {
		c.Port = defaultPort
	}
	s := &store{config: c, schema: cfg.Settings["schema"], group: cfg.Settings["query_group"]}
	if s.schema == "" {
		s.schema = "weir"
	}
	if strings.Contains(s.schema, ".") {
		return nil, fmt.Errorf("schema %q is in another database: Redshift makes tables only in the database of the connection", s.schema)
	}
	label := cfg.Label
	if label == "" {
		label = "weir"
	}
	if s.group == "" {
		s.group = label
	}
	c.RuntimeParams["application_name"], c.RuntimeParams["client_encoding"] = label, "UTF8"
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 30 * time.Second // a workgroup that sleeps wakes up
	}
	c.BuildContextWatcherHandler = func(p *pgconn.PgConn) ctxwatch.Handler { return postgres.Wire.Stopper(p) }
	return s, nil
}

// store is a Warehouse on one database.
type store struct {
	config *pgconn.Config
	schema string
	group  string
}

func (s *store) Kind() warehouse.Kind { return kind{} }
func (s *store) Schema() string       { return s.schema }

// Identity is the server and its database, without who connects.
func (s *store) Identity() string {
	return "redshift:" + net.JoinHostPort(s.config.Host, strconv.Itoa(int(s.config.Port))) + "/" + s.config.Database
}

// connectRetries are how often connecting is tried again.
const connectRetries = 3

// Session connects.
func (s *store) Session(ctx context.Context) (warehouse.Session, error) {
	c, err := pgconn.ConnectConfig(ctx, s.config.Copy())
	for again := 0; err != nil && again < connectRetries && postgres.Wire.NotYet(err) && postgres.Wire.Wait(ctx, again) == nil; again++ {
		c, err = pgconn.ConnectConfig(ctx, s.config.Copy())
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &warehouse.UnreachableError{Doing: "connecting to " + s.Identity(), Err: connectError(err)}
	}
	out := &session{store: s, conn: c}
	if err := out.prepare(ctx); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// Close does nothing: every session is a connection of its own.
func (s *store) Close() error { return nil }

func quote(name string) string { return dialect.Redshift().Quote(name) }

// text is a string literal, in which a backslash escapes.
func text(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}
