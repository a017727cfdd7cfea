package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// components finds which identifiers are joined by any chain of links: comp(node, component, cluster). A
// component is named by its smallest node, its oldest identifier.
func (x *identity) components() {
	// A star around the strongest identifier of each combination: k-1 edges in place of k(k-1)/2.
	link := x.linking()
	var stars []rel.Query
	for _, r := range x.links {
		for i := 1; i < len(link); i++ {
			var before []rel.Expr
			for _, rank := range link[:i] {
				if r.has[rank] {
					before = append(before, rel.C("l", ranked("n", rank)))
				}
			}
			if len(before) > 0 && r.has[link[i]] {
				stars = append(stars, edges(r.rel("l"), nil, either(before...), rel.C("l", ranked("n", link[i]))))
			}
		}
	}
	do := x.pairLinks()
	if x.paired() {
		stars = append(stars, rel.Select{Columns: []rel.Column{same("p", "u"), same("p", "v")}, From: from(x.work("fuzzy"), "p")})
	}
	if x.grows() {
		stars = append(stars, x.growing())
	}
	if len(stars) == 0 {
		stars = append(stars, rel.Select{Columns: []rel.Column{rel.As("u", rel.I(0)), rel.As("v", rel.I(0))}, Where: rel.B(false)})
	}
	x.step("links", append(do, temp(x.work("edges"), union(stars))...)...)
	x.steps = append(x.steps, x.contract("join", x.work("edges"), x.work("joined")))
	x.step("components", temp(x.work("comp"), rel.Select{
		Columns: []rel.Column{same("n", "node"), rel.As("component", either(rel.C("j", "pc"), rel.C("n", "node"))), rel.As("cluster", either(rel.C("j", "pc"), rel.C("n", "node")))},
		From:    from(x.work("nodes"), "n"),
		Joins:   []rel.Join{join(rel.Left, from(x.work("joined"), "j"), eq(rel.C("j", "c"), rel.C("n", "node")))},
		Where:   x.again("n"),
	})...)
	x.clus = x.work("comp")
}

// again is whether a node is resolved again in this build; nil if all are.
func (x *identity) again(alias string) rel.Expr {
	if !x.goesOn {
		return nil
	}
	return eq(rel.C(alias, "a"), rel.I(1))
}

// edges are pairs u > v of two different values.
func edges(r rel.Relation, joins []rel.Join, a, b rel.Expr) rel.Select {
	return rel.Select{
		Columns: []rel.Column{rel.As("u", rel.F(rel.Greatest, a, b)), rel.As("v", rel.F(rel.Least, a, b))},
		From:    r, Joins: joins, Where: rel.F(rel.And, notNull(a), notNull(b), rel.F(rel.Ne, a, b)),
	}
}

// small is how many links are worked out in this process: some tens of megabytes.
const small = 1_000_000

// inProcess reports whether the rest of a graph may be worked out in this process.
func (x *identity) inProcess() bool { return x.entity.Identity.Finish != "warehouse" }

// maxRounds bounds every loop. Contraction takes about the logarithm of the longest chain.
const maxRounds = 200

// contract finds the connected components of a graph by contracting it. edges has the columns
// u > v; out gets the columns c and pc: every node that is not the smallest of its component, and
// that smallest node.
//
// In each round every node hooks to its smallest neighbour, pointers are shortened until each
// leads to a root, and only edges between roots are left. Since u > v, pointers decrease and form
// a forest, whatever the order of the rows. Only nodes that somebody points to are shortened by
// doubling; the others follow in one step, so that a round costs little more than its edges. What
// is small enough is worked out in this process, as the last round.
func (x *identity) contract(prefix string, edges, out rel.Name) Step {
	table := func(what string, parts ...int) rel.Name { return x.work(prefix+"_"+what, parts...) }
	left := func(round int) rel.Name {
		if round == 0 {
			return edges
		}
		return table("e", round)
	}
	body := func(r int) []Step {
		hook := temp(table("par", r), rel.Select{
			Columns: []rel.Column{rel.As("c", rel.C("e", "u")), rel.As("pc", least(rel.C("e", "v")))},
			From:    from(left(r-1), "e"), GroupBy: []rel.Expr{rel.C("e", "u")},
		})
		hook = append(hook, temp(table("inn", r, 0), rel.Select{
			Columns: []rel.Column{same("p", "c"), same("p", "pc"), rel.As("moved", rel.I(1))},
			From:    from(table("par", r), "p"),
			Where: rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))},
				From: from(table("par", r), "q"), Where: eq(rel.C("q", "pc"), rel.C("p", "c"))}},
		})...)
		shorten := &Loop{
			Max: maxRounds,
			Rest: func(done int) rel.Query {
				return rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: from(table("inn", r, done), "i"), Where: eq(rel.C("i", "moved"), rel.I(1))}
			},
			Body: func(q int) []Step {
				was := table("inn", r, q-1)
				return []Step{{Do: append(temp(table("inn", r, q), rel.Select{
					Columns: []rel.Column{same("a", "c"), rel.As("pc", either(rel.C("d", "pc"), rel.C("b", "pc"), rel.C("a", "pc"))), rel.As("moved", oneIf(notNull(rel.C("b", "pc"))))},
					From:    from(was, "a"),
					Joins: []rel.Join{join(rel.Left, from(was, "b"), eq(rel.C("b", "c"), rel.C("a", "pc"))),
						join(rel.Left, from(was, "d"), eq(rel.C("d", "c"), rel.C("b", "pc")))},
				}), drop(was)...)}}
			},
			After: func(done int) []Step {
				inner := table("inn", r, done)
				do := temp(table("flat", r), rel.Select{
					Columns: []rel.Column{same("p", "c"), rel.As("pc", either(rel.C("i", "pc"), rel.C("p", "pc")))},
					From:    from(table("par", r), "p"),
					Joins:   []rel.Join{join(rel.Left, from(inner, "i"), eq(rel.C("i", "c"), rel.C("p", "pc")))},
				})
				a, b := rel.C("m", "x"), rel.C("m", "y")
				moved := rel.Select{
					Columns: []rel.Column{rel.As("x", rel.C("pu", "pc")), rel.As("y", either(rel.C("pv", "pc"), rel.C("e", "v")))},
					From:    from(left(r-1), "e"),
					Joins: []rel.Join{join(rel.Inner, from(table("flat", r), "pu"), eq(rel.C("pu", "c"), rel.C("e", "u"))),
						join(rel.Left, from(table("flat", r), "pv"), eq(rel.C("pv", "c"), rel.C("e", "v")))},
				}
				rest := rel.Select{Distinct: true,
					Columns: []rel.Column{rel.As("u", rel.F(rel.Greatest, a, b)), rel.As("v", rel.F(rel.Least, a, b))},
					From:    rel.Sub{Query: moved, Alias: "m"}, Where: rel.F(rel.Ne, a, b)}
				do = append(do, temp(table("e", r), rest)...)
				do = append(do, drop(table("par", r), inner)...)
				if r > 1 {
					do = append(do, drop(table("e", r-1))...)
				}
				return []Step{{Do: do}}
			},
		}
		return []Step{{Do: hook}, {Loop: shorten}}
	}
	solve := func(from rel.Name, into rel.Name) Step {
		return Step{Solve: &Solve{
			Read: []rel.Query{rel.Select{Columns: []rel.Column{same("e", "u"), same("e", "v")}, From: rel.Table{Name: from, Alias: "e"}}},
			Into: rel.CreateTable{Name: into, Temp: true, Columns: []rel.Field{{Name: "c", Type: models.Integer, NotNull: true}, {Name: "pc", Type: models.Integer, NotNull: true}}},
			Run:  components,
		}}
	}
	loop := &Loop{
		Max: maxRounds,
		Rest: func(done int) rel.Query {
			return rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: from(left(done), "e")}
		},
		Body: body,
	}
	if x.inProcess() {
		loop.Small = small
	}
	// From the last round back: a node's root of one round may have hooked in a later one.
	loop.After = func(rounds int) []Step {
		var steps []Step
		last := rounds
		switch {
		case x.inProcess() && rounds == 0:
			return []Step{solve(edges, out)}
		case x.inProcess():
			last++
			steps = append(steps, solve(left(rounds), table("flat", last)))
		case rounds == 0:
			return []Step{{Do: temp(out, rel.Select{Columns: []rel.Column{rel.As("c", rel.C("e", "u")), rel.As("pc", rel.C("e", "v"))}, From: from(edges, "e")})}}
		}
		var do []rel.Statement
		roots := table("flat", last)
		for r := last - 1; r >= 1; r-- {
			here, next := table("flat", r), table("root", r)
			if r == 1 {
				next = out
			}
			do = append(do, temp(next, rel.Union{All: true, Queries: []rel.Query{
				rel.Select{Columns: []rel.Column{same("p", "c"), rel.As("pc", either(rel.C("f", "pc"), rel.C("p", "pc")))},
					From: from(here, "p"), Joins: []rel.Join{join(rel.Left, from(roots, "f"), eq(rel.C("f", "c"), rel.C("p", "pc")))}},
				rel.Select{Columns: []rel.Column{same("f", "c"), same("f", "pc")}, From: from(roots, "f")},
			}})...)
			do = append(do, drop(here, roots)...)
			roots = next
		}
		if last == 1 {
			do = append(do, temp(out, rel.Select{Columns: []rel.Column{same("f", "c"), same("f", "pc")}, From: from(roots, "f")})...)
			do = append(do, drop(roots)...)
		}
		return append(steps, Step{Do: append(do, drop(table("e", rounds))...)})
	}
	return Step{Name: "identity: " + prefix, Loop: loop}
}
