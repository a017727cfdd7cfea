package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// owners says whose the rows are. A row belongs to the cluster of its strongest identifier that
// has one. A row of a source of records without any is alone; an event without any is nobody's.
//
//	own_<n>   combo, node, cluster (NULL for none), per source; in a build that goes on from another with
//	          changed, was and was_node of part_<n>
//	mine      cluster: those that are resolved again, in a build that goes on from another
//	live      cluster: of these, those that own rows
func (x *identity) owners() {
	var do []rel.Statement
	lost := x.lostRanks()
	if len(lost) > 0 {
		do = append(do, temp(x.work("nobody"), rel.Select{Columns: []rel.Column{same("f", "node")}, From: from(x.found, "f"), Where: isNull(rel.C("f", "cluster"))})...)
	}
	var owned []rel.Query
	for _, s := range x.sources {
		q := rel.Select{From: from(x.part(s), "q"), Columns: []rel.Column{same("q", "combo")}}
		var nodes []rel.Expr
		for _, rank := range x.ranksOf(s) {
			node := rel.Expr(rel.C("q", ranked("n", rank)))
			if lost[rank] {
				u := ranked("u", rank)
				q.Joins = append(q.Joins, join(rel.Left, from(x.work("nobody"), u), eq(rel.C(u, "node"), node)))
				node = rel.Case{Whens: []rel.When{{If: isNull(rel.C(u, "node")), Then: node}}}
			}
			nodes = append(nodes, node)
		}
		node, cluster := rel.Expr(rel.Null(models.Integer)), rel.Expr(rel.Null(models.Integer))
		if len(nodes) > 0 {
			node = either(nodes...)
			q.Joins = append(q.Joins, join(rel.Left, from(x.found, "f"), eq(rel.C("f", "node"), node)))
			cluster = rel.C("f", "cluster")
		}
		q.Columns = append(q.Columns, rel.As("node", node), rel.As("cluster", cluster))
		if x.goesOn {
			q.Columns = append(q.Columns, columnsOf("q", []string{"changed", "was", "was_node"})...)
		}
		if !s.events() {
			// A row alone whose key another row has is no profile.
			q.Columns = append(q.Columns, rel.As("counts", oneIf(rel.F(rel.Or, eq(rel.C("q", "nth"), rel.I(1)), isNull(rel.C("q", ranked("n", x.recordRank())))))))
		}
		do = append(do, temp(x.work("own", s.n), q)...)
		is := notNull(rel.C("o", "cluster"))
		if !s.events() {
			is = rel.F(rel.And, is, eq(rel.C("o", "counts"), rel.I(1)))
		}
		owned = append(owned, rel.Select{Distinct: true, Columns: []rel.Column{same("o", "cluster")}, From: from(x.work("own", s.n), "o"), Where: is})
	}
	x.step("owners", do...)
	if len(owned) == 0 {
		owned = append(owned, rel.Select{Columns: []rel.Column{rel.As("cluster", rel.I(0))}, Where: rel.B(false)})
	}
	live := rel.Query(rel.Union{Queries: owned})
	if len(owned) == 1 {
		live = owned[0]
	}
	do = nil
	if x.goesOn {
		f, n := func(name string) rel.Expr { return rel.C("f", name) }, func(name string) rel.Expr { return rel.C("n", name) }
		mine := rel.Select{Distinct: true, Columns: []rel.Column{same("f", "cluster")}, From: from(x.found, "f"), Where: notNull(f("cluster"))}
		if x.together() { // every node makes a profile
			mine.Where = rel.F(rel.And, mine.Where, eq(f("a"), rel.I(1)))
		} else {
			mine.Joins = []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(n("node"), f("node")), x.again("n"))}
			mine.Where = rel.F(rel.And, mine.Where, x.own(n("rank"), f("cluster"), f("node")))
		}
		do = append(do, temp(x.work("mine"), mine)...)
		live = rel.Select{Columns: []rel.Column{same("l", "cluster")}, From: rel.Sub{Query: live, Alias: "l"}, Where: inTable(x.work("mine"), "cluster", rel.C("l", "cluster"))}
	}
	x.step("profiles", append(do, temp(x.work("live"), live)...)...)
}

// own is whether a node makes a profile: it joins, or only finds and found nobody.
func (x *identity) own(rank, cluster, node rel.Expr) rel.Expr {
	return rel.F(rel.Or, x.rankIn(rank, append(x.linking(), x.recordRank())), eq(cluster, node))
}
