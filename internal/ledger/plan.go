package ledger

import (
	"context"
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// pairsTable is who is removed under one value and sent under another.
var pairsTable = rel.Name{"weir_pairs"}

// section is a part of a plan whose rows are sent after those of the one before.
type section int

const (
	secErase section = iota
	secForced
	secPairs // both rows of whom pairsTable has, side by side
	secRemove
	secUpdate
	secAdd
	secNote // not sent
)

// sectionActions are the actions of the rows that are sent.
var sectionActions = [...][]string{secErase: {doErase}, secForced: {doForced}, secPairs: {doRemove, doUpdate, doAdd}, secRemove: {doRemove}, secUpdate: {doUpdate}, secAdd: {doAdd}, secNote: nil}

// inKeyOrder is how many rows a section has at most that are in the order of keys, for people who
// read them. Putting millions in order is the dearest part of a plan, and no destination needs it.
const inKeyOrder = 10_000

// write makes the plan's table: what is sent, numbered from 0 in the order of sending, and without
// a number what is only noted when the run is settled.
func (f *freeze) write(ctx context.Context) error {
	var sts []rel.Statement
	if f.singly() {
		sts = append(f.spare(), rel.DropTable{Name: partsTable}, rel.CreateTable{Name: partsTable, Temp: true, As: f.parts(), Comment: "single match values of it"})
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	is := anyOf(t("action"))
	sent := rel.Select{Columns: []rel.Column{rel.As("v", t("key"))}, From: rel.Sub{Query: f.rows(false), Alias: "t"}, Where: is(doUpdate, doAdd)}
	r := func(c string) rel.Expr { return rel.C("r", c) }
	sts = append(sts, rel.DropTable{Name: pairsTable}, rel.CreateTable{Name: pairsTable, Temp: true, As: rel.Select{
		Distinct: true, Columns: []rel.Column{rel.As("key", r("key"))}, From: rel.Sub{Query: f.rows(false), Alias: "r"}, Where: and(eq(r("action"), rel.T(doRemove)), among(r("key"), sent)),
	}})
	if err := f.se.do(ctx, sts...); err != nil {
		return err
	}
	n := map[section]int64{}
	err := f.se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("section", f.section()), countRows}, From: rel.Sub{Query: f.rows(false), Alias: "t"}, Joins: f.pairs(), GroupBy: []rel.Expr{f.section()}},
		func(r []any) error { n[section(asInt(r[0]))] = asInt(r[1]); return nil })
	if err != nil {
		return err
	}
	return f.se.do(ctx, f.plan(n)...)
}

// plan makes the plan's table, whose sections have so many rows, one after the other: together they
// would need the memory of all of them.
func (f *freeze) plan(n map[section]int64) []rel.Statement {
	plan := f.table(planTable(f.name, f.run))
	sts := []rel.Statement{rel.DropTable{Name: plan}}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	turn := when(anyOf(t("action"))(doUpdate, doAdd), rel.I(1), rel.I(0))
	for k, before := secErase, int64(0); k <= secNote; k++ {
		number, rows := rel.Expr(rel.Null(models.Integer)), n[k]
		where := eq(f.section(), rel.I(int64(k)))
		if rows == 0 && (k != secNote || len(sts) > 1) {
			continue
		}
		if k != secNote {
			where = and(anyOf(t("action"))(sectionActions[k]...), where)
			over := rel.Over{Rank: rel.RowNumber}
			if k == secPairs || rows <= f.ordered {
				over.OrderBy = []rel.Order{{Expr: t("key")}, {Expr: turn}, {Expr: t("g")}}
			}
			number = rel.F(rel.Add, rel.I(before-1), over)
		}
		q := rel.Select{Columns: []rel.Column{rel.As("seq", number)}, From: rel.Sub{Query: f.rows(slices.Contains(sectionActions[k], doAdd) || slices.Contains(sectionActions[k], doUpdate)), Alias: "t"}, Joins: f.pairs(), Where: where}
		q.Columns = append(q.Columns, f.tableColumns("t")...)
		before += rows
		if len(sts) == 1 {
			sts = append(sts, rel.CreateTable{Name: plan, As: q, Comment: "what run " + f.run + " is to send"})
		} else {
			sts = append(sts, rel.Insert{Into: plan, Columns: names(q.Columns), From: q})
		}
	}
	return sts
}

// section is that of a row of rows under the alias t. It needs pairs.
func (f *freeze) section() rel.Expr {
	is := anyOf(rel.C("t", "action"))
	no := func(k section) rel.Expr { return rel.I(int64(k)) }
	return when(is(doErase), no(secErase), is(doForced), no(secForced), and(is(doRemove, doUpdate, doAdd), notNull(rel.C("m", "key"))), no(secPairs),
		is(doRemove), no(secRemove), is(doUpdate), no(secUpdate), is(doAdd), no(secAdd), no(secNote))
}

func (f *freeze) pairs() []rel.Join {
	return []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: pairsTable, Alias: "m"}, On: eq(rel.C("m", "key"), rel.C("t", "key"))}}
}

// rows are those of todoTable and partsTable that the plan has, with their fields if those are asked for.
func (f *freeze) rows(fields bool) rel.Query {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	is := anyOf(t("action"))
	all := rel.Select{Columns: f.todoColumns(fields), From: rel.Table{Name: todoTable, Alias: "t"},
		Where: or(is(doErase, doForced, doRemove, doUpdate, doAdd, doSkip, doMove, doClose, doEnd, doMark), t("marked"))}
	if f.late && fields {
		all.Joins = []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: wantTable, Alias: "w"}, On: eq(rel.C("w", "key"), when(is(doUpdate, doAdd), t("key")))}}
	}
	if !f.singly() {
		return all
	}
	return rel.Union{All: true, Queries: []rel.Query{all, f.partRows()}}
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
func (f *freeze) todoColumns(fields bool) []rel.Column {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	is := anyOf(t("action"))
	cs := f.tableColumns("t")
	for i, c := range f.b.Rows.Fields {
		e := &cs[4+len(f.b.Rows.IDs)+i].Expr
		switch {
		case !fields:
			*e = rel.Null(nullType(c))
		case f.late:
			*e = rel.C("w", field(i))
		}
	}
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
