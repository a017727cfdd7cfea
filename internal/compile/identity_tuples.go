package compile

import (
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

// refusals are the rules that keep a value from joining anything, by their number, from 1: a column
// of numbers that are nearly always absent costs nothing to read, one of texts does.
var refusals = []string{"junk", ignored, "invalid"}

// ignored is the rule of values that the models say to ignore.
const ignored = "ignore"

// refusal is the number of a rule, and refused its name.
func refusal(rule rel.Expr) rel.Expr {
	var whens []rel.When
	for i, name := range refusals {
		whens = append(whens, rel.When{If: eq(rule, rel.T(name)), Then: rel.I(int64(i + 1))})
	}
	return rel.Case{Whens: whens}
}

func refused(number rel.Expr) rel.Expr {
	var whens []rel.When
	for i, name := range refusals {
		whens = append(whens, rel.When{If: eq(number, rel.I(int64(i+1))), Then: rel.T(name)})
	}
	return rel.Case{Whens: whens}
}

// normalised adds to combinations, of which q gives r_<rank> and the carried columns, the normal
// form v of what joins, and the number x of the rule that keeps the rest out.
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
			e := rel.Expr(rel.C("q", at[id.rank][layer]))
			if layer == "x" {
				e = refusal(e)
			}
			last.Columns = append(last.Columns, rel.As(ranked(layer, id.rank), e))
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
