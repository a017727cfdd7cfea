package compile

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// segments compiles a segment and those that it needs, each in the layer above those that it
// refers to. Anonymous profiles that the entity keeps out are in none.
func (x *explaining) segments(name string) *diag.Problem {
	order, err := x.in.Model.SegmentOrder(x.in.Entity)
	if err != nil {
		return &diag.Problem{Path: models.Path("segments", name), Code: "models.circle", What: err.Error(), Fix: "take one of these references out"}
	}
	need := map[string]bool{name: true}
	for i := len(order) - 1; i >= 0; i-- {
		if need[order[i].Name] {
			for _, other := range order[i].Refers() {
				need[other] = true
			}
		}
	}
	level := map[string]int{}
	for i, s := range order {
		if !need[s.Name] {
			continue
		}
		x.column[s.Name] = ranked("s", i)
		for _, other := range s.Refers() {
			level[s.Name] = max(level[s.Name], level[other]+1)
		}
		at := level[s.Name]
		for len(x.layers) <= at {
			x.layers = append(x.layers, nil)
		}
		inside := rel.Expr(rel.F(rel.IsTrue, x.c.predicate(s.RulePath(), s.Rule())))
		if x.c.entity.Anonymous == "exclude" {
			inside = rel.F(rel.And, rel.F(rel.Not, rel.F(rel.IsTrue, rel.C("p", "anonymous"))), inside)
		}
		x.layers[at] = append(x.layers[at], rel.As(x.column[s.Name], inside))
	}
	return nil
}

// query puts the layers on top of each other.
func (x *explaining) query() rel.Query {
	p := func(name string) rel.Expr { return rel.C("p", name) }
	q := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", p("profile_id")), rel.As("anonymous", p("anonymous"))},
		From:    rel.Table{Name: x.in.Build.Table(x.in.Entity, Profiles), Alias: "p"},
	}
	for i, name := range x.traits {
		q.Columns = append(q.Columns, rel.As(fmt.Sprintf("t%d", i+1), p(name)))
	}
	q.Columns = append(q.Columns, x.c.scans.answers()...)
	for _, sc := range x.c.scans.parts {
		q.Joins = append(q.Joins, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: x.narrow(sc), Alias: sc.alias},
			On: eq(rel.C(sc.alias, "profile_id"), p("profile_id"))})
	}
	switch {
	case x.ask.Profile != "":
		q.Where = eq(p("profile_id"), rel.T(x.ask.Profile))
	case x.c.entity.Anonymous == "exclude":
		q.Where = rel.F(rel.Not, rel.F(rel.IsTrue, p("anonymous")))
	}
	for _, layer := range x.layers {
		next := rel.Select{From: rel.Sub{Query: q, Alias: "p"}}
		for _, col := range q.Columns {
			next.Columns = append(next.Columns, rel.As(col.As, p(col.As)))
		}
		next.Columns = append(next.Columns, layer...)
		q = next
	}
	for _, col := range x.top {
		x.out.Columns = append(x.out.Columns, col.As)
	}
	return rel.Select{Columns: x.top, From: rel.Sub{Query: q, Alias: "p"}}
}

// narrow is a scan of the rows of one profile, where one is asked for, so that nobody else's rows
// are grouped. What ranks everybody has to look at everybody.
func (x *explaining) narrow(sc *scan) rel.Query {
	q := sc.query()
	if x.ask.Profile == "" {
		return q
	}
	s, ok := q.(rel.Select)
	if ok && sc.ready == nil && len(s.GroupBy) == 1 {
		own := eq(s.GroupBy[0], rel.T(x.ask.Profile))
		if s.Where != nil {
			own = rel.F(rel.And, s.Where, own)
		}
		s.Where = own
		return s
	}
	out := rel.Select{From: rel.Sub{Query: q, Alias: "q"}, Where: eq(rel.C("q", "profile_id"), rel.T(x.ask.Profile))}
	for _, name := range append([]string{"profile_id"}, sc.names()...) {
		out.Columns = append(out.Columns, rel.As(name, rel.C("q", name)))
	}
	return out
}
