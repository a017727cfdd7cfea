package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// HoldKeyShape is the code of a plan that would let many people go and bring as many, whose match
// values are the same ones written differently.
const HoldKeyShape = "syncs.key_shape"

// Of those who leave and those who come, at least likenessShare in a hundred are alike before a
// plan is held for it; fewer than likenessFloor are too few to tell.
const (
	likenessFloor = 100
	likenessShare = 80
)

// holdShape finds out whether match values were reformatted: in lower case, with zeros in front,
// with a prefix, or as another type. It is asked only where a guard of shares is near: where those
// who come are more than half of what one lets pass.
func (f *freeze) holdShape(ctx context.Context, ref *syncs.PlanRef) error {
	y, g := ref.Tally, f.b.Sync.Guard
	near := int64(min(g.MaxRemoved.Or(2000), g.MaxAdded.Or(5000)) / 2)
	if f.private() || y.Ledger == 0 || y.Added < likenessFloor || y.Added*10_000 <= y.Ledger*near {
		return nil
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	// Those who leave are there whatever the mode does with them.
	old := and(not(t("wanted")), rel.InList{Expr: t("l_state"), List: []rel.Expr{rel.T(stSent), rel.T(stAccepted)}})
	gone, err := f.se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: todoTable, Alias: "t"}, Where: old})
	if err != nil || gone < likenessFloor || max(gone, y.Added)*10 > min(gone, y.Added)*12 {
		return err
	}
	for _, canon := range []func(rel.Expr) rel.Expr{sameLetters, sameNumber} {
		side := func(alias string, where rel.Expr) rel.Relation {
			return rel.Sub{Alias: alias, Query: rel.Select{
				Columns: []rel.Column{rel.As("canon", canon(t("g"))), rel.As("g", rel.Agg{Fn: rel.Min, Arg: t("g")})},
				From:    rel.Table{Name: todoTable, Alias: "t"}, Where: where, GroupBy: []rel.Expr{canon(t("g"))},
			}}
		}
		pairs := rel.Select{
			From: side("o", old), Joins: []rel.Join{{Rel: side("n", eq(t("action"), rel.T(doAdd))), On: eq(rel.C("n", "canon"), rel.C("o", "canon"))}},
			Where: and(rel.F(rel.Ne, rel.C("o", "g"), rel.C("n", "g")), rel.F(rel.Ne, rel.C("o", "canon"), rel.T(""))),
		}
		pairs.Columns = []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}
		alike, err := f.se.number(ctx, pairs)
		if err != nil {
			return err
		}
		if alike < likenessFloor || alike*100 < min(gone, y.Added)*likenessShare {
			continue
		}
		pairs.Columns = []rel.Column{rel.As("goes", rel.C("o", "g")), rel.As("comes", rel.C("n", "g"))}
		pairs.OrderBy, pairs.Limit = []rel.Order{{Expr: rel.C("o", "g")}}, 20
		var examples []string
		err = f.se.each(ctx, pairs, func(r []any) error {
			x := shapeOf(asText(r[0])) + " → " + shapeOf(asText(r[1]))
			if len(examples) < 2 && !slices.Contains(examples, x) {
				examples = append(examples, x)
			}
			return nil
		})
		if err != nil {
			return err
		}
		ref.Holds = append(ref.Holds, syncs.Hold{Code: HoldKeyShape,
			What: fmt.Sprintf("%d of %d who leave and %d who come have the same match value, written differently, such as %s", alike, gone, y.Added, strings.Join(examples, " or ")),
			Fix:  "if the source changed by mistake, mend it; if its values are written so from now on, correct them at the destination, or approve it to have the old ones removed and the new ones added"})
		return nil
	}
	return nil
}

// sameLetters is a match value without what reformatting changes: its letters and digits in lower
// case, without zeros in front and without the decimals of a whole number.
func sameLetters(g rel.Expr) rel.Expr {
	return rel.F(rel.RegexDrop, rel.F(rel.RegexDrop, rel.F(rel.RegexDrop, rel.F(rel.Lower, valueOf(g)), rel.T(`[.]0+$`)), rel.T(`[^a-z0-9]+`)), rel.T(`^0+`))
}

// sameNumber is the number at the end of a match value, from its first digit that is no zero: what
// stays where a prefix comes or goes. It is NULL for a value without one.
func sameNumber(g rel.Expr) rel.Expr {
	value := rel.F(rel.RegexDrop, valueOf(g), rel.T(`[.]0+$`))
	return rel.F(rel.NullIf, rel.F(rel.RegexDrop, rel.F(rel.RegexReplace, value, rel.T(`^.*[^0-9]`), rel.T(``)), rel.T(`^0+`)), rel.T(""))
}

// valueOf is a match value without the name of its identifier.
func valueOf(g rel.Expr) rel.Expr {
	return rel.F(rel.Substr, g, rel.F(rel.Add, rel.F(rel.Position, g, rel.T(":")), rel.I(1)), rel.I(1000))
}

// shapeOf tells how a match value is written without telling what it is: a letter stands for each
// letter, 9 for each digit.
func shapeOf(g string) string {
	_, value, _ := strings.Cut(g, ":")
	var b strings.Builder
	n := 0
	for _, r := range value {
		if n++; n > 40 {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsUpper(r):
			b.WriteByte('A')
		case unicode.IsLetter(r):
			b.WriteByte('a')
		case unicode.IsDigit(r):
			b.WriteByte('9')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}
