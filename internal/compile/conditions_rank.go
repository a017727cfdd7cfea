package compile

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// ranking is where each profile stands among those that are ranked: all profiles of the base, or the
// members of a segment. The best value is first, absent ones are last, ties are in the order of
// profile ids.
//
// In a build it is a window over the layer's rows, which are all profiles: a predicate must stand in
// a list of columns and nothing may have filtered the rows before. Elsewhere it is a query of its own.
type ranking struct {
	member   rel.Expr // is ranked at all; nil for everybody
	value    rel.Expr
	position rel.Expr // from 1
	total    rel.Expr // how many are ranked, absent ones too
}

// share is top and bottom: a profile with a value whose position is within the share.
func (c *conditions) share(path string, w *models.Condition) rel.Expr {
	tr := c.entity.Trait(w.By)
	if tr == nil {
		return c.fail(diag.Problem{Path: path + ".by", Code: "models.unknown_trait",
			What: fmt.Sprintf("%s has no trait %q", c.entity.Name, w.By), Fix: diag.DidYouMean(w.By, c.entity.TraitNames())})
	}
	if s := c.in.Model.Segment(w.Of); w.Of != "" && (s == nil || s.Entity != c.entity.Name) {
		return c.fail(diag.Problem{Path: path + ".of", Code: "models.unknown_segment",
			What: fmt.Sprintf("%s has no segment %q", c.entity.Name, w.Of), Fix: diag.DidYouMean(w.Of, c.in.Model.SegmentNames(c.entity.Name))})
	}
	typ := TraitType(c.in, tr)
	if typ == models.Text || typ == models.Boolean || typ == models.List {
		return c.fail(unfit(path+".by", "trait "+tr.Name, fmt.Errorf("top and bottom need an order by size, which %s has not", typ), "name a trait with numbers, dates or times"))
	}
	share, desc := w.Top, true
	if share == nil {
		share, desc = w.Bottom, false
	}
	if c.inline {
		return c.shareInline(path, w, *share, desc, typ)
	}
	c.ranks = true
	r := ranking{value: c.trait(tr.Name)}
	var within []rel.Expr
	if w.Of != "" {
		r.member = c.segment(w.Of)
		within = []rel.Expr{r.member}
	}
	r.rank(within, rel.C("p", "profile_id"), desc)
	in := r.in(*share)
	if r.member == nil {
		return in
	}
	return rel.F(rel.And, r.member, in)
}

// rank makes position and total.
func (r *ranking) rank(within []rel.Expr, profile rel.Expr, desc bool) {
	r.position = rel.Over{Rank: rel.RowNumber, PartitionBy: within, OrderBy: []rel.Order{{Expr: r.value, Desc: desc}, {Expr: profile}}}
	r.total = rel.Over{Agg: &rel.Agg{Fn: rel.CountRows}, PartitionBy: within}
}

// in is whether the position is within a share. A share counts all that are ranked.
func (r *ranking) in(s models.Share) rel.Expr {
	fits := rel.F(rel.Le, r.position, rel.I(int64(s.Count)))
	if s.Percent.Set {
		fits = rel.F(rel.Le, rel.F(rel.Multiply, r.position, rel.I(10000)), rel.F(rel.Multiply, r.total, rel.I(int64(s.Percent.BasisPoints))))
	}
	return rel.F(rel.And, rel.F(rel.NotNull, r.value), fits)
}

// shareInline ranks the profiles of the build, or the members that it has of a segment.
func (c *conditions) shareInline(path string, w *models.Condition, s models.Share, desc bool, typ models.Type) rel.Expr {
	k := func(name string) rel.Expr { return rel.C("k", name) }
	r := ranking{value: k(w.By)}
	r.rank(nil, k("profile_id"), desc)
	everybody := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", k("profile_id")), rel.As("x", r.value), rel.As("position", r.position), rel.As("total", r.total)},
		From:    rel.Table{Name: c.in.Build.Table(c.in.Entity, Profiles), Alias: "k"},
	}
	if c.entity.Anonymous == "exclude" {
		everybody.Where = rel.F(rel.Not, k("anonymous"))
	}
	if w.Of != "" {
		everybody.Joins = []rel.Join{{Rel: rel.Table{Name: c.in.Build.Table(c.in.Entity, Memberships), Alias: "g"},
			On: rel.F(rel.And, rel.F(rel.Eq, rel.C("g", "profile_id"), k("profile_id")), rel.F(rel.Eq, rel.C("g", "segment"), rel.T(w.Of)))}}
	}
	at := ranking{value: k("x"), position: k("position"), total: k("total")}
	q := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", k("profile_id")), rel.As("v", at.in(s))},
		From:    rel.Sub{Query: everybody, Alias: "k"},
	}
	if c.told == nil {
		return c.scans.askQuery("rank by "+w.By, q)
	}
	last := rel.Min
	if !desc {
		last = rel.Max
	}
	q.Columns = append(q.Columns, rel.As("position", when(rel.F(rel.NotNull, at.value), at.position)), rel.As("total", at.total),
		rel.As("last", rel.Over{Agg: &rel.Agg{Fn: last, Arg: when(at.in(s), at.value)}}))
	alias := c.scans.made("rank by "+w.By, q).alias
	c.tell(path, FactValue, c.trait(w.By), typ)
	c.tell(path, FactPosition, c.scans.column(alias, "position"), models.Integer)
	c.tell(path, FactRanked, c.scans.column(alias, "total"), models.Integer)
	c.tell(path, FactThreshold, c.scans.column(alias, "last"), typ)
	return c.scans.column(alias, "v")
}
