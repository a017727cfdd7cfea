package dialect

import (
	"math"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Doubles stand apart from the other types, since no column that people read has them.
func init() {
	arity[rel.Float], results[rel.Float] = [2]int{1, 1}, rel.Double
	arity[rel.Exp], results[rel.Exp] = [2]int{1, 1}, rel.Double
	arity[rel.LocalDate], results[rel.LocalDate] = [2]int{2, 2}, models.Date

	duckdb.double = bareDouble
	postgres.double = func(digits string) string { return "'" + digits + "'::float8" }
	for _, s := range []*spelling{&duckdb, &postgres} {
		double := map[string]string{"duckdb": "DOUBLE", "postgres": "float8"}[s.name]
		s.types[rel.Double] = double
		// NaN is equal to itself in a comparison of both.
		s.fn[rel.Float] = func(a []string) string {
			return "NULLIF(CAST(" + a[0] + " AS " + double + "), CAST('NaN' AS " + double + "))"
		}
		s.fn[rel.Exp] = func(a []string) string {
			return "exp(CASE WHEN " + a[0] + " > 700 THEN 700 WHEN " + a[0] + " < -700 THEN -700 ELSE " + a[0] + " END)"
		}
		s.fn[rel.LocalDate] = func(a []string) string {
			return "CAST((" + a[0] + " AT TIME ZONE " + a[1] + ") AS DATE)"
		}
	}
}

// doubleLiteral writes all the digits that tell a double from its neighbours, with an exponent,
// without which they would be a decimal.
func (w *writer) doubleLiteral(v any) (string, error) {
	f, ok := v.(float64)
	if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
		return "", errKind
	}
	return w.s.double(strconv.FormatFloat(f, 'e', -1, 64)), nil
}

// bareDouble is a literal of digits with an exponent.
func bareDouble(digits string) string {
	if strings.HasPrefix(digits, "-") {
		return "(" + digits + ")"
	}
	return digits
}

// numberOfDouble makes a double a Number. What is 0 to nine decimals is 0: with three digits in its
// exponent its text is that of no Number.
func (w *writer) numberOfDouble(x string, try bool) string {
	return "CASE WHEN abs(" + x + ") < 1e-10 THEN CAST(0 AS " + w.typeName(models.Number) + ") ELSE " + w.s.number(x, try) + " END"
}
