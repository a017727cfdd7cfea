package postgres

import (
	"context"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weir-data/weir/internal/warehouse"
)

// Rights asks the catalogue, table by table. A source that is not there has no line: what a
// statement says about it is clearer.
func (s *session) Rights(ctx context.Context, sources [][]string) ([]warehouse.Right, error) {
	var out []warehouse.Right
	seen := map[string]bool{}
	add := func(r warehouse.Right) {
		if !seen[r.What] {
			seen[r.What] = true
			out = append(out, r)
		}
	}
	var user, database string
	for row, err := range s.Query(ctx, "SELECT current_user::text, current_database()::text") {
		if err != nil {
			return nil, err
		}
		user, database = quote(row[0].(string)), quote(row[1].(string))
	}
	for _, name := range sources {
		at := "n.nspname = ANY (current_schemas(true))"
		if len(name) > 1 {
			at = "n.nspname = " + text(name[len(name)-2])
		}
		sql := "SELECT n.nspname::text, has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT')" +
			" FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND " + at +
			" AND c.relname = " + text(name[len(name)-1]) + " ORDER BY array_position(current_schemas(true), n.nspname) LIMIT 1"
		for row, err := range s.Query(ctx, sql) {
			if err != nil {
				return nil, err
			}
			schema := row[0].(string)
			add(warehouse.Right{What: "use schema " + schema, Held: row[1] == true, Grant: "GRANT USAGE ON SCHEMA " + quote(schema) + " TO " + user + ";"})
			add(warehouse.Right{What: "read " + schema + "." + name[len(name)-1], Held: row[2] == true,
				Grant: "GRANT SELECT ON TABLE " + quote(schema) + "." + quote(name[len(name)-1]) + " TO " + user + ";"})
		}
	}
	there := false
	sql := "SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = " + text(s.schema)
	for row, err := range s.Query(ctx, sql) {
		if err != nil {
			return nil, err
		}
		there = true
		add(warehouse.Right{What: "use and make tables in schema " + s.schema, Held: row[0] == true && row[1] == true,
			Grant: "GRANT USAGE, CREATE ON SCHEMA " + quote(s.schema) + " TO " + user + ";"})
	}
	for row, err := range s.Query(ctx, "SELECT has_database_privilege(current_database(), 'CREATE'), has_database_privilege(current_database(), 'TEMPORARY')") {
		if err != nil {
			return nil, err
		}
		if !there {
			add(warehouse.Right{What: "make schema " + s.schema, Held: row[0] == true, Grant: "CREATE SCHEMA " + quote(s.schema) + " AUTHORIZATION " + user + ";"})
		}
		add(warehouse.Right{What: "make temporary tables", Held: row[1] == true, Grant: "GRANT TEMPORARY ON DATABASE " + database + " TO " + user + ";"})
	}
	if there {
		owned, err := s.owned(ctx, user)
		if err != nil {
			return nil, err
		}
		add(owned)
	}
	return out, nil
}

// owned tells whether all tables in weir's schema are its own: only an owner may drop or replace
// one.
func (s *session) owned(ctx context.Context, user string) (warehouse.Right, error) {
	r := warehouse.Right{What: "drop and replace what lies in schema " + s.schema, Held: true}
	var change []string
	sql := "SELECT c.relname::text, c.relkind::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = " + text(s.schema) +
		" AND c.relkind IN ('r', 'v', 'p') AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY c.relname"
	for row, err := range s.Query(ctx, sql) {
		if err != nil {
			return r, err
		}
		kind := "TABLE"
		if row[1] == "v" {
			kind = "VIEW"
		}
		change = append(change, "ALTER "+kind+" "+quote(s.schema)+"."+quote(row[0].(string))+" OWNER TO "+user+";")
	}
	r.Held, r.Grant = len(change) == 0, strings.Join(change, "\n")
	return r, nil
}

var (
	denied = regexp.MustCompile(`^permission denied for (?:(?:foreign |materialized )?(table|view|relation|sequence|schema|database|function)) (.+)$`)
	owner  = regexp.MustCompile(`^must be owner of (?:(?:foreign |materialized )?(table|view|relation|schema)) (.+)$`)
)

// denied says which right is missing, and how it is given. It may ask the catalogue for the schema
// of a table, which the server leaves out; in a transaction that has failed nothing can be asked.
func (s *session) denied(ctx context.Context, e *pgconn.PgError, sql string) *warehouse.DeniedError {
	out := &warehouse.DeniedError{What: "do that", Err: clean(e)}
	user := quote(s.config.User)
	if m := owner.FindStringSubmatch(e.Message); m != nil {
		name := s.schemaOf(ctx, m[2], sql)
		kind := strings.ToUpper(m[1])
		if kind == "RELATION" {
			kind = "TABLE"
		}
		out.What, out.Grant = "change "+strings.Join(name, "."), "ALTER "+kind+" "+quotedAll(name)+" OWNER TO "+user+";"
		return out
	}
	m := denied.FindStringSubmatch(e.Message)
	if m == nil {
		return out
	}
	switch m[1] {
	case "database":
		out.What, out.Grant = "make schemas in database "+m[2], "GRANT CREATE ON DATABASE "+quote(m[2])+" TO "+user+";"
	case "schema":
		out.What, out.Grant = "use schema "+m[2], "GRANT USAGE ON SCHEMA "+quote(m[2])+" TO "+user+";"
		if m[2] == s.schema {
			out.What, out.Grant = "use and make tables in schema "+m[2], "GRANT USAGE, CREATE ON SCHEMA "+quote(m[2])+" TO "+user+";"
		}
	case "function":
		out.What, out.Grant = "call function "+m[2], "GRANT EXECUTE ON FUNCTION "+quote(m[2])+" TO "+user+";"
	default:
		name := s.schemaOf(ctx, m[2], sql)
		right, what := "SELECT", "read "
		if name[0] == s.schema && len(name) > 1 {
			right, what = "ALL", "write "
		}
		on := "TABLE "
		if m[1] == "sequence" {
			on = "SEQUENCE "
		}
		out.What, out.Grant = what+strings.Join(name, "."), "GRANT "+right+" ON "+on+quotedAll(name)+" TO "+user+";"
	}
	return out
}

// schemaOf puts the schema before a table's name, if only one that the statement names can be meant.
func (s *session) schemaOf(ctx context.Context, table, sql string) []string {
	if s.conn.IsClosed() || s.conn.TxStatus() == 'E' {
		return []string{table}
	}
	var found []string
	ask := "SELECT n.nspname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relname = " + text(table)
	for row, err := range s.Query(ctx, ask) {
		if err != nil {
			return []string{table}
		}
		if schema := row[0].(string); strings.Contains(sql, schema) {
			found = append(found, schema)
		}
	}
	if len(found) != 1 {
		return []string{table}
	}
	return []string{found[0], table}
}

func quotedAll(parts []string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = quote(p)
	}
	return strings.Join(out, ".")
}

var _ warehouse.Examiner = (*session)(nil)
