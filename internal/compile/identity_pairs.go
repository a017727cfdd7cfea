package compile

import (
	"github.com/weir-data/weir/internal/rel"
)

// Records that matching finds to be one person (fuzzy.go) are linked after all others: the links
// join the strongest identifiers of the two records, or the records themselves, and give way first
// where a limit would be broken.

// paired reports whether records are matched.
func (x *identity) paired() bool { return x.entity.Identity.Fuzzy != nil }

// certain is the weight of a pair that a person decided on: more than any that is reckoned.
const certain = 1_000_000

// pairLinks makes fuzzy(u, v, weight, pair): u > v, how sure the link is, in thousandths of bits, and
// two records that it comes from, as the value of a PairType.
func (x *identity) pairLinks() []rel.Statement {
	if !x.paired() {
		return nil
	}
	guarded := map[int]bool{}
	for _, rank := range x.guardedRanks() {
		guarded[rank] = true
	}
	links := map[int]bool{}
	for _, rank := range x.linking() {
		links[rank] = true
	}
	var anchors []rel.Query
	for _, s := range x.sources {
		if s.events() {
			continue
		}
		q := rel.Select{From: from(x.part(s), "q"), Where: eq(rel.C("q", "nth"), rel.I(1))}
		var nodes []rel.Expr
		for _, rank := range x.ranksOf(s) {
			node := rel.Expr(rel.C("q", ranked("n", rank)))
			switch {
			case guarded[rank]:
				h := ranked("h", rank)
				q.Joins = append(q.Joins, join(rel.Left, from(x.work("hubs"), h), eq(rel.C(h, "node"), node)))
				node = rel.Case{Whens: []rel.When{{If: isNull(rel.C(h, "node")), Then: node}}}
			case !links[rank] && rank != x.recordRank():
				continue
			}
			nodes = append(nodes, node)
		}
		q.Columns = []rel.Column{rel.As("source", rel.T(s.Name)), same("q", "key"), rel.As("node", either(nodes...))}
		anchors = append(anchors, q)
	}
	if len(anchors) == 0 {
		anchors = append(anchors, rel.Select{Columns: []rel.Column{rel.As("source", rel.T("")), rel.As("key", rel.T("")), rel.As("node", rel.I(0))}, Where: rel.B(false)})
	}
	anchor := rel.Select{From: rel.Sub{Query: union(anchors), Alias: "q"}, Columns: columnsOf("q", []string{"source", "key", "node"}), Where: notNull(rel.C("q", "node"))}
	if x.goesOn {
		anchor.Joins = []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("q", "node")), x.again("n"))}
	}
	p := func(name string) rel.Expr { return rel.C("p", name) }
	weight := rel.Case{Whens: []rel.When{{If: eq(p("by"), rel.T("person")), Then: rel.I(certain)}},
		Else: rel.Cast{Expr: rel.F(rel.Multiply, p("weight"), rel.I(1000)), Type: rel.BigInt, From: "number"}}
	ends := edges(from(x.table(Pairs), "p"), []rel.Join{
		join(rel.Inner, from(x.work("anchor"), "a"), eq(rel.C("a", "source"), p("source_a")), eq(rel.C("a", "key"), p("key_a"))),
		join(rel.Inner, from(x.work("anchor"), "b"), eq(rel.C("b", "source"), p("source_b")), eq(rel.C("b", "key"), p("key_b")))},
		rel.C("a", "node"), rel.C("b", "node"))
	pair := rel.F(rel.Concat, p("source_a"), rel.T(":"), p("key_a"), rel.T(" "), p("source_b"), rel.T(":"), p("key_b"))
	ends.Columns = append(ends.Columns, rel.As("weight", weight), rel.As("pair", pair))
	ends.Where = rel.F(rel.And, ends.Where, eq(p("decision"), rel.T("join")))
	e := func(name string) rel.Expr { return rel.C("e", name) }
	return append(temp(x.work("anchor"), anchor), temp(x.work("fuzzy"), rel.Select{
		Columns: []rel.Column{same("e", "u"), same("e", "v"), rel.As("weight", greatest(e("weight"))), rel.As("pair", least(e("pair")))},
		From:    rel.Sub{Query: ends, Alias: "e"}, GroupBy: []rel.Expr{e("u"), e("v")}})...)
}

// pairsMoved lists the identifiers of records that matching links otherwise than before: node, hard.
// Records that are new or changed are touched anyway.
func (x *identity) pairsMoved() []rel.Query {
	if !x.paired() {
		return nil
	}
	columns := []string{"source_a", "key_a", "source_b", "key_b", "weight", "by"}
	joined := func(name rel.Name, alias string) rel.Select {
		return rel.Select{From: from(name, alias), Columns: columnsOf(alias, columns), Where: eq(rel.C(alias, "decision"), rel.T("join"))}
	}
	var ends []rel.Query
	differs := func(one, other rel.Name) {
		var on []rel.Expr
		for _, c := range columns {
			on = append(on, eq(rel.C("o", c), rel.C("p", c)))
		}
		q := rel.Select{From: rel.Sub{Query: joined(one, "j"), Alias: "p"}, Joins: []rel.Join{join(rel.Left, rel.Sub{Query: joined(other, "j"), Alias: "o"}, on...)}, Where: isNull(rel.C("o", "key_a"))}
		for _, side := range []string{"a", "b"} {
			s := q
			s.Columns = []rel.Column{rel.As("source", rel.C("p", "source_"+side)), rel.As("key", rel.C("p", "key_"+side))}
			ends = append(ends, s)
		}
	}
	differs(x.table(Pairs), x.before(Pairs))
	differs(x.before(Pairs), x.table(Pairs))
	x.step("pairs that changed", temp(x.work("repaired"), rel.Union{Queries: ends})...)
	var out []rel.Query
	for _, s := range x.sources {
		if s.events() {
			continue
		}
		for _, rank := range x.ranksOf(s) {
			n := rel.C("p", ranked("n", rank))
			out = append(out, rel.Select{Columns: []rel.Column{rel.As("node", n), rel.As("hard", rel.I(1)), rel.As("gone", rel.I(0))}, From: from(x.combosBefore(s), "p"), Where: notNull(n),
				Joins: []rel.Join{join(rel.Inner, from(x.work("repaired"), "r"), eq(rel.C("r", "source"), rel.T(s.Name)), eq(rel.C("r", "key"), rel.C("p", "key")))}})
		}
	}
	return out
}
