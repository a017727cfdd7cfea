package dialecttest

import (
	"math"
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// doubles are the functions of floating-point numbers, the parts of a window, and local dates.
func doubles() []Case {
	lit := func(f float64) rel.Expr { return rel.Lit{Type: rel.Double, Value: f} }
	float := func(e rel.Expr) rel.Expr { return rel.F(rel.Float, e) }
	number := func(e rel.Expr) rel.Query {
		return val(rel.Cast{Expr: e, Type: models.Number, Try: true, From: rel.Double})
	}
	nan := rel.RawExpr{SQL: "CAST('NaN' AS <double>)"}
	third := rel.F(rel.Add, lit(0.1), lit(0.2))
	tile := func(n, place int) rel.Query {
		parts := rel.Select{From: rows(models.Integer, rel.I(5), rel.I(4), rel.I(3), rel.I(2), rel.I(1)),
			Columns: []rel.Column{rel.As("x", rel.Over{Rank: rel.Ntile, Parts: n, OrderBy: []rel.Order{{Expr: x}}}), rel.As("by", x)}}
		return nth(rel.Sub{Query: parts, Alias: "t"}, int64(place), rel.Order{Expr: rel.C("t", "by")})
	}
	night := time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC)
	return []Case{
		{"double literal", number(lit(-1.5)), "-1.5"},
		{"double literal of all digits", val(rel.F(rel.Eq, third, lit(0.30000000000000004))), true},
		{"double literal beside its neighbour", val(rel.F(rel.Eq, third, lit(0.3))), false},
		{"double literal large", val(rel.F(rel.Gt, lit(math.MaxFloat64), lit(1e308))), true},
		{"double literal small", val(rel.F(rel.Gt, lit(math.SmallestNonzeroFloat64), lit(0))), true},
		{"double subtracts a negative", number(rel.F(rel.Subtract, lit(1), lit(-2))), "3"},
		{"float of integer", number(float(c("int"))), "42"},
		{"float of number", number(float(c("num"))), "499.99"},
		{"float of double", val(rel.F(rel.Eq, float(c("tenth")), lit(0.1))), true},
		{"float of NULL", number(float(c("no_number"))), nil},
		{"float of what is no number", number(float(nan)), nil},
		{"exp", number(rel.F(rel.Exp, lit(1))), "2.718281828"},
		{"exp of 0", number(rel.F(rel.Exp, lit(0))), "1"},
		{"exp far below", number(rel.F(rel.Exp, lit(-1e9))), "0"},
		{"exp far above", val(rel.F(rel.Gt, rel.F(rel.Exp, lit(1e9)), lit(1e300))), true},
		{"exp of NULL", number(rel.F(rel.Exp, float(c("no_number")))), nil},
		{"double too large for a number", number(lit(1e300)), nil},
		{"ntile first", tile(3, 0), 1}, {"ntile larger first", tile(3, 1), 1}, {"ntile second", tile(3, 3), 2}, {"ntile last", tile(3, 4), 3},
		{"ntile of more parts than rows", tile(9, 4), 5},
		{"local date", val(rel.F(rel.LocalDate, rel.At(night), rel.T("Europe/Paris"))), "2026-03-29T00:00:00Z"},
		{"local date in UTC", val(rel.F(rel.LocalDate, rel.At(night), rel.T("UTC"))), "2026-03-28T00:00:00Z"},
		{"local date of NULL", val(rel.F(rel.LocalDate, rel.Null(models.Timestamp), rel.T("UTC"))), nil},
	}
}
