package compile

import (
	"fmt"
	"math"
	"strings"

	"github.com/weir-data/weir/models"
)

// hitTitle is a condition on the number of rows in a few words, for comments:
// "rows of events, name is cart_added, within 30d, 2 or more".
func hitTitle(source string, w *models.Condition, lo, hi int) string {
	parts := []string{"rows of " + source}
	for _, c := range w.Where {
		parts = append(parts, c.Column+" "+testTitle(c.Test))
	}
	if w.Within != nil {
		parts = append(parts, "within "+windowTitle(w.Within))
	}
	if len(w.Between) > 0 {
		parts = append(parts, "between "+valuesTitle(w.Between))
	}
	switch {
	case hi == math.MaxInt && lo > 1:
		parts = append(parts, fmt.Sprintf("%d or more", lo))
	case hi == lo:
		parts = append(parts, fmt.Sprintf("exactly %d", lo))
	case hi != math.MaxInt:
		parts = append(parts, fmt.Sprintf("%d to %d", lo, hi))
	}
	return strings.Join(parts, ", ")
}

func testTitle(t models.Test) string {
	for _, x := range []struct {
		name  string
		value *models.Value
	}{
		{"is", t.Is}, {"is_not", t.IsNot}, {"at_least", t.AtLeast}, {"at_most", t.AtMost}, {"more_than", t.MoreThan},
		{"less_than", t.LessThan}, {"contains", t.Contains}, {"not_contains", t.NotContains}, {"starts_with", t.StartsWith}, {"ends_with", t.EndsWith},
	} {
		if x.value != nil {
			return x.name + " " + valuesTitle([]models.Value{*x.value})
		}
	}
	for _, x := range []struct {
		name   string
		values []models.Value
	}{{"in", t.In}, {"not_in", t.NotIn}, {"between", t.Between}, {"contains_any", t.ContainsAny}, {"contains_all", t.ContainsAll}} {
		if len(x.values) > 0 {
			return x.name + " " + valuesTitle(x.values)
		}
	}
	switch {
	case t.Within != nil:
		return "within " + windowTitle(t.Within)
	case t.WithinNext != 0:
		return "within_next " + t.WithinNext.String()
	case t.Anniversary != nil:
		return "anniversary_in " + t.Anniversary.String()
	case t.InRegion != nil:
		return "in_region " + strings.Join(t.InRegion, ", ")
	case t.Exists != nil && !*t.Exists:
		return "is absent"
	}
	return "exists"
}

// valuesTitle lists values, each on one line and not too long.
func valuesTitle(vs []models.Value) string {
	const most = 40
	var out []string
	for i, v := range vs {
		if i == 5 {
			out = append(out, fmt.Sprintf("and %d more", len(vs)-i))
			break
		}
		text := strings.Join(strings.Fields(v.Text), " ")
		if r := []rune(text); len(r) > most {
			text = string(r[:most]) + "…"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func windowTitle(w *models.Window) string {
	switch {
	case w.CalendarDays != 0:
		return fmt.Sprintf("%d calendar days", w.CalendarDays)
	case w.CalendarMonths != 0:
		return fmt.Sprintf("%d calendar months", w.CalendarMonths)
	case w.Span.Named != "":
		return w.Span.Named
	}
	return w.Span.Last.String()
}
