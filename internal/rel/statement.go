package rel

// Statement is one thing to execute. Statements that change definitions (tables, views) are
// never put inside a transaction.
type Statement interface{ statement() }

// Name is the name of a table or view in one to three parts: table, schema.table or
// database.schema.table. Every part is quoted.
type Name []string

// CreateTable makes a table from a query, or an empty one from columns if As is nil. The table
// must not exist, unless IfNotExists, which needs columns.
type CreateTable struct {
	Name        Name
	Temp        bool // lives on the session and dies with it
	IfNotExists bool
	As          Query
	Columns     []Field
	Comment     string // one or more lines above the statement, without comment marks
}

// Field is a column of a table to be made.
type Field struct {
	Name    string
	Type    Type
	NotNull bool
}

// AddColumn adds a column to a table that does not have it yet. Rows that are there have NULL in it.
type AddColumn struct {
	Table  Name
	Column Field
}

// DropTable removes a table if it exists.
type DropTable struct{ Name Name }

// CreateView makes or replaces a view.
type CreateView struct {
	Name    Name
	As      Query
	Comment string
}

// DropView removes a view if it exists.
type DropView struct{ Name Name }

// CreateSchema makes a schema if it does not exist.
type CreateSchema struct{ Name Name }

// Insert adds the rows of a query.
type Insert struct {
	Into    Name
	Columns []string
	From    Query
	Comment string
}

// Delete removes the rows of a table for which Where is true. In Where the table's columns are
// qualified by the alias "t". A nil Where removes all.
type Delete struct {
	From    Name
	Where   Expr
	Comment string
}

// Update changes the rows of a table for which Where is true. In Set and Where the table's
// columns are qualified by the alias "t". With From, each row must match at most one row of it;
// Where must hold the join condition.
type Update struct {
	Table   Name
	Set     []Assign
	From    Relation
	Where   Expr
	Comment string
}

// Assign gives a column a value.
type Assign struct {
	Column string
	Value  Expr
}

// Analyze tells the warehouse to look at a table's statistics, where it needs to be told.
type Analyze struct{ Name Name }

func (CreateTable) statement()  {}
func (AddColumn) statement()    {}
func (DropTable) statement()    {}
func (CreateView) statement()   {}
func (DropView) statement()     {}
func (CreateSchema) statement() {}
func (Insert) statement()       {}
func (Delete) statement()       {}
func (Update) statement()       {}
func (Analyze) statement()      {}
