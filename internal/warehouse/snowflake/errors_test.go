package snowflake

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/warehousetest/outside"
)

// answer is what a server says of a statement that holds some words.
type answer struct {
	when    string
	code    string
	message string
	columns []string
	rows    [][]any
	data    map[string]any // all of the answer, in place of columns and rows
	later   int            // how often it is first said that the statement runs, as while a warehouse is resumed
}

// server speaks as much of Snowflake's protocol as signing in and answering takes.
func server(t *testing.T, answers ...answer) *store {
	t.Helper()
	mux := http.NewServeMux()
	var waits atomic.Int64
	var last atomic.Value
	send := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("/session/v1/login-request", func(w http.ResponseWriter, _ *http.Request) {
		send(w, map[string]any{"success": true, "data": map[string]any{"token": "t", "masterToken": "m", "parameters": []any{}, "sessionInfo": map[string]any{}}})
	})
	mux.HandleFunc("/session", func(w http.ResponseWriter, _ *http.Request) { send(w, map[string]any{"success": true}) })
	mux.HandleFunc("/queries/v1/query-request", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ SQLText string }
		if _ = json.NewDecoder(r.Body).Decode(&body); r.Method == http.MethodGet { // for the result of the last statement
			body.SQLText = last.Load().(string)
		}
		last.Store(body.SQLText)
		for _, a := range answers {
			if !strings.Contains(body.SQLText, a.when) {
				continue
			}
			if a.code != "" {
				send(w, map[string]any{"success": false, "code": a.code, "message": a.message, "data": map[string]any{"sqlState": "42000"}})
				return
			}
			if a.data != nil {
				if waits.Add(1) <= int64(a.later) {
					send(w, map[string]any{"success": true, "code": "333333", "data": map[string]any{"getResultUrl": "/queries/v1/query-request"}})
					return
				}
				send(w, map[string]any{"success": true, "data": a.data})
				return
			}
			types := make([]map[string]any, len(a.columns))
			for i, c := range a.columns {
				name, typ, _ := strings.Cut(c, ":")
				if typ == "" {
					typ = "text"
				}
				types[i] = map[string]any{"name": name, "type": typ}
			}
			send(w, map[string]any{"success": true, "data": map[string]any{"rowtype": types, "rowset": a.rows, "total": len(a.rows), "returned": len(a.rows),
				"queryId": "q", "queryResultFormat": "json", "statementTypeId": 0x1000, "parameters": []any{}}})
			return
		}
		send(w, map[string]any{"success": true, "data": map[string]any{"rowtype": []any{}, "rowset": []any{}, "queryResultFormat": "json", "statementTypeId": 0x6000, "parameters": []any{}}})
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	w, err := kind{}.Open(warehouse.Config{Settings: map[string]string{"account": "myorg-shop", "user": "weir", "password": "hunter2", "protocol": "http",
		"host": at.Hostname(), "port": at.Port(), "database": "shop", "warehouse": "loading", "role": "weir"}})
	if err != nil {
		t.Fatal(err)
	}
	return w.(*store)
}

func open(t *testing.T, s *store) *session {
	t.Helper()
	c, err := s.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*session)
}

func TestErrorsAreTranslated(t *testing.T) {
	s := open(t, server(t,
		answer{when: "custmers", code: "002003", message: "SQL compilation error:\nObject 'SHOP.SALES.CUSTMERS' does not exist or not authorized."},
		answer{when: "information_schema", columns: []string{"TABLE_SCHEMA", "TABLE_NAME"}, rows: [][]any{{"SALES", "CUSTOMERS"}}},
		answer{when: "emial", code: "000904", message: "SQL compilation error: error line 1 at position 7\ninvalid identifier 'C.EMIAL'"},
		answer{when: "secret", code: "003001", message: "SQL access control error:\nInsufficient privileges to operate on schema 'SECRET'"},
		answer{when: "asleep", code: "000606", message: "No active warehouse selected in the current session."},
		answer{when: "value", code: "100038", message: "Numeric value 'anna@example.com' is not recognized"}, //nolint:misspell // the server's words
		answer{when: "gone", code: "390112", message: "Your session has expired. Please login again."},
	))
	ask := func(sql string) error {
		for _, err := range s.Query(t.Context(), sql) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	var missing *warehouse.MissingError
	if err := ask("SELECT 1 FROM sales.custmers"); !errors.As(err, &missing) || missing.Name != "shop.sales.custmers" || len(missing.Nearest) != 1 || missing.Nearest[0] != "sales.customers" {
		t.Errorf("a missing table: %v, %+v", err, missing)
	}
	if err := ask("SELECT emial"); !errors.As(err, &missing) || missing.What != "column" || missing.Name != "emial" {
		t.Errorf("a missing column: %v", err)
	}
	var denied *warehouse.DeniedError
	want := `GRANT USAGE, CREATE TABLE, CREATE VIEW, CREATE FUNCTION ON SCHEMA "SECRET" TO ROLE "WEIR";`
	if err := ask("SELECT secret"); !errors.As(err, &denied) || denied.Grant != want {
		t.Errorf("a right: %v, %+v", err, denied)
	}
	if err := ask("SELECT asleep"); !errors.As(err, new(*warehouse.UnreachableError)) || !strings.Contains(err.Error(), `ALTER WAREHOUSE "LOADING" RESUME`) {
		t.Errorf("a suspended warehouse: %v", err)
	}
	if err := ask("SELECT value"); err == nil || strings.Contains(err.Error(), "anna") {
		t.Errorf("a value: %v", err)
	}
}

func TestRights(t *testing.T) {
	s := open(t, server(t,
		answer{when: "CURRENT_ROLE", columns: []string{"R", "W"}, rows: [][]any{{"WEIR", "LOADING"}}},
		answer{when: "hidden", code: "002003", message: "SQL compilation error:\nObject 'SHOP.SALES.HIDDEN' does not exist or not authorized."},
		answer{when: "HIDDEN", code: "002003", message: "SQL compilation error:\nObject 'SHOP.SALES.HIDDEN' does not exist or not authorized."},
		answer{when: "ORDERS", columns: []string{"ID"}},
		answer{when: "SHOW GRANTS ON SCHEMA", columns: []string{"privilege", "granted_to", "grantee_name"}, rows: [][]any{{"USAGE", "ROLE", "WEIR"}, {"CREATE TABLE", "ROLE", "WEIR"}, {"OWNERSHIP", "ROLE", "OTHER"}}},
		answer{when: "IS_ROLE_IN_SESSION('WEIR')", columns: []string{"B:boolean"}, rows: [][]any{{"1"}}},
		answer{when: "IS_ROLE_IN_SESSION('OTHER')", columns: []string{"B:boolean"}, rows: [][]any{{"0"}}},
	))
	got, err := s.Rights(t.Context(), [][]string{{"sales", "orders"}, {"sales", "hidden"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []warehouse.Right{
		{What: "use virtual warehouse loading", Held: true, Grant: `GRANT USAGE, OPERATE ON WAREHOUSE "LOADING" TO ROLE "WEIR";`},
		{What: "read sales.orders", Held: true},
		{What: "read sales.hidden", Grant: `GRANT USAGE ON DATABASE "SHOP" TO ROLE "WEIR";` + "\n" + `GRANT USAGE ON SCHEMA "SHOP"."SALES" TO ROLE "WEIR";` + "\n" + `GRANT SELECT ON TABLE "SHOP"."SALES"."HIDDEN" TO ROLE "WEIR";`},
		{What: "use and make tables in schema weir", Grant: `GRANT USAGE ON DATABASE "SHOP" TO ROLE "WEIR";` + "\n" + `GRANT USAGE, CREATE TABLE, CREATE VIEW, CREATE FUNCTION ON SCHEMA "SHOP"."WEIR" TO ROLE "WEIR";`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestGivenSchema: a role that may make no schema works in the one that somebody else made for it.
func TestGivenSchema(t *testing.T) {
	s := open(t, server(t,
		answer{when: "CREATE SCHEMA", code: "003001", message: "SQL access control error:\nInsufficient privileges to operate on database 'SHOP'"},
		answer{when: `DESCRIBE SCHEMA "SHOP"."WEIR"`, columns: []string{"created_on", "name", "kind"}, rows: [][]any{{"2026-01-01", "ORDERS", "TABLE"}}},
		answer{when: "DESCRIBE SCHEMA", code: "002043", message: "SQL compilation error:\nObject does not exist, or operation cannot be performed."},
	))
	if _, err := s.Exec(t.Context(), `CREATE SCHEMA IF NOT EXISTS "SHOP"."WEIR"`); err != nil {
		t.Error(err)
	}
	for _, sql := range []string{`CREATE SCHEMA IF NOT EXISTS "SHOP"."OTHER"`, `CREATE SCHEMA "SHOP"."WEIR"`} {
		if _, err := s.Exec(t.Context(), sql); !errors.As(err, new(*warehouse.DeniedError)) {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// A text that ends with an escaped quote does not end, and what follows is no other statement.
func TestSnowflakesQuotes(t *testing.T) {
	s := open(t, server(t, answer{when: "it", columns: []string{"A"}, rows: [][]any{{"one"}}}))
	rows, err := ask(t.Context(), s, `SELECT 'it\'s; one' AS a`)
	if err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err := ask(t.Context(), s, `SELECT 'it\\'; DROP TABLE it --'`); err == nil {
		t.Error("two statements ran")
	}
}

func TestEstimate(t *testing.T) {
	s := open(t, server(t, answer{when: "EXPLAIN", columns: []string{"content"}, rows: [][]any{{`{"GlobalStats":{"partitionsTotal":9,"partitionsAssigned":2,"bytesAssigned":4096},"Operations":[]}`}}}))
	got, err := s.Estimate(t.Context(), "SELECT 1")
	if want := (warehouse.Estimate{Bytes: 4096, Rows: -1}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDefinitionsEndNoTransaction(t *testing.T) {
	s := open(t, server(t))
	s.inTx = true
	for _, sql := range []string{"CREATE TABLE x (y INTEGER)", "-- a\n DROP TABLE x", "use schema y"} {
		if _, err := s.Exec(t.Context(), sql); !errors.Is(err, errDefinition) {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestOpenTellsNoSecret(t *testing.T) {
	for want, set := range map[string]map[string]string{
		"account is missing":  {"database": "d", "user": "u", "password": "hunter2"},
		"database is missing": {"account": "a", "user": "u", "password": "hunter2"},
		"password is missing": {"account": "a", "database": "d", "user": "u"},
		"user is missing":     {"account": "a", "database": "d", "password": "hunter2"},
		"port":                {"account": "a", "database": "d", "user": "u", "password": "hunter2", "port": "x"},
		"login_timeout":       {"account": "a", "database": "d", "user": "u", "password": "hunter2", "login_timeout": "soon"},
		"authenticator":       {"account": "a", "database": "d", "user": "u", "password": "hunter2", "authenticator": "magic"},
		"private_key_path":    {"account": "a", "database": "d", "user": "u", "password": "hunter2", "authenticator": "snowflake_jwt"},
		"three parts":         {"account": "a", "database": "d", "user": "u", "password": "hunter2", "schema": "a.b.c"},
	} {
		_, err := kind{}.Open(warehouse.Config{Settings: set})
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(strings.ReplaceAll(err.Error(), "3 parts", "three parts"), want) {
			t.Errorf("%s: error is %v", want, err)
		}
	}
}

func TestPrivateKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	got, err := privateKey(text, "")
	if err != nil || !got.Equal(key) {
		t.Errorf("PKCS #8: %v", err)
	}
	got, err = privateKey(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), "")
	if err != nil || !got.Equal(key) {
		t.Errorf("PKCS #1: %v", err)
	}
	for _, bad := range []string{"", "hello", string(text[:200])} {
		if _, err := privateKey([]byte(bad), ""); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
	openssl := outside.Find(t, "openssl") // encrypts keys
	plain := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(plain, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{"aes256", "aes-128-cbc", "des3"} {
		out, err := exec.CommandContext(t.Context(), openssl, "pkcs8", "-topk8", "-v2", way, "-in", plain, "-passout", "pass:open sesame").Output()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := privateKey(out, "open sesame"); err != nil || !got.Equal(key) {
			t.Errorf("%s: %v", way, err)
		}
		if _, err := privateKey(out, ""); err == nil || !strings.Contains(err.Error(), "private_key_passphrase") {
			t.Errorf("%s without a passphrase: %v", way, err)
		}
		if _, err := privateKey(out, "wrong"); err == nil || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s with another passphrase: %v", way, err)
		}
	}
}

func TestList(t *testing.T) {
	for in, want := range map[string]string{
		"[]": "[]", "[\n  \"a\",\n  \"b c\"\n]": `["a","b c"]`, "[1, undefined, 1.500000000000000e+00]": "[1,null,1.5]",
		`["a\/b", "c\\", "d\"e"]`: `["a/b","c\\","d\"e"]`, "[true, null, 100, 2.50]": "[true,null,100,2.5]",
	} {
		if got, err := list(in); err != nil || got != want {
			t.Errorf("%s: got %s, %v", in, got, err)
		}
	}
	if _, err := list(`["a`); err == nil {
		t.Error("a quote that is not closed was read")
	}
}
