package compile

import (
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// carried are the columns of a source's combinations beside their identifiers, as they are read.
func (x *identity) carried(s identitySource) []string {
	if s.events() {
		return []string{"h", "first_seen", "last_seen", "seen", "old_last", "old_seen"}
	}
	return []string{"h", "key", "first_seen", "last_seen", "seen"}
}

// stored are the columns of a source's combinations as they are kept, but for node and profile_id,
// which say whose they are.
func (x *identity) stored(s identitySource) []string {
	out := append([]string{"combo"}, x.carried(s)...)
	if !s.events() {
		out = append(out, "nth")
	}
	for _, prefix := range []string{"r", "x", "n"} {
		for _, id := range s.ids {
			out = append(out, ranked(prefix, id.rank))
		}
	}
	if !s.events() {
		out = append(out, ranked("n", x.recordRank()))
	}
	return out
}

// recordRank is the rank of the identifier that a row without any gets: itself.
func (x *identity) recordRank() int { return len(x.ids) }

// ranksOf are the ranks of the nodes that a source's combinations have.
func (x *identity) ranksOf(s identitySource) []int {
	var out []int
	for _, id := range s.ids {
		out = append(out, id.rank)
	}
	if !s.events() {
		out = append(out, x.recordRank())
	}
	return out
}

// normalised adds to combinations, of which q gives r_<rank> and the carried columns, the normal
// form v of what joins, and the rule x that keeps the rest out.
func (x *identity) normalised(s identitySource, from rel.Query, carried []string) rel.Query {
	q := rel.Select{From: rel.Sub{Query: from, Alias: "q"}}
	for _, id := range s.ids {
		q.Columns = append(q.Columns, same("q", ranked("r", id.rank)))
	}
	for _, c := range carried {
		q.Columns = append(q.Columns, same("q", c))
	}
	at := map[int]map[string]string{} // by rank and layer, the column that holds it
	for _, id := range s.ids {
		at[id.rank] = map[string]string{"r": ranked("r", id.rank)}
	}
	below := "r"
	for _, layer := range layers {
		next := rel.Select{From: rel.Sub{Query: q, Alias: "q"}, Fence: true}
		for _, c := range q.Columns {
			next.Columns = append(next.Columns, same("q", c.As))
		}
		for _, id := range s.ids {
			here := at[id.rank]
			here[layer.name] = here[below]
			if e := layer.of(id.Identifier, func(name string) rel.Expr { return rel.C("q", here[name]) }); e != nil {
				here[layer.name] = ranked(layer.name, id.rank)
				next.Columns = append(next.Columns, rel.As(here[layer.name], e))
			}
		}
		if len(next.Columns) > len(q.Columns) {
			q = next
		}
		below = layer.name
	}
	last := rel.Select{From: rel.Sub{Query: q, Alias: "q"}}
	for _, id := range s.ids {
		for _, layer := range []string{"r", "x", "v"} {
			last.Columns = append(last.Columns, rel.As(ranked(layer, id.rank), rel.C("q", at[id.rank][layer])))
		}
	}
	for _, c := range carried {
		last.Columns = append(last.Columns, same("q", c))
	}
	return last
}

// observed lists what norm_<n> has of identifiers: rank, value, src, first_seen, last_seen, seen. A
// record that may be left without any is one itself.
func (x *identity) observed() rel.Query {
	var out []rel.Query
	for _, s := range x.sources {
		row := func(rank int, value, where rel.Expr) {
			out = append(out, rel.Select{
				Columns: []rel.Column{rel.As("rank", rel.I(int64(rank))), rel.As("value", value), rel.As("src", rel.I(int64(s.n))),
					same("n", "first_seen"), same("n", "last_seen"), same("n", "seen")},
				From: from(x.work("norm", s.n), "n"), Where: where,
			})
		}
		for _, id := range s.ids {
			v := rel.C("n", ranked("v", id.rank))
			row(id.rank, v, notNull(v))
		}
		if !s.events() {
			row(x.recordRank(), s.itself("n"), x.alone(s, "v", "n"))
		}
	}
	if len(out) == 0 {
		out = append(out, rel.Select{Columns: []rel.Column{
			rel.As("rank", rel.I(0)), rel.As("value", rel.T("")), rel.As("src", rel.I(0)),
			rel.As("first_seen", rel.Null(models.Timestamp)), rel.As("last_seen", rel.Null(models.Timestamp)), rel.As("seen", rel.I(0))},
			Where: rel.B(false)})
	}
	o := func(name string) rel.Expr { return rel.C("o", name) }
	return rel.Select{
		Columns: []rel.Column{same("o", "rank"), same("o", "value"), rel.As("src", least(o("src"))),
			rel.As("first_seen", least(o("first_seen"))), rel.As("last_seen", greatest(o("last_seen"))), rel.As("seen", sum(o("seen")))},
		From: rel.Sub{Query: union(out), Alias: "o"}, GroupBy: []rel.Expr{o("rank"), o("value")},
	}
}

// alone is whether a record may be found by itself only: it has a key, and no identifier but such
// as may come to find nobody. The columns of the prefix, v or n, say which it has.
func (x *identity) alone(s identitySource, prefix, alias string) rel.Expr {
	is := []rel.Expr{notNull(rel.C(alias, "key"))}
	lost := x.lostRanks()
	for _, id := range s.ids {
		if !lost[id.rank] {
			is = append(is, isNull(rel.C(alias, ranked(prefix, id.rank))))
		}
	}
	return and(is)
}

// itself is a record as an identifier.
func (s *identitySource) itself(alias string) rel.Expr {
	return rel.F(rel.Concat, rel.T(s.Name+":"), rel.C(alias, "key"))
}

// birth numbers identifiers in the order of birth after those that are there: the smallest number
// of a component is its oldest identifier.
func birth(after rel.Expr) rel.Expr {
	e := func(name string) rel.Expr { return rel.C("e", name) }
	n := rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: e("first_seen")}, {Expr: e("rank")}, {Expr: text(e("value"))}}}
	if after == nil {
		return n
	}
	return rel.F(rel.Add, after, n)
}

// dictionary numbers the identifiers of a full build and puts them in place of values. It works on
// each value once, since the same few values make up many combinations:
//
//	values    src, rank, r (as the source has it), x, v, first_seen, last_seen, seen, num in order of birth
//	nodes     node, rank, value, src, first_seen, last_seen, seen: node is the first num of a normal form
//	odd       num, node, x: the values whose node is not their own number
//	part_<n>  the combinations with nodes; of records the stored columns, of events what is no text
func (x *identity) dictionary() {
	counts := []string{"first_seen", "last_seen", "seen"}
	var each []rel.Query
	for _, s := range x.sources {
		for i, id := range s.ids {
			one := s
			one.ids = s.ids[i : i+1]
			r := ranked("r", id.rank)
			values := rel.Select{From: from(x.work("now", s.n), "n"), GroupBy: []rel.Expr{rel.C("n", r)}, Where: rel.F(rel.Ne, rel.C("n", r), rel.T("")),
				Columns: []rel.Column{same("n", r), rel.As("first_seen", least(rel.C("n", "first_seen"))), rel.As("last_seen", greatest(rel.C("n", "last_seen"))), rel.As("seen", sum(rel.C("n", "seen")))}}
			if s.events() {
				values = rel.Select{From: sourceRelation(s.Source, rowAlias), GroupBy: []rel.Expr{s.raw[i]}, Where: rel.F(rel.Ne, s.raw[i], rel.T("")),
					Columns: []rel.Column{rel.As(r, s.raw[i]), rel.As("first_seen", least(s.time)), rel.As("last_seen", greatest(s.time)), rel.As("seen", count())}}
			}
			q := rel.Select{From: rel.Sub{Query: x.normalised(one, values, counts), Alias: "v"}, Columns: []rel.Column{
				rel.As("src", rel.I(int64(s.n))), rel.As("rank", rel.I(int64(id.rank))), rel.As("r", rel.C("v", r)), rel.As("x", rel.C("v", ranked("x", id.rank))), rel.As("v", rel.C("v", ranked("v", id.rank)))}}
			q.Columns = append(q.Columns, columnsOf("v", counts)...)
			each = append(each, q)
		}
	}
	if len(each) == 0 {
		each = append(each, rel.Select{Where: rel.B(false), Columns: []rel.Column{rel.As("src", rel.I(0)), rel.As("rank", rel.I(0)), rel.As("r", rel.T("")), rel.As("x", rel.Null(models.Text)),
			rel.As("v", rel.Null(models.Text)), rel.As("first_seen", rel.Null(models.Timestamp)), rel.As("last_seen", rel.Null(models.Timestamp)), rel.As("seen", rel.I(0))}})
	}
	e := func(name string) rel.Expr { return rel.C("e", name) }
	numbered := rel.Select{From: rel.Sub{Query: union(each), Alias: "e"}, Columns: append(columnsOf("e", append([]string{"src", "rank", "r", "x", "v"}, counts...)),
		rel.As("num", rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: e("first_seen")}, {Expr: e("rank")}, {Expr: text(e("r"))}, {Expr: e("src")}}}))}
	do := temp(x.work("values"), numbered)
	do = append(do, temp(x.work("forms"), rel.Select{
		Columns: []rel.Column{rel.As("node", least(e("num"))), same("e", "rank"), rel.As("value", e("v")), rel.As("src", least(e("src"))),
			rel.As("first_seen", least(e("first_seen"))), rel.As("last_seen", greatest(e("last_seen"))), rel.As("seen", sum(e("seen"))), rel.As("k", count())},
		From: from(x.work("values"), "e"), Where: notNull(e("v")), GroupBy: []rel.Expr{e("rank"), e("v")},
	})...)
	// Most normal forms have one spelling in one place: their number is the value's. What is odd are
	// the others, and values that do not join.
	node := rel.Case{Whens: []rel.When{{If: notNull(e("v")), Then: either(rel.C("d", "node"), e("num"))}}}
	odd := rel.Select{
		Columns: []rel.Column{same("e", "num"), rel.As("node", node), same("e", "x")}, From: from(x.work("values"), "e"),
		Joins: []rel.Join{join(rel.Left, rel.Sub{Alias: "d", Query: rel.Select{Columns: []rel.Column{same("f", "node"), same("f", "rank"), same("f", "value")},
			From: from(x.work("forms"), "f"), Where: rel.F(rel.Gt, rel.C("f", "k"), rel.I(1))}}, eq(rel.C("d", "rank"), e("rank")), eq(rel.C("d", "value"), e("v")))},
		Where: rel.F(rel.Distinct, node, e("num")),
	}
	x.step("identifiers", append(do, temp(x.work("odd"), odd)...)...)
	do = nil
	var selves []rel.Query
	for _, s := range x.sources {
		if s.events() {
			do = append(do, temp(x.work("part", s.n), x.eventsInNodes(s))...)
			continue
		}
		do = append(do, temp(x.work("held", s.n), x.inNodes(s))...)
		selves = append(selves, rel.Select{From: from(x.work("held", s.n), "q"), Where: x.alone(s, "n", "q"), Columns: []rel.Column{
			rel.As("src", rel.I(int64(s.n))), same("q", "key"), rel.As("value", s.itself("q")), same("q", "first_seen"), same("q", "last_seen"), same("q", "seen")}})
	}
	x.step("combinations", append(do, x.selves(selves)...)...)
}

// selves gives the records that may be found by themselves only a number each, after all others,
// and makes nodes of everything.
func (x *identity) selves(alone []rel.Query) []rel.Statement {
	nodes := rel.Select{From: from(x.work("forms"), "f"), Columns: columnsOf("f", []string{"node", "rank", "value", "src", "first_seen", "last_seen", "seen"})}
	if len(alone) == 0 {
		return temp(x.work("nodes"), nodes)
	}
	q := func(name string) rel.Expr { return rel.C("q", name) }
	once := rel.Select{From: rel.Sub{Query: union(alone), Alias: "q"}, GroupBy: []rel.Expr{q("src"), q("key"), q("value")}, Columns: []rel.Column{same("q", "src"), same("q", "key"), same("q", "value"),
		rel.As("first_seen", least(q("first_seen"))), rel.As("last_seen", greatest(q("last_seen"))), rel.As("seen", sum(q("seen")))}}
	top := rel.Sub{Alias: "u", Query: rel.Select{Columns: []rel.Column{rel.As("top", rel.F(rel.Coalesce, greatest(rel.C("f", "node")), rel.I(0)))}, From: from(x.work("forms"), "f")}}
	numbered := rel.Select{From: rel.Sub{Query: once, Alias: "q"}, Joins: []rel.Join{{Kind: rel.Cross, Rel: top}}, Columns: append(columnsOf("q", []string{"src", "key", "value", "first_seen", "last_seen", "seen"}),
		rel.As("node", rel.F(rel.Add, rel.C("u", "top"), rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: q("first_seen")}, {Expr: q("src")}, {Expr: text(q("key"))}}})))}
	do := temp(x.work("selves"), numbered)
	do = append(do, temp(x.work("nodes"), union([]rel.Query{nodes, rel.Select{From: from(x.work("selves"), "q"), Columns: []rel.Column{
		same("q", "node"), rel.As("rank", rel.I(int64(x.recordRank()))), same("q", "value"), same("q", "src"), same("q", "first_seen"), same("q", "last_seen"), same("q", "seen")}}}))...)
	for _, s := range x.sources {
		if s.events() {
			continue
		}
		part := rel.Select{From: from(x.work("held", s.n), "q"), Joins: []rel.Join{join(rel.Left, from(x.work("selves"), "w"),
			eq(rel.C("w", "src"), rel.I(int64(s.n))), eq(rel.C("w", "key"), rel.Case{Whens: []rel.When{{If: x.alone(s, "n", "q"), Then: q("key")}}}))}}
		for _, c := range x.stored(s) {
			if c == ranked("n", x.recordRank()) {
				part.Columns = append(part.Columns, rel.As(c, rel.C("w", "node")))
				continue
			}
			part.Columns = append(part.Columns, same("q", c))
		}
		do = append(do, temp(x.work("part", s.n), part)...)
		do = append(do, drop(x.work("held", s.n))...)
	}
	return do
}

// eventsInNodes makes the combinations of an event source from its rows, by the numbers of their
// values, which are much less than the texts: combo, i_<rank> (num), n_<rank>, counts.
func (x *identity) eventsInNodes(s identitySource) rel.Query {
	q := rel.Select{From: sourceRelation(s.Source, rowAlias)}
	for i, id := range s.ids {
		m := ranked("m", id.rank)
		q.Joins = append(q.Joins, join(rel.Left, from(x.work("values"), m), eq(rel.C(m, "src"), rel.I(int64(s.n))), eq(rel.C(m, "rank"), rel.I(int64(id.rank))), eq(rel.C(m, "r"), s.raw[i])))
		num := rel.C(m, "num")
		q.GroupBy = append(q.GroupBy, num)
		q.Columns = append(q.Columns, rel.As(ranked("i", id.rank), num))
	}
	q = x.counts(s, q)
	out := rel.Select{From: rel.Sub{Query: q, Alias: "q"}, Columns: []rel.Column{rel.As("combo", rel.Over{Rank: rel.RowNumber})}}
	for _, c := range q.Columns {
		out.Columns = append(out.Columns, same("q", c.As))
	}
	for _, id := range s.ids {
		j, node, _ := x.oddOf(id.rank, rel.C("q", ranked("i", id.rank)))
		out.Joins, out.Columns = append(out.Joins, j), append(out.Columns, rel.As(ranked("n", id.rank), node))
	}
	return out
}

// oddOf joins odd to the number of a value, and gives the value's node and the rule that keeps it out.
func (x *identity) oddOf(rank int, num rel.Expr) (j rel.Join, node, why rel.Expr) {
	o := ranked("o", rank)
	return join(rel.Left, from(x.work("odd"), o), eq(rel.C(o, "num"), num)),
		rel.Case{Whens: []rel.When{{If: isNull(rel.C(o, "num")), Then: num}}, Else: rel.C(o, "node")}, rel.C(o, "x")
}

// withTexts gives the combinations of an event source their texts, x and h, for good: the stored
// columns, node and profile_id.
func (x *identity) withTexts(s identitySource, owned rel.Select) rel.Query {
	var texts []rel.Column
	owned.Columns = []rel.Column{same("o", "node"), same("c", "profile_id")}
	for _, c := range x.stored(s) {
		if c != "h" && !strings.HasPrefix(c, "r_") && !strings.HasPrefix(c, "x_") {
			owned.Columns = append(owned.Columns, same("q", c))
		}
	}
	for _, id := range s.ids {
		m := ranked("m", id.rank)
		num := rel.C("q", ranked("i", id.rank))
		odd, _, why := x.oddOf(id.rank, num)
		owned.Joins = append(owned.Joins, join(rel.Left, from(x.work("values"), m), eq(rel.C(m, "num"), num)), odd)
		texts = append(texts, rel.As(ranked("r", id.rank), rel.F(rel.Coalesce, rel.C(m, "r"), rel.T(""))), rel.As(ranked("x", id.rank), why))
	}
	owned.Columns = append(owned.Columns, texts...)
	out := rel.Select{From: rel.Sub{Query: owned, Alias: "q"}}
	for _, c := range owned.Columns {
		out.Columns = append(out.Columns, same("q", c.As))
	}
	out.Columns = append(out.Columns, rel.As("h", rel.F(rel.Hash64, s.together("q"))))
	return out
}

// inNodes puts nodes in place of the values of now_<n>: the stored columns of records but for the
// record's own node.
func (x *identity) inNodes(s identitySource) rel.Select {
	q := rel.Select{From: from(x.work("now", s.n), "q")}
	for _, c := range x.stored(s) {
		switch {
		case c == "nth":
			q.Joins = append(q.Joins, x.nthJoin(s))
			q.Columns = append(q.Columns, rel.As("nth", nthOfKey()))
		case strings.HasPrefix(c, "x_"), strings.HasPrefix(c, "n_"):
		default:
			q.Columns = append(q.Columns, same("q", c))
		}
	}
	for _, id := range s.ids {
		m := ranked("m", id.rank)
		q.Joins = append(q.Joins, join(rel.Left, from(x.work("values"), m), eq(rel.C(m, "src"), rel.I(int64(s.n))), eq(rel.C(m, "rank"), rel.I(int64(id.rank))), eq(rel.C(m, "r"), rel.C("q", ranked("r", id.rank)))))
		odd, node, why := x.oddOf(id.rank, rel.C(m, "num"))
		q.Joins = append(q.Joins, odd)
		q.Columns = append(q.Columns, rel.As(ranked("x", id.rank), why), rel.As(ranked("n", id.rank), node))
	}
	return q
}

// nthJoin joins twice_<n> to records.
func (x *identity) nthJoin(s identitySource) rel.Join {
	on := []rel.Expr{eq(rel.C("w", "key"), rel.C("q", "key"))}
	for _, id := range s.ids {
		on = append(on, eq(rel.C("w", ranked("r", id.rank)), rel.C("q", ranked("r", id.rank))))
	}
	return join(rel.Left, from(x.work("twice", s.n), "w"), on...)
}

// nthOfKey is which of the rows with its key a record is, from 1; 0 without a key.
func nthOfKey() rel.Expr {
	return rel.Case{Whens: []rel.When{{If: isNull(rel.C("q", "key")), Then: rel.I(0)}}, Else: either(rel.C("w", "nth"), rel.I(1))}
}

// lookup gives the combinations of norm_<n>, alias q, nodes in place of values: the stored columns
// but for combo.
func (x *identity) lookup(s identitySource, dict rel.Name) rel.Select {
	q := rel.Select{From: from(x.work("norm", s.n), "q")}
	for _, c := range x.stored(s) {
		if c == "combo" || c[0] == 'n' {
			continue
		}
		q.Columns = append(q.Columns, same("q", c))
	}
	node := func(rank int, value rel.Expr) {
		d := ranked("d", rank)
		q.Joins = append(q.Joins, join(rel.Left, from(dict, d), eq(rel.C(d, "rank"), rel.I(int64(rank))), eq(rel.C(d, "value"), value)))
		q.Columns = append(q.Columns, rel.As(ranked("n", rank), rel.C(d, "node")))
	}
	if !s.events() {
		q.Joins = append(q.Joins, x.nthJoin(s))
		q.Columns = append(q.Columns, rel.As("nth", nthOfKey()))
	}
	for _, id := range s.ids {
		node(id.rank, rel.C("q", ranked("v", id.rank)))
	}
	if !s.events() {
		node(x.recordRank(), rel.Case{Whens: []rel.When{{If: x.alone(s, "v", "q"), Then: s.itself("q")}}})
	}
	return q
}

// updates makes what changed in this build, of a build that goes on from another:
//
//	norm_<n>  the new combinations, with their numbers and normal forms
//	born      node, rank, value, src, first_seen: identifiers that are new
//	upd_<n>   the stored columns of what is new, changed or gone; gone, hard (it joins otherwise than
//	          before), moved, was (the profile of before)
func (x *identity) updates() {
	c := func(name string) rel.Expr { return rel.C("c", name) }
	fresh := rel.F(rel.And, rel.F(rel.Or, isNull(c("combo")), eq(c("redo"), rel.I(1))), eq(c("gone"), rel.I(0)))
	var do []rel.Statement
	for _, s := range x.sources {
		top := rel.Sub{Alias: "u", Query: rel.Select{Columns: []rel.Column{rel.As("top", rel.F(rel.Coalesce, greatest(rel.C("p", "combo")), rel.I(0)))}, From: from(x.combosBefore(s), "p")}}
		q := rel.Select{From: from(x.work("chg", s.n), "c"), Joins: []rel.Join{{Kind: rel.Cross, Rel: top}}, Where: fresh,
			Columns: []rel.Column{rel.As("combo", rel.F(rel.Add, rel.C("u", "top"), rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: c("h")}}}))}}
		for _, id := range s.ids {
			q.Columns = append(q.Columns, same("c", ranked("r", id.rank)))
		}
		for _, name := range x.carried(s) {
			q.Columns = append(q.Columns, same("c", name))
		}
		do = append(do, temp(x.work("norm", s.n), x.normalised(s, q, append([]string{"combo"}, x.carried(s)...)))...)
	}
	e := func(name string) rel.Expr { return rel.C("e", name) }
	do = append(do, temp(x.work("seen"), x.observed())...)
	do = append(do, temp(x.work("known"), rel.Select{
		Columns: []rel.Column{same("p", "node"), same("p", "rank"), same("p", "value")},
		From:    from(x.before(Nodes), "p"),
		Joins:   []rel.Join{join(rel.Inner, from(x.work("seen"), "e"), eq(e("rank"), rel.C("p", "rank")), eq(e("value"), rel.C("p", "value")))},
	})...)
	top := rel.Sub{Alias: "u", Query: rel.Select{Columns: []rel.Column{rel.As("top", rel.F(rel.Coalesce, greatest(rel.C("p", "node")), rel.I(0)))}, From: from(x.before(Nodes), "p")}}
	born := rel.Select{
		Columns: []rel.Column{rel.As("node", birth(rel.C("u", "top"))), same("e", "rank"), same("e", "value"), same("e", "src"), same("e", "first_seen")},
		From:    from(x.work("seen"), "e"),
		Joins: []rel.Join{join(rel.Left, from(x.work("known"), "k"), eq(rel.C("k", "rank"), e("rank")), eq(rel.C("k", "value"), e("value"))),
			{Kind: rel.Cross, Rel: top}},
		Where: isNull(rel.C("k", "node")),
	}
	do = append(do, temp(x.work("born"), born)...)
	do = append(do, temp(x.work("dict"), rel.Union{All: true, Queries: []rel.Query{
		rel.Select{Columns: []rel.Column{same("k", "node"), same("k", "rank"), same("k", "value")}, From: from(x.work("known"), "k")},
		rel.Select{Columns: []rel.Column{same("b", "node"), same("b", "rank"), same("b", "value")}, From: from(x.work("born"), "b")},
	}})...)
	for _, s := range x.sources {
		do = append(do, temp(x.work("upd", s.n), x.updateQuery(s))...)
	}
	x.step("new identifiers", do...)
}

// updateQuery is upd_<n>.
func (x *identity) updateQuery(s identitySource) rel.Query {
	c := func(name string) rel.Expr { return rel.C("c", name) }
	stored := x.stored(s)
	late := map[string]bool{"first_seen": true, "last_seen": true, "seen": true, "old_last": true, "old_seen": true}
	leaves := rel.F(rel.Or, eq(c("gone"), rel.I(1)), eq(c("redo"), rel.I(1)))
	known := rel.Select{From: from(x.work("chg", s.n), "c"),
		Joins: []rel.Join{join(rel.Inner, from(x.combosBefore(s), "p"), eq(rel.C("p", "combo"), c("combo")))}}
	for _, name := range stored {
		e := rel.Expr(rel.C("p", name))
		if late[name] {
			e = rel.Case{Whens: []rel.When{{If: leaves, Then: e}}, Else: c(name)}
		}
		known.Columns = append(known.Columns, rel.As(name, e))
	}
	known.Columns = append(known.Columns, rel.As("gone", oneIf(leaves)), rel.As("hard", oneIf(leaves)),
		rel.As("moved", rel.Case{Whens: []rel.When{{If: leaves, Then: rel.I(1)}}, Else: c("moved")}), rel.As("was", rel.C("p", "profile_id")))
	looked := x.lookup(s, x.work("dict"))
	fresh := rel.Select{From: rel.Sub{Alias: "f", Query: rel.Select{
		Columns: append([]rel.Column{same("q", "combo")}, looked.Columns...), From: looked.From, Joins: looked.Joins}}}
	for _, name := range stored {
		fresh.Columns = append(fresh.Columns, same("f", name))
	}
	fresh.Columns = append(fresh.Columns, rel.As("gone", rel.I(0)), rel.As("hard", rel.I(1)), rel.As("moved", rel.I(1)), rel.As("was", rel.Null(models.Text)))
	return union([]rel.Query{known, fresh})
}
