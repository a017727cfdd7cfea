//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

// server is a database with shop."Or""ders" and shop.views, and a role that may do nothing there.
func server(t *testing.T) (do func(sql string), as func(user string) *session) {
	t.Helper()
	dsn := pgtest.Start(t)
	as = func(user string) *session {
		w, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"dsn": strings.Replace(dsn, "user=weir", "user='"+user+"'", 1)}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s.(*session)
	}
	admin := as("weir")
	do = func(sql string) {
		t.Helper()
		for one := range strings.SplitSeq(sql, ";\n") {
			if _, err := admin.Exec(t.Context(), strings.TrimSuffix(one, ";")); err != nil {
				t.Fatalf("%s: %v", one, err)
			}
		}
	}
	do(`REVOKE ALL ON DATABASE postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE postgres TO PUBLIC;
CREATE ROLE "we""ir reader" LOGIN;
CREATE SCHEMA shop;
CREATE TABLE shop."Or""ders" AS SELECT x AS id, 'a text of some length' AS note FROM generate_series(1, 10000) AS a (x);
CREATE VIEW shop.views AS SELECT 1 AS x;
ANALYZE shop."Or""ders"`)
	return do, as
}

// TestRights: what is missing comes with the statements that give it. They are run as they are, and
// then nothing is missing.
func TestRights(t *testing.T) {
	do, as := server(t)
	s := as(`we"ir reader`)
	sources := [][]string{{"shop", `Or"ders`}, {"shop", "views"}, {"shop", "not_there"}}
	rights := func() (missing []string, all int) {
		t.Helper()
		rs, err := s.Rights(t.Context(), sources)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			if !r.Held {
				missing = append(missing, r.Grant)
			}
		}
		return missing, len(rs)
	}
	want := []string{
		`GRANT USAGE ON SCHEMA "shop" TO "we""ir reader";`,
		`GRANT SELECT ON TABLE "shop"."Or""ders" TO "we""ir reader";`,
		`GRANT SELECT ON TABLE "shop"."views" TO "we""ir reader";`,
		`CREATE SCHEMA "weir" AUTHORIZATION "we""ir reader";`,
		`GRANT TEMPORARY ON DATABASE "postgres" TO "we""ir reader";`,
	}
	missing, all := rights()
	if diff := cmp.Diff(want, missing); diff != "" || all != 5 {
		t.Fatalf("%d rights:\n%s", all, diff)
	}
	for _, grant := range missing {
		do(grant)
	}
	if missing, all := rights(); len(missing) > 0 || all != 6 {
		t.Errorf("%d rights, missing %q", all, missing)
	}
	// Somebody else's table in weir's schema, which weir could not drop.
	do("CREATE TABLE weir.foreign_one (x bigint)")
	if missing, _ := rights(); !slices.Equal(missing, []string{`ALTER TABLE "weir"."foreign_one" OWNER TO "we""ir reader";`}) {
		t.Errorf("missing %q", missing)
	} else {
		do(missing[0])
	}
	do(`ALTER SCHEMA weir OWNER TO weir`)
	if missing, _ := rights(); !slices.Equal(missing, []string{`GRANT USAGE, CREATE ON SCHEMA "weir" TO "we""ir reader";`}) {
		t.Errorf("missing %q", missing)
	}
}

// TestDenied: an error about a right names the table and the GRANT, which is run as it is.
func TestDenied(t *testing.T) {
	do, as := server(t)
	s := as(`we"ir reader`)
	do("CREATE SCHEMA weir;\nCREATE TABLE weir.runs (x bigint)")
	for _, c := range []struct{ sql, what, grant string }{
		{`SELECT id FROM shop."Or""ders"`, "use schema shop", `GRANT USAGE ON SCHEMA "shop" TO "we""ir reader";`},
		{`SELECT id FROM shop."Or""ders"`, `read shop.Or"ders`, `GRANT SELECT ON TABLE "shop"."Or""ders" TO "we""ir reader";`},
		{"SELECT x FROM shop.views", "read shop.views", `GRANT SELECT ON TABLE "shop"."views" TO "we""ir reader";`},
		{"CREATE SCHEMA other", "make schemas in database postgres", `GRANT CREATE ON DATABASE "postgres" TO "we""ir reader";`},
		{"CREATE TABLE weir.t (x bigint)", "use and make tables in schema weir", `GRANT USAGE, CREATE ON SCHEMA "weir" TO "we""ir reader";`},
		{"INSERT INTO weir.runs (x) VALUES (1)", "write weir.runs", `GRANT ALL ON TABLE "weir"."runs" TO "we""ir reader";`},
		{"DROP TABLE weir.runs", "change weir.runs", `ALTER TABLE "weir"."runs" OWNER TO "we""ir reader";`},
	} {
		_, err := s.Exec(t.Context(), c.sql)
		var d *warehouse.DeniedError
		if !errors.As(err, &d) || d.What != c.what || d.Grant != c.grant {
			t.Errorf("%s: %v: %+v", c.sql, err, d)
			continue
		}
		do(d.Grant)
		if _, err := s.Exec(t.Context(), c.sql); err != nil && errors.As(err, &d) && d.What == c.what {
			t.Errorf("%s: after %s: %v", c.sql, c.grant, err)
		}
	}
}

func TestEstimate(t *testing.T) {
	_, as := server(t)
	s := as("weir")
	do := func(sql string) {
		t.Helper()
		if _, err := s.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	do("CREATE SCHEMA weir")
	do("CREATE TABLE weir.small AS SELECT x FROM generate_series(1, 10) AS a (x)")
	do(`CREATE INDEX ON shop."Or""ders" (id)`)
	do(`ANALYZE shop."Or""ders"`)
	size := func(table string) int64 {
		t.Helper()
		for row, err := range s.Query(t.Context(), "SELECT pg_table_size('"+table+"'::regclass)") {
			if err != nil {
				t.Fatal(err)
			}
			return row[0].(int64)
		}
		return -1
	}
	orders, small := size(`shop."Or""ders"`), size("weir.small")
	for _, c := range []struct {
		sql         string
		bytes, rows int64
	}{
		{`SELECT id FROM shop."Or""ders"`, orders, 10_000},
		{`SELECT o.id FROM shop."Or""ders" AS o, weir.small AS s`, orders + small, -2},
		{`SELECT id FROM shop."Or""ders" UNION ALL SELECT id FROM shop."Or""ders"`, 2 * orders, 20_000},
		{`INSERT INTO weir.small SELECT id FROM shop."Or""ders"`, orders, 10_000},
		{`CREATE TABLE weir.copy AS SELECT note FROM shop."Or""ders"`, orders, 10_000},
		{`SELECT note FROM shop."Or""ders" WHERE id = 7`, page, 1},
		{"SELECT 1 AS x", 0, 1},
	} {
		e, err := s.Estimate(t.Context(), c.sql)
		if err != nil || e.Bytes != c.bytes || c.rows != -2 && e.Rows != c.rows {
			t.Errorf("%s: %+v, %v; want %d bytes and %d rows", c.sql, e, err, c.bytes, c.rows)
		}
	}
	if n := size("weir.small"); n != small {
		t.Error("an estimate ran its statement")
	}
	for _, bad := range []string{"", "SELECT 1; DROP TABLE weir.small", "ANALYZE SELECT 1", "DROP TABLE weir.small", "SELECT * FROM nowhere"} {
		if e, err := s.Estimate(t.Context(), bad); err == nil {
			t.Errorf("%q: %+v", bad, e)
		}
	}
}

// TestStopsEarly: a reader of few rows of many does not wait for the others, nor lose the session.
func TestStopsEarly(t *testing.T) {
	_, as := server(t)
	s := as("weir")
	if _, err := s.Exec(t.Context(), "CREATE TEMPORARY TABLE mine AS SELECT 1 AS x"); err != nil {
		t.Fatal(err)
	}
	many := "SELECT a.x FROM generate_series(1, 30000) AS a (x), generate_series(1, 30000) AS b (y)" // 900 million rows
	for range s.Query(t.Context(), many) {
		break
	}
	for _, err := range s.Query(t.Context(), "SELECT x FROM mine") {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestAgain: two sessions that change the same rows at once, each by one statement in isolation, both
// do so. In a transaction the failure is told.
func TestAgain(t *testing.T) {
	_, as := server(t)
	a, b := as("weir"), as("weir")
	for _, s := range []*session{a, b} {
		if _, err := s.Exec(t.Context(), "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE"); err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range []string{"CREATE SCHEMA weir", "CREATE TABLE weir.n AS SELECT 0::bigint AS n"} {
		if _, err := a.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	begun, done := make(chan error, 1), make(chan error, 1)
	err := a.Tx(t.Context(), func(ctx context.Context) error {
		if _, err := a.Exec(ctx, "UPDATE weir.n SET n = n + 1"); err != nil {
			return err
		}
		go func() {
			begun <- nil
			_, err := b.Exec(t.Context(), "UPDATE weir.n SET n = n + 1") // waits for a, and then fails the first time
			done <- err
		}()
		<-begun
		return waiting(ctx, a)
	})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	for row, err := range a.Query(t.Context(), "SELECT n FROM weir.n") {
		if err != nil || row[0] != int64(2) {
			t.Errorf("n is %v, %v", row, err)
		}
	}
	if !undone(&pgconn.PgError{Code: "40P01"}) || undone(errors.New("x")) || !notYet(fmt.Errorf("connecting: %w", &pgconn.PgError{Code: "57P03"})) {
		t.Error("what may be done again is not recognised")
	}
}

// waiting returns when a session waits for a lock.
func waiting(ctx context.Context, s *session) error {
	for {
		for row, err := range s.Query(ctx, "SELECT count(*) FROM pg_locks WHERE NOT granted") {
			if err != nil {
				return err
			}
			if row[0] != int64(0) {
				return nil
			}
		}
	}
}
