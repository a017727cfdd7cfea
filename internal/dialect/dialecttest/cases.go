package dialecttest

import (
	"math"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

var at = time.Date(2024, 3, 1, 12, 30, 45, 123456000, time.UTC)

// row is one row with a column of each type, and some in native types that the algebra has no
// name for. What stands in <> there is replaced by natives.
func row() rel.Relation {
	raw := func(name, sql string) rel.Column { return rel.As(name, rel.RawExpr{SQL: sql}) }
	return rel.Sub{Alias: "r", Query: rel.Select{Columns: []rel.Column{
		rel.As("text", rel.T("Ab")), rel.As("int", rel.I(42)), rel.As("num", rel.N("499.99")), rel.As("yes", rel.B(true)),
		rel.As("day", rel.D("2024-02-29")), rel.As("at", rel.At(at)),
		raw("naive", "<naive> '2024-03-01 12:30:45.5'"),
		raw("double", "CAST(42.0 AS <double>)"), raw("big", "CAST(9007199254740991 AS <double>)"),
		raw("odd", "CAST(42000000001.3 AS <double>)"), raw("tenth", "CAST(0.1 AS <double>)"),
		raw("real", "CAST(0.1 AS <real>)"), raw("dec", "CAST(10.50 AS DECIMAL(10,2))"), raw("small", "CAST(7 AS SMALLINT)"),
		rel.As("id", rel.T(" 42 ")), rel.As("none", rel.Null(models.Text)), rel.As("no_number", rel.Null(models.Number)),
		rel.As("maybe", rel.Null(models.Boolean)), rel.As("json", rel.T("a\"b\\c\n\x01é😀/")),
	}}}
}

// val is an expression over row.
func val(e rel.Expr) rel.Query {
	return rel.Select{Columns: []rel.Column{rel.As("v", e)}, From: row()}
}

// agg is an aggregate over the column x of a few rows; the column n counts them from 0.
func agg(a rel.Agg, typ rel.Type, vs ...rel.Expr) rel.Query {
	if a.Fn == rel.First {
		a.Is = typ
	}
	return rel.Select{Columns: []rel.Column{rel.As("v", a)}, From: rows(typ, vs...)}
}

func rows(typ rel.Type, vs ...rel.Expr) rel.Relation {
	v := rel.Values{Columns: []rel.Field{{Name: "x", Type: typ}, {Name: "n", Type: models.Integer}}}
	for i, e := range vs {
		v.Rows = append(v.Rows, []rel.Expr{e, rel.I(int64(i))})
	}
	return rel.Sub{Query: v, Alias: "t"}
}

// found asks whether one of 7, 42 and NULL has a value, and meets a condition.
func found(value, where rel.Expr) rel.Expr {
	return rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))},
		From: rows(models.Integer, rel.I(7), rel.I(42), rel.Null(models.Integer)), Where: rel.F(rel.And, rel.F(rel.Eq, x, value), where)}}
}

// nth is the text of the column x that an order puts at a place.
func nth(from rel.Relation, place int64, by rel.Order) rel.Query {
	return rel.Select{Columns: []rel.Column{rel.As("v", rel.C("t", "x"))}, From: from, OrderBy: []rel.Order{by}, Limit: 1, Offset: place}
}

func c(name string) rel.Expr { return rel.C("r", name) }

func cast(e rel.Expr, to rel.Type) rel.Expr { return rel.Cast{Expr: e, Type: to} }
func try(e rel.Expr, to rel.Type) rel.Expr  { return rel.Cast{Expr: e, Type: to, Try: true} }
func from(t rel.Type, e rel.Expr, to rel.Type) rel.Expr {
	return rel.Cast{Expr: e, Type: to, Try: true, From: t}
}

var (
	x     = rel.C("t", "x")
	null  = rel.Null(models.Text)
	nullB = rel.Null(models.Boolean)
	nasty = "it's \"quoted\" \\ and \\' -- é😀\r\n\t$$ {%s} ; /* */"
)

// Cases are all functions, aggregates and conversions of the algebra.
func Cases() []Case {
	var out []Case
	for _, cs := range [][]Case{literals(), logic(), texts(), numbers(), times(), conversions(), aggregates(), queries(), lists(), places(), doubles()} {
		out = append(out, cs...)
	}
	return out
}

func literals() []Case {
	return []Case{
		{"literal text", val(rel.T(nasty)), nasty},
		{"literal empty text", val(rel.T("")), ""},
		{"literal backslash at the end", val(rel.T(`\`)), `\`},
		{"literal integer", val(rel.I(-7)), -7},
		{"literal smallest integer", val(rel.I(math.MinInt64)), int64(math.MinInt64)},
		{"literal largest integer", val(rel.I(math.MaxInt64)), int64(math.MaxInt64)},
		{"literal number", val(rel.N("499.99")), "499.99"},
		{"literal number with exponent", val(rel.N("-1.5e3")), "-1500"},
		{"literal number wide", val(rel.N("1234567890123456789012345678.123456789")), "1234567890123456789012345678.123456789"},
		{"literal boolean", val(rel.B(false)), false},
		{"literal date", val(rel.D("2024-02-29")), "2024-02-29T00:00:00Z"},
		{"literal timestamp", val(rel.At(at)), at},
		{"literal timestamp of another zone", val(rel.At(at.In(time.FixedZone("", 7200)))), at},
		{"literal null", val(rel.Null(models.Timestamp)), nil},
		{"raw expression", val(rel.RawExpr{SQL: "1 + 1 -- two"}), 2},
		{"raw expression binds", val(rel.F(rel.Multiply, rel.RawExpr{SQL: "1 + 1"}, rel.I(3))), 6},
		{"nasty name", rel.Select{Columns: []rel.Column{rel.As("v", rel.C(`t"; --`, `a "b" é😀`))},
			From: rel.Sub{Alias: `t"; --`, Query: rel.Select{Columns: []rel.Column{rel.As(`a "b" é😀`, rel.I(1))}}}}, 1},
	}
}

func logic() []Case {
	b := func(x bool) rel.Expr { return rel.B(x) }
	return []Case{
		{"eq", val(rel.F(rel.Eq, c("int"), rel.I(42))), true},
		{"eq of null", val(rel.F(rel.Eq, c("none"), rel.T("x"))), nil},
		{"ne", val(rel.F(rel.Ne, c("text"), rel.T("Ab"))), false},
		{"lt by bytes", val(rel.F(rel.Lt, rel.T("Z"), rel.T("a"))), true},
		{"le by bytes", val(rel.F(rel.Le, rel.T("é"), rel.T("f"))), false},
		{"gt", val(rel.F(rel.Gt, c("num"), rel.I(499))), true},
		{"ge exact", val(rel.F(rel.Ge, rel.F(rel.Add, c("num"), rel.N("0.01")), rel.I(500))), true},
		{"double compares with number", val(rel.F(rel.Ge, c("double"), rel.N("41.5"))), true},
		{"distinct", val(rel.F(rel.Distinct, c("none"), rel.T("x"))), true},
		{"distinct of nulls", val(rel.F(rel.Distinct, c("none"), null)), false},
		{"same", val(rel.F(rel.Same, c("none"), null)), true},
		{"and", val(rel.F(rel.And, b(true), nullB, b(false))), false},
		{"and unknown", val(rel.F(rel.And, b(true), nullB)), nil},
		{"and of none", val(rel.F(rel.And)), true},
		{"or", val(rel.F(rel.Or, b(false), nullB, b(true))), true},
		{"or of none", val(rel.F(rel.Or)), false},
		{"or inside and", val(rel.F(rel.And, rel.F(rel.Or, b(true), b(false)), b(false))), false},
		{"not", val(rel.F(rel.Not, rel.F(rel.Or, b(false), b(false)))), true},
		{"not of comparison", val(rel.F(rel.Not, rel.F(rel.Eq, rel.I(1), rel.I(2)))), true},
		{"is_null", val(rel.F(rel.IsNull, c("none"))), true},
		{"not_null", val(rel.F(rel.NotNull, rel.F(rel.Eq, c("none"), rel.T("x")))), false},
		{"is_true", val(rel.F(rel.IsTrue, c("maybe"))), false},
		{"is_true of true", val(rel.F(rel.IsTrue, c("yes"))), true},
		{"coalesce", val(rel.F(rel.Coalesce, c("none"), rel.T("x"))), "x"},
		{"null_if", val(rel.F(rel.NullIf, c("text"), rel.T("Ab"))), nil},
		{"greatest", val(rel.F(rel.Greatest, rel.I(1), rel.Null(models.Integer), rel.I(3))), 3},
		{"least", val(rel.F(rel.Least, rel.Null(models.Integer), rel.I(3), rel.I(1))), 1},
		{"in", val(rel.InList{Expr: c("text"), List: []rel.Expr{rel.T("x"), rel.T("Ab")}}), true},
		{"in of null", val(rel.InList{Expr: c("none"), List: []rel.Expr{rel.T("x")}}), nil},
		{"case", val(rel.Case{Whens: []rel.When{{If: rel.F(rel.Eq, c("int"), rel.I(1)), Then: rel.T("one")}, {If: b(true), Then: rel.T("many")}}}), "many"},
		{"case without else", val(rel.Case{Whens: []rel.When{{If: nullB, Then: rel.I(1)}}}), nil},
		{"exists", val(rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rows(models.Integer, rel.I(42)),
			Where: rel.F(rel.Eq, x, c("int"))}}), true},
		{"exists with a condition", val(found(c("int"), rel.F(rel.Gt, x, rel.I(7)))), true},
		{"exists with a condition that no row meets", val(found(c("int"), rel.F(rel.Gt, x, rel.I(50)))), false},
		{"not exists with a condition, of null", val(rel.F(rel.Not, found(rel.F(rel.NullIf, c("int"), rel.I(42)), rel.F(rel.Gt, x, rel.I(7))))), true},
		{"not exists with a condition, among nulls", val(rel.F(rel.Not, found(rel.F(rel.Add, c("int"), rel.I(1)), rel.F(rel.Or, rel.F(rel.IsNull, x), rel.F(rel.Gt, x, rel.I(7)))))), true},
		{"exists with two values and a condition", val(rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rows(models.Integer, rel.I(42), rel.Null(models.Integer)),
			Where: rel.F(rel.And, rel.F(rel.Eq, x, c("int")), rel.F(rel.Eq, rel.F(rel.Add, x, rel.I(1)), rel.F(rel.Add, c("int"), rel.I(1))), rel.F(rel.Gt, x, rel.I(7)))}}), true},
		{"not exists", val(rel.F(rel.Not, rel.Exists{Query: rel.RawQuery{SQL: "SELECT 1 FROM (SELECT 1 AS one) AS t WHERE one = 2 -- none"}})), true},
	}
}

func texts() []Case {
	re := func(fn rel.Fn, text, pattern string) rel.Query { return val(rel.F(fn, rel.T(text), rel.T(pattern))) }
	return []Case{
		{"concat", val(rel.F(rel.Concat, c("text"), rel.T("-"), rel.T("é"))), "Ab-é"},
		{"concat of null", val(rel.F(rel.Concat, c("text"), null)), nil},
		{"lower", val(rel.F(rel.Lower, rel.T("ÀÉb"))), "àéb"},
		{"lower meets bytes", val(rel.F(rel.Eq, rel.F(rel.Lower, c("text")), rel.F(rel.Upper, rel.T("ab")))), false},
		{"upper", val(rel.F(rel.Upper, rel.T("àé1b"))), "ÀÉ1B"},
		{"trim", val(rel.F(rel.Trim, rel.T(" \t\r\n\u00a0 a b \v\f\n"))), "a b"},
		{"trim to nothing", val(rel.F(rel.Trim, rel.T("  "))), ""},
		{"length", val(rel.F(rel.Length, rel.T("é😀"))), 2},
		{"bytes", val(rel.F(rel.Bytes, rel.T("é😀"))), 6},
		{"substr", val(rel.F(rel.Substr, rel.T("aé😀b"), rel.I(2), rel.I(2))), "é😀"},
		{"position", val(rel.F(rel.Position, rel.T("aé😀b"), rel.T("b"))), 4},
		{"position of nothing", val(rel.F(rel.Position, rel.T("abc"), rel.T("%"))), 0},
		{"replace", val(rel.F(rel.Replace, rel.T("a.b.c"), rel.T("."), rel.T(""))), "abc"},
		{"has_prefix", val(rel.F(rel.HasPrefix, rel.T("a%c"), rel.T("a%"))), true},
		{"has_prefix is no pattern", val(rel.F(rel.HasPrefix, rel.T("abc"), rel.T("a%"))), false},
		{"has_suffix", val(rel.F(rel.HasSuffix, rel.T("x@é.com"), rel.T("é.com"))), true},
		{"has_suffix longer", val(rel.F(rel.HasSuffix, rel.T("b"), rel.T("ab"))), false},
		{"has_suffix of nothing", val(rel.F(rel.HasSuffix, rel.T("b"), rel.T(""))), true},
		{"regex", re(rel.RegexTest, "ab12", `[0-9]+$`), true},
		{"regex anchored", re(rel.RegexTest, "ab12x", `^[a-z]+\d{2}$`), false},
		{"regex dot takes line ends", re(rel.RegexTest, "a\nb", `^a.b$`), true},
		{"regex end is the end", re(rel.RegexTest, "a\nb", `a$`), false},
		{"regex negated class takes line ends", re(rel.RegexTest, "a\nb", `^a[^x]b$`), true},
		{"regex word is ASCII", re(rel.RegexTest, "é", `^\w$`), false},
		{"regex with quote", re(rel.RegexTest, `o'b\c`, `^o'b\\c$`), true},
		{"regex group", re(rel.RegexTest, "abab", `^(?:ab){2}$`), true},
		{"regex_drop", re(rel.RegexDrop, "+33 (0)6\n12.34", `[^0-9+]`), "+3306" + "1234"},
		{"regex_drop all of null", val(rel.F(rel.RegexDrop, c("none"), rel.T("a"))), nil},
		{"regex_replace", val(rel.F(rel.RegexReplace, rel.T("a  b\n\nc"), rel.T(`[[:space:]]+`), rel.T(" "))), "a b c"},
		{"regex_replace with groups", val(rel.F(rel.RegexReplace, rel.T("31/01/2026"), rel.T(`^([0-9]{2})/([0-9]{2})/([0-9]{4})$`), rel.T(`\3-\2-\1`))), "2026-01-31"},
		{"regex_replace is literal", val(rel.F(rel.RegexReplace, rel.T("a.b"), rel.T(`\.`), rel.T("$1&%s"))), "a$1&%sb"},
		{"regex_replace of null", val(rel.F(rel.RegexReplace, c("none"), rel.T("a"), rel.T("b"))), nil},
		{"translate", val(rel.F(rel.Translate, rel.T("øl-é"), rel.T("øé-"), rel.T("oe"))), "ole"},
		{"part", val(rel.F(rel.Part, rel.T("a--b--"), rel.T("--"), rel.I(2))), "b"},
		{"part that is not there", val(rel.F(rel.Part, rel.T("a-b"), rel.T("-"), rel.I(3))), ""},
		{"unaccent", val(rel.F(rel.Unaccent, rel.T("Zoë Ǎ nguyễn ΆΪ й e\u0301 ø 1"))), "Zoe A nguyen ΑΙ и e ø 1"},
		{"unaccent keeps other scripts", val(rel.F(rel.Unaccent, rel.T("한글 が हिन्दी é"))), "한글 が हिन्दी é"},
		{"unaccent of null", val(rel.F(rel.Unaccent, c("none"))), nil},
		{"hash64 is stable", val(rel.F(rel.Same, rel.F(rel.Hash64, rel.T("a")), rel.F(rel.Hash64, rel.F(rel.Lower, rel.T("A"))))), true},
		{"hash64 differs", val(rel.F(rel.Ne, rel.F(rel.Hash64, rel.T("1:a")), rel.F(rel.Hash64, rel.T("1:b")))), true},
		{"hash64 of null", val(rel.F(rel.Hash64, c("none"))), nil},
		{"hash_row is stable", val(rel.F(rel.Same, rel.F(rel.HashRow, rel.T("a"), rel.I(1), c("none")), rel.F(rel.HashRow, rel.F(rel.Lower, rel.T("A")), rel.I(1), c("none")))), true},
		{"hash_row keeps values apart", val(rel.F(rel.Ne, rel.F(rel.HashRow, rel.T("a"), rel.T("bc")), rel.F(rel.HashRow, rel.T("ab"), rel.T("c")))), true},
		{"hash_row of values in turn", val(rel.F(rel.Ne, rel.F(rel.HashRow, rel.T("a"), rel.T("b")), rel.F(rel.HashRow, rel.T("b"), rel.T("a")))), true},
		{"hash_row of null in turn", val(rel.F(rel.Ne, rel.F(rel.HashRow, rel.T("a"), c("none")), rel.F(rel.HashRow, c("none"), rel.T("a")))), true},
		{"hash_row of null and empty", val(rel.F(rel.Ne, rel.F(rel.HashRow, c("none")), rel.F(rel.HashRow, rel.T("")))), true},
		{"hash_row of decimals", val(rel.F(rel.Same, rel.F(rel.HashRow, rel.Cast{Expr: rel.T("1.50"), Type: models.Number, From: models.Text}), rel.F(rel.HashRow, rel.Cast{Expr: rel.T("1.5"), Type: models.Number, From: models.Text}))), true},
		{"sha256", val(rel.F(rel.SHA256, rel.T("é😀"))), "1184d1f608158eea09d297565575892231550c403aaa913008d867a97cfd5c76"},
		{"sha256 of backslash", val(rel.F(rel.SHA256, rel.T(`\`))), "a9253dc8529dd214e5f22397888e78d3390daa47593e26f68c18f97fd7a3876b"},
		{"bucket", val(rel.F(rel.Bucket, rel.T("exp1:42"))), 9237},
		{"bucket of Unicode", val(rel.F(rel.Bucket, rel.T("exp1:é😀"))), 2735},
		{"bucket of a bare salt", val(rel.F(rel.Bucket, rel.T("exp1:"))), 3476},
		{"bucket of null", val(rel.F(rel.Bucket, c("none"))), nil},
		{"bucket in arithmetic", val(rel.F(rel.Add, rel.I(1), rel.F(rel.Bucket, rel.T("exp1:42")))), 9238},
		{"json_text", val(rel.F(rel.JSONText, c("json"))), `"a\"b\\c\n\u0001é😀/"`},
		{"json_text of null", val(rel.F(rel.JSONText, c("none"))), nil},
	}
}

func numbers() []Case {
	return []Case{
		{"add", val(rel.F(rel.Add, c("int"), rel.I(1))), 43},
		{"add many", val(rel.F(rel.Add, c("num"), rel.N("0.005"), rel.I(1))), "500.995"},
		{"subtract binds", val(rel.F(rel.Subtract, rel.I(10), rel.F(rel.Subtract, rel.I(3), rel.I(-2)))), 5},
		{"multiply", val(rel.F(rel.Multiply, c("num"), rel.I(3))), "1499.97"},
		{"divide", val(rel.F(rel.Divide, rel.I(5), rel.I(2))), "2.5"},
		{"divide thirds", val(rel.F(rel.Divide, rel.I(1), rel.I(3))), "0.333333333"},
		{"divide by zero", val(rel.F(rel.Divide, c("int"), rel.I(0))), nil},
		{"divide by zero column", val(rel.F(rel.Divide, c("int"), rel.F(rel.Subtract, c("int"), c("int")))), nil},
		{"divide doubles", val(rel.F(rel.Divide, c("double"), c("tenth"))), "420"},
		{"mod", val(rel.F(rel.Mod, c("int"), rel.I(10))), 2},
		{"has bit", val(rel.F(rel.HasBit, rel.I(5), rel.I(2))), true},
		{"has no bit", val(rel.F(rel.Not, rel.F(rel.HasBit, rel.I(5), rel.I(1)))), true},
		{"has the highest bit", val(rel.F(rel.HasBit, rel.I(1<<62|1), rel.I(62))), true},
		{"has bit of absent", val(rel.F(rel.HasBit, rel.Null(models.Integer), rel.I(0))), nil},
		{"mod by zero", val(rel.F(rel.Mod, c("int"), rel.I(0))), nil},
	}
}

func times() []Case {
	return []Case{
		{"add_seconds", val(rel.F(rel.AddSecs, c("at"), rel.I(-90*86400))), at.Add(-90 * 24 * time.Hour)},
		{"add_seconds of a column", val(rel.F(rel.AddSecs, c("at"), c("int"))), at.Add(42 * time.Second)},
		{"instant in summer", val(rel.F(rel.Instant, rel.RawExpr{SQL: "<naive> '2024-07-01 12:00:00'"}, rel.T("Europe/Paris"))), "2024-07-01T10:00:00Z"},
		{"instant that happens twice is the later", val(rel.F(rel.Instant, rel.RawExpr{SQL: "<naive> '2024-10-27 02:30:00'"}, rel.T("Europe/Paris"))), "2024-10-27T01:30:00Z"},
		{"instant that never happens moves on", val(rel.F(rel.Instant, rel.RawExpr{SQL: "<naive> '2024-03-31 02:30:00'"}, rel.T("Europe/Paris"))), "2024-03-31T01:30:00Z"},
		{"instant of a date", val(rel.F(rel.Instant, c("day"), rel.T("Europe/Paris"))), "2024-02-28T23:00:00Z"},
		{"instant in UTC", val(rel.F(rel.Instant, c("naive"), rel.T("UTC"))), "2024-03-01T12:30:45.5Z"},
		{"month_day of a leap day", val(rel.F(rel.MonthDay, c("day"))), "02-29"},
		{"month_day of nothing", val(rel.F(rel.MonthDay, rel.Null(models.Date))), nil},
		{"month_day of a local date", val(rel.F(rel.MonthDay, rel.F(rel.LocalDate, c("at"), rel.T("Pacific/Auckland")))), "03-02"},
		{"local_date before midnight", val(rel.F(rel.LocalDate, rel.At(time.Date(2024, 3, 31, 21, 59, 59, 999999000, time.UTC)), rel.T("Europe/Paris"))), "2024-03-31T00:00:00Z"},
		{"local_date at midnight", val(rel.F(rel.LocalDate, rel.At(time.Date(2024, 3, 31, 22, 0, 0, 0, time.UTC)), rel.T("Europe/Paris"))), "2024-04-01T00:00:00Z"},
		{"local_date after a date that was left out", val(rel.F(rel.LocalDate, rel.At(time.Date(2011, 12, 30, 10, 0, 0, 0, time.UTC)), rel.T("Pacific/Apia"))), "2011-12-31T00:00:00Z"},
		{"utc_text", val(rel.F(rel.UTCText, c("at"))), "2024-03-01T12:30:45.123456Z"},
		{"utc_text without fraction", val(rel.F(rel.UTCText, rel.At(at.Truncate(time.Second)))), "2024-03-01T12:30:45.000000Z"},
		{"utc_text of a naive time", val(rel.F(rel.UTCText, c("naive"))), "2024-03-01T12:30:45.500000Z"},
		{"timestamps compare", val(rel.F(rel.Lt, c("at"), rel.At(at.Add(time.Microsecond)))), true},
		{"naive compares as UTC", val(rel.F(rel.Lt, c("naive"), rel.At(at.Add(time.Second)))), true},
	}
}
