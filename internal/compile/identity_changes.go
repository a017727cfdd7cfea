package compile

import (
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// combosBefore names the combinations of the build in force.
func (x *identity) combosBefore(s identitySource) rel.Name { return x.before(Combos(s.Name)) }

// scope lists the known combinations that now_<n> says everything about, with whose they are and
// what is counted of them beside it: all that have rows from the cut on, and all that now has; with
// whole, all. They are few, and are read from the wide table here and nowhere else.
func (x *identity) scope(s identitySource, whole bool) rel.Query {
	p := func(name string) rel.Expr { return rel.C("p", name) }
	q := rel.Select{Columns: append(columnsOf("p", x.stored(s)), rel.As("was", p("profile_id")))}
	redo := x.redo(s)
	now := from(x.work("now", s.n), "w")
	one := []rel.Column{rel.As("one", rel.I(1))}
	if s.events() {
		last, seen := p("old_last"), p("old_seen")
		if whole {
			last, seen = rel.Null(models.Timestamp), rel.I(0)
		}
		q.Columns = append(q.Columns, rel.As("kept_last", last), rel.As("kept_seen", seen), rel.As("held", rel.I(0)))
	} else {
		there := rel.Exists{Query: rel.Select{Columns: one, From: now, Where: rel.F(rel.And, eq(rel.C("w", "h"), p("h")), eq(rel.C("w", "key"), p("key")))}}
		held := rel.Expr(rel.I(0))
		if !whole {
			held = rel.Case{Whens: []rel.When{{If: there, Then: rel.I(0)}}, Else: rel.I(1)}
		}
		q.Columns = append(q.Columns, rel.As("held", held))
		twice := rel.Exists{Query: rel.Select{Columns: one, From: from(x.work("twice", s.n), "w"), Where: eq(rel.C("w", "key"), p("key"))}}
		redo = append(redo, rel.F(rel.Ne, p("nth"), rel.I(1)), twice)
	}
	if whole {
		again := rel.Expr(rel.I(0))
		if len(redo) > 0 {
			again = oneIf(or(redo))
		}
		q.Columns = append(q.Columns, rel.As("redo", again))
		return x.few(x.combosLayer(s), q)
	}
	q.Columns = append(q.Columns, same("i", "redo"))
	q.Joins = append(q.Joins, join(rel.Inner, from(x.work("few", s.n), "i"), eq(rel.C("i", "combo"), p("combo"))))
	return x.few(x.combosLayer(s), q)
}

// hits is few_<n>: the combinations of scope_<n>, found in narrow columns by one reading: combo, redo.
func (x *identity) hits(s identitySource) rel.Query {
	p := func(name string) rel.Expr { return rel.C("p", name) }
	q := rel.Select{Columns: []rel.Column{same("p", "combo")}}
	now := rel.Select{Distinct: true, Columns: []rel.Column{same("n", "h")}, From: from(x.work("now", s.n), "n")}
	on := []rel.Expr{eq(rel.C("w", "h"), p("h"))}
	if !s.events() {
		now.Columns = append(now.Columns, same("n", "key"))
		on = append(on, eq(rel.C("w", "key"), p("key")))
	}
	q.Joins = append(q.Joins, join(rel.Left, rel.Sub{Query: now, Alias: "w"}, on...))
	in := []rel.Expr{notNull(rel.C("w", "h"))}
	if s.events() {
		in = append(in, rel.F(rel.Ne, p("seen"), p("old_seen")))
	}
	var redo []rel.Expr
	for _, rank := range x.ignoredAnew() {
		for _, id := range s.ids {
			if id.rank != rank {
				continue
			}
			redo = append(redo, rel.F(rel.IsTrue, x.wasIgnored(rank)))
			if len(id.Ignore) > 0 {
				b := ranked("b", rank)
				q.Joins = append(q.Joins, join(rel.Left, from(x.work("banned"), b), eq(rel.C(b, "node"), p(ranked("n", rank)))))
				redo = append(redo, notNull(rel.C(b, "node")))
			}
		}
	}
	again := rel.Expr(rel.I(0))
	if len(redo) > 0 {
		again = oneIf(or(redo))
	}
	q.Columns = append(q.Columns, rel.As("redo", again))
	q.Where = or(append(in, redo...))
	return x.few(x.combosLayer(s), q)
}

// wasIgnored is whether the value of a known combination, p, was ignored.
func (x *identity) wasIgnored(rank int) rel.Expr {
	return eq(rel.C("p", ranked("x", rank)), rel.I(int64(slices.Index(refusals, ignored)+1)))
}

// redo is true for combinations of the build in force whose identifiers must be looked at again,
// because what is ignored changed: those that were ignored, and those whose value now is.
func (x *identity) redo(s identitySource) []rel.Expr {
	var out []rel.Expr
	for _, rank := range x.ignoredAnew() {
		for _, id := range s.ids {
			if id.rank != rank {
				continue
			}
			out = append(out, rel.F(rel.And, notNull(rel.C("p", ranked("x", rank))), x.wasIgnored(rank)))
			if len(id.Ignore) > 0 {
				out = append(out, rel.F(rel.And, notNull(rel.C("p", ranked("n", rank))), inTable(x.work("banned"), "node", rel.C("p", ranked("n", rank)))))
			}
		}
	}
	return out
}

// banned lists the identifiers of the build in force that are ignored by now.
func (x *identity) banned() {
	anew := x.ignoredAnew()
	if len(anew) == 0 {
		return
	}
	var each []rel.Query
	for _, rank := range anew {
		id := &x.ids[rank]
		value := rel.Expr(rel.C("p", "value"))
		folded := value
		if n := normalizer(id); n == "none" || n == "trim" {
			folded = rel.F(rel.Lower, value)
		}
		var exact, words, is []rel.Expr
		for _, g := range id.Ignore {
			switch g = strings.ToLower(g); {
			case strings.ContainsAny(g, "*?"):
				is = append(is, glob(folded, g))
			case g == strings.ToUpper(g):
				exact = append(exact, rel.T(g))
			default:
				words = append(words, rel.T(g))
			}
		}
		if len(exact) > 0 {
			is = append(is, rel.InList{Expr: value, List: exact})
		}
		if len(words) > 0 {
			is = append(is, rel.InList{Expr: folded, List: words})
		}
		if len(is) > 0 {
			each = append(each, x.few(x.nodesLayer(), rel.Select{Columns: []rel.Column{same("p", "node")},
				Where: rel.F(rel.And, eq(rel.C("p", "rank"), rel.I(int64(rank))), or(is))}))
		}
	}
	if len(each) == 0 {
		each = append(each, rel.Select{Columns: []rel.Column{rel.As("node", rel.I(0))}, Where: rel.B(false)})
	}
	x.step("ignored by now", temp(x.work("banned"), union(each))...)
}

// recordsMoved is more than 0 if the rows of a source of records that need not be read are not
// what is known of them, or a key is there twice.
func (x *identity) recordsMoved(s identitySource, st SourceState) rel.Query {
	fresh := rel.Select{
		Columns: []rel.Column{same("n", "h")}, From: from(x.work("now", s.n), "n"),
		Where: rel.F(rel.Not, rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: from(x.work("scope", s.n), "w"),
			Where: rel.F(rel.And, eq(rel.C("w", "h"), rel.C("n", "h")), eq(rel.C("w", "key"), rel.C("n", "key")))}}),
	}
	known := rel.Select{Columns: []rel.Column{rel.As("h", rel.I(st.Sum))}}
	expected := rel.Select{
		Columns: []rel.Column{rel.As("rows", rel.F(rel.Add, count(), rel.I(st.Rows-1))), rel.As("sum", rel.Agg{Fn: rel.BitXor, Arg: rel.C("f", "h")})},
		From:    rel.Sub{Query: union([]rel.Query{known, fresh}), Alias: "f"},
	}
	clash := rel.Select{
		Columns: []rel.Column{rel.As("n", sum(oneIf(rel.F(rel.Or, isNull(rel.C("n", "key")), rel.F(rel.Gt, rel.C("n", "seen"), rel.I(1)))))),
			rel.As("rows", count()), rel.As("keys", rel.Agg{Fn: rel.Count, Arg: rel.C("n", "key"), Distinct: true})},
		From: from(x.work("now", s.n), "n"),
	}
	u := func(name string) rel.Expr { return rel.C("u", name) }
	return rel.Select{
		Columns: []rel.Column{rel.As("n", count())},
		From:    from(x.work("cut", s.n), "u"),
		Joins:   []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Query: expected, Alias: "f"}}, {Kind: rel.Cross, Rel: rel.Sub{Query: clash, Alias: "c"}}},
		Where: rel.F(rel.Or, rel.F(rel.Ne, u("rows"), rel.C("f", "rows")), rel.F(rel.Ne, u("sum"), rel.C("f", "sum")),
			rel.F(rel.Gt, rel.C("c", "n"), rel.I(0)), rel.F(rel.Ne, rel.C("c", "rows"), rel.C("c", "keys"))),
	}
}

// changes compares now_<n> with scope_<n>.
func (x *identity) changes(s identitySource) rel.Query {
	n := func(name string) rel.Expr { return rel.C("n", name) }
	c := func(name string) rel.Expr { return rel.C("s", name) }
	on := []rel.Expr{eq(n("h"), c("h"))}
	q := rel.Select{From: from(x.work("now", s.n), "n"), Columns: []rel.Column{same("s", "combo"), rel.As("h", either(n("h"), c("h")))}}
	if !s.events() {
		q.Columns = append(q.Columns, rel.As("key", either(n("key"), c("key"))))
		on = append(on, eq(rel.F(rel.Coalesce, n("key"), rel.T("")), rel.F(rel.Coalesce, c("key"), rel.T(""))))
	}
	for _, id := range s.ids {
		r := ranked("r", id.rank)
		q.Columns = append(q.Columns, rel.As(r, either(n(r), c(r))))
		on = append(on, eq(n(r), c(r)))
	}
	q.Joins = []rel.Join{join(rel.Full, from(x.work("scope", s.n), "s"), on...)}
	held := eq(c("held"), rel.I(1))
	pick := func(name string, zero rel.Expr) rel.Expr {
		return rel.Case{Whens: []rel.When{{If: held, Then: c(name)}, {If: notNull(n("h")), Then: n(name)}}, Else: zero}
	}
	first, last, seen := pick("first_seen", nil), pick("last_seen", nil), pick("seen", rel.I(0))
	if s.events() {
		zero := func(e rel.Expr) rel.Expr { return rel.F(rel.Coalesce, e, rel.I(0)) }
		kept := rel.Case{Whens: []rel.When{{If: rel.F(rel.Gt, c("kept_seen"), rel.I(0)), Then: c("first_seen")}}}
		first, last = rel.F(rel.Least, kept, n("first_seen")), rel.F(rel.Greatest, c("kept_last"), n("last_seen"))
		seen = rel.F(rel.Add, zero(c("kept_seen")), zero(n("seen")))
		q.Columns = append(q.Columns, rel.As("old_last", rel.F(rel.Greatest, c("kept_last"), n("old_last"))),
			rel.As("old_seen", rel.F(rel.Add, zero(c("kept_seen")), zero(n("old_seen")))),
			rel.As("was_old_last", c("old_last")), rel.As("was_old_seen", c("old_seen")))
	}
	q.Columns = append(q.Columns, rel.As("first_seen", first), rel.As("last_seen", last), rel.As("seen", seen),
		rel.As("was_first", c("first_seen")), rel.As("was_last", c("last_seen")), rel.As("was_seen", c("seen")), rel.As("redo", rel.F(rel.Coalesce, c("redo"), rel.I(0))))
	out := rel.Select{From: rel.Sub{Query: q, Alias: "t"}}
	t := func(name string) rel.Expr { return rel.C("t", name) }
	for _, col := range q.Columns {
		switch col.As {
		case "was_old_last", "was_old_seen", "was_first", "was_last", "was_seen":
			continue
		}
		out.Columns = append(out.Columns, same("t", col.As))
	}
	gone := eq(t("seen"), rel.I(0))
	moved := rel.F(rel.Or, isNull(t("combo")), rel.F(rel.Distinct, t("first_seen"), t("was_first")), rel.F(rel.Distinct, t("last_seen"), t("was_last")), rel.F(rel.Distinct, t("seen"), t("was_seen")))
	out.Columns = append(out.Columns, rel.As("gone", oneIf(gone)), rel.As("moved", oneIf(moved)))
	differs := []rel.Expr{moved, eq(t("redo"), rel.I(1))}
	if s.events() {
		differs = append(differs, rel.F(rel.Distinct, t("old_last"), t("was_old_last")), rel.F(rel.Distinct, t("old_seen"), t("was_old_seen")))
	}
	out.Where = or(differs)
	return out
}
