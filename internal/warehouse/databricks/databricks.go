// Package databricks is a Databricks SQL warehouse as a warehouse, over Databricks' own driver, with
// tables in Unity Catalog.
//
// A session is one session of the SQL warehouse, with its zone in UTC and ANSI mode on; temporary tables
// live in it. A SQL warehouse that sleeps is started by the first statement, which waits for it. Weir's
// schema may lie in another catalog than the sources: `schema: tools.weir`.
//
// Every statement is atomic by itself: Delta writes one version of one table. Several statements are
// not: the transactions of Unity Catalog are a preview, need a feature on every table that they write,
// and have been proved nowhere here. The ledger of a sync needs one: what a destination accepted, and
// the marker of the run, must be there together or not at all, since a marker without rows would lose
// people and rows without a marker would be counted twice. So nothing is synced from here; see
// warehouse.Limits. A build needs none: its lease and its publication are one statement each, by which
// one of two that try at once changes nothing or fails (write conflicts of Delta), and reads afterwards
// which it was.
//
// The driver writes no log here: it would have the text of statements in it.
//
// Source: docs.databricks.com/sql/language-manual, /dev-tools/go-sql-driver, /dev-tools/auth/oauth-m2m,
// /tables/temporary-tables, /transactions, /optimizations/isolation-level.
package databricks

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	dbsql "github.com/databricks/databricks-sql-go"
	"github.com/databricks/databricks-sql-go/auth"
	"github.com/databricks/databricks-sql-go/auth/pat"
	"github.com/databricks/databricks-sql-go/logger"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

func init() {
	logger.SetLogOutput(io.Discard)
	_ = logger.SetLogLevel("disabled")
	warehouse.Register(kind{})
}

// kind is the warehouse kind "databricks".
type kind struct{}

func (kind) Name() string             { return "databricks" }
func (kind) Dialect() dialect.Dialect { return dialect.Databricks() }

// TellsNoBytes implements warehouse.Unmetered: EXPLAIN has no sizes that hold for a table's columns.
func (kind) TellsNoBytes() {}

func (kind) Limits() warehouse.Limits {
	return warehouse.Limits{Syncs: "the ledger of a sync needs transactions of several statements, which Databricks has as a preview only"}
}

func (kind) Settings() []warehouse.Setting {
	return []warehouse.Setting{
		{Name: "host", Required: true, Doc: "Host of the workspace, such as dbc-a1b2345c-d6e7.cloud.databricks.com."},
		{Name: "http_path", Required: true, Doc: "HTTP path of the SQL warehouse, such as /sql/1.0/warehouses/a1b234c567d8e9fa."},
		{Name: "token", Secret: true, Doc: "Personal access token, or another one that is good for some hours."},
		{Name: "client_id", Doc: "Application id of a service principal, which signs in by OAuth."},
		{Name: "client_secret", Secret: true, Doc: "OAuth secret of that service principal."},
		{Name: "catalog", Required: true, Doc: "Catalog of the sources."},
		{Name: "schema", Default: "weir", Doc: "Schema of the tables that weir makes, in that catalog or, as catalog.schema, in another one."},
		{Name: "port", Doc: "Port of the host. The default is 443."},
		{Name: "protocol", Doc: "http for a stand-in. The default is https."},
		{Name: "start_timeout", Default: "10m", Doc: "How long a SQL warehouse that sleeps may take to start, such as 10m."},
	}
}

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)
	httpPath = regexp.MustCompile(`^/?[A-Za-z0-9][A-Za-z0-9._/?=&-]*$`)
)

// Open reads the settings. It does not connect.
func (kind) Open(cfg warehouse.Config) (warehouse.Warehouse, error) {
	set := cfg.Settings
	for _, name := range []string{"host", "http_path", "catalog"} {
		if set[name] == "" {
			return nil, fmt.Errorf("%s is missing", name)
		}
	}
	if !hostName.MatchString(set["host"]) {
		return nil, fmt.Errorf("host %q is no host: write it without https:// and without a path", set["host"])
	}
	if !httpPath.MatchString(set["http_path"]) {
		return nil, fmt.Errorf("http_path %q is no path: write one such as /sql/1.0/warehouses/a1b234c567d8e9fa", set["http_path"])
	}
	s := &store{host: set["host"], catalog: set["catalog"], schema: set["schema"], label: cfg.Label, port: 443, protocol: "https", start: 10 * time.Minute}
	if s.label == "" {
		s.label = "weir"
	}
	if err := s.place(); err != nil {
		return nil, err
	}
	if t := set["start_timeout"]; t != "" {
		d, err := time.ParseDuration(t)
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("start_timeout %q is no time: write one such as 10m", t)
		}
		s.start = d
	}
	switch p := strings.ToLower(set["protocol"]); p {
	case "", "https":
	case "http":
		s.protocol = p
	default:
		return nil, fmt.Errorf("protocol %q is none of https and http", set["protocol"])
	}
	if p := set["port"]; p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("port %q is no port: write a number from 1 to 65535", p)
		}
		s.port = n
	}
	who, err := s.authenticator(set)
	if err != nil {
		return nil, err
	}
	s.connector, err = dbsql.NewConnector(dbsql.WithServerHostname(s.protocol+"://"+s.host), dbsql.WithPort(s.port), dbsql.WithHTTPPath(set["http_path"]),
		dbsql.WithAuthenticator(who), dbsql.WithInitialNamespace(s.catalog, ""), dbsql.WithUserAgentEntry("weir"))
	if err != nil {
		return nil, short(err)
	}
	return s, nil
}

// place reads where weir's schema lies.
func (s *store) place() error {
	if s.schema == "" {
		s.schema = "weir"
	}
	s.home = strings.Split(s.schema, ".")
	switch len(s.home) {
	case 1:
		s.home = []string{s.catalog, s.home[0]}
	case 2:
	default:
		return fmt.Errorf("schema %q has %d parts: write schema or catalog.schema", s.schema, len(s.home))
	}
	for _, part := range append([]string{s.catalog}, s.home...) {
		if part == "" || strings.ContainsAny(part, "./ \x00") {
			return fmt.Errorf("schema %q of catalog %q: a name has no blanks, slashes or further dots", s.schema, s.catalog)
		}
	}
	return nil
}

// authenticator chooses the way to sign in.
func (s *store) authenticator(set map[string]string) (auth.Authenticator, error) {
	token, id, secret := set["token"], set["client_id"], set["client_secret"]
	switch {
	case token != "" && (id != "" || secret != ""):
		return nil, errors.New("token and client_id are both given: leave one out")
	case token != "":
		return &pat.PATAuth{AccessToken: token}, nil
	case id == "" && secret == "":
		return nil, errors.New("token is missing: write token, or client_id and client_secret of a service principal")
	case id == "":
		return nil, errors.New("client_id is missing: client_secret goes with the application id of a service principal")
	case secret == "":
		return nil, errors.New("client_secret is missing: write the OAuth secret of the service principal")
	}
	url := s.protocol + "://" + s.host
	if s.port != 443 {
		url += ":" + strconv.Itoa(s.port)
	}
	return &machine{clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: url + "/oidc/v1/token", Scopes: []string{"all-apis"}}}, nil
}

// machine signs in as a service principal, by the workspace's own token endpoint ("Authorize service
// principal access to Databricks with OAuth").
type machine struct{ config clientcredentials.Config }

// Authenticate puts a token on a request.
func (m *machine) Authenticate(r *http.Request) error {
	t, err := m.config.Token(r.Context())
	if err != nil {
		return fmt.Errorf("signing in as the service principal: %w", short(err))
	}
	t.SetAuthHeader(r)
	return nil
}

// store is a Warehouse: a catalog of a workspace.
type store struct {
	connector driver.Connector
	host      string
	port      int
	protocol  string
	catalog   string
	schema    string
	home      []string // catalog and schema of weir's tables
	label     string
	start     time.Duration
}

func (s *store) Kind() warehouse.Kind { return kind{} }
func (s *store) Schema() string       { return s.schema }

// Identity is the workspace, and the catalog where weir's tables lie.
func (s *store) Identity() string {
	return "databricks:" + strings.ToLower(s.host) + "/" + strings.ToLower(s.home[0])
}

// Session opens a session, which starts a SQL warehouse that sleeps.
func (s *store) Session(ctx context.Context) (warehouse.Session, error) {
	within, cancel := context.WithTimeout(ctx, s.start)
	defer cancel()
	away := func(err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(within.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("the SQL warehouse did not start within %s (start_timeout)", s.start)
		}
		return &warehouse.UnreachableError{Doing: "connecting to " + s.Identity(), Err: s.connectError(err)}
	}
	c, err := s.connector.Connect(within)
	if err != nil {
		return nil, away(err)
	}
	conn, ok := c.(connection)
	if !ok {
		return nil, fmt.Errorf("connecting to %s: the driver's connection is a %T", s.Identity(), c)
	}
	out := &session{store: s, conn: conn}
	for _, sql := range []string{"SET TIME ZONE 'UTC'", "SET ANSI_MODE = true", "USE CATALOG " + quote(s.catalog)} {
		if _, err := conn.ExecContext(within, sql, nil); err != nil {
			explained := out.explain(within, err, sql)
			if !errors.As(explained, new(*warehouse.DeniedError)) && !errors.As(explained, new(*warehouse.MissingError)) {
				explained = away(err)
			}
			return nil, errors.Join(explained, out.Close())
		}
	}
	// Tags are a preview, and a nicety: a workspace without them works.
	if _, err := conn.ExecContext(within, "SET QUERY_TAGS['application'] = "+text(s.label), nil); err != nil && ctx.Err() != nil {
		return nil, errors.Join(context.Cause(ctx), out.Close())
	}
	return out, nil
}

// Close does nothing: every session is one of its own.
func (s *store) Close() error { return nil }

// connection is what is used of the driver's.
type connection interface {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
}

func quote(name string) string { return dialect.Databricks().Quote(name) }

// text is a string literal.
func text(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`).Replace(s) + `'`
}
