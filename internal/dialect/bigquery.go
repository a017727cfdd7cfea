package dialect

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// BigQuery is GoogleSQL as BigQuery has it. Names stand in backquotes; tables are case-sensitive,
// columns are not. Text compares by its bytes. Times are TIMESTAMP; a DATETIME is a time without a
// zone, and the session's zone is UTC.
//
// Lists are kept as the text of a JSON array: an ARRAY in a table cannot be NULL, and arrays are
// neither compared nor grouped by. TextList makes such a text of an ARRAY.
//
// The first part of a name may be "project.dataset". A FULL JOIN needs a condition of plain
// equalities.
//
// Source: the GoogleSQL reference, docs.cloud.google.com/bigquery/docs/reference/standard-sql.
func BigQuery() Dialect { return renderer{&bigquery} }

const bqNumber = "NUMERIC" // 38 digits, 9 of them decimals

var bigquery = spelling{
	name: "bigquery",
	types: map[rel.Type]string{
		models.Text: "STRING", models.Integer: "INT64", models.Number: bqNumber,
		models.Boolean: "BOOL", models.Date: "DATE", models.Timestamp: "TIMESTAMP",
		models.List: "STRING", rel.Double: "FLOAT64",
	},
	ident:     bqIdent,
	checkName: bqCheckName,
	dataset:   true,
	lexicon:   lexicon{backslash: true, triple: true, hash: true},
	text:      bqText,
	bytewise:  func(x string) string { return x },
	timestamp: func(text string) string { return "TIMESTAMP '" + text + "'" },
	decimal:   func(digits string) string { return bqNumber + " '" + digits + "'" },
	pattern:   func(p string) string { return "(?s)" + p },
	tryText:   bqTryText,
	whole:     func(n string, try bool) string { return bqCast(try) + "(ROUND(" + n + ") AS INT64)" },
	day:       func(x string) string { return "DATE(CAST(" + x + " AS TIMESTAMP), 'UTC')" },
	number: func(x string, try bool) string {
		return bqCast(try) + "(CAST(" + x + " AS STRING) AS " + bqNumber + ")"
	},
	numberText: func(n string) string { return "CAST(" + n + " AS STRING)" },
	anyText:    bqAnyText,
	double:     bareDouble,
	first: func(x, order, where string, _ rel.Type) string {
		if where == "" {
			return "ARRAY_AGG(" + x + " IGNORE NULLS ORDER BY " + order + " LIMIT 1)[SAFE_OFFSET(0)]"
		}
		return "ARRAY_AGG(CASE WHEN " + where + " THEN STRUCT(" + x + " AS v) END IGNORE NULLS ORDER BY " + order + " LIMIT 1)[SAFE_OFFSET(0)].v"
	},
	collect:  func(x string) string { return bqJSON("ARRAY_AGG(DISTINCT " + x + " IGNORE NULLS ORDER BY " + x + ")") },
	list:     func(items string) string { return "TO_JSON_STRING(ARRAY<STRING>[" + items + "])" },
	listText: func(x string) string { return x },
	boolMin:  "LOGICAL_AND", boolMax: "LOGICAL_OR",
	scaledSum:  true,
	nullsFirst: true,
	noLimit:    "LIMIT 9223372036854775807",
	union:      "UNION DISTINCT",
	noRow:      "UNNEST([1])",

	groupsByPlace: true,
	textLists:     true,
	needsWhere:    true,
	call:          bqCall,
	rows:          bqRows,
	createView:    func(name, query string) string { return "CREATE OR REPLACE VIEW " + name + " AS\n" + query },
	analyze:       func(string) string { return "" },
	fn: map[rel.Fn]func(a []string) string{
		rel.Divide: func(a []string) string {
			return "SAFE_DIVIDE(SAFE_CAST(" + a[0] + " AS " + bqNumber + "), SAFE_CAST(" + a[1] + " AS " + bqNumber + "))"
		},
		rel.Lower:     func(a []string) string { return "LOWER(" + a[0] + ")" },
		rel.Upper:     func(a []string) string { return "UPPER(" + a[0] + ")" },
		rel.Trim:      func(a []string) string { return "TRIM(" + a[0] + `, ' \t\n\r\f\v` + "\u00a0')" },
		rel.Bytes:     func(a []string) string { return "BYTE_LENGTH(" + a[0] + ")" },
		rel.HasSuffix: func(a []string) string { return "ENDS_WITH(" + a[0] + ", " + a[1] + ")" },
		rel.Part: func(a []string) string {
			return "CASE WHEN " + a[0] + " IS NOT NULL THEN COALESCE(SPLIT(" + a[0] + ", " + a[1] + ")[SAFE_ORDINAL(" + a[2] + ")], '') END"
		},
		rel.RegexTest:    func(a []string) string { return "REGEXP_CONTAINS(" + a[0] + ", " + a[1] + ")" },
		rel.RegexDrop:    func(a []string) string { return "REGEXP_REPLACE(" + a[0] + ", " + a[1] + ", '')" },
		rel.RegexReplace: func(a []string) string { return "REGEXP_REPLACE(" + a[0] + ", " + a[1] + ", " + a[2] + ")" },
		rel.Unaccent: func(a []string) string {
			return "CASE WHEN REGEXP_CONTAINS(" + a[0] + ", '" + otherScripts + "') THEN " + a[0] +
				" ELSE NORMALIZE(REGEXP_REPLACE(NORMALIZE(" + a[0] + `, NFD), r'\pM', ''), NFC) END`
		},
		rel.Hash64:  func(a []string) string { return "FARM_FINGERPRINT(" + a[0] + ")" },
		rel.HashRow: bqHashRow,
		rel.SHA256:  func(a []string) string { return "TO_HEX(SHA256(" + a[0] + "))" },
		rel.Bucket: func(a []string) string {
			return "MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256(" + a[0] + ")), 1, 13)) AS INT64), 10000)"
		},
		rel.AddSecs:   func(a []string) string { return "TIMESTAMP_ADD(" + a[0] + ", INTERVAL " + a[1] + " SECOND)" },
		rel.Instant:   func(a []string) string { return bqInstant(a[0], a[1]) },
		rel.LocalDate: func(a []string) string { return "DATE(" + a[0] + ", " + a[1] + ")" },
		rel.MonthDay:  func(a []string) string { return "FORMAT_DATE('%m-%d', " + a[0] + ")" },
		rel.UTCText:   func(a []string) string { return bqUTCText("CAST(" + a[0] + " AS TIMESTAMP)") },
		rel.JSONText:  func(a []string) string { return bqJSON(a[0]) },
		rel.TextList: func(a []string) string {
			return bqJSON("CASE WHEN " + a[0] + " IS NOT NULL THEN ARRAY(SELECT " + bqAnyText("weir_e") + " FROM UNNEST(" + a[0] + ") AS weir_e WITH OFFSET AS weir_n" +
				" WHERE weir_e IS NOT NULL ORDER BY weir_n) END")
		},
		rel.ListAny:     func(a []string) string { return bqHas(a, " OR ") },
		rel.ListAll:     func(a []string) string { return bqHas(a, " AND ") },
		rel.GreatCircle: bqGreatCircle,
		rel.Float: func(a []string) string { // NaN is equal to nothing here
			x := "CAST(" + a[0] + " AS FLOAT64)"
			return "CASE WHEN NOT IS_NAN(" + x + ") THEN " + x + " END"
		},
		rel.Exp: func(a []string) string {
			return "EXP(CASE WHEN " + a[0] + " > 700 THEN 700 WHEN " + a[0] + " < -700 THEN -700 ELSE " + a[0] + " END)"
		},
		rel.JaroWinkler: func(a []string) string {
			return "weir_jaro_winkler(" + a[0] + ", " + a[1] + ", CAST(" + a[2] + " AS FLOAT64))"
		},
		// The function gives the bound itself for what is beyond it. Of bytes each becomes a character.
		rel.Levenshtein: func(a []string) string {
			return "EDIT_DISTANCE(" + bqBytes(a[0]) + ", " + bqBytes(a[1]) + ", max_distance => " + a[2] + " + 1)"
		},
		rel.DaysApart: func(a []string) string {
			return "ABS(DATE_DIFF(CAST(" + a[0] + " AS DATE), CAST(" + a[1] + " AS DATE), DAY))"
		},
		rel.Probability: func(a []string) string {
			return "CAST(1 / (1 + POW(2.0, -GREATEST(-60, LEAST(60, CAST(" + a[0] + " AS FLOAT64))))) AS " + bqNumber + ")"
		},
	},
	provided:    map[rel.Fn]string{rel.JaroWinkler: bqJaroWinkler},
	provideMany: func(body string) string { return body },
}

func bqCast(try bool) string {
	if try {
		return "SAFE_CAST"
	}
	return "CAST"
}

// bqIdent quotes one part of a name, in which a backslash escapes.
func bqIdent(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`", "\n", `\n`, "\r", `\r`).Replace(name) + "`"
}

// bqCheckName refuses names that are too long: a table has up to 1,024 bytes, a column 300 characters.
func bqCheckName(name string, table bool) error {
	switch n := utf8.RuneCountInString(name); {
	case table && len(name) > 1024:
		return fmt.Errorf("it has %d bytes; bigquery allows 1024", len(name))
	case !table && n > 300:
		return fmt.Errorf("it has %d characters; bigquery allows 300", n)
	}
	return nil
}

// bqText is a string literal, in which a backslash escapes.
func bqText(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`).Replace(s) + `'`
}

// bqRows is a table of literals: there is no VALUES.
func bqRows(w *writer, q rel.Values, level int) string {
	fields := make([]string, len(q.Columns))
	for i, f := range q.Columns {
		fields[i] = w.ident(f.Name) + " " + w.typeName(f.Type)
	}
	text := "UNNEST(ARRAY<STRUCT<" + strings.Join(fields, ", ") + ">>["
	for i, row := range q.Rows {
		if i > 0 {
			text += ","
		}
		text += nl(deeper(level)) + "STRUCT(" + w.list(row, flat) + ")"
	}
	return text + nl(level) + "]) AS " + w.ident("v")
}
