package dialect

import (
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Postgres is the SQL of PostgreSQL 14 and later, built with ICU. Names are quoted and so keep
// their case; longer ones than 63 bytes are refused, since the server would cut them. Text that
// weir stores or orders has the collation "C", which compares bytes.
//
// A FULL JOIN needs a condition of plain equalities.
func Postgres() Dialect { return renderer{&postgres} }

const (
	pgNumber  = "numeric(38,9)"
	pgUTC     = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`
	pgUnicode = ` COLLATE "und-x-icu"` // in "C" only ASCII has upper and lower case
)

var postgres = spelling{
	name: "postgres",
	types: map[rel.Type]string{
		models.Text: "text", models.Integer: "bigint", models.Number: pgNumber,
		models.Boolean: "boolean", models.Date: "date", models.Timestamp: "timestamptz",
		models.List: "text[]",
	},
	maxName:    63,
	textColumn: ` COLLATE "C"`,
	text: func(s string) string {
		if plainLiteral(s) && !strings.Contains(s, `\`) {
			return standardText(s)
		}
		return escapedText(s)
	},
	bytewise: pgBytewise,
	tryText: func(x string, to rel.Type) string {
		switch to {
		case models.Integer:
			return pgWhole("CAST("+pgPick(x, integerShape)+" AS numeric)", true)
		case models.Number:
			return "CAST(" + pgPick(x, numberShape) + " AS " + pgNumber + ")"
		case models.Date:
			return "CAST(" + pgPick(x, dayOf(realDateShape)) + " AS date)"
		}
		return pgInstant(x)
	},
	whole: func(n string, try bool) string { return pgWhole("ROUND("+n+")", try) },
	day:   func(x string) string { return "CAST(" + x + " AT TIME ZONE 'UTC' AS date)" },
	number: func(x string, try bool) string {
		if try {
			return "CAST(" + pgPick("CAST("+x+" AS text)", numberShape) + " AS " + pgNumber + ")"
		}
		return "CAST(CAST(" + x + " AS text) AS " + pgNumber + ")"
	},
	numberText: func(n string) string { return "CAST(trim_scale(" + n + ") AS text)" },
	anyText:    pgAnyText,
	first: func(x, order, where string, _ rel.Type) string {
		if where == "" {
			where = "(" + x + ") IS NOT NULL"
		}
		return "(array_agg(" + x + " ORDER BY " + order + ") FILTER (WHERE " + where + "))[1]"
	},
	collect: func(x string) string {
		return "array_agg(DISTINCT " + x + " ORDER BY " + x + ") FILTER (WHERE " + x + " IS NOT NULL)"
	},
	list:     func(items string) string { return "CAST(ARRAY[" + items + "] AS text[])" },
	listText: func(x string) string { return "CAST(array_to_json(" + x + ") AS text)" },
	// Arrays of arrays must be of one size.
	listValue: func(x string) (string, func(string) string) {
		return "CAST(" + x + " AS text)", func(first string) string { return "CAST(" + first + " AS text[])" }
	},
	fence:   "OFFSET 0", // a query with an offset is not merged into the one around it
	boolMin: "bool_and", boolMax: "bool_or",
	createView: pgCreateView,
	analyze:    func(name string) string { return "ANALYZE " + name },
	fn: map[rel.Fn]func(a []string) string{
		rel.Divide: func(a []string) string {
			return "CAST(CAST(" + a[0] + " AS numeric) / " + a[1] + " AS " + pgNumber + ")"
		},
		rel.Lower:     func(a []string) string { return pgBytewise("lower(" + a[0] + pgUnicode + ")") },
		rel.Upper:     func(a []string) string { return pgBytewise("upper(" + a[0] + pgUnicode + ")") },
		rel.Trim:      func(a []string) string { return "btrim(" + a[0] + `, E' \t\n\r\f\x0B` + "\u00a0')" },
		rel.Bytes:     func(a []string) string { return "octet_length(" + a[0] + ")" },
		rel.RegexTest: func(a []string) string { return "(" + a[0] + ` COLLATE "C" ~ ` + a[1] + ")" },
		rel.RegexDrop: func(a []string) string { return "regexp_replace(" + a[0] + ` COLLATE "C", ` + a[1] + ", '', 'g')" },
		rel.RegexReplace: func(a []string) string {
			return "regexp_replace(" + a[0] + ` COLLATE "C", ` + a[1] + ", " + a[2] + ", 'g')"
		},
		rel.Unaccent: func(a []string) string {
			bare := "regexp_replace(normalize(" + a[0] + `, NFD) COLLATE "C", '[` + marks() + "]', '', 'g')"
			return "CASE WHEN " + a[0] + ` COLLATE "C" ~ '` + otherScripts + "' THEN " + a[0] + " ELSE normalize(" + bare + ", NFC) END"
		},
		rel.HasSuffix: func(a []string) string { return "(right(" + a[0] + ", length(" + a[1] + ")) = " + a[1] + ")" },
		rel.Hash64:    func(a []string) string { return "hashtextextended(" + a[0] + ` COLLATE "C", 0)` },
		rel.HashRow: func(a []string) string {
			parts := make([]string, len(a))
			for i, x := range a { // each with its length, so that none runs into the next
				text := "CAST(" + x + " AS text)"
				parts[i] = "COALESCE(octet_length(" + text + ") || ':' || " + text + ", '-')"
			}
			return "hashtextextended((" + strings.Join(parts, " || ") + `) COLLATE "C", 0)`
		},
		rel.SHA256: func(a []string) string { return pgBytewise("encode(sha256(convert_to(" + a[0] + ", 'UTF8')), 'hex')") },
		rel.Bucket: func(a []string) string {
			return "(CAST(CAST('x' || substr(encode(sha256(convert_to(" + a[0] + ", 'UTF8')), 'hex'), 1, 13) AS bit(52)) AS bigint) % 10000)"
		},
		rel.AddSecs:  func(a []string) string { return "(" + a[0] + " + " + a[1] + " * INTERVAL '1 second')" },
		rel.Instant:  func(a []string) string { return "(CAST(" + a[0] + " AS timestamp) AT TIME ZONE " + a[1] + ")" },
		rel.MonthDay: func(a []string) string { return "to_char(CAST(" + a[0] + " AS timestamp), 'MM-DD')" },
		rel.UTCText: func(a []string) string {
			return pgBytewise("to_char(CAST(" + a[0] + " AS timestamptz) AT TIME ZONE 'UTC', " + pgUTC + ")")
		},
		rel.JSONText: func(a []string) string { return "CAST(to_json(CAST(" + a[0] + " AS text)) AS text)" },
		rel.TextList: func(a []string) string {
			return "CASE WHEN " + a[0] + " IS NOT NULL THEN ARRAY(SELECT " + pgAnyText("weir_e") + " FROM unnest(" + a[0] + ") WITH ORDINALITY AS weir_l(weir_e, weir_n)" +
				" WHERE weir_e IS NOT NULL ORDER BY weir_n) END"
		},
		rel.ListAny: func(a []string) string {
			return "(" + a[0] + " && CAST(ARRAY[" + strings.Join(a[1:], ", ") + "] AS text[]))"
		},
		rel.ListAll: func(a []string) string {
			return "(" + a[0] + " @> CAST(ARRAY[" + strings.Join(a[1:], ", ") + "] AS text[]))"
		},
		rel.GreatCircle: func(a []string) string {
			return haversine(a, func(m string) string { return "CAST(ROUND(CAST(" + m + " AS numeric), 3) AS " + pgNumber + ")" })
		},
	},
}

// pgAnyText writes a value whose type is not known. Every branch is a conversion that cannot fail,
// since constants are folded while planning.
func pgAnyText(x string) string {
	text := "CAST(" + x + " AS text)"
	return "CASE WHEN pg_typeof(" + x + ") IN ('numeric'::regtype, 'float8'::regtype, 'float4'::regtype)" +
		" THEN CAST(trim_scale(CAST(" + pgPick(text, numberShape) + " AS " + pgNumber + ")) AS text)" +
		" WHEN pg_typeof(" + x + ") IN ('timestamptz'::regtype, 'timestamp'::regtype)" +
		" THEN to_char(" + pgInstant(text) + " AT TIME ZONE 'UTC', " + pgUTC + ")" +
		" ELSE " + text + " END"
}

func pgBytewise(x string) string {
	if strings.HasSuffix(x, ` COLLATE "C")`) {
		return x
	}
	return "(" + x + ` COLLATE "C")`
}

// pgPick is the group of a shape in a text, or NULL.
func pgPick(x, shape string) string { return "substring(" + x + " FROM " + standardText(shape) + ")" }

// pgInstant reads a timestamp. The server would round what is finer than microseconds.
func pgInstant(x string) string {
	return "CAST(regexp_replace(" + pgPick(x, instantOf(realDateShape)) + `, '([.][0-9]{6})[0-9]+', E'\\1') AS timestamptz)`
}

// pgWhole makes a numeric without fraction a bigint.
func pgWhole(n string, try bool) string {
	if !try {
		return "CAST(" + n + " AS bigint)"
	}
	return "CASE WHEN " + n + " BETWEEN -9223372036854775808 AND 9223372036854775807 THEN CAST(" + n + " AS bigint) END"
}

// pgCreateView replaces a view also where its columns are not those of the old one, which
// CREATE OR REPLACE refuses, in one statement and one transaction.
func pgCreateView(name, query string) string {
	tag := "$weir$"
	for strings.Contains(name+query, tag) {
		tag = tag[:len(tag)-1] + "_$"
	}
	return "DO " + tag + "\nBEGIN\nCREATE OR REPLACE VIEW " + name + " AS\n" + query + "\n;\n" +
		"EXCEPTION WHEN invalid_table_definition THEN\nDROP VIEW " + name + ";\nCREATE VIEW " + name + " AS\n" + query + "\n;\nEND\n" + tag
}
