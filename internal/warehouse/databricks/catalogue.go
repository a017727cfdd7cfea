package databricks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
)

// Columns lists the columns of a table or view, as the server describes a SELECT of all.
func (s *session) Columns(ctx context.Context, table []string) ([]warehouse.Column, error) {
	name, err := s.quoted(table)
	if err != nil {
		return nil, err
	}
	out, err := s.describe(ctx, "SELECT * FROM "+name)
	if missing := (*warehouse.MissingError)(nil); errors.As(err, &missing) && missing.What != "column" {
		shown := strings.Join(table, ".")
		return nil, &warehouse.MissingError{What: "table", Name: shown, Nearest: missing.Nearest, Err: missing.Err}
	}
	return out, err
}

// QueryColumns lists the columns that exactly one SELECT would give. It is not run.
func (s *session) QueryColumns(ctx context.Context, sql string) ([]warehouse.Column, error) {
	body, err := dialect.Databricks().Raw(sql)
	if err != nil {
		return nil, fmt.Errorf("the SQL must be one SELECT: %w", err)
	}
	// As a subquery nothing but a SELECT is understood. The line end is for a comment at its end.
	return s.describe(ctx, "SELECT * FROM (\n"+body+"\n) AS q")
}

// describe asks what columns a SELECT would have, which is not run ("DESCRIBE QUERY"): the driver's own
// description of a result does not tell a timestamp without a zone from one with.
func (s *session) describe(ctx context.Context, sql string) ([]warehouse.Column, error) {
	if err := s.check(ctx, sql); err != nil {
		return nil, err
	}
	var out []warehouse.Column
	for row, err := range s.named(ctx, "DESCRIBE QUERY "+sql) {
		if err != nil {
			return nil, err
		}
		c := warehouse.Column{}
		c.Name, _ = row["col_name"].(string)
		c.Native, _ = row["data_type"].(string)
		c.Type, c.Naive = typeOf(c.Native)
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("the SELECT gives no columns")
	}
	return out, nil
}

// Tables lists tables and views by name; of all schemas of the catalog as schema.table. A schema may be
// catalog.schema.
func (s *session) Tables(ctx context.Context, schema string) ([]string, error) {
	catalog := s.catalog
	if i := strings.IndexByte(schema, '.'); i >= 0 {
		catalog, schema = schema[:i], schema[i+1:]
	}
	sql := "SELECT table_schema, table_name FROM " + quote(catalog) + ".`information_schema`.`tables` WHERE table_schema <> 'information_schema'"
	if schema != "" {
		sql += " AND table_schema = " + text(strings.ToLower(schema))
	}
	var out []string
	for row, err := range s.Query(ctx, sql+" ORDER BY 1, 2") {
		if err != nil {
			return nil, err
		}
		in, _ := row[0].(string)
		name, _ := row[1].(string)
		if schema == "" {
			name = in + "." + name
		}
		out = append(out, name)
	}
	return out, nil
}

// near are names like one that is missing.
func (s *session) near(ctx context.Context, name string) []string {
	if s.asking || s.closed {
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

// quoted quotes a name of one to three parts, of which the first of two may be catalog.schema.
func (s *store) quoted(parts []string) (string, error) {
	if len(parts) == 2 {
		if i := strings.IndexByte(parts[0], '.'); i > 0 {
			parts = []string{parts[0][:i], parts[0][i+1:], parts[1]}
		}
	}
	if len(parts) == 0 || len(parts) > 3 {
		return "", fmt.Errorf("a table has a name of one to three parts, not %d", len(parts))
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
