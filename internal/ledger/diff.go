package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// The actions that planning decides on. The first five are sent, in this order; the next five are
// noted in the ledger when the run is settled.
const (
	doErase   = "erase"
	doForced  = "forced" // a removal that no guard holds
	doRemove  = "remove"
	doUpdate  = "update"
	doAdd     = "add"
	doSkip    = "skip"    // append: noted as not sent
	doMove    = "move"    // noted as that of the profile which its own is part of now
	doClose   = "close"   // as doMove, with CodeMerged
	doEnd     = "end"     // append, on reentry: its entry is noted as ended
	doMark    = "mark"    // what it is made from is noted, or that nothing is known of that
	doNote    = "note"    // a match value that the destination may hold still
	isInvalid = "invalid" // cannot be sent
	isWaiting = "waiting" // refused, and not yet due
	isQuarant = "quarantined"
	isDoubted = "doubt"   // harmful to repeat: for a person
	isPending = "pending" // in a job that is open
	isNothing = "none"
	isCutOff  = "cut_off" // to be removed, but by identifiers that the sync no longer maps
	isUnbuilt = "unbuilt" // of a profile that no build in force has; see Binding.Known
)

// noNext is the next try of a row that waits for a change or a person.
var noNext = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// malformed is the number of attempts of a row that could not be made ready for the wire.
const malformed = -1

// differing joins what is wanted with the ledger and leaves out what is the same. Columns of the
// wanted row are named as there, those of the ledger begin with l_; of a profile that was merged
// away they have whom it is part of now, and moved is true.
func (f *freeze) differing() rel.Query {
	d := func(c string) rel.Expr { return rel.C("d", c) }
	l := func(c string) rel.Expr { return rel.C("l", c) }
	cs := []rel.Column{rel.As("key", d("key")), rel.As("g", d("g")), rel.As("h", d("h")), rel.As("invalid", d("invalid")), rel.As("mark", d("mark"))}
	for i := range f.b.Rows.IDs {
		cs = append(cs, rel.As(id(i), d(id(i))), rel.As("l_"+id(i), l(f.slotOf(i))))
	}
	for i := range f.carried() {
		cs = append(cs, rel.As(field(i), d(field(i))))
	}
	key := f.heir(l("key"))
	if f.appends() {
		key = l("key")
	}
	cs = append(cs, rel.As("l_key", key), rel.As("l_profile", f.heir(l("profile"))), rel.As("moved", f.hasMoved()))
	for _, c := range []string{"grp", "hash", "state", "doubt", "version", "attempts", "next_try", "code", "tried", "tried_hash", "remote_id", "run", "mark"} {
		cs = append(cs, rel.As("l_"+c, l(c)))
	}
	on, same := eq(d("g"), l("grp")), rel.Expr(rel.F(rel.Same, d("h"), l("hash")))
	if f.blind {
		same = rel.B(true)
	}
	if f.appends() {
		on, same = eq(d("key"), l("key")), rel.B(true)
	}
	same = and(notNull(d("key")), isNull(d("invalid")), same, eq(d("key"), l("key")), not(l("doubt")),
		rel.InList{Expr: l("state"), List: []rel.Expr{rel.T(stSent), rel.T(stAccepted), rel.T(stSkipped)}})
	differs := not(isTrue(same))
	if f.remarks() {
		differs = or(differs, rel.F(rel.Distinct, d("mark"), l("mark")))
	}
	return rel.Select{
		Columns: append(cs, rel.As("same", isTrue(same))), From: rel.Sub{Query: f.placed(), Alias: "d"},
		Joins: append([]rel.Join{{Kind: rel.Full, Rel: rel.Table{Name: f.held, Alias: "l"}, On: on}}, f.successor("l")...),
		Where: differs,
	}
}

func x(c string) rel.Expr { return rel.C("x", c) }

// left is true for a row of the ledger that nobody wants any more.
var left = isNull(x("key"))

// todo says of each row that differs what is to be done.
func (f *freeze) todo() rel.Query {
	n := len(f.b.Rows.IDs)
	cs := []rel.Column{
		rel.As("action", f.action()), rel.As("key", coalesce(x("key"), x("l_key"))), rel.As("profile", coalesce(f.profile(x("key")), x("l_profile"))),
		rel.As("g", coalesce(x("g"), x("l_grp"))),
	}
	for i := range n {
		cs = append(cs, rel.As(id(i), when(left, f.named(i), x(id(i)))))
	}
	for i := range f.carried() {
		cs = append(cs, rel.As(field(i), x(field(i))))
	}
	cs = append(cs,
		rel.As("remote_id", x("l_remote_id")), rel.As("hash", coalesce(x("h"), x("l_hash"), rel.I(0))), rel.As("version", coalesce(x("l_version"), rel.I(0))),
		rel.As("doubt", isTrue(x("l_doubt"))), rel.As("l_state", x("l_state")), rel.As("attempts", f.attempts()),
		rel.As("code", coalesce(x("invalid"), x("l_code"))), rel.As("wanted", notNull(x("key"))), rel.As("moved", x("moved")),
		rel.As("mark", x("mark")), rel.As("marked", notNull(x("l_mark"))))
	cs = append(cs, f.partColumns()...)
	return rel.Select{Columns: cs, From: rel.Sub{Query: f.differing(), Alias: "x"}, Joins: f.todoJoins()}
}

// attempts is how often what is to be sent now was refused before.
func (f *freeze) attempts() rel.Expr {
	same := or(and(left, rel.F(rel.Same, x("l_tried"), rel.T(triedRemoval))),
		and(not(left), rel.F(rel.Same, x("l_tried"), rel.T(f.b.Rows.Fingerprint)), rel.F(rel.Same, x("l_tried_hash"), x("h"))))
	return when(same, coalesce(x("l_attempts"), rel.I(0)), rel.I(0))
}

// todoJoins find out why somebody left, and which of their values others still have.
func (f *freeze) todoJoins() []rel.Join {
	if f.appends() {
		return f.emittedJoins()
	}
	var js []rel.Join
	w := func(c string) rel.Expr { return rel.C("w", c) }
	kept := func(by string, alias string, on rel.Expr) {
		js = append(js, rel.Join{Kind: rel.Left, On: eq(rel.C(alias, by), when(left, on)), Rel: rel.Sub{Alias: alias, Query: rel.Select{
			Columns: []rel.Column{rel.As(by, w(by)), rel.As("code", rel.Agg{Fn: rel.Min, Arg: w("barred")})}, From: rel.Table{Name: wantTable, Alias: "w"},
			Where: and(notNull(w("barred")), notNull(w(by))), GroupBy: []rel.Expr{w(by)},
		}}})
	}
	kept("key", "bk", x("l_key"))
	kept("g", "bg", x("l_grp"))
	if f.b.Rows.Barred != nil {
		js = append(js, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: f.b.Rows.Barred, Alias: "bp"}, On: eq(rel.C("bp", "key"), when(left, x("l_key")))})
	}
	if f.listed {
		_, bars := f.gone()
		js = append(append(js, withSecret()), bars...)
	}
	for _, i := range f.shareable() {
		js = append(js, rel.Join{Kind: rel.Left, Rel: rel.Table{Name: needTable(i), Alias: needAlias(i)}, On: eq(rel.C(needAlias(i), "value"), x("l_"+id(i)))})
	}
	return js
}

// carried is the fields that todoTable has.
func (f *freeze) carried() []compile.RowColumn {
	if f.late {
		return nil
	}
	return f.b.Rows.Fields
}

// needTable is the values of an identifier in rows of the ledger that somebody wanted has who is not
// the one of that row.
func needTable(i int) rel.Name { return rel.Name{fmt.Sprintf("weir_need_%d", i+1)} }

func needAlias(i int) string { return fmt.Sprintf("v%d", i+1) }

// shareable lists the identifiers whose values may have to stay for somebody else when a row goes.
func (f *freeze) shareable() []int {
	var out []int
	for i := range f.b.Rows.IDs {
		if !f.appends() && len(f.b.Rows.IDs) > 1 && (!f.singly() || slices.Contains(f.alone(), i)) {
			out = append(out, i)
		}
	}
	return out
}

// askNeed makes the tables of values that somebody else needs. Of those who have a value the least and
// the greatest match value tell whether there is another than a row's own: many may share one, and so
// may many rows of the ledger.
func (f *freeze) askNeed(ctx context.Context) error {
	l := func(c string) rel.Expr { return rel.C("l", c) }
	p := func(c string) rel.Expr { return rel.C("p", c) }
	h := func(c string) rel.Expr { return rel.C("h", c) }
	for _, i := range f.shareable() {
		have := rel.Select{
			Columns: []rel.Column{rel.As("value", p(id(i))), rel.As("lo", rel.Agg{Fn: rel.Min, Arg: p("g")}), rel.As("hi", rel.Agg{Fn: rel.Max, Arg: p("g")})},
			From:    rel.Sub{Query: f.placed(), Alias: "p"}, Where: notNull(p(id(i))), GroupBy: []rel.Expr{p(id(i))},
		}
		err := f.se.do(ctx, rel.DropTable{Name: needTable(i)}, rel.CreateTable{Name: needTable(i), Temp: true, As: rel.Select{
			Distinct: true, Columns: []rel.Column{rel.As("value", h("value"))}, From: rel.Table{Name: f.held, Alias: "l"},
			Joins: []rel.Join{{Rel: rel.Sub{Query: have, Alias: "h"}, On: eq(h("value"), l(f.slotOf(i)))}},
			Where: or(rel.F(rel.Ne, h("lo"), l("grp")), rel.F(rel.Ne, h("hi"), l("grp"))),
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// gone finds erasures and suppressions of the values that somebody who left was sent under.
func (f *freeze) gone() (codes [][]rel.Expr, joins []rel.Join) {
	return f.bar(func(i int) rel.Expr { return when(left, x("l_"+id(i))) })
}

// needed is not NULL if somebody wanted has the value of a ledger's row, and is not that row's.
func needed(i int) rel.Expr { return rel.C(needAlias(i), "value") }

// rest is a match value of somebody who left, unless another still has it.
func (f *freeze) rest(i int) rel.Expr {
	if len(f.b.Rows.IDs) == 1 {
		return x("l_" + id(i))
	}
	return when(isNull(needed(i)), x("l_"+id(i)))
}

// named is a match value that the removal of somebody who left names: every rest, or the first of
// them where a removal names one; see partsTable.
func (f *freeze) named(i int) rel.Expr {
	if !f.singly() {
		return f.rest(i)
	}
	var before []rel.Expr
	for _, j := range f.alone() {
		if i == j {
			return when(and(append(before, notNull(f.rest(i)))...), x("l_"+id(i)))
		}
		before = append(before, isNull(f.rest(j)))
	}
	return rel.Null(models.Text)
}

// reason is the code of what forces somebody out; NULL if they left of themselves.
func (f *freeze) reason() rel.Expr {
	var es []rel.Expr
	if f.listed {
		codes, _ := f.gone()
		es = append(es, barCode(codes))
	}
	es = append(es, rel.C("bk", "code"), rel.C("bg", "code"))
	if f.b.Rows.Barred != nil {
		es = append(es, rel.C("bp", "barred"))
	}
	return coalesce(es...)
}

// action decides on a row of x.
func (f *freeze) action() rel.Expr {
	doubted := isTrue(x("l_doubt"))
	var ps []rel.Expr
	add := func(pairs ...rel.Expr) { ps = append(ps, pairs...) }

	if f.remarks() {
		add(x("same"), rel.T(doMark))
	}
	unfit := and(not(left), notNull(x("invalid")))
	if f.appends() { // an entry that was sent asks for nothing more, whatever becomes of the person's values
		unfit = and(unfit, or(isNull(x("l_state")), eq(x("l_state"), rel.T(stAbsent)), doubted))
	}
	add(unfit, rel.T(isInvalid))
	if len(f.kept) > 0 {
		add(and(rel.InList{Expr: x("l_state"), List: []rel.Expr{rel.T(stAccepted), rel.T(stLeaving)}}, rel.InList{Expr: x("l_run"), List: f.kept}), rel.T(isPending))
	}
	if f.harmful() {
		add(doubted, rel.T(isDoubted))
	}
	if f.appends() {
		return f.emission(ps)
	}

	// Those who left.
	absent := and(rel.F(rel.Same, x("l_state"), rel.T(stAbsent)), not(doubted))
	var mapped, rest []rel.Expr
	of := f.inOrder()
	if f.singly() {
		of = f.alone()
	}
	for _, i := range of {
		mapped = append(mapped, notNull(x("l_"+id(i))))
		rest = append(rest, notNull(f.rest(i)))
	}
	reason := f.reason()
	gone := func(cond rel.Expr, action string) { add(and(left, cond), rel.T(action)) }
	gone(and(absent, x("moved")), doMove)
	gone(absent, isNothing)
	if len(mapped) > 0 {
		gone(and(not(or(mapped...)), isNull(x("l_remote_id"))), isCutOff)
		if len(f.b.Rows.IDs) > 1 { // all of their values are others' too
			gone(and(not(or(rest...)), x("moved")), doMove)
			gone(not(or(rest...)), isNothing)
		}
	}
	if f.ops.erase != 0 {
		gone(isTrue(eq(reason, rel.T(CodeErased))), doErase)
	}
	if f.ops.remove != 0 {
		gone(notNull(reason), doForced)
	}
	if f.ops.leave == 0 {
		stays := doClose
		if f.b.Sync.Mode == syncs.Add { // where nobody ever goes
			stays = doMove
		}
		gone(x("moved"), stays)
		gone(rel.B(true), isNothing)
	}
	tried := and(left, rel.F(rel.Same, x("l_tried"), rel.T(triedRemoval)))
	add(and(tried, f.quarantined()), rel.T(isQuarant), and(tried, f.notDue()), rel.T(isWaiting), left, rel.T(doRemove))

	// Those who are wanted.
	payload := rel.Expr(rel.F(rel.Same, x("h"), x("l_hash")))
	if f.blind {
		payload = rel.B(true)
	}
	add(and(x("moved"), eq(x("key"), x("l_key")), payload, not(doubted), rel.InList{Expr: x("l_state"), List: []rel.Expr{rel.T(stSent), rel.T(stAccepted)}}), rel.T(doMove))
	f.refused(&ps)
	add(isTrue(or(isNull(x("l_state")), eq(x("l_state"), rel.T(stAbsent)))), rel.T(doAdd))
	return when(append(ps, rel.T(doUpdate))...)
}

// refused adds the cases of a row whose payload was refused before and has not changed since.
func (f *freeze) refused(ps *[]rel.Expr) {
	same := and(rel.F(rel.Same, x("l_tried"), rel.T(f.b.Rows.Fingerprint)), rel.F(rel.Same, x("l_tried_hash"), x("h")), not(isTrue(x("l_doubt"))))
	*ps = append(*ps,
		and(same, isTrue(eq(x("l_attempts"), rel.I(malformed)))), rel.T(isInvalid),
		and(same, f.quarantined()), rel.T(isQuarant),
		and(same, f.notDue()), rel.T(isWaiting))
}

func (f *freeze) quarantined() rel.Expr {
	return isTrue(rel.F(rel.Ge, x("l_next_try"), rel.At(noNext)))
}
func (f *freeze) notDue() rel.Expr { return isTrue(rel.F(rel.Gt, x("l_next_try"), rel.At(f.b.AsOf))) }

// triedRemoval stands in place of the fingerprint where a removal was refused.
const triedRemoval = "remove"

// asKept is a match value as the ledger keeps it.
func (s *source) asKept(g rel.Expr) rel.Expr {
	if s.private() {
		return keyedHash(g)
	}
	return g
}

// profile is the profile of a key: before the number of the entry where there is one.
func (s *source) profile(key rel.Expr) rel.Expr {
	if !s.appends() || s.keyed() {
		return key
	}
	at := rel.F(rel.Position, key, rel.T(":"))
	return when(rel.F(rel.Gt, at, rel.I(0)), rel.F(rel.Substr, key, rel.I(1), rel.F(rel.Subtract, at, rel.I(1))), key)
}

// ops are the operations of a plan at an object.
type ops struct{ erase, remove, leave, add destinations.Op }

func (s *source) operations() ops {
	first := func(of ...destinations.Op) destinations.Op {
		for _, op := range of {
			if s.b.Object.Supports(op) {
				return op
			}
		}
		return 0
	}
	y := s.b.Sync
	var o ops
	o.erase = first(destinations.Erase, destinations.Delete, destinations.Remove)
	o.remove = first(destinations.Remove, destinations.Delete)
	switch y.Mode {
	case syncs.Append:
		return ops{add: first(destinations.Emit, destinations.Upsert, destinations.Add)}
	case syncs.Upsert:
		o.add = first(destinations.Upsert, destinations.Add)
		o.remove = first(destinations.Delete, destinations.Remove)
	default:
		o.add = first(destinations.Add, destinations.Upsert)
	}
	if y.Mode != syncs.Add {
		onLeave := cmp.Or(y.OnLeave, map[syncs.Mode]syncs.OnLeave{syncs.Upsert: syncs.Keep}[y.Mode], syncs.Remove)
		o.leave = map[syncs.OnLeave]destinations.Op{syncs.Remove: o.remove, syncs.Clear: first(destinations.Clear)}[onLeave]
	}
	return o
}
