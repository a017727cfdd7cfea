package dialect

import (
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// bqCall renders what needs more than the texts of its arguments.
func bqCall(w *writer, c rel.Call, level int) (text string, prec int, ok bool) {
	switch c.Fn {
	case rel.Mod:
		return "MOD(" + w.expr(c.Args[0], level) + ", " + w.divisor(c.Args[1], level) + ")", precAtom, true
	case rel.Greatest, rel.Least:
		return w.extreme(c, level), precAtom, true
	case rel.TextList:
		if typeOf(c.Args[0]) == models.List { // it is one already
			return w.arg(c.Args[0], level), precAtom, true
		}
	case rel.Eq, rel.Ne, rel.Lt, rel.Le, rel.Gt, rel.Ge, rel.Distinct, rel.Same:
		// A DATETIME or DATE does not meet a TIMESTAMP. The cast of what is one does nothing.
		a, b := typeOf(c.Args[0]), typeOf(c.Args[1])
		instant := func(e rel.Expr) rel.Expr { return rel.Cast{Expr: e, Type: models.Timestamp} }
		switch {
		case a == models.Unknown && b == models.Timestamp:
			text, prec = w.operator(rel.F(c.Fn, instant(c.Args[0]), c.Args[1]), operators[c.Fn], level)
			return text, prec, true
		case a == models.Timestamp && b == models.Unknown:
			text, prec = w.operator(rel.F(c.Fn, c.Args[0], instant(c.Args[1])), operators[c.Fn], level)
			return text, prec, true
		}
	}
	return "", 0, false
}

// extreme is GREATEST or LEAST of the values that are there, where the function gives NULL if one is
// NULL. What is absent is taken for one of the others, which changes nothing.
func (w *writer) extreme(c rel.Call, level int) string {
	args := make([]string, len(c.Args))
	for i := range c.Args {
		args[i] = w.expr(c.Args[i], level)
	}
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = a
		if !neverNull(c.Args[i]) && len(args) > 1 {
			parts[i] = "COALESCE(" + strings.Join(append(append([]string{a}, args[i+1:]...), args[:i]...), ", ") + ")"
		}
	}
	return functions[c.Fn] + "(" + strings.Join(parts, ", ") + ")"
}

// bqTryText reads a text as another type. What has not the shape gives NULL, which stays so.
func bqTryText(x string, to rel.Type) string {
	switch to {
	case models.Integer:
		return "SAFE_CAST(" + bqPick(x, integerShape) + " AS INT64)"
	case models.Number:
		return "SAFE_CAST(" + bqPick(x, numberShape) + " AS " + bqNumber + ")"
	case models.Date:
		return "SAFE_CAST(" + bqPick(x, "(?s)"+dayOf(realDateShape)) + " AS DATE)"
	}
	return bqReadInstant(x)
}

// bqPick is the group of a shape in a text, or NULL.
func bqPick(x, shape string) string { return "REGEXP_EXTRACT(" + x + ", r'" + shape + "')" }

// bqReadInstant reads a timestamp. The warehouse wants seconds, a zone with minutes after a colon and
// no blank before it, and would take its own zone where there is none.
func bqReadInstant(x string) string {
	text := "CONCAT(" + bqPick(x, "(?s)"+instantOf(realDateShape)) + ", ';')" // which marks the end
	for _, step := range [][2]string{
		{`^(.{10});`, `\1 00:00:00;`},
		{`^(.{10}[T ].{5})((?: ?(?:Z|[+-].*))?);`, `\1:00\2;`},
		{`^(.{19}(?:[.][0-9]+)?)(?: ?Z)?;`, `\1+00:00;`},
		{` ?([+-][0-9]{2});`, `\1:00;`},
		{` ?([+-][0-9]{2}):?([0-9]{2});`, `\1:\2;`},
		{`([.][0-9]{6})[0-9]+([+-].{5});`, `\1\2;`}, // microseconds at most
	} {
		text = "REGEXP_REPLACE(" + text + ", r'" + step[0] + "', r'" + step[1] + "')"
	}
	return "SAFE_CAST(RTRIM(" + text + ", ';') AS TIMESTAMP)"
}

// bqAnyText writes a value whose type is not known. The format %T writes a value as a literal, which
// shows its type: texts are in quotes.
func bqAnyText(x string) string {
	text, literal := "CAST("+x+" AS STRING)", "FORMAT('%T', "+x+")"
	return "CASE WHEN REGEXP_CONTAINS(" + literal + ", r'^(?:TIMESTAMP|DATETIME) ')" +
		" THEN " + bqUTCText("SAFE_CAST("+text+" AS TIMESTAMP)") +
		" WHEN REGEXP_CONTAINS(" + literal + ", r'^(?:NUMERIC|BIGNUMERIC|CAST|-?[0-9]*[.e])')" +
		" THEN CAST(SAFE_CAST(" + text + " AS " + bqNumber + ") AS STRING)" +
		" ELSE " + text + " END"
}

func bqUTCText(timestamp string) string {
	return "CONCAT(FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6S', " + timestamp + ", 'UTC'), 'Z')"
}

// bqJSON is a value as JSON. The JSON of no text or array is a bare null.
func bqJSON(x string) string { return "NULLIF(TO_JSON_STRING(" + x + "), 'null')" }

// bqHashRow puts the values together as JSON, where quotes and commas keep them apart, and NULL and
// the empty text too.
func bqHashRow(a []string) string {
	parts := make([]string, len(a))
	for i, x := range a {
		parts[i] = "TO_JSON_STRING(" + x + ")"
	}
	if len(parts) == 1 {
		return "FARM_FINGERPRINT(" + parts[0] + ")"
	}
	return "FARM_FINGERPRINT(CONCAT(" + strings.Join(parts, ", ',', ") + "))"
}

func bqHas(a []string, word string) string {
	each := make([]string, len(a)-1)
	for i, item := range a[1:] {
		each[i] = item + " IN UNNEST(JSON_VALUE_ARRAY(" + a[0] + "))"
	}
	return "(" + strings.Join(each, word) + ")"
}

// bqInstant reads a wall clock. Of a time that happens twice the warehouse takes the earlier instant
// and for one that never happens the instant of the change; what is meant is the later, and the time
// by the clock before the change: the offsets of a day before and a day after tell them.
func bqInstant(x, zone string) string {
	wall := "CAST(" + x + " AS DATETIME)"
	utc := "TIMESTAMP(" + wall + ", 'UTC')"
	if zone == "'UTC'" {
		return utc
	}
	near := "TIMESTAMP(" + wall + ", " + zone + ")"
	by := func(day string) string { // the wall clock by the offset of another day
		at := "TIMESTAMP_ADD(" + near + ", INTERVAL " + day + " DAY)"
		return "TIMESTAMP_SUB(" + utc + ", INTERVAL TIMESTAMP_DIFF(TIMESTAMP(DATETIME(" + at + ", " + zone + "), 'UTC'), " + at + ", SECOND) SECOND)"
	}
	return "CASE WHEN DATETIME(" + near + ", " + zone + ") <> " + wall + " THEN " + by("-1") +
		" WHEN DATETIME(" + by("1") + ", " + zone + ") = " + wall + " THEN " + by("1") + " ELSE " + near + " END"
}

// bqGreatCircle is the haversine formula. There is no function for radians.
func bqGreatCircle(a []string) string {
	rad := make([]string, len(a))
	for i := range a {
		rad[i] = "CAST(" + a[i] + " AS FLOAT64) * 0.017453292519943295"
	}
	square := func(from, to string) string { return "POW(SIN((" + to + " - " + from + ") / 2), 2)" }
	h := square(rad[0], rad[2]) + " + COS(" + rad[0] + ") * COS(" + rad[2] + ") * " + square(rad[1], rad[3])
	metres := strconv.FormatFloat(2*rel.EarthRadius, 'f', -1, 64) + " * ASIN(LEAST(1, SQRT(" + h + ")))"
	return "CAST(CAST(ROUND(" + metres + ", 3) AS STRING) AS " + bqNumber + ")" // not with all the digits of the double
}
