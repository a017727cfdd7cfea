package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// has is whether a list holds values, as fn says: an item is found if it is equal, byte for byte. An
// empty list holds nothing, and is a value nevertheless.
func (c *comparison) has(op string, fn rel.Fn, vs ...models.Value) rel.Expr {
	list := c.e
	switch {
	case c.typ == models.Unknown:
		list = rel.F(rel.TextList, list)
	case c.typ != models.List:
		return c.fail("%s is for lists, not %s", op, c.typ)
	}
	if len(vs) == 0 {
		return c.fail("the list is empty")
	}
	args := []rel.Expr{list}
	for _, v := range vs {
		if v.Type == models.Boolean || v.Type == models.Timestamp {
			return c.fail("the items of lists are texts, not %s", v.Type)
		}
		args = append(args, rel.T(v.Text))
	}
	return rel.F(fn, args...)
}

// inRegion is whether a country code, of two or three letters in any case, is one of a region.
func (c *comparison) inRegion(regions []string) rel.Expr {
	if c.typ != models.Text && c.typ != models.Unknown {
		return c.fail("in_region takes country codes, not %s", c.typ)
	}
	in := rel.InList{Expr: rel.F(rel.Upper, rel.F(rel.Trim, c.e))}
	for _, code := range models.Countries(regions) {
		in.List = append(in.List, rel.T(code))
	}
	if len(in.List) == 0 {
		return c.fail("there is no region of this name")
	}
	return in
}
