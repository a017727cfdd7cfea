package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

// Columns lists the columns of a table or view.
func (s *session) Columns(ctx context.Context, table []string) ([]warehouse.Column, error) {
	name, err := quoted(table)
	if err != nil {
		return nil, err
	}
	sql := "SELECT a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a WHERE a.attrelid = to_regclass(" + text(name) + ")" +
		" AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
	var out []warehouse.Column
	for row, err := range s.Query(ctx, sql) {
		if err != nil {
			return nil, err
		}
		typ, naive := typeOf(uint32(row[1].(int64)))
		out = append(out, warehouse.Column{Name: row[0].(string), Type: typ, Native: row[2].(string), Naive: naive})
	}
	if len(out) == 0 { // a table without columns is none for weir
		shown := strings.Join(table, ".")
		return nil, &warehouse.MissingError{What: "table", Name: shown, Nearest: s.near(ctx, shown), Err: errors.New("the catalogue has no such table")}
	}
	return out, nil
}

// QueryColumns lists the columns that exactly one SELECT would give. It is parsed and not run.
func (s *session) QueryColumns(ctx context.Context, sql string) ([]warehouse.Column, error) {
	body, err := dialect.Raw(sql)
	if err != nil {
		return nil, fmt.Errorf("the SQL must be one SELECT: %w", err)
	}
	// As a subquery nothing but a SELECT is understood. The line end is for a comment at its end.
	sql = "SELECT * FROM (\n" + body + "\n) AS q"
	if err := s.check(ctx, sql); err != nil {
		return nil, err
	}
	d, err := s.conn.Prepare(ctx, "", sql, nil)
	if err != nil {
		return nil, s.explain(ctx, err, sql)
	}
	out := make([]warehouse.Column, len(d.Fields))
	natives := make([]string, len(d.Fields))
	for i, f := range d.Fields {
		typ, naive := typeOf(f.DataTypeOID)
		out[i] = warehouse.Column{Name: f.Name, Type: typ, Naive: naive}
		natives[i] = fmt.Sprintf("format_type(%d, %d)", f.DataTypeOID, f.TypeModifier)
	}
	if len(out) == 0 {
		return nil, errors.New("the SELECT gives no columns")
	}
	for row, err := range s.Query(ctx, "SELECT "+strings.Join(natives, ", ")) {
		if err != nil {
			return nil, err
		}
		for i, n := range row {
			out[i].Native = n.(string)
		}
	}
	return out, nil
}

// Tables lists tables and views by name; of all schemas as schema.table. Temporary ones and the
// server's own are left out.
func (s *session) Tables(ctx context.Context, schema string) ([]string, error) {
	sql := `SELECT (n.nspname || '.' || c.relname) COLLATE "C" AS name`
	where := ""
	if schema != "" {
		sql = `SELECT c.relname::text COLLATE "C" AS name`
		where = " AND n.nspname = " + text(schema)
	}
	sql += " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'" + where + " ORDER BY name"
	var out []string
	for row, err := range s.Query(ctx, sql) {
		if err != nil {
			return nil, err
		}
		out = append(out, row[0].(string))
	}
	return out, nil
}

func (s *session) near(ctx context.Context, name string) []string {
	if s.conn.IsClosed() || s.conn.TxStatus() == 'E' { // nothing can be asked in a failed transaction
		return nil
	}
	names, err := s.Tables(ctx, "")
	if err != nil {
		return nil
	}
	return warehouse.Nearest(name, names)
}

var (
	relation  = regexp.MustCompile(`relation "(.+)" does not exist`)
	namespace = regexp.MustCompile(`schema "(.+)" does not exist`)
	column    = regexp.MustCompile(`column "?(.+?)"? (?:of relation ".+" )?does not exist`)
	perhaps   = regexp.MustCompile(`column "(?:.+\.)?([^".]+)"`)
	values    = regexp.MustCompile(`"[^"]*"|'[^']*'|[0-9]{2,}[0-9.:-]*`)
)

// explain translates an error of the server about a statement. It may ask the catalogue for names.
func (s *session) explain(ctx context.Context, err error, sql string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the statement was stopped: %w", context.Cause(ctx))
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	tidy := clean(e)
	named := func(what string, re *regexp.Regexp) *warehouse.MissingError {
		if m := re.FindStringSubmatch(e.Message); m != nil {
			return &warehouse.MissingError{What: what, Name: m[1], Err: tidy}
		}
		return nil
	}
	var missing *warehouse.MissingError
	switch e.Code {
	case "42501":
		return s.denied(ctx, e, sql)
	case "42P01":
		if missing = named("table", relation); missing != nil {
			missing.Nearest = s.near(ctx, missing.Name)
		}
	case "3F000":
		missing = named("schema", namespace)
	case "42703":
		if missing = named("column", column); missing != nil {
			missing.Name = missing.Name[strings.LastIndexByte(missing.Name, '.')+1:]
			if h := perhaps.FindStringSubmatch(e.Hint); h != nil {
				missing.Nearest = h[1:]
			}
		}
	}
	if missing != nil {
		return missing
	}
	return tidy
}

// clean is an error fit to be shown. The server quotes values in errors about data (classes 22
// and 23); they may be personal and are left out.
func clean(e *pgconn.PgError) error {
	msg := e.Message
	if strings.HasPrefix(e.Code, "22") || strings.HasPrefix(e.Code, "23") || e.Code == "P0001" {
		msg = values.ReplaceAllString(msg, "…")
	}
	msg += " (SQLSTATE " + e.Code + ")"
	if e.Code == "53100" {
		return fmt.Errorf("%w: %s", warehouse.ErrNoSpace, msg)
	}
	return &Error{Code: e.Code, Msg: msg}
}

// Error is an error of the server, without values.
type Error struct {
	Code string // SQLSTATE
	Msg  string
}

// Error is the server's own words.
func (e *Error) Error() string { return e.Msg }

// connectError says why there is no connection, without the connection string.
func connectError(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return &Error{Code: e.Code, Msg: e.Message + " (SQLSTATE " + e.Code + ")"}
	}
	msg := err.Error()
	if i := strings.LastIndex(msg, "`: "); i >= 0 {
		msg = msg[i+3:]
	}
	return errors.New(msg)
}

// quoted quotes a name of one to three parts.
func quoted(parts []string) (string, error) {
	if len(parts) == 0 || len(parts) > 3 {
		return "", errors.New("a table has a name of one to three parts, not " + strconv.Itoa(len(parts)))
	}
	out := make([]string, len(parts))
	for i, p := range parts {
		if p == "" || strings.ContainsRune(p, 0) {
			return "", fmt.Errorf("a part of the name %q is empty or no text", strings.Join(parts, "."))
		}
		out[i] = quote(p)
	}
	return strings.Join(out, "."), nil
}

func quote(name string) string { return dialect.Postgres().Quote(name) }

// text is a string literal; standard_conforming_strings is on.
func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
