package ledger

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// plan is the query of the plan's table: what is sent, numbered from 0 in the order of sending,
// and behind it, without a number, what is only noted when the run is settled.
func (f *freeze) plan() rel.Query {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	is := anyOf(t("action"))
	all := rel.Select{Columns: f.todoColumns(), From: rel.Table{Name: todoTable, Alias: "t"},
		Where: or(is(doErase, doForced, doRemove, doUpdate, doAdd, doSkip, doMove, doClose, doEnd, doMark), t("marked"))}
	rows := rel.Query(all)
	if f.singly() {
		rows = rel.Union{All: true, Queries: []rel.Query{all, f.partRows()}}
	}
	// Who is removed under one value and added under another has both rows side by side.
	paired := and(is(doUpdate, doAdd), notNull(rel.C("m", "key")))
	section := when(is(doErase), rel.I(0), is(doForced), rel.I(1), or(is(doRemove), paired), rel.I(2), is(doUpdate), rel.I(3), is(doAdd), rel.I(4), rel.I(9))
	turn := when(is(doUpdate, doAdd), rel.I(1), rel.I(0))
	number := rel.F(rel.Subtract, rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: section}, {Expr: t("key")}, {Expr: turn}, {Expr: t("g")}}}, rel.I(1))
	inner := rel.Select{
		Columns: append([]rel.Column{rel.As("seq", when(is(doSkip, doMove, doClose, doEnd, doNote, doMark), rel.Null(models.Integer), number))}, f.tableColumns("t")...),
		From:    rel.Sub{Query: rows, Alias: "t"},
		Joins: []rel.Join{{Kind: rel.Left, On: eq(rel.C("m", "key"), t("key")), Rel: rel.Sub{Alias: "m", Query: rel.Select{
			Distinct: true, Columns: []rel.Column{rel.As("key", t("key"))}, From: rel.Sub{Query: rows, Alias: "t"}, Where: is(doRemove),
		}}}},
	}
	return inner // numbering has put the rows in order
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

// tableColumns are the columns of a plan's table after its number: what is read when it is sent, and
// what is noted when it is settled.
func (s *source) tableColumns(alias string) []rel.Column {
	return append(s.planColumns(alias), rel.As("mark", rel.C(alias, "mark")))
}

// todoColumns are the columns of a plan from todoTable. Of a row that is neither sent nor noted
// otherwise, it is noted that the ledger does not know any more what it was made from.
func (f *freeze) todoColumns() []rel.Column {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	is := anyOf(t("action"))
	cs := f.tableColumns("t")
	for i, c := range cs {
		switch c.As {
		case "leftover":
			cs[i].Expr = rel.B(false)
		case "action":
			cs[i].Expr = when(is(doErase, doForced, doRemove, doUpdate, doAdd, doSkip, doMove, doClose, doEnd), t("action"), rel.T(doMark))
		case "mark":
			cs[i].Expr = when(is(doUpdate, doAdd, doMark), t("mark"))
		}
	}
	return cs
}
