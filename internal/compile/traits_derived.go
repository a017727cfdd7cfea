package compile

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The alias of the profiles so far, over which a layer of traits is computed.
const soFar = "p"

// over computes a layer of traits over the profiles so far. Their names are the profiles' columns;
// the profiles are all there, so a window looks at everybody.
func (t *traits) over(inner rel.Select, layer []*models.Trait) rel.Select {
	scored, joins := t.scored(inner, layer)
	out := rel.Select{From: scored, Joins: joins}
	for _, c := range inner.Columns {
		out.Columns = append(out.Columns, rel.As(c.As, rel.C(soFar, c.As)))
	}
	for _, tr := range layer {
		out.Columns = append(out.Columns, rel.As(tr.Name, t.derived(tr)))
	}
	return out
}

// derived is a trait over the profiles so far.
func (t *traits) derived(tr *models.Trait) rel.Expr {
	switch {
	case tr.Ratio != nil:
		if len(tr.Ratio) == 2 {
			return rel.F(rel.Divide, t.number(tr.Ratio[0]), t.number(tr.Ratio[1]))
		}
	case tr.Tiles > 0:
		return t.tile(tr.By, tr.Tiles, tr.By)
	case tr.RFM != nil:
		parts := tr.RFM.PartsOf()
		three := []string{tr.RFM.Recency, tr.RFM.Frequency, tr.RFM.Monetary}
		var digit []rel.Expr
		for _, name := range three {
			digit = append(digit, rel.Cast{Expr: t.tile(name, parts, three...), Type: models.Text, From: models.Integer})
		}
		return rel.F(rel.Concat, digit...)
	case tr.Score != nil:
		return t.scoreOf(tr)
	case tr.SQL != "" && tr.Type == models.Unknown: // of the type that the warehouse gives it
		return rel.RawExpr{SQL: tr.SQL}
	case tr.SQL != "":
		return rel.Cast{Expr: rel.RawExpr{SQL: tr.SQL}, Type: tr.Type}
	}
	return rel.Null(models.Number) // what the checks of the models have reported
}

// number is another trait as a Number.
func (t *traits) number(name string) rel.Expr {
	return rel.Cast{Expr: rel.C(soFar, name), Type: models.Number, Try: true, From: t.typeOf(name)}
}

// typeOf is the type of another trait.
func (t *traits) typeOf(name string) models.Type {
	if tr := t.entity.Trait(name); tr != nil {
		return TraitType(t.in, tr)
	}
	return models.Unknown
}

// tile is the part, from 1, that a profile is in when those who have values of all the traits among
// are cut by one of them, lowest values first, ties by profile id. It is NULL for all others.
func (t *traits) tile(by string, parts int, among ...string) rel.Expr {
	var there []rel.Expr
	for _, name := range among {
		there = append(there, notNull(rel.C(soFar, name)))
	}
	return when(and(there), rel.Over{Rank: rel.Ntile, Parts: parts,
		PartitionBy: []rel.Expr{and(there)},
		OrderBy:     []rel.Order{{Expr: rel.C(soFar, by)}, {Expr: rel.C(soFar, "profile_id")}}})
}

// work names a temporary table of the traits, shortly: warehouses bound names.
func (t *traits) work(format string, args ...any) rel.Name {
	return workTable(t.in, fmt.Sprintf(format, args...))
}
