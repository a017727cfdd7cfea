package compile

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// limits makes clus(node, component, cluster): components that keep to every limit are clusters
// as they are; those that do not are torn down and regrown.
//
// Regrowing takes the links of a component in one total order and joins what they link, unless
// the union would break a limit: the strongest identifiers first, of equals those with the most
// rows, of these by a hash of the two values. A link that was refused once stays refused, since
// clusters only grow. Doing that one link after the other would take as many statements as there
// are links, so each round accepts at once every link that the one-by-one order is sure to accept:
//
//   - the best link of a cluster that holds nothing limited; and
//   - around a cluster, its best links one after the other, as long as each is also the best link
//     at its other end, no other link of those other ends comes before it, and the limits hold.
//     Of two neighbours that both qualify as the middle, the one that takes more is.
func (x *identity) limits() {
	lim := x.limitedRanks()
	if !x.limited() {
		return
	}
	do := temp(x.work("over"), x.overQuery(lim))
	do = append(do, temp(x.work("cnt", 0), x.tornQuery(lim))...)
	do = append(do, temp(x.work("near"), x.nearQuery())...)
	do = append(do, temp(x.work("lab", 0), rel.Select{Columns: []rel.Column{rel.As("node", rel.C("c", "label")), same("c", "label")}, From: from(x.work("cnt", 0), "c")})...)
	do = append(do, temp(x.work("ce", 0), rel.Select{
		Columns: []rel.Column{rel.As("a", rel.F(rel.Least, rel.C("n", "u"), rel.C("n", "v"))), rel.As("b", rel.F(rel.Greatest, rel.C("n", "u"), rel.C("n", "v"))), same("n", "ord")},
		From:    from(x.work("near"), "n")})...)
	x.step("limits", do...)
	loop := &Loop{
		Max: maxRounds + 1,
		Rest: func(done int) rel.Query {
			if done >= maxRounds { // what is not joined by now stays apart: a limit is never exceeded
				return rel.Select{Columns: []rel.Column{rel.As("n", rel.I(0))}}
			}
			return rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: from(x.work("ce", done), "e")}
		},
		Body: func(r int) []Step { return x.growRound(lim, r) },
	}
	if x.inProcess() {
		loop.Small = small
	}
	loop.After = func(rounds int) []Step {
		var steps []Step
		label := rel.Expr(rel.C("l", "label"))
		q := rel.Select{From: from(x.comp(), "c"),
			Joins: []rel.Join{join(rel.Left, from(x.work("lab", rounds), "l"), eq(rel.C("l", "node"), rel.C("c", "node")))}}
		if x.inProcess() {
			steps = append(steps, x.regrowRest(lim, rounds))
			q.Joins = append(q.Joins, join(rel.Left, from(x.work("rest"), "g"), eq(rel.C("g", "c"), label)))
			label = either(rel.C("g", "pc"), label)
		}
		q.Columns = []rel.Column{same("c", "node"), same("c", "component"), rel.As("cluster", either(label, rel.C("c", "component")))}
		do := temp(x.work("clus"), q)
		return append(steps, Step{Do: append(do, drop(x.work("lab", rounds), x.work("cnt", rounds), x.work("ce", rounds))...)})
	}
	x.steps = append(x.steps, Step{Name: "identity: regrow", Loop: loop})
	x.clus = x.work("clus")
}

// comp names the components.
func (x *identity) comp() rel.Name { return x.work("comp") }

// limitedRanks are the ranks of identifiers of which a profile may have so many.
func (x *identity) limitedRanks() []int {
	return x.ranks(func(id *models.Identifier) bool { return id.Limit.Max > 0 && id.Role != "attach" })
}

// limited reports whether any limit can be broken.
func (x *identity) limited() bool {
	return (len(x.linking()) > 1 || x.paired()) && len(x.limitedRanks()) > 0
}

// regrowRest takes the links that are left one after the other, in this process: rest(c, pc).
func (x *identity) regrowRest(lim []int, rounds int) Step {
	counts := rel.Select{From: from(x.work("cnt", rounds), "t"), Columns: []rel.Column{same("t", "label")}}
	var most []int64
	for _, rank := range lim {
		counts.Columns = append(counts.Columns, same("t", ranked("w", rank)))
		most = append(most, int64(x.ids[rank].Limit.Max))
	}
	return Step{Solve: &Solve{
		Read: []rel.Query{counts, rel.Select{From: from(x.work("ce", rounds), "t"), Columns: []rel.Column{same("t", "a"), same("t", "b"), same("t", "ord")}}},
		Into: rel.CreateTable{Name: x.work("rest"), Temp: true, Columns: []rel.Field{{Name: "c", Type: models.Integer, NotNull: true}, {Name: "pc", Type: models.Integer, NotNull: true}}},
		Run:  regrow(most),
	}}
}

// counted is whether a node counts towards the limit of its type: its value was seen in the
// window, or nobody says when.
func (x *identity) counted(rank int) rel.Expr {
	is := []rel.Expr{eq(rel.C("n", "rank"), rel.I(int64(rank)))}
	if w := x.ids[rank].Limit.Within; w > 0 {
		is = append(is, rel.F(rel.Or, isNull(rel.C("n", "last_seen")), rel.F(rel.Ge, rel.C("n", "last_seen"), x.since(w))))
	}
	return and(is)
}

// overQuery lists the components with more values of a type than its limit.
func (x *identity) overQuery(lim []int) rel.Query {
	var over []rel.Expr
	for _, rank := range lim {
		over = append(over, rel.F(rel.Gt, rel.Agg{Fn: rel.SumInt, Arg: oneIf(x.counted(rank))}, rel.I(int64(x.ids[rank].Limit.Max))))
	}
	return rel.Select{
		Columns: []rel.Column{same("c", "component")},
		From:    from(x.work("comp"), "c"),
		Joins:   []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("c", "node")))},
		GroupBy: []rel.Expr{rel.C("c", "component")}, Having: or(over),
	}
}

// tornQuery lists the nodes of those components as clusters of their own, with what each counts
// towards each limit: label, w_<rank>.
func (x *identity) tornQuery(lim []int) rel.Query {
	q := rel.Select{
		Columns: []rel.Column{rel.As("label", rel.C("c", "node"))},
		From:    from(x.work("comp"), "c"),
		Joins: []rel.Join{join(rel.Inner, from(x.work("over"), "o"), eq(rel.C("o", "component"), rel.C("c", "component"))),
			join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("c", "node")))},
	}
	for _, rank := range lim {
		q.Columns = append(q.Columns, rel.As(ranked("w", rank), oneIf(x.counted(rank))))
	}
	return q
}

// nearQuery lists every pair of identifiers of those components that some row has together, the
// stronger as u, with its place in the total order.
func (x *identity) nearQuery() rel.Query {
	link := x.linking()
	var pairs []rel.Query
	for j := 1; j < len(link); j++ {
		for i := 0; i < j; i++ {
			u, v := rel.C("l", ranked("n", link[i])), rel.C("l", ranked("n", link[j]))
			for _, r := range x.links {
				if !r.has[link[i]] || !r.has[link[j]] {
					continue
				}
				pairs = append(pairs, rel.Select{
					Columns: []rel.Column{rel.As("u", u), rel.As("v", v), rel.As("weak", rel.I(int64(link[j]))), same("l", "seen")},
					From:    r.rel("l"),
					Joins:   []rel.Join{join(rel.Inner, from(x.work("cnt", 0), "c"), eq(rel.C("c", "label"), u))},
					Where:   notNull(v),
				})
			}
		}
	}
	if x.paired() { // after all others, the most alike first
		pairs = append(pairs, rel.Select{
			Columns: []rel.Column{same("l", "u"), same("l", "v"), rel.As("weak", rel.I(int64(x.recordRank()))), rel.As("seen", rel.C("l", "weight"))},
			From:    from(x.work("fuzzy"), "l"),
			Joins:   []rel.Join{join(rel.Inner, from(x.work("cnt", 0), "c"), eq(rel.C("c", "label"), rel.C("l", "u")))},
		})
	}
	if len(pairs) == 0 {
		pairs = append(pairs, rel.Select{Columns: []rel.Column{rel.As("u", rel.I(0)), rel.As("v", rel.I(0)), rel.As("weak", rel.I(0)), rel.As("seen", rel.I(0))}, Where: rel.B(false)})
	}
	each := rel.Select{
		Columns: []rel.Column{same("p", "u"), same("p", "v"), same("p", "weak"), rel.As("seen", sum(rel.C("p", "seen")))},
		From:    rel.Sub{Query: union(pairs), Alias: "p"}, GroupBy: []rel.Expr{rel.C("p", "u"), rel.C("p", "v"), rel.C("p", "weak")},
	}
	return rel.Select{
		Columns: []rel.Column{same("e", "u"), same("e", "v"), same("e", "weak"), rel.As("ord", rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{
			{Expr: rel.C("e", "weak")}, {Expr: rel.C("e", "seen"), Desc: true},
			{Expr: rel.F(rel.SHA256, rel.F(rel.Concat, rel.C("a", "value"), rel.T("\n"), rel.C("b", "value")))},
			{Expr: rel.C("a", "rank")}, {Expr: rel.C("e", "u")}, {Expr: rel.C("e", "v")}}})},
		From: rel.Sub{Query: each, Alias: "e"},
		Joins: []rel.Join{join(rel.Inner, from(x.work("nodes"), "a"), eq(rel.C("a", "node"), rel.C("e", "u"))),
			join(rel.Inner, from(x.work("nodes"), "b"), eq(rel.C("b", "node"), rel.C("e", "v")))},
	}
}

// growRound accepts links and joins what they link: from the labels, counts and links of round
// r-1 to those of round r.
func (x *identity) growRound(lim []int, r int) []Step {
	cnt, ce, lab := x.work("cnt", r-1), x.work("ce", r-1), x.work("lab", r-1)
	do := temp(x.work("cand", r), x.ordered(lim, cnt, ce))
	do = append(do, temp(x.work("star", r), x.starsQuery(lim, r))...)
	do = append(do, temp(x.work("acc", r), x.acceptedQuery(lim, r))...)
	grown := x.work("grown", r)
	merged := func(t rel.Name, label string) (rel.Join, rel.Expr) {
		return join(rel.Left, from(grown, "g_"+label), eq(rel.C("g_"+label, "c"), rel.C("t", label))), either(rel.C("g_"+label, "pc"), rel.C("t", label))
	}
	byLabel, label := merged(cnt, "label")
	counts := rel.Select{Columns: []rel.Column{rel.As("label", label)}, From: from(cnt, "t"), Joins: []rel.Join{byLabel}, GroupBy: []rel.Expr{label}}
	for _, rank := range lim {
		counts.Columns = append(counts.Columns, rel.As(ranked("w", rank), sum(rel.C("t", ranked("w", rank)))))
	}
	after := temp(x.work("cnt", r), counts)
	after = append(after, temp(x.work("lab", r), rel.Select{Columns: []rel.Column{same("t", "node"), rel.As("label", label)}, From: from(lab, "t"), Joins: []rel.Join{byLabel}})...)

	byA, a := merged(ce, "a")
	byB, b := merged(ce, "b")
	moved := rel.Select{Columns: []rel.Column{rel.As("x", a), rel.As("y", b), same("t", "ord")}, From: from(ce, "t"), Joins: []rel.Join{byA, byB}}
	lo, hi := rel.F(rel.Least, rel.C("m", "x"), rel.C("m", "y")), rel.F(rel.Greatest, rel.C("m", "x"), rel.C("m", "y"))
	best := rel.Select{Columns: []rel.Column{rel.As("a", lo), rel.As("b", hi), rel.As("ord", least(rel.C("m", "ord")))},
		From: rel.Sub{Query: moved, Alias: "m"}, Where: rel.F(rel.Ne, rel.C("m", "x"), rel.C("m", "y")), GroupBy: []rel.Expr{lo, hi}}
	within := []rel.Expr{}
	for _, rank := range lim {
		w := ranked("w", rank)
		within = append(within, rel.F(rel.Le, rel.F(rel.Add, rel.C("ca", w), rel.C("cb", w)), rel.I(int64(x.ids[rank].Limit.Max))))
	}
	after = append(after, temp(x.work("ce", r), rel.Select{
		Columns: []rel.Column{same("e", "a"), same("e", "b"), same("e", "ord")},
		From:    rel.Sub{Query: best, Alias: "e"},
		Joins: []rel.Join{join(rel.Inner, from(x.work("cnt", r), "ca"), eq(rel.C("ca", "label"), rel.C("e", "a"))),
			join(rel.Inner, from(x.work("cnt", r), "cb"), eq(rel.C("cb", "label"), rel.C("e", "b")))},
		Where: and(within),
	})...)
	after = append(after, drop(cnt, ce, lab, x.work("cand", r), x.work("star", r), x.work("acc", r), grown)...)
	return []Step{{Do: do}, x.contract(fmt.Sprintf("grow%d", r), x.work("acc", r), grown), {Do: after}}
}

// ordered lists the links from both ends: centre, leaf, ord; rn, the rank of the link among the
// leaf's; sec, the order of the leaf's second link; free, whether the leaf counts towards no
// limit; and what centre and leaf count: c_<rank>, l_<rank>.
func (x *identity) ordered(lim []int, cnt, ce rel.Name) rel.Query {
	both := rel.Union{All: true, Queries: []rel.Query{
		rel.Select{Columns: []rel.Column{rel.As("centre", rel.C("e", "a")), rel.As("leaf", rel.C("e", "b")), same("e", "ord")}, From: from(ce, "e")},
		rel.Select{Columns: []rel.Column{rel.As("centre", rel.C("e", "b")), rel.As("leaf", rel.C("e", "a")), same("e", "ord")}, From: from(ce, "e")},
	}}
	ranking := rel.Select{
		Columns: []rel.Column{same("d", "centre"), same("d", "leaf"), same("d", "ord"),
			rel.As("rn", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("d", "leaf")}, OrderBy: []rel.Order{{Expr: rel.C("d", "ord")}}})},
		From: rel.Sub{Query: both, Alias: "d"},
	}
	second := rel.Case{Whens: []rel.When{{If: eq(rel.C("k", "rn"), rel.I(2)), Then: rel.C("k", "ord")}}}
	q := rel.Select{
		Columns: []rel.Column{same("k", "centre"), same("k", "leaf"), same("k", "ord"), same("k", "rn"),
			rel.As("sec", rel.Over{Agg: &rel.Agg{Fn: rel.Min, Arg: second}, PartitionBy: []rel.Expr{rel.C("k", "leaf")}})},
		From: rel.Sub{Query: ranking, Alias: "k"},
		Joins: []rel.Join{join(rel.Inner, from(cnt, "cc"), eq(rel.C("cc", "label"), rel.C("k", "centre"))),
			join(rel.Inner, from(cnt, "cl"), eq(rel.C("cl", "label"), rel.C("k", "leaf")))},
	}
	var free []rel.Expr
	for _, rank := range lim {
		w := ranked("w", rank)
		q.Columns = append(q.Columns, rel.As(ranked("c", rank), rel.C("cc", w)), rel.As(ranked("l", rank), rel.C("cl", w)))
		free = append(free, eq(rel.C("cl", w), rel.I(0)))
	}
	q.Columns = append(q.Columns, rel.As("free", oneIf(and(free))))
	return q
}

// starsQuery lists around each centre the links that are sure to be accepted: centre, leaf, ord
// and n, how many they are.
func (x *identity) starsQuery(lim []int, r int) rel.Query {
	running := func(fn rel.AggFn, e rel.Expr) rel.Expr {
		return rel.Over{Agg: &rel.Agg{Fn: fn, Arg: e}, PartitionBy: []rel.Expr{rel.C("d", "centre")}, OrderBy: []rel.Order{{Expr: rel.C("d", "ord")}}}
	}
	q := rel.Select{
		Columns: []rel.Column{same("d", "centre"), same("d", "leaf"), same("d", "ord"),
			rel.As("bad", running(rel.SumInt, oneIf(rel.F(rel.Ne, rel.C("d", "rn"), rel.I(1))))), rel.As("sec", running(rel.Min, rel.C("d", "sec")))},
		From: from(x.work("cand", r), "d"),
	}
	ok := []rel.Expr{eq(rel.C("s", "bad"), rel.I(0)), rel.F(rel.Or, isNull(rel.C("s", "sec")), rel.F(rel.Lt, rel.C("s", "ord"), rel.C("s", "sec")))}
	for _, rank := range lim {
		w := ranked("w", rank)
		q.Columns = append(q.Columns, rel.As(w, rel.F(rel.Add, rel.C("d", ranked("c", rank)), running(rel.SumInt, rel.C("d", ranked("l", rank))))))
		ok = append(ok, rel.F(rel.Le, rel.C("s", w), rel.I(int64(x.ids[rank].Limit.Max))))
	}
	return rel.Select{
		Columns: []rel.Column{same("s", "centre"), same("s", "leaf"), same("s", "ord"),
			rel.As("n", rel.Over{Agg: &rel.Agg{Fn: rel.CountRows}, PartitionBy: []rel.Expr{rel.C("s", "centre")}}),
			rel.As("rn", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("s", "centre")}, OrderBy: []rel.Order{{Expr: rel.C("s", "ord")}}})},
		From: rel.Sub{Query: q, Alias: "s"}, Where: and(ok),
	}
}

// acceptedQuery lists the links accepted in a round as edges.
func (x *identity) acceptedQuery(lim []int, r int) rel.Query {
	star := x.work("star", r)
	// The best link of a centre is also that of its first leaf, which is a centre too.
	outdone := rel.Exists{Query: rel.Select{
		Columns: []rel.Column{rel.As("one", rel.I(1))},
		From:    from(star, "h"),
		Joins: []rel.Join{join(rel.Inner, from(star, "g"), eq(rel.C("g", "centre"), rel.C("h", "leaf")), eq(rel.C("g", "leaf"), rel.C("h", "centre")),
			eq(rel.C("g", "rn"), rel.I(1)))},
		Where: rel.F(rel.And, eq(rel.C("h", "centre"), rel.C("s", "centre")), eq(rel.C("h", "rn"), rel.I(1)),
			rel.F(rel.Or, rel.F(rel.Gt, rel.C("g", "n"), rel.C("h", "n")),
				rel.F(rel.And, eq(rel.C("g", "n"), rel.C("h", "n")), rel.F(rel.Lt, rel.C("g", "centre"), rel.C("h", "centre"))))),
	}}
	stars := edges(from(star, "s"), nil, rel.C("s", "centre"), rel.C("s", "leaf"))
	stars.Where = rel.F(rel.Not, outdone)
	free := edges(from(x.work("cand", r), "d"), nil, rel.C("d", "centre"), rel.C("d", "leaf"))
	free.Where = rel.F(rel.And, eq(rel.C("d", "rn"), rel.I(1)), eq(rel.C("d", "free"), rel.I(1)))
	return rel.Union{Queries: []rel.Query{stars, free}}
}
