package compile

import (
	"regexp"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Normalising makes values of one identifier comparable over sources. It happens on the distinct
// raw values of a source, in layers of subqueries, so that no expression is written twice. Each
// layer adds one column per identifier type to those below it, named by the layer and the
// identifier's rank, over a first layer r: the value as the source has it, absent as ”.
var layers = []layer{
	{"t", trimmed},      // trimmed, in lower case where case does not tell values apart
	{"d", undecorated},  // without what people put around it
	{"f", dialled},      // phones: digits with the calling code, as far as it is known
	{"c", withoutTrunk}, // phones: without a trunk zero after the calling code
	{"n", normalForm},   // the normal form, NULL if it has none
	{"x", whyNot},       // why it joins nothing: junk, ignore, invalid; NULL if it does or is absent
	{"v", usable},       // the normal form if it joins
}

// layer is one step of normalising. It gives nil where it would change nothing: then the layers
// above see the one below.
type layer struct {
	name string
	of   func(id *models.Identifier, col func(layer string) rel.Expr) rel.Expr
}

// junk are values that people and systems write where they have none.
var junk = []string{"null", "none", "nil", "n/a", "na", "unknown", "undefined", "anonymous", "guest", "test", "invalid", "-1", "[object object]"}

// maxIdentifier is the longest identifier that is believed, in characters.
const maxIdentifier = 1024

// normalizer is how values of an identifier are made comparable.
func normalizer(id *models.Identifier) string {
	switch {
	case id.Normalize != "":
		return id.Normalize
	case id.Type == "email", id.Type == "phone":
		return id.Type
	}
	return "trim"
}

func trimmed(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	switch normalizer(id) {
	case "none":
		return nil
	case "email", "phone", "lower":
		return rel.F(rel.Lower, rel.F(rel.Trim, col("r")))
	}
	return rel.F(rel.Trim, col("r"))
}

func undecorated(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	t := col("t")
	switch normalizer(id) {
	case "phone":
		return rel.F(rel.RegexDrop, t, rel.T(`^tel:|\(0\)| *(ext\.?|x|#) *[0-9]+$`))
	case "email":
		return rel.Case{Whens: []rel.When{{If: rel.F(rel.HasSuffix, t, rel.T(".")),
			Then: rel.F(rel.Substr, t, rel.I(1), rel.F(rel.Subtract, rel.F(rel.Length, t), rel.I(1)))}}, Else: t}
	}
	return nil
}

func dialled(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	if normalizer(id) == "phone" {
		return phoneDigits(id.Country, col("d"))
	}
	return nil
}

func withoutTrunk(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	if normalizer(id) == "phone" {
		return phoneTrunk(col("f"))
	}
	return nil
}

func normalForm(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	c := col("c")
	switch normalizer(id) {
	case "phone":
		return rel.Case{Whens: []rel.When{{If: rel.F(rel.RegexTest, c, rel.T(international())), Then: rel.F(rel.Concat, rel.T("+"), c)}}}
	case "email":
		// A mailbox of up to 64 characters, one @, a domain of at least two labels, no blanks;
		// 254 bytes is the longest path of RFC 5321.
		return rel.Case{Whens: []rel.When{{If: rel.F(rel.And,
			rel.F(rel.RegexTest, c, rel.T(`^[^@[:space:],;<>()"]+@[^@[:space:],;<>()".]+(\.[^@[:space:],;<>()".]+)+$`)),
			rel.F(rel.Le, rel.F(rel.Position, c, rel.T("@")), rel.I(65)),
			rel.F(rel.Le, rel.F(rel.Bytes, c), rel.I(254))), Then: c}}}
	}
	return nil
}

func usable(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	return rel.Case{Whens: []rel.When{{If: rel.F(rel.And, rel.F(rel.IsNull, col("x")), rel.F(rel.Ne, bare(id, col("t")), rel.T(""))), Then: col("n")}}}
}

// bare is a text of layer t without blanks around it, which most have lost by then.
func bare(id *models.Identifier, text rel.Expr) rel.Expr {
	if normalizer(id) == "none" {
		return rel.F(rel.Trim, text)
	}
	return text
}

// whyNot is the rule that keeps a value from joining anything.
func whyNot(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	text, form := col("t"), col("n")
	fold := text
	if n := normalizer(id); n == "none" || n == "trim" {
		fold = rel.F(rel.Lower, bare(id, text))
	}
	var words []rel.Expr
	for _, w := range junk {
		words = append(words, rel.T(w))
	}
	isJunk := []rel.Expr{
		rel.InList{Expr: fold, List: words},
		// nothing but zeros and dashes: 0, 000-000, the nil UUID; few values need a closer look
		rel.Case{Whens: []rel.When{{If: rel.InList{Expr: rel.F(rel.Substr, text, rel.I(1), rel.I(1)), List: []rel.Expr{rel.T("0"), rel.T("-")}},
			Then: rel.F(rel.Eq, rel.F(rel.Replace, rel.F(rel.Replace, text, rel.T("0"), rel.T("")), rel.T("-"), rel.T("")), rel.T(""))}}, Else: rel.B(false)},
		rel.F(rel.Gt, rel.F(rel.Length, text), rel.I(maxIdentifier)),
	}
	switch normalizer(id) {
	case "email":
		isJunk = append(isJunk, rel.F(rel.HasPrefix, text, rel.T("test@")))
	case "phone":
		isJunk = append(isJunk, rel.F(rel.RegexTest, rel.F(rel.RegexDrop, col("d"), rel.T(`[^0-9]`)), rel.T(oneDigit)))
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

// oneDigit matches the digits of a phone number made of one digit over and over, or ending so.
const oneDigit = `^(0+|1{5,}|2{5,}|3{5,}|4{5,}|5{5,}|6{5,}|7{5,}|8{5,}|9{5,})$|0{7}$`

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

func or(es []rel.Expr) rel.Expr {
	if len(es) == 1 {
		return es[0]
	}
	return rel.F(rel.Or, es...)
}

func and(es []rel.Expr) rel.Expr {
	if len(es) == 1 {
		return es[0]
	}
	return rel.F(rel.And, es...)
}
