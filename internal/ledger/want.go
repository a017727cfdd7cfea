package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// Temporary tables of one freeze.
var (
	wantTable   = rel.Name{"weir_want"}   // every desired row, as of one snapshot
	sharedTable = rel.Name{"weir_shared"} // match values that several profiles have
	twiceTable  = rel.Name{"weir_twice"}  // keys that several rows have
	todoTable   = rel.Name{"weir_todo"}   // what differs, with what is to be done about it
)

// The places of a row of wantTable. Only those in place are held against the ledger.
const (
	inPlace   = "ok"
	noKey     = "null_key"
	doubled   = "doubled_key"
	keptOut   = "barred"
	unmatched = "unmatched"
	shared    = "shared_match"
)

// The codes of invalid rows that planning finds.
const (
	codeNullKey     = "syncs.null_key"
	codeDoubledKey  = "syncs.doubled_key"
	codeSharedMatch = "syncs.shared_match"
	codeNoMatch     = compile.CodeMissingMatch
)

// want is the query of wantTable: the desired rows in one snapshot, each with
//
//	g      the match value: name and value of the first of the object's identifiers that is there
//	h      the hash of what is rendered
//	barred code of what keeps the person out: an erasure, a suppression, or a policy
//	mark   the hash of what the row is made from; NULL where rows have none
func (f *freeze) want(rows rel.Query) rel.Query {
	r := f.b.Rows
	cs := []rel.Column{rel.As("key", rel.C("r", "key"))}
	for i := range r.IDs {
		cs = append(cs, rel.As(id(i), rel.C("r", id(i))))
	}
	for i, c := range r.Fields {
		v := rel.Expr(rel.C("r", field(i)))
		if c.Type == models.Number {
			v = rel.Cast{Expr: v, Type: models.Number, Try: true} // NaN and infinity are no values
		}
		cs = append(cs, rel.As(field(i), v))
	}
	barred := []rel.Expr{rel.C("r", "barred")}
	var joins []rel.Join
	if f.listed {
		codes, js := f.bar(func(i int) rel.Expr { return rel.C("r", id(i)) })
		joins = append(append(joins, withSecret()), js...)
		barred = []rel.Expr{barCode(codes), rel.C("r", "barred")}
	}
	if f.capped() {
		code, js := f.cap(rel.C("r", "key"))
		barred, joins = append(barred, code), append(joins, js...)
	}
	cs = append(cs, rel.As("g", f.group("r")), rel.As("h", f.payload("r")), rel.As("barred", coalesce(barred...)), rel.As("invalid", rel.C("r", "invalid")))
	mark := rel.Expr(rel.Null(models.Integer))
	if f.marks() {
		mark = rel.C("r", "mark")
	}
	return rel.Select{Columns: append(cs, rel.As("mark", mark)), From: rel.Sub{Query: rows, Alias: "r"}, Joins: joins}
}

// all is the query of every desired row, with its mark where rows have one.
func (f *freeze) all() rel.Query {
	if f.marks() {
		return f.b.Rows.Given.Rows(rel.Sub{Query: f.given(), Alias: "g"}, "mark")
	}
	return f.b.Rows.Query
}

// inOrder lists the mapped identifiers in the order of the object, so that the order in which a
// sync maps them does not matter.
func (s *source) inOrder() []int {
	order := make([]int, len(s.b.Rows.IDs))
	for i := range order {
		order[i] = i
	}
	rank := func(i int) int {
		for n, x := range s.b.Object.Identifiers {
			if x.Name == s.b.Rows.IDs[i].Name {
				return n
			}
		}
		return len(s.b.Object.Identifiers)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(s.b.Rows.IDs[a].Name, s.b.Rows.IDs[b].Name))
	})
	return order
}

// group is the match value of a row: name and value of the first identifier that is there.
func (s *source) group(alias string) rel.Expr {
	return s.groupOf(func(i int) rel.Expr { return rel.C(alias, id(i)) }, rel.C(alias, "key"))
}

// groupOf is group of the values of identifiers; of none it is the key.
func (s *source) groupOf(value func(i int) rel.Expr, key rel.Expr) rel.Expr {
	var es []rel.Expr
	for _, i := range s.inOrder() {
		es = append(es, concat(rel.T(s.b.Rows.IDs[i].Name+":"), value(i)))
	}
	if len(es) == 0 {
		return key
	}
	return coalesce(es...)
}

// payload is the 64-bit hash of what the destination would be sent: every mapped column by its
// name, type and value, in the order of names. Two rows have the same hash if and, but for one
// chance in 2^64, only if the same is sent for them.
func (s *source) payload(alias string) rel.Expr {
	type part struct {
		head string
		e    rel.Expr
	}
	var parts []part
	add := func(kind string, c compile.RowColumn, column string) {
		absent := "-"
		if c.Clear {
			absent = "0" // sent as null, not left out
		}
		e := rel.Expr(rel.C(alias, column))
		if c.Type == models.Number { // of one scale: a text of it would say the same, later
			e = rel.Cast{Expr: e, Type: models.Number, Try: true}
		} else {
			e = text(e, c.Type)
		}
		parts = append(parts, part{fmt.Sprintf("%s%d:%s=%s%s", kind, len(c.Name), c.Name, cmp.Or(string(c.Type), "?")[:1], absent), e})
	}
	for i, c := range s.b.Rows.IDs {
		add("i", compile.RowColumn{Name: c.Name, Type: models.Text}, id(i))
	}
	for i, c := range s.b.Rows.Fields {
		add("f", c, field(i))
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.head, b.head) })
	var heads strings.Builder
	es := []rel.Expr{nil}
	for _, p := range parts {
		heads.WriteString(p.head)
		es = append(es, p.e)
	}
	es[0] = rel.T(heads.String())
	return rel.F(rel.HashRow, es...)
}

// place says where a row of wantTable, under the alias w, stands. It needs placeJoins.
func (f *freeze) place() rel.Expr {
	w := func(c string) rel.Expr { return rel.C("w", c) }
	pairs := []rel.Expr{isNull(w("key")), rel.T(noKey)}
	if f.keyed() {
		pairs = append(pairs, notNull(rel.C("tw", "key")), rel.T(doubled))
	}
	pairs = append(pairs, notNull(w("barred")), rel.T(keptOut), isNull(w("g")), rel.T(unmatched),
		rel.F(rel.Ne, rel.C("sh", "owner"), w("key")), rel.T(shared))
	return when(append(pairs, rel.T(inPlace))...)
}

func (f *freeze) placeJoins() []rel.Join {
	js := []rel.Join{{Kind: rel.Left, Rel: rel.Table{Name: sharedTable, Alias: "sh"}, On: eq(rel.C("sh", "g"), rel.C("w", "g"))}}
	if f.keyed() {
		js = append(js, rel.Join{Kind: rel.Left, Rel: rel.Table{Name: twiceTable, Alias: "tw"}, On: eq(rel.C("tw", "key"), rel.C("w", "key"))})
	}
	return js
}

// desire makes wantTable of all desired rows.
func (f *freeze) desire(ctx context.Context) error {
	return f.se.do(ctx, rel.DropTable{Name: wantTable}, rel.CreateTable{Name: wantTable, Temp: true, As: f.want(f.all()), Comment: "what " + f.name + " wants at its destination"})
}

// arrange makes what is needed to place the rows of wantTable.
func (f *freeze) arrange(ctx context.Context) error {
	w := func(c string) rel.Expr { return rel.C("w", c) }
	from := rel.Table{Name: wantTable, Alias: "w"}
	sts := []rel.Statement{
		// Of several profiles with one match value the lowest has it, of those that can be sent.
		rel.DropTable{Name: sharedTable}, rel.CreateTable{Name: sharedTable, Temp: true, As: rel.Select{
			Columns: []rel.Column{rel.As("g", w("g")), rel.As("owner", coalesce(
				rel.Agg{Fn: rel.Min, Arg: when(isNull(w("invalid")), w("key"))}, rel.Agg{Fn: rel.Min, Arg: w("key")}))},
			From: from, Where: and(notNull(w("key")), notNull(w("g")), isNull(w("barred"))), GroupBy: []rel.Expr{w("g")},
			Having: rel.F(rel.Gt, rel.Agg{Fn: rel.CountRows}, rel.I(1)),
		}},
	}
	if f.keyed() {
		sts = append(sts, rel.DropTable{Name: twiceTable}, rel.CreateTable{Name: twiceTable, Temp: true, As: rel.Select{
			Columns: []rel.Column{rel.As("key", w("key"))}, From: from, Where: notNull(w("key")), GroupBy: []rel.Expr{w("key")},
			Having: rel.F(rel.Gt, rel.Agg{Fn: rel.CountRows}, rel.I(1)),
		}})
	}
	return f.se.do(ctx, sts...)
}

// placed is the rows of wantTable that are in place.
func (f *freeze) placed() rel.Query {
	cs := []rel.Column{rel.As("key", rel.C("w", "key")), rel.As("g", rel.C("w", "g")), rel.As("h", rel.C("w", "h")), rel.As("invalid", rel.C("w", "invalid")), rel.As("mark", rel.C("w", "mark"))}
	for i := range f.b.Rows.IDs {
		cs = append(cs, rel.As(id(i), rel.C("w", id(i))))
	}
	for i := range f.b.Rows.Fields {
		cs = append(cs, rel.As(field(i), rel.C("w", field(i))))
	}
	return rel.Select{Columns: cs, From: rel.Table{Name: wantTable, Alias: "w"}, Joins: f.placeJoins(), Where: eq(f.place(), rel.T(inPlace))}
}
