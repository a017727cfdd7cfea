package rel

// Query gives rows.
type Query interface{ query() }

// Select is one SELECT. Columns are required and each has a name.
type Select struct {
	Comment  string // above the select, without comment marks
	With     []CTE
	Distinct bool
	Columns  []Column
	From     Relation // nil for a single row of expressions
	Joins    []Join
	Where    Expr
	GroupBy  []Expr
	Having   Expr
	OrderBy  []Order
	Limit    int64 // 0 means all
	Offset   int64
	// Fence asks for the columns to be computed once, where they stand: a warehouse that would copy
	// their expressions to each place in the query around that names them is kept from it.
	Fence bool
}

// CTE is a named query of a WITH.
type CTE struct {
	Name  string
	Query Query
}

// Column is an expression with a name.
type Column struct {
	As   string
	Expr Expr
}

// Union puts the rows of several queries together; with All, duplicates stay. Columns are taken
// by position and named by the first.
type Union struct {
	All     bool
	Queries []Query
}

// Values is a table of literals, with at least one row.
type Values struct {
	Columns []Field
	Rows    [][]Expr
}

// RawQuery is the user's own SELECT, from a key called sql. It is only ever used as a
// parenthesised subquery.
type RawQuery struct{ SQL string }

func (Select) query()   {}
func (Union) query()    {}
func (Values) query()   {}
func (RawQuery) query() {}

// Relation is what stands after FROM or JOIN: a table or a query with an alias.
type Relation interface{ relation() }

// Table is a stored table, view or CTE under an alias. An empty alias is the last part of Name.
type Table struct {
	Name  Name
	Alias string
}

// Sub is a query under an alias.
type Sub struct {
	Query Query
	Alias string
}

func (Table) relation() {}
func (Sub) relation()   {}

// JoinKind is a kind of join.
type JoinKind uint8

// The joins.
const (
	Inner JoinKind = iota
	Left
	Full
	Cross
)

// Join adds a relation to a Select. On is nil for Cross.
type Join struct {
	Kind JoinKind
	Rel  Relation
	On   Expr
}

// Order is a sort key. Absent values come last in both directions, on every warehouse. Text is
// ordered by its bytes, if it comes from a table of weir's or through a Cast to Text.
type Order struct {
	Expr Expr
	Desc bool
}
