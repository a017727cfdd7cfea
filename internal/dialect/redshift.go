package dialect

import (
	"errors"
	"strconv"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Redshift is the SQL of Amazon Redshift. Names are quoted; unless enable_case_sensitive_identifier is
// on, the server folds them to small letters all the same. Views are bound late, so that they do not
// hold the tables that a build replaces; what they read is named with its schema. Patterns are those of
// PCRE, parameter p. Text compares by its bytes where the database has its default collation, but for
// blanks at the end, which the server ignores when it compares.
//
// Lists are kept as the text of a JSON array: a SUPER is neither compared nor grouped by. A list of at
// most 65,535 bytes can be collected, as LISTAGG has it.
//
// There is neither a function of similarity nor one to make for the session, so that records are not
// matched fuzzily here; and the type of a value that the user's own SQL gives cannot be asked for: as
// text it has the form that the server gives it.
//
// Source: the Amazon Redshift Database Developer Guide, docs.aws.amazon.com/redshift/latest/dg: "Names
// and identifiers", "Data types", "SQL functions reference", "SQL commands", "Correlated subqueries".
func Redshift() Dialect { return renderer{&redshift} }

const (
	rsNumber = "DECIMAL(38,9)"
	rsText   = "VARCHAR(65535)" // without its length it is one of 256 bytes, and a cast cuts what is longer
	rsMoment = "TIMESTAMPTZ"

	rsSerialise = "JSON_SERIALIZE" //nolint:misspell // its name
)

var redshift = spelling{
	name: "redshift",
	types: map[rel.Type]string{
		models.Text: rsText, models.Integer: "BIGINT", models.Number: rsNumber,
		models.Boolean: "BOOLEAN", models.Date: "DATE", models.Timestamp: rsMoment,
		models.List: rsText, rel.Double: "DOUBLE PRECISION",
	},
	maxName:       127,
	lexicon:       lexicon{texts: "'"},
	text:          rsLiteral,
	bytewise:      func(x string) string { return x },
	pattern:       pcre,
	replacement:   func(_, r string) (string, error) { return dollars(r, false) },
	tryText:       rsTryText,
	whole:         rsWhole,
	day:           func(x string) string { return "CAST(" + x + " AT TIME ZONE 'UTC' AS DATE)" },
	number:        rsNumberOf,
	numberText:    func(n string) string { return "RTRIM(RTRIM(CAST(" + n + " AS " + rsText + "), '0'), '.')" },
	double:        func(digits string) string { return "CAST('" + digits + "' AS DOUBLE PRECISION)" },
	anyText:       func(x string) string { return "CAST(" + x + " AS " + rsText + ")" },
	boolText:      func(x string) string { return "CASE WHEN " + x + " THEN 'true' WHEN NOT " + x + " THEN 'false' END" },
	truncates:     true,
	typedFirst:    true,
	ranksFirst:    true,
	namesBits:     true,
	textLists:     true,
	noDeleteAlias: true,
	collect: func(x string) string {
		return "CASE WHEN COUNT(" + x + ") > 0 THEN '[' || LISTAGG(DISTINCT " + rsJSON(x) + ", ',') WITHIN GROUP (ORDER BY " + rsJSON(x) + ") || ']' END"
	},
	list:      rsList,
	listText:  func(x string) string { return x },
	boolMin:   "BOOL_AND",
	boolMax:   "BOOL_OR",
	bitOr:     "BIT_OR",
	xorOf:     rsXor,
	scaledAvg: true, // an average of integers is an integer
	call:      rsCall,
	rows:      rsRows,
	addColumn: func(table, field string) string { return "ALTER TABLE " + table + " ADD COLUMN " + field },
	createView: func(name, query string) string {
		return "CREATE OR REPLACE VIEW " + name + " AS\n" + query + "\nWITH NO SCHEMA BINDING"
	},
	analyze: func(name string) string { return "ANALYZE " + name },
	fn: map[rel.Fn]func(a []string) string{
		// A quotient of decimals has four digits after the point.
		rel.Divide: func(a []string) string {
			return rsNumberOf("(CAST("+a[0]+" AS DOUBLE PRECISION) / "+a[1]+")", false)
		},
		rel.Lower: func(a []string) string { return "LOWER(" + a[0] + ")" },
		rel.Upper: func(a []string) string { return "UPPER(" + a[0] + ")" },
		rel.Trim: func(a []string) string {
			return "BTRIM(" + a[0] + ", ' \u00a0' || CHR(9) || CHR(10) || CHR(11) || CHR(12) || CHR(13))"
		},
		rel.Length: func(a []string) string { return "LEN(" + a[0] + ")" },
		rel.Bytes:  func(a []string) string { return "OCTET_LENGTH(" + a[0] + ")" },
		rel.Substr: func(a []string) string { return "SUBSTRING(" + strings.Join(a, ", ") + ")" },
		// What is compared ends with a point, since blanks at the end would not count.
		rel.HasPrefix: func(a []string) string {
			return "(SUBSTRING(" + a[0] + ", 1, LEN(" + a[1] + ")) || '.' = " + a[1] + " || '.')"
		},
		rel.HasSuffix: func(a []string) string {
			return "(SUBSTRING(" + a[0] + ", GREATEST(LEN(" + a[0] + ") - LEN(" + a[1] + ") + 1, 1), LEN(" + a[1] + ")) || '.' = " + a[1] + " || '.')"
		},
		rel.RegexTest:    func(a []string) string { return "(REGEXP_COUNT(" + a[0] + ", " + a[1] + ", 1, 'p') > 0)" },
		rel.RegexDrop:    func(a []string) string { return "REGEXP_REPLACE(" + a[0] + ", " + a[1] + ", '', 1, 'p')" },
		rel.RegexReplace: func(a []string) string { return "REGEXP_REPLACE(" + a[0] + ", " + a[1] + ", " + a[2] + ", 1, 'p')" },
		rel.Unaccent:     rsUnaccent,
		rel.Hash64:       func(a []string) string { return "FNV_HASH(" + a[0] + ")" },
		rel.HashRow:      rsHashRow,
		rel.SHA256:       func(a []string) string { return "SHA2(" + a[0] + ", 256)" },
		rel.Bucket:       func(a []string) string { return "(STRTOL(SUBSTRING(SHA2(" + a[0] + ", 256), 1, 13), 16) % 10000)" },
		rel.AddSecs:      func(a []string) string { return "DATEADD(second, " + a[1] + ", " + a[0] + ")" },
		rel.Instant:      func(a []string) string { return "(CAST(" + a[0] + " AS TIMESTAMP) AT TIME ZONE " + a[1] + ")" },
		rel.LocalDate:    func(a []string) string { return "CAST(" + a[0] + " AT TIME ZONE " + a[1] + " AS DATE)" },
		rel.MonthDay:     func(a []string) string { return "TO_CHAR(CAST(" + a[0] + " AS DATE), 'MM-DD')" },
		rel.UTCText:      func(a []string) string { return rsUTCText("CAST(" + a[0] + " AS " + rsMoment + ")") },
		rel.JSONText:     func(a []string) string { return rsJSON(a[0]) },
		rel.ListAny:      func(a []string) string { return rsHas(a, " OR ") },
		rel.ListAll:      func(a []string) string { return rsHas(a, " AND ") },
		rel.GreatCircle: func(a []string) string {
			return haversine(a, func(m string) string { return "CAST(ROUND(" + m + ", 3) AS " + rsNumber + ")" })
		},
		rel.Float: func(a []string) string {
			return "NULLIF(CAST(" + a[0] + " AS DOUBLE PRECISION), CAST('NaN' AS DOUBLE PRECISION))"
		},
		rel.Exp: func(a []string) string {
			return "EXP(CASE WHEN " + a[0] + " > 700 THEN 700 WHEN " + a[0] + " < -700 THEN -700 ELSE " + a[0] + " END)"
		},
		rel.DaysApart: func(a []string) string {
			return "ABS(DATEDIFF(day, CAST(" + a[0] + " AS DATE), CAST(" + a[1] + " AS DATE)))"
		},
		rel.Probability: func(a []string) string {
			return "CAST(1 / (1 + POWER(CAST(2 AS DOUBLE PRECISION), -GREATEST(-60, LEAST(60, CAST(" + a[0] + " AS DOUBLE PRECISION))))) AS " + rsNumber + ")"
		},
	},
}

// rsLiteral is a string literal, in which a backslash is an escape.
func rsLiteral(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`, "\r", `\r`).Replace(s) + `'`
}

// rsCall renders what has no operator or function of the common name.
func rsCall(w *writer, c rel.Call, level int) (text string, prec int, ok bool) {
	switch c.Fn {
	case rel.Distinct, rel.Same: // there is no IS DISTINCT FROM
		a, b := w.arg(c.Args[0], level), w.arg(c.Args[1], level)
		if c.Fn == rel.Same {
			return "COALESCE(" + a + " = " + b + ", " + a + " IS NULL AND " + b + " IS NULL)", precAtom, true
		}
		return "COALESCE(" + a + " <> " + b + ", " + a + " IS NOT NULL OR " + b + " IS NOT NULL)", precAtom, true
	case rel.TextList:
		if typeOf(c.Args[0]) == models.List { // it is one already
			return w.arg(c.Args[0], level), precAtom, true
		}
		return w.fail("the items of a SUPER cannot be made texts on redshift: give a JSON array of texts"), precAtom, true
	}
	return "", 0, false
}

// rsRows is a table of values. A VALUES clause stands in INSERT only.
func rsRows(w *writer, q rel.Values, level int) string {
	text := "("
	for i, row := range q.Rows {
		if i > 0 {
			text += nl(deeper(level)) + "UNION ALL"
		}
		text += nl(deeper(level)) + "SELECT "
		for j, e := range row {
			if j > 0 {
				text += ", "
			}
			text += w.expr(e, flat) + " AS " + w.ident(q.Columns[j].Name)
		}
	}
	return text + nl(level) + ") AS " + w.ident("v")
}

// rsPick is the group of a shape in a text, or NULL.
func rsPick(x, shape string) string {
	return "NULLIF(REGEXP_SUBSTR(" + x + ", " + rsLiteral(pcre(shape)) + ", 1, 1, 'ep'), '')"
}

// rsTryText reads a text as another type. What has not the shape gives NULL, which stays so.
func rsTryText(x string, to rel.Type) string {
	switch to {
	case models.Integer:
		return rsWhole("CAST("+rsShort(rsPick(x, integerShape), 38)+" AS DECIMAL(38,0))", true)
	case models.Number:
		return rsNumberOf(x, true)
	case models.Date:
		return "CAST(" + rsPick(x, dayOf(realDateShape)) + " AS DATE)"
	}
	text := rsPick(x, instantOf(realDateShape))
	for _, r := range [][2]string{{`([.][0-9]{6})[0-9]+`, `$1`}, {`^(.{10})T`, `$1 `}, {` ?Z$`, `+00`}, {`([0-9]) ([+-])`, `$1$2`}} {
		text = "REGEXP_REPLACE(" + text + ", " + rsLiteral(pcre(r[0])) + ", '" + r[1] + "', 1, 'p')"
	}
	return "CAST(" + text + " AS " + rsMoment + ")"
}

// rsShort is a text if it has so many characters at most, or NULL.
func rsShort(text string, most int) string {
	return "CASE WHEN LEN(" + text + ") <= " + strconv.Itoa(most) + " THEN " + text + " END"
}

// rsWhole makes a number without fraction one of 64 bits, or NULL.
func rsWhole(n string, try bool) string {
	n = "ROUND(" + n + ")"
	if !try {
		return "CAST(" + n + " AS BIGINT)"
	}
	return "CASE WHEN " + n + " BETWEEN -9223372036854775808 AND 9223372036854775807 THEN CAST(" + n + " AS BIGINT) END"
}

// rsNumberOf makes a numeric value a Number, by its text: that of a floating-point value has the digits
// that mean something. One with an exponent is read as what it is.
func rsNumberOf(x string, try bool) string {
	text := "CAST(" + x + " AS VARCHAR(400))"
	is := "STRPOS(LOWER(" + text + "), 'e') > 0"
	if try {
		text = rsPick(text, numberShape)
	}
	return "CASE WHEN " + is + " THEN CAST(CAST(" + text + " AS DOUBLE PRECISION) AS " + rsNumber + ") ELSE CAST(" + text + " AS " + rsNumber + ") END"
}

// rsUTCText writes an instant.
func rsUTCText(t string) string {
	utc := "(" + t + " AT TIME ZONE 'UTC')"
	return "(TO_CHAR(" + utc + ", 'YYYY-MM-DD') || 'T' || TO_CHAR(" + utc + ", 'HH24:MI:SS.US') || 'Z')"
}

// rsJSON is a text as a JSON string.
func rsJSON(x string) string { return rsSerialise + "(CAST(" + x + " AS SUPER))" }

// rsList is a literal of texts.
func rsList(items string) string { return rsSerialise + "(ARRAY(" + items + "))" }

// rsHas looks for each item by itself.
func rsHas(a []string, word string) string {
	if len(a) == 1 {
		return map[string]string{" OR ": "FALSE", " AND ": "TRUE"}[word]
	}
	each := make([]string, len(a)-1)
	for i, item := range a[1:] {
		each[i] = "ARRAY_CONTAINS(JSON_PARSE(" + a[0] + "), CAST(" + item + " AS SUPER))"
	}
	return "(" + strings.Join(each, word) + ")"
}

// rsHashRow hashes the hashes of the values, of which each knows its type, and NULL has none.
func rsHashRow(a []string) string {
	parts := make([]string, len(a))
	for i, x := range a {
		parts[i] = "CASE WHEN " + x + " IS NULL THEN '-' ELSE CAST(FNV_HASH(" + x + ") AS VARCHAR(20)) END"
	}
	return "FNV_HASH(" + strings.Join(parts, " || ':' || ") + ")"
}

// rsXor is the xor of integers: of each bit, whether it is set an odd number of times.
func rsXor(x string) string {
	bits := make([]string, 64)
	for bit := range bits {
		n := strconv.Itoa(bit)
		bits[bit] = "((CAST(SUM((" + x + " >> " + n + ") & 1) AS BIGINT) & 1) << " + n + ")"
	}
	return "(" + strings.Join(bits, " | ") + ")"
}

// beyondScripts finds, in the hex digits of UTF-8, a character beyond the scripts whose letters have
// marks: U+0900 to U+1DFF, and from U+2190 on.
const beyondScripts = `^(..)*(e0a[4-9a-f]|e0b|e1[89a]|e1b[0-7]|e286[9ab]|e28[7-9a-f]|e2[9ab]|e[3-9a-f]|f)`

// rsUnaccent looks at bytes, since classes of characters beyond ASCII are not documented, and at the
// first 8,000 characters, whose digits fit a text.
func rsUnaccent(a []string) string {
	marked, bare := accents()
	digits := "LOWER(FROM_VARBYTE(CAST(SUBSTRING(" + a[0] + ", 1, 8000) AS VARBYTE(32000)), 'hex'))"
	return "CASE WHEN REGEXP_COUNT(" + digits + ", '" + beyondScripts + "', 1, 'p') > 0 THEN " + a[0] +
		" ELSE TRANSLATE(" + a[0] + ", '" + marked + "', '" + bare + "') END"
}

// pcre writes a pattern for an engine of Perl's kind: the dot matches line ends, and a dollar only the
// very end, not what stands before a last line end.
func pcre(p string) string { return "(?s)" + atEnd(p) }

// atEnd writes \z for each dollar outside of a class.
func atEnd(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			b.WriteByte(p[i])
			i++
		case '[':
			end := i + classEnd(p[i:])
			b.WriteString(p[i:end])
			i = end - 1
			continue
		case '$':
			b.WriteString(`\z`)
			continue
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

// dollars writes a replacement in which $1 is a group. Where a dollar can be escaped, a backslash does.
func dollars(r string, escapes bool) (string, error) {
	var b strings.Builder
	for i := 0; i < len(r); i++ {
		switch {
		case r[i] == '\\': // a digit follows
			i++
			b.WriteString("$" + r[i:i+1])
			if i+1 < len(r) && r[i+1] >= '0' && r[i+1] <= '9' {
				if !escapes {
					return "", errors.New("a digit follows the group that the replacement names")
				}
				b.WriteByte('\\') // it would be read as part of the number
			}
		case r[i] == '$' && !escapes:
			return "", errors.New("the replacement has a dollar, which names a group here")
		case r[i] == '$':
			b.WriteString(`\$`)
		default:
			b.WriteByte(r[i])
		}
	}
	return b.String(), nil
}
