package ledger

import (
	"context"
	"fmt"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// A first run that replaces takes out who is at the destination and is not wanted there. The members
// are read back while the plan is made, and those whom nobody wanted stands for are held against
// what is wanted as if they were rows of the ledger. They come into it when the run is settled, in
// the transaction that starts the ledger: whoever was not taken out by then is due in the runs after
// it. Until then nothing is known of them, so that a plan that is not sent leaves nothing behind.

// Temporary tables of one freeze that replaces.
var (
	wireTable    = rel.Name{"weir_wire"}    // match values of who is wanted, as they go on the wire
	membersTable = rel.Name{"weir_members"} // members whom nobody wanted stands for, with the columns of the ledger
)

// MemberKey begins the key of a member whom weir did not send.
const MemberKey = "member:"

// wirePage is how many rows are made ready for the wire at once.
const wirePage = 100_000

// replaced is what reading the members told.
type replaced struct {
	asked   bool
	members int64
	unnamed int64 // of these, those with none of the mapped identifiers: they stay
}

// replaces reports whether the plan is to take out who is at the destination already.
func (f *freeze) replaces() bool { return f.b.Sync.FirstRun == syncs.Replace && !f.bound.started }

// replace reads who is at the destination and makes membersTable the rows that the plan looks at.
func (f *freeze) replace(ctx context.Context) (err error) {
	if !f.replaces() || f.b.Members == nil {
		return nil
	}
	var mapped []string
	for _, c := range f.b.Rows.IDs {
		mapped = append(mapped, c.Name)
	}
	r := &reading{f.se, naming(f.b.Object, mapped)}
	if len(r.ids) == 0 {
		return nil
	}
	if err := r.there(ctx, f.b.Members); err != nil {
		return err
	}
	if err := f.wire(ctx, r); err != nil {
		return err
	}
	there, t := rel.Table{Name: thereTable, Alias: "t"}, func(c string) rel.Expr { return rel.C("t", c) }
	f.replaced.asked = true
	n := rel.Agg{Fn: rel.CountRows}
	if f.replaced.members, err = f.se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", n)}, From: there}); err != nil {
		return err
	}
	var unnamed []rel.Expr
	for i := range r.ids {
		unnamed = append(unnamed, isNull(t(value(i))))
	}
	if f.replaced.unnamed, err = f.se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", n)}, From: there, Where: and(unnamed...)}); err != nil {
		return err
	}
	f.held = membersTable
	return f.se.do(ctx, rel.DropTable{Name: membersTable}, rel.CreateTable{Name: membersTable, Temp: true, As: f.strangers(r), Comment: "who is at the destination of " + f.name + " and not wanted there"},
		rel.DropTable{Name: thereTable}, rel.DropTable{Name: wireTable})
}

// wire makes wireTable.
func (f *freeze) wire(ctx context.Context, r *reading) error {
	if err := f.se.do(ctx, rel.DropTable{Name: wireTable}, rel.CreateTable{Name: wireTable, Temp: true, Columns: fields(r.values())}); err != nil {
		return err
	}
	d := func(c string) rel.Expr { return rel.C("d", c) }
	cs := []rel.Column{rel.As("key", d("key"))}
	for i := range r.ids {
		cs = append(cs, rel.As(value(i), d(id(f.column(r.ids[i].Name)))))
	}
	for last, page := "", [][]any{}; ; page = page[:0] {
		err := f.se.each(ctx, rel.Select{Columns: cs, From: rel.Sub{Query: f.placed(), Alias: "d"}, Where: rel.F(rel.Gt, d("key"), rel.T(last)),
			OrderBy: []rel.Order{{Expr: d("key")}}, Limit: wirePage}, func(row []any) error {
			last = asText(row[0])
			page = append(page, wired(r.ids, row[1:]))
			return nil
		})
		if err != nil || len(page) == 0 {
			return err
		}
		if _, err := f.se.Load(ctx, wireTable, names(cs[1:]), one(page...)); err != nil {
			return err
		}
	}
}

// wired is match values as they go on the wire; nil where there is none.
func wired(ids []destinations.Identifier, values []any) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		if wire, err := destinations.Prepare(id, asText(values[i])); err == nil {
			out[i] = wire
		}
	}
	return out
}

// column is the index of a mapped identifier.
func (s *source) column(name string) int {
	for i, c := range s.b.Rows.IDs {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// strangers is the query of membersTable.
func (f *freeze) strangers(r *reading) rel.Query {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	m := func(c string) rel.Expr { return rel.C("m", c) }
	var cs, once []rel.Column
	for i, c := range f.b.Rows.IDs {
		v := rel.Expr(rel.Null(models.Text))
		for j, named := range r.ids {
			if named.Name == c.Name {
				v = t(value(j))
			}
		}
		cs = append(cs, rel.As(id(i), v))
		once = append(once, rel.As(id(i), rel.Agg{Fn: rel.Min, Arg: t(id(i))}))
	}
	one := rel.Sub{Alias: "m", Query: rel.Select{
		Columns: append(once, rel.As("g", f.group("t"))), From: rel.Sub{Alias: "t", Query: rel.Select{Columns: cs, From: rel.Table{Name: thereTable, Alias: "t"}, Where: not(r.in("t", wireTable))}},
		Where: notNull(f.group("t")), GroupBy: []rel.Expr{f.group("t")},
	}}
	hash := rel.F(rel.HashRow, rel.T("member"), m("g"))
	is := map[string]rel.Expr{"key": concat(rel.T(MemberKey), text(hash, models.Integer)), "grp": m("g"), "hash": hash, "doubt": rel.B(false), "version": rel.I(0), "attempts": rel.I(0), "state": rel.T(stSent)}
	for i := range f.b.Rows.IDs {
		is[f.slotOf(i)] = m(id(i))
	}
	var out []rel.Column
	for _, c := range ledgerFields(f.bound.room) {
		v, ok := is[c.Name]
		if !ok {
			v = rel.Null(c.Type)
		}
		out = append(out, rel.As(c.Name, v))
	}
	return rel.Select{Columns: out, From: one}
}

// holdReplaced is the hold of a first run that replaces, which is always for a person.
func (f *freeze) holdReplaced(y syncs.Tally) syncs.Hold {
	removed := y.Removed - y.Further
	h := syncs.Hold{Code: HoldReplace, Fix: "read the plan, then approve it"}
	switch r := f.replaced; {
	case !r.asked:
		h.What = "the first run replaces whoever is at the destination already; who that is was not read, since this target sends nothing"
	case r.unnamed > 0:
		h.What = fmt.Sprintf("the first run replaces who is at the destination already: of %d members %d are taken out; %d have none of the identifiers that the sync maps, and stay", r.members, removed, r.unnamed)
	default:
		h.What = fmt.Sprintf("the first run replaces who is at the destination already: of %d members %d are taken out", r.members, removed)
	}
	return h
}

// meet brings members that were to be taken out into the ledger, before it is said what became of
// each.
func (f *folding) meet() rel.Statement {
	return f.add(and(taking, not(fc("leftover"))), map[string]rel.Expr{
		"hash": fc("hash"), "version": fc("version"), "doubt": rel.B(false), "attempts": rel.I(0), "state": rel.T(stSent),
	})
}
