package ledger

import (
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

func join(names []string) string { return strings.Join(names, ",") }

func fc(c string) rel.Expr { return rel.C("f", c) }

// verdict is true for rows of foldTable with one of these verdicts.
func verdict(of ...syncs.Verdict) rel.Expr {
	l := rel.InList{Expr: fc("verdict")}
	for _, v := range of {
		l.List = append(l.List, rel.I(int64(v)))
	}
	return l
}

func action(of ...string) rel.Expr { return anyOf(fc("action"))(of...) }

var (
	told      = verdict(syncs.Applied, syncs.Taken)
	bringing  = action(doAdd, doUpdate)
	taking    = action(doErase, doForced, doRemove)
	foldRows  = rel.Table{Name: foldTable, Alias: "f"}
	ourReason = or(rel.F(rel.HasPrefix, coalesce(fc("code"), rel.T("")), rel.T("syncs.")), rel.F(rel.HasPrefix, coalesce(fc("code"), rel.T("")), rel.T("policy.")))
	// refusedRows keep what was refused: by the destination, or when it was made ready. What
	// weir's own suppressions and policies kept back needs no memory: the next plan sees them.
	refusedRows = or(verdict(syncs.Rejected, syncs.Malformed), and(verdict(syncs.Barred), not(ourReason)))
)

// fold is the statements that bring the ledger up to date.
//
//	told, an add or update      the row is replaced by what was sent
//	told, a removal             the row goes; while its job is open it is "leaving"
//	refused, in doubt           the row stays with the code and its next try, or the doubt; an
//	                            add that had none gets one in state "absent"
//	not tried                   nothing
func (f *folding) fold() []rel.Statement {
	unit := f.unit()
	same := eq(f.foldUnit(), rel.C("t", unit))
	in := func(where rel.Expr) rel.Expr {
		return rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: foldRows, Where: and(same, where)}}
	}
	var sts []rel.Statement
	if f.Replaced && f.acts(doErase, doForced, doRemove) {
		sts = append(sts, f.meet())
	}
	if f.heard(syncs.Applied, syncs.Taken) {
		sts = append(sts, rel.Delete{From: f.own(), Where: in(f.goes())})
		sts = append(sts, f.add(and(told, bringing), map[string]rel.Expr{
			"hash": fc("hash"), "version": rel.F(rel.Add, fc("version"), rel.I(1)), "sent_at": rel.At(f.now), "doubt": rel.B(false), "attempts": rel.I(0),
			"state": when(verdict(syncs.Taken), rel.T(stAccepted), rel.T(stSent)), "mark": fc("mark"),
		}))
	}
	if f.acts(doSkip) { // who was in already at the first run of an append sync
		sts = append(sts, f.add(action(doSkip), map[string]rel.Expr{"hash": fc("hash"), "version": rel.I(1), "doubt": rel.B(false), "attempts": rel.I(0), "state": rel.T(stSkipped)}))
	}
	if f.acts(doMove, doClose) {
		sts = append(sts, f.move()...)
	}
	if f.acts(doMark) {
		sts = append(sts, rel.Update{Table: f.own(), Set: []rel.Assign{{Column: "mark", Value: fc("mark")}}, From: f.foldSub(action(doMark)), Where: eq(rel.C("f", "unit"), rel.C("t", unit))})
	}
	if f.acts(doEnd) && f.appends() {
		sts = append(sts, rel.Update{Table: f.own(), Set: []rel.Assign{{Column: "code", Value: rel.T(codeEnded)}}, From: f.foldSub(action(doEnd)), Where: eq(rel.C("f", "unit"), rel.C("t", unit))})
	}
	change := func(where rel.Expr, set ...rel.Assign) {
		sts = append(sts, rel.Update{Table: f.own(), Set: set, From: f.foldSub(where), Where: eq(rel.C("f", "unit"), rel.C("t", unit))})
	}
	if f.keep {
		change(and(verdict(syncs.Taken), taking), rel.Assign{Column: "state", Value: rel.T(stLeaving)}, rel.Assign{Column: "run", Value: rel.T(f.ref.Run)}, noMark)
	}
	if f.Marks && f.ref.Rows > 0 && f.heard(syncs.NotTried, syncs.Rejected, syncs.Malformed, syncs.Barred, syncs.InDoubt) { // what was planned and not told
		change(and(not(told), or(bringing, taking)), noMark)
	}
	fresh, known := isNull(fc("l_state")), notNull(fc("l_state"))

	tries := f.tries()
	refusal := map[string]rel.Expr{"code": fc("code"), "reason": fc("reason"), "tried": f.tried(), "tried_hash": fc("hash"), "attempts": tries, "next_try": f.next(tries)}
	refused, doubtful := f.heard(syncs.Rejected, syncs.Malformed, syncs.Barred), f.heard(syncs.InDoubt)
	if refused {
		change(and(refusedRows, known), append(assigns(refusal), rel.Assign{Column: "remote_id", Value: fc("remote_id")})...)
	}
	doubt := map[string]rel.Expr{"tried": f.tried(), "tried_hash": fc("hash"), "doubt": rel.B(true), "run": rel.T(f.ref.Run)}
	if doubtful {
		change(and(verdict(syncs.InDoubt), known), assigns(doubt)...)
	}

	absent := map[string]rel.Expr{"state": when(fc("leftover"), rel.T(stSent), rel.T(stAbsent)), "version": fc("version"), "doubt": rel.B(false)}
	if refused {
		sts = append(sts, f.insert(and(refusedRows, fresh, or(bringing, fc("leftover"))), merged(absent, refusal)))
	}
	if doubtful {
		sts = append(sts, f.insert(and(verdict(syncs.InDoubt), fresh, or(bringing, fc("leftover"))), merged(absent, doubt, map[string]rel.Expr{"attempts": rel.I(0)})))
	}
	if f.single {
		sts = append(sts, f.foldParts(merged(absent, map[string]rel.Expr{"attempts": rel.I(0)}))...)
	}
	return sts
}

// goes is true for rows of foldTable whose row of the ledger goes, or is replaced.
func (f *folding) goes() rel.Expr {
	if f.keep {
		return or(and(told, bringing), and(verdict(syncs.Applied), taking))
	}
	return and(told, or(bringing, taking))
}

// noMark says that it is not known any more what a row of the ledger was made from.
var noMark = rel.Assign{Column: "mark", Value: rel.Null(models.Integer)}

// move gives rows of the ledger to the profile that theirs is part of now.
func (f *folding) move() []rel.Statement {
	unit := f.unit()
	mine := eq(rel.C("f", "unit"), rel.C("t", unit))
	set := []rel.Assign{{Column: "profile", Value: fc("profile")}}
	if f.appends() { // the key says which entry it was
		return []rel.Statement{rel.Update{Table: f.own(), Set: set, From: f.foldSub(action(doMove)), Where: mine}}
	}
	set = append(set, rel.Assign{Column: "key", Value: fc("key")}, noMark)
	code := func(e rel.Expr) []rel.Assign { return append(slices.Clone(set), rel.Assign{Column: "code", Value: e}) }
	return []rel.Statement{
		rel.Update{Table: f.own(), Set: code(rel.F(rel.NullIf, rel.C("t", "code"), rel.T(CodeMerged))), From: f.foldSub(action(doMove)), Where: mine},
		rel.Update{Table: f.own(), Set: code(rel.T(CodeMerged)), From: f.foldSub(action(doClose)), Where: mine},
	}
}

// foldUnit is what a row of the plan is in the ledger.
func (f *folding) foldUnit() rel.Expr {
	if f.appends() {
		return fc("key")
	}
	return fc("g")
}

// foldSub is the rows of foldTable for which where is true, under the alias f, with their unit.
func (f *folding) foldSub(where rel.Expr) rel.Relation {
	cs := append(f.foldColumns("f"), rel.As("unit", f.foldUnit()), rel.As("verdict", fc("verdict")), rel.As("code", fc("code")), rel.As("reason", fc("reason")), rel.As("permanent", fc("permanent")), rel.As("heard", fc("heard")))
	return rel.Sub{Alias: "f", Query: rel.Select{Columns: cs, From: foldRows, Where: where}}
}

// insert adds rows of foldTable to the ledger. A part that is in it already is not added again.
func (f *folding) insert(where rel.Expr, set map[string]rel.Expr) rel.Statement {
	there := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: f.own(), Alias: "t"}, Where: eq(rel.C("t", "grp"), fc("g"))}}
	return f.add(and(where, or(not(fc("leftover")), not(there))), set)
}

// add is insert of rows that are no parts, for which the ledger need not be searched.
func (f *folding) add(where rel.Expr, set map[string]rel.Expr) rel.Statement {
	group := f.asKept(fc("g"))
	cs := []rel.Column{rel.As("key", fc("key")), rel.As("profile", fc("profile")), rel.As("grp", group), rel.As("remote_id", fc("remote_id"))}
	if !f.private() {
		for i := range f.b.Rows.IDs {
			cs = append(cs, rel.As(f.slotOf(i), fc(id(i))))
		}
	}
	if _, ok := set["run"]; !ok {
		cs = append(cs, rel.As("run", rel.T(f.ref.Run)))
	}
	for _, a := range assigns(set) {
		cs = append(cs, rel.As(a.Column, a.Value))
	}
	q := rel.Select{Columns: cs, From: foldRows, Where: where}
	if f.private() {
		q.Joins = []rel.Join{withSecret()}
	}
	return rel.Insert{Into: f.own(), Columns: names(cs), From: q}
}

// tried is what was refused: a removal, or a payload under this mapping.
func (f *folding) tried() rel.Expr {
	return when(taking, rel.T(triedRemoval), rel.T(f.b.Rows.Fingerprint))
}

// tries counts how often the same thing was refused.
func (f *folding) tries() rel.Expr {
	return when(verdict(syncs.Malformed), rel.I(malformed), rel.F(rel.Add, rel.F(rel.Greatest, fc("attempts"), rel.I(0)), rel.I(1)))
}

// next is when a refused row is tried again.
func (f *folding) next(tries rel.Expr) rel.Expr {
	ps := []rel.Expr{or(fc("permanent"), verdict(syncs.Malformed, syncs.Barred)), rel.At(noNext)}
	for i, w := range waits {
		ps = append(ps, eq(tries, rel.I(int64(i+1))), rel.At(f.now.Add(w)))
	}
	return when(append(ps, rel.At(noNext))...)
}

// assigns is a map of columns as a list, in a fixed order.
func assigns(m map[string]rel.Expr) []rel.Assign {
	var out []rel.Assign
	for c, v := range m {
		out = append(out, rel.Assign{Column: c, Value: v})
	}
	slices.SortFunc(out, func(a, b rel.Assign) int { return strings.Compare(a.Column, b.Column) })
	return out
}

func merged(ms ...map[string]rel.Expr) map[string]rel.Expr {
	out := map[string]rel.Expr{}
	for _, m := range ms {
		for c, v := range m {
			out[c] = v
		}
	}
	return out
}
