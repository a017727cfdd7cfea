package app

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weir-data/weir/models"
)

// conditionWords writes a condition in one line, in the words of the YAML.
func conditionWords(kind string, w *models.Condition) string {
	switch kind {
	case "all":
		return "all of"
	case "any":
		return "any of"
	case "not":
		return "not"
	case "trait":
		return w.Trait + " " + testWords(testOfCondition(w))
	case "segment":
		return "in segment " + w.Segment
	case "did":
		return didWords(w)
	case "never":
		return "never " + w.Never + rowWords(w)
	case "every":
		return "every row of " + w.Every + rowWords(w)
	case "sequence":
		return sequenceWords(w)
	case "top":
		return "top " + w.Top.String() + rankWords(w)
	case "bottom":
		return "bottom " + w.Bottom.String() + rankWords(w)
	case "near":
		return fmt.Sprintf("within %s of %s, %s", distanceWords(float64(w.Near.Within)), w.Near.Latitude.Text, w.Near.Longitude.Text)
	case "sql":
		return "sql: " + strings.Join(strings.Fields(w.SQL), " ")
	}
	return "everybody"
}

func testOfCondition(w *models.Condition) models.Test {
	if w.Is != nil {
		return *w.Is
	}
	return models.Test{Operators: w.Operators}
}

func didWords(w *models.Condition) string {
	out := "did " + w.Did
	kind, column := aggregateWords(w.Aggregate)
	if kind != "" {
		out = kind + " of " + w.Did
		if column != "" {
			out = kind + " " + column + " of " + w.Did
		}
	}
	out += rowWords(w)
	switch {
	case kind != "":
		test := testOfCondition(w)
		test.Within, test.Between = nil, nil // of the rows
		out += " " + testWords(test)
	case w.Times != nil:
		out += ", " + countWords(w.Times) + " times"
	}
	if w.Days != nil {
		out += ", on " + countWords(w.Days) + " days"
	}
	return out
}

// aggregateWords names an aggregate and its column.
func aggregateWords(a models.Aggregate) (kind, column string) {
	for _, x := range []struct{ kind, column string }{
		{"distinct", a.CountDistinct}, {"sum", a.Sum}, {"min", a.Min}, {"max", a.Max}, {"avg", a.Avg},
		{"most frequent", a.MostFrequent}, {"first", a.First}, {"last", a.Last}, {"list of", a.Collect},
	} {
		if x.column != "" {
			return x.kind, x.column
		}
	}
	if a.Count {
		return "count", ""
	}
	return "", ""
}

// rowWords says which rows count.
func rowWords(w *models.Condition) string {
	out := whereWords(w.Where)
	if w.Within != nil {
		out += " within " + windowWords(w.Within)
	}
	if w.Between != nil {
		out += " between " + valueWords(w.Between, " and ")
	}
	return out
}

func whereWords(where []models.ColumnTest) string {
	var each []string
	for _, t := range where {
		each = append(each, t.Column+" "+testWords(t.Test))
	}
	if len(each) == 0 {
		return ""
	}
	return " where " + strings.Join(each, " and ")
}

func sequenceWords(w *models.Condition) string {
	var each []string
	for i, s := range w.Sequence {
		step := "did " + s.Did
		if s.Never != "" {
			step = "never " + s.Never
		}
		step += whereWords(s.Where)
		if s.Within != nil {
			step += " within " + s.Within.String()
		}
		if i > 0 {
			step = "then " + step
		}
		each = append(each, step)
	}
	out := strings.Join(each, ", ") + rowWords(w)
	if len(w.Same) > 0 {
		out += ", the same " + strings.Join(w.Same, ", ")
	}
	return out
}

func rankWords(w *models.Condition) string {
	out := " by " + w.By
	if w.Of != "" {
		out += " of segment " + w.Of
	}
	return out
}

func windowWords(w *models.Window) string {
	switch {
	case w.CalendarDays != 0:
		return strconv.Itoa(w.CalendarDays) + " calendar days"
	case w.CalendarMonths != 0:
		return strconv.Itoa(w.CalendarMonths) + " calendar months"
	}
	return strings.ReplaceAll(w.Span.String(), "_", " ")
}

func countWords(t *models.CountTest) string {
	var each []string
	for _, x := range []struct {
		word  string
		value *int
	}{{"", t.Is}, {"at least ", t.AtLeast}, {"at most ", t.AtMost}, {"more than ", t.MoreThan}, {"less than ", t.LessThan}} {
		if x.value != nil {
			each = append(each, x.word+strconv.Itoa(*x.value))
		}
	}
	return strings.Join(each, " and ")
}

// testWords writes a test of a value.
func testWords(t models.Test) string {
	one := []struct {
		word  string
		value *models.Value
	}{
		{"is", t.Is}, {"is not", t.IsNot}, {"at least", t.AtLeast}, {"at most", t.AtMost}, {"more than", t.MoreThan}, {"less than", t.LessThan},
		{"contains", t.Contains}, {"does not contain", t.NotContains}, {"starts with", t.StartsWith}, {"ends with", t.EndsWith},
	}
	for _, x := range one {
		if x.value != nil {
			return x.word + " " + valueWords([]models.Value{*x.value}, "")
		}
	}
	many := []struct {
		word   string
		values []models.Value
	}{{"in", t.In}, {"not in", t.NotIn}, {"contains any of", t.ContainsAny}, {"contains all of", t.ContainsAll}}
	for _, x := range many {
		if x.values != nil {
			return x.word + " " + valueWords(x.values, ", ")
		}
	}
	switch {
	case t.Between != nil:
		return "between " + valueWords(t.Between, " and ")
	case t.InRegion != nil:
		return "in region " + strings.Join(t.InRegion, ", ")
	case t.Within != nil:
		return "within " + windowWords(t.Within)
	case t.WithinNext != 0:
		return "within the next " + t.WithinNext.String()
	case t.Anniversary != nil:
		return "has its anniversary in " + t.Anniversary.String()
	case t.Exists != nil && *t.Exists:
		return "exists"
	case t.Exists != nil:
		return "does not exist"
	}
	return ""
}

// valueWords writes values; text that would not be seen to be one stands in quotes.
func valueWords(vs []models.Value, between string) string {
	var out []string
	for _, v := range vs {
		text := v.Text
		switch {
		case v.Type == models.Boolean && text == "true":
			text = "yes"
		case v.Type == models.Boolean:
			text = "no"
		case v.Type == models.Text && (text == "" || strings.TrimSpace(text) != text || strings.ContainsAny(text, " ,")):
			text = strconv.Quote(text)
		}
		out = append(out, text)
	}
	return strings.Join(out, between)
}

// distanceWords writes metres for people.
func distanceWords(metres float64) string {
	if metres < 1000 {
		return strconv.FormatFloat(metres, 'f', 0, 64) + " m"
	}
	return strings.TrimSuffix(strconv.FormatFloat(metres/1000, 'f', 1, 64), ".0") + " km"
}
