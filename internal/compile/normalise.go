package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Normalising makes values of one identifier comparable over sources. It happens on the distinct
// raw values of a source, in layers of subqueries, so that no expression is written twice. Each
// layer adds one column per identifier type to those below it, named by the layer and the
// identifier's rank, over a first layer r: the value as the source has it, absent as ”.
var layers = []layer{
	{"t", trimmed},     // trimmed, in lower case where case does not tell values apart
	{"d", undecorated}, // without what people put around it; names and addresses: in plain letters
	{"f", taken},       // phones: digits with the calling code, as far as it is known; names and addresses: words; dates: 2006-01-02; emails: as the provider reads them
	{"c", completed},   // phones: without a trunk zero after the calling code; names: without titles; addresses: abbreviated
	{"n", normalForm},  // the normal form, NULL if it has none
	{"x", whyNot},      // why it joins nothing: junk, ignore, invalid; NULL if it does or is absent
	{"v", usable},      // the normal form if it joins
}

// layer is one step of normalising. It gives nil where it would change nothing: then the layers
// above see the one below.
type layer struct {
	name string
	of   func(id *models.Identifier, col func(layer string) rel.Expr) rel.Expr
}

// normalizer is how values of an identifier are made comparable.
func normalizer(id *models.Identifier) string { return id.Normalizer() }

func trimmed(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	switch normalizer(id) {
	case "none":
		return nil
	case "trim":
		return rel.F(rel.Trim, col("r"))
	}
	return rel.F(rel.Lower, rel.F(rel.Trim, col("r")))
}

func undecorated(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	t := col("t")
	switch normalizer(id) {
	case "phone":
		if byRow(id) {
			return withPlan(id, dialled(numberOf(t)), behind(t))
		}
		return dialled(t)
	case "email":
		return rel.Case{Whens: []rel.When{{If: rel.F(rel.HasSuffix, t, rel.T(".")),
			Then: rel.F(rel.Substr, t, rel.I(1), rel.F(rel.Subtract, rel.F(rel.Length, t), rel.I(1)))}}, Else: t}
	case "name", "address":
		return plainLetters(t)
	}
	return nil
}

func taken(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	d := col("d")
	switch normalizer(id) {
	case "phone":
		if byRow(id) {
			return phoneDigitsByPlan(d)
		}
		return phoneDigits(id.Country, d)
	case "email":
		if id.ProviderRules {
			return mailbox(d)
		}
	case "name":
		return rel.F(rel.Trim, words(d, " "))
	case "address":
		return addressWords(d)
	case "date":
		return isoDay(id.DateOrder, d)
	}
	return nil
}

func completed(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	f := col("f")
	switch normalizer(id) {
	case "phone":
		return phoneTrunk(f)
	case "name":
		return nameWords(f)
	case "address":
		return abbreviated(f)
	}
	return nil
}

func normalForm(id *models.Identifier, col func(string) rel.Expr) rel.Expr {
	c := col("c")
	switch normalizer(id) {
	case "phone":
		return rel.Case{Whens: []rel.When{{If: rel.F(rel.RegexTest, c, rel.T(international())), Then: rel.F(rel.Concat, rel.T("+"), c)}}}
	case "email":
		// 64 characters are the longest mailbox and 254 bytes the longest path of RFC 5321.
		return rel.Case{Whens: []rel.When{{If: rel.F(rel.And,
			rel.F(rel.RegexTest, c, rel.T(address)),
			rel.F(rel.Le, rel.F(rel.Position, c, rel.T("@")), rel.I(65)),
			rel.F(rel.Le, rel.F(rel.Bytes, c), rel.I(254))), Then: c}}}
	case "name": // with a letter
		return rel.Case{Whens: []rel.When{{If: rel.F(rel.RegexTest, c, rel.T(`[^0-9 ]`)), Then: c}}}
	case "address":
		return rel.F(rel.NullIf, c, rel.T(""))
	case "date":
		return realDay(c)
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

// normalised is the normal form of one text by a normaliser, NULL if it has none, is absent or is
// junk. The option is the country of phone numbers without one, for dates which comes first
// (day_first or month_first), for emails provider_rules; "" for none. Every step of normalising is written out at each place that looks at
// it: for phones, and for many columns, normalForms does the same in layers.
func normalised(kind, option string, raw rel.Expr) rel.Expr {
	id := &models.Identifier{Type: kind, Normalize: kind}
	switch kind {
	case "phone":
		id.Country = option
	case "date":
		id.DateOrder = option
	case "email":
		id.ProviderRules = option == "provider_rules"
	}
	made := map[string]rel.Expr{"r": raw}
	below := "r"
	for _, layer := range layers {
		made[layer.name] = made[below]
		if e := layer.of(id, func(name string) rel.Expr { return made[name] }); e != nil {
			made[layer.name] = e
		}
		below = layer.name
	}
	return made["v"]
}
