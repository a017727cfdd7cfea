package ledger

import (
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// Where members are told by several match values, a destination may hold a value in more rows than
// the one that the ledger knows: two people who swapped addresses leave their old pairs behind.
// So a removal names one value, which takes out every row that has it, and each value that is to
// go has a removal of its own. That never takes out somebody who is wanted, since whoever is
// wanted was sent as one row, and none of its values is among those that go.
//
// The ledger in turn never forgets a value that the destination may hold: a value that neither is
// removed nor stands in another row gets a row of its own.

// partsTable holds the further match values of rows that go or change, one row for each value.
var partsTable = rel.Name{"weir_parts"}

// singly reports whether a removal names one match value.
func (s *source) singly() bool {
	return len(s.b.Rows.IDs) > 1 && (s.b.Sync.Mode == syncs.Mirror || s.b.Sync.Mode == syncs.Add) && len(s.alone()) > 0
}

// alone lists the mapped identifiers by each of which the destination finds somebody without
// another one, in the order of the object. The others only help to match.
func (s *source) alone() []int {
	var out []int
	for _, i := range s.inOrder() {
		if s.suffices(s.b.Rows.IDs[i].Name) {
			out = append(out, i)
		}
	}
	return out
}

func (s *source) suffices(name string) bool {
	group := ""
	for _, id := range s.b.Object.Identifiers {
		if id.Name == name {
			group = id.AnyOf
		}
	}
	for _, id := range s.b.Object.Identifiers {
		if id.Name != name && id.Required || id.AnyOf != "" && id.AnyOf != group {
			return false
		}
	}
	return true
}

// partColumns are the columns of todoTable that tell of each value which the ledger's row has and
// the wanted one has not: old_id_… is the value, and need_id_… whether somebody wanted has it.
func (f *freeze) partColumns() []rel.Column {
	if !f.singly() {
		return nil
	}
	var cs []rel.Column
	for _, i := range f.alone() {
		cs = append(cs,
			rel.As("old_"+id(i), when(or(left, rel.F(rel.Distinct, x(id(i)), x("l_"+id(i)))), x("l_"+id(i)))),
			rel.As("need_"+id(i), notNull(needed(i))))
	}
	return cs
}

// rank is the turn of an action: of two that name one value the lower stands for both.
func rank(action func(...string) rel.Expr) rel.Expr {
	return when(action(doErase), rel.I(0), action(doForced), rel.I(1),
		action(doRemove, isWaiting, isQuarant, isPending, isDoubted, isCutOff), rel.I(2), action(doNote), rel.I(3), rel.I(9))
}

func anyOf(e rel.Expr) func(...string) rel.Expr {
	return func(as ...string) rel.Expr {
		l := rel.InList{Expr: e}
		for _, a := range as {
			l.List = append(l.List, rel.T(a))
		}
		return l
	}
}

// parts is the query of partsTable: of rows that go, every value after the first; of rows that
// change, those that they no longer have. What somebody still has is only noted.
func (f *freeze) parts() rel.Query {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	p := func(c string) rel.Expr { return rel.C("p", c) }
	is := anyOf(t("action"))
	goes := is(doErase, doForced, doRemove)
	changes := or(is(doUpdate), and(is(doAdd), t("doubt")))
	gone := rel.Expr(rel.T(doNote))
	if f.ops.leave != 0 && f.ops.leave == f.ops.remove {
		gone = rel.T(doRemove)
	}
	var each []rel.Query
	for _, i := range f.alone() {
		old := t("old_" + id(i))
		cs := []rel.Column{
			rel.As("action", when(t("need_"+id(i)), rel.T(doNote), is(doErase, doForced), t("action"), stuckWith(i, old), rel.T(doNote), goes, t("action"), gone)), rel.As("key", t("key")), rel.As("profile", t("profile")),
			rel.As("g", concat(rel.T(f.b.Rows.IDs[i].Name+":"), old)), rel.As("version", t("version")), rel.As("further", goes),
		}
		for j := range f.b.Rows.IDs {
			v := rel.Expr(rel.Null(models.Text))
			if i == j {
				v = old
			}
			cs = append(cs, rel.As(id(j), v))
		}
		each = append(each, rel.Select{Columns: cs, From: rel.Table{Name: todoTable, Alias: "t"},
			Where: and(notNull(old), or(and(goes, isNull(t(id(i)))), changes))})
	}
	names := []string{"action", "key", "profile", "g", "version", "further"}
	for i := range f.b.Rows.IDs {
		names = append(names, id(i))
	}
	columns := func(of func(string) rel.Expr) (cs []rel.Column) {
		for _, n := range names {
			cs = append(cs, rel.As(n, of(n)))
		}
		return cs
	}
	first := rel.As("n", rel.Over{Rank: rel.RowNumber, PartitionBy: []rel.Expr{t("g")}, OrderBy: []rel.Order{{Expr: rank(anyOf(t("action")))}, {Expr: t("key")}}})
	once := rel.Select{Columns: append(columns(t), first), From: rel.Sub{Query: rel.Union{All: true, Queries: each}, Alias: "t"}}
	// A value may be a row of the ledger of its own, which goes by itself.
	own := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: todoTable, Alias: "t"},
		Where: and(eq(t("g"), p("g")), not(t("wanted")), rel.F(rel.Le, rank(anyOf(t("action"))), rank(anyOf(p("action")))))}}
	return rel.Select{Columns: columns(p), From: rel.Sub{Query: once, Alias: "p"}, Where: and(eq(p("n"), rel.I(1)), not(own))}
}

// stuckWith is true if somebody who is wanted, and whose change is not sent now, has a match value
// as far as the destination knows: its removal would take out somebody who stays.
func stuckWith(i int, value rel.Expr) rel.Expr {
	u := func(c string) rel.Expr { return rel.C("u", c) }
	return rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: todoTable, Alias: "u"},
		Where: and(eq(u("old_"+id(i)), value), u("wanted"), anyOf(u("action"))(isInvalid, isWaiting, isQuarant, isPending, isDoubted, isUnbuilt))}}
}

// spare leaves out removals that would take out somebody who stays. The next plan has them again.
func (f *freeze) spare() []rel.Statement {
	var sts []rel.Statement
	for _, i := range f.alone() {
		t := func(c string) rel.Expr { return rel.C("t", c) }
		sts = append(sts, rel.Update{Table: todoTable, Set: []rel.Assign{{Column: "action", Value: rel.T(isNothing)}},
			Where: and(eq(t("action"), rel.T(doRemove)), notNull(t(id(i))), stuckWith(i, t(id(i))))})
	}
	return sts
}

// partRows are the rows of partsTable with the columns of a plan.
func (f *freeze) partRows() rel.Query {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	set := map[string]rel.Expr{"remote_id": rel.Null(models.Text), "hash": rel.I(0), "doubt": rel.B(false), "l_state": rel.Null(models.Text), "attempts": rel.I(0),
		"mark": rel.Null(models.Integer), "leftover": rel.F(rel.Ne, t("action"), rel.T(doNote))}
	for i, c := range f.b.Rows.Fields {
		set[field(i)] = rel.Null(nullType(c))
	}
	var cs []rel.Column
	for _, c := range f.tableColumns("t") {
		if e, ok := set[c.As]; ok {
			c.Expr = e
		}
		cs = append(cs, c)
	}
	return rel.Select{Columns: cs, From: rel.Table{Name: partsTable, Alias: "t"}}
}

func nullType(c compile.RowColumn) models.Type {
	if c.Type == models.Unknown {
		return models.Text
	}
	return c.Type
}

// foldParts sees to single match values when a run is settled, after all else.
func (f *folding) foldParts(row map[string]rel.Expr) []rel.Statement {
	sts := []rel.Statement{
		// A value whose removal nobody confirmed is one more row of the ledger until it is.
		rel.Update{Table: f.own(), Set: []rel.Assign{{Column: "state", Value: rel.T(stSent)}}, From: f.foldSub(and(fc("leftover"), not(told))),
			Where: and(eq(rel.C("f", "unit"), rel.C("t", f.unit())), eq(rel.C("t", "state"), rel.T(stAbsent)))},
		f.insert(and(fc("leftover"), verdict(syncs.NotTried, syncs.Barred)), row),
	}
	if f.keep {
		sts = append(sts, f.insert(and(fc("leftover"), verdict(syncs.Taken)), merged(row, map[string]rel.Expr{"state": rel.T(stLeaving)})))
	}
	for _, i := range f.alone() {
		slot := rel.C("t", f.slotOf(i))
		// A removal took out every row that has the value, whatever else is in it: such a row is sent
		// again if it is wanted. While a job may still refuse the removal, the value stays.
		took := func(v syncs.Verdict) rel.Relation {
			return rel.Sub{Alias: "f", Query: rel.Select{Distinct: true, Columns: []rel.Column{rel.As("value", fc(id(i)))}, From: foldRows, Where: and(taking, verdict(v), notNull(fc(id(i))))}}
		}
		unsure := rel.Assign{Column: "hash", Value: rel.Null(models.Integer)}
		clears := []rel.Assign{{Column: f.slotOf(i), Value: rel.Null(models.Text)}, unsure, noMark}
		same := eq(rel.C("f", "value"), slot)
		sts = append(sts, rel.Update{Table: f.own(), Set: clears, From: took(syncs.Applied), Where: same})
		if f.keep {
			sts = append(sts, rel.Update{Table: f.own(), Set: []rel.Assign{unsure, noMark}, From: took(syncs.Taken), Where: and(same, rel.F(rel.Ne, rel.C("t", "state"), rel.T(stLeaving)))})
		} else {
			sts = append(sts, rel.Update{Table: f.own(), Set: clears, From: took(syncs.Taken), Where: same})
		}
	}
	for _, i := range f.alone() {
		there := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: f.own(), Alias: "t"}, Where: eq(rel.C("t", f.slotOf(i)), fc(id(i)))}}
		// A value that passed to somebody who may never have been sent; and one that may have been.
		sts = append(sts, f.note(i, and(action(doNote), notNull(fc(id(i))), not(there)), row),
			f.note(i, and(verdict(syncs.InDoubt), bringing, notNull(fc("l_state")), notNull(fc(id(i))), not(there)), row))
	}
	return sts
}

// note inserts a row that has nothing but one match value.
func (f *folding) note(i int, where rel.Expr, row map[string]rel.Expr) rel.Statement {
	cs := []rel.Column{rel.As("key", fc("key")), rel.As("profile", fc("profile")), rel.As("grp", concat(rel.T(f.b.Rows.IDs[i].Name+":"), fc(id(i)))),
		rel.As(f.slotOf(i), fc(id(i))), rel.As("run", rel.T(f.ref.Run))}
	for _, a := range assigns(merged(row, map[string]rel.Expr{"state": rel.T(stSent)})) {
		cs = append(cs, rel.As(a.Column, a.Value))
	}
	return rel.Insert{Into: f.own(), Columns: names(cs), From: rel.Select{Columns: cs, From: foldRows, Where: where}}
}
