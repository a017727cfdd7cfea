//go:build cgo && !noduckdb

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// Columns lists the columns of a table or view.
func (s *session) Columns(ctx context.Context, table []string) ([]warehouse.Column, error) {
	name, err := quoted(table)
	if err != nil {
		return nil, err
	}
	cols, err := s.describe(ctx, "DESCRIBE "+name)
	if m := (*warehouse.MissingError)(nil); errors.As(err, &m) {
		m.What, m.Name = "table", strings.Join(table, ".")
		if !s.inTx {
			m.Nearest = s.near(ctx, m.Name)
		}
	}
	return cols, err
}

// QueryColumns lists the columns that exactly one SELECT would give. It is bound and not run.
func (s *session) QueryColumns(ctx context.Context, sql string) ([]warehouse.Column, error) {
	body, err := dialect.Raw(sql)
	if err != nil {
		return nil, fmt.Errorf("the SQL must be one SELECT: %w", err)
	}
	// As a subquery nothing but a SELECT is understood. The line end is for a comment at its end.
	return s.describe(ctx, "DESCRIBE SELECT * FROM (\n"+body+"\n) AS q")
}

func (s *session) describe(ctx context.Context, sql string) ([]warehouse.Column, error) {
	var out []warehouse.Column
	err := s.ask(ctx, sql, nil, func(row []any, _ error) bool {
		name, _ := row[0].(string)
		native, _ := row[1].(string)
		typ, naive := typeOf(native)
		out = append(out, warehouse.Column{Name: name, Type: typ, Native: native, Naive: naive})
		return true
	})
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return out, nil
}

// Tables lists tables and views by name; of all schemas as schema.table. Temporary ones and the
// engine's own are left out.
func (s *session) Tables(ctx context.Context, schema string) ([]string, error) {
	sql := "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables WHERE table_catalog = current_database() AND table_type IN ('BASE TABLE', 'VIEW') ORDER BY name"
	if schema != "" {
		sql = "SELECT table_name AS name FROM information_schema.tables WHERE table_catalog = current_database() AND table_type IN ('BASE TABLE', 'VIEW') AND lower(table_schema) = lower(" + text(schema) + ") ORDER BY name"
	}
	var out []string
	err := s.ask(ctx, sql, nil, func(row []any, _ error) bool {
		out = append(out, row[0].(string))
		return true
	})
	if err != nil {
		return nil, clean(err)
	}
	return out, nil
}

// quoted quotes a name of one to three parts.
func quoted(parts []string) (string, error) {
	if len(parts) == 0 || len(parts) > 3 {
		return "", fmt.Errorf("a table has a name of one to three parts, not %d", len(parts))
	}
	out := make([]string, len(parts))
	for i, p := range parts {
		if p == "" || strings.ContainsRune(p, 0) {
			return "", fmt.Errorf("a part of the name %q is empty or no text", strings.Join(parts, "."))
		}
		out[i] = dialect.DuckDB().Quote(p)
	}
	return strings.Join(out, "."), nil
}

// typeOf is the model type of a native one, and whether it is a timestamp without a zone.
// Unsigned and huge integers count as Number where they do not fit an Integer, lists and arrays of
// any type but nested ones as List.
func typeOf(native string) (models.Type, bool) {
	head, _, _ := strings.Cut(strings.ToUpper(native), "(")
	if open := strings.LastIndexByte(native, '['); open >= 0 && strings.HasSuffix(native, "]") {
		if item, _ := typeOf(native[:open]); item == models.Unknown || item == models.List {
			return models.Unknown, false
		}
		return models.List, false
	}
	if strings.HasPrefix(head, "STRUCT") || strings.HasPrefix(head, "MAP") || strings.HasPrefix(head, "UNION") {
		return models.Unknown, false
	}
	switch strings.TrimSpace(head) {
	case "VARCHAR", "ENUM", "UUID":
		return models.Text, false
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER":
		return models.Integer, false
	case "UBIGINT", "HUGEINT", "UHUGEINT", "DECIMAL", "DOUBLE", "FLOAT":
		return models.Number, false
	case "BOOLEAN":
		return models.Boolean, false
	case "DATE":
		return models.Date, false
	case "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ":
		return models.Timestamp, false
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		return models.Timestamp, true
	}
	return models.Unknown, false
}
