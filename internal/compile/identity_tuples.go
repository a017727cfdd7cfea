package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The columns that count the rows behind a combination of identifiers.
var seenColumns = []string{"first_seen", "last_seen", "seen"}

// tuples goes from rows to numbered identifiers and the combinations in which they were seen.
func (x *identity) tuples() {
	var observed []rel.Query
	for _, s := range x.sources {
		x.step("rows of "+s.Name, temp(x.work("norm", s.n), x.normQuery(s))...)
		for _, id := range s.ids {
			v := rel.C("n", ranked("v", id.rank))
			observed = append(observed, rel.Select{
				Columns: []rel.Column{rel.As("rank", rel.I(int64(id.rank))), rel.As("value", v), rel.As("src", rel.I(int64(s.n))),
					same("n", "first_seen"), same("n", "last_seen"), same("n", "seen")},
				From: from(x.work("norm", s.n), "n"), Where: notNull(v),
			})
		}
	}
	if len(observed) == 0 { // sources without any identifier: every row is alone
		observed = append(observed, rel.Select{Columns: []rel.Column{
			rel.As("rank", rel.I(0)), rel.As("value", rel.T("")), rel.As("src", rel.I(0)),
			rel.As("first_seen", rel.Null(models.Timestamp)), rel.As("last_seen", rel.Null(models.Timestamp)), rel.As("seen", rel.I(0))},
			Where: rel.B(false)})
	}
	// Numbers follow the order of birth: the smallest of a component is its oldest identifier.
	each := rel.Select{
		Columns: []rel.Column{same("o", "rank"), same("o", "value"), rel.As("src", least(rel.C("o", "src"))),
			rel.As("first_seen", least(rel.C("o", "first_seen"))), rel.As("last_seen", greatest(rel.C("o", "last_seen"))), rel.As("seen", sum(rel.C("o", "seen")))},
		From: rel.Sub{Query: union(observed), Alias: "o"}, GroupBy: []rel.Expr{rel.C("o", "rank"), rel.C("o", "value")},
	}
	x.step("identifiers", temp(x.work("nodes"), rel.Select{
		Columns: []rel.Column{
			rel.As("node", rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: rel.C("e", "first_seen")}, {Expr: rel.C("e", "rank")}, {Expr: text(rel.C("e", "value"))}}}),
			same("e", "rank"), same("e", "value"), same("e", "src"), same("e", "first_seen"), same("e", "last_seen"), same("e", "seen")},
		From: rel.Sub{Query: each, Alias: "e"},
	})...)
	var tuples []rel.Query
	var do []rel.Statement
	for _, s := range x.sources {
		do = append(do, temp(x.work("ids", s.n), x.idsQuery(s))...)
		tuples = append(tuples, x.tupleQuery(s))
	}
	x.step("combinations", append(do, temp(x.work("tuples"), union(tuples))...)...)
}

// rawQuery counts the distinct combinations of identifiers in a source: r_0 …, counts.
func (s *identitySource) rawQuery() rel.Query {
	q := rel.Select{From: sourceRelation(s.Source, rowAlias), GroupBy: s.raw}
	for i, id := range s.ids {
		q.Columns = append(q.Columns, rel.As(ranked("r", id.rank), s.raw[i]))
	}
	q.Columns = append(q.Columns, rel.As("first_seen", least(s.time)), rel.As("last_seen", greatest(s.time)), rel.As("seen", count()))
	return q
}

// normQuery adds to the combinations of a source the trimmed value t, the normal form v of what
// joins, and the rule x that keeps the rest out.
func (x *identity) normQuery(s identitySource) rel.Query {
	q := rel.Select{From: rel.Sub{Query: s.rawQuery(), Alias: "q"}}
	for _, id := range s.ids {
		q.Columns = append(q.Columns, same("q", ranked("r", id.rank)))
	}
	for _, c := range seenColumns {
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
	for _, c := range seenColumns {
		last.Columns = append(last.Columns, same("q", c))
	}
	return last
}

// idsQuery replaces the values of a source's combinations by nodes: r_0 …, n_0 …, counts.
func (x *identity) idsQuery(s identitySource) rel.Query {
	q := rel.Select{From: from(x.work("norm", s.n), "q")}
	for _, id := range s.ids {
		d := ranked("d", id.rank)
		q.Columns = append(q.Columns, same("q", ranked("r", id.rank)), rel.As(ranked("n", id.rank), rel.C(d, "node")))
		q.Joins = append(q.Joins, join(rel.Left, from(x.work("nodes"), d),
			eq(rel.C(d, "rank"), rel.I(int64(id.rank))), eq(rel.C(d, "value"), rel.C("q", ranked("v", id.rank)))))
	}
	for _, c := range seenColumns {
		q.Columns = append(q.Columns, same("q", c))
	}
	return q
}

// tupleQuery counts the distinct combinations of nodes in a source: src, n_ of every rank, counts.
func (x *identity) tupleQuery(s identitySource) rel.Query {
	q := rel.Select{From: from(x.work("ids", s.n), "q")}
	has := map[int]bool{}
	for _, id := range s.ids {
		has[id.rank] = true
	}
	q.Columns = append(q.Columns, rel.As("src", rel.I(int64(s.n))))
	var some []rel.Expr
	for rank := range x.ids {
		name := ranked("n", rank)
		if !has[rank] {
			q.Columns = append(q.Columns, rel.As(name, rel.Null(models.Integer)))
			continue
		}
		q.Columns = append(q.Columns, same("q", name))
		q.GroupBy = append(q.GroupBy, rel.C("q", name))
		some = append(some, notNull(rel.C("q", name)))
	}
	q.Where = rel.B(false)
	if len(some) > 0 {
		q.Where = or(some)
	}
	first, last, seen := least(rel.C("q", "first_seen")), greatest(rel.C("q", "last_seen")), sum(rel.C("q", "seen"))
	if len(some) == 0 {
		first, last, seen = rel.Null(models.Timestamp), rel.Null(models.Timestamp), rel.I(0)
	}
	q.Columns = append(q.Columns, rel.As("first_seen", first), rel.As("last_seen", last), rel.As("seen", seen))
	return q
}

// shared finds identifiers that were seen with more values of a stronger type than max_links
// allows, and takes them out of the combinations: links has the columns of tuples.
func (x *identity) shared() {
	var found []rel.Query
	guarded := map[int]bool{}
	for rank, id := range x.ids {
		for _, m := range id.MaxLinks {
			_, by := x.entity.Identifier(m.Type)
			if by < 0 || by == rank {
				continue
			}
			guarded[rank] = true
			node, other := rel.C("t", ranked("n", rank)), rel.C("t", ranked("n", by))
			others := rel.Agg{Fn: rel.Count, Arg: other, Distinct: true}
			found = append(found, rel.Select{
				Columns: []rel.Column{rel.As("node", node), rel.As("by_rank", rel.I(int64(by))), rel.As("links", others), rel.As("allowed", rel.I(int64(m.Max)))},
				From:    from(x.work("tuples"), "t"), Where: rel.F(rel.And, notNull(node), notNull(other)),
				GroupBy: []rel.Expr{node}, Having: rel.F(rel.Gt, others, rel.I(int64(m.Max))),
			})
		}
	}
	if len(found) == 0 {
		found = append(found, rel.Select{
			Columns: []rel.Column{rel.As("node", rel.I(0)), rel.As("by_rank", rel.I(0)), rel.As("links", rel.I(0)), rel.As("allowed", rel.I(0))},
			Where:   rel.B(false)})
	}
	q := rel.Select{From: from(x.work("tuples"), "t"), Columns: []rel.Column{same("t", "src")}}
	for rank := range x.ids {
		name := ranked("n", rank)
		e := rel.Expr(rel.C("t", name))
		if guarded[rank] {
			h := ranked("h", rank)
			q.Joins = append(q.Joins, join(rel.Left, from(x.work("hubs"), h), eq(rel.C(h, "node"), e)))
			e = rel.Case{Whens: []rel.When{{If: isNull(rel.C(h, "node")), Then: e}}}
		}
		q.Columns = append(q.Columns, rel.As(name, e))
	}
	for _, c := range seenColumns {
		q.Columns = append(q.Columns, same("t", c))
	}
	do := temp(x.work("shared"), union(found))
	do = append(do, temp(x.work("hubs"), rel.Select{Distinct: true, Columns: []rel.Column{same("s", "node")}, From: from(x.work("shared"), "s")})...)
	x.step("shared identifiers", append(do, temp(x.work("links"), q)...)...)
}
