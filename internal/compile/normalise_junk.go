package compile

import (
	"regexp"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// junk are values that people and systems write where they have none. They are looked for among
// the values that can be one of them: short, and not a number.
var junk = []string{"null", "none", "nil", "nan", "n/a", "n.a.", "na", "unknown", "undefined", "anonymous", "guest", "test", "invalid", "empty", "missing",
	"not set", "(not set)", "(none)", "(null)", "<null>", "[object object]"}

// noMailbox matches emails that are written to get past a form.
const noMailbox = `^(test|null|none|undefined|unknown|noemail|no-email|no_email|no\.email|nomail|noone|nobody|invalid)@`

// maxIdentifier is the longest identifier that is believed, in characters.
const maxIdentifier = 1024

// whyNot is the rule that keeps a value from joining anything.
func whyNot(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	text, form, number := col("t"), col("n"), col("d")
	if byRow(id) {
		text, number = numberOf(text), numberOf(number)
	}
	text = bare(id, text)
	fold := text
	if n := normalizer(id); n == "none" || n == "trim" {
		fold = rel.F(rel.Lower, text)
	}
	within := func(text rel.Expr, lo, hi string) rel.Expr { // far cheaper than a look at the first character
		return rel.F(rel.And, rel.F(rel.Ge, text, rel.T(lo)), rel.F(rel.Lt, text, rel.T(hi)))
	}
	longest := 0
	for _, w := range junk {
		longest = max(longest, len(w))
	}
	short := rel.F(rel.Le, rel.F(rel.Bytes, text), rel.I(int64(longest)))
	is := func(test, then rel.Expr) rel.Expr {
		return rel.Case{Whens: []rel.When{{If: test, Then: then}}, Else: rel.B(false)}
	}
	without := func(chars ...rel.Expr) rel.Expr {
		e := text
		for _, c := range chars {
			e = rel.F(rel.Replace, e, c, rel.T(""))
		}
		return rel.F(rel.Eq, e, rel.T(""))
	}
	isJunk := []rel.Expr{
		is(rel.F(rel.And, short, rel.F(rel.Not, within(text, "0", ":"))), rel.InList{Expr: fold, List: texts(junk)}),
		// nothing but zeros and dashes: 0, 000-000, the nil UUID; and minus one
		is(within(text, "-", "1"), rel.F(rel.Or, rel.F(rel.Eq, text, rel.T("-1")), without(rel.T("0"), rel.T("-")))),
		// one character over and over where it should be a UUID, or the id of a device
		is(rel.InList{Expr: rel.F(rel.Bytes, text), List: []rel.Expr{rel.I(16), rel.I(32), rel.I(36)}}, without(rel.F(rel.Substr, text, rel.I(1), rel.I(1)), rel.T("-"))),
		is(rel.F(rel.Gt, rel.F(rel.Bytes, text), rel.I(maxIdentifier)), rel.F(rel.Gt, rel.F(rel.Length, text), rel.I(maxIdentifier))),
	}
	switch normalizer(id) {
	case "email":
		isJunk = append(isJunk, is(within(col("f"), "i", "v"), rel.F(rel.RegexTest, col("f"), rel.T(noMailbox))))
	case "phone":
		isJunk = append(isJunk, rel.F(rel.RegexTest, number, rel.T(madeUp)))
	case "date":
		isJunk = append(isJunk, rel.InList{Expr: col("f"), List: texts(placeholders)})
	}
	whens := []rel.When{
		{If: rel.F(rel.Eq, text, rel.T("")), Then: rel.Null(models.Text)},
		{If: rel.F(rel.Or, isJunk...), Then: rel.T("junk")},
	}
	if len(id.Ignore) > 0 {
		value := rel.F(rel.Lower, rel.F(rel.Coalesce, form, text))
		var globs []rel.Expr
		for _, g := range id.Ignore {
			globs = append(globs, glob(value, strings.ToLower(g)))
		}
		whens = append(whens, rel.When{If: or(globs), Then: rel.T("ignore")})
	}
	return rel.Case{Whens: append(whens, rel.When{If: rel.F(rel.IsNull, form), Then: rel.T("invalid")})}
}

// madeUp matches a dialled phone number made of one digit over and over, or ending so, and of
// those that go up or down one by one.
const madeUp = `^[+x]?(0+|1{5,}|2{5,}|3{5,}|4{5,}|5{5,}|6{5,}|7{5,}|8{5,}|9{5,}|0?1234567890?|9876543210?)$|0{7}$`

// glob tests a text against a pattern in which * is any text and ? any character.
func glob(text rel.Expr, pattern string) rel.Expr {
	inner := strings.Trim(pattern, "*")
	switch {
	case strings.ContainsAny(inner, "*?"):
		re := regexp.QuoteMeta(pattern)
		re = strings.ReplaceAll(strings.ReplaceAll(re, `\*`, `.*`), `\?`, `.`)
		return rel.F(rel.RegexTest, text, rel.T("^"+re+"$"))
	case pattern == inner:
		return rel.F(rel.Eq, text, rel.T(inner))
	case inner == "":
		return rel.F(rel.NotNull, text)
	case strings.HasPrefix(pattern, "*") && strings.HasSuffix(pattern, "*"):
		return rel.F(rel.Gt, rel.F(rel.Position, text, rel.T(inner)), rel.I(0))
	case strings.HasPrefix(pattern, "*"):
		return rel.F(rel.HasSuffix, text, rel.T(inner))
	}
	return rel.F(rel.HasPrefix, text, rel.T(inner))
}
