package casetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/warehouse"
	_ "github.com/weir-data/weir/internal/warehouse/bigquery" // the kind that BigQuery asks for
	"github.com/weir-data/weir/internal/warehouse/warehousetest/bqtest"
	"github.com/weir-data/weir/models"
)

// BigQuery starts a stand-in for the warehouse and returns what makes a dataset in it and opens it.
// Without the emulator on this machine the test is skipped, or fails if WEIR_REQUIRE is "all".
func BigQuery(t testing.TB) Open {
	t.Helper()
	s := bqtest.Start(t)
	return func(t testing.TB) warehouse.Warehouse {
		t.Helper()
		return bqtest.Open(t, s.Settings())
	}
}

// Twin is a DuckDB beside a warehouse whose SQL is another than that of the cases' statements, which
// is DuckDB's and PostgreSQL's: they are executed there, and the tables that they leave are copied.
type Twin struct{ s warehouse.Session }

// NewTwin opens an empty one, which is closed when the test ends.
func NewTwin(t testing.TB) *Twin {
	t.Helper()
	s, err := DuckDB(t).Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &Twin{s: s}
}

// Script executes statements, each of which ends a line, on a warehouse: one that has a twin gets what
// they make there.
func Script(ctx context.Context, s warehouse.Session, twin *Twin, text string) error {
	on := s
	if twin != nil {
		on = twin.s
	}
	for one := range strings.SplitSeq(text, ";\n") {
		if one = strings.TrimSuffix(strings.TrimSpace(one), ";"); one == "" {
			continue
		}
		if _, err := on.Exec(ctx, one); err != nil {
			return fmt.Errorf("%w\n%s", err, one)
		}
	}
	if twin == nil {
		return nil
	}
	return twin.copy(ctx, s)
}

// copy makes every table of the twin in a warehouse, in place of one of its name.
func (w *Twin) copy(ctx context.Context, to warehouse.Session) error {
	tables, err := w.s.Tables(ctx, "")
	if err != nil {
		return err
	}
	d := dialectOf(to)
	for _, table := range tables {
		name := strings.Split(table, ".")
		columns, err := w.s.Columns(ctx, name)
		if err != nil {
			return err
		}
		from := strings.Join(quotedAll(dialect.DuckDB(), name), ".")
		make := "CREATE OR REPLACE TABLE "
		if name[0] == "main" { // its tables are named without a dataset, as only temporary ones are
			name, make = name[1:], "CREATE OR REPLACE TEMP TABLE "
		} else if _, err := to.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+d.Quote(name[0])); err != nil {
			return err
		}
		into := strings.Join(quotedAll(d, name), ".")
		var names, declared []string
		for _, c := range columns {
			names = append(names, c.Name)
			typ, err := nativeOf(c)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", table, c.Name, err)
			}
			declared = append(declared, d.Quote(c.Name)+" "+typ)
		}
		if _, err := to.Exec(ctx, make+into+" ("+strings.Join(declared, ", ")+")"); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
		if _, err := to.Load(ctx, name, names, w.s.Query(ctx, "SELECT * FROM "+from)); err != nil {
			return err
		}
	}
	return nil
}

// nativeOf is BigQuery's type for a column of DuckDB.
func nativeOf(c warehouse.Column) (string, error) {
	switch c.Type {
	case models.Text:
		return "STRING", nil
	case models.Integer:
		return "INT64", nil
	case models.Number:
		if strings.HasPrefix(c.Native, "DECIMAL") {
			return "NUMERIC", nil
		}
		return "FLOAT64", nil
	case models.Boolean:
		return "BOOL", nil
	case models.Date:
		return "DATE", nil
	case models.Timestamp:
		if c.Naive {
			return "DATETIME", nil
		}
		return "TIMESTAMP", nil
	}
	return "", fmt.Errorf("%s has no column in BigQuery here", c.Native)
}

func quotedAll(d dialect.Dialect, parts []string) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = d.Quote(p)
	}
	return out
}
