package rel

import (
	"strconv"
	"time"

	"github.com/weir-data/weir/models"
)

// Type is the type of a column that weir makes: the model types and those of the machinery.
type Type = models.Type

// The types beside those of models.
const (
	BigInt Type = models.Integer // 64 bits signed
)

// Expr is a scalar expression.
type Expr interface{ expr() }

// Col is a column, qualified by an alias if Table is not empty.
type Col struct{ Table, Name string }

// Lit is a literal. A nil Value is a typed NULL. Value is string for Text, int64 for Integer,
// string of digits for Number, bool for Boolean, "2006-01-02" for Date, time.Time for Timestamp.
type Lit struct {
	Type  Type
	Value any
}

// Call applies a function of the algebra.
type Call struct {
	Fn   Fn
	Args []Expr
}

// Case is a searched CASE. A nil Else is NULL.
type Case struct {
	Whens []When
	Else  Expr
}

// When is one arm of a Case.
type When struct{ If, Then Expr }

// Cast converts. With Try, a value that cannot be converted is NULL instead of an error.
//
// From is the type that Expr has. Where it is Unknown and the expression does not tell, the text
// asks the warehouse, which is longer to read; the result is the same.
//
// As Text a value has one form on every warehouse: integers plain, numbers without zeros at the
// end (42, never 42.0), true and false, dates as 2006-01-02, timestamps as UTCText writes them.
// Number has nine decimals, and 28 digits before them. From Text with Try, blanks around the
// value do not matter; an integer has digits alone, a date is 2006-01-02 with anything after a
// T or blank, a timestamp is ISO 8601 with a dash between its parts, in UTC without an offset,
// in the years 1000 to 9999; a boolean is true, t, yes, y, on, 1 or their opposites.
type Cast struct {
	Expr Expr
	Type Type
	Try  bool
	From Type
}

// InList is true if Expr equals one of List, which has at least one item. It is NULL if Expr is.
type InList struct {
	Expr Expr
	List []Expr
}

// Exists is true if the query has rows.
type Exists struct{ Query Query }

// Agg is an aggregate. Arg is nil for CountRows. OrderBy is for First only, which needs it.
//
// With Where, First looks at the rows for which it is true and gives what the first of them has,
// NULL too, so that several columns can be taken from one row.
type Agg struct {
	Fn       AggFn
	Arg      Expr
	Distinct bool
	OrderBy  []Order
	Where    Expr // of First; nil for the rows where Arg is not NULL
	Is       Type // of First: the type of Arg where that is a column, which a warehouse may need to know
}

// AggFn is an aggregate function.
type AggFn string

// The aggregates. All but the counts are NULL over no rows; all ignore NULL.
const (
	CountRows AggFn = "count_rows"
	Count     AggFn = "count"
	Sum       AggFn = "sum"     // of Integer and Number; as Number
	SumInt    AggFn = "sum_int" // of Integer, as Integer: at fault where it does not fit
	Min       AggFn = "min"     // text by its bytes; of a user's own text column after a Cast to Text
	Max       AggFn = "max"
	Avg       AggFn = "avg"    // as Number
	BitXor    AggFn = "bitxor" // of Integer
	BitOr     AggFn = "bitor"
	First     AggFn = "first" // of the values that are not NULL, or of the rows of Where, the one that OrderBy puts first
)

// Over is a window: a ranking function or an aggregate over a partition.
type Over struct {
	Rank        RankFn // or
	Agg         *Agg
	Parts       int // of Ntile: how many
	PartitionBy []Expr
	OrderBy     []Order // required for a Rank within partitions; without both, any order will do
	Frame       Frame   // of an Agg; needs OrderBy
}

// Frame says which rows of its partition an aggregate looks at, in the order of the window.
type Frame string

// The frames. Without one it is all rows up to the row and those equal to it in the order, or the
// whole partition where there is no order.
const (
	Before Frame = "before" // all rows before the row
	After  Frame = "after"  // all rows after the row
)

// RankFn is a ranking function.
type RankFn string

// The ranking functions.
const (
	RowNumber RankFn = "row_number"
)

// RawExpr is the user's own expression, from a key called sql, always parenthesised. Names in it
// are resolved by the warehouse.
type RawExpr struct{ SQL string }

func (Col) expr()     {}
func (Lit) expr()     {}
func (Call) expr()    {}
func (Case) expr()    {}
func (Cast) expr()    {}
func (InList) expr()  {}
func (Exists) expr()  {}
func (Agg) expr()     {}
func (Over) expr()    {}
func (RawExpr) expr() {}

// Fn is a function of the algebra. Arguments are given in order.
type Fn string

// The functions. Unless said otherwise a NULL argument gives NULL.
const (
	Eq           Fn = "eq"
	Ne           Fn = "ne"
	Lt           Fn = "lt"
	Le           Fn = "le"
	Gt           Fn = "gt"
	Ge           Fn = "ge"
	Distinct     Fn = "distinct" // a IS DISTINCT FROM b: true or false
	Same         Fn = "same"     // a IS NOT DISTINCT FROM b: true or false
	And          Fn = "and"      // of any number; three-valued
	Or           Fn = "or"
	Not          Fn = "not"
	IsNull       Fn = "is_null"
	NotNull      Fn = "not_null"
	IsTrue       Fn = "is_true" // true or false: NULL is false
	Coalesce     Fn = "coalesce"
	NullIf       Fn = "null_if"
	Greatest     Fn = "greatest" // of arguments that are not NULL
	Least        Fn = "least"
	Add          Fn = "add"
	Subtract     Fn = "subtract"
	Multiply     Fn = "multiply"
	Divide       Fn = "divide"  // as Number; by zero is NULL
	Mod          Fn = "mod"     // of integers that are not negative
	HasBit       Fn = "has_bit" // of a mask (an integer that is not negative) a bit (an integer literal, from 0 to 62) is set
	Concat       Fn = "concat"  // of texts; NULL if one is
	Lower        Fn = "lower"   // by Unicode; letters that become two differ between warehouses
	Upper        Fn = "upper"
	Trim         Fn = "trim"          // white space at both ends: blanks, no-break blanks, tabs, line ends
	Length       Fn = "length"        // in characters
	Bytes        Fn = "bytes"         // length in bytes of UTF-8
	Substr       Fn = "substr"        // text, start from 1, length
	Position     Fn = "position"      // of needle (second) in text (first), from 1; 0 if it is not there
	Replace      Fn = "replace"       // all of a text (second) by another (third)
	RegexTest    Fn = "regex_test"    // text has a match of a pattern (a text literal), see dialect.Pattern
	RegexDrop    Fn = "regex_drop"    // text without all matches of a pattern (a text literal)
	RegexReplace Fn = "regex_replace" // text with all matches of a pattern (second, a text literal) replaced (third, a text literal; \1 to \9 are groups)
	Translate    Fn = "translate"     // each character of a text that is in the second, by the one at its place in the third; those beyond its end are dropped
	Part         Fn = "part"          // of a text split by a separator (second): the nth (third, from 1), '' if there are fewer
	Unaccent     Fn = "unaccent"      // letters without their marks (é as e); texts with a character beyond the scripts that have such letters stay as they are
	HasPrefix    Fn = "has_prefix"
	HasSuffix    Fn = "has_suffix"
	Hash64       Fn = "hash64"      // of one text: the warehouse's own fast hash, all 64 bits, as Integer
	HashRow      Fn = "hash_row"    // as Hash64, of values of any types in their order, NULL among them; never NULL. One value as two types has two
	SHA256       Fn = "sha256"      // of one text: lower-case hex
	Bucket       Fn = "bucket"      // of one text: 0 to 9,999, the same on every warehouse (first 13 hex digits of SHA-256)
	AddSecs      Fn = "add_seconds" // timestamp plus an integer of seconds
	Instant      Fn = "instant"     // naive timestamp, or date as its midnight (first), in a zone (a text literal) as a Timestamp
	MonthDay     Fn = "month_day"   // date as text 01-02, its month and day
	UTCText      Fn = "utc_text"    // timestamp as text 2006-01-02T15:04:05.000000Z
	JSONText     Fn = "json_text"   // a JSON string literal of a text, with quotes
)

// T, I, N, B, D and At make literals; Null makes a typed NULL.
func T(s string) Lit             { return Lit{models.Text, s} }
func I(n int64) Lit              { return Lit{models.Integer, n} }
func N(digits string) Lit        { return Lit{models.Number, digits} }
func B(b bool) Lit               { return Lit{models.Boolean, b} }
func D(date string) Lit          { return Lit{models.Date, date} }
func At(t time.Time) Lit         { return Lit{models.Timestamp, t} }
func Null(t Type) Lit            { return Lit{Type: t} }
func F(fn Fn, args ...Expr) Call { return Call{fn, args} }

// C is a column: C("t", "name"), or C("name").
func C(parts ...string) Col {
	if len(parts) == 1 {
		return Col{Name: parts[0]}
	}
	return Col{Table: parts[0], Name: parts[1]}
}

// As names an expression.
func As(name string, e Expr) Column { return Column{As: name, Expr: e} }

// Of is a value of the models as a literal.
func Of(v models.Value) Lit {
	switch v.Type {
	case models.Integer:
		n, _ := strconv.ParseInt(v.Text, 10, 64)
		return I(n)
	case models.Boolean:
		return B(v.Text == "true")
	case models.Timestamp:
		t, _ := time.Parse(time.RFC3339Nano, v.Text)
		return At(t.UTC())
	default:
		return Lit{v.Type, v.Text}
	}
}
