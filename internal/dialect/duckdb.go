package dialect

import (
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// DuckDB is the SQL of DuckDB 1.5. Names are case-insensitive there even when quoted, and text
// compares by its bytes. Times are TIMESTAMPTZ; the session's zone is UTC.
func DuckDB() Dialect { return renderer{&duckdb} }

const duckNumber = "DECIMAL(38,9)"

var duckdb = spelling{
	name: "duckdb",
	types: map[rel.Type]string{
		models.Text: "VARCHAR", models.Integer: "BIGINT", models.Number: duckNumber,
		models.Boolean: "BOOLEAN", models.Date: "DATE", models.Timestamp: "TIMESTAMPTZ",
		models.List: "VARCHAR[]",
	},
	text: func(s string) string {
		if plainLiteral(s) {
			return standardText(s)
		}
		return escapedText(s)
	},
	bytewise: func(x string) string { return x },
	tryText: func(x string, to rel.Type) string {
		shape := map[rel.Type]string{
			models.Integer: integerShape, models.Number: numberShape,
			models.Date: dayOf(dateShape), models.Timestamp: instantOf(dateShape),
		}[to]
		// What does not match gives '', which converts to nothing.
		text := "regexp_extract(" + x + ", " + standardText(shape) + ", 1)"
		if to == models.Date || to == models.Timestamp {
			text = "regexp_extract(" + x + ", " + standardText(shape) + ", 1, 's')"
		}
		switch to {
		case models.Number:
			return "TRY_CAST(" + text + " AS " + duckNumber + ")"
		case models.Integer:
			return "TRY_CAST(" + text + " AS BIGINT)"
		case models.Date:
			return "TRY_CAST(" + text + " AS DATE)"
		}
		return "TRY_CAST(" + text + " AS TIMESTAMPTZ)"
	},
	whole: func(n string, try bool) string {
		return duckCast(try) + "(ROUND(" + n + ", 0) AS BIGINT)"
	},
	day: func(x string) string { return "CAST(CAST(" + x + " AS TIMESTAMP) AS DATE)" },
	// A floating-point value becomes a decimal by its shortest text: a direct cast multiplies by
	// 10^9 and shows the noise of large values. Below a million the product is exact enough.
	// typeof is folded while planning, so that the other branches cost nothing.
	number: func(x string, try bool) string {
		cast := duckCast(try)
		return "CASE WHEN typeof(" + x + ") = 'DOUBLE' AND " + x + " BETWEEN -1e6 AND 1e6 THEN " + cast + "(" + x + " AS " + duckNumber + ")" +
			" WHEN typeof(" + x + ") IN ('DOUBLE', 'FLOAT') THEN " + cast + "(CAST(" + x + " AS VARCHAR) AS " + duckNumber + ")" +
			" ELSE " + cast + "(" + x + " AS " + duckNumber + ") END"
	},
	numberText: func(n string) string { return "rtrim(rtrim(CAST(" + n + " AS VARCHAR), '0'), '.')" },
	anyText:    duckAnyText,
	first: func(x, order, where string, _ rel.Type) string {
		if where != "" {
			return "first(" + x + " ORDER BY " + order + ") FILTER (WHERE " + where + ")"
		}
		return "any_value(" + x + " ORDER BY " + order + ")"
	},
	collect: func(x string) string {
		return "list(DISTINCT " + x + " ORDER BY " + x + ") FILTER (WHERE " + x + " IS NOT NULL)"
	},
	list: func(items string) string { return "CAST([" + items + "] AS VARCHAR[])" },
	listText: func(x string) string {
		return "CASE WHEN " + x + " IS NOT NULL THEN CAST(to_json(" + x + ") AS VARCHAR) END"
	},
	looksUp: true,
	boolMin: "MIN", boolMax: "MAX",
	hashesNull: true,
	createView: func(name, query string) string { return "CREATE OR REPLACE VIEW " + name + " AS\n" + query },
	analyze:    func(string) string { return "" },
	fn: map[rel.Fn]func(a []string) string{
		rel.Divide:       func(a []string) string { return "TRY_CAST(" + a[0] + " / " + a[1] + " AS " + duckNumber + ")" },
		rel.Lower:        func(a []string) string { return "lower(" + a[0] + ")" },
		rel.Upper:        func(a []string) string { return "upper(" + a[0] + ")" },
		rel.Trim:         func(a []string) string { return duckTrim(a[0]) },
		rel.Bytes:        func(a []string) string { return "strlen(" + a[0] + ")" },
		rel.RegexTest:    func(a []string) string { return "regexp_matches(" + a[0] + ", " + a[1] + ", 's')" },
		rel.RegexDrop:    func(a []string) string { return "regexp_replace(" + a[0] + ", " + a[1] + ", '', 'gs')" },
		rel.RegexReplace: func(a []string) string { return "regexp_replace(" + a[0] + ", " + a[1] + ", " + a[2] + ", 'gs')" },
		rel.Unaccent: func(a []string) string {
			return "CASE WHEN regexp_matches(" + a[0] + ", '" + otherScripts + "') THEN " + a[0] + " ELSE strip_accents(" + a[0] + ") END"
		},
		rel.HasSuffix: func(a []string) string { return "ends_with(" + a[0] + ", " + a[1] + ")" },
		// hash gives 64 bits without a sign; moving them keeps them all.
		rel.Hash64: func(a []string) string {
			return "CAST(CAST(hash(" + a[0] + ") AS HUGEINT) - 9223372036854775808 AS BIGINT)"
		},
		// The engine mixes the hashes of the values in their order, and has one for NULL: none is
		// written as text, which costs several times as much as the hash.
		rel.HashRow: func(a []string) string {
			return "CAST(CAST(hash(" + strings.Join(a, ", ") + ") AS HUGEINT) - 9223372036854775808 AS BIGINT)"
		},
		rel.SHA256: func(a []string) string { return "sha256(" + a[0] + ")" },
		rel.Bucket: func(a []string) string {
			return "(CAST('0x' || substr(sha256(" + a[0] + "), 1, 13) AS BIGINT) % 10000)"
		},
		rel.AddSecs:  func(a []string) string { return "(" + a[0] + " + to_seconds(" + a[1] + "))" },
		rel.Instant:  func(a []string) string { return "(CAST(" + a[0] + " AS TIMESTAMP) AT TIME ZONE " + a[1] + ")" },
		rel.MonthDay: func(a []string) string { return "strftime(" + a[0] + ", '%m-%d')" },
		rel.UTCText:  func(a []string) string { return "strftime(CAST(" + a[0] + " AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%fZ')" },
		rel.JSONText: func(a []string) string { return "CAST(to_json(" + a[0] + ") AS VARCHAR)" },
		rel.TextList: func(a []string) string {
			return "list_transform(list_filter(" + a[0] + ", lambda weir_e: weir_e IS NOT NULL), lambda weir_e: " + duckAnyText("weir_e") + ")"
		},
		rel.ListAny: func(a []string) string { return duckHas(a, " OR ") },
		rel.ListAll: func(a []string) string { return duckHas(a, " AND ") },
		rel.GreatCircle: func(a []string) string {
			return haversine(a, func(m string) string { return "CAST(ROUND(" + m + ", 3) AS " + duckNumber + ")" })
		},
	},
}

// duckAnyText writes a value whose type is not known.
func duckAnyText(x string) string {
	text := "CAST(" + x + " AS VARCHAR)"
	return "CASE WHEN typeof(" + x + ") IN ('DOUBLE', 'FLOAT') OR typeof(" + x + ") LIKE 'DECIMAL%'" +
		" THEN rtrim(rtrim(CAST(TRY_CAST(" + text + " AS " + duckNumber + ") AS VARCHAR), '0'), '.')" +
		" WHEN typeof(" + x + ") LIKE 'TIMESTAMP%' THEN strftime(TRY_CAST(" + text + " AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%fZ')" +
		" ELSE " + text + " END"
}

// duckHas looks for each item by itself: list_has_any and list_has_all, which make a set of every
// row's list, take four times as long.
func duckHas(a []string, word string) string {
	each := make([]string, len(a)-1)
	for i, item := range a[1:] {
		each[i] = "list_contains(" + a[0] + ", " + item + ")"
	}
	return "(" + strings.Join(each, word) + ")"
}

func duckCast(try bool) string {
	if try {
		return "TRY_CAST"
	}
	return "CAST"
}

// blanks are what is taken from the ends of a text, each as it is written in a string with escapes.
var blanks = []string{" ", `\t`, `\n`, `\r`, `\f`, `\x0B`, "\u00a0"}

// duckTrim takes blanks from both ends. The engine takes several times as long to trim a list of
// characters as to see that there is nothing to trim, which is so of most values: what begins with a
// blank of one byte comes before the first character that is none.
func duckTrim(text string) string {
	trimmed := "trim(" + text + ", E'" + strings.Join(blanks, "") + "')"
	if strings.Contains(text, "(") { // a call: not to be written more than once
		return trimmed
	}
	ends := text + " < '!' OR starts_with(" + text + ", '\u00a0')"
	for _, c := range blanks {
		ends += " OR ends_with(" + text + ", E'" + c + "')"
	}
	return "CASE WHEN " + ends + " THEN " + trimmed + " ELSE " + text + " END"
}
