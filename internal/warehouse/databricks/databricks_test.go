package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse"
)

func TestOpen(t *testing.T) {
	good := map[string]string{"host": "dbc-1.cloud.databricks.com", "http_path": "/sql/1.0/warehouses/abc", "catalog": "main", "token": "hunter2"}
	for _, c := range []struct {
		key, value, want string
	}{
		{"host", "", "host is missing"},
		{"host", "https://dbc-1.cloud.databricks.com/", "without https://"},
		{"http_path", "", "http_path is missing"},
		{"http_path", "sql 1", "is no path"},
		{"catalog", "", "catalog is missing"},
		{"catalog", "a/b", "no blanks, slashes"},
		{"schema", "a.b.c", "has 3 parts"},
		{"schema", "a.", "no blanks, slashes"},
		{"token", "", "token is missing: write token, or client_id and client_secret"},
		{"client_id", "x", "both given"},
		{"port", "x", "is no port"},
		{"protocol", "ftp", "none of https and http"},
		{"start_timeout", "soon", "is no time"},
	} {
		set := map[string]string{}
		for k, v := range good {
			set[k] = v
		}
		set[c.key] = c.value
		_, err := kind{}.Open(warehouse.Config{Settings: set})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s %q: error is %v, want %q", c.key, c.value, err, c.want)
		}
	}
	for _, set := range []map[string]string{{"client_id": "x"}, {"client_secret": "hunter2"}} {
		for k, v := range good {
			if k != "token" {
				set[k] = v
			}
		}
		if _, err := (kind{}).Open(warehouse.Config{Settings: set}); err == nil || !strings.Contains(err.Error(), "is missing") {
			t.Errorf("%v: error is %v", set, err)
		}
	}
	w, err := kind{}.Open(warehouse.Config{Settings: good})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Identity() + " " + w.Schema(); got != "databricks:dbc-1.cloud.databricks.com/main weir" {
		t.Errorf("identity and schema are %s", got)
	}
	good["schema"] = "tools.weir"
	if w, err = (kind{}).Open(warehouse.Config{Settings: good}); err != nil || w.Identity() != "databricks:dbc-1.cloud.databricks.com/tools" {
		t.Errorf("identity is %v, %v", w, err)
	}
}

// TestSession: what a session is prepared with, who signs it, and its end.
func TestSession(t *testing.T) {
	s, set := serve(t)
	s.on(`^SET QUERY_TAGS`, answer{fault: "[UNSUPPORTED_FEATURE] Query tags are not enabled. SQLSTATE: 0A000"}) // a nicety
	one := connect(t, set)
	if _, err := one.Exec(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if _, err := one.Exec(t.Context(), "SELECT 1"); !errors.Is(err, errClosed) {
		t.Errorf("error is %v", err)
	}
	want := []string{"SET TIME ZONE 'UTC'", "SET ANSI_MODE = true", "USE CATALOG `main`", "SET QUERY_TAGS['application'] = 'weir shop'"}
	if diff := cmp.Diff(want, s.said); diff != "" || s.opened != 1 || s.closed != 1 {
		t.Errorf("%d opened, %d closed: %s", s.opened, s.closed, diff)
	}
	if slices.ContainsFunc(s.tokens, func(a string) bool { return a != "Bearer hunter2" }) {
		t.Errorf("signed with %q", s.tokens)
	}
}

// TestServicePrincipal: a service principal gets its token from the workspace.
func TestServicePrincipal(t *testing.T) {
	s, set := serve(t)
	delete(set, "token")
	set["client_id"], set["client_secret"] = "app", "hunter2"
	connect(t, set)
	if !slices.Contains(s.tokens, "Bearer made-by-the-workspace") {
		t.Errorf("signed with %q", s.tokens)
	}
}

func TestUnreachable(t *testing.T) {
	for status, want := range map[int]string{http.StatusForbidden: "does not let this user in", http.StatusNotFound: "check host and http_path"} {
		s, set := serve(t)
		s.refuse = status
		w, err := kind{}.Open(warehouse.Config{Settings: set})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Session(t.Context())
		if !errors.As(err, new(*warehouse.UnreachableError)) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%d: error is %v", status, err)
		}
	}
}

// TestValues: values of each type, as a session gives them.
func TestValues(t *testing.T) {
	s, set := serve(t)
	s.on(`^SELECT \*`, answer{columns: []string{"b", "n", "f", "d", "s", "day", "at", "l"},
		types: []int32{booleanType, bigintType, doubleType, decimalType, stringType, dateType, timestampType, arrayType},
		rows: [][]any{
			{true, int64(7), 0.5, "10.500000000", "é\n", "2024-02-29", "2024-03-01 12:30:45.123456", `["a","b"]`},
			{nil, nil, nil, nil, nil, nil, nil, nil},
		}})
	one := connect(t, set)
	var got [][]any
	for row, err := range one.Query(t.Context(), "SELECT * FROM t") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, slices.Clone(row))
	}
	want := [][]any{
		{true, int64(7), 0.5, json.Number("10.5"), "é\n", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), time.Date(2024, 3, 1, 12, 30, 45, 123456000, time.UTC), `["a","b"]`},
		{nil, nil, nil, nil, nil, nil, nil, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"DROP TABLE t", "SELECT 1; SELECT 2"} {
		for _, err := range one.Query(t.Context(), bad) {
			if err == nil {
				t.Errorf("%s was run", bad)
			}
		}
	}
}

// TestExec: how many rows a statement changed is in a row that it gives.
func TestExec(t *testing.T) {
	s, set := serve(t)
	s.on(`^UPDATE`, answer{columns: []string{"num_affected_rows"}, types: []int32{bigintType}, rows: [][]any{{int64(3)}}})
	s.on(`MERGE INTO`, answer{columns: []string{"num_affected_rows", "num_updated_rows"}, types: []int32{bigintType, bigintType}, rows: [][]any{{int64(2), int64(2)}}})
	s.on("^CREATE TABLE", answer{columns: []string{}})
	s.on("^ALTER TABLE", answer{fault: "[FIELD_ALREADY_EXISTS] Cannot add column, because `y` already exists. SQLSTATE: 42710"})
	s.on("^DESCRIBE QUERY", answer{columns: []string{"col_name", "data_type", "comment"}, types: []int32{stringType, stringType, stringType}, rows: [][]any{{"Y", "bigint", nil}}})
	one := connect(t, set)
	for sql, want := range map[string]int64{"UPDATE `t` AS `t` SET `x` = 1": 3, "-- moves\nMERGE INTO `t` AS `t` USING `o` AS `o` ON TRUE": 2, "CREATE TABLE `t` (`x` BIGINT)": -1,
		"ALTER TABLE `main`.`weir`.`t` ADD COLUMN `y` BIGINT": 0} {
		if n, err := one.Exec(t.Context(), sql); err != nil || n != want {
			t.Errorf("%s: %d rows, %v", sql, n, err)
		}
	}
	if _, err := one.Exec(t.Context(), "ALTER TABLE `main`.`weir`.`t` ADD COLUMN `z` BIGINT"); err == nil || !strings.Contains(err.Error(), "FIELD_ALREADY_EXISTS") {
		t.Errorf("error is %v", err)
	}
	err := one.Tx(t.Context(), func(context.Context) error { t.Error("a transaction ran"); return nil })
	if !errors.Is(err, errTransaction) {
		t.Errorf("error is %v", err)
	}
}

func TestColumns(t *testing.T) {
	s, set := serve(t)
	s.on("^DESCRIBE QUERY SELECT \\* FROM `tools`.`weir`.`t`$", answer{columns: []string{"col_name", "data_type", "comment"}, types: []int32{stringType, stringType, stringType},
		rows: [][]any{{"id", "bigint", nil}, {"paid", "decimal(10,2)", nil}, {"at", "timestamp", nil}, {"wall", "timestamp_ntz", nil}, {"tags", "array<string>", nil}, {"raw", "struct<a:int>", nil}}})
	one := connect(t, set)
	got, err := one.Columns(t.Context(), []string{"tools.weir", "t"})
	want := []warehouse.Column{{Name: "id", Type: "integer", Native: "bigint"}, {Name: "paid", Type: "number", Native: "decimal(10,2)"}, {Name: "at", Type: "timestamp", Native: "timestamp"},
		{Name: "wall", Type: "timestamp", Native: "timestamp_ntz", Naive: true}, {Name: "tags", Type: "list", Native: "array<string>"}, {Name: "raw", Native: "struct<a:int>"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestLoad: what fits one statement is one, and more comes by a temporary table.
func TestLoad(t *testing.T) {
	rows := func(n int) iter.Seq2[[]any, error] {
		return func(yield func([]any, error) bool) {
			for i := range n {
				if !yield([]any{int64(i), "it's"}, nil) {
					return
				}
			}
		}
	}
	s, set := serve(t)
	s.on("^DESCRIBE QUERY", answer{columns: []string{"col_name", "data_type"}, types: []int32{stringType, stringType}, rows: [][]any{{"n", "bigint"}, {"v", "string"}}})
	s.on("^(INSERT|CREATE TEMPORARY|DROP)", answer{columns: []string{"num_affected_rows"}, types: []int32{bigintType}, rows: [][]any{{int64(1)}}})
	one := connect(t, set)
	if n, err := one.Load(t.Context(), []string{"weir", "t"}, []string{"n", "v"}, rows(2)); err != nil || n != 2 {
		t.Errorf("%d rows, %v", n, err)
	}
	if got := s.statements(); got[len(got)-1] != "INSERT INTO `weir`.`t` (`n`, `v`) VALUES\n(0, 'it\\'s'),\n(1, 'it\\'s')" {
		t.Errorf("the statements are %q", got)
	}
	before := len(s.statements())
	if n, err := one.Load(t.Context(), []string{"weir", "t"}, []string{"n", "v"}, rows(insertRows+1)); err != nil || n != insertRows+1 {
		t.Errorf("%d rows, %v", n, err)
	}
	var heads []string
	for _, sql := range s.statements()[before:] {
		head, _, _ := strings.Cut(sql, "weir_load_")
		heads = append(heads, head[:min(len(head), 40)])
	}
	want := []string{"DESCRIBE QUERY SELECT * FROM `weir`.`t`", "CREATE TEMPORARY TABLE `", "INSERT INTO `", "INSERT INTO `", "INSERT INTO `weir`.`t` (`n`, `v`) SELECT "[:40], "DROP TABLE IF EXISTS `"}
	if diff := cmp.Diff(want, heads); diff != "" {
		t.Error(diff)
	}
	if _, err := one.Load(t.Context(), []string{"weir", "t"}, []string{"n"}, func(yield func([]any, error) bool) { yield([]any{"text"}, nil) }); err == nil || !strings.Contains(err.Error(), "row 1: the value of column n, a string, does not fit") {
		t.Errorf("error is %v", err)
	}
}

// TestStop: a statement whose context is over is stopped on the server.
func TestStop(t *testing.T) {
	s, set := serve(t)
	s.on("^SELECT", answer{columns: []string{"n"}, types: []int32{bigintType}, slow: true})
	one := connect(t, set)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	go func() {
		for len(s.statements()) == 0 {
			if t.Context().Err() != nil {
				return
			}
		}
		cancel(why)
	}()
	var got error
	for _, err := range one.Query(ctx, "SELECT 1 AS n") {
		got = err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(got, why) || s.stopped != 1 {
		t.Errorf("error is %v; %d operations were stopped", got, s.stopped)
	}
}

// TestErrors has errors as the server words them.
func TestErrors(t *testing.T) {
	s, set := serve(t)
	s.on("information_schema", answer{columns: []string{"table_schema", "table_name"}, types: []int32{stringType, stringType}, rows: [][]any{{"raw", "orders"}, {"raw", "users"}}})
	s.on("missing table", answer{fault: "[TABLE_OR_VIEW_NOT_FOUND] The table or view `raw`.`order` cannot be found. Verify the spelling and correctness of the schema and catalog.\nSQLSTATE: 42P01"})
	s.on("missing column", answer{fault: "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with name `o`.`emial` cannot be resolved. Did you mean one of the following? [`o`.`email`, `o`.`id`]. SQLSTATE: 42703"})
	s.on("denied", answer{fault: "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have SELECT on Table 'main.raw.orders'. SQLSTATE: 42501"})
	s.on("values", answer{fault: "[CAST_INVALID_INPUT] The value 'ann@example.com' of the type \"STRING\" cannot be cast to \"BIGINT\" because it is malformed. SQLSTATE: 22018"})
	s.on("conflict", answer{fault: "[DELTA_CONCURRENT_APPEND.WITHOUT_HINT] Transaction conflict detected. SQLSTATE: 2D521"})
	one := connect(t, set)
	ask := func(what string) error {
		t.Helper()
		_, err := one.Exec(t.Context(), "CREATE TABLE `x` AS SELECT '"+what+"'")
		return err
	}
	var missing *warehouse.MissingError
	if err := ask("missing table"); !errors.As(err, &missing) || missing.What != "table" || missing.Name != "raw.order" || len(missing.Nearest) == 0 || missing.Nearest[0] != "raw.orders" {
		t.Errorf("error is %#v", err)
	}
	if err := ask("missing column"); !errors.As(err, &missing) || missing.Name != "emial" || !slices.Equal(missing.Nearest, []string{"email", "id"}) {
		t.Errorf("error is %#v", err)
	}
	var d *warehouse.DeniedError
	if err := ask("denied"); !errors.As(err, &d) || d.What != "read main.raw.orders" || d.Grant != "GRANT SELECT ON TABLE `main`.`raw`.`orders` TO "+principal+";" {
		t.Errorf("error is %#v", err)
	}
	if err := ask("values"); err == nil || strings.Contains(err.Error(), "ann@") || !strings.Contains(err.Error(), "[CAST_INVALID_INPUT]") {
		t.Errorf("error is %v", err)
	}
	if err := ask("conflict"); err == nil || !strings.Contains(err.Error(), "run it again") {
		t.Errorf("error is %v", err)
	}
}

func TestRights(t *testing.T) {
	s, set := serve(t)
	strings1 := []int32{stringType}
	s.on("^SELECT CURRENT_USER", answer{columns: []string{"u"}, types: strings1, rows: [][]any{{"weir@example.com"}}})
	s.on("^DESCRIBE QUERY SELECT \\* FROM `raw`.`orders`", answer{fault: "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have USE SCHEMA on Schema 'main.raw'. SQLSTATE: 42501"})
	s.on("^DESCRIBE QUERY", answer{columns: []string{"col_name", "data_type"}, types: []int32{stringType, stringType}, rows: [][]any{{"id", "bigint"}}})
	s.on("^DESCRIBE SCHEMA", answer{columns: []string{"a", "b"}, types: []int32{stringType, stringType}, rows: [][]any{{"Schema Name", "weir"}}})
	s.on("schema_privileges", answer{columns: []string{"privilege_type"}, types: strings1, rows: [][]any{{"USE_SCHEMA"}, {"SELECT"}}})
	s.on("schemata", answer{columns: []string{"n"}, types: strings1, rows: [][]any{{"0"}}})
	one := connect(t, set)
	got, err := one.Rights(t.Context(), [][]string{{"raw", "users"}, {"raw", "orders"}})
	want := []warehouse.Right{
		{What: "read raw.users", Held: true},
		{What: "read raw.orders", Grant: "GRANT USE SCHEMA ON SCHEMA `main`.`raw` TO `weir@example.com`;"},
		{What: "use and make tables in schema main.weir", Grant: "GRANT USE SCHEMA, CREATE TABLE, SELECT, MODIFY ON SCHEMA `main`.`weir` TO `weir@example.com`;"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}
