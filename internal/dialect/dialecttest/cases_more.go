package dialecttest

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

func conversions() []Case {
	const text, integer, number, boolean, date, timestamp = models.Text, models.Integer, models.Number, models.Boolean, models.Date, models.Timestamp
	return []Case{
		{"text of an integer", val(cast(c("int"), text)), "42"},
		{"text of a known integer", val(from(integer, c("int"), text)), "42"},
		{"text of a small integer", val(cast(c("small"), text)), "7"},
		{"text of a number", val(cast(c("num"), text)), "499.99"},
		{"text of a known number", val(from(number, c("num"), text)), "499.99"},
		{"text of a decimal", val(cast(c("dec"), text)), "10.5"},
		{"text of a double", val(cast(c("double"), text)), "42"},
		{"text of a known double", val(from(number, c("double"), text)), "42"},
		{"text of a big double", val(cast(c("big"), text)), "9007199254740991"},
		{"text of a known big double", val(from(number, c("big"), text)), "9007199254740991"},
		{"text of an odd double", val(cast(c("odd"), text)), "42000000001.3"},
		{"text of a tenth", val(cast(c("tenth"), text)), "0.1"},
		{"text of a real tenth", val(cast(c("real"), text)), "0.1"},
		{"text of a known real tenth", val(from(number, c("real"), text)), "0.1"},
		{"text of a number literal", val(cast(rel.N("100"), text)), "100"},
		{"text of zero", val(cast(rel.N("0"), text)), "0"},
		{"text of a boolean", val(cast(c("yes"), text)), "true"},
		{"text of a known boolean", val(from(boolean, rel.B(false), text)), "false"},
		{"text of a date", val(cast(c("day"), text)), "2024-02-29"},
		{"text of a timestamp", val(cast(c("at"), text)), "2024-03-01T12:30:45.123456Z"},
		{"text of a known timestamp", val(from(timestamp, c("at"), text)), "2024-03-01T12:30:45.123456Z"},
		{"text of a naive timestamp", val(cast(c("naive"), text)), "2024-03-01T12:30:45.500000Z"},
		{"text of a known naive timestamp", val(from(timestamp, c("naive"), text)), "2024-03-01T12:30:45.500000Z"},
		{"text of a text", val(cast(c("id"), text)), " 42 "},
		{"text of null", val(cast(c("none"), text)), nil},
		{"text of a null number", val(cast(c("no_number"), text)), nil},
		{"text of a sum", agg2(rel.Cast{Expr: rel.Agg{Fn: rel.Sum, Arg: x}, Type: text}, number, rel.N("1.50"), rel.N("0.50")), "2"},

		{"integer of a number rounds", val(cast(rel.F(rel.Add, c("num"), rel.N("0.51")), integer)), 501},
		{"integer of a known number rounds", val(from(number, rel.N("2.5"), integer)), 3},
		{"integer of a known double", val(from(number, c("double"), integer)), 42},
		{"integer of a number too large", val(from(number, rel.N("1e20"), integer)), nil},
		{"integer of text", val(try(rel.T(" -042 "), integer)), -42},
		{"integer of largest text", val(try(rel.T("9223372036854775807"), integer)), "9223372036854775807"},
		{"integer of too large text", val(try(rel.T("9223372036854775808"), integer)), nil},
		{"integer of fractional text", val(try(rel.T("1.5"), integer)), nil},
		{"integer of hex text", val(try(rel.T("0x10"), integer)), nil},
		{"integer of words", val(try(c("text"), integer)), nil},
		{"integer of a text column", val(try(c("id"), integer)), 42},
		{"integer of a double column", val(try(c("double"), integer)), 42},
		{"integer of a boolean", val(cast(rel.B(true), integer)), 1},
		{"integer of a date", val(from(date, c("day"), integer)), nil},

		{"number of an integer", val(cast(c("int"), number)), "42"},
		{"number of text", val(try(rel.T(" +12.3456789019 "), number)), "12.345678902"},
		{"number of scientific text", val(try(rel.T("1.5E3"), number)), "1500"},
		{"number of tiny text", val(try(rel.T("1e-40"), number)), "0"},
		{"number of bare fraction", val(try(rel.T(".5"), number)), "0.5"},
		{"number of huge text", val(try(rel.T("1e40"), number)), nil},
		{"number of words", val(try(rel.T("NaN"), number)), nil},
		{"number of grouped digits", val(from(text, rel.T("1_000"), number)), nil},
		{"number of an odd double", val(cast(c("odd"), number)), "42000000001.3"},
		{"number of a tenth", val(cast(c("tenth"), number)), "0.1"},
		{"number of a decimal", val(cast(c("dec"), number)), "10.5"},

		{"boolean of text", val(try(rel.T(" YES "), boolean)), true},
		{"boolean of a number text", val(try(rel.T("0"), boolean)), false},
		{"boolean of words", val(try(rel.T("perhaps"), boolean)), nil},
		{"boolean of an integer", val(from(integer, c("int"), boolean)), true},
		{"boolean of an unknown integer", val(try(rel.C("r", "small"), boolean)), nil},
		{"boolean of a boolean column", val(try(c("yes"), boolean)), true},

		{"date of text", val(try(rel.T("2024-02-29"), date)), "2024-02-29T00:00:00Z"},
		{"date of no day", val(try(rel.T("2023-02-29"), date)), nil},
		{"date of no century leap day", val(try(rel.T("1900-02-29"), date)), nil},
		{"date of century leap day", val(try(rel.T("2000-02-29"), date)), "2000-02-29T00:00:00Z"},
		{"date of no month", val(try(rel.T("2024-13-01"), date)), nil},
		{"date of a timestamp text", val(try(rel.T("2024-04-30T23:59:59Z"), date)), "2024-04-30T00:00:00Z"},
		{"date of short text", val(try(rel.T("2024-1-5"), date)), nil},
		{"date of a timestamp", val(from(timestamp, c("at"), date)), "2024-03-01T00:00:00Z"},
		{"date of an unknown timestamp", val(try(c("at"), date)), "2024-03-01T00:00:00Z"},
		{"date of a naive timestamp", val(from(timestamp, c("naive"), date)), "2024-03-01T00:00:00Z"},

		{"timestamp of text", val(try(rel.T("2024-01-05T10:00:00Z"), timestamp)), "2024-01-05T10:00:00Z"},
		{"timestamp with offset", val(try(rel.T("2024-01-05 10:00:00.25+02:00"), timestamp)), "2024-01-05T08:00:00.25Z"},
		{"timestamp with short offset", val(try(rel.T("2024-01-05 10:00:00-0330"), timestamp)), "2024-01-05T13:30:00Z"},
		{"timestamp with nanoseconds", val(try(rel.T("2024-01-05T10:00:00.123456789Z"), timestamp)), "2024-01-05T10:00:00.123456Z"},
		{"timestamp without zone", val(try(rel.T(" 2024-01-05 10:00 "), timestamp)), "2024-01-05T10:00:00Z"},
		{"timestamp of a date text", val(try(rel.T("2024-01-05"), timestamp)), "2024-01-05T00:00:00Z"},
		{"timestamp of no hour", val(try(rel.T("2024-01-05 24:00"), timestamp)), nil},
		{"timestamp of a leap second", val(try(rel.T("2016-12-31T23:59:60Z"), timestamp)), nil},
		{"timestamp before a leap second", val(try(rel.T("2016-12-31T23:59:59Z"), timestamp)), "2016-12-31T23:59:59Z"},
		{"date of a leap second", val(try(rel.T("2016-12-31T23:59:60Z"), date)), "2016-12-31T00:00:00Z"},
		{"timestamp of no day", val(try(rel.T("2024-02-30 10:00:00"), timestamp)), nil},
		{"timestamp of words", val(try(rel.T("infinity"), timestamp)), nil},
		{"timestamp of a date", val(from(date, c("day"), timestamp)), "2024-02-29T00:00:00Z"},
		{"timestamp of a date column", val(try(c("day"), timestamp)), "2024-02-29T00:00:00Z"},
		{"timestamp of a timestamp column", val(try(c("at"), timestamp)), at},
		{"timestamp of a naive column", val(cast(c("naive"), timestamp)), "2024-03-01T12:30:45.5Z"},
		{"timestamp of a boolean", val(from(boolean, c("yes"), timestamp)), nil},
	}
}

// agg2 is an expression of aggregates over rows.
func agg2(e rel.Expr, typ rel.Type, vs ...rel.Expr) rel.Query {
	return rel.Select{Columns: []rel.Column{rel.As("v", e)}, From: rows(typ, vs...)}
}

func aggregates() []Case {
	const text, integer, number, boolean = models.Text, models.Integer, models.Number, models.Boolean
	sum := rel.Agg{Fn: rel.Sum, Arg: x}
	double := rel.Agg{Fn: rel.Sum, Arg: rel.RawExpr{SQL: `CAST(x AS <double>)`}}
	none := func(a rel.Agg) rel.Query {
		q := agg(a, integer, rel.I(1)).(rel.Select)
		q.Where = rel.B(false)
		return q
	}
	at := func(n int64) []rel.Order { return []rel.Order{{Expr: rel.C("t", "n"), Desc: n > 0}} }
	return []Case{
		{"count_rows", agg(rel.Agg{Fn: rel.CountRows}, text, null, rel.T("a")), 2},
		{"count", agg(rel.Agg{Fn: rel.Count, Arg: x}, text, null, rel.T("a")), 1},
		{"count distinct", agg(rel.Agg{Fn: rel.Count, Arg: x, Distinct: true}, text, rel.T("a"), rel.T("a"), rel.T("A"), null), 2},
		{"count of none", none(rel.Agg{Fn: rel.CountRows}), 0},
		{"sum", agg(sum, integer, rel.I(1), rel.I(2), rel.Null(integer)), "3"},
		{"sum beyond 64 bits", agg(sum, integer, rel.I(9223372036854775807), rel.I(1)), "9223372036854775808"},
		{"sum of money is exact", agg2(rel.F(rel.Ge, sum, rel.I(500)), number, rel.N("499.99"), rel.N("0.01")), true},
		{"sum of doubles is exact", agg(double, number, rel.N("0.1"), rel.N("0.2"), rel.N("0.3")), "0.6"},
		{"sum of doubles keeps large ones", agg(double, number, rel.N("42000000001.3"), rel.N("0.1")), "42000000001.4"},
		{"sum of cases", agg(rel.Agg{Fn: rel.Sum, Arg: rel.Case{Whens: []rel.When{{If: rel.F(rel.Gt, x, rel.I(1)), Then: rel.I(1)}}, Else: rel.I(0)}}, integer, rel.I(1), rel.I(2), rel.I(3)), "2"},
		{"sum distinct", agg(rel.Agg{Fn: rel.Sum, Arg: x, Distinct: true}, integer, rel.I(2), rel.I(2), rel.I(3)), "5"},
		{"sum of none", none(sum), nil},
		{"avg", agg(rel.Agg{Fn: rel.Avg, Arg: x}, integer, rel.I(1), rel.I(2)), "1.5"},
		{"avg of thirds", agg(rel.Agg{Fn: rel.Avg, Arg: x}, number, rel.N("1"), rel.N("0"), rel.N("0")), "0.333333333"},
		{"min of text by bytes", agg(rel.Agg{Fn: rel.Min, Arg: rel.Cast{Expr: x, Type: text, From: text}}, text, rel.T("a"), rel.T("Z"), rel.T("é")), "Z"},
		{"max of text by bytes", agg(rel.Agg{Fn: rel.Max, Arg: x}, text, rel.T("z"), rel.T("Z"), rel.T("é")), "é"},
		{"max of booleans", agg(rel.Agg{Fn: rel.Max, Arg: rel.F(rel.Eq, x, rel.T("a"))}, text, rel.T("a"), rel.T("b")), true},
		{"min of booleans", agg(rel.Agg{Fn: rel.Min, Arg: rel.F(rel.Eq, x, rel.T("a"))}, text, rel.T("a"), rel.T("b")), false},
		{"max of numbers", agg(rel.Agg{Fn: rel.Max, Arg: x}, number, rel.N("9.5"), rel.N("10.25")), "10.25"},
		{"bitxor", agg(rel.Agg{Fn: rel.BitXor, Arg: x}, integer, rel.I(-1), rel.I(5), rel.Null(integer)), ^int64(5)},
		{"bitor", agg(rel.Agg{Fn: rel.BitOr, Arg: x}, integer, rel.I(1), rel.I(4)), 5},
		{"first", agg(rel.Agg{Fn: rel.First, Arg: x, OrderBy: at(0)}, text, null, rel.T("b"), rel.T("a")), "b"},
		{"first from the end", agg(rel.Agg{Fn: rel.First, Arg: x, OrderBy: at(1)}, text, rel.T("b"), rel.T("a"), null), "a"},
		{"first of rows", agg(rel.Agg{Fn: rel.First, Arg: x, OrderBy: at(1), Where: rel.F(rel.Distinct, x, rel.T("a"))}, text, null, rel.T("b"), rel.T("a")), "b"},
		{"first of rows, absent", agg(rel.Agg{Fn: rel.First, Arg: x, OrderBy: at(0), Where: rel.F(rel.Distinct, x, rel.T("a"))}, text, rel.T("a"), null, rel.T("b")), nil},
		{"first of no rows", agg(rel.Agg{Fn: rel.First, Arg: x, OrderBy: at(0), Where: rel.F(rel.Eq, x, rel.T("c"))}, text, rel.T("a"), null), nil},
		{"first of nulls", agg(rel.Agg{Fn: rel.First, Arg: x, OrderBy: at(0)}, boolean, nullB), nil},
	}
}

func queries() []Case {
	const text, integer, number = models.Text, models.Integer, models.Number
	words := rows(text, rel.T("b"), null, rel.T("B"), rel.T("é"))
	byText := rel.Order{Expr: rel.Cast{Expr: x, Type: text, From: text}}
	ranked := func(e rel.Expr) rel.Relation {
		return rel.Sub{Alias: "t", Query: rel.Select{Columns: []rel.Column{rel.As("x", x), rel.As("n", e)}, From: rows(integer, rel.I(5), rel.I(7), rel.I(5))}}
	}
	one := func(r rel.Relation, n int64) rel.Query {
		return rel.Select{Distinct: true, Columns: []rel.Column{rel.As("v", x)}, From: r, Where: rel.F(rel.Eq, rel.C("t", "n"), rel.I(n))}
	}
	single := func(v int64) rel.Query { return rel.Select{Columns: []rel.Column{rel.As("x", rel.I(v))}} }
	count := func(q rel.Query) rel.Query {
		return rel.Select{Columns: []rel.Column{rel.As("v", rel.Agg{Fn: rel.CountRows})}, From: rel.Sub{Query: q, Alias: "t"}}
	}
	join := func(k rel.JoinKind) rel.Query {
		j := rel.Join{Kind: k, Rel: rel.Sub{Query: rel.Union{All: true, Queries: []rel.Query{single(2), single(3)}}, Alias: "b"}}
		if k != rel.Cross {
			j.On = rel.F(rel.Eq, rel.C("a", "x"), rel.C("b", "x"))
		}
		return rel.Select{Columns: []rel.Column{rel.As("v", rel.Agg{Fn: rel.CountRows})},
			From: rel.Sub{Query: rel.Union{Queries: []rel.Query{single(1), single(2), single(2)}}, Alias: "a"}, Joins: []rel.Join{j}}
	}
	return []Case{
		{"order by bytes", nth(words, 0, byText), "B"},
		{"order descending", nth(words, 0, rel.Order{Expr: byText.Expr, Desc: true}), "é"},
		{"absent last ascending", nth(words, 3, byText), nil},
		{"absent last descending", nth(words, 3, rel.Order{Expr: byText.Expr, Desc: true}), nil},
		{"row_number", one(ranked(rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: x, Desc: true}, {Expr: rel.C("t", "n")}}}), 1), 7},
		{"count over a partition", one(ranked(rel.Over{Agg: &rel.Agg{Fn: rel.CountRows}, PartitionBy: []rel.Expr{x}}), 2), 5},
		{"sum over a partition", one(ranked(rel.Over{Agg: &rel.Agg{Fn: rel.Sum, Arg: rel.Cast{Expr: x, Type: integer}}, PartitionBy: []rel.Expr{x}}), 10), 5},
		{"inner join", join(rel.Inner), 1},
		{"left join", join(rel.Left), 2},
		{"full join", join(rel.Full), 3},
		{"cross join", join(rel.Cross), 4},
		{"union", count(rel.Union{Queries: []rel.Query{single(1), single(1), single(2)}}), 2},
		{"union all", count(rel.Union{All: true, Queries: []rel.Query{single(1), single(1), single(2)}}), 3},
		{"union of limited queries", count(rel.Union{All: true, Queries: []rel.Query{
			rel.Select{Columns: []rel.Column{rel.As("x", x)}, From: words, Limit: 1}, rel.RawQuery{SQL: "SELECT 'raw' -- text;\n;"}}}), 2},
		{"with", rel.Select{With: []rel.CTE{{Name: "one", Query: single(1)}, {Name: "raw", Query: rel.RawQuery{SQL: "SELECT 2 AS y -- two"}}},
			Columns: []rel.Column{rel.As("v", rel.F(rel.Add, rel.C("one", "x"), rel.C("raw", "y")))}, From: rel.Table{Name: rel.Name{"one"}},
			Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Table{Name: rel.Name{"raw"}}}}}, 3},
		{"group and having", rel.Select{Columns: []rel.Column{rel.As("v", x)}, From: rows(integer, rel.I(5), rel.I(7), rel.I(5)), GroupBy: []rel.Expr{x},
			Having: rel.F(rel.Gt, rel.Agg{Fn: rel.CountRows}, rel.I(1))}, 5},
		{"values keep types", agg2(rel.Agg{Fn: rel.Max, Arg: rel.F(rel.Add, x, rel.I(9000000000))}, integer, rel.I(1), rel.Null(integer)), 9000000001},
		{"empty values", count(rel.Select{Columns: []rel.Column{rel.As("x", x)}, From: rows(number, rel.Null(number)), Where: rel.F(rel.NotNull, x)}), 0},
	}
}
