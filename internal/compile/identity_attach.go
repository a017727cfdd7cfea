package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// attach makes found(node, component, cluster, a): the clusters of before last word. Shared
// identifiers find nobody. Identifiers that only find get the cluster of the one profile that they
// were seen with: seen with several, they find nobody; with none, they are a profile of their own.
// In a build that goes on from another, a is 0 for neighbours that are as they were.
func (x *identity) attach() {
	weak := x.ranks(func(id *models.Identifier) bool { return id.Role == "attach" })
	name := x.clus
	if x.goesOn || x.guarded() {
		c := func(name string) rel.Expr { return rel.C("c", name) }
		q := rel.Select{From: from(name, "c"), Columns: []rel.Column{same("c", "node"), same("c", "component"), same("c", "cluster")}}
		if x.guarded() {
			q.Joins = []rel.Join{join(rel.Left, from(x.work("hubs"), "h"), eq(rel.C("h", "node"), c("node")))}
			q.Columns[2] = rel.As("cluster", rel.Case{Whens: []rel.When{{If: isNull(rel.C("h", "node")), Then: c("cluster")}}})
		}
		all := rel.Query(q)
		if x.goesOn {
			q.Columns = append(q.Columns, rel.As("a", rel.I(1)))
			all = union([]rel.Query{q, rel.Select{Columns: []rel.Column{same("p", "node"), same("p", "component"), same("p", "cluster"), rel.As("a", rel.I(0))},
				From: from(x.work("prior"), "p"), Where: rel.F(rel.Not, inTable(name, "node", rel.C("p", "node")))}})
		}
		name = x.work("found", 0)
		x.step("clusters", temp(name, all)...)
	}
	strong := x.linking()
	for _, rank := range weak {
		var seen []rel.Query
		for _, s := range x.sources {
			has := map[int]bool{}
			for _, r := range x.ranksOf(s) {
				has[r] = true
			}
			if !has[rank] {
				continue
			}
			q := rel.Select{From: from(x.part(s), "q")}
			var owners []rel.Expr
			for _, r := range strong {
				if !has[r] {
					continue
				}
				m := ranked("m", r)
				q.Joins = append(q.Joins, join(rel.Left, from(name, m), eq(rel.C(m, "node"), rel.C("q", ranked("n", r)))))
				owners = append(owners, rel.C(m, "cluster"))
			}
			if len(owners) == 0 {
				continue
			}
			node := rel.C("q", ranked("n", rank))
			q.Columns = []rel.Column{rel.As("node", node), rel.As("owner", either(owners...))}
			q.Where = rel.F(rel.And, notNull(node), notNull(either(owners...)))
			seen = append(seen, q)
		}
		strong = append(strong, rank)
		if len(seen) == 0 {
			continue
		}
		of := rel.Select{
			Columns: []rel.Column{same("o", "node"), rel.As("n", rel.Agg{Fn: rel.Count, Arg: rel.C("o", "owner"), Distinct: true}), rel.As("cluster", least(rel.C("o", "owner")))},
			From:    rel.Sub{Query: union(seen), Alias: "o"}, GroupBy: []rel.Expr{rel.C("o", "node")},
		}
		on := []rel.Expr{eq(rel.C("f", "node"), rel.C("c", "node"))}
		q := rel.Select{From: from(name, "c"), Columns: []rel.Column{same("c", "node"), same("c", "component"),
			rel.As("cluster", rel.Case{Whens: []rel.When{
				{If: isNull(rel.C("f", "node")), Then: rel.C("c", "cluster")},
				{If: eq(rel.C("f", "n"), rel.I(1)), Then: rel.C("f", "cluster")}}})}}
		if x.goesOn {
			on = append(on, eq(rel.C("c", "a"), rel.I(1)))
			q.Columns = append(q.Columns, same("c", "a"))
		}
		q.Joins = []rel.Join{join(rel.Left, rel.Sub{Query: of, Alias: "f"}, on...)}
		name = x.work("found", rank+1)
		x.step("attach "+x.ids[rank].Type, temp(name, q)...)
	}
	x.found = name
}

// lostRanks are the ranks of identifiers that may find nobody.
func (x *identity) lostRanks() map[int]bool {
	out := map[int]bool{}
	for _, rank := range x.ranks(func(id *models.Identifier) bool { return id.Role == "attach" || len(id.MaxLinks) > 0 }) {
		out[rank] = true
	}
	return out
}
