// Package snowflake is Snowflake as a warehouse, over its own driver.
//
// A session is one connection with its zone in UTC. Weir's schema may lie in another database than
// the sources: `schema: tools.weir`. The virtual warehouse of the target runs the statements; it is
// resumed by the first of them, if it may resume by itself. The driver repeats requests that got no
// answer under the same request id, by which Snowflake knows them, so that none runs twice. It writes
// no log and sends no telemetry here.
//
// Names without small letters are Snowflake's way to keep what was not quoted, and are given and
// taken in small ones; see dialect.Snowflake.
//
// Source: docs.snowflake.com/en/sql-reference, and the documentation of the Go driver.
package snowflake

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	sf "github.com/snowflakedb/gosnowflake"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

func init() {
	// The driver's log quotes statements. Its native part, which it would write to disk and load, only
	// describes this machine to the server.
	sf.GetLogger().SetOutput(io.Discard)
	_ = sf.GetLogger().SetLogLevel("OFF")
	if os.Getenv("SF_DISABLE_MINICORE") == "" {
		_ = os.Setenv("SF_DISABLE_MINICORE", "true")
	}
	warehouse.Register(kind{})
}

// kind is the warehouse kind "snowflake".
type kind struct{}

func (kind) Name() string             { return "snowflake" }
func (kind) Dialect() dialect.Dialect { return dialect.Snowflake() }

func (kind) Settings() []warehouse.Setting {
	return []warehouse.Setting{
		{Name: "account", Required: true, Doc: "Account identifier, such as myorg-myaccount."},
		{Name: "user", Doc: "Who signs in. Not needed with authenticator oauth."},
		{Name: "password", Secret: true, Doc: "Password, or a programmatic access token with authenticator programmatic_access_token."},
		{Name: "private_key_path", Doc: "File with the private key of the user, in PEM. Its public half is set by ALTER USER … SET RSA_PUBLIC_KEY."},
		{Name: "private_key_passphrase", Secret: true, Doc: "What the private key is encrypted with."},
		{Name: "token", Secret: true, Doc: "OAuth access token."},
		{Name: "authenticator", Doc: "How to sign in: snowflake, snowflake_jwt, oauth, programmatic_access_token or externalbrowser. The default follows from what is given."},
		{Name: "role", Doc: "Role to work with. The default is the user's own."},
		{Name: "warehouse", Doc: "Virtual warehouse that runs the statements. The default is the user's own."},
		{Name: "database", Required: true, Doc: "Database of the sources."},
		{Name: "schema", Default: "weir", Doc: "Schema of the tables that weir makes, in that database or, as database.schema, in another one."},
		{Name: "host", Doc: "Host to connect to, where it does not follow from the account: a private link, or a stand-in for tests."},
		{Name: "port", Doc: "Port of the host."},
		{Name: "protocol", Doc: "http for a stand-in. The default is https."},
		{Name: "login_timeout", Default: "60s", Doc: "How long signing in may take, such as 60s."},
	}
}

// Open reads the settings and the private key. It does not connect.
func (kind) Open(cfg warehouse.Config) (warehouse.Warehouse, error) {
	set := cfg.Settings
	for _, name := range []string{"account", "database"} {
		if set[name] == "" {
			return nil, fmt.Errorf("%s is missing", name)
		}
	}
	s := &store{database: fold(set["database"]), schema: set["schema"], warehouse: set["warehouse"], role: set["role"]}
	if s.schema == "" {
		s.schema = "weir"
	}
	s.home = strings.Split(s.schema, ".")
	switch len(s.home) {
	case 1:
		s.home = []string{s.database, s.home[0]}
	case 2:
	default:
		return nil, fmt.Errorf("schema %q has %d parts: write schema or database.schema", s.schema, len(s.home))
	}
	c, err := config(cfg)
	if err != nil {
		return nil, err
	}
	s.config = c
	return s, nil
}

// config is what the driver is told.
func config(cfg warehouse.Config) (sf.Config, error) {
	set := cfg.Settings
	label := cfg.Label
	if label == "" {
		label = "weir"
	}
	c := sf.Config{
		Account: set["account"], User: set["user"], Password: set["password"], Token: set["token"], Role: written(set["role"]),
		Warehouse: written(set["warehouse"]), Database: written(set["database"]), Host: set["host"], Protocol: set["protocol"],
		Application: "weir", DisableTelemetry: true, LoginTimeout: time.Minute, Params: map[string]*string{},
	}
	for k, v := range map[string]string{
		"TIMEZONE": "UTC", "WEEK_START": "1", "QUERY_TAG": label, "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
		"DATE_INPUT_FORMAT": "AUTO", "TIME_INPUT_FORMAT": "AUTO", "TIMESTAMP_INPUT_FORMAT": "AUTO",
		"DATE_OUTPUT_FORMAT": "YYYY-MM-DD", "TIMESTAMP_OUTPUT_FORMAT": `YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM`,
		"BINARY_OUTPUT_FORMAT": "HEX", "QUOTED_IDENTIFIERS_IGNORE_CASE": "false",
		"ERROR_ON_NONDETERMINISTIC_UPDATE": "true", "ABORT_DETACHED_QUERY": "true", "client_session_keep_alive": "true",
	} {
		c.Params[k] = &v
	}
	if p := set["port"]; p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return c, fmt.Errorf("port %q is no port: write a number from 1 to 65535", p)
		}
		c.Port = n
	}
	if t := set["login_timeout"]; t != "" {
		d, err := time.ParseDuration(t)
		if err != nil || d <= 0 {
			return c, fmt.Errorf("login_timeout %q is no time: write one such as 60s", t)
		}
		c.LoginTimeout = d //nolint:staticcheck // deprecated without something in its place
	}
	if path := set["private_key_path"]; path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(cfg.Dir, path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return c, fmt.Errorf("reading the private key: %w", err)
		}
		if c.PrivateKey, err = privateKey(text, set["private_key_passphrase"]); err != nil {
			return c, fmt.Errorf("reading the private key %s: %w", path, err)
		}
	}
	return c, authenticate(&c, set["authenticator"])
}

// authenticators are the ways to sign in by what a target calls them.
var authenticators = map[string]sf.AuthType{
	"snowflake": sf.AuthTypeSnowflake, "snowflake_jwt": sf.AuthTypeJwt, "oauth": sf.AuthTypeOAuth,
	"programmatic_access_token": sf.AuthTypePat, "externalbrowser": sf.AuthTypeExternalBrowser,
}

// authenticate chooses the way to sign in and checks that it has what it needs.
func authenticate(c *sf.Config, how string) error {
	if how == "" {
		switch {
		case c.PrivateKey != nil:
			how = "snowflake_jwt"
		case c.Token != "":
			how = "oauth"
		default:
			how = "snowflake"
		}
	}
	way, ok := authenticators[strings.ToLower(how)]
	if !ok {
		return fmt.Errorf("authenticator %q is none of snowflake, snowflake_jwt, oauth, programmatic_access_token and externalbrowser", how)
	}
	c.Authenticator = way
	switch {
	case way == sf.AuthTypeJwt && c.PrivateKey == nil:
		return errors.New("private_key_path is missing: authenticator snowflake_jwt signs with a private key")
	case way == sf.AuthTypeOAuth && c.Token == "":
		return errors.New("token is missing: authenticator oauth needs one")
	case way == sf.AuthTypeSnowflake && c.Password == "":
		return errors.New("password is missing: write password, or private_key_path, or token")
	case way == sf.AuthTypePat && c.Token == "":
		if c.Token, c.Password = c.Password, ""; c.Token == "" {
			return errors.New("token is missing: authenticator programmatic_access_token needs one")
		}
	}
	if c.User == "" && way != sf.AuthTypeOAuth {
		return errors.New("user is missing")
	}
	return nil
}

// store is a Warehouse: a database of an account.
type store struct {
	config    sf.Config
	database  string
	schema    string
	home      []string // database and schema of weir's tables
	warehouse string
	role      string
}

func (s *store) Kind() warehouse.Kind { return kind{} }
func (s *store) Schema() string       { return s.schema }

// Identity is the account, and the database where weir's tables lie.
func (s *store) Identity() string {
	return "snowflake:" + strings.ToLower(s.config.Account) + "/" + s.home[0]
}

// Session connects.
func (s *store) Session(ctx context.Context) (warehouse.Session, error) {
	c, err := sf.NewConnector(sf.SnowflakeDriver{}, s.config).Connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &warehouse.UnreachableError{Doing: "connecting to " + s.Identity(), Err: s.connectError(err)}
	}
	conn, ok := c.(connection)
	if !ok {
		return nil, fmt.Errorf("connecting to %s: the driver's connection is a %T", s.Identity(), c)
	}
	out := &session{store: s, conn: conn}
	if err := out.enter(ctx); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// Close does nothing: every session is a connection of its own.
func (s *store) Close() error { return nil }

// connection is what is used of the driver's.
type connection interface {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
}

// fold is a name as weir has it.
func fold(name string) string { return dialect.Fold(name) }

// written is a setting as the server takes it at login: quoted, in capitals if it has none. "" stays.
func written(name string) string {
	if name == "" {
		return ""
	}
	return quote(name)
}

func quote(name string) string { return dialect.Snowflake().Quote(name) }

// text is a string literal.
func text(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + `'`
}
