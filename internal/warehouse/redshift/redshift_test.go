//go:build unix

package redshift

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// standIn is a real PostgreSQL that reads backslashes in texts as Redshift does, and has a view of the
// name of Redshift's catalogue. It returns the connection string.
func standIn(t *testing.T) string {
	t.Helper()
	dsn := pgtest.Start(t)
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // what it did was answered
	for _, sql := range []string{
		"DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET standard_conforming_strings = off'; END $$",
		"DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET escape_string_warning = off'; END $$",
		"CREATE VIEW pg_catalog.svv_tables AS SELECT table_schema::text, table_name::text COLLATE \"C\" FROM information_schema.tables",
	} {
		if strings.HasPrefix(sql, "CREATE VIEW") {
			sql = strings.Replace(sql, "pg_catalog.", "public.", 1)
		}
		if _, err := conn.Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	return dsn
}

func open(t *testing.T, dsn string) *store {
	t.Helper()
	w, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"dsn": dsn}, Label: "weir test"})
	if err != nil {
		t.Fatal(err)
	}
	return w.(*store)
}

func connect(t *testing.T, dsn string) *session {
	t.Helper()
	s, err := open(t, dsn).Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.(*session)
}

// postgresWords is a Warehouse over this connection whose statements are PostgreSQL's.
type postgresWords struct{ warehouse.Warehouse }

type postgresKind struct{ kind }

func (postgresWords) Kind() warehouse.Kind    { return postgresKind{} }
func (postgresKind) Dialect() dialect.Dialect { return dialect.Postgres() }

// TestConformance runs the contract of a warehouse over this connection on PostgreSQL, in PostgreSQL's
// words: sessions, transactions, stopping, loading, errors and values are the protocol's.
func TestConformance(t *testing.T) {
	dsn := standIn(t)
	warehousetest.Run(t, warehousetest.Options{Rows: 20_000, Stop: 5 * time.Second,
		Texts: warehousetest.Texts{Slow: "SELECT count(*) AS n FROM generate_series(1, 9000) AS a (x), generate_series(1, 9000) AS b (y), generate_series(1, 9) AS c (z) WHERE x + y + z = -1"},
	}, func(t *testing.T) warehouse.Warehouse { return postgresWords{open(t, dsn)} })
}

func TestOpen(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want string
	}{
		{map[string]string{}, "dsn is missing"},
		{map[string]string{"dsn": "postgres://u:hunter2@host:notaport/db"}, "is not a connection string"},
		{map[string]string{"dsn": "postgres://u@h/db", "schema": "other.weir"}, "in another database"},
	} {
		_, err := kind{}.Open(warehouse.Config{Settings: c.set})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: error is %v", c.set, err)
		}
	}
	w := open(t, "postgres://weir:hunter2@shop.abc123.eu-west-1.redshift.amazonaws.com/shop")
	if got, want := w.Identity(), "redshift:shop.abc123.eu-west-1.redshift.amazonaws.com:5439/shop"; got != want {
		t.Errorf("identity is %s, want %s", got, want)
	}
	w = open(t, "postgres://u:hunter2@127.0.0.1:1/shop?connect_timeout=1")
	_, err := w.Session(t.Context())
	if err == nil || strings.Contains(err.Error(), "hunter2") || !errors.As(err, new(*warehouse.UnreachableError)) ||
		!strings.Contains(err.Error(), "refused") || strings.ContainsAny(err.Error(), "\n`") {
		t.Errorf("error is %v", err)
	}
}

// TestFirstStatementBeginsAnew: a transaction whose first statement failed because of another one is begun
// again; one with more behind it is not.
func TestFirstStatementBeginsAnew(t *testing.T) {
	dsn := standIn(t)
	a, b := connect(t, dsn), connect(t, dsn)
	ctx := t.Context()
	do := func(s *session, sql string) {
		t.Helper()
		if _, err := s.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	do(a, "CREATE TABLE epochs (epoch bigint, note varchar(20))")
	do(a, "INSERT INTO epochs VALUES (1, 'a')")
	do(b, "SET default_transaction_isolation TO 'serializable'")
	ready, done := make(chan struct{}), make(chan error, 1)
	err := a.Tx(ctx, func(ctx context.Context) error {
		if _, err := a.Exec(ctx, "UPDATE epochs SET epoch = epoch + 1"); err != nil {
			return err
		}
		go func() {
			done <- b.Tx(ctx, func(ctx context.Context) error {
				close(ready)
				_, err := b.Exec(ctx, "UPDATE epochs SET epoch = epoch + 10")
				return err
			})
		}()
		<-ready
		return waitsForLock(ctx, connect(t, dsn))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatalf("the second transaction: %v", err)
	}
	for row, err := range a.Query(ctx, "SELECT epoch FROM epochs") {
		if err != nil || row[0] != int64(12) {
			t.Errorf("epoch is %v, %v", row, err)
		}
	}
	// With a statement before, what it read may have changed.
	err = b.Tx(ctx, func(ctx context.Context) error {
		for _, err := range b.Query(ctx, "SELECT epoch FROM epochs") {
			if err != nil {
				return err
			}
		}
		if _, err := a.Exec(ctx, "UPDATE epochs SET epoch = epoch + 100"); err != nil {
			return err
		}
		_, err := b.Exec(ctx, "UPDATE epochs SET epoch = epoch + 1000")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "error 1023") || !strings.Contains(err.Error(), "run it again") {
		t.Errorf("error is %v", err)
	}
}

// waitsForLock returns when some session waits for another one's lock.
func waitsForLock(ctx context.Context, s *session) error {
	for {
		for row, err := range s.Query(ctx, "SELECT count(*) FROM pg_locks WHERE NOT granted") {
			if err != nil {
				return err
			}
			if row[0].(int64) > 0 {
				return nil
			}
		}
	}
}

func TestDefinitions(t *testing.T) {
	s := connect(t, standIn(t))
	ctx := t.Context()
	for _, sql := range []string{
		`CREATE SCHEMA IF NOT EXISTS "weir"`,
		`CREATE TABLE "weir"."a" ("x" varchar(40), "n" decimal(10,2), "t" timestamp)`,
		`ALTER TABLE "weir"."a" ADD COLUMN "y" bigint`,
		`ALTER TABLE "weir"."a" ADD COLUMN "y" bigint`, // it is there
		`CREATE OR REPLACE VIEW "weir"."v" AS SELECT "x" FROM "weir"."a"`,
		"-- other columns\nCREATE OR REPLACE VIEW \"weir\".\"v\" AS SELECT \"y\", \"n\", \"t\" FROM \"weir\".\"a\"",
	} {
		if _, err := s.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	got, err := s.Columns(ctx, []string{"weir", "v"})
	want := []warehouse.Column{{Name: "y", Type: "integer", Native: "bigint"}, {Name: "n", Type: "number", Native: "decimal(10,2)"},
		{Name: "t", Type: "timestamp", Native: "timestamp", Naive: true}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := s.Exec(ctx, `SELECT 1; DROP TABLE "weir"."a"`); err == nil || !strings.Contains(err.Error(), "more than one statement") {
		t.Errorf("error is %v", err)
	}
}

func TestRights(t *testing.T) {
	dsn := standIn(t)
	s := connect(t, dsn)
	ctx := t.Context()
	for _, sql := range []string{`CREATE SCHEMA "raw"`, `CREATE TABLE "raw"."orders" ("id" bigint)`, `CREATE SCHEMA "weir"`, `CREATE TABLE "weir"."old" ("x" bigint)`, `CREATE TABLE "weir"."mine" ("x" bigint)`} {
		if _, err := s.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	role := "reader_" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_"))
	if _, err := s.Exec(ctx, `CREATE ROLE "`+role+`" LOGIN`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exec(ctx, `ALTER TABLE "weir"."mine" OWNER TO "`+role+`"`); err != nil {
		t.Fatal(err)
	}
	other := strings.Join([]string{dsn, "user=" + role}, " ")
	r := connect(t, other)
	user := `"` + role + `"`
	got, err := r.Rights(ctx, [][]string{{"raw", "orders"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []warehouse.Right{
		{What: "use schema raw", Grant: `GRANT USAGE ON SCHEMA "raw" TO ` + user + ";"},
		{What: "use and make tables in schema weir", Grant: `GRANT USAGE, CREATE ON SCHEMA "weir" TO ` + user + ";"},
		{What: "make temporary tables", Held: true},
		{What: "drop and replace what lies in schema weir", Grant: `ALTER TABLE "weir"."old" OWNER TO ` + user + ";"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ sql, what, grant string }{
		{`SELECT "id" FROM "raw"."orders"`, "use schema raw", `GRANT USAGE ON SCHEMA "raw" TO ` + user + ";"},
		{`CREATE TABLE "weir"."x" ("n" bigint)`, "use and make tables in schema weir", `GRANT USAGE, CREATE ON SCHEMA "weir" TO ` + user + ";"},
	} {
		_, err := r.Exec(ctx, c.sql)
		var d *warehouse.DeniedError
		if !errors.As(err, &d) || d.What != c.what || d.Grant != c.grant {
			t.Errorf("%s: error is %#v", c.sql, err)
		}
	}
	for _, sql := range []string{"GRANT USAGE ON SCHEMA \"raw\" TO " + user, "GRANT USAGE, CREATE ON SCHEMA \"weir\" TO " + user} {
		if _, err := s.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ sql, what, grant string }{
		{`SELECT "id" FROM "raw"."orders" AS "o"`, "read raw.orders", `GRANT SELECT ON TABLE "raw"."orders" TO ` + user + ";"},
		{`DROP TABLE "weir"."old"`, "change weir.old", `ALTER TABLE "weir"."old" OWNER TO ` + user + ";"},
	} {
		_, err := r.Exec(ctx, c.sql)
		var d *warehouse.DeniedError
		if !errors.As(err, &d) || d.What != c.what || d.Grant != c.grant {
			t.Errorf("%s: error is %#v", c.sql, err)
		}
	}
	if _, err := r.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS "weir"`); err != nil {
		t.Errorf("a schema that somebody else made: %v", err)
	}
}

func TestEstimate(t *testing.T) {
	s := connect(t, standIn(t))
	ctx := t.Context()
	if _, err := s.Exec(ctx, "CREATE TABLE orders AS SELECT x AS id FROM generate_series(1, 1000) AS g (x)"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exec(ctx, "ANALYZE orders"); err != nil {
		t.Fatal(err)
	}
	got, err := s.Estimate(ctx, "SELECT a.id FROM orders AS a JOIN orders AS b ON a.id = b.id")
	if want := (warehouse.Estimate{Rows: 1000, Bytes: 8000}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestPlans reads plans as Redshift writes them ("EXPLAIN", examples).
func TestPlans(t *testing.T) {
	for _, c := range []struct {
		plan string
		want warehouse.Estimate
	}{
		{"XN Hash Join DS_DIST_OUTER  (cost=2.52..51381.89 rows=8712 width=67)\n  Outer Dist Key: event.venueid\n  Hash Cond: (\"outer\".venueid = \"inner\".venueid)\n" +
			"  ->  XN Seq Scan on event  (cost=0.00..87.98 rows=8798 width=35)\n  ->  XN Hash  (cost=2.02..2.02 rows=202 width=41)\n        ->  XN Seq Scan on venue  (cost=0.00..2.02 rows=202 width=41)",
			warehouse.Estimate{Rows: 8712, Bytes: 8798*35 + 202*41}},
		{"XN Limit  (cost=0.00..1.00 rows=10 width=4)\n  ->  XN S3 Query Scan sales  (cost=0.00..100.00 rows=10000 width=4)\n        ->  S3 Seq Scan spectrum.sales location:\"s3://shop/sales\" format:TEXT  (cost=0.00..100.00 rows=10000 width=4)",
			warehouse.Estimate{Rows: 10, Bytes: -1}},
	} {
		got, err := read(strings.Split(c.plan, "\n"))
		if err != nil || got != c.want {
			t.Errorf("got %+v, %v, want %+v", got, err, c.want)
		}
	}
	if _, err := read([]string{"nothing"}); err == nil {
		t.Error("a text that is no plan was read")
	}
}

// TestServerErrors has errors as Redshift words them.
func TestServerErrors(t *testing.T) {
	s := &session{store: open(t, "postgres://weir@h/shop")}
	err := &pgconn.PgError{Code: "XX000", Message: "1023", Detail: "Serializable isolation violation on table - 12345, transactions forming the cycle are: 1, 2 (pid:3)"}
	if !undone(err) {
		t.Error("a violation of isolation is not known")
	}
	var d *warehouse.DeniedError
	got := s.explain(t.Context(), &pgconn.PgError{Code: "42501", Message: "permission denied for relation orders"}, `SELECT 1 FROM "raw"."orders" AS "o"`)
	if !errors.As(got, &d) || d.Grant != `GRANT SELECT ON TABLE "raw"."orders" TO "weir";` {
		t.Errorf("error is %#v", got)
	}
	if got := native(oidSuper, -1); got != "super" {
		t.Errorf("the type is %s", got)
	}
	if v, err := value(oidSuper, []byte(`["a"]`)); err != nil || v != `["a"]` {
		t.Errorf("the value is %v, %v", v, err)
	}
}
