// Package dialect gives the statements of package rel a text. Every dialect is pure: the same
// statement always gives the same text, and nothing is connected.
package dialect

import (
	"github.com/weir-data/weir/internal/rel"
)

// Dialect is one warehouse's spelling of SQL.
type Dialect interface {
	// Name is the warehouse kind: "duckdb", "postgres".
	Name() string
	// Statement renders a statement, indented, without a semicolon at the end. The error names
	// what this warehouse cannot do.
	Statement(rel.Statement) (string, error)
	// Query renders a query in the same way.
	Query(rel.Query) (string, error)
	// Expr renders an expression on one line.
	Expr(rel.Expr) (string, error)
	// Quote quotes one part of a name.
	Quote(name string) string
}
