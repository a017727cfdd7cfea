package dialect

import (
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/rel"
)

// listLiteral renders a list of texts.
func (w *writer) listLiteral(v any) (string, error) {
	items, ok := v.([]string)
	if !ok {
		return "", errKind
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if err := checkText(item); err != nil {
			return "", err
		}
		texts[i] = w.s.text(item)
	}
	return w.s.list(strings.Join(texts, ", ")), nil
}

// haversine is the distance in metres of two points in double precision, as round writes it. What
// rounding puts above half the circle is the antipode. LEAST would take no notice of NULL.
func haversine(a []string, round func(metres string) string) string {
	degrees := make([]string, len(a))
	for i := range a {
		degrees[i] = "CAST(" + a[i] + " AS DOUBLE PRECISION)"
	}
	square := func(from, to string) string { return "power(sin(radians(" + to + " - " + from + ") / 2), 2)" }
	h := square(degrees[0], degrees[2]) + " + cos(radians(" + degrees[0] + ")) * cos(radians(" + degrees[2] + ")) * " + square(degrees[1], degrees[3])
	metres := strconv.FormatFloat(2*rel.EarthRadius, 'f', -1, 64) + " * asin(LEAST(1, sqrt(" + h + ")))"
	return "CASE WHEN " + strings.Join(a, " IS NOT NULL AND ") + " IS NOT NULL THEN " + round(metres) + " END"
}
