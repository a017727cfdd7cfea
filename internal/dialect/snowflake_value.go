package dialect

import (
	"errors"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// sfTryText reads a text as another type. TRY_CAST takes texts only.
func sfTryText(x string, to rel.Type) string {
	switch to {
	case models.Integer:
		return sfInteger("TRY_CAST(" + sfPick(x, integerShape) + " AS NUMBER(38,0))")
	case models.Number:
		return "TRY_CAST(" + sfPick(x, numberShape) + " AS " + sfNumber + ")"
	case models.Date:
		return "TRY_CAST(" + sfPick(x, dayOf(dateShape)) + " AS DATE)"
	}
	// Of the forms that are read without being told there is none with more than nine decimals, and
	// not each way to write an offset goes with each way to write a time.
	text := sfPick(x, instantOf(dateShape))
	for _, r := range [][2]string{
		{`([.][0-9]{6})[0-9]+`, `\1`}, {` ?Z$`, `+00:00`}, {`(:[0-9.]+) ?([+-][0-9]{2}):?([0-9]{2})?$`, `\1\2:\3`}, {`:$`, `:00`},
	} {
		text = "REGEXP_REPLACE(" + text + ", " + sfText(r[0]) + ", " + sfText(r[1]) + ")"
	}
	return "TRY_CAST(" + text + " AS " + sfInstant + ")"
}

// sfPick is the first group of a shape in a text, or NULL.
func sfPick(x, shape string) string {
	p, _ := captures(shape)
	return "REGEXP_SUBSTR(" + x + ", " + sfText(p) + ", 1, 1, 'se', 1)"
}

// sfInteger makes a number without fraction one of 64 bits, or NULL: the warehouse's integers have
// 38 digits.
func sfInteger(n string) string {
	return "CASE WHEN " + n + " BETWEEN -9223372036854775808 AND 9223372036854775807 THEN CAST(" + n + " AS BIGINT) END"
}

// sfNumberOf makes a numeric value a Number. A floating-point value has 15 digits that mean
// something; a plain cast would show all that its bits say. Its text is not fit to be read: how many
// digits it has is not documented.
func sfNumberOf(x string, try bool) string {
	number := "CAST(" + x + " AS " + sfNumber + ")"
	text := "CASE "
	if try {
		text += "WHEN ABS(" + x + ") >= 1e28 THEN NULL "
	}
	return text + "WHEN TYPEOF(TO_VARIANT(" + x + ")) <> 'DOUBLE' THEN " + number +
		" WHEN " + x + " = FLOOR(" + x + ") THEN CAST(CAST(" + x + " AS NUMBER(38,0)) AS " + sfNumber + ")" +
		" ELSE CAST(ROUND(" + number + ", 14 - CAST(FLOOR(LOG(10, GREATEST(1e5, ABS(" + x + ")))) AS INTEGER)) AS " + sfNumber + ") END"
}

// sfNumberText writes a Number without zeros at the end.
func sfNumberText(n string) string { return "RTRIM(RTRIM(CAST(" + n + " AS VARCHAR), '0'), '.')" }

// sfVariantText writes a VARIANT. A value knows its type there.
func sfVariantText(v string) string {
	return "CASE WHEN TYPEOF(" + v + ") = 'DECIMAL' THEN " + sfNumberText("CAST("+v+" AS "+sfNumber+")") +
		" WHEN TYPEOF(" + v + ") = 'DOUBLE' THEN " + sfNumberText(sfNumberOf("CAST("+v+" AS DOUBLE)", true)) +
		" WHEN STARTSWITH(TYPEOF(" + v + "), 'TIMESTAMP') THEN TO_VARCHAR(CAST(" + v + " AS " + sfInstant + "), " + sfUTC + ")" +
		" ELSE CAST(" + v + " AS VARCHAR) END"
}

// sfJSON is the text of a VARIANT or ARRAY as JSON. Whether a slash is escaped is not documented:
// the warehouse is asked.
func sfJSON(v string) string {
	return "CASE WHEN TO_JSON(TO_VARIANT('/')) = '\"/\"' THEN TO_JSON(" + v + ") ELSE REPLACE(TO_JSON(" + v + `), '\\/', '/') END`
}

// sfFirst is the first item of an array, which is a VARIANT and gets its type back. Arrays leave out
// NULL, so that values which may be NULL are put in one of their own.
func sfFirst(x, order, where string, typ rel.Type) string {
	as := " AS " + sfTypes[typ] + ")"
	within := ") WITHIN GROUP (ORDER BY " + order + "), 0)"
	if where == "" {
		return "CAST(GET(ARRAY_AGG(" + x + within + as
	}
	return "CAST(GET(GET(ARRAY_AGG(CASE WHEN " + where + " THEN ARRAY_CONSTRUCT(" + x + ") END" + within + ", 0)" + as
}

// sfHas looks for each item by itself.
func sfHas(a []string, word string) string {
	if len(a) == 1 {
		return map[string]string{" OR ": "FALSE", " AND ": "TRUE"}[word]
	}
	each := make([]string, len(a)-1)
	for i, item := range a[1:] {
		each[i] = "ARRAY_CONTAINS(TO_VARIANT(" + item + "), " + a[0] + ")"
	}
	return "(" + strings.Join(each, word) + ")"
}

// sfLocal is a naive time in UTC as the clocks of a zone show it.
func sfLocal(utc, zone string) string { return "CONVERT_TIMEZONE('UTC', " + zone + ", " + utc + ")" }

// sfInstantOf is the time at which the clocks of a zone show a naive one. Which of two is meant where
// they go back an hour, and what where they leave one out, is not documented: it becomes the later
// one, as everywhere.
func sfInstantOf(x, zone string) string {
	naive := "CAST(" + x + " AS " + sfNaive + ")"
	if zone == "'UTC'" {
		return "CAST(" + naive + " AS " + sfInstant + ")"
	}
	at := "CONVERT_TIMEZONE(" + zone + ", 'UTC', " + naive + ")"
	later := "DATEADD(hour, 1, " + at + ")"
	return "CAST(CASE WHEN " + sfLocal(later, zone) + " = " + naive + " OR " + sfLocal(at, zone) + " < " + naive +
		" THEN " + later + " ELSE " + at + " END AS " + sfInstant + ")"
}

// sfMatches tells that a text has a match of a pattern, a literal. What the warehouse calls LIKE must
// match the whole text.
func sfMatches(x, pattern string) string {
	return "REGEXP_LIKE(" + x + ", '.*(" + strings.TrimSuffix(strings.TrimPrefix(pattern, "'"), "'") + ").*', 's')"
}

// captures writes a pattern whose groups all capture, as POSIX has them: there are no others. numbers
// tells what became of the group with a number, from 1.
func captures(p string) (out string, numbers []int) {
	var b strings.Builder
	numbers = []int{0}
	groups := 0
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
		case '(':
			groups++
			if strings.HasPrefix(p[i:], "(?:") {
				b.WriteByte('(')
				i += 2
				continue
			}
			numbers = append(numbers, groups)
		}
		b.WriteByte(p[i])
	}
	return b.String(), numbers
}

// classEnd is the length of the class in brackets at the start of s, which is closed.
func classEnd(s string) int {
	i := 1
	if strings.HasPrefix(s[i:], "^") {
		i++
	}
	if strings.HasPrefix(s[i:], "]") {
		i++
	}
	for ; s[i] != ']'; i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.HasPrefix(s[i:], "[:"):
			i += strings.Index(s[i:], ":]") + 1
		}
	}
	return i + 1
}

// sfReplacement has the groups' new numbers. Only nine can be named.
func sfReplacement(p, r string) (string, error) {
	_, numbers := captures(p)
	var b strings.Builder
	for i := 0; i < len(r); i++ {
		if r[i] == '\\' {
			i++
			n := int(r[i] - '0')
			if n >= len(numbers) {
				continue // a group that is not there is empty
			}
			if numbers[n] > 9 {
				return "", errors.New("a group that the replacement names has more than eight groups before it")
			}
			b.WriteString(`\` + strconv.Itoa(numbers[n]))
			continue
		}
		b.WriteByte(r[i])
	}
	return b.String(), nil
}

// accents are the letters with marks, in the scripts where names are written without them at times,
// and the bare letters in their order. Marks that stand alone come last, beyond the end of the bare
// ones, and are dropped. There is no function for it.
var accents = sync.OnceValues(func() (marked, bare string) {
	var from, to, alone strings.Builder
	drop := strings.NewReplacer(markPairs()...)
	for r := rune(0x80); r < 0x2190; r++ {
		if r >= 0x0900 && r <= 0x1dff {
			continue
		}
		one := string(r)
		switch plain := norm.NFC.String(drop.Replace(norm.NFD.String(one))); {
		case plain == "":
			alone.WriteString(one)
		case plain != one && len([]rune(plain)) == 1:
			from.WriteString(one)
			to.WriteString(plain)
		}
	}
	return from.String() + alone.String(), to.String()
})
