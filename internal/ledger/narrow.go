package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Most rows of most syncs are as they were. Of each row that a destination was told, the ledger
// keeps a mark: a hash of the values that the row was made from, before they were trimmed and
// normalised. A wanted row whose key and mark the ledger has is calm: the same would be sent for it.
// Planning finds those by one join of keys and marks, counts them, and looks at nothing else of
// them. What is left is small:
//
//	wanted rows without a counterpart         as new or as changed
//	rows of the ledger without a counterpart  as gone or as changed, and those without a mark
//	calm rows that one of these touches       by match value, or by key where keys may be doubled
//
// Planned for these alone, every row comes out as it would in a plan for all. A mark says nothing
// of what is sent: that is decided by the hash of the payload, as it is for a ledger without marks.
// A row has a mark only while the ledger says of it exactly what was told for it: whatever was
// planned for it and not told takes the mark away.

// Temporary tables of one freeze that looks at some rows only.
var (
	marksTable = rel.Name{"weir_marks"} // key and mark of every wanted row, as of one snapshot
	apartTable = rel.Name{"weir_apart"} // what of these and of the ledger has no counterpart
	nearTable  = rel.Name{"weir_near"}  // rows of the ledger that the plan looks at; woken are those that are calm
)

// marks reports whether rows of the ledger have marks. Those of an append sync are told once, and
// their payload is not compared.
func (s *source) marks() bool { return s.b.Rows.Given != nil && !s.appends() }

// markOf is the hash of what a row, under an alias, is made from. With other words for the same
// rows, or other columns, all marks differ.
func (s *source) markOf(alias string) rel.Expr {
	h := sha256.New()
	fmt.Fprintf(h, "marks, form 1\x00%s\x00", s.b.Rows.Fingerprint)
	for _, i := range s.inOrder() {
		fmt.Fprintf(h, "%s\x00", s.b.Rows.IDs[i].Name)
	}
	for _, c := range slices.Concat(s.b.Rows.IDs, s.b.Rows.Fields) {
		fmt.Fprintf(h, "%s\x00%s\x00%t\x00", c.Name, c.Type, c.Clear)
	}
	es := []rel.Expr{rel.T(hex.EncodeToString(h.Sum(nil)[:8]))}
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

// bitsOf is a hash of keys and marks, in any order. Hashes of rows are hashed once more: a warehouse
// may combine those of several values so that two rows which swap a value cancel out in the whole.
func bitsOf(alias string) rel.Expr {
	return rel.Agg{Fn: rel.BitXor, Arg: rel.F(rel.HashRow, rel.F(rel.HashRow, rel.C(alias, "key"), rel.C(alias, "mark")))}
}

// survey is what one look at keys and marks tells.
type survey struct {
	rows, keys int64 // wanted, and of these with a key
	bits       int64
	news       int64 // of rows, those without a counterpart
	newBits    int64
	ledger     int64 // rows that are not absent
	able       int64 // of these that can have a counterpart
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

// compare makes apartTable and counts.
func (f *freeze) compare(ctx context.Context, v *survey) error {
	d := func(c string) rel.Expr { return rel.C("d", c) }
	l := func(c string) rel.Expr { return rel.C("l", c) }
	a := func(c string) rel.Expr { return rel.C("a", c) }
	able := rel.Select{Columns: []rel.Column{rel.As("key", rel.C("t", "key")), rel.As("mark", rel.C("t", "mark"))}, From: rel.Table{Name: f.own(), Alias: "t"}, Where: calm("t")}
	err := f.se.do(ctx, rel.DropTable{Name: apartTable}, rel.CreateTable{Name: apartTable, Temp: true, As: rel.Select{
		Columns: []rel.Column{rel.As("key", d("key")), rel.As("mark", d("mark")), rel.As("l_key", l("key")), rel.As("l_mark", l("mark"))},
		From:    rel.Table{Name: marksTable, Alias: "d"},
		Joins:   []rel.Join{{Kind: rel.Full, Rel: rel.Sub{Query: able, Alias: "l"}, On: and(eq(d("mark"), l("mark")), eq(d("key"), l("key")))}},
		Where:   or(isNull(d("mark")), isNull(l("mark"))),
	}})
	if err != nil {
		return err
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	count := func(what string, of rel.Expr, bits rel.Expr, from rel.Relation, where rel.Expr) rel.Query {
		n := rel.Agg{Fn: rel.Count, Arg: of}
		return rel.Select{Columns: []rel.Column{rel.As("what", rel.T(what)), rel.As("n", n), rel.As("bits", bits)}, From: from, Where: where}
	}
	own, none := rel.Table{Name: f.own(), Alias: "t"}, rel.Null(models.Integer)
	return f.se.each(ctx, rel.Union{All: true, Queries: []rel.Query{
		count("new", a("mark"), bitsOf("a"), rel.Table{Name: apartTable, Alias: "a"}, notNull(a("mark"))),
		count("lost", a("l_mark"), none, rel.Table{Name: apartTable, Alias: "a"}, notNull(a("l_mark"))),
		count("able", t("mark"), none, own, calm("t")),
		count("ledger", t("state"), none, own, rel.F(rel.Ne, t("state"), rel.T(stAbsent))),
	}}, func(r []any) error {
		n := asInt(r[1])
		switch asText(r[0]) {
		case "new":
			v.news, v.newBits = n, asInt(r[2])
		case "lost":
			v.lost = n
		case "able":
			v.able = n
		case "ledger":
			v.ledger = n
		}
		return nil
	})
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
	again, err := f.se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("bits", bitsOf("w"))}, From: rel.Table{Name: wantTable, Alias: "w"}})
	if err != nil {
		return false, err
	}
	f.steady = again == v.newBits
	sts := []rel.Statement{rel.DropTable{Name: nearTable}, rel.CreateTable{Name: nearTable, Temp: true, As: f.near(), Comment: "rows of the ledger that are gone, changed, or touched by what is new"}}
	if len(f.b.Rows.IDs) > 1 {
		sts = append(sts, f.nearByValue())
	}
	if err := f.se.do(ctx, append(sts, f.wake())...); err != nil {
		return false, err
	}
	n := func(c string) rel.Expr { return rel.C("n", c) }
	woken, err := f.se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: nearTable, Alias: "n"}, Where: n("woken")})
	f.skipped, f.held = v.able-v.lost-woken, nearTable
	return true, err
}

// apart is the wanted rows that have no counterpart, with their values.
func (f *freeze) apart(v *survey) rel.Query {
	a := func(c string) rel.Expr { return rel.C("a", c) }
	q := f.given()
	keys := rel.Sub{Alias: "a", Query: rel.Select{Distinct: true, Columns: []rel.Column{rel.As("key", a("key"))}, From: rel.Table{Name: apartTable, Alias: "a"}, Where: notNull(a("key"))}}
	j := rel.Join{Rel: keys, On: eq(a("key"), rel.C("r", "key"))}
	if v.keys < v.rows { // a row without a key is nobody's counterpart
		j.Kind, q.Where = rel.Left, or(notNull(a("key")), isNull(rel.C("r", "key")))
	}
	q.Joins = []rel.Join{j}
	return q
}

// ledgerColumns are the columns of the ledger's own table.
func (f *freeze) ledgerColumns(alias string) []rel.Column {
	return all(ledgerFields(f.bound.room), alias)
}

// distinct is the different values of an expression that are not NULL, as v.
func distinct(e rel.Expr, from rel.Relation, alias string) rel.Relation {
	return rel.Sub{Alias: alias, Query: rel.Select{Distinct: true, Columns: []rel.Column{rel.As("v", e)}, From: from, Where: notNull(e)}}
}

// near is the query of nearTable. Which rows they are is found with the columns that tell, and only
// then are they read.
func (f *freeze) near() rel.Query {
	l := func(c string) rel.Expr { return rel.C("l", c) }
	a := func(c string) rel.Expr { return rel.C("a", c) }
	lost := rel.Select{Distinct: true, Columns: []rel.Column{rel.As("key", a("l_key")), rel.As("mark", a("l_mark"))}, From: rel.Table{Name: apartTable, Alias: "a"}, Where: notNull(a("l_mark"))}
	want := rel.Table{Name: wantTable, Alias: "w"}
	why := []rel.Expr{not(calm("l")), notNull(a("mark")), notNull(rel.C("g", "v"))}
	var js []rel.Join
	if f.listed && f.bars != f.checked {
		codes, bars := f.bar(func(i int) rel.Expr { return l(f.slotOf(i)) })
		if code := barCode(codes); code != nil {
			js, why = append(append(js, withSecret()), bars...), append(why, notNull(code))
		}
	}
	js = append(js,
		rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: lost, Alias: "a"}, On: and(eq(a("mark"), l("mark")), eq(a("key"), l("key")))},
		rel.Join{Kind: rel.Left, Rel: distinct(rel.C("w", "g"), want, "g"), On: eq(rel.C("g", "v"), l("grp"))})
	if f.keyed() {
		js = append(js, rel.Join{Kind: rel.Left, Rel: distinct(rel.C("w", "key"), want, "k"), On: eq(rel.C("k", "v"), l("key"))})
		why = append(why, notNull(rel.C("k", "v")))
	}
	return f.rowsOf(rel.Select{Columns: []rel.Column{rel.As("grp", l("grp")), rel.As("woken", when(and(calm("l"), isNull(a("mark"))), rel.I(1)))}, From: rel.Table{Name: f.own(), Alias: "l"}, Joins: js, Where: or(why...)})
}

// rowsOf is the rows of the ledger whose match values a query gives as grp, with its woken, which is
// not NULL where a row of the value is.
func (f *freeze) rowsOf(q rel.Select) rel.Query {
	o := func(c string) rel.Expr { return rel.C("o", c) }
	once := rel.Select{Columns: []rel.Column{rel.As("grp", o("grp")), rel.As("woken", rel.Agg{Fn: rel.Max, Arg: o("woken")})}, From: rel.Sub{Query: q, Alias: "o"}, GroupBy: []rel.Expr{o("grp")}}
	return rel.Select{Columns: append(f.ledgerColumns("t"), rel.As("woken", and(notNull(o("woken")), calm("t")))), From: rel.Table{Name: f.own(), Alias: "t"},
		Joins: []rel.Join{{Rel: rel.Sub{Query: once, Alias: "o"}, On: eq(o("grp"), rel.C("t", "grp"))}}}
}

// nearByValue adds the calm rows that have one of the match values of those in nearTable.
func (f *freeze) nearByValue() rel.Statement {
	l := func(c string) rel.Expr { return rel.C("l", c) }
	n := rel.Table{Name: nearTable, Alias: "n"}
	var js []rel.Join
	var has []rel.Expr
	for i := range f.b.Rows.IDs {
		v := fmt.Sprintf("v%d", i+1)
		js = append(js, rel.Join{Kind: rel.Left, Rel: distinct(rel.C("n", f.slotOf(i)), n, v), On: eq(rel.C(v, "v"), l(f.slotOf(i)))})
		has = append(has, notNull(rel.C(v, "v")))
	}
	there := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: n, Where: eq(rel.C("n", "grp"), l("grp"))}}
	q := rel.Select{Columns: []rel.Column{rel.As("grp", l("grp")), rel.As("woken", rel.I(1))}, From: rel.Table{Name: f.own(), Alias: "l"}, Joins: js, Where: and(or(has...), not(there))}
	return rel.Insert{Into: nearTable, Columns: names(append(f.ledgerColumns("t"), rel.As("woken", nil))), From: f.rowsOf(q)}
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
