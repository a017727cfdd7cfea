package redshift

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/postgres"
)

// undone tells that a statement failed because of others and left nothing. Redshift's own error 1023 has
// no SQLSTATE that says so ("Serializable isolation violation").
func undone(err error) bool {
	var e *pgconn.PgError
	return postgres.Wire.Undone(err) || errors.As(err, &e) && (strings.Contains(e.Detail, "Serializable isolation violation") ||
		strings.Contains(e.Message, "Serializable isolation violation"))
}

// code is the SQLSTATE of an error of the server, "" for another one.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

var (
	relation  = regexp.MustCompile(`relation "?([^"]+)"? does not exist`)
	namespace = regexp.MustCompile(`schema "?([^"]+)"? does not exist`)
	column    = regexp.MustCompile(`column "?(.+?)"? (?:of relation ".+" )?does not exist`)
	denied    = regexp.MustCompile(`^permission denied for (table|view|relation|schema|database|function) (.+)$`)
	owner     = regexp.MustCompile(`^must be owner of (table|view|relation|schema) (.+)$`)
)

// connectError says why there is no connection, on one line and without the connection string.
func connectError(err error) error {
	if code(err) != "" {
		return postgres.Wire.ConnectError(err)
	}
	said := err.Error()
	if i := strings.LastIndex(said, "`:"); i >= 0 {
		said = said[i+2:]
	}
	return errors.New(strings.Join(strings.Fields(said), " "))
}

// explain translates an error of the server about a statement. It may ask the catalogue for names.
func (s *session) explain(ctx context.Context, err error, sql string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	tidy := postgres.Wire.Clean(e)
	named := func(what string, re *regexp.Regexp) *warehouse.MissingError {
		if m := re.FindStringSubmatch(e.Message); m != nil {
			return &warehouse.MissingError{What: what, Name: m[1], Err: tidy}
		}
		return nil
	}
	var missing *warehouse.MissingError
	switch {
	case e.Code == "42501", denied.MatchString(e.Message), owner.MatchString(e.Message):
		return s.denied(e, tidy, sql)
	case e.Code == "42P01":
		if missing = named("table", relation); missing != nil {
			missing.Nearest = s.near(ctx, missing.Name)
		}
	case e.Code == "3F000":
		missing = named("schema", namespace)
	case e.Code == "42703":
		if missing = named("column", column); missing != nil {
			missing.Name = strings.Trim(missing.Name[strings.LastIndexByte(missing.Name, '.')+1:], `"`)
		}
	}
	if missing != nil {
		return missing
	}
	if undone(err) {
		return fmt.Errorf("another transaction changed the same tables at the same time (error 1023 of Redshift), and nothing of this one is kept: run it again; "+
			"with snapshot isolation (ALTER DATABASE … ISOLATION LEVEL SNAPSHOT) this is rarer: %w", tidy)
	}
	return tidy
}

// denied says which right is missing, and how it is given.
func (s *session) denied(e *pgconn.PgError, tidy error, sql string) *warehouse.DeniedError {
	out := &warehouse.DeniedError{What: "do that", Err: tidy}
	user := quote(s.config.User)
	if m := owner.FindStringSubmatch(e.Message); m != nil {
		name, kind := schemaOf(m[2], sql), strings.ToUpper(m[1])
		if kind != "SCHEMA" { // a view is altered as a table
			kind = "TABLE"
		}
		out.What, out.Grant = "change "+strings.Join(name, "."), "ALTER "+kind+" "+quotedAll(name)+" OWNER TO "+user+";"
		return out
	}
	m := denied.FindStringSubmatch(e.Message)
	if m == nil {
		return out
	}
	name := strings.Trim(m[2], `"`)
	switch m[1] {
	case "database":
		out.What, out.Grant = "make schemas in database "+name, "GRANT CREATE ON DATABASE "+quote(name)+" TO "+user+";"
	case "schema":
		out.What, out.Grant = "use schema "+name, "GRANT USAGE ON SCHEMA "+quote(name)+" TO "+user+";"
		if name == s.schema {
			out.What, out.Grant = "use and make tables in schema "+name, "GRANT USAGE, CREATE ON SCHEMA "+quote(name)+" TO "+user+";"
		}
	case "function":
		out.What = "call function " + name
	default:
		parts := schemaOf(name, sql)
		right, what := "SELECT", "read "
		if len(parts) > 1 && parts[0] == s.schema {
			right, what = "ALL", "write "
		}
		out.What, out.Grant = what+strings.Join(parts, "."), "GRANT "+right+" ON TABLE "+quotedAll(parts)+" TO "+user+";"
	}
	return out
}

// schemaOf puts the schema before a table's name as the statement has it, which the server leaves out; it
// is not there if the statement names the table in several.
func schemaOf(table, sql string) []string {
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`"((?:[^"]|"")+)"\."?`+regexp.QuoteMeta(table)+`\b`).FindAllStringSubmatch(sql, -1) {
		found[strings.ReplaceAll(m[1], `""`, `"`)] = true
	}
	if len(found) == 1 {
		for schema := range found {
			return []string{schema, table}
		}
	}
	return []string{table}
}

func quotedAll(parts []string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = quote(p)
	}
	return strings.Join(out, ".")
}
