package compile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/weir-data/weir/internal/rel"
)

// plan is a country's numbering plan.
type plan struct {
	country string // ISO 3166, "--" for services without one
	code    string // calling code
	trunk   string // what is dialled before a national number at home; "" for nothing
	lengths []int  // of national numbers, without trunk
}

// plans reads the table.
var plans = sync.OnceValue(func() []plan {
	var ps []plan
	for line := range strings.Lines(phonePlans) {
		f := strings.Fields(line)
		p := plan{country: f[0], code: f[1], trunk: strings.TrimPrefix(f[2], "-")}
		for _, span := range strings.Split(f[3], ",") {
			lo, hi, both := strings.Cut(span, "-")
			from, _ := strconv.Atoi(lo)
			to := from
			if both {
				to, _ = strconv.Atoi(hi)
			}
			for n := from; n <= to; n++ {
				p.lengths = append(p.lengths, n)
			}
		}
		ps = append(ps, p)
	}
	return ps
})

func planOf(country string) (plan, bool) {
	for _, p := range plans() {
		if p.country == strings.ToUpper(country) {
			return p, true
		}
	}
	return plan{}, false
}

// international matches the digits of a number with its calling code, for every plan.
var international = sync.OnceValue(func() string {
	lengths := map[string][]int{}
	for _, p := range plans() {
		lengths[p.code] = append(lengths[p.code], p.lengths...)
	}
	codes := map[string][]string{} // by the regular expression of what follows
	for code, ns := range lengths {
		slices.Sort(ns)
		ns = slices.Compact(ns)
		var alts []string
		for i := 0; i < len(ns); {
			j := i
			for j+1 < len(ns) && ns[j+1] == ns[j]+1 {
				j++
			}
			digits := fmt.Sprintf("[0-9]{%d}", ns[i])
			if j > i {
				digits = fmt.Sprintf("[0-9]{%d,%d}", ns[i], ns[j])
			}
			alts = append(alts, digits)
			i = j + 1
		}
		rest := strings.Join(alts, "|")
		if len(alts) > 1 {
			rest = "(" + rest + ")"
		}
		if code == "1" {
			rest = "[2-9][0-9]{9}" // area codes of North America begin with 2 to 9
		}
		codes[rest] = append(codes[rest], code)
	}
	var alts []string
	for rest, cs := range codes {
		slices.Sort(cs)
		alts = append(alts, "("+strings.Join(cs, "|")+")"+rest)
	}
	slices.Sort(alts)
	return "^(" + strings.Join(alts, "|") + ")$"
})

// zeroTrunk matches numbers in which the trunk zero was left after a calling code of n digits:
// +33 06….
func zeroTrunk(n int) string {
	var codes []string
	for _, p := range plans() {
		if p.trunk == "0" && len(p.code) == n && !slices.Contains(codes, p.code) {
			codes = append(codes, p.code)
		}
	}
	slices.Sort(codes)
	return "^(" + strings.Join(codes, "|") + ")0"
}

// dialled are the digits of a phone number as it was written, after a + if it begins with one, and
// after an x if it has letters, which no number has. What people put around a number is left out:
// tel:, (0), an extension. Most numbers are digits, or digits and blanks, and need no closer look.
func dialled(number rel.Expr) rel.Expr {
	is := func(pattern string) rel.Expr { return rel.F(rel.RegexTest, number, rel.T(pattern)) }
	bare := rel.F(rel.RegexDrop, number, rel.T(`^tel:|\(0\)| *(ext\.?|x|#) *[0-9]+$`))
	sign := rel.Case{Whens: []rel.When{
		{If: rel.F(rel.RegexTest, bare, rel.T(`[a-z@,;]`)), Then: rel.T("x")},
		{If: rel.F(rel.HasPrefix, bare, rel.T("+")), Then: rel.T("+")}}, Else: rel.T("")}
	return rel.Case{Whens: []rel.When{
		{If: is(`^[+]?[0-9]*$`), Then: number},
		{If: is(`^[+]?[0-9 ]*$`), Then: rel.F(rel.Replace, number, rel.T(" "), rel.T(""))},
		{If: rel.F(rel.And, is(`^[+]?[0-9 ()./-]*$`), rel.F(rel.Eq, rel.F(rel.Position, number, rel.T("(0)")), rel.I(0))),
			Then: rel.F(rel.Translate, number, rel.T(" ()./-"), rel.T(""))}},
		Else: rel.F(rel.Concat, sign, rel.F(rel.RegexDrop, bare, rel.T(`[^0-9]`)))}
}

// phoneDigits are the digits of a dialled number from the calling code on, ” if that cannot be
// told: a number with neither + nor 00 needs a country.
func phoneDigits(country string, digits rel.Expr) rel.Expr {
	length := rel.F(rel.Length, digits)
	from := func(n int64) rel.Expr { return rel.F(rel.Substr, digits, rel.I(n), rel.I(20)) }
	whens := []rel.When{
		{If: rel.F(rel.HasPrefix, digits, rel.T("x")), Then: rel.T("")},
		{If: rel.F(rel.HasPrefix, digits, rel.T("+")), Then: from(2)},
		{If: rel.F(rel.HasPrefix, digits, rel.T("00")), Then: from(3)},
	}
	if p, ok := planOf(country); ok {
		fits := func(more int) rel.Expr { // a national number after so many digits
			var in []rel.Expr
			for _, n := range p.lengths {
				in = append(in, rel.I(int64(n+more)))
			}
			return rel.InList{Expr: length, List: in}
		}
		if p.code == "1" {
			whens = append(whens, rel.When{If: rel.F(rel.And, rel.F(rel.HasPrefix, digits, rel.T("011")), rel.F(rel.Gt, length, rel.I(11))), Then: from(4)})
		}
		if p.trunk != "" {
			whens = append(whens, rel.When{
				If:   rel.F(rel.And, rel.F(rel.HasPrefix, digits, rel.T(p.trunk)), fits(len(p.trunk))),
				Then: rel.F(rel.Concat, rel.T(p.code), from(int64(len(p.trunk)+1)))})
		}
		bare := fits(0)
		if p.trunk == "0" {
			bare = rel.F(rel.And, bare, rel.F(rel.Not, rel.F(rel.HasPrefix, digits, rel.T("0"))))
		}
		whens = append(whens,
			rel.When{If: bare, Then: rel.F(rel.Concat, rel.T(p.code), digits)},
			rel.When{If: rel.F(rel.And, rel.F(rel.HasPrefix, digits, rel.T(p.code)), fits(len(p.code))), Then: digits})
	}
	return rel.Case{Whens: whens, Else: rel.T("")}
}

// phoneTrunk takes out a trunk zero that was left after the calling code. Few numbers have a zero
// there.
func phoneTrunk(digits rel.Expr) rel.Expr {
	cut := func(n int64) rel.When {
		return rel.When{If: rel.F(rel.And, rel.F(rel.Eq, rel.F(rel.Substr, digits, rel.I(n+1), rel.I(1)), rel.T("0")), rel.F(rel.RegexTest, digits, rel.T(zeroTrunk(int(n))))),
			Then: rel.F(rel.Concat, rel.F(rel.Substr, digits, rel.I(1), rel.I(n)), rel.F(rel.Substr, digits, rel.I(n+2), rel.I(20)))}
	}
	return rel.Case{Whens: []rel.When{cut(2), cut(3)}, Else: digits}
}
