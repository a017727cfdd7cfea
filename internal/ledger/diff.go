package ledger

import (
	"cmp"
	"fmt"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// The actions that planning decides on. The first five are sent, in this order.
const (
	doErase   = "erase"
	doForced  = "forced" // a removal that no guard holds
	doRemove  = "remove"
	doUpdate  = "update"
	doAdd     = "add"
	doSkip    = "skip"    // append, first run: noted as not sent
	isInvalid = "invalid" // cannot be sent
	isWaiting = "waiting" // refused, and not yet due
	isQuarant = "quarantined"
	isDoubted = "doubt"   // harmful to repeat: for a person
	isPending = "pending" // in a job that is open
	isNothing = "none"
	isCutOff  = "cut_off" // to be removed, but by identifiers that the sync no longer maps
)

// noNext is the next try of a row that waits for a change or a person.
var noNext = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// malformed is the number of attempts of a row that could not be made ready for the wire.
const malformed = -1

// differing joins what is wanted with the ledger and leaves out what is the same. Columns of the
// wanted row are named as there, those of the ledger begin with l_.
func (f *freeze) differing() rel.Query {
	d := func(c string) rel.Expr { return rel.C("d", c) }
	l := func(c string) rel.Expr { return rel.C("l", c) }
	cs := []rel.Column{rel.As("key", d("key")), rel.As("g", d("g")), rel.As("h", d("h")), rel.As("invalid", d("invalid"))}
	for i := range f.b.Rows.IDs {
		cs = append(cs, rel.As(id(i), d(id(i))), rel.As("l_"+id(i), l(f.slotOf(i))))
	}
	for i := range f.b.Rows.Fields {
		cs = append(cs, rel.As(field(i), d(field(i))))
	}
	for _, c := range []string{"key", "profile", "grp", "hash", "state", "doubt", "version", "attempts", "next_try", "code", "tried", "tried_hash", "remote_id", "run"} {
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
	return rel.Select{
		Columns: cs, From: rel.Sub{Query: f.placed(), Alias: "d"},
		Joins: []rel.Join{{Kind: rel.Full, Rel: rel.Table{Name: f.own(), Alias: "l"}, On: on}},
		Where: not(isTrue(same)),
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
		cs = append(cs, rel.As(id(i), when(left, f.rest(i), x(id(i)))))
	}
	for i := range f.b.Rows.Fields {
		cs = append(cs, rel.As(field(i), x(field(i))))
	}
	cs = append(cs,
		rel.As("remote_id", x("l_remote_id")), rel.As("hash", coalesce(x("h"), x("l_hash"), rel.I(0))), rel.As("version", coalesce(x("l_version"), rel.I(0))),
		rel.As("doubt", isTrue(x("l_doubt"))), rel.As("l_state", x("l_state")), rel.As("attempts", f.attempts()),
		rel.As("code", coalesce(x("invalid"), x("l_code"))), rel.As("wanted", notNull(x("key"))))
	if n > 1 {
		for i := range n {
			cs = append(cs, rel.As("old_"+id(i), f.leftover(i)))
		}
	}
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
		js = append(js, withSecret())
	}
	for i := range f.b.Rows.IDs {
		if f.listed {
			b := fmt.Sprintf("b%d", i+1)
			js = append(js, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: f.bars(), Alias: b}, On: eq(rel.C(b, "hash"), when(left, keyedHash(x("l_"+id(i)))))})
		}
		if len(f.b.Rows.IDs) > 1 {
			v := fmt.Sprintf("v%d", i+1)
			js = append(js, rel.Join{Kind: rel.Left, On: eq(rel.C(v, "value"), x("l_"+id(i))), Rel: rel.Sub{Alias: v, Query: rel.Select{
				Distinct: true, Columns: []rel.Column{rel.As("value", rel.C("p", id(i)))}, From: rel.Sub{Query: f.placed(), Alias: "p"}, Where: notNull(rel.C("p", id(i))),
			}}})
		}
	}
	return js
}

// rest is a match value of somebody who left, unless another still has it.
func (f *freeze) rest(i int) rel.Expr {
	if len(f.b.Rows.IDs) == 1 {
		return x("l_" + id(i))
	}
	return when(isNull(rel.C(fmt.Sprintf("v%d", i+1), "value")), x("l_"+id(i)))
}

// leftover is a match value that somebody who stays no longer has, nor anybody else.
func (f *freeze) leftover(i int) rel.Expr {
	if f.appends() {
		return rel.Null(models.Text)
	}
	return when(and(not(left), rel.F(rel.Distinct, x(id(i)), x("l_"+id(i))), isNull(rel.C(fmt.Sprintf("v%d", i+1), "value"))), x("l_"+id(i)))
}

// reason is the code of what forces somebody out; NULL if they left of themselves.
func (f *freeze) reason() rel.Expr {
	var es []rel.Expr
	if f.listed {
		var listed []rel.Expr
		for i := range f.b.Rows.IDs {
			listed = append(listed, rel.C(fmt.Sprintf("b%d", i+1), "code"))
		}
		es = append(es, fold(rel.Least, listed))
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
	for i := range f.b.Rows.IDs {
		mapped = append(mapped, notNull(x("l_"+id(i))))
		rest = append(rest, notNull(f.rest(i)))
	}
	reason := f.reason()
	gone := func(cond rel.Expr, action string) { add(and(left, cond), rel.T(action)) }
	gone(absent, isNothing)
	if len(mapped) > 0 {
		gone(and(not(or(mapped...)), isNull(x("l_remote_id"))), isCutOff)
		if len(mapped) > 1 {
			gone(not(or(rest...)), isNothing) // all of their values are others' too
		}
	}
	if f.ops.erase != 0 {
		gone(isTrue(eq(reason, rel.T(CodeErased))), doErase)
	}
	if f.ops.remove != 0 {
		gone(notNull(reason), doForced)
	}
	if f.ops.leave == 0 {
		gone(rel.B(true), isNothing)
	}
	tried := and(left, rel.F(rel.Same, x("l_tried"), rel.T(triedRemoval)))
	add(and(tried, f.quarantined()), rel.T(isQuarant), and(tried, f.notDue()), rel.T(isWaiting), left, rel.T(doRemove))

	// Those who are wanted.
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

// emission decides on a row of an append sync: one emission per entry.
func (f *freeze) emission(ps []rel.Expr) rel.Expr {
	add := func(pairs ...rel.Expr) { ps = append(ps, pairs...) }
	add(left, rel.T(isNothing))
	f.refused(&ps)
	add(isTrue(eq(x("l_state"), rel.T(stAbsent))), rel.T(doAdd)) // refused before, and due
	add(notNull(x("l_state")), rel.T(isNothing))                 // this entry was sent
	if !f.bound.started && f.b.Sync.FirstRun != syncs.Send {
		add(rel.B(true), rel.T(doSkip))
		return when(ps...)
	}
	of := func(c string) rel.Expr { return rel.F(rel.Greatest, rel.C("ep", c), rel.C("eg", c)) }
	switch again := again(f.b.Sync.Again); {
	case again < 0: // never
		add(notNull(of("last")), rel.T(isNothing))
	default:
		// A value that somebody else was told of and who is still in is no re-entry.
		add(notNull(rel.C("eg", "live")), rel.T(isNothing))
		if again > 0 {
			add(isTrue(rel.F(rel.Gt, of("last"), rel.At(f.b.AsOf.Add(-again)))), rel.T(isNothing))
		}
	}
	return when(append(ps, rel.T(doAdd))...)
}

// again reads the setting of the same name: -1 for never, 0 on reentry, or a distance.
func again(s string) time.Duration {
	var d models.Duration
	switch {
	case s == "on_reentry":
		return 0
	case d.UnmarshalText([]byte(s)) == nil:
		return max(time.Duration(d), 1)
	}
	return -1
}

// emittedJoins find the earlier emissions to a profile (ep) and to a match value (eg): last is
// when, and live is not NULL if the entry of such an emission is still in.
func (f *freeze) emittedJoins() []rel.Join {
	e := func(c string) rel.Expr { return rel.C("e", c) }
	emitted := func(by string, more ...rel.Column) rel.Query {
		q := rel.Select{
			Columns: append([]rel.Column{rel.As(by, e(by)), rel.As("last", rel.Agg{Fn: rel.Max, Arg: coalesce(e("sent_at"), rel.At(time.Unix(0, 0).UTC()))})}, more...),
			From:    rel.Table{Name: f.own(), Alias: "e"},
			Where:   or(rel.F(rel.Ne, e("state"), rel.T(stAbsent)), e("doubt")), GroupBy: []rel.Expr{e(by)},
		}
		if len(more) > 0 {
			q.Joins = []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: wantTable, Alias: "w"}, On: eq(rel.C("w", "key"), e("key"))}}
		}
		return q
	}
	js := []rel.Join{
		{Kind: rel.Left, Rel: rel.Sub{Query: emitted("profile"), Alias: "ep"}, On: eq(rel.C("ep", "profile"), f.profile(x("key")))},
		{Kind: rel.Left, Rel: rel.Sub{Query: emitted("grp", rel.As("live", rel.Agg{Fn: rel.Max, Arg: rel.C("w", "key")})), Alias: "eg"}, On: eq(rel.C("eg", "grp"), f.asKept(x("g")))},
	}
	if f.private() {
		js = append([]rel.Join{withSecret()}, js...)
	}
	return js
}

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
