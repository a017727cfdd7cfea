package dialect

import (
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Databricks is the SQL of Databricks SQL warehouses, with ANSI mode on, over Delta tables in Unity
// Catalog. Names stand in backquotes, and are compared without regard to case. Text compares by its
// bytes (collation UTF8_BINARY). Times are TIMESTAMP, instants that the session shows in its zone, which
// is UTC; TIMESTAMP_NTZ is a time without a zone. Lists are ARRAY<STRING>. Patterns are those of Java.
//
// An update from other rows is a MERGE, which has no queries within its condition. The first part of a
// name may be "catalog.schema". A FULL JOIN may have any condition.
//
// Source: the SQL language reference, docs.databricks.com/sql/language-manual: "Names", "Data types",
// "Built-in functions", "ANSI compliance", "MERGE INTO", "DELETE FROM", "UPDATE", "CREATE TABLE".
func Databricks() Dialect { return renderer{&databricks} }

const dbNumber = "DECIMAL(38,9)"

var databricks = spelling{
	name: "databricks",
	types: map[rel.Type]string{
		models.Text: "STRING", models.Integer: "BIGINT", models.Number: dbNumber,
		models.Boolean: "BOOLEAN", models.Date: "DATE", models.Timestamp: "TIMESTAMP",
		models.List: "ARRAY<STRING>", rel.Double: "DOUBLE",
	},
	maxName:     255,
	dataset:     true,
	ident:       func(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" },
	lexicon:     lexicon{texts: `'"`, plain: true, rawTexts: true},
	text:        dbText,
	timestamp:   func(text string) string { return "TIMESTAMP '" + text + ":00'" },
	pattern:     javaPattern,
	replacement: func(_, r string) (string, error) { return dollars(r, true) },
	bytewise:    func(x string) string { return x },
	tryText:     dbTryText,
	whole:       func(n string, try bool) string { return dbCast(try) + "(ROUND(" + n + ") AS BIGINT)" },
	day:         func(x string) string { return "CAST(CAST(" + x + " AS TIMESTAMP) AS DATE)" },
	number: func(x string, try bool) string {
		return dbCast(try) + "(CAST(" + x + " AS STRING) AS " + dbNumber + ")"
	},
	numberText: dbNumberText,
	double:     bareDouble,
	anyText:    dbAnyText,
	truncates:  true,
	typedFirst: true,
	ranksFirst: true,
	merges:     true,
	collect: func(x string) string {
		return "CASE WHEN COUNT(" + x + ") > 0 THEN ARRAY_SORT(COLLECT_SET(" + x + ")) END"
	},
	list:       func(items string) string { return "CAST(ARRAY(" + items + ") AS ARRAY<STRING>)" },
	listText:   func(x string) string { return "TO_JSON(" + x + ")" },
	boolMin:    "BOOL_AND",
	boolMax:    "BOOL_OR",
	scaledSum:  true,
	scaledAvg:  true,
	anyOrder:   "NULL",
	hashesNull: true,
	addColumn:  func(table, field string) string { return "ALTER TABLE " + table + " ADD COLUMN " + field },
	createView: func(name, query string) string { return "CREATE OR REPLACE VIEW " + name + " AS\n" + query },
	analyze:    func(string) string { return "" }, // managed tables keep their statistics themselves
	fn: map[rel.Fn]func(a []string) string{
		// A quotient of decimals has six digits after the point.
		rel.Divide: func(a []string) string {
			return "CAST(CAST(CAST(" + a[0] + " AS DOUBLE) / " + a[1] + " AS STRING) AS " + dbNumber + ")"
		},
		rel.Lower:     func(a []string) string { return "LOWER(" + a[0] + ")" },
		rel.Upper:     func(a []string) string { return "UPPER(" + a[0] + ")" },
		rel.Trim:      func(a []string) string { return `TRIM(BOTH ' \t\n\r\u000C\u000B\u00A0' FROM ` + a[0] + ")" },
		rel.Bytes:     func(a []string) string { return "OCTET_LENGTH(" + a[0] + ")" },
		rel.Position:  func(a []string) string { return "INSTR(" + a[0] + ", " + a[1] + ")" },
		rel.HasPrefix: func(a []string) string { return "STARTSWITH(" + a[0] + ", " + a[1] + ")" },
		rel.HasSuffix: func(a []string) string { return "ENDSWITH(" + a[0] + ", " + a[1] + ")" },
		rel.RegexTest: func(a []string) string { return "REGEXP_LIKE(" + a[0] + ", " + a[1] + ")" },
		rel.RegexDrop: func(a []string) string { return "REGEXP_REPLACE(" + a[0] + ", " + a[1] + ", '')" },
		rel.RegexReplace: func(a []string) string {
			return "REGEXP_REPLACE(" + a[0] + ", " + a[1] + ", " + a[2] + ")"
		},
		rel.Unaccent: func(a []string) string {
			marked, bare := accents()
			return "CASE WHEN REGEXP_LIKE(" + a[0] + ", '" + otherScripts + "') THEN " + a[0] + " ELSE TRANSLATE(" + a[0] + ", '" + marked + "', '" + bare + "') END"
		},
		rel.Hash64:  func(a []string) string { return "XXHASH64(" + a[0] + ")" },
		rel.HashRow: dbHashRow,
		rel.SHA256:  func(a []string) string { return "SHA2(" + a[0] + ", 256)" },
		rel.Bucket: func(a []string) string {
			return "(CAST(CONV(SUBSTR(SHA2(" + a[0] + ", 256), 1, 13), 16, 10) AS BIGINT) % 10000)"
		},
		rel.AddSecs: func(a []string) string {
			return "TIMESTAMP_MICROS(UNIX_MICROS(CAST(" + a[0] + " AS TIMESTAMP)) + CAST(" + a[1] + " AS BIGINT) * 1000000)"
		},
		rel.Instant: func(a []string) string { return dbInstant(a[0], a[1]) },
		rel.LocalDate: func(a []string) string {
			return "CAST(FROM_UTC_TIMESTAMP(CAST(" + a[0] + " AS TIMESTAMP), " + a[1] + ") AS DATE)"
		},
		rel.MonthDay: func(a []string) string { return "DATE_FORMAT(CAST(" + a[0] + " AS DATE), 'MM-dd')" },
		rel.UTCText:  func(a []string) string { return dbUTCText("CAST(" + a[0] + " AS TIMESTAMP)") },
		rel.JSONText: func(a []string) string { // only arrays and structures are made JSON
			return "CASE WHEN " + a[0] + " IS NOT NULL THEN REGEXP_EXTRACT(TO_JSON(ARRAY(" + a[0] + `)), '(?s)^.(.*).\\z', 1) END`
		},
		rel.TextList: func(a []string) string {
			return "TRANSFORM(FILTER(" + a[0] + ", weir_e -> weir_e IS NOT NULL), weir_e -> " + dbAnyText("weir_e") + ")"
		},
		rel.ListAny: func(a []string) string { return dbHas(a, " OR ") },
		rel.ListAll: func(a []string) string { return dbHas(a, " AND ") },
		rel.GreatCircle: func(a []string) string {
			text := haversine(a, func(m string) string { return "CAST(ROUND(" + m + ", 3) AS " + dbNumber + ")" })
			return strings.ReplaceAll(text, "DOUBLE PRECISION", "DOUBLE")
		},
		rel.Float: func(a []string) string { // NaN is equal to itself here
			return "NULLIF(CAST(" + a[0] + " AS DOUBLE), CAST('NaN' AS DOUBLE))"
		},
		rel.Exp: func(a []string) string {
			return "EXP(CASE WHEN " + a[0] + " > 700 THEN 700 WHEN " + a[0] + " < -700 THEN -700 ELSE " + a[0] + " END)"
		},
		rel.JaroWinkler: func(a []string) string {
			return "weir_jaro_winkler(" + dbBytes(a[0]) + ", " + dbBytes(a[1]) + ", CAST(" + a[2] + " AS DOUBLE))"
		},
		// What is beyond the bound is -1. Of bytes each becomes a character.
		rel.Levenshtein: func(a []string) string {
			edits := "LEVENSHTEIN(" + dbBytes(a[0]) + ", " + dbBytes(a[1]) + ", CAST(" + a[2] + " AS INT))"
			return "CASE " + edits + " WHEN -1 THEN " + a[2] + " + 1 ELSE " + edits + " END"
		},
		rel.DaysApart: func(a []string) string {
			return "ABS(DATEDIFF(CAST(" + a[0] + " AS DATE), CAST(" + a[1] + " AS DATE)))"
		},
		rel.Probability: func(a []string) string {
			return "CAST(1 / (1 + POWER(2, -GREATEST(-60, LEAST(60, CAST(" + a[0] + " AS DOUBLE))))) AS " + dbNumber + ")"
		},
	},
	provided:    map[rel.Fn]string{rel.JaroWinkler: dbJaroWinkler},
	provideMany: func(body string) string { return body },
}

func dbCast(try bool) string {
	if try {
		return "TRY_CAST"
	}
	return "CAST"
}

// dbText is a string literal, in which a backslash escapes. Two quotes in a row would be none.
func dbText(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`).Replace(s) + `'`
}

// dbPick is the group of a shape in a text, or NULL.
func dbPick(x, shape string) string {
	return "NULLIF(REGEXP_EXTRACT(" + x + ", " + dbText(javaPattern(shape)) + ", 1), '')"
}

// dbTryText reads a text as another type.
func dbTryText(x string, to rel.Type) string {
	switch to {
	case models.Integer:
		return "TRY_CAST(" + dbPick(x, integerShape) + " AS BIGINT)"
	case models.Number:
		return "TRY_CAST(" + dbPick(x, numberShape) + " AS " + dbNumber + ")"
	case models.Date:
		return "TRY_CAST(" + dbPick(x, dayOf(realDateShape)) + " AS DATE)"
	}
	text := dbPick(x, instantOf(realDateShape))
	for _, r := range [][2]string{{`([.][0-9]{6})[0-9]+`, `$1`}, {` ?Z$`, `+00:00`}, {`(:[0-9.]+) ?([+-][0-9]{2}):?([0-9]{2})?$`, `$1$2:$3`}, {`:$`, `:00`}} {
		text = "REGEXP_REPLACE(" + text + ", " + dbText(javaPattern(r[0])) + ", '" + r[1] + "')"
	}
	return "TRY_CAST(" + text + " AS TIMESTAMP)"
}

// dbNumberText writes a Number without zeros at the end.
func dbNumberText(n string) string {
	return "RTRIM('.', RTRIM('0', CAST(" + n + " AS STRING)))"
}

// dbAnyText writes a value whose type is not known: the warehouse tells it.
func dbAnyText(x string) string {
	text := "CAST(" + x + " AS STRING)"
	return "CASE WHEN TYPEOF(" + x + ") IN ('double', 'float') OR TYPEOF(" + x + ") LIKE 'decimal%'" +
		" THEN " + dbNumberText("TRY_CAST("+text+" AS "+dbNumber+")") +
		" WHEN TYPEOF(" + x + ") LIKE 'timestamp%' THEN " + dbUTCText("TRY_CAST("+text+" AS TIMESTAMP)") +
		" ELSE " + text + " END"
}

// dbUTCText writes an instant. The session's zone is UTC.
func dbUTCText(t string) string {
	return "DATE_FORMAT(" + t + `, 'yyyy-MM-dd\'T\'HH:mm:ss.SSSSSS\'Z\'')`
}

// dbInstant is the time at which the clocks of a zone show a naive one: the later one where they go back
// an hour, and the time by the clock before the change where they leave one out.
func dbInstant(x, zone string) string {
	naive := "CAST(" + x + " AS TIMESTAMP)" // as if its clock were that of UTC
	if zone == "'UTC'" {
		return naive
	}
	at := "TO_UTC_TIMESTAMP(" + naive + ", " + zone + ")"
	later := "TIMESTAMP_MICROS(UNIX_MICROS(" + at + ") + 3600000000)"
	return "CASE WHEN FROM_UTC_TIMESTAMP(" + later + ", " + zone + ") = " + naive + " OR FROM_UTC_TIMESTAMP(" + at + ", " + zone + ") < " + naive +
		" THEN " + later + " ELSE " + at + " END"
}

// dbHashRow hashes each value beside whether it is there: NULL alone changes nothing.
func dbHashRow(a []string) string {
	parts := make([]string, 0, 2*len(a))
	for _, x := range a {
		parts = append(parts, "ISNULL("+x+")", x)
	}
	return "XXHASH64(" + strings.Join(parts, ", ") + ")"
}

func dbHas(a []string, word string) string {
	if len(a) == 1 {
		return map[string]string{" OR ": "FALSE", " AND ": "TRUE"}[word]
	}
	each := make([]string, len(a)-1)
	for i, item := range a[1:] {
		each[i] = "ARRAY_CONTAINS(" + a[0] + ", " + item + ")"
	}
	return "(" + strings.Join(each, word) + ")"
}

// dbBytes is a text of a character for each byte of another.
func dbBytes(x string) string { return "DECODE(ENCODE(" + x + ", 'UTF-8'), 'ISO-8859-1')" }

// dbJaroWinkler is Winkler's comparator, of texts whose characters are bytes. One that was found is
// taken out of the other text by a character that is no byte.
const dbJaroWinkler = `CREATE OR REPLACE TEMPORARY FUNCTION weir_jaro_winkler(a STRING, b STRING, enough DOUBLE) RETURNS DOUBLE RETURN
  CASE WHEN a IS NULL OR b IS NULL OR enough IS NULL THEN NULL
    WHEN LENGTH(a) = 0 OR LENGTH(b) = 0 THEN IF(LENGTH(a) = LENGTH(b), 1D, 0D)
    ELSE AGGREGATE(
      SEQUENCE(1, LENGTH(a)),
      NAMED_STRUCT('rest', b, 'found', ''),
      (s, i) -> IF(
        LOCATE(SUBSTR(a, i, 1), s.rest, GREATEST(1, i - GREATEST(GREATEST(LENGTH(a), LENGTH(b)) DIV 2 - 1, 0))) BETWEEN 1 AND i + GREATEST(GREATEST(LENGTH(a), LENGTH(b)) DIV 2 - 1, 0),
        NAMED_STRUCT(
          'rest', OVERLAY(s.rest PLACING '\u0100' FROM LOCATE(SUBSTR(a, i, 1), s.rest, GREATEST(1, i - GREATEST(GREATEST(LENGTH(a), LENGTH(b)) DIV 2 - 1, 0))) FOR 1),
          'found', CONCAT(s.found, SUBSTR(a, i, 1))),
        s),
      s -> IF(LENGTH(s.found) = 0, 0D, AGGREGATE(
        ARRAY((LENGTH(s.found) / LENGTH(a) + LENGTH(s.found) / LENGTH(b) + (LENGTH(s.found) - SIZE(FILTER(
          TRANSFORM(FILTER(SEQUENCE(1, LENGTH(b)), j -> SUBSTR(s.rest, j, 1) = '\u0100'), (j, k) -> SUBSTR(b, j, 1) <> SUBSTR(s.found, k + 1, 1)),
          moved -> moved)) DIV 2) / LENGTH(s.found)) / 3),
        0D,
        (sum, alike) -> IF(alike > 0.7D, alike + 0.1D * (1 - alike) * CASE
          WHEN SUBSTR(a, 1, 1) <> SUBSTR(b, 1, 1) THEN 0
          WHEN LENGTH(a) < 2 OR LENGTH(b) < 2 OR SUBSTR(a, 2, 1) <> SUBSTR(b, 2, 1) THEN 1
          WHEN LENGTH(a) < 3 OR LENGTH(b) < 3 OR SUBSTR(a, 3, 1) <> SUBSTR(b, 3, 1) THEN 2
          WHEN LENGTH(a) < 4 OR LENGTH(b) < 4 OR SUBSTR(a, 4, 1) <> SUBSTR(b, 4, 1) THEN 3
          ELSE 4 END, alike))))
  END
`

// javaPattern writes a pattern for Java's engine: the dot matches line ends, a dollar only the very end,
// and within a class brackets, carets and ampersands are characters.
func javaPattern(p string) string {
	var b strings.Builder
	b.WriteString("(?s)")
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			b.WriteString(p[i : i+2])
			i++
		case '$':
			b.WriteString(`\z`)
		case '[':
			end := i + classEnd(p[i:])
			b.WriteString(javaClass(p[i:end]))
			i = end - 1
		default:
			b.WriteByte(p[i])
		}
	}
	return b.String()
}

// javaClasses are the classes with names.
var javaClasses = map[string]string{
	"alnum": `\p{Alnum}`, "alpha": `\p{Alpha}`, "ascii": `\p{ASCII}`, "blank": `\p{Blank}`, "cntrl": `\p{Cntrl}`,
	"digit": `\p{Digit}`, "graph": `\p{Graph}`, "lower": `\p{Lower}`, "print": `\p{Print}`, "punct": `\p{Punct}`,
	"space": `\p{Space}`, "upper": `\p{Upper}`, "word": `\w`, "xdigit": `\p{XDigit}`,
}

// javaClass writes a class in brackets.
func javaClass(class string) string {
	var b strings.Builder
	b.WriteByte('[')
	in := class[1 : len(class)-1]
	if strings.HasPrefix(in, "^") {
		b.WriteByte('^')
		in = in[1:]
	}
	for i := 0; i < len(in); i++ {
		switch {
		case in[i] == '\\':
			b.WriteString(in[i : i+2])
			i++
		case strings.HasPrefix(in[i:], "[:"):
			end := i + strings.Index(in[i:], ":]")
			name, not := strings.CutPrefix(in[i+2:end], "^")
			if text := javaClasses[name]; not && strings.HasPrefix(text, `\p`) {
				b.WriteString(`\P` + text[2:])
			} else if not {
				b.WriteString(strings.ToUpper(text))
			} else {
				b.WriteString(text)
			}
			i = end + 1
		case strings.IndexByte("[]&^", in[i]) >= 0:
			b.WriteString(`\` + in[i:i+1])
		default:
			b.WriteByte(in[i])
		}
	}
	return b.String() + "]"
}
