package snowflake

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sf "github.com/snowflakedb/gosnowflake"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

// Columns lists the columns of a table or view.
func (s *session) Columns(ctx context.Context, table []string) ([]warehouse.Column, error) {
	name, err := quoted(table)
	if err != nil {
		return nil, err
	}
	out, err := s.describe(ctx, "SELECT * FROM "+name)
	var missing *warehouse.MissingError
	if errors.As(err, &missing) {
		shown := strings.Join(table, ".")
		return nil, &warehouse.MissingError{What: "table", Name: shown, Nearest: s.near(ctx, shown), Err: missing.Err}
	}
	return out, err
}

// QueryColumns lists the columns that exactly one SELECT would give. The server compiles it and does
// not run it, which needs no virtual warehouse.
func (s *session) QueryColumns(ctx context.Context, sql string) ([]warehouse.Column, error) {
	body, err := dialect.Snowflake().Raw(sql)
	if err != nil {
		return nil, fmt.Errorf("the SQL must be one SELECT: %w", err)
	}
	if !reads.MatchString(body) {
		return nil, errors.New("the SQL must be one SELECT")
	}
	// As a subquery nothing but a SELECT is understood. The line end is for a comment at its end.
	return s.describe(ctx, "SELECT * FROM (\n"+body+"\n) AS q")
}

// describe asks for the columns of a SELECT without running it.
func (s *session) describe(ctx context.Context, sql string) ([]warehouse.Column, error) {
	if err := s.check(ctx, sql); err != nil {
		return nil, err
	}
	r, err := s.conn.QueryContext(sf.WithDescribeOnly(ctx), sql, nil)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer r.Close()
	d, ok := r.(described)
	if !ok {
		return nil, errors.New("the driver does not tell the types of columns")
	}
	names := r.Columns()
	if len(names) == 0 {
		return nil, errors.New("the SELECT gives no columns")
	}
	out := make([]warehouse.Column, len(names))
	for i, name := range names {
		native := d.ColumnTypeDatabaseTypeName(i)
		precision, scale, _ := d.ColumnTypePrecisionScale(i)
		length, _ := d.ColumnTypeLength(i)
		typ, naive := typeOf(native, scale)
		out[i] = warehouse.Column{Name: fold(name), Type: typ, Native: nativeOf(native, precision, scale, length), Naive: naive}
	}
	return out, nil
}

// Tables lists tables and views by name; of all schemas of the sources' database, and of weir's own,
// as schema.table. Temporary ones and the server's own are left out.
func (s *session) Tables(ctx context.Context, schema string) ([]string, error) {
	database, only := s.database, schema
	if schema == s.schema {
		database, only = s.home[0], s.home[1]
	} else if d, rest, ok := strings.Cut(schema, "."); ok {
		database, only = d, rest
	}
	sql := "SELECT table_schema, table_name FROM " + quote(database) + ".information_schema.tables" +
		" WHERE table_schema <> 'INFORMATION_SCHEMA' AND table_type <> 'TEMPORARY TABLE'"
	if only != "" {
		sql += " AND table_schema = " + text(kept(only))
	}
	var out []string
	for row, err := range s.rows(ctx, sql+" ORDER BY table_schema, table_name") {
		if err != nil {
			return nil, err
		}
		in, _ := row[0].(string)
		name, _ := row[1].(string)
		if name = fold(name); schema == "" {
			name = fold(in) + "." + name
		}
		out = append(out, name)
	}
	if schema == "" && s.home[0] != s.database {
		own, err := s.Tables(ctx, s.schema)
		if err != nil {
			return nil, err
		}
		for _, name := range own {
			out = append(out, s.schema+"."+name)
		}
	}
	return out, nil
}

func (s *session) near(ctx context.Context, name string) []string {
	if s.closed || s.asking { // what is asked here may be missing too
		return nil
	}
	s.asking = true
	defer func() { s.asking = false }()
	names, err := s.Tables(ctx, "")
	if err != nil {
		return nil
	}
	return warehouse.Nearest(name, names)
}

// quoted quotes a name of one to three parts, of which the first may be database.schema.
func quoted(parts []string) (string, error) {
	if len(parts) == 0 || len(parts) > 3 {
		return "", fmt.Errorf("a table has a name of one to three parts, not %d", len(parts))
	}
	all := parts
	if len(parts) == 2 {
		all = append(strings.Split(parts[0], "."), parts[1])
	}
	out := make([]string, len(all))
	for i, p := range all {
		if p == "" || strings.ContainsRune(p, 0) {
			return "", fmt.Errorf("a part of the name %q is empty or no text", strings.Join(parts, "."))
		}
		out[i] = quote(p)
	}
	return strings.Join(out, "."), nil
}

// kept is a name as the server's catalogue has it.
func kept(name string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(quote(name), `"`), `"`), `""`, `"`)
}
