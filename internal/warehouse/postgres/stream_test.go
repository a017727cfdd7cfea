//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/pgtest"
)

func connect(t *testing.T, dsn string) *session {
	t.Helper()
	w, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"dsn": dsn}})
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

// TestForms: a value that the server sends as it has it is read as the one that it sends as text.
func TestForms(t *testing.T) {
	s := connect(t, pgtest.Start(t))
	for _, sql := range []string{
		"TRUE", "FALSE", "smallint '-32768'", "integer '-2147483648'", "integer '300'", "bigint '9223372036854775807'", "bigint '-9223372036854775808'", "bigint '255'", "4294967295::oid",
		"float8 '0.1'", "float8 '-0'", "float8 '5e-324'", "float8 'Infinity'", "float8 '-Infinity'", "float4 '0.1'",
		"numeric '0'", "numeric '0.00'", "numeric '100'", "numeric '-1.50'", "numeric '-0.000000001'", "numeric '12345678901234567890123456789.5'", "numeric 'Infinity'", "numeric '-Infinity'",
		"''", "'a'", "'a text that is longer than the short ones'", "repeat('é', 3000)", "'abc  '::char(5)", "'x'::name", "uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
		`bytea '\x00ff'`, `json '{"a": 1}'`, `jsonb '{"a": 1}'`, "interval '1 day'", "inet '192.0.2.1'", "ARRAY[1, NULL]", "NULL::text", "NULL::bigint", "NULL::timestamptz",
		"date '2026-01-31'", "date '0001-01-01'", "date '9999-12-31'", "date '10000-01-01'", "date '0001-12-31 BC'", "date '0044-03-15 BC'", "date 'infinity'", "date '-infinity'", "date '1969-12-31'",
		"timestamptz '2026-01-31 12:00:00.000001+00'", "timestamptz '1969-12-31 23:59:59.999999+00'", "timestamptz '0001-01-01 00:00:00+00'", "timestamptz '9999-12-31 23:59:59.999999+00'",
		"timestamptz '10000-01-01 00:00:00+00'", "timestamptz '12026-01-01 00:00:00.5+00'", "timestamptz '0044-03-15 01:02:03.4+00 BC'", "timestamptz '4713-12-31 01:02:03.4+00 BC'", "timestamptz 'infinity'", "timestamptz '-infinity'",
		"timestamp '2024-02-29 23:59:59.123456'", "timestamp '294276-12-31 23:59:59'", "timestamp 'infinity'", "timestamp '0001-12-31 23:59:59 BC'",
	} {
		var got any
		for row, err := range s.Query(t.Context(), "SELECT "+sql) {
			if err != nil {
				t.Errorf("%s: %v", sql, err)
				break
			}
			got = row[0]
		}
		r := s.conn.ExecParams(t.Context(), "SELECT "+sql, nil, nil, nil, nil).Read()
		if r.Err != nil {
			t.Fatalf("%s: %v", sql, r.Err)
		}
		want, err := value(r.FieldDescriptions[0].DataTypeOID, r.Rows[0][0])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", sql, diff)
		}
	}
	if _, err := (&reader{oid: oidInt8}).read([]byte{1}); err == nil {
		t.Error("a value that is cut off was read")
	}
}

// endless is a result that no server could keep.
const endless = "SELECT a.x, repeat('streamed ', 20) AS text FROM generate_series(1, 1000) AS a (x), generate_series(1, 1000) AS b (y), generate_series(1, 1000) AS c (z), generate_series(1, 1000) AS d (u)"

// TestStreaming: the memory of the server's process does not grow with what was read, and who stops
// reading, by leaving or by a context, has it stop.
func TestStreaming(t *testing.T) {
	dsn := pgtest.Start(t)
	s, other := connect(t, dsn), connect(t, dsn)
	pid := int64(s.conn.PID())
	idle := func() {
		t.Helper()
		for row, err := range other.Query(t.Context(), fmt.Sprintf("SELECT state FROM pg_stat_activity WHERE pid = %d", pid)) {
			if err != nil || row[0] != "idle" {
				t.Errorf("the server's process is %v, %v", row, err)
			}
		}
	}
	const many, grown = 400_000, 48 << 20
	n, early := 0, int64(0)
	for _, err := range s.Query(t.Context(), endless) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == many/10 {
			early = memory(t, pid)
		}
		if n == many {
			break
		}
	}
	if more := memory(t, pid) - early; more > grown {
		t.Errorf("the server's process has grown by %d MB over %d rows", more>>20, many)
	}
	idle()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n = 0
	for _, err := range s.Query(ctx, endless) {
		if last = err; err == nil {
			if n++; n == 1000 {
				cancel()
			}
		}
	}
	if !errors.Is(last, context.Canceled) || n < 1000 {
		t.Errorf("after %d rows: %v", n, last)
	}
	idle()
	if now, err := s.Now(t.Context()); err != nil || now.IsZero() {
		t.Errorf("after that: %v, %v", now, err)
	}
}

// memory is what a process has for itself, in bytes; 0 where that cannot be read.
func memory(t *testing.T, pid int64) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kb, 10, 64)
	if err != nil {
		t.Fatalf("reading /proc/%d/status: %v", pid, err)
	}
	return n << 10
}

// TestGivenSchema: a user that may make no schema works in the one that somebody else made for it.
func TestGivenSchema(t *testing.T) {
	do, as := server(t)
	s := as(`we"ir reader`)
	create := func() error {
		_, err := s.Exec(t.Context(), `CREATE SCHEMA IF NOT EXISTS "weir"`)
		return err
	}
	if err := create(); !errors.As(err, new(*warehouse.DeniedError)) {
		t.Errorf("without the schema: %v", err)
	}
	do(`CREATE SCHEMA weir;
GRANT USAGE, CREATE ON SCHEMA weir TO "we""ir reader"`)
	if err := create(); err != nil {
		t.Error(err)
	}
	for _, sql := range []string{"CREATE TABLE weir.own (x bigint)", "INSERT INTO weir.own (x) VALUES (1)", "DROP TABLE weir.own"} {
		if _, err := s.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if _, err := s.Exec(t.Context(), `CREATE SCHEMA IF NOT EXISTS "another"`); !errors.As(err, new(*warehouse.DeniedError)) {
		t.Errorf("another schema: %v", err)
	}
}
