package compile

import (
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// rows reads the sources. Of an event source it makes combinations: each distinct set of
// identifiers with how often and when it was seen. Of a source of records every row is one.
//
//	cut_<n>    cut, rows, sum, rows_before, sum_before: up to where rows are counted for good
//	now_<n>    key (records), r_<rank> …, first_seen, last_seen, seen, old_last, old_seen
//
// A full build reads all rows: of records as above, of events value by value (identity_tuples.go). A build that goes on reads those from the cut on, and compares them
// with what it knows of them:
//
//	scope_<n>  the known combinations that now_<n> says everything about
//	chg_<n>    what differs: combo (NULL if it is new), the values by now, and gone, hard, moved, redo
//
// It reads all rows of a source if those that it need not read are not what they were: a row was
// deleted, or came with a time before the cut.
func (x *identity) rows(s identitySource) {
	if !x.goesOn && s.events() {
		x.step("rows of "+s.Name, x.cut(s)...)
		return
	}
	if !x.goesOn {
		q := x.allRows(s)
		q.Columns = append(q.Columns, rel.As("combo", rel.Over{Rank: rel.RowNumber}))
		do := append(x.cut(s), temp(x.work("now", s.n), q)...)
		x.step("rows of "+s.Name, append(do, x.twice(s, x.work("now", s.n), true)...)...)
		return
	}
	x.step("", x.cut(s)...)
	whole := append(temp(x.work("now", s.n), x.allRows(s)), x.twice(s, x.work("now", s.n), true)...)
	whole = append(whole, temp(x.work("scope", s.n), x.scope(s, true))...)
	st := x.in.State.Sources[s.Name]
	read := Step{Name: "identity: rows of " + s.Name}
	if !s.timed() || st.Cut.IsZero() || st.Doubled > 0 {
		read.Do = whole
		x.steps = append(x.steps, read)
		x.step("changes of "+s.Name, temp(x.work("chg", s.n), x.changes(s))...)
		return
	}
	late := temp(x.work("now", s.n), x.lateRows(s, st))
	late = append(late, x.twice(s, x.work("now", s.n), false)...)
	late = append(late, temp(x.work("scope", s.n), x.scope(s, false))...)
	if s.events() {
		moved := rel.F(rel.Or, rel.F(rel.Ne, rel.C("u", "rows_before"), rel.I(st.Rows)), rel.F(rel.Ne, rel.C("u", "sum_before"), rel.I(st.Sum)))
		read.If = &If{Query: rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: from(x.work("cut", s.n), "u"), Where: moved},
			Then: []Step{{Do: whole}}, Else: []Step{{Do: late}}}
	} else {
		read.Do = late
		read.If = &If{Query: x.recordsMoved(s, st), Then: []Step{{Do: append(drop(x.work("now", s.n), x.work("twice", s.n), x.work("scope", s.n)), whole...)}}}
	}
	x.steps = append(x.steps, read)
	x.step("changes of "+s.Name, temp(x.work("chg", s.n), x.changes(s))...)
}

// timed reports whether the rows of a source have a time.
func (s *identitySource) timed() bool { return s.Time != "" || s.UpdatedAt != "" }

// keyText is the key of a row, the empty text where there is none.
func (s *identitySource) keyText() rel.Expr { return rel.F(rel.Coalesce, s.key, rel.T("")) }

// lookback is how long before the newest row rows may still come or change.
func (s *identitySource) lookback() int64 {
	d := s.Lookback
	if d == 0 {
		d = models.DefaultLookback
	}
	return int64(d / models.Duration(1_000_000_000))
}

// cut looks at a source before it is read: a row that comes in between is found at the next build.
func (x *identity) cut(s identitySource) []rel.Statement {
	if !s.timed() {
		return nil
	}
	newest := rel.Agg{Fn: rel.Max, Arg: rel.Case{Whens: []rel.When{{If: rel.F(rel.Le, s.time, rel.At(x.in.AsOf)), Then: s.time}}}}
	top := rel.Expr(rel.F(rel.AddSecs, newest, rel.I(-s.lookback())))
	before := x.in.State.Sources[s.Name].Cut
	if x.goesOn && !before.IsZero() {
		top = rel.F(rel.Greatest, top, rel.At(before))
	}
	cut := rel.Sub{Alias: "u", Query: rel.Select{Columns: []rel.Column{rel.As("cut", top)}, From: sourceRelation(s.Source, rowAlias)}}
	hash := rel.F(rel.Hash64, s.keyText())
	where := func(is rel.Expr) (rows, xor rel.Expr) {
		if is == nil {
			return count(), rel.F(rel.Coalesce, rel.Agg{Fn: rel.BitXor, Arg: hash}, rel.I(0))
		}
		return sum(oneIf(is)), rel.F(rel.Coalesce, rel.Agg{Fn: rel.BitXor, Arg: rel.Case{Whens: []rel.When{{If: is, Then: hash}}}}, rel.I(0))
	}
	q := rel.Select{From: sourceRelation(s.Source, rowAlias)}
	if !s.events() {
		rows, xor := where(nil)
		q.Columns = []rel.Column{rel.As("rows", rows), rel.As("sum", xor)}
		return temp(x.work("cut", s.n), rel.Select{
			Columns: []rel.Column{same("u", "cut"), same("t", "rows"), same("t", "sum")},
			From:    cut, Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Query: q, Alias: "t"}}}})
	}
	rows, xor := where(rel.F(rel.Lt, s.time, rel.C("u", "cut")))
	q.Columns = []rel.Column{rel.As("rows", rows), rel.As("sum", xor)}
	out := []rel.Column{same("u", "cut"), same("t", "rows"), same("t", "sum")}
	if x.goesOn && !before.IsZero() {
		rows, xor := where(rel.F(rel.Lt, s.time, rel.At(before)))
		q.Columns = append(q.Columns, rel.As("rows_before", rows), rel.As("sum_before", xor))
		out = append(out, same("t", "rows_before"), same("t", "sum_before"))
	}
	do := temp(x.work("top", s.n), rel.Select{Columns: []rel.Column{same("u", "cut")}, From: cut})
	q.Joins = []rel.Join{{Kind: rel.Cross, Rel: from(x.work("top", s.n), "u")}}
	do = append(do, temp(x.work("cut", s.n), rel.Select{Columns: out,
		From: rel.Sub{Query: q, Alias: "t"}, Joins: []rel.Join{{Kind: rel.Cross, Rel: from(x.work("top", s.n), "u")}}})...)
	return append(do, drop(x.work("top", s.n))...)
}

// counts says of a group of rows when and how often it was seen.
func (x *identity) counts(s identitySource, q rel.Select) rel.Select {
	q.Columns = append(q.Columns, rel.As("first_seen", least(s.time)), rel.As("last_seen", greatest(s.time)), rel.As("seen", count()))
	if !s.events() {
		return q
	}
	if !s.timed() {
		q.Columns = append(q.Columns, rel.As("old_last", rel.Null(models.Timestamp)), rel.As("old_seen", rel.I(0)))
		return q
	}
	old := rel.F(rel.Lt, s.time, rel.C("u", "cut"))
	q.Joins = append(q.Joins, rel.Join{Kind: rel.Cross, Rel: from(x.work("cut", s.n), "u")})
	q.Columns = append(q.Columns, rel.As("old_last", greatest(rel.Case{Whens: []rel.When{{If: old, Then: s.time}}})), rel.As("old_seen", sum(oneIf(old))))
	return q
}

// allRows is now_<n> of a whole source.
func (x *identity) allRows(s identitySource) rel.Select {
	q := rel.Select{From: sourceRelation(s.Source, rowAlias)}
	if !s.events() {
		q.Columns, q.GroupBy = append(q.Columns, rel.As("key", s.key)), append(q.GroupBy, s.key)
	}
	for i, id := range s.ids {
		q.Columns = append(q.Columns, rel.As(ranked("r", id.rank), s.raw[i]))
		q.GroupBy = append(q.GroupBy, s.raw[i])
	}
	q = x.counts(s, q)
	return x.hashed(s, q)
}

// lateRows is now_<n> of the rows from the cut on, and of those that do not say when.
func (x *identity) lateRows(s identitySource, st SourceState) rel.Select {
	q := x.allRows(s)
	inner := q.From.(rel.Sub).Query.(rel.Select)
	inner.Where = rel.F(rel.Or, isNull(s.time), rel.F(rel.Ge, s.time, rel.At(st.Cut)))
	q.From = rel.Sub{Query: inner, Alias: "q"}
	return q
}

// hashed adds h, by which combinations are found: of the identifiers of an event as they are, of
// the key of a record.
func (x *identity) hashed(s identitySource, q rel.Select) rel.Select {
	out := rel.Select{From: rel.Sub{Query: q, Alias: "q"}}
	for _, c := range q.Columns {
		out.Columns = append(out.Columns, same("q", c.As))
	}
	what := rel.Expr(rel.F(rel.Coalesce, rel.C("q", "key"), rel.T("")))
	if s.events() {
		what = s.together("q")
	}
	out.Columns = append(out.Columns, rel.As("h", rel.F(rel.Hash64, what)))
	return out
}

// together is one text of all identifiers of an event as they are.
func (s *identitySource) together(alias string) rel.Expr {
	what := rel.Expr(rel.T(""))
	for i, id := range s.ids {
		r := rel.F(rel.Coalesce, rel.C(alias, ranked("r", id.rank)), rel.T(""))
		if i == 0 {
			what = r
		} else {
			what = rel.F(rel.Concat, what, rel.T("\x1f"), r)
		}
	}
	return what
}

// twice makes twice_<n>: the rows of records whose key another row has, key, r_<rank> … and nth.
// Of such rows that with identifiers comes first.
func (x *identity) twice(s identitySource, now rel.Name, some bool) []rel.Statement {
	if s.events() {
		return nil
	}
	q := rel.Select{From: from(now, "n"), Columns: []rel.Column{same("n", "key")}}
	by := rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{rel.C("n", "key")}}
	for _, id := range s.ids {
		r := ranked("r", id.rank)
		q.Columns = append(q.Columns, same("n", r))
		by.OrderBy = append(by.OrderBy, rel.Order{Expr: text(rel.C("n", r)), Desc: true})
	}
	if len(by.OrderBy) == 0 {
		by.OrderBy = []rel.Order{{Expr: rel.C("n", "key")}}
	}
	q.Columns = append(q.Columns, rel.As("nth", by))
	q.Where = rel.B(false)
	if some {
		doubled := rel.Select{Columns: []rel.Column{same("m", "key")}, From: from(now, "m"), Where: notNull(rel.C("m", "key")),
			GroupBy: []rel.Expr{rel.C("m", "key")}, Having: rel.F(rel.Gt, count(), rel.I(1))}
		q.Joins = []rel.Join{join(rel.Inner, rel.Sub{Query: doubled, Alias: "d"}, eq(rel.C("d", "key"), rel.C("n", "key")))}
		q.Where = nil
	}
	return temp(x.work("twice", s.n), q)
}

// combosBefore names the combinations of the build in force.
func (x *identity) combosBefore(s identitySource) rel.Name { return x.before(Combos(s.Name)) }

// scope lists the known combinations that now_<n> says everything about, with what is counted of
// them beside it: all that have rows from the cut on, and all that now has; with whole, all.
func (x *identity) scope(s identitySource, whole bool) rel.Query {
	p := func(name string) rel.Expr { return rel.C("p", name) }
	q := rel.Select{From: from(x.combosBefore(s), "p"), Columns: []rel.Column{same("p", "combo"), same("p", "h")}}
	if !s.events() {
		q.Columns = append(q.Columns, same("p", "key"))
	}
	for _, id := range s.ids {
		q.Columns = append(q.Columns, same("p", ranked("r", id.rank)))
	}
	q.Columns = append(q.Columns, same("p", "first_seen"), same("p", "last_seen"), same("p", "seen"))
	redo := x.redo(s)
	var inScope []rel.Expr
	now := from(x.work("now", s.n), "w")
	one := []rel.Column{rel.As("one", rel.I(1))}
	if s.events() {
		q.Columns = append(q.Columns, same("p", "old_last"), same("p", "old_seen"))
		last, seen := p("old_last"), p("old_seen")
		if whole {
			last, seen = rel.Null(models.Timestamp), rel.I(0)
		} else {
			inScope = []rel.Expr{rel.F(rel.Ne, p("seen"), p("old_seen")),
				rel.Exists{Query: rel.Select{Columns: one, From: now, Where: eq(rel.C("w", "h"), p("h"))}}}
		}
		q.Columns = append(q.Columns, rel.As("kept_last", last), rel.As("kept_seen", seen), rel.As("held", rel.I(0)))
	} else {
		there := rel.Exists{Query: rel.Select{Columns: one, From: now, Where: rel.F(rel.And, eq(rel.C("w", "h"), p("h")), eq(rel.C("w", "key"), p("key")))}}
		held := rel.Expr(rel.I(0))
		if !whole {
			inScope = []rel.Expr{there}
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
		return q
	}
	// The few are found in narrow columns first, by one reading for what needs no join.
	var ids []rel.Query
	hit := func(redo int64, is rel.Expr) {
		ids = append(ids, rel.Select{Columns: []rel.Column{same("p", "combo"), rel.As("redo", rel.I(redo))}, From: from(x.combosBefore(s), "p"), Where: is})
	}
	hits := func(redo int64, conditions []rel.Expr) {
		var plain []rel.Expr
		for _, is := range conditions {
			if joins(is) {
				hit(redo, is)
			} else {
				plain = append(plain, is)
			}
		}
		if len(plain) > 0 {
			hit(redo, or(plain))
		}
	}
	hits(0, inScope)
	if len(x.ignoredAnew()) > 0 {
		hits(1, redo)
	}
	q.Columns = append(q.Columns, same("i", "redo"))
	q.Joins = append(q.Joins, join(rel.Inner, rel.Sub{Alias: "i", Query: rel.Select{Columns: []rel.Column{same("c", "combo"), rel.As("redo", greatest(rel.C("c", "redo")))},
		From: rel.Sub{Query: union(ids), Alias: "c"}, GroupBy: []rel.Expr{rel.C("c", "combo")}}}, eq(rel.C("i", "combo"), p("combo"))))
	return q
}

// joins reports whether a condition looks into another relation.
func joins(e rel.Expr) bool {
	switch e := e.(type) {
	case rel.Exists:
		return true
	case rel.Call:
		return slices.ContainsFunc(e.Args, joins)
	}
	return false
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
			out = append(out, rel.F(rel.And, notNull(rel.C("p", ranked("x", rank))), eq(rel.C("p", ranked("x", rank)), rel.T("ignore"))))
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
	var globs []rel.Expr
	for _, rank := range anew {
		var words, patterns []rel.Expr
		value := rel.F(rel.Lower, rel.C("p", "value"))
		for _, g := range x.ids[rank].Ignore {
			if g = strings.ToLower(g); strings.ContainsAny(g, "*?") {
				patterns = append(patterns, glob(value, g))
			} else {
				words = append(words, rel.T(g))
			}
		}
		if len(words) > 0 {
			patterns = append(patterns, rel.InList{Expr: value, List: words})
		}
		if len(patterns) > 0 {
			globs = append(globs, rel.F(rel.And, eq(rel.C("p", "rank"), rel.I(int64(rank))), or(patterns)))
		}
	}
	where := rel.Expr(rel.B(false))
	if len(globs) > 0 {
		where = or(globs)
	}
	x.step("ignored by now", temp(x.work("banned"), rel.Select{Columns: []rel.Column{same("p", "node")}, From: from(x.before(Nodes), "p"), Where: where})...)
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
