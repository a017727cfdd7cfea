package compile

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/language"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// A source may say in a column which country a row's phone number is from. The raw value of such
// an identifier is then the number, a mark, and the country as the row has it, so that one number
// of two countries is two values: "0639980001 @FR". The layers of normalising carry it along, as
// the country's numbering plan from layer d on.
const (
	ofRow = "@" // before the country of an identifier: rows have their own, and this one is the default
	mark  = " @"
)

// inSource is an identifier type as a source has it: with ofRow if the source says the country of
// each row.
func inSource(id *models.Identifier, s models.SourceIdentifier) *models.Identifier {
	if s.Country == "" {
		return id
	}
	own := *id
	own.Country = ofRow + id.Country
	return &own
}

// withCountry is the text of a phone number with the country of its row, where it has both.
func withCountry(in Input, s *models.Source, id models.SourceIdentifier, phone rel.Expr) (rel.Expr, *diag.Problem) {
	c, problem := sourceColumn(in, s, id.Country)
	if problem != nil {
		return nil, problem
	}
	country := rel.F(rel.Coalesce, rel.F(rel.Upper, rel.F(rel.Trim, rel.Cast{Expr: rel.C(rowAlias, c.Name), Type: models.Text, From: c.Type})), rel.T(""))
	number := rel.F(rel.Coalesce, rel.F(rel.Trim, phone), rel.T(""))
	return rel.Case{
		Whens: []rel.When{{If: rel.F(rel.And, rel.F(rel.Ne, country, rel.T("")), rel.F(rel.Ne, number, rel.T(""))),
			Then: rel.F(rel.Concat, number, rel.T(mark), country)}},
		Else: number,
	}, nil
}

// byRow tells that values of an identifier may have the country of their row behind them.
func byRow(id *models.Identifier) bool { return strings.HasPrefix(id.Country, ofRow) }

// numberOf and behind are the parts of a value with a country, or a plan, behind it.
func numberOf(text rel.Expr) rel.Expr { return rel.F(rel.Part, text, rel.T(mark), rel.I(1)) }
func behind(text rel.Expr) rel.Expr   { return rel.F(rel.Part, text, rel.T(mark), rel.I(2)) }

// NumberOf is a value of an identifier, less the country of its row where that stands behind it.
func NumberOf(value rel.Expr) rel.Expr { return numberOf(value) }

// frequent are the countries that most rows are from, which are looked for first.
var frequent = strings.Fields("US CA GB FR DE IT ES NL BE CH AT PT PL SE DK NO FI IE AU NZ IN BR MX JP CN")

// planTable has the plan of each country behind its codes of two and three letters, in lower
// case: "|us:1,1,;10;|". Great Britain is also uk, as everybody but the standard has it.
var planTable = sync.OnceValue(func() string {
	ps := slices.Clone(plans())
	slices.SortStableFunc(ps, func(a, b plan) int { return place(a.country) - place(b.country) })
	var two, three strings.Builder
	for _, p := range ps {
		if p.country == "--" {
			continue
		}
		two.WriteString("|" + strings.ToLower(p.country) + ":" + p.text())
		if r, err := language.ParseRegion(p.country); err == nil {
			three.WriteString("|" + strings.ToLower(r.ISO3()) + ":" + p.text())
		}
		if p.country == "GB" {
			three.WriteString("|uk:" + p.text())
		}
	}
	return two.String() + three.String() + "|"
})

func place(country string) int {
	if i := slices.Index(frequent, country); i >= 0 {
		return i
	}
	return len(frequent)
}

// text is a plan as the layers carry it: calling code, trunk, lengths.
func (p plan) text() string {
	out := p.code + "," + p.trunk + ",;"
	for _, n := range p.lengths {
		out += strconv.Itoa(n) + ";"
	}
	return out
}

// withPlan replaces the country behind a number by its plan: that of the row if it is known, else
// that of the identifier, or nothing.
func withPlan(id *models.Identifier, number, country rel.Expr) rel.Expr {
	none := ""
	if p, ok := planOf(strings.TrimPrefix(id.Country, ofRow)); ok {
		none = p.text()
	}
	table := rel.T(planTable())
	entry := rel.F(rel.Concat, rel.T("|"), country, rel.T(":"))
	at := rel.F(rel.Position, table, entry)
	found := rel.F(rel.Part, rel.F(rel.Part, rel.F(rel.Substr, table, rel.F(rel.Add, at, rel.I(1)), rel.I(80)), rel.T("|"), rel.I(1)), rel.T(":"), rel.I(2))
	return rel.F(rel.Concat, number, rel.T(mark), rel.Case{
		Whens: []rel.When{
			{If: rel.F(rel.Eq, country, rel.T("")), Then: rel.T(none)},
			{If: rel.F(rel.Gt, at, rel.I(0)), Then: found},
		}, Else: rel.T(none)})
}

// phoneDigitsByPlan does what phoneDigits does, by the plan behind a number.
func phoneDigitsByPlan(text rel.Expr) rel.Expr {
	digits := numberOf(text)
	of := func(n int64) rel.Expr { return rel.F(rel.Part, behind(text), rel.T(","), rel.I(n)) }
	code, trunk, lengths := of(1), of(2), of(3)
	length := rel.F(rel.Length, digits)
	from := func(n rel.Expr) rel.Expr { return rel.F(rel.Substr, digits, n, rel.I(20)) }
	after := func(prefix rel.Expr) rel.Expr { return from(rel.F(rel.Add, rel.F(rel.Length, prefix), rel.I(1))) }
	fits := func(n rel.Expr) rel.Expr {
		n = rel.Cast{Expr: n, Type: models.Text, From: models.Integer}
		return rel.F(rel.Gt, rel.F(rel.Position, lengths, rel.F(rel.Concat, rel.T(";"), n, rel.T(";"))), rel.I(0))
	}
	begins := func(prefix rel.Expr) rel.Expr {
		return rel.F(rel.And, rel.F(rel.Ne, prefix, rel.T("")), rel.F(rel.HasPrefix, digits, prefix), fits(rel.F(rel.Subtract, length, rel.F(rel.Length, prefix))))
	}
	return rel.Case{Whens: []rel.When{
		{If: rel.F(rel.HasPrefix, digits, rel.T("x")), Then: rel.T("")},
		{If: rel.F(rel.HasPrefix, digits, rel.T("+")), Then: from(rel.I(2))},
		{If: rel.F(rel.HasPrefix, digits, rel.T("00")), Then: from(rel.I(3))},
		{If: rel.F(rel.Eq, code, rel.T("")), Then: rel.T("")},
		{If: rel.F(rel.And, rel.F(rel.Eq, code, rel.T("1")), rel.F(rel.HasPrefix, digits, rel.T("011")), rel.F(rel.Gt, length, rel.I(11))), Then: from(rel.I(4))},
		{If: begins(trunk), Then: rel.F(rel.Concat, code, after(trunk))},
		{If: rel.F(rel.And, fits(length), rel.F(rel.Not, rel.F(rel.And, rel.F(rel.Eq, trunk, rel.T("0")), rel.F(rel.HasPrefix, digits, rel.T("0"))))),
			Then: rel.F(rel.Concat, code, digits)},
		{If: begins(code), Then: digits},
	}, Else: rel.T("")}
}
