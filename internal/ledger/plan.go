package ledger

import (
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// plan is the query of the plan's table: what is sent, numbered from 0 in the order of sending,
// and behind it, without a number, what is only noted when the run is settled.
func (f *freeze) plan() rel.Query {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	is := func(as ...string) rel.Expr {
		l := rel.InList{Expr: t("action")}
		for _, a := range as {
			l.List = append(l.List, rel.T(a))
		}
		return l
	}
	all := rel.Select{Columns: f.todoColumns(nil), From: rel.Table{Name: todoTable, Alias: "t"}, Where: is(doErase, doForced, doRemove, doUpdate, doAdd, doSkip)}
	rows := rel.Query(all)
	removed := is(doRemove)
	if over := f.hasLeftover(); over != nil {
		rows = rel.Union{All: true, Queries: []rel.Query{all, rel.Select{Columns: f.todoColumns(f.leftoverColumns()), From: rel.Table{Name: todoTable, Alias: "t"}, Where: over}}}
		removed = or(removed, over)
	}
	// Who is removed under one value and added under another has both rows side by side.
	paired := and(is(doUpdate, doAdd), notNull(rel.C("m", "key")))
	section := when(is(doErase), rel.I(0), is(doForced), rel.I(1), or(is(doRemove), paired), rel.I(2), is(doUpdate), rel.I(3), is(doAdd), rel.I(4), rel.I(9))
	turn := when(is(doUpdate, doAdd), rel.I(1), rel.I(0))
	number := rel.F(rel.Subtract, rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: section}, {Expr: t("key")}, {Expr: turn}, {Expr: t("g")}}}, rel.I(1))
	inner := rel.Select{
		Columns: append([]rel.Column{rel.As("seq", when(is(doSkip), rel.Null(models.Integer), number))}, f.planColumns("t")...),
		From:    rel.Sub{Query: rows, Alias: "t"},
		Joins: []rel.Join{{Kind: rel.Left, On: eq(rel.C("m", "key"), t("key")), Rel: rel.Sub{Alias: "m", Query: rel.Select{
			Distinct: true, Columns: []rel.Column{rel.As("key", t("key"))}, From: rel.Table{Name: todoTable, Alias: "t"}, Where: removed,
		}}}},
	}
	return rel.Select{Columns: append([]rel.Column{rel.As("seq", rel.C("p", "seq"))}, f.planColumns("p")...), From: rel.Sub{Query: inner, Alias: "p"},
		OrderBy: []rel.Order{{Expr: rel.C("p", "seq")}}}
}

// planNames are the columns of a plan after its number.
func (s *source) planNames() []string {
	out := []string{"action", "key", "profile", "g"}
	for i := range s.b.Rows.IDs {
		out = append(out, id(i))
	}
	for i := range s.b.Rows.Fields {
		out = append(out, field(i))
	}
	return append(out, "remote_id", "hash", "version", "doubt", "l_state", "attempts", "leftover")
}

func (s *source) planColumns(alias string) []rel.Column {
	var cs []rel.Column
	for _, n := range s.planNames() {
		cs = append(cs, rel.As(n, rel.C(alias, n)))
	}
	return cs
}

// todoColumns are the columns of a plan from todoTable, with some replaced.
func (f *freeze) todoColumns(replaced map[string]rel.Expr) []rel.Column {
	cs := f.planColumns("t")
	for i, c := range cs {
		if c.As == "leftover" {
			cs[i].Expr = rel.B(false)
		}
		if e, ok := replaced[c.As]; ok {
			cs[i].Expr = e
		}
	}
	return cs
}

// hasLeftover is true for a row of todoTable that has to be removed in part; nil if none can be.
func (f *freeze) hasLeftover() rel.Expr {
	if f.appends() || f.b.Sync.Mode != syncs.Mirror || f.ops.leave == 0 || f.ops.leave != f.ops.remove || len(f.b.Rows.IDs) < 2 {
		return nil
	}
	var any []rel.Expr
	for i := range f.b.Rows.IDs {
		any = append(any, notNull(rel.C("t", "old_"+id(i))))
	}
	return and(eq(rel.C("t", "action"), rel.T(doUpdate)), or(any...))
}

func (f *freeze) leftoverColumns() map[string]rel.Expr {
	out := map[string]rel.Expr{"action": rel.T(doRemove), "leftover": rel.B(true), "remote_id": rel.Null(models.Text), "hash": rel.I(0), "version": rel.I(0),
		"doubt": rel.B(false), "l_state": rel.Null(models.Text), "attempts": rel.I(0)}
	var g []rel.Expr
	for i, c := range f.b.Rows.IDs {
		out[id(i)] = rel.C("t", "old_"+id(i))
		g = append(g, concat(rel.T(c.Name+":"), rel.C("t", "old_"+id(i))))
	}
	out["g"] = coalesce(g...)
	for i, c := range f.b.Rows.Fields {
		out[field(i)] = rel.Null(nullType(c))
	}
	return out
}

func nullType(c compile.RowColumn) models.Type {
	if c.Type == models.Unknown {
		return models.Text
	}
	return c.Type
}
