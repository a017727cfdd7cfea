package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// ErrMoved says that a run changed the ledger while a destination was read back.
var ErrMoved = errors.New("the ledger changed while the destination was read")

// Drift is how a destination differs from what it was last told.
type Drift struct {
	Told        int64 // rows that it should hold: of no open job, and not in doubt
	There       int64 // members that it told of
	Missing     int64 // of Told, those who are not there
	Unconfirmed int64 // of Missing, those of whom it only said that it took them
	Extra       int64 // of There, those whom the ledger does not know
	Pending     int64 // rows of open jobs, which are not compared
	InDoubt     int64 // rows that may or may not have arrived, which are not compared
	Due         int64 // of Missing, those that were made due again
	Keys        []string
	Strangers   [][]string // values of a few of Extra, in the order of the columns asked for
}

// Verifying is what Verify needs beside the name of the sync.
type Verifying struct {
	Sync   string
	Object destinations.Object
	// Account and Into are where the sync points now, as in a Binding. A ledger that is about
	// another place is an error.
	Account, Into string
	Members       Members
	// Leased takes the sync's lease for the time of f. Nil only looks; otherwise what is missing
	// is noted as absent, so that the next run adds those of it that are still wanted.
	Leased func(ctx context.Context, f func(syncs.Grant) error) error
}

// Temporary tables of one verification.
var (
	toldTable    = rel.Name{"weir_told"}    // the ledger, values as they go on the wire
	missingTable = rel.Name{"weir_missing"} // rows of toldTable that are nobody there
)

const (
	verifyPage   = 20_000
	verifySample = 3
)

// What a row of toldTable is compared as.
const (
	asTold    = "told"
	asPending = "pending"
	asDoubt   = "doubt"
	asAbsent  = "absent"
)

// Verify compares what a destination holds with what it was last told. Somebody is there if a
// member has one of the values by which the person was sent. It keeps a page in memory.
func (l *Ledger) Verify(ctx context.Context, v Verifying) (*Drift, error) {
	d := &Drift{}
	err := l.with(ctx, "verifying "+v.Sync, func(se *session) error {
		s := &source{Ledger: l, name: v.Sync}
		b, err := s.readBound(ctx, se)
		if err != nil || b == nil {
			return err
		}
		if b.account != v.Account || b.object != v.Object.Name || b.target != v.Into {
			was := Binding{Account: b.account, Object: destinations.Object{Name: b.object}, Sync: syncs.Sync{Into: b.target}}
			return &BoundError{Sync: v.Sync, Place: was.place()}
		}
		y := &verifying{Verifying: v, source: s, reading: reading{se, naming(v.Object, b.slots)}, slots: b.slots}
		if len(y.ids) == 0 {
			return errors.New("no identifier that was sent names a person")
		}
		if err := y.told(ctx); err != nil {
			return err
		}
		if err := y.there(ctx, v.Members); err != nil {
			return err
		}
		if now, err := s.readBound(ctx, se); err != nil || now == nil || now.version != b.version {
			return errors.Join(ErrMoved, err)
		}
		if err := y.compare(ctx, d); err != nil || v.Leased == nil || d.Missing == 0 {
			return err
		}
		return v.Leased(ctx, func(g syncs.Grant) error { return y.mend(ctx, g, b.version, d) })
	})
	return d, err
}

// verifying is one verification on one session.
type verifying struct {
	Verifying
	*source
	reading // by those of the slots that name a person
	slots   []string
}

// told loads the ledger with its values made ready as the engine does before it sends them.
func (y *verifying) told(ctx context.Context) error {
	names := "grp key state kind " + y.values()
	if err := y.se.do(ctx, rel.DropTable{Name: toldTable}, rel.CreateTable{Name: toldTable, Temp: true, Columns: fields(names)}); err != nil {
		return err
	}
	var open []rel.Expr
	t := func(c string) rel.Expr { return rel.C("t", c) }
	err := y.se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("run", t("run"))}, From: rel.Table{Name: y.table(tPlans), Alias: "t"},
		Where: and(eq(t("sync"), rel.T(y.name)), rel.InList{Expr: t("state"), List: texts([]string{planOpen, planKept})})},
		func(r []any) error { open = append(open, rel.T(asText(r[0]))); return nil })
	if err != nil {
		return err
	}
	kinds := []rel.Expr{isTrue(t("doubt")), rel.T(asDoubt), eq(t("state"), rel.T(stLeaving)), rel.T(asPending)}
	if len(open) > 0 {
		kinds = append(kinds, and(eq(t("state"), rel.T(stAccepted)), rel.InList{Expr: t("run"), List: open}), rel.T(asPending))
	}
	kinds = append(kinds, rel.InList{Expr: t("state"), List: texts([]string{stSent, stAccepted})}, rel.T(asTold), rel.T(asAbsent))
	cs := []rel.Column{rel.As("grp", t("grp")), rel.As("key", t("key")), rel.As("state", t("state")), rel.As("kind", when(kinds...))}
	for _, id := range y.ids {
		cs = append(cs, rel.As(id.Name, t(slot(slices.Index(y.slots, id.Name)))))
	}
	for last, page := "", [][]any{}; ; page = page[:0] {
		err := y.se.each(ctx, rel.Select{Columns: cs, From: rel.Table{Name: y.own(), Alias: "t"}, Where: rel.F(rel.Gt, t("grp"), rel.T(last)),
			OrderBy: []rel.Order{{Expr: t("grp")}}, Limit: verifyPage}, func(r []any) error {
			page = append(page, append(slices.Clone(r[:4]), wired(y.ids, r[4:])...))
			return nil
		})
		if err != nil || len(page) == 0 {
			return err
		}
		if _, err := y.se.Load(ctx, toldTable, strings.Fields(names), one(page...)); err != nil {
			return err
		}
		last = asText(page[len(page)-1][0])
	}
}

func (y *verifying) compare(ctx context.Context, d *Drift) error {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	told, there := rel.Table{Name: toldTable, Alias: "t"}, rel.Table{Name: thereTable, Alias: "t"}
	err := y.se.do(ctx, rel.DropTable{Name: missingTable}, rel.CreateTable{Name: missingTable, Temp: true, As: rel.Select{
		Columns: []rel.Column{rel.As("grp", t("grp")), rel.As("key", t("key")), rel.As("state", t("state"))}, From: told,
		Where: and(eq(t("kind"), rel.T(asTold)), not(y.in("t", thereTable)))}})
	if err != nil {
		return err
	}
	missing, extra := rel.Table{Name: missingTable, Alias: "t"}, not(y.in("t", toldTable))
	for _, c := range []struct {
		into  *int64
		from  rel.Table
		where rel.Expr
	}{
		{&d.Told, told, eq(t("kind"), rel.T(asTold))}, {&d.Pending, told, eq(t("kind"), rel.T(asPending))}, {&d.InDoubt, told, eq(t("kind"), rel.T(asDoubt))},
		{&d.There, there, nil}, {&d.Extra, there, extra}, {&d.Missing, missing, nil}, {&d.Unconfirmed, missing, eq(t("state"), rel.T(stAccepted))},
	} {
		if *c.into, err = y.se.number(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: c.from, Where: c.where}); err != nil {
			return err
		}
	}
	err = y.se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("key", t("key"))}, From: missing, OrderBy: []rel.Order{{Expr: t("key")}}, Limit: verifySample},
		func(r []any) error { d.Keys = append(d.Keys, asText(r[0])); return nil })
	if err != nil {
		return err
	}
	var cs []rel.Column
	var by []rel.Order
	for i := range y.ids {
		cs, by = append(cs, rel.As(value(i), t(value(i)))), append(by, rel.Order{Expr: t(value(i))})
	}
	return y.se.each(ctx, rel.Select{Columns: cs, From: there, Where: extra, OrderBy: by, Limit: verifySample}, func(r []any) error {
		var values []string
		for _, v := range r {
			values = append(values, asText(v))
		}
		d.Strangers = append(d.Strangers, values)
		return nil
	})
}

// mend notes what is missing as absent, if the ledger is still the one that was compared.
func (y *verifying) mend(ctx context.Context, g syncs.Grant, version int64, d *Drift) error {
	return y.fenced(ctx, y.se, g, func(ctx context.Context) error {
		if now, err := y.readBound(ctx, y.se); err != nil || now == nil || now.version != version {
			return errors.Join(ErrMoved, err)
		}
		lost := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: missingTable, Alias: "m"}, Where: eq(rel.C("m", "grp"), rel.C("t", "grp"))}}
		n, err := y.se.change(ctx, rel.Update{Table: y.own(), Where: lost, Set: []rel.Assign{
			{Column: "state", Value: rel.T(stAbsent)}, {Column: "attempts", Value: rel.I(0)}, {Column: "next_try", Value: rel.Null(models.Timestamp)},
			{Column: "tried_hash", Value: rel.Null(models.Integer)}, {Column: "remote_id", Value: rel.Null(models.Text)}}})
		if err != nil {
			return err
		}
		d.Due = n
		return y.se.do(ctx, y.bump())
	})
}
