package ledger

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
)

// Identifier is a value that names somebody, and what kind of value it is: an identifier type of
// the project, or what its syncs call a value that has none. The number of an order may be that of
// somebody else's loyalty card, so that erasures and suppressions are about kind and value.
type Identifier struct {
	Kind  string
	Value string // in its normal form
}

// barHash is the keyed hash of an identifier, as barHashOf gives it in the warehouse.
func (l *Ledger) barHash(x Identifier) string { return l.hash(kindHead(x.Kind) + x.Value) }

// barHashOf is the keyed hash of a value as an identifier of a kind; NULL of NULL.
func barHashOf(kind string, value rel.Expr) rel.Expr {
	return keyedHash(concat(rel.T(kindHead(kind)), value))
}

// kindHead sets a kind apart from the value behind it, whatever letters they have.
func kindHead(kind string) string { return fmt.Sprintf("%d:%s=", len(kind), kind) }

// kinds are the kinds as which a mapped identifier is compared with erasures and suppressions.
func (s *source) kinds(i int) []string {
	if s.b.Kinds == nil {
		return []string{s.b.Rows.IDs[i].Name}
	}
	return s.b.Kinds[i]
}

// bar joins the erasures and suppressions of each mapped identifier that names a person, whose
// value is what value gives. The codes of those that are there come back, by identifier. It needs
// withSecret.
func (s *source) bar(value func(i int) rel.Expr) (codes [][]rel.Expr, joins []rel.Join) {
	codes = make([][]rel.Expr, len(s.b.Rows.IDs))
	for i := range s.b.Rows.IDs {
		for n, kind := range s.kinds(i) {
			b := fmt.Sprintf("b%d_%d", i+1, n+1)
			joins = append(joins, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: s.bars(), Alias: b}, On: eq(rel.C(b, "hash"), barHashOf(kind, value(i)))})
			codes[i] = append(codes[i], rel.C(b, "code"))
		}
	}
	return codes, joins
}

// barCode is the code of what bars, of all codes: of several the erasure wins, since it is what has
// to be undone at the destination. It is NULL for none, and nil if nothing is compared.
func barCode(codes [][]rel.Expr) rel.Expr {
	var all []rel.Expr
	for _, c := range codes {
		all = append(all, c...)
	}
	if len(all) == 0 {
		return nil
	}
	return fold(rel.Least, all)
}
