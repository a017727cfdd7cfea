// Package dialect gives the statements of package rel a text. Every dialect is pure: the same
// statement always gives the same text, and nothing is connected.
//
// One renderer walks the algebra; a dialect is a value that answers where warehouses differ.
// All texts assume a session in UTC with ISO dates, which package warehouse sees to.
//
// Numbers are DECIMAL(38,9) on every warehouse: exact, equal, and read back as json.Number. Sums
// of integers, decimals and floating-point columns are exact too, so that 499.99 + 0.01 is 500
// and the order in which rows are met changes nothing. Averages and quotients are right to 15
// significant digits.
package dialect

import (
	"github.com/weir-data/weir/internal/rel"
)

// Dialect is one warehouse's spelling of SQL.
type Dialect interface {
	// Name is the warehouse kind: "duckdb", "postgres", "bigquery", "snowflake",
	// "redshift", "databricks".
	Name() string
	// Statement renders a statement, indented, without a semicolon at the end. The error names
	// what this warehouse cannot do. The text is empty if the warehouse needs nothing done, as
	// for Analyze where statistics keep themselves.
	Statement(rel.Statement) (string, error)
	// Query renders a query in the same way.
	Query(rel.Query) (string, error)
	// Expr renders an expression on one line.
	Expr(rel.Expr) (string, error)
	// Quote quotes one part of a name.
	Quote(name string) string
	// Raw checks a piece of the user's own SQL as the function Raw does, with the quotes and
	// comments that this warehouse has.
	Raw(sql string) (string, error)
}

// Names lists the dialects.
func Names() []string {
	var out []string
	for _, d := range all() {
		out = append(out, d.Name())
	}
	return out
}

func all() []Dialect {
	return []Dialect{DuckDB(), Postgres(), BigQuery(), Snowflake(), Redshift(), Databricks()}
}

// ByName returns the dialect of a warehouse kind.
func ByName(name string) (Dialect, bool) {
	for _, d := range all() {
		if d.Name() == name {
			return d, true
		}
	}
	return nil, false
}
