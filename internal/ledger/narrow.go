package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"github.com/weir-data/weir/internal/rel"
)

// Most rows of most syncs are as they were. Of each row that a destination was told, the ledger
// keeps a mark: a hash of its key and of the values that it was made from, before they were trimmed
// and normalised. A wanted row whose mark the ledger has is calm: the same would be sent for it.
// Planning finds those by one join of marks, which are numbers, counts them, and looks at nothing
// else of them. What is left is small:
//
//	wanted rows without a counterpart         as new or as changed
//	rows of the ledger without a counterpart  as gone or as changed, and those without a mark
//	calm rows that one of these touches       by match value, or by key where keys may be doubled
//
// Planned for these alone, every row comes out as it would in a plan for all, unless a changed row
// has the mark of another that changed at the same time: with a million of them, one chance in
// ten million. A mark says nothing
// of what is sent: that is decided by the hash of the payload, as it is for a ledger without marks.
// A row has a mark only while the ledger says of it exactly what was told for it: whatever was
// planned for it and not told takes the mark away.

// Temporary tables of one freeze that looks at some rows only.
var (
	marksTable = rel.Name{"weir_marks"} // key and mark of every wanted row, as of one snapshot
	apartTable = rel.Name{"weir_apart"} // marks of these and of the ledger that have no counterpart
	newsTable  = rel.Name{"weir_news"}  // keys of wanted rows that have none
	touchTable = rel.Name{"weir_touch"} // match values of rows of the ledger that are looked at too
	nearTable  = rel.Name{"weir_near"}  // rows of the ledger that the plan looks at; woken are those that are calm
)

// marks reports whether rows of the ledger have marks. Those of an append sync are told once, and
// their payload is not compared.
func (s *source) marks() bool { return s.b.Rows.Given != nil && !s.appends() }

// markOf is the hash of what a row, under an alias, is made from. With other words for the same
// rows, or other columns, all marks differ.
func (s *source) markOf(alias string) rel.Expr {
	h := sha256.New()
	fmt.Fprintf(h, "marks, form 2\x00%s\x00", s.b.Rows.Fingerprint)
	for _, i := range s.inOrder() {
		fmt.Fprintf(h, "%s\x00", s.b.Rows.IDs[i].Name)
	}
	for _, c := range slices.Concat(s.b.Rows.IDs, s.b.Rows.Fields) {
		fmt.Fprintf(h, "%s\x00%s\x00%t\x00", c.Name, c.Type, c.Clear)
	}
	es := []rel.Expr{rel.T(hex.EncodeToString(h.Sum(nil)[:8])), rel.C(alias, "key")}
	for _, name := range s.b.Rows.Given.Columns {
		es = append(es, rel.C(alias, name))
	}
	return rel.F(rel.HashRow, es...)
}

// given is the rows before they are normalised, with their marks.
func (s *source) given() rel.Select {
	cs := []rel.Column{rel.As("key", rel.C("r", "key"))}
	for _, name := range s.b.Rows.Given.Columns {
		cs = append(cs, rel.As(name, rel.C("r", name)))
	}
	return rel.Select{Columns: append(cs, rel.As("mark", s.markOf("r"))), From: rel.Sub{Query: s.b.Rows.Given.Query, Alias: "r"}}
}

// calm is true for a row of the ledger, under an alias, that can have a calm counterpart.
func calm(alias string) rel.Expr {
	l := func(c string) rel.Expr { return rel.C(alias, c) }
	return and(notNull(l("mark")), notNull(l("hash")), not(isTrue(l("doubt"))),
		rel.InList{Expr: l("state"), List: []rel.Expr{rel.T(stSent), rel.T(stAccepted)}})
}

// bitsOf is a hash of marks, in any order. They are hashed once more: a warehouse may combine hashes
// of several values so that two rows which swap a value cancel out in the whole.
func bitsOf(alias string) rel.Expr {
	return rel.Agg{Fn: rel.BitXor, Arg: rel.F(rel.HashRow, rel.C(alias, "mark"))}
}

// survey is what one look at keys and marks tells.
type survey struct {
	rows, keys int64 // wanted, and of these with a key
	bits       int64
	news       int64 // of rows, those without a counterpart
	newBits    int64
	all        int64 // rows of the ledger
	ledger     int64 // of these that are not absent
	able       int64 // of these that can have a counterpart
	sent       int64 // of these that no job may refuse any more
	lost       int64 // of able, those without one
}

// wanted names the rows that are wanted, all of them with their values.
func (v survey) wanted() string { return fmt.Sprintf("%d:%d", v.rows, v.bits) }

// look makes marksTable.
func (f *freeze) look(ctx context.Context) (v survey, err error) {
	m := func(c string) rel.Expr { return rel.C("m", c) }
	q := f.given()
	q.Columns = []rel.Column{q.Columns[0], q.Columns[len(q.Columns)-1]}
	if err := f.se.do(ctx, rel.DropTable{Name: marksTable}, rel.CreateTable{Name: marksTable, Temp: true, As: q, Comment: "what " + f.name + " wants at its destination, as hashes"}); err != nil {
		return v, err
	}
	err = f.se.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows}), rel.As("k", rel.Agg{Fn: rel.Count, Arg: m("key")}), rel.As("bits", bitsOf("m"))},
		From:    rel.Table{Name: marksTable, Alias: "m"},
	}, func(r []any) error { v.rows, v.keys, v.bits = asInt(r[0]), asInt(r[1]), asInt(r[2]); return nil })
	return v, err
}

// compare makes apartTable and newsTable, and counts. Marks are joined alone: with keys beside them
// they would need twice the memory.
func (f *freeze) compare(ctx context.Context, v *survey) error {
	d := func(c string) rel.Expr { return rel.C("d", c) }
	l := func(c string) rel.Expr { return rel.C("l", c) }
	a := func(c string) rel.Expr { return rel.C("a", c) }
	m := func(c string) rel.Expr { return rel.C("m", c) }
	t := func(c string) rel.Expr { return rel.C("t", c) }
	n, err := f.cut(ctx, f.se.Session, v.rows)
	if err != nil {
		return err
	}
	sts := []rel.Statement{rel.DropTable{Name: apartTable}}
	for i := range n {
		in := func(mark rel.Expr) rel.Expr { return inSlice(mark, i, n) }
		able := rel.Select{Columns: []rel.Column{rel.As("mark", t("mark"))}, From: rel.Table{Name: f.own(), Alias: "t"}, Where: and(in(t("mark")), calm("t"))}
		wanted := rel.Select{Columns: []rel.Column{rel.As("mark", m("mark"))}, From: rel.Table{Name: marksTable, Alias: "m"}, Where: in(m("mark"))}
		apart := rel.Select{
			Columns: []rel.Column{rel.As("mark", d("mark")), rel.As("l_mark", l("mark"))},
			From:    rel.Sub{Query: wanted, Alias: "d"},
			Joins:   []rel.Join{{Kind: rel.Full, Rel: rel.Sub{Query: able, Alias: "l"}, On: eq(d("mark"), l("mark"))}},
			Where:   or(isNull(d("mark")), isNull(l("mark"))),
		}
		if i == 0 {
			sts = append(sts, rel.CreateTable{Name: apartTable, Temp: true, As: apart})
		} else {
			sts = append(sts, rel.Insert{Into: apartTable, Columns: names(apart.Columns), From: apart})
		}
	}
	err = f.se.do(ctx, append(sts, rel.DropTable{Name: newsTable}, rel.CreateTable{Name: newsTable, Temp: true, As: rel.Select{
		Distinct: true, Columns: []rel.Column{rel.As("key", m("key"))}, From: rel.Table{Name: marksTable, Alias: "m"},
		Where: and(notNull(m("key")), among(m("mark"), oneOf(apartTable, "a", "mark", notNull(a("mark"))))),
	}}, rel.DropTable{Name: marksTable})...)
	if err != nil {
		return err
	}
	count := func(as string, where rel.Expr) rel.Column {
		return rel.As(as, rel.Agg{Fn: rel.Count, Arg: when(where, rel.I(1))})
	}
	bits := rel.Agg{Fn: rel.BitXor, Arg: when(notNull(a("mark")), rel.F(rel.HashRow, a("mark")))}
	err = f.se.each(ctx, rel.Select{
		Columns: []rel.Column{count("new", notNull(a("mark"))), rel.As("bits", bits), count("lost", notNull(a("l_mark")))}, From: rel.Table{Name: apartTable, Alias: "a"},
	}, func(r []any) error { v.news, v.newBits, v.lost = asInt(r[0]), asInt(r[1]), asInt(r[2]); return nil })
	if err != nil {
		return err
	}
	isSent := eq(t("state"), rel.T(stSent))
	return f.se.each(ctx, rel.Select{
		Columns: []rel.Column{countRows, count("able", calm("t")), count("sent", and(calm("t"), isSent)), count("ledger", rel.F(rel.Ne, t("state"), rel.T(stAbsent)))},
		From:    rel.Table{Name: f.own(), Alias: "t"},
	}, func(r []any) error {
		v.all, v.able, v.sent, v.ledger = asInt(r[0]), asInt(r[1]), asInt(r[2]), asInt(r[3])
		return nil
	})
}

// inSlice is true for the marks in one of n slices, which are of about the same size.
func inSlice(mark rel.Expr, i, n int) rel.Expr {
	var es []rel.Expr
	width := math.MaxUint64/uint64(n) + 1
	bound := func(i int) rel.Expr { return rel.I(int64(uint64(i)*width ^ 1<<63)) }
	if i > 0 {
		es = append(es, rel.F(rel.Ge, mark, bound(i)))
	}
	if i < n-1 {
		es = append(es, rel.F(rel.Lt, mark, bound(i+1)))
	}
	return and(es...)
}

// narrow finds the rows that the plan has to look at, and makes wantTable and nearTable of them. It
// is false if the plan has to look at all of them: then neither is made.
func (f *freeze) narrow(ctx context.Context, v *survey) (bool, error) {
	if err := f.compare(ctx, v); err != nil {
		return false, err
	}
	// As many wanted rows have a counterpart as rows of the ledger, unless rows are doubled. Where
	// most rows changed it is less work to look at all.
	if v.rows-v.news != v.able-v.lost || v.news > v.rows/2 {
		return false, nil
	}
	if err := f.se.do(ctx, rel.DropTable{Name: wantTable}, rel.CreateTable{Name: wantTable, Temp: true, As: f.want(f.b.Rows.Given.Rows(rel.Sub{Query: f.apart(v), Alias: "g"}, "mark")),
		Comment: "of what " + f.name + " wants at its destination, what is new or changed"}); err != nil {
		return false, err
	}
	// The rows are read a second time. If they changed since, what is planned is sound: it is about
	// what was wanted when the marks were made, with newer values. But then those marks are no words
	// for what the ledger will know.
	var again, rows int64
	err := f.se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("bits", bitsOf("w")), rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: wantTable, Alias: "w"}},
		func(r []any) error { again, rows = asInt(r[0]), asInt(r[1]); return nil })
	if err != nil {
		return false, err
	}
	f.steady = again == v.newBits
	// A calm row of the ledger with the key of a new one has its counterpart, which has that key too:
	// it was read together with the new one.
	twice := f.keyed() && !(f.steady && rows == v.news)
	if err := f.se.do(ctx, append(f.near(v, twice), f.wake())...); err != nil {
		return false, err
	}
	if err := f.drop(ctx, apartTable, newsTable, touchTable); err != nil {
		return false, err
	}
	n := func(c string) rel.Expr { return rel.C("n", c) }
	woken, err := f.se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: nearTable, Alias: "n"}, Where: n("woken")})
	f.skipped, f.held, f.late = v.able-v.lost-woken, nearTable, true
	return true, err
}

// apart is the wanted rows that have no counterpart, with their values.
func (f *freeze) apart(v *survey) rel.Query {
	a := func(c string) rel.Expr { return rel.C("a", c) }
	q := f.given()
	j := rel.Join{Rel: rel.Table{Name: newsTable, Alias: "a"}, On: eq(a("key"), rel.C("r", "key"))}
	if v.keys < v.rows { // a row without a key is nobody's counterpart
		j.Kind, q.Where = rel.Left, or(notNull(a("key")), isNull(rel.C("r", "key")))
	}
	q.Joins = []rel.Join{j}
	return q
}

// nearColumns are the columns of nearTable but for the last: those of the ledger that planning needs.
// Of a calm row the profile is its key, and the match value is made of its identifiers, which spares
// reading both.
func (f *freeze) nearColumns(alias string, calm bool) (cs []rel.Column) {
	profile, grp := rel.C(alias, "profile"), rel.Expr(rel.C(alias, "grp"))
	if calm {
		profile, grp = rel.C(alias, "key"), f.groupOf(func(i int) rel.Expr { return rel.C(alias, f.slotOf(i)) }, rel.C(alias, "key"))
	}
	cs = append(cs, rel.As("key", rel.C(alias, "key")), rel.As("profile", profile), rel.As("grp", grp))
	for i := range f.b.Rows.IDs {
		cs = append(cs, rel.As(f.slotOf(i), rel.C(alias, f.slotOf(i))))
	}
	for _, name := range []string{"hash", "doubt", "version", "state", "attempts", "next_try", "code", "tried", "tried_hash", "remote_id", "run", "mark"} {
		cs = append(cs, rel.As(name, rel.C(alias, name)))
	}
	return cs
}

// oneOf is a query of a single column of a table.
func oneOf(from rel.Name, alias, column string, where rel.Expr) rel.Select {
	return rel.Select{Columns: []rel.Column{rel.As("v", rel.C(alias, column))}, From: rel.Table{Name: from, Alias: alias}, Where: where}
}

// among is true if a value is one of those that a query of one column gives.
func among(value rel.Expr, q rel.Select) rel.Expr {
	q.Where = and(q.Where, eq(q.Columns[0].Expr, value))
	return rel.Exists{Query: q}
}

// near makes nearTable: the rows without a counterpart first, which are most, then those that can have
// none, and then the calm ones that the plan has to look at too, which are few. Which of these that is,
// is found with the columns that tell, and only then are they read. With twice, calm rows may have keys
// of those that are new or changed.
func (f *freeze) near(v *survey, twice bool) []rel.Statement {
	l := func(c string) rel.Expr { return rel.C("l", c) }
	w := func(c string) rel.Expr { return rel.C("w", c) }
	n := func(c string) rel.Expr { return rel.C("n", c) }
	own := rel.Table{Name: f.own(), Alias: "l"}
	woken := func(yes bool) rel.Column { return rel.As("woken", rel.B(yes)) }
	lost := among(l("mark"), oneOf(apartTable, "a", "l_mark", notNull(rel.C("a", "l_mark"))))
	sts := []rel.Statement{
		rel.DropTable{Name: nearTable},
		rel.CreateTable{Name: nearTable, Temp: true, As: rel.Select{Columns: append(f.nearColumns("l", true), woken(false)), From: own, Where: and(lost, calm("l"))},
			Comment: "rows of the ledger that are gone, changed, or touched by what is new"},
	}
	if v.all > v.able {
		cs := append(f.nearColumns("l", false), woken(false))
		sts = append(sts, rel.Insert{Into: nearTable, Columns: names(cs), From: rel.Select{Columns: cs, From: own, Where: not(calm("l"))}})
	}

	more := func(where rel.Expr, joins ...rel.Join) rel.Query {
		return rel.Select{Columns: []rel.Column{rel.As("mark", l("mark"))}, From: own, Joins: joins, Where: and(where, calm("l"))}
	}
	others := []rel.Query{}
	for _, i := range f.inOrder() { // a match value that comes
		value := w(id(i))
		known := among(w("g"), oneOf(nearTable, "n", "grp", nil))
		is := eq(w("g"), concat(rel.T(f.b.Rows.IDs[i].Name+":"), value))
		others = append(others, more(among(l(f.slotOf(i)), oneOf(wantTable, "w", id(i), and(notNull(value), is, not(known))))))
	}
	if twice || len(f.b.Rows.IDs) == 0 {
		others = append(others, more(among(l("key"), oneOf(wantTable, "w", "key", notNull(w("key"))))))
	}
	if f.listed && f.bars != f.checked {
		codes, bars := f.bar(func(i int) rel.Expr { return l(f.slotOf(i)) })
		if code := barCode(codes); code != nil {
			others = append(others, more(notNull(code), append([]rel.Join{withSecret()}, bars...)...))
		}
	}
	sts = append(sts, f.alsoNear(others)...)
	if len(f.b.Rows.IDs) > 1 { // the calm rows that have one of the values of those
		var of []rel.Query
		for at, i := range f.inOrder() {
			slot := n(f.slotOf(i))
			where := notNull(slot)
			if at == 0 { // it is the match value of a calm row that has it, of which there is one
				where = and(where, rel.F(rel.Ne, concat(rel.T(f.b.Rows.IDs[i].Name+":"), slot), n("grp")))
			}
			of = append(of, more(among(l(f.slotOf(i)), oneOf(nearTable, "n", f.slotOf(i), where))))
		}
		sts = append(sts, f.alsoNear(of)...)
	}
	return sts
}

// alsoNear adds to nearTable the calm rows of the ledger whose marks queries give.
func (f *freeze) alsoNear(of []rel.Query) []rel.Statement {
	u := rel.C("u", "mark")
	more := rel.Select{Columns: []rel.Column{rel.As("mark", u)}, From: rel.Sub{Query: rel.Union{All: true, Queries: of}, Alias: "u"}, Where: not(among(u, oneOf(nearTable, "n", "mark", notNull(rel.C("n", "mark")))))}
	cs := append(f.nearColumns("t", true), rel.As("woken", rel.B(true)))
	return []rel.Statement{
		rel.DropTable{Name: touchTable}, rel.CreateTable{Name: touchTable, Temp: true, As: more},
		rel.Insert{Into: nearTable, Columns: names(cs), From: rel.Select{Columns: cs, From: rel.Table{Name: f.own(), Alias: "t"}, Where: among(rel.C("t", "mark"), oneOf(touchTable, "u", "mark", nil))}},
	}
}

// wake adds to wantTable the calm rows of nearTable, as the ledger knows them: their fields are not
// needed, since nothing is sent for them but perhaps a removal.
func (f *freeze) wake() rel.Statement {
	n := func(c string) rel.Expr { return rel.C("n", c) }
	value := func(i int) rel.Expr { return n(f.slotOf(i)) }
	cs := []rel.Column{rel.As("key", n("key"))}
	for i := range f.b.Rows.IDs {
		cs = append(cs, rel.As(id(i), value(i)))
	}
	cs = append(cs, rel.As("g", n("grp")), rel.As("h", n("hash")), rel.As("mark", n("mark")))
	q := rel.Select{From: rel.Table{Name: nearTable, Alias: "n"}}
	if f.listed {
		codes, js := f.bar(value)
		if code := barCode(codes); code != nil {
			cs, q.Joins = append(cs, rel.As("barred", code)), append([]rel.Join{withSecret()}, js...)
		}
	}
	there := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: wantTable, Alias: "w"}, Where: eq(rel.C("w", "key"), n("key"))}}
	q.Columns, q.Where = cs, and(n("woken"), not(there))
	return rel.Insert{Into: wantTable, Columns: names(cs), From: q}
}
