package redshift

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/internal/warehouse/postgres"
	"github.com/weir-data/weir/models"
)

// natives are the types by their numbers in pg_type ("Data types", and PG_TYPE of a cluster). Those that
// PostgreSQL has not are Redshift's own.
var natives = map[uint32]string{
	16: "boolean", 18: "char", 19: "name", 20: "bigint", 21: "smallint", 23: "integer", 25: "text", 26: "oid",
	700: "real", 701: "double precision", 1042: "char", 1043: "varchar", 1082: "date", 1083: "time", 1114: "timestamp",
	1184: "timestamptz", 1186: "interval", 1266: "timetz", 1700: "decimal",
	2935: "hllsketch", 3000: "geometry", 3001: "geography", oidSuper: "super", 6551: "varbyte",
}

// oidSuper is semi-structured data, which is sent as JSON.
const oidSuper = 4000

// value reads the text form of a value.
func value(oid uint32, b []byte) (any, error) {
	if oid == oidSuper && b != nil {
		return string(b), nil
	}
	return postgres.Wire.Value(oid, b)
}

// native names a type with its length or digits.
func native(oid uint32, modifier int32) string {
	name, ok := natives[oid]
	if !ok {
		return "type " + strconv.FormatUint(uint64(oid), 10)
	}
	switch m := modifier - 4; {
	case m < 0:
	case name == "varchar" || name == "char":
		return name + "(" + strconv.Itoa(int(m)) + ")"
	case name == "decimal":
		return name + "(" + strconv.Itoa(int(m>>16)) + "," + strconv.Itoa(int(m&0xffff)) + ")"
	}
	return name
}

// Columns lists the columns of a table or view, as the server describes a SELECT of no row: its catalogue
// has neither the columns of external tables nor those of views that are bound late.
func (s *session) Columns(ctx context.Context, table []string) ([]warehouse.Column, error) {
	name, err := quoted(table)
	if err != nil {
		return nil, err
	}
	out, err := s.describe(ctx, "SELECT * FROM "+name+" LIMIT 0")
	if missing := (*warehouse.MissingError)(nil); errors.As(err, &missing) && missing.What != "column" {
		shown := strings.Join(table, ".")
		return nil, &warehouse.MissingError{What: "table", Name: shown, Nearest: s.near(ctx, shown), Err: missing.Err}
	}
	return out, err
}

// QueryColumns lists the columns that exactly one SELECT would give. Of its rows none is asked for.
func (s *session) QueryColumns(ctx context.Context, sql string) ([]warehouse.Column, error) {
	body, err := dialect.Redshift().Raw(sql)
	if err != nil {
		return nil, fmt.Errorf("the SQL must be one SELECT: %w", err)
	}
	// As a subquery nothing but a SELECT is understood. The line end is for a comment at its end.
	return s.describe(ctx, "SELECT * FROM (\n"+body+"\n) AS q LIMIT 0")
}

// describe runs a SELECT of no row for its columns.
func (s *session) describe(ctx context.Context, sql string) ([]warehouse.Column, error) {
	if err := s.check(ctx, sql); err != nil {
		return nil, err
	}
	s.begun = s.inTx
	var out []warehouse.Column
	all := s.conn.Exec(ctx, sql)
	for all.NextResult() {
		r := all.ResultReader()
		for _, f := range r.FieldDescriptions() {
			typ, naive := postgres.Wire.TypeOf(f.DataTypeOID)
			if f.DataTypeOID == oidSuper {
				typ = models.Unknown
			}
			out = append(out, warehouse.Column{Name: f.Name, Type: typ, Native: native(f.DataTypeOID, f.TypeModifier), Naive: naive})
		}
		_, _ = r.Close() // its error is that of all
	}
	if err := all.Close(); err != nil {
		return nil, s.explain(ctx, err, sql)
	}
	if len(out) == 0 {
		return nil, errors.New("the SELECT gives no columns")
	}
	return out, nil
}

// Tables lists tables and views by name; of all schemas as schema.table. SVV_TABLES has external tables
// and views that are bound late too. The server's own are left out.
func (s *session) Tables(ctx context.Context, schema string) ([]string, error) {
	sql := "SELECT table_schema, table_name FROM svv_tables WHERE table_schema <> 'information_schema' AND SUBSTRING(table_schema, 1, 3) <> 'pg_'"
	if schema != "" {
		sql += " AND table_schema = " + text(schema)
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
		out[i] = quote(p)
	}
	return strings.Join(out, "."), nil
}
