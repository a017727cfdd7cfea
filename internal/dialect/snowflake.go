package dialect

import (
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Snowflake is the SQL of Snowflake. A name without a capital letter is written in capitals, as the
// warehouse writes what is not quoted; any other name keeps its case. Text compares by its bytes as
// long as its columns have no collation. Times are TIMESTAMP_LTZ, instants that the session shows in
// its zone, which is UTC. Tables made from a query can be made again and are transient: they have no
// fail-safe period, which would be paid for. Lists are ARRAYs of texts.
//
// Source: the SQL reference of Snowflake, docs.snowflake.com/en/sql-reference.
func Snowflake() Dialect { return renderer{&snowflake} }

const (
	sfNumber  = "NUMBER(38,9)"
	sfInstant = "TIMESTAMP_LTZ(6)"
	sfNaive   = "TIMESTAMP_NTZ(6)"
	sfUTC     = `'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'`
)

var sfTypes = map[rel.Type]string{
	models.Text: "VARCHAR", models.Integer: "BIGINT", models.Number: sfNumber,
	models.Boolean: "BOOLEAN", models.Date: "DATE", models.Timestamp: sfInstant,
	models.List: "ARRAY", rel.Double: "DOUBLE",
}

var snowflake = spelling{
	name:        "snowflake",
	types:       sfTypes,
	maxName:     255,
	lexicon:     lexicon{texts: "'", slashes: true},
	dataset:     true,
	ident:       sfIdent,
	text:        sfText,
	timestamp:   func(text string) string { return "CAST('" + text + ":00' AS " + sfInstant + ")" },
	pattern:     func(p string) string { p, _ = captures(p); return p },
	replacement: sfReplacement,
	bytewise:    func(x string) string { return x },
	tryText:     sfTryText,
	whole: func(n string, try bool) string {
		n = "ROUND(" + n + ", 0)"
		if !try {
			return "CAST(" + n + " AS BIGINT)"
		}
		return sfInteger(n)
	},
	day:        func(x string) string { return "CAST(CAST(" + x + " AS " + sfInstant + ") AS DATE)" },
	number:     sfNumberOf,
	numberText: sfNumberText,
	double:     func(digits string) string { return "CAST('" + digits + "' AS DOUBLE)" },
	anyText:    func(x string) string { return sfVariantText("TO_VARIANT(" + x + ")") },
	first:      sfFirst,
	typedFirst: true,
	collect: func(x string) string { // over none the aggregate is an empty array
		return "CASE WHEN COUNT(" + x + ") > 0 THEN ARRAY_AGG(DISTINCT " + x + ") WITHIN GROUP (ORDER BY " + x + ") END"
	},
	list:       func(items string) string { return "ARRAY_CONSTRUCT(" + items + ")" },
	listText:   sfJSON,
	boolMin:    "BOOLAND_AGG",
	boolMax:    "BOOLOR_AGG",
	bitXor:     "BITXOR_AGG",
	bitOr:      "BITOR_AGG",
	scaledAvg:  true,
	anyOrder:   "NULL",
	noLimit:    "LIMIT NULL",
	hashesNull: true,
	create: func(st rel.CreateTable) string {
		switch {
		case st.Temp:
			return "CREATE TEMPORARY TABLE "
		case st.IfNotExists: // what is kept from run to run
			return "CREATE TABLE "
		}
		return "CREATE TRANSIENT TABLE "
	},
	rows: sfRows,
	createView: func(name, query string) string {
		return "CREATE OR REPLACE VIEW " + name + " COPY GRANTS AS\n" + query
	},
	analyze: func(string) string { return "" },
	fn: map[rel.Fn]func(a []string) string{
		// A quotient has three to six decimals more than the dividend, at most twelve.
		rel.Divide: func(a []string) string {
			return "CAST(CAST(" + a[0] + " AS " + sfNumber + ") / " + a[1] + " AS " + sfNumber + ")"
		},
		rel.Greatest:  func(a []string) string { return "GREATEST_IGNORE_NULLS(" + strings.Join(a, ", ") + ")" },
		rel.Least:     func(a []string) string { return "LEAST_IGNORE_NULLS(" + strings.Join(a, ", ") + ")" },
		rel.HasBit:    func(a []string) string { return "BITAND(" + a[0] + ", " + a[1] + ") <> 0" },
		rel.Lower:     func(a []string) string { return "LOWER(" + a[0] + ")" },
		rel.Upper:     func(a []string) string { return "UPPER(" + a[0] + ")" },
		rel.Trim:      func(a []string) string { return "TRIM(" + a[0] + `, ' \t\n\r\f' || CHR(11) || CHR(160))` },
		rel.Bytes:     func(a []string) string { return "OCTET_LENGTH(" + a[0] + ")" },
		rel.Position:  func(a []string) string { return "CHARINDEX(" + a[1] + ", " + a[0] + ")" },
		rel.HasPrefix: func(a []string) string { return "STARTSWITH(" + a[0] + ", " + a[1] + ")" },
		rel.HasSuffix: func(a []string) string { return "ENDSWITH(" + a[0] + ", " + a[1] + ")" },
		rel.RegexTest: func(a []string) string { return sfMatches(a[0], a[1]) },
		rel.RegexDrop: func(a []string) string { return "REGEXP_REPLACE(" + a[0] + ", " + a[1] + ", '', 1, 0, 's')" },
		rel.RegexReplace: func(a []string) string {
			return "REGEXP_REPLACE(" + a[0] + ", " + a[1] + ", " + a[2] + ", 1, 0, 's')"
		},
		rel.Unaccent: func(a []string) string {
			marked, bare := accents()
			return "CASE WHEN " + sfMatches(a[0], "'"+otherScripts+"'") + " THEN " + a[0] + " ELSE TRANSLATE(" + a[0] + ", '" + marked + "', '" + bare + "') END"
		},
		rel.Hash64:  func(a []string) string { return "HASH(" + a[0] + ")" },
		rel.HashRow: func(a []string) string { return "HASH(" + strings.Join(a, ", ") + ")" },
		rel.SHA256:  func(a []string) string { return "SHA2(" + a[0] + ", 256)" },
		rel.Bucket: func(a []string) string {
			return "(TO_NUMBER(SUBSTR(SHA2(" + a[0] + ", 256), 1, 13), 'XXXXXXXXXXXXX') % 10000)"
		},
		rel.AddSecs:   func(a []string) string { return "DATEADD(second, " + a[1] + ", " + a[0] + ")" },
		rel.Instant:   func(a []string) string { return sfInstantOf(a[0], a[1]) },
		rel.LocalDate: func(a []string) string { return "CAST(" + sfLocal("CAST("+a[0]+" AS "+sfNaive+")", a[1]) + " AS DATE)" },
		rel.MonthDay:  func(a []string) string { return "TO_VARCHAR(CAST(" + a[0] + " AS DATE), 'MM-DD')" },
		rel.UTCText:   func(a []string) string { return "TO_VARCHAR(CAST(" + a[0] + " AS " + sfInstant + "), " + sfUTC + ")" },
		rel.JSONText:  func(a []string) string { return sfJSON("TO_VARIANT(" + a[0] + ")") },
		rel.TextList: func(a []string) string {
			return "TRANSFORM(FILTER(" + a[0] + ", weir_e -> NOT IS_NULL_VALUE(weir_e)), weir_e -> " + sfVariantText("weir_e") + ")"
		},
		rel.ListAny: func(a []string) string { return sfHas(a, " OR ") },
		rel.ListAll: func(a []string) string { return sfHas(a, " AND ") },
		rel.GreatCircle: func(a []string) string {
			return haversine(a, func(m string) string { return "CAST(CAST(" + m + " AS NUMBER(38,3)) AS " + sfNumber + ")" })
		},
		rel.Float: func(a []string) string {
			return "NULLIF(CAST(" + a[0] + " AS DOUBLE), CAST('NaN' AS DOUBLE))" // NaN is equal to itself here
		},
		rel.Exp: func(a []string) string {
			return "EXP(CASE WHEN " + a[0] + " > 700 THEN 700 WHEN " + a[0] + " < -700 THEN -700 ELSE " + a[0] + " END)"
		},
		rel.JaroWinkler: func(a []string) string {
			return "WEIR_JARO_WINKLER(" + a[0] + ", " + a[1] + ", CAST(" + a[2] + " AS DOUBLE))"
		},
		rel.Levenshtein: func(a []string) string {
			return "CAST(WEIR_LEVENSHTEIN(" + a[0] + ", " + a[1] + ", CAST(" + a[2] + " AS DOUBLE)) AS BIGINT)"
		},
		rel.DaysApart: func(a []string) string {
			return "ABS(DATEDIFF(day, CAST(" + a[0] + " AS DATE), CAST(" + a[1] + " AS DATE)))"
		},
		rel.Probability: func(a []string) string {
			return "CAST(1 / (1 + POWER(2, -GREATEST(-60, LEAST(60, CAST(" + a[0] + " AS DOUBLE))))) AS " + sfNumber + ")"
		},
	},
	provided:    map[rel.Fn]string{rel.JaroWinkler: sfJaroWinkler, rel.Levenshtein: sfLevenshtein},
	provideMany: func(body string) string { return "EXECUTE IMMEDIATE " + sfText("BEGIN\n"+body+"END") },
}

// Fold is a name as weir has it, from the way Snowflake keeps it: one without small letters is
// written in small ones.
func Fold(name string) string {
	for i := range len(name) {
		if name[i] >= 'a' && name[i] <= 'z' {
			return name
		}
	}
	return ascii(name, 'A', 'Z', 'a')
}

// sfIdent quotes a name. Letters beyond ASCII are left alone, so that Fold always gives it back.
func sfIdent(name string) string {
	for i := range len(name) {
		if name[i] >= 'A' && name[i] <= 'Z' {
			return quote(name)
		}
	}
	return quote(ascii(name, 'a', 'z', 'A'))
}

// ascii moves the letters from first to last to those that begin with to.
func ascii(s string, first, last, to byte) string {
	b := []byte(s)
	for i, c := range b {
		if c >= first && c <= last {
			b[i] = c - first + to
		}
	}
	return string(b)
}

// sfText is a string literal, in which a backslash is an escape.
func sfText(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`, "\r", `\r`).Replace(s) + `'`
}

// sfRows is a table of values. ARRAY_CONSTRUCT cannot stand in a VALUES clause.
func sfRows(w *writer, q rel.Values, level int) string {
	names, lists := make([]string, len(q.Columns)), false
	for i, f := range q.Columns {
		names[i] = w.ident(f.Name)
		lists = lists || f.Type == models.List
	}
	text := "(VALUES"
	if lists {
		text = "("
	}
	for i, row := range q.Rows {
		switch {
		case !lists && i > 0:
			text += ","
		case i > 0:
			text += nl(deeper(level)) + "UNION ALL"
		}
		if !lists {
			text += nl(deeper(level)) + "(" + w.list(row, flat) + ")"
			continue
		}
		text += nl(deeper(level)) + "SELECT " + w.list(row, flat)
	}
	return text + nl(level) + ") AS " + w.ident("v") + " (" + strings.Join(names, ", ") + ")"
}
