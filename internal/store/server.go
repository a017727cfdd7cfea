package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// Server is where a store on PostgreSQL lies.
type Server struct {
	// URL is a connection URL, postgres://user:password@host/database. Its parameter schema
	// names the schema of the store; that is weir_state where it is left out.
	URL string
	// Owner names the project and target whose store it is. Another one's is refused.
	Owner string
}

// Schema is where a store lies on a server whose URL names no schema.
const Schema = "weir_state"

// How long a commit on a server may take: far less than a lease lasts. A connection that hangs
// longer counts as lost, and so does a transaction of a process that was frozen in the middle:
// the server ends it, so that other processes go on.
const (
	commitWithin = 15 * time.Second
	waitForTurn  = 10 * time.Second
)

// schemaRE keeps names of schemas short enough for the channels of notifications that are made
// of them.
var schemaRE = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`)

// config reads the URL and takes the schema out of it. Its errors show no password.
func (s Server) config() (*pgxpool.Config, string, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, "", errors.New("the address of the store is not a URL that begins with postgres://") // what it is may hold a password
	}
	q := u.Query()
	schema := q.Get("schema")
	if q.Del("schema"); schema == "" {
		schema = Schema
	}
	if !schemaRE.MatchString(schema) {
		return nil, "", fmt.Errorf("the schema of the store has small letters, digits and underscores, at most 40 of them: %q", schema)
	}
	u.RawQuery = q.Encode()
	cfg, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, "", fmt.Errorf("reading the address of the store: %w", err) // the driver leaves the password out
	}
	if !q.Has("pool_max_conns") {
		cfg.MaxConns = 10
	}
	cfg.ConnConfig.ConnectTimeout = min(max(cfg.ConnConfig.ConnectTimeout, 0), waitForTurn)
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = waitForTurn
	}
	for k, v := range map[string]string{
		"search_path":                         schema,
		"synchronous_commit":                  "on", // a commit is on disk when it returns
		"default_transaction_isolation":       "read committed",
		"lock_timeout":                        strconv.Itoa(int(waitForTurn.Milliseconds())),
		"idle_in_transaction_session_timeout": strconv.Itoa(int(commitWithin.Milliseconds())),
		"application_name":                    "weir",
	} {
		cfg.ConnConfig.RuntimeParams[k] = v
	}
	return cfg, schema, nil
}

// OpenServer opens a store on PostgreSQL and makes it, with its schema, if it is not there. Many
// processes of many machines may open the same one. Errors are *UnreachableError, *OwnerError,
// *NewerError, *LockedError, or about the URL.
func OpenServer(ctx context.Context, at Server) (*Store, error) {
	cfg, schema, err := at.config()
	if err != nil {
		return nil, err
	}
	c := cfg.ConnConfig
	shown := fmt.Sprintf("the store in schema %s of %s on %s", schema, c.Database, c.Host)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", shown, err)
	}
	e := &server{path: shown, pool: pool, schema: schema, lock: "weir store " + schema}
	s := newStore(shown, e)
	if err := e.prepare(ctx, s, at.Owner); err != nil {
		pool.Close()
		return nil, fmt.Errorf("opening the store: %w", e.typed(err))
	}
	s.write = stdlib.OpenDBFromPool(pool)
	s.reads = reads{stdlib.OpenDBFromPool(pool), e}
	go s.writer()
	return s, nil
}

// server is the engine of PostgreSQL. All writers of a store take turns by an advisory lock that
// ends with the transaction, as those of a file do: what a transaction reads, as the newest epoch
// of a sync or what is left of a quota, cannot change before it commits. Each process writes by
// one connection and commits in groups, so that waiting for a turn costs little.
type server struct {
	path   string
	pool   *pgxpool.Pool
	schema string
	lock   string
}

// prepare brings the tables up to date and reads or makes the store's id. Of processes that do so
// at once the second waits for the first.
func (e *server) prepare(ctx context.Context, s *Store, owner string) error {
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", e.lock); err != nil {
			return err
		}
		name := pgx.Identifier{e.schema}.Sanitize() //nolint:misspell // its name
		var there, made bool
		err := tx.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL", name, name+".meta").Scan(&there, &made)
		if err != nil {
			return err
		}
		if !there { // asked first: making one that is there needs a right too
			if _, err := tx.Exec(ctx, "CREATE SCHEMA "+name); err != nil {
				return err
			}
		}
		have := 0
		if made {
			var text string
			if err := tx.QueryRow(ctx, "SELECT value FROM meta WHERE name = 'format'").Scan(&text); err != nil {
				return err
			}
			if have, err = strconv.Atoi(text); err != nil {
				return &CorruptError{Path: e.path, Err: err}
			}
		}
		if have > len(versions) {
			return &NewerError{Path: e.path, Have: have, Knows: len(versions)}
		}
		for _, v := range versions[have:] {
			if _, err := tx.Conn().PgConn().Exec(ctx, translate(v)).ReadAll(); err != nil {
				return err
			}
		}
		for _, m := range []struct{ name, value, change string }{
			{"format", strconv.Itoa(len(versions)), "UPDATE SET value = excluded.value"},
			{"store", newID(), "NOTHING"},
			{"owner", owner, "NOTHING"},
		} {
			if _, err := tx.Exec(ctx, "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (name) DO "+m.change, m.name, m.value); err != nil {
				return err
			}
		}
		var is string
		err = tx.QueryRow(ctx, "SELECT s.value, o.value FROM meta s, meta o WHERE s.name = 'store' AND o.name = 'owner'").Scan(&s.id, &is)
		if err == nil && is != owner {
			err = &OwnerError{Path: e.path, Owner: is, Want: owner}
		}
		return err
	})
}

// translate writes the tables of SQLite for PostgreSQL: its whole numbers have 64 bits, and a key
// of whole numbers counts up by itself.
var translate = strings.NewReplacer(
	"INTEGER PRIMARY KEY", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
	"INTEGER", "BIGINT", "BLOB", "BYTEA", " WITHOUT ROWID", "",
).Replace

// bind numbers the placeholders.
func (*server) bind(q string) string {
	var b strings.Builder
	n := 0
	for i := 0; i < len(q); i++ {
		if q[i] != '?' {
			b.WriteByte(q[i])
			continue
		}
		b.WriteByte('$')
		if i+1 < len(q) && q[i+1] >= '0' && q[i+1] <= '9' {
			continue // it has its number
		}
		n++
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// args leaves out of texts what the server takes in none: zero bytes and halves of characters.
func (*server) args(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		if t, ok := a.(string); ok {
			a = strings.ToValidUTF8(strings.ReplaceAll(t, "\x00", ""), "\uFFFD")
		}
		out[i] = a
	}
	return out
}

func (e *server) begin(w *writing) error {
	if _, err := w.exec("BEGIN"); err != nil {
		return err
	}
	var none sql.NullString
	return w.row("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))::text", []any{e.lock}, &none)
}

func (e *server) typed(err error) error {
	var pe *pgconn.PgError
	var ce *pgconn.ConnectError
	switch {
	case errors.As(err, &pe):
		switch {
		case pe.Code == "53100":
			return fmt.Errorf("%w: %s", ErrNoSpace, e.path)
		case pe.Code == "55P03":
			return &LockedError{Path: e.path, Err: err}
		case strings.HasPrefix(pe.Code, "57P"), strings.HasPrefix(pe.Code, "08"), strings.HasPrefix(pe.Code, "28"), pe.Code == "3D000", pe.Code == "53300":
			return &UnreachableError{Path: e.path, Err: err}
		}
		return err
	case errors.As(err, &ce), pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		return &UnreachableError{Path: e.path, Err: err}
	}
	if lost(err) {
		return &UnreachableError{Path: e.path, Err: err}
	}
	return err
}

// final: the server knows what it committed, and says so to the next connection.
func (*server) final(error) bool         { return false }
func (*server) within() time.Duration    { return commitWithin }
func (e *server) close() error           { e.pool.Close(); return nil }
func (s *Store) server() (*server, bool) { e, ok := s.eng.(*server); return e, ok }

// Pool returns the connections of a store on a server and the schema that it lies in, for what is
// kept beside it; ok is false for a file. It is closed with the store.
func (s *Store) Pool() (pool *pgxpool.Pool, schema string, ok bool) {
	e, ok := s.server()
	if !ok {
		return nil, "", false
	}
	return e.pool, e.schema, true
}

// Turn takes the writers' turn in a transaction on a store's pool; it ends with the transaction.
func (s *Store) Turn(ctx context.Context, tx pgx.Tx) error {
	e, ok := s.server()
	if !ok {
		return errors.New("a file has no transactions of others")
	}
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", e.lock)
	return s.typed(err)
}

// lost reports whether an error is about the connection: it broke off, or nothing listens there.
func lost(err error) bool {
	var ne net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) || errors.As(err, &ne)
}
