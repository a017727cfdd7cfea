package dbt

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// adapters turn an output of dbt into weir's settings, by dbt's type. What dbt writes to is not
// taken over: weir has a schema of its own.
var adapters = map[string]func(*reading){
	"duckdb": duckdb, "postgres": postgres, "bigquery": bigquery, "snowflake": snowflake,
}

// reading reads an output. The first fault stays.
type reading struct {
	o      *Output
	lookup Lookup
	out    map[string]string
	err    *Fault
}

// text is the first of some keys that the output has, filled in, and that key.
func (r *reading) text(keys ...string) (value, key string) {
	for _, key := range keys {
		switch v := r.o.values[key].(type) {
		case nil:
			continue
		case string:
			text, err := fill(v, r.lookup)
			if err != nil && r.err == nil {
				r.err = r.o.in.fault(r.o.at+"."+key, err)
			}
			return text, key
		case bool, int64, float64:
			return fmt.Sprint(v), key
		default:
			r.fail(key, "write one value", "%s is not a single value", key)
			return "", key
		}
	}
	return "", ""
}

func (r *reading) fail(key, fix, format string, args ...any) {
	if r.err == nil {
		r.err = r.o.fault(key, "dbt.profile", fix, format, args...)
	}
}

// need is text of which one key must be there.
func (r *reading) need(keys ...string) string {
	v, key := r.text(keys...)
	if key == "" || v == "" && r.lookup != nil {
		r.fail("type", "add it, as dbt's page on "+r.o.Type+" says", "the output has no %s", keys[0])
	}
	return v
}

// copy takes settings over that mean the same.
func (r *reading) copy(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		if v, key := r.text(pairs[i]); key != "" {
			r.out[pairs[i+1]] = v
		}
	}
}

// path makes a path absolute as dbt does, which runs in the folder of its project.
func (r *reading) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.o.dir, filepath.FromSlash(p))
}

func duckdb(r *reading) {
	path, key := r.text("path")
	switch {
	case key == "" || strings.HasPrefix(path, ":memory:"):
		r.fail("type", "give it a path: to a file", "this database is in memory, and gone when dbt ends")
	case strings.HasPrefix(path, "md:") || strings.HasPrefix(path, "motherduck:") || strings.Contains(path, "://"):
		r.fail("path", "name a file of DuckDB", "weir opens files of DuckDB only")
	}
	r.out["path"] = r.path(path)
	if more, ok := r.o.values["settings"].(map[string]any); ok {
		if limit, ok := more["memory_limit"].(string); ok {
			r.out["memory_limit"] = limit
		}
	}
}

// postgres makes a connection string of keys and values.
func postgres(r *reading) {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"='"+quote.Replace(value)+"'")
		}
	}
	add("host", r.need("host"))
	add("user", r.need("user"))
	add("dbname", r.need("dbname", "database"))
	for _, p := range [][]string{{"password", "password", "pass"}, {"port", "port"}, {"sslmode", "sslmode"}, {"sslcert", "sslcert"}, {"sslkey", "sslkey"}, {"sslrootcert", "sslrootcert"},
		{"connect_timeout", "connect_timeout"}, {"search_path", "search_path"}, {"role", "role"}} {
		v, _ := r.text(p[1:]...)
		add(p[0], v)
	}
	r.out["dsn"] = strings.Join(parts, " ")
}

func bigquery(r *reading) {
	r.out["project"] = r.need("project", "database")
	if billed, key := r.text("execution_project"); key != "" {
		// Statements run there; what weir makes lies where dbt's tables lie.
		r.out["dataset"], r.out["project"] = r.out["project"]+".weir", billed
	}
	r.copy("location", "location", "maximum_bytes_billed", "max_bytes_billed")
	if _, ok := r.o.values["api_endpoint"]; ok {
		r.fail("api_endpoint", "write the target's own settings", "weir asks BigQuery at its own address only")
	}
	if _, ok := r.o.values["impersonate_service_account"]; ok {
		r.fail("impersonate_service_account", "write the target's own settings, with the credentials of that account", "weir does not act as another service account")
	}
	method, _ := r.text("method")
	switch method {
	case "oauth":
	case "service-account":
		r.out["credentials"] = r.path(r.need("keyfile"))
	case "service-account-json":
		r.out["credentials_json"] = r.json("keyfile_json", nil)
	case "oauth-secrets":
		if _, ok := r.o.values["refresh_token"]; !ok {
			r.fail("method", "give it a refresh_token, a client_id and a client_secret, or use a service account", "an access token ends within the hour")
			return
		}
		r.out["credentials_json"] = r.json("", map[string]any{"type": "authorized_user", "refresh_token": r.need("refresh_token"), "client_id": r.need("client_id"), "client_secret": r.need("client_secret")})
	default:
		if r.lookup == nil && method == "" && r.o.values["method"] != nil {
			return // it is a variable
		}
		r.fail("method", "use oauth, service-account, service-account-json or oauth-secrets", "weir does not know this method of BigQuery")
	}
}

// json writes credentials as JSON: those at a key, filled in, or what is given.
func (r *reading) json(key string, given map[string]any) string {
	if key != "" {
		in, ok := r.o.values[key].(map[string]any)
		if !ok {
			r.fail(key, "write the keys of the file below it", "%s is not a mapping", key)
			return ""
		}
		given = map[string]any{}
		for k, v := range in {
			if text, ok := v.(string); ok {
				filled, err := fill(text, r.lookup)
				if err != nil && r.err == nil {
					r.err = r.o.in.fault(r.o.at+"."+key+"."+k, err)
				}
				v = filled
			}
			given[k] = v
		}
	}
	b, err := json.Marshal(given)
	if err != nil {
		r.fail(key, "write texts", "it can not be written as JSON")
	}
	return string(b)
}

func snowflake(r *reading) {
	r.out["account"], r.out["database"] = r.need("account"), r.need("database")
	for _, key := range []string{"oauth_client_id", "oauth_client_secret"} {
		if _, ok := r.o.values[key]; ok {
			r.fail(key, "use a key pair: private_key_path", "weir does not ask for tokens by OAuth itself")
		}
	}
	if _, ok := r.o.values["private_key"]; ok {
		r.fail("private_key", "put the key into a file, and name it in private_key_path", "the private key is not in a file")
	}
	r.copy("user", "user", "password", "password", "private_key_path", "private_key_path", "private_key_passphrase", "private_key_passphrase", "token", "token",
		"authenticator", "authenticator", "role", "role", "warehouse", "warehouse", "host", "host", "port", "port", "protocol", "protocol")
	if p := r.out["private_key_path"]; p != "" {
		r.out["private_key_path"] = r.path(p)
	}
	if !slices.ContainsFunc([]string{"user", "token"}, func(k string) bool { _, ok := r.out[k]; return ok }) {
		r.fail("type", "add user: or token:", "the output says neither user nor token")
	}
}
