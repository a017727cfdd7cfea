// Package dialecttest has queries of one value with the value that every warehouse must give.
// The tests of each warehouse execute them.
package dialecttest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/dialect/dialecttest/gap"
	"github.com/weir-data/weir/internal/rel"
)

// Case is a query of one row and one column, and its value: nil for NULL.
type Case struct {
	Name  string
	Query rel.Query
	Want  any
}

// Ask runs a SELECT of one row and one column in a session whose zone is UTC.
type Ask func(ctx context.Context, sql string) (any, error)

// Run executes all cases. In gaps, which may be nil, their names follow "dialect/".
func Run(t *testing.T, d dialect.Dialect, gaps *gap.List, ask Ask) {
	t.Helper()
	for _, c := range Cases() {
		gaps.RunAs(t, c.Name, "dialect/"+c.Name, func(t testing.TB) {
			t.Helper()
			sql, err := d.Query(c.Query)
			if err != nil {
				t.Fatal(err)
			}
			sql = native(d).Replace(sql)
			got, err := ask(t.Context(), sql)
			if err != nil {
				t.Fatalf("%v\n%s", err, sql)
			}
			if Text(got) != Text(c.Want) {
				t.Errorf("got %s, want %s\n%s", Text(got), Text(c.Want), sql)
			}
		})
	}
}

// native gives the types of a warehouse that the cases use beside those of the algebra.
func native(d dialect.Dialect) *strings.Replacer {
	words := []string{"<double>", "DOUBLE PRECISION", "<real>", "REAL", "<naive>", "TIMESTAMP", "<instant>", "TIMESTAMPTZ"}
	if d.Name() == "bigquery" { // of floating-point types it has one
		words = []string{"<double>", "FLOAT64", "<real>", "FLOAT64", "<naive>", "DATETIME", "<instant>", "TIMESTAMP"}
	}
	return strings.NewReplacer(words...)
}

// Text writes a value of a row for comparison, so that 5 and 5.000000000 are the same.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.999999Z")
	case json.Number:
		if s := v.String(); strings.Contains(s, ".") {
			return strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}
