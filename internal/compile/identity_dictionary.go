package compile

import (
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// dictionary numbers the identifiers of a full build and puts them in place of values. It works on
// each value once, since the same few values make up many combinations:
//
//	values    src, rank, r (as the source has it), x, w, first_seen, last_seen, seen, num in order of birth;
//	          w is the normal form if that is not r, and the empty text if there is none
//	mixed     the ranks of which several values may have one normal form
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
				raw := orNull(s.raw[i])
				values = rel.Select{From: sourceRelation(s.Source, rowAlias), GroupBy: []rel.Expr{raw}, Where: rel.F(rel.Ne, raw, rel.T("")),
					Columns: []rel.Column{rel.As(r, raw), rel.As("first_seen", least(s.time)), rel.As("last_seen", greatest(s.time)), rel.As("seen", count())}}
			}
			q := rel.Select{From: rel.Sub{Query: x.normalised(one, values, counts), Alias: "v"}, Columns: []rel.Column{
				rel.As("src", rel.I(int64(s.n))), rel.As("rank", rel.I(int64(id.rank))), rel.As("r", rel.C("v", r)), rel.As("x", rel.C("v", ranked("x", id.rank))), rel.As("w", otherForm(rel.C("v", r), rel.C("v", ranked("v", id.rank))))}}
			q.Columns = append(q.Columns, columnsOf("v", counts)...)
			each = append(each, q)
		}
	}
	if len(each) == 0 {
		each = append(each, rel.Select{Where: rel.B(false), Columns: []rel.Column{rel.As("src", rel.I(0)), rel.As("rank", rel.I(0)), rel.As("r", rel.T("")), rel.As("x", rel.Null(models.Integer)),
			rel.As("w", rel.Null(models.Text)), rel.As("first_seen", rel.Null(models.Timestamp)), rel.As("last_seen", rel.Null(models.Timestamp)), rel.As("seen", rel.I(0))}})
	}
	e := func(name string) rel.Expr { return rel.C("e", name) }
	birth := []rel.Order{{Expr: e("first_seen")}, {Expr: e("rank")}, {Expr: text(e("r"))}}
	if len(x.severally()) > 0 { // a value of one source is there once
		birth = append(birth, rel.Order{Expr: e("src")})
	}
	numbered := rel.Select{From: rel.Sub{Query: union(each), Alias: "e"}, Columns: append(columnsOf("e", append([]string{"src", "rank", "r", "x", "w"}, counts...)),
		rel.As("num", rel.Over{Rank: rel.RowNumber, OrderBy: birth}))}
	do := temp(x.work("values"), numbered)
	v := rel.Case{Whens: []rel.When{{If: isNull(e("w")), Then: e("r")}, {If: rel.F(rel.Ne, e("w"), rel.T("")), Then: e("w")}}}
	joins := rel.F(rel.Distinct, e("w"), rel.T(""))
	do = append(do, temp(x.work("mixed"), x.mixed())...)
	of := func(kind rel.JoinKind) []rel.Join {
		return []rel.Join{join(kind, from(x.work("mixed"), "m"), eq(rel.C("m", "rank"), e("rank")))}
	}
	do = append(do, temp(x.forms(), union([]rel.Query{
		rel.Select{
			Columns: []rel.Column{rel.As("node", least(e("num"))), same("e", "rank"), rel.As("value", v), rel.As("src", least(e("src"))),
				rel.As("first_seen", least(e("first_seen"))), rel.As("last_seen", greatest(e("last_seen"))), rel.As("seen", sum(e("seen"))), rel.As("k", count())},
			From: from(x.work("values"), "e"), Joins: of(rel.Inner), Where: joins, GroupBy: []rel.Expr{e("rank"), v},
		},
		rel.Select{
			Columns: []rel.Column{rel.As("node", e("num")), same("e", "rank"), rel.As("value", e("r")), same("e", "src"),
				same("e", "first_seen"), same("e", "last_seen"), same("e", "seen"), rel.As("k", rel.I(1))},
			From: from(x.work("values"), "e"), Joins: of(rel.Left), Where: rel.F(rel.And, isNull(rel.C("m", "rank")), isNull(e("w"))),
		},
	}))...)
	// Most normal forms have one spelling in one place: their number is the value's. What is odd are
	// the others, and values that do not join.
	node := rel.Case{Whens: []rel.When{{If: joins, Then: either(rel.C("d", "node"), e("num"))}}}
	odd := rel.Select{
		Columns: []rel.Column{same("e", "num"), rel.As("node", node), same("e", "x")}, From: from(x.work("values"), "e"),
		Joins: []rel.Join{join(rel.Left, rel.Sub{Alias: "d", Query: rel.Select{Columns: []rel.Column{same("f", "node"), same("f", "rank"), same("f", "value")},
			From: from(x.forms(), "f"), Where: rel.F(rel.Gt, rel.C("f", "k"), rel.I(1))}}, eq(rel.C("d", "rank"), e("rank")), eq(rel.C("d", "value"), v))},
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

// orNull is the identifier of a row as it is in the source, without the empty text for one that is not
// there: where only those that are there are looked at, the warehouse need not write that.
func orNull(raw rel.Expr) rel.Expr {
	if c, ok := raw.(rel.Call); ok && c.Fn == rel.Coalesce && len(c.Args) == 2 && c.Args[1] == rel.T("") {
		return c.Args[0]
	}
	return raw
}

// mixed lists the ranks of which several values may have one normal form: values of a source are
// distinct, so that either several sources bring them, or one is written otherwise than in its form.
func (x *identity) mixed() rel.Query {
	e := func(name string) rel.Expr { return rel.C("e", name) }
	where := rel.Expr(rel.F(rel.Ne, e("w"), rel.T("")))
	if several := x.severally(); len(several) > 0 {
		where = rel.F(rel.Or, where, x.rankIn(e("rank"), several))
	}
	return rel.Select{Distinct: true, Columns: []rel.Column{same("e", "rank")}, From: from(x.work("values"), "e"), Where: where}
}

// severally lists the ranks that several sources bring.
func (x *identity) severally() (several []int) {
	brought := map[int]int{}
	for _, s := range x.sources {
		for _, id := range s.ids {
			brought[id.rank]++
		}
	}
	for rank := range x.ids {
		if brought[rank] > 1 {
			several = append(several, rank)
		}
	}
	return several
}

// otherForm is w of a value with a normal form, or without. Most values are written in it, and texts
// are dear to carry.
func otherForm(r, v rel.Expr) rel.Expr {
	return rel.Case{Whens: []rel.When{{If: isNull(v), Then: rel.T("")}, {If: rel.F(rel.Ne, v, r), Then: v}}}
}

// forms names the identifiers that values are, which are all there are without sources of records.
func (x *identity) forms() rel.Name {
	for _, s := range x.sources {
		if !s.events() {
			return x.work("forms")
		}
	}
	return x.work("nodes")
}

// selves gives the records that may be found by themselves only a number each, after all others,
// and makes nodes of everything.
func (x *identity) selves(alone []rel.Query) []rel.Statement {
	if len(alone) == 0 {
		return nil
	}
	nodes := rel.Select{From: from(x.forms(), "f"), Columns: columnsOf("f", []string{"node", "rank", "value", "src", "first_seen", "last_seen", "seen"})}
	q := func(name string) rel.Expr { return rel.C("q", name) }
	once := rel.Select{From: rel.Sub{Query: union(alone), Alias: "q"}, GroupBy: []rel.Expr{q("src"), q("key"), q("value")}, Columns: []rel.Column{same("q", "src"), same("q", "key"), same("q", "value"),
		rel.As("first_seen", least(q("first_seen"))), rel.As("last_seen", greatest(q("last_seen"))), rel.As("seen", sum(q("seen")))}}
	top := rel.Sub{Alias: "u", Query: rel.Select{Columns: []rel.Column{rel.As("top", rel.F(rel.Coalesce, greatest(rel.C("f", "node")), rel.I(0)))}, From: from(x.forms(), "f")}}
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
		q.Joins = append(q.Joins, join(rel.Left, from(x.work("values"), m), eq(rel.C(m, "src"), rel.I(int64(s.n))), eq(rel.C(m, "rank"), rel.I(int64(id.rank))), eq(rel.C(m, "r"), orNull(s.raw[i]))))
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
