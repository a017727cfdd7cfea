package compile

import (
	"regexp"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// junk are values that people and systems write where they have none.
var junk = []string{"null", "none", "nil", "n/a", "na", "unknown", "undefined", "anonymous", "guest", "test", "invalid", "-1", "[object object]"}

// maxIdentifier is the longest identifier that is believed, in characters.
const maxIdentifier = 1024

// whyNot is the rule that keeps a value from joining anything.
func whyNot(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	text, form, number := col("t"), col("n"), col("d")
	if byRow(id) {
		text, number = numberOf(text), numberOf(number)
	}
	fold := text
	if n := normalizer(id); n == "none" || n == "trim" {
		fold = rel.F(rel.Lower, bare(id, text))
	}
	isJunk := []rel.Expr{
		rel.InList{Expr: fold, List: texts(junk)},
		// nothing but zeros and dashes: 0, 000-000, the nil UUID; few values need a closer look
		rel.Case{Whens: []rel.When{{If: rel.InList{Expr: rel.F(rel.Substr, text, rel.I(1), rel.I(1)), List: []rel.Expr{rel.T("0"), rel.T("-")}},
			Then: rel.F(rel.Eq, rel.F(rel.Replace, rel.F(rel.Replace, text, rel.T("0"), rel.T("")), rel.T("-"), rel.T("")), rel.T(""))}}, Else: rel.B(false)},
		rel.F(rel.Gt, rel.F(rel.Length, text), rel.I(maxIdentifier)),
	}
	switch normalizer(id) {
	case "email":
		isJunk = append(isJunk, rel.F(rel.HasPrefix, col("f"), rel.T("test@")))
	case "phone":
		isJunk = append(isJunk, rel.F(rel.RegexTest, rel.F(rel.RegexDrop, number, rel.T(`[^0-9]`)), rel.T(madeUp)))
	case "date":
		isJunk = append(isJunk, rel.InList{Expr: col("f"), List: texts(placeholders)})
	}
	whens := []rel.When{
		{If: rel.F(rel.Eq, bare(id, text), rel.T("")), Then: rel.Null(models.Text)},
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

// madeUp matches the digits of a phone number made of one digit over and over, or ending so, and of
// those that go up or down one by one.
const madeUp = `^(0+|1{5,}|2{5,}|3{5,}|4{5,}|5{5,}|6{5,}|7{5,}|8{5,}|9{5,}|0?1234567890?|9876543210?)$|0{7}$`

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
