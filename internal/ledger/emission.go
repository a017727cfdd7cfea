package ledger

import (
	"time"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// An append sync sends once for each entry of a person. Whether a later entry is sent for again is
// judged on the person, whoever that one was merged with, and on the match value, which several
// may share. The ledger has a row for each entry that it has seen: sent, refused, or noted as not
// sent. On reentry a row also says whether its entry has ended: neither is it in any more, nor
// does anybody else who is in have its match value. Until a run has seen that, an entry of another
// one to the same value goes on with it, and is noted as not sent.

// emission decides on a row of an append sync.
func (f *freeze) emission(ps []rel.Expr) rel.Expr {
	add := func(pairs ...rel.Expr) { ps = append(ps, pairs...) }
	again := again(f.b.Sync.Again)
	unknown := isNull(x("l_state"))
	absent := rel.F(rel.Same, x("l_state"), rel.T(stAbsent))

	add(and(left, x("moved")), rel.T(doMove))
	if again == 0 {
		open := and(or(not(absent), isTrue(x("l_doubt"))), rel.F(rel.Distinct, x("l_code"), rel.T(codeEnded)))
		add(and(left, open, not(f.heldBy(x("l_profile")))), rel.T(doEnd))
	}
	add(left, rel.T(isNothing))
	f.refused(&ps)
	add(and(absent, isTrue(x("l_doubt"))), rel.T(doAdd)) // the same again
	add(not(or(unknown, absent)), rel.T(isNothing))      // this entry was seen to
	if !f.bound.started && f.b.Sync.FirstRun != syncs.Send {
		add(unknown, rel.T(doSkip))
	}
	last := rel.F(rel.Greatest, rel.C("ep", "last"), rel.C("eg", "last"))
	switch {
	case again < 0: // never
		add(notNull(last), rel.T(isNothing))
	case again == 0:
		profile := f.profile(x("key"))
		another := or(rel.F(rel.Ne, rel.C("eg", "lo"), profile), rel.F(rel.Ne, rel.C("eg", "hi"), profile))
		goesOn := or(notNull(rel.C("ep", "merged")), isTrue(another), and(notNull(rel.C("eg", "lo")), f.heldBy(profile)))
		add(and(goesOn, unknown), rel.T(doSkip), goesOn, rel.T(isNothing))
	default:
		add(isTrue(rel.F(rel.Gt, last, rel.At(f.b.AsOf.Add(-again)))), rel.T(isNothing))
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

// heldBy is true if the match value of a row of x is that of another profile that is in, or of an
// entry that the ledger has seen and that is in.
func (f *freeze) heldBy(profile rel.Expr) rel.Expr {
	in := func(c string) rel.Expr { return rel.C("iv", c) }
	return isTrue(or(rel.F(rel.Ne, in("lo"), profile), rel.F(rel.Ne, in("hi"), profile), eq(in("known"), rel.I(1))))
}

// emittedJoins find the earlier emissions to a profile (ep) and to a match value (eg): last is
// when. On reentry merged is not NULL if one of a profile that was merged into this one goes on,
// and lo and hi are the least and the greatest profile of those to the value that go on; iv is who
// is in with the value.
func (f *freeze) emittedJoins() []rel.Join {
	e := func(c string) rel.Expr { return rel.C("e", c) }
	open := rel.F(rel.Distinct, e("code"), rel.T(codeEnded))
	profile := f.heir(e("profile"))
	emitted := func(by rel.Expr, name string, more ...rel.Column) rel.Query {
		return rel.Select{
			Columns: append([]rel.Column{rel.As(name, by), rel.As("last", rel.Agg{Fn: rel.Max, Arg: coalesce(e("sent_at"), rel.At(time.Unix(0, 0).UTC()))})}, more...),
			From:    rel.Table{Name: f.own(), Alias: "e"}, Joins: f.successor("e"),
			Where: or(rel.F(rel.Ne, e("state"), rel.T(stAbsent)), e("doubt")), GroupBy: []rel.Expr{by},
		}
	}
	byProfile := emitted(profile, "profile", rel.As("merged", rel.Agg{Fn: rel.Max, Arg: when(and(open, f.hasMoved()), rel.I(1))}))
	byValue := emitted(e("grp"), "grp",
		rel.As("lo", rel.Agg{Fn: rel.Min, Arg: when(open, profile)}), rel.As("hi", rel.Agg{Fn: rel.Max, Arg: when(open, profile)}))
	js := []rel.Join{
		{Kind: rel.Left, Rel: rel.Sub{Query: byProfile, Alias: "ep"}, On: eq(rel.C("ep", "profile"), f.profile(x("key")))},
		{Kind: rel.Left, Rel: rel.Sub{Query: byValue, Alias: "eg"}, On: eq(rel.C("eg", "grp"), f.asKept(x("g")))},
	}
	if again(f.b.Sync.Again) == 0 {
		js = append(js, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: f.within(), Alias: "iv"}, On: eq(rel.C("iv", "grp"), coalesce(f.asKept(x("g")), x("l_grp")))})
	}
	if f.private() {
		js = append([]rel.Join{withSecret()}, js...)
	}
	return js
}

// within is a query of the match values of everybody who is in and may be sent to: the value that
// they have, and the one that their entry was sent to. lo and hi are the least and the greatest
// profile that has it, and known is 1 if the ledger has seen the entry of one of them.
func (f *freeze) within() rel.Query {
	w := func(c string) rel.Expr { return rel.C("w", c) }
	e := func(c string) rel.Expr { return rel.C("e", c) }
	u := func(c string) rel.Expr { return rel.C("u", c) }
	seen := rel.Join{Rel: rel.Table{Name: f.own(), Alias: "e"}, On: eq(e("key"), w("key"))}
	in := and(notNull(w("key")), isNull(w("barred")))
	sent := rel.Select{
		Columns: []rel.Column{rel.As("grp", e("grp")), rel.As("profile", f.profile(w("key"))), rel.As("known", rel.I(1))},
		From:    rel.Table{Name: wantTable, Alias: "w"}, Joins: []rel.Join{seen}, Where: in,
	}
	seen.Kind = rel.Left
	has := rel.Select{
		Columns: []rel.Column{rel.As("grp", f.asKept(w("g"))), rel.As("profile", f.profile(w("key"))), rel.As("known", when(notNull(e("key")), rel.I(1), rel.I(0)))},
		From:    rel.Table{Name: wantTable, Alias: "w"}, Joins: []rel.Join{seen}, Where: and(in, notNull(w("g"))),
	}
	if f.private() {
		has.Joins = append([]rel.Join{withSecret()}, has.Joins...)
	}
	return rel.Select{
		Columns: []rel.Column{rel.As("grp", u("grp")), rel.As("lo", rel.Agg{Fn: rel.Min, Arg: u("profile")}), rel.As("hi", rel.Agg{Fn: rel.Max, Arg: u("profile")}), rel.As("known", rel.Agg{Fn: rel.Max, Arg: u("known")})},
		From:    rel.Sub{Query: rel.Union{All: true, Queries: []rel.Query{sent, has}}, Alias: "u"}, GroupBy: []rel.Expr{u("grp")},
	}
}
