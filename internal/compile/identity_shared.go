package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// linked is a relation of combinations without the identifiers that must not join, n_<rank> of the
// ranks that it has, combo and seen, and in a build that goes on from another changed.
type linked struct {
	src  int
	name rel.Name
	has  map[int]bool
}

func (l linked) rel(alias string) rel.Relation { return from(l.name, alias) }

// guardedRanks are the ranks of identifiers that stop joining if too many were seen with one.
func (x *identity) guardedRanks() []int {
	return x.ranks(func(id *models.Identifier) bool { return len(id.MaxLinks) > 0 })
}

func (x *identity) guarded() bool { return len(x.guardedRanks()) > 0 }

// sharedQuery finds identifiers that were seen with more values of a stronger type than max_links
// allows: node, by_rank, links, allowed. It is right for those whose combinations are all there.
func (x *identity) sharedQuery() rel.Query {
	var out []rel.Query
	for rank, id := range x.ids {
		for _, m := range id.MaxLinks {
			_, by := x.entity.Identifier(m.Type)
			if by < 0 || by == rank {
				continue
			}
			var seen []rel.Query
			for _, s := range x.sources {
				has := map[int]bool{}
				for _, r := range x.ranksOf(s) {
					has[r] = true
				}
				if !has[rank] || !has[by] {
					continue
				}
				node, other := rel.C("q", ranked("n", rank)), rel.C("q", ranked("n", by))
				seen = append(seen, rel.Select{Columns: []rel.Column{rel.As("node", node), rel.As("other", other)}, From: from(x.part(s), "q"),
					Where: rel.F(rel.And, notNull(node), notNull(other))})
			}
			if len(seen) == 0 {
				continue
			}
			others := rel.Agg{Fn: rel.Count, Arg: rel.C("t", "other"), Distinct: true}
			out = append(out, rel.Select{
				Columns: []rel.Column{same("t", "node"), rel.As("by_rank", rel.I(int64(by))), rel.As("links", others), rel.As("allowed", rel.I(int64(m.Max)))},
				From:    rel.Sub{Query: union(seen), Alias: "t"}, GroupBy: []rel.Expr{rel.C("t", "node")}, Having: rel.F(rel.Gt, others, rel.I(int64(m.Max))),
			})
		}
	}
	if len(out) == 0 {
		out = append(out, rel.Select{
			Columns: []rel.Column{rel.As("node", rel.I(0)), rel.As("by_rank", rel.I(0)), rel.As("links", rel.I(0)), rel.As("allowed", rel.I(0))},
			Where:   rel.B(false)})
	}
	return union(out)
}

// shared takes out of the combinations the identifiers that too many were seen with, and in a
// build that goes on from another those that are not resolved again.
func (x *identity) shared() {
	shared := x.sharedQuery()
	if x.goesOn {
		n := rel.Select{From: rel.Sub{Query: shared, Alias: "s"}, Joins: []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("s", "node")), x.again("n"))}}
		for _, c := range []string{"node", "by_rank", "links", "allowed"} {
			n.Columns = append(n.Columns, same("s", c))
		}
		shared = n
	}
	do := temp(x.work("shared"), shared)
	do = append(do, temp(x.work("hubs"), rel.Select{Distinct: true, Columns: []rel.Column{same("s", "node")}, From: from(x.work("shared"), "s")})...)
	guarded := map[int]bool{}
	for _, rank := range x.guardedRanks() {
		guarded[rank] = true
	}
	for _, s := range x.sources {
		// Where every identifier joins, those of a combination are in one component, and are resolved
		// again together: links of others among them lead to none of these.
		l := linked{src: s.n, name: x.part(s), has: map[int]bool{}}
		plain := !x.goesOn || x.together()
		for _, id := range s.ids {
			l.has[id.rank] = true
			plain = plain && !guarded[id.rank]
		}
		if !plain {
			l.name = x.work("links", s.n)
			q := rel.Select{From: from(x.part(s), "q"), Columns: []rel.Column{same("q", "combo"), same("q", "seen")}}
			if x.goesOn {
				q.Columns = append(q.Columns, same("q", "changed"))
			}
			for _, id := range s.ids {
				e := rel.Expr(rel.C("q", ranked("n", id.rank)))
				if x.goesOn {
					a := ranked("a", id.rank)
					q.Joins = append(q.Joins, join(rel.Left, from(x.work("nodes"), a), eq(rel.C(a, "node"), e), x.again(a)))
					e = rel.C(a, "node")
				}
				if guarded[id.rank] {
					h := ranked("h", id.rank)
					q.Joins = append(q.Joins, join(rel.Left, from(x.work("hubs"), h), eq(rel.C(h, "node"), rel.C("q", ranked("n", id.rank)))))
					e = rel.Case{Whens: []rel.When{{If: isNull(rel.C(h, "node")), Then: e}}}
				}
				q.Columns = append(q.Columns, rel.As(ranked("n", id.rank), e))
			}
			do = append(do, temp(l.name, q)...)
		}
		x.links = append(x.links, l)
	}
	x.step("shared identifiers", do...)
}
