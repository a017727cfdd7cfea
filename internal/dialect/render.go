package dialect

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// spelling is what one warehouse writes in its own way. Arguments are rendered already and bind
// tighter than any operator.
type spelling struct {
	name    string
	types   map[rel.Type]string
	maxName int // bytes of a name, 0 for no limit
	// ident quotes one part of a name; nil for standard SQL's way.
	ident func(name string) string
	// checkName tells what is wrong with one part of the name of a table, or with that of a column;
	// nil where maxName says all.
	checkName func(name string, table bool) error
	// dataset tells that the first of two parts of a name may be two: "project.dataset".
	dataset bool
	// lexicon is how the warehouse reads quotes and comments in the user's own SQL.
	lexicon lexicon
	// textColumn follows the type of a column of texts that compare by their bytes.
	textColumn string

	// text is a string literal. The text is valid UTF-8 without NUL.
	text func(string) string
	// bytewise makes a text compare and sort by its bytes.
	bytewise func(x string) string
	// timestamp is a literal of a time in UTC, written 2006-01-02 15:04:05.999999+00; nil for
	// standard SQL's way.
	timestamp func(text string) string
	// pattern writes a regular expression that Pattern has checked, and replacement what stands in
	// place of its matches; nil where the engine reads them as they are.
	pattern     func(p string) string
	replacement func(p, r string) (string, error)
	// decimal is a literal of a Number; nil where bare digits are one.
	decimal func(digits string) string
	// tryText reads a text as another type, NULL where it has not the form of one.
	tryText func(x string, to rel.Type) string
	// whole rounds a Number to an integer; day is the date of a timestamp in UTC.
	whole func(number string, try bool) string
	day   func(x string) string
	// number makes any numeric value a Number, exactly.
	number func(x string, try bool) string
	// numberText writes a Number without zeros at the end.
	numberText func(number string) string
	// double is a literal of 64 bits, by its digits.
	double func(digits string) string
	// anyText writes a value whose type is not known.
	anyText func(x string) string
	// fn has the functions that differ from the ones of most warehouses, or have no common name.
	// Pattern and zone arguments are literals.
	fn map[rel.Fn]func(a []string) string
	// call renders a call that needs more than the texts of its arguments; nil if none does.
	call func(w *writer, c rel.Call, level int) (text string, prec int, ok bool)
	// first is the first value in an order, of those that are not NULL; or, with where, of the rows
	// for which that is true.
	first func(x, order, where string, typ rel.Type) string
	// typedFirst tells that first needs to know the type.
	typedFirst bool
	// collect is the list of the different texts in order. list is a literal of rendered texts.
	collect func(x string) string
	list    func(items string) string
	// textLists tells that lists are kept as texts, though the warehouse has arrays.
	textLists bool
	// listText writes a list as a JSON array.
	listText func(x string) string
	// listValue writes a list in a form of which an array can be made, and reads it; nil where lists
	// of lists are nothing special.
	listValue func(x string) (text string, back func(string) string)
	// fence is put at the end of a fenced query; "" where columns are computed once anyway.
	fence string
	// provided makes functions ready on a session that the warehouse does not have.
	provided map[rel.Fn]string
	// provideMany makes one statement of them; nil for a DO block.
	provideMany func(body string) string
	// hashesNull tells that the hash of NULL is a number.
	hashesNull bool
	// boolMin and boolMax are the aggregates of booleans, bitXor and bitOr those of bits.
	boolMin, boolMax, bitXor, bitOr string
	// scaledAvg tells that an average has few decimals unless its values are Numbers.
	scaledAvg bool
	// scaledSum tells that sums and averages of integers have few digits unless they are Numbers.
	scaledSum bool
	// nullsFirst tells that the orders of aggregates and windows put NULL first and know no other way.
	nullsFirst bool
	// groupsByPlace tells that some expressions are grouped by their place in the select list.
	groupsByPlace bool
	// union puts together without duplicates; "" for UNION.
	union string
	// noRow is what a query without tables is of, where a condition needs something; "" if it does not.
	noRow string
	// needsWhere tells that a statement that changes rows must have a condition.
	needsWhere bool
	// anyOrder is the order of a ranking that asks for none, where there must be one.
	anyOrder string
	// noLimit stands before an offset without a limit, where there must be one.
	noLimit string
	// create begins a statement that makes a table; nil for CREATE [TEMP] TABLE.
	create func(st rel.CreateTable) string
	// rows renders a table of values, whose columns have no types yet, under the alias "v"; nil for
	// a FROM (VALUES …).
	rows func(w *writer, q rel.Values, level int) string
	// addColumn adds a column, as field renders it; nil for ADD COLUMN IF NOT EXISTS.
	addColumn func(table, field string) string
	// noDeleteAlias tells that the table that rows are deleted from has no alias.
	noDeleteAlias bool
	// merges tells that an update from other rows is a MERGE.
	merges bool
	// ranksFirst tells that the first value of a group is found by numbering the rows before they are
	// grouped, since no aggregate gives it.
	ranksFirst bool
	// looksUp tells that an EXISTS is answered by looking for each value of the outer query, where
	// the query within has conditions of its own.
	looksUp bool
	// namesBits tells that the values of xor are columns before they are grouped, since their text is
	// written many times.
	namesBits bool
	// xorOf is the xor of an aggregate's argument where no aggregate gives it; nil for bitXor.
	xorOf func(x string) string
	// truncates tells that a cast to an integer cuts off what it should round, or may.
	truncates bool
	// boolText writes a boolean; nil for a cast.
	boolText func(x string) string
	// createView makes or replaces a view.
	createView func(name, query string) string
	// analyze is empty where there is nothing to do.
	analyze func(name string) string
}

// renderer is a Dialect.
type renderer struct{ s *spelling }

// Name is the warehouse kind.
func (d renderer) Name() string { return d.s.name }

// Quote quotes one part of a name.
func (d renderer) Quote(name string) string { return d.s.quote(name) }

// Raw checks a piece of the user's own SQL.
func (d renderer) Raw(sql string) (string, error) { return d.s.lexicon.raw(sql) }

// Statement renders a statement.
func (d renderer) Statement(st rel.Statement) (string, error) {
	w := writer{s: d.s}
	text := w.statement(st)
	return text, w.failed("statement")
}

// Query renders a query.
func (d renderer) Query(q rel.Query) (string, error) {
	w := writer{s: d.s}
	text := w.query(q, 0)
	return text, w.failed("query")
}

// Expr renders an expression on one line.
func (d renderer) Expr(e rel.Expr) (string, error) {
	w := writer{s: d.s}
	text := w.expr(e, flat)
	return text, w.failed("expression")
}

// writer renders one statement and keeps the first fault that it meets.
type writer struct {
	s   *spelling
	err error
}

// flat is the level at which nothing breaks lines.
const flat = -1

func (w *writer) fail(format string, args ...any) string {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
	return ""
}

func (w *writer) failed(what string) error {
	if w.err == nil {
		return nil
	}
	return fmt.Errorf("rendering a %s for %s: %w", what, w.s.name, w.err)
}

// nl starts a line at a level. Texts are never indented afterwards: a line end may stand inside
// a user's literal.
func nl(level int) string {
	if level < 0 {
		return " "
	}
	return "\n" + strings.Repeat("  ", level)
}

// deeper is the level below.
func deeper(level int) int {
	if level < 0 {
		return flat
	}
	return level + 1
}

func (w *writer) statement(st rel.Statement) string {
	switch st := st.(type) {
	case rel.CreateTable:
		return w.createTable(st)
	case rel.AddColumn:
		if w.s.addColumn != nil {
			return w.s.addColumn(w.name(st.Table), w.field(st.Column))
		}
		return "ALTER TABLE " + w.name(st.Table) + " ADD COLUMN IF NOT EXISTS " + w.field(st.Column)
	case rel.DropTable:
		return "DROP TABLE IF EXISTS " + w.name(st.Name)
	case rel.CreateView:
		return comment(st.Comment, 0) + w.s.createView(w.name(st.Name), w.query(st.As, 0))
	case rel.DropView:
		return "DROP VIEW IF EXISTS " + w.name(st.Name)
	case rel.CreateSchema:
		return "CREATE SCHEMA IF NOT EXISTS " + w.parts(w.split(st.Name), false)
	case rel.Insert:
		return comment(st.Comment, 0) + "INSERT INTO " + w.name(st.Into) + " (" + w.names(st.Columns) + ")\n" + w.query(st.From, 0)
	case rel.Delete:
		text := comment(st.Comment, 0) + "DELETE FROM " + w.name(st.From)
		if w.s.noDeleteAlias {
			return text + w.changed(retarget(st.Where, st.From))
		}
		return text + " AS " + w.ident("t") + w.changed(st.Where)
	case rel.Update:
		return w.update(st)
	case rel.Analyze:
		return w.s.analyze(w.name(st.Name))
	case rel.Provide:
		return w.provide(st.Fns)
	case nil:
		return w.fail("there is no statement")
	default:
		return w.fail("unknown statement %T", st)
	}
}

func (w *writer) createTable(st rel.CreateTable) string {
	text := comment(st.Comment, 0)
	switch {
	case w.s.create != nil:
		text += w.s.create(st)
	case st.Temp:
		text += "CREATE TEMP TABLE "
	default:
		text += "CREATE TABLE "
	}
	if st.IfNotExists {
		text += "IF NOT EXISTS "
	}
	text += w.name(st.Name)
	switch {
	case st.As != nil && len(st.Columns) > 0, st.As == nil && len(st.Columns) == 0:
		return w.fail("table %s needs either a query or columns", plain(st.Name))
	case st.As != nil && st.IfNotExists:
		return w.fail("table %s: a query cannot go with IfNotExists", plain(st.Name))
	case st.As != nil:
		return text + " AS\n" + w.query(st.As, 0)
	}
	text += " ("
	for i, f := range st.Columns {
		if i > 0 {
			text += ","
		}
		text += nl(1) + w.field(f)
	}
	return text + "\n)"
}

// field writes a column of a table to be made.
func (w *writer) field(f rel.Field) string {
	text := w.ident(f.Name) + " " + w.typeName(f.Type)
	if f.Type == models.Text {
		text += w.s.textColumn
	}
	if f.NotNull {
		text += " NOT NULL"
	}
	return text
}

func (w *writer) update(st rel.Update) string {
	if len(st.Set) == 0 {
		return w.fail("an update of %s sets nothing", plain(st.Table))
	}
	if st.From != nil && w.s.merges {
		return w.merge(st)
	}
	text := comment(st.Comment, 0) + "UPDATE " + w.name(st.Table) + " AS " + w.ident("t") + " SET"
	for i, a := range st.Set {
		if i > 0 {
			text += ","
		}
		text += nl(1) + w.ident(a.Column) + " = " + w.stored(a.Value, 1)
	}
	if st.From != nil {
		text += "\nFROM " + w.relation(st.From, 0)
	}
	return text + w.changed(st.Where)
}

// merge is an update from other rows where only MERGE looks at them.
func (w *writer) merge(st rel.Update) string {
	if st.Where == nil {
		return w.fail("an update of %s from other rows needs a condition", plain(st.Table))
	}
	text := comment(st.Comment, 0) + "MERGE INTO " + w.name(st.Table) + " AS " + w.ident("t") + "\nUSING " + w.relation(st.From, 0) +
		w.where("ON", st.Where, 0) + "\nWHEN MATCHED THEN UPDATE SET"
	for i, a := range st.Set {
		if i > 0 {
			text += ","
		}
		text += nl(1) + w.ident(a.Column) + " = " + w.stored(a.Value, 1)
	}
	return text
}

// changed is the condition of a statement that changes rows.
func (w *writer) changed(where rel.Expr) string {
	if where == nil && w.s.needsWhere {
		where = rel.B(true)
	}
	return w.where("WHERE", where, 0)
}

func (w *writer) typeName(t rel.Type) string {
	name, ok := w.s.types[t]
	if !ok {
		return w.fail("there is no column type %q", t)
	}
	return name
}

// name renders a name in parts.
func (w *writer) name(n rel.Name) string {
	if len(n) == 0 || len(n) > 3 {
		return w.fail("a name has one to three parts, not %d", len(n))
	}
	if len(n) == 2 {
		n = w.split(n)
	}
	return w.parts(n, true)
}

// split makes two parts of the first part of a name, if that is a schema with the place it lies in:
// "project.dataset". A place may have dots of its own, a schema has none.
func (w *writer) split(n rel.Name) rel.Name {
	if len(n) == 0 || !w.s.dataset {
		return n
	}
	if dot := strings.LastIndexByte(n[0], '.'); dot > 0 {
		return append(rel.Name{n[0][:dot], n[0][dot+1:]}, n[1:]...)
	}
	return n
}

func (w *writer) parts(n rel.Name, table bool) string {
	if len(n) == 0 {
		return w.fail("a name has no parts")
	}
	parts := make([]string, len(n))
	for i, p := range n {
		parts[i] = w.part(p, table)
	}
	return strings.Join(parts, ".")
}

func (w *writer) names(columns []string) string {
	if len(columns) == 0 {
		return w.fail("an insert needs columns")
	}
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = w.ident(c)
	}
	return strings.Join(parts, ", ")
}

// ident quotes the name of a column, or of something that lives in a query.
func (w *writer) ident(name string) string { return w.part(name, false) }

// part quotes one part of a name.
func (w *writer) part(name string, table bool) string {
	if err := checkText(name); err != nil {
		return w.fail("name %q: %w", name, err)
	}
	if name == "" {
		return w.fail("a name is empty")
	}
	if w.s.maxName > 0 && len(name) > w.s.maxName {
		return w.fail("name %q has %d bytes; %s allows %d", name, len(name), w.s.name, w.s.maxName)
	}
	if w.s.checkName != nil {
		if err := w.s.checkName(name, table); err != nil {
			return w.fail("name %q: %w", name, err)
		}
	}
	return w.s.quote(name)
}

// oneRow is the FROM of a query that has no tables and a condition.
func (s *spelling) oneRow(level int) string {
	if s.noRow == "" {
		return ""
	}
	return nl(level) + "FROM " + s.noRow
}

// quote quotes one part of a name in the warehouse's way.
func (s *spelling) quote(name string) string {
	if s.ident != nil {
		return s.ident(name)
	}
	return quote(name)
}

// plain is a name for people.
func plain(n rel.Name) string { return strings.Join(n, ".") }

// literal renders a literal. Integers and numbers are bare: stored gives them their type where
// a column is made of them.
func (w *writer) literal(l rel.Lit) string {
	if l.Value == nil {
		return "CAST(NULL AS " + w.typeName(l.Type) + ")"
	}
	text, err := w.value(l)
	if err != nil {
		return w.fail("literal of type %s: %w", l.Type, err)
	}
	return text
}

var errKind = errors.New("the value has another kind")

func (w *writer) value(l rel.Lit) (string, error) {
	switch l.Type {
	case models.Text:
		s, ok := l.Value.(string)
		if !ok {
			return "", errKind
		}
		if err := checkText(s); err != nil {
			return "", err
		}
		return w.s.text(s), nil
	case models.Integer:
		return integerLiteral(l.Value)
	case models.Number:
		text, err := numberLiteral(l.Value)
		if err == nil && w.s.decimal != nil {
			text = w.s.decimal(text)
		}
		return text, err
	case models.Boolean:
		b, ok := l.Value.(bool)
		if !ok {
			return "", errKind
		}
		if b {
			return "TRUE", nil
		}
		return "FALSE", nil
	case models.Date:
		return dateLiteral(l.Value)
	case models.Timestamp:
		return w.timestampLiteral(l.Value)
	case rel.Double:
		return w.doubleLiteral(l.Value)
	case models.List:
		return w.listLiteral(l.Value)
	default:
		return "", fmt.Errorf("unknown type %q", l.Type)
	}
}
