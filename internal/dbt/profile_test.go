package dbt_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/dbt"
)

// secret stands for every secret of the profiles below: nothing may print it.
const secret = "hunter2 it's \\ so"

const profiles = `config: {send_anonymous_usage_stats: false}
shop:
  target: "{{ env_var('SHOP_TARGET', 'dev') }}"
  outputs:
    dev:
      type: duckdb
      path: "{{ env_var('SHOP_DB', 'shop') }}.duckdb"
      threads: 4
      settings: {memory_limit: 2GB}
    pg:
      type: postgres
      host: "{{ env_var('PG_HOST') }}"
      port: "{{ env_var('PG_PORT', '5432') | as_number }}"
      user: shop
      pass: "hunter2 it's \\ so"
      dbname: warehouse
      schema: analytics
      role: reader
      keepalives_idle: 0
    pg_var: {type: postgres, host: h, user: u, password: "{{ env_var('PG_PASSWORD') }}", dbname: d}
    bq: {type: bigquery, method: oauth, project: acme, dataset: analytics, location: EU, maximum_bytes_billed: 1000000000, threads: 8}
    bq_file: {type: bigquery, method: service-account, project: acme, execution_project: acme-jobs, keyfile: keys/dbt.json}
    bq_json:
      type: bigquery
      method: service-account-json
      project: acme
      keyfile_json: {type: service_account, private_key: "{{ env_var('BQ_KEY') }}", client_email: dbt@acme.example.com}
    bq_user: {type: bigquery, method: oauth-secrets, project: acme, refresh_token: r, client_id: c, client_secret: s}
    snow: {type: snowflake, account: org-acct, user: DBT, private_key_path: keys/dbt.p8, private_key_passphrase: "{{ env_var('SNOW_PASS') | as_text }}", role: T, warehouse: W, database: DB, schema: S, threads: 1}
bad:
  target: one
  outputs:
    redshift: {type: redshift, host: h}
    jinja: {type: duckdb, path: "{{ target.name }}.duckdb"}
    block: {type: duckdb, path: "{% if true %}x{% endif %}"}
    open: {type: duckdb, path: "{{ env_var('X') "}
    filter: {type: duckdb, path: "{{ env_var('X') | upper }}"}
    unused: {type: duckdb, path: x.duckdb, schema: "{{ user() }}"}
    memory: {type: duckdb, path: ":memory:"}
    none: {type: duckdb}
    duck: {type: duckdb, path: "md:shop"}
    nohost: {type: postgres, user: u, dbname: d}
    list: {type: postgres, host: [a], user: u, dbname: d}
    number: {type: postgres, host: h, user: u, dbname: d, port: "{{ env_var('WORD') | as_number }}"}
    unset: {type: postgres, host: h, user: u, dbname: d, password: "{{ env_var('NOT_SET') }}"}
    act: {type: bigquery, method: oauth, project: p, impersonate_service_account: a}
    address: {type: bigquery, method: oauth, project: p, api_endpoint: "https://b.example.com"}
    token: {type: bigquery, method: oauth-secrets, project: p, token: hunter2}
    method: {type: bigquery, method: magic, project: p}
    oauth: {type: snowflake, account: a, user: u, database: d, oauth_client_id: x}
    inline: {type: snowflake, account: a, user: u, database: d, private_key: hunter2}
    nobody: {type: snowflake, account: a, database: d}
`

func readProfiles(t *testing.T) (*dbt.Profiles, string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, dbt.ProfilesFile)
	if err := os.WriteFile(path, []byte(profiles), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := dbt.ReadProfiles(path, "../dbt/profiles.yml")
	if err != nil {
		t.Fatal(err)
	}
	return p, dir
}

func lookup(name string) (string, bool) {
	v, ok := map[string]string{"PG_HOST": "db.example.com", "PG_PASSWORD": secret, "BQ_KEY": "-----BEGIN\n" + secret, "SNOW_PASS": secret, "WORD": secret, "X": secret}[name]
	return v, ok
}

func TestSettings(t *testing.T) {
	p, dir := readProfiles(t)
	for target, want := range map[string]map[string]string{
		"":        {"path": filepath.Join(dir, "shop.duckdb"), "memory_limit": "2GB"},
		"pg":      {"dsn": `host='db.example.com' user='shop' dbname='warehouse' password='hunter2 it\'s \\ so' port='5432' role='reader'`},
		"pg_var":  {"dsn": `host='h' user='u' dbname='d' password='hunter2 it\'s \\ so'`},
		"bq":      {"project": "acme", "location": "EU", "max_bytes_billed": "1000000000"},
		"bq_file": {"project": "acme-jobs", "dataset": "acme.weir", "credentials": filepath.Join(dir, "keys/dbt.json")},
		"bq_json": {"project": "acme", "credentials_json": `{"client_email":"dbt@acme.example.com","private_key":"-----BEGIN\nhunter2 it's \\ so","type":"service_account"}`},
		"bq_user": {"project": "acme", "credentials_json": `{"client_id":"c","client_secret":"s","refresh_token":"r","type":"authorized_user"}`},
		"snow": {"account": "org-acct", "user": "DBT", "private_key_path": filepath.Join(dir, "keys/dbt.p8"), "private_key_passphrase": secret, "role": "T", "warehouse": "W",
			"database": "DB"},
	} {
		o, err := p.Output("shop", target, dir, lookup)
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		got, err := o.Settings(lookup)
		if err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v\n%s", target, err, cmp.Diff(want, got))
		}
		// Without an environment the same settings are there.
		dry, err := o.Settings(nil)
		for k := range want {
			if _, ok := dry[k]; !ok || err != nil {
				t.Errorf("%s: %s is not known without the environment: %v", target, k, err)
			}
		}
		if strings.Contains(o.Public(), "hunter2") || !strings.Contains(o.Public(), o.Type) {
			t.Errorf("%s: %s", target, o.Public())
		}
	}
	if _, err := p.Output("shop", "pg", dir, lookup); err != nil {
		t.Fatal(err)
	}
}

func TestProfileFaults(t *testing.T) {
	p, dir := readProfiles(t)
	for _, c := range [][3]string{
		{"shpo", "", `dbt.unknown_profile: ../dbt/profiles.yml has no profile "shpo" | did you mean "shop"?`},
		{"shop", "pgg", `dbt.unknown_target: profile shop of ../dbt/profiles.yml has no output "pgg" | did you mean "pg"?`},
		{"bad", "", `dbt.unknown_target: profile bad of ../dbt/profiles.yml has no output "one"`},
		{"bad", "redshift", `../dbt/profiles.yml:33:22 dbt.unknown_warehouse: weir does not have the warehouse "redshift"`},
		{"bad", "jinja", `../dbt/profiles.yml:34:33 dbt.jinja: this is Jinja, of which weir knows env_var only`},
		{"bad", "block", `../dbt/profiles.yml:35:33 dbt.jinja: this is Jinja, of which weir knows env_var only`},
		{"bad", "open", `../dbt/profiles.yml:36:32 dbt.jinja: a {{ is not closed`},
		{"bad", "filter", `../dbt/profiles.yml:37:34 dbt.jinja: weir does not know Jinja's filter upper`},
		{"bad", "unused", `../dbt/profiles.yml:38:52 dbt.jinja: this is Jinja, of which weir knows env_var only`},
		{"bad", "memory", `../dbt/profiles.yml:39:20 dbt.profile: this database is in memory, and gone when dbt ends`},
		{"bad", "none", `../dbt/profiles.yml:40:18 dbt.profile: this database is in memory`},
		{"bad", "duck", `../dbt/profiles.yml:41:32 dbt.profile: weir opens files of DuckDB only`},
		{"bad", "nohost", `../dbt/profiles.yml:42:20 dbt.profile: the output has no host`},
		{"bad", "list", `../dbt/profiles.yml:43:34 dbt.profile: host is not a single value`},
		{"bad", "number", `../dbt/profiles.yml:44:65 dbt.jinja: the environment variable WORD is not a number`},
		{"bad", "unset", `../dbt/profiles.yml:45:68 dbt.jinja: the environment variable NOT_SET is not set`},
		{"bad", "act", `../dbt/profiles.yml:46:83 dbt.profile: weir does not act as another service account`},
		{"bad", "address", `../dbt/profiles.yml:47:72 dbt.profile: weir asks BigQuery at its own address only`},
		{"bad", "token", `../dbt/profiles.yml:48:37 dbt.profile: an access token ends within the hour`},
		{"bad", "method", `../dbt/profiles.yml:49:38 dbt.profile: weir does not know this method of BigQuery`},
		{"bad", "oauth", `../dbt/profiles.yml:50:81 dbt.profile: weir does not ask for tokens by OAuth itself`},
		{"bad", "inline", `../dbt/profiles.yml:51:78 dbt.profile: the private key is not in a file`},
		{"bad", "nobody", `../dbt/profiles.yml:52:20 dbt.profile: the output says neither user nor token`},
	} {
		o, err := p.Output(c[0], c[1], dir, lookup)
		if err == nil {
			_, err = o.Settings(lookup)
		}
		got := code(err)
		var f *dbt.Fault
		if errors.As(err, &f) && f.File != "" {
			got = fmt.Sprintf("%s:%d:%d %s", f.File, f.Line, f.Col, got)
		}
		if !strings.HasPrefix(got, c[2]) {
			t.Errorf("%s %s: %s\nwant %s", c[0], c[1], got, c[2])
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s %s shows a secret", c[0], c[1])
		}
	}
	broken := filepath.Join(dir, "broken.yml")
	if err := os.WriteFile(broken, []byte("shop:\n  password: hunter2: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var f *dbt.Fault
	if _, err := dbt.ReadProfiles(broken, "p.yml"); !errors.As(err, &f) || f.Code != "dbt.profiles" || f.Line != 2 || strings.Contains(code(err), "hunter2") {
		t.Errorf("%+v", f)
	}
	if _, err := dbt.ReadProfiles(filepath.Join(dir, "none"), "p.yml"); !errors.As(err, &f) || !strings.HasPrefix(f.What, "p.yml can not be read") {
		t.Errorf("%v", err)
	}
}

// TestFindProfiles looks where dbt looks, in that order.
func TestFindProfiles(t *testing.T) {
	home, project, other := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	put := func(dir string) string {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, dbt.ProfilesFile)
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	none := func(string) (string, bool) { return "", false }
	if _, err := dbt.FindProfiles(project, none); !strings.HasPrefix(code(err), "dbt.no_profiles: there is no profiles.yml in "+project+" or "+home) {
		t.Error(err)
	}
	want := put(filepath.Join(home, ".dbt"))
	if got, err := dbt.FindProfiles(project, none); got != want {
		t.Error(got, err)
	}
	want = put(project)
	if got, err := dbt.FindProfiles(project, none); got != want {
		t.Error(got, err)
	}
	set := func(string) (string, bool) { return other, true }
	if _, err := dbt.FindProfiles(project, set); !strings.Contains(code(err), "in "+other+" |") {
		t.Error(err)
	}
	want = put(other)
	if got, err := dbt.FindProfiles(project, set); got != want {
		t.Error(got, err)
	}
}
