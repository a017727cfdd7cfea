package dialecttest

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// lists are the functions of lists, over native ones too.
func lists() []Case {
	text := func(e rel.Expr) rel.Query { return val(rel.Cast{Expr: e, Type: models.Text, From: models.List}) }
	raw := func(sql string) rel.Expr { return rel.F(rel.TextList, rel.RawExpr{SQL: sql}) }
	has := func(fn rel.Fn, items ...string) rel.Query {
		args := []rel.Expr{rel.L("a", "B", "", "it's")}
		for _, i := range items {
			args = append(args, rel.T(i))
		}
		return val(rel.F(fn, args...))
	}
	none := rel.Null(models.List)
	collect := func(typ rel.Type, vs ...rel.Expr) rel.Query {
		return agg2(rel.Cast{Expr: rel.Agg{Fn: rel.Collect, Arg: rel.Cast{Expr: x, Type: models.Text, From: typ}}, Type: models.Text}, typ, vs...)
	}
	first := func(desc bool) rel.Query {
		v := rel.Case{Whens: []rel.When{{If: rel.F(rel.Eq, x, rel.T("a")), Then: rel.L("a", "b,\"")}, {If: rel.F(rel.Eq, x, rel.T("b")), Then: rel.L("c")}}}
		return agg2(rel.Cast{Expr: rel.Agg{Fn: rel.First, Arg: rel.Cast{Expr: v, Type: models.List, From: models.List}, OrderBy: []rel.Order{{Expr: rel.C("t", "n"), Desc: desc}}},
			Type: models.Text}, models.Text, null, rel.T("b"), rel.T("a"))
	}
	return []Case{
		{"list as text", text(rel.L("a", "b c", `q"\`, "é", "")), `["a","b c","q\"\\","é",""]`},
		{"list as text, empty", text(rel.L()), `[]`},
		{"list as text, absent", text(none), nil},
		{"list literal in quotes", text(rel.L("it's", "a,b", "{x}", "NULL", "line\nend")), `["it's","a,b","{x}","NULL","line\nend"]`},
		{"list of integers", text(raw("ARRAY[3, NULL, 1]")), `["3","1"]`},
		{"list of doubles", text(raw("ARRAY[CAST(42.0 AS <double>), 0.1]")), `["42","0.1"]`},
		{"list of booleans", text(raw("ARRAY[TRUE, FALSE]")), `["true","false"]`},
		{"list of dates", text(raw("ARRAY[DATE '2024-02-29']")), `["2024-02-29"]`},
		{"list of times", text(raw("ARRAY[<instant> '2024-03-01 12:30:45+00']")), `["2024-03-01T12:30:45.000000Z"]`},
		{"list of texts keeps doubles and order", text(raw("ARRAY['b', 'a', 'b']")), `["b","a","b"]`},
		{"list that is absent", text(rel.F(rel.TextList, none)), nil},
		{"list of nothing", text(rel.F(rel.TextList, rel.L())), `[]`},
		{"lists are equal", val(rel.F(rel.Eq, rel.L("a", "b"), rel.L("a", "b"))), true},
		{"list any", has(rel.ListAny, "x", "B"), true},
		{"list any is exact", has(rel.ListAny, "b", "A"), false},
		{"list any, empty text", has(rel.ListAny, ""), true},
		{"list any, quote", has(rel.ListAny, "it's"), true},
		{"list any of an empty list", val(rel.F(rel.ListAny, rel.L(), rel.T("a"))), false},
		{"list any of an absent list", val(rel.F(rel.IsTrue, rel.F(rel.ListAny, none, rel.T("a")))), false},
		{"list all", has(rel.ListAll, "B", "a"), true},
		{"list all, one missing", has(rel.ListAll, "B", "c"), false},
		{"list all of an absent list", val(rel.F(rel.IsTrue, rel.F(rel.ListAll, none, rel.T("a")))), false},
		{"collect by bytes, once each", collect(models.Text, rel.T("b"), rel.T("é"), null, rel.T("B"), rel.T("b"), rel.T("")), `["","B","b","é"]`},
		{"collect of integers", collect(models.Integer, rel.I(10), rel.I(9), rel.I(10)), `["10","9"]`},
		{"collect of nulls", collect(models.Text, null, null), nil},
		{"first of lists", first(false), `["c"]`},
		{"last of lists of another size", first(true), `["a","b,\""]`},
	}
}

// places are distances of known points, held against the vector formula: the arc tangent of the
// length of the cross product over the dot product.
func places() []Case {
	distance := func(a, b, c, d string) rel.Query {
		return val(rel.F(rel.GreatCircle, rel.N(a), rel.N(b), rel.N(c), rel.N(d)))
	}
	return []Case{
		{"Paris to London", distance("48.8566", "2.3522", "51.5074", "-0.1278"), "343556.535"},
		{"distance of no place", val(rel.F(rel.GreatCircle, c("no_number"), rel.N("0"), rel.N("0"), rel.N("0"))), nil},
		{"Paris to Marseille", distance("48.8566", "2.3522", "43.2965", "5.3698"), "660479.292"},
		{"New York to Los Angeles", distance("40.7128", "-74.0060", "34.0522", "-118.2437"), "3935751.691"},
		{"Sydney to Auckland", distance("-33.8688", "151.2093", "-36.8485", "174.7633"), "2155901.304"},
		{"Suva to Apia, over the antimeridian", distance("-18.1416", "178.4419", "-13.8333", "-171.7667"), "1150703.566"},
		{"over the pole", distance("89.9", "0", "89.9", "180"), "22239.016"},
		{"from pole to pole", distance("90", "0", "-90", "120"), "20015114.442"},
		{"the same place", distance("48.8566", "2.3522", "48.8566", "2.3522"), "0"},
		{"a metre", distance("0", "0", "0", "0.00001"), "1.112"},
		{"distance of integers and doubles", val(rel.F(rel.GreatCircle, rel.I(0), c("tenth"), c("double"), rel.I(0))), "4670204.147"},
	}
}
