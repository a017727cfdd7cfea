package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// rows reads the sources. Of an event source it makes combinations: each distinct set of
// identifiers with how often and when it was seen. Of a source of records every row is one.
//
//	cut_<n>    cut, rows, sum, rows_before, sum_before: up to where rows are counted for good
//	now_<n>    key (records), r_<rank> …, first_seen, last_seen, seen, old_last, old_seen
//
// A full build reads all rows: of records as above, of events value by value
// (identity_dictionary.go). A build that goes on reads those from the cut on, and compares them with
// what it knows of them (identity_changes.go):
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
	late = append(late, temp(x.work("few", s.n), x.hits(s))...)
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
	r := func(name string) rel.Expr { return rel.C("r", name) }
	where := func(is rel.Expr) (rows, xor rel.Expr) {
		if is == nil {
			return count(), rel.F(rel.Coalesce, rel.Agg{Fn: rel.BitXor, Arg: r("h")}, rel.I(0))
		}
		return countIf(is), rel.F(rel.Coalesce, rel.Agg{Fn: rel.BitXor, Arg: rel.Case{Whens: []rel.When{{If: is, Then: r("h")}}}}, rel.I(0))
	}
	q := rel.Select{From: rel.Sub{Alias: "r", Query: rel.Select{From: sourceRelation(s.Source, rowAlias),
		Columns: []rel.Column{rel.As("h", rel.F(rel.Hash64, s.keyText())), rel.As("at", s.time)}}}}
	if !s.events() {
		rows, xor := where(nil)
		q.Columns = []rel.Column{rel.As("rows", rows), rel.As("sum", xor)}
		return temp(x.work("cut", s.n), rel.Select{
			Columns: []rel.Column{same("u", "cut"), same("t", "rows"), same("t", "sum")},
			From:    cut, Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Query: q, Alias: "t"}}}})
	}
	rows, xor := where(rel.F(rel.Lt, r("at"), rel.C("u", "cut")))
	q.Columns = []rel.Column{rel.As("rows", rows), rel.As("sum", xor)}
	out := []rel.Column{same("u", "cut"), same("t", "rows"), same("t", "sum")}
	if x.goesOn && !before.IsZero() {
		rows, xor := where(rel.F(rel.Lt, r("at"), rel.At(before)))
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
	q.Columns = append(q.Columns, rel.As("old_last", greatest(rel.Case{Whens: []rel.When{{If: old, Then: s.time}}})), rel.As("old_seen", countIf(old)))
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
