package compile

import (
	"strings"

	"github.com/weir-data/weir/internal/rel"
)

// abbreviations are the words of addresses that are written in several ways, each line with the
// one that is kept first. The kept one is never among the others. The English ones are those of
// the United States Postal Service, Publication 28, appendices B and C.
const abbreviations = `st street saint
ave avenue av aven avenida avda
rd road
blvd boulevard bvd boul
dr drive
ln lane
ct court
pl place
sq square
ter terrace terr
hwy highway
pkwy parkway
cir circle
cres crescent
cl close
bldg building
fl floor
rm room
unit apartment apt flat suite ste
n north
s south
e east
w west
ne northeast
nw northwest
se southeast
sw southwest
mt mount
ch chemin
rte route
all allee
imp impasse
c calle
r rua
ul ulica
str strasse straat`

// endings are those that German and Dutch put at the end of a word, and the kept one.
var endings = [][2]string{{"strasse", "str"}, {"straat", "str"}, {"platz", "pl"}}

// addressWords are the words of an address, each between two blanks on either side, so that
// neighbours can both be found by the blanks around them.
func addressWords(text rel.Expr) rel.Expr {
	return words(rel.F(rel.Concat, rel.T(" "), rel.F(rel.Replace, text, rel.T("#"), rel.T(" unit ")), rel.T(" ")), "  ")
}

// abbreviated writes the words that addressWords gives in one way, single blanks between them.
// Replacing whole words by words needs no pattern, which is the quicker way by far.
func abbreviated(text rel.Expr) rel.Expr {
	for line := range strings.Lines(abbreviations) {
		forms := strings.Fields(line)
		for _, form := range forms[1:] {
			text = rel.F(rel.Replace, text, rel.T(" "+form+" "), rel.T(" "+forms[0]+" "))
		}
	}
	for _, e := range endings {
		text = rel.F(rel.Replace, text, rel.T(e[0]+" "), rel.T(e[1]+" "))
	}
	text = rel.F(rel.RegexReplace, text, rel.T("( unit )+"), rel.T(" unit "))
	return rel.F(rel.Trim, rel.F(rel.Replace, text, rel.T("  "), rel.T(" ")))
}
