package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// source is one sync's side of the warehouse.
type source struct {
	*Ledger
	b    Binding
	name string // of the sync

	mu    sync.Mutex
	bound *bound // once read; the engine is the only writer under its lease
	page  page
}

var _ syncs.Source = (*source)(nil)

func newSource(l *Ledger, b Binding) *source { return &source{Ledger: l, b: b, name: b.Sync.Name} }

// bound is a sync's row of the ledgers table.
type bound struct {
	account, object, target string
	print, columns          string
	slots                   []string // identifier names by slot
	room                    int      // slots that the table has
	canary, version         int64
	started                 bool
	began                   time.Time // when the first run was settled
}

// appends reports whether rows are emissions: the unit is then the key, not the match value.
func (s *source) appends() bool { return s.b.Sync.Mode == syncs.Append }

// unit is the ledger's column that a plan is joined on.
func (s *source) unit() string {
	if s.appends() {
		return "key"
	}
	return "grp"
}

// private reports whether the ledger keeps hashes of match values only: where nothing can ever
// be removed at the destination, nobody needs them in plain.
func (s *source) private() bool {
	o := s.b.Object
	return s.appends() && len(s.key) > 0 && !o.Supports(destinations.Remove) && !o.Supports(destinations.Delete) && !o.Supports(destinations.Erase)
}

// harmful reports whether repeating a write does harm.
func (s *source) harmful() bool { return !s.b.Object.Idempotent }

// keyed reports whether keys are the user's own, and so may be absent or doubled.
func (s *source) keyed() bool { return s.b.Sync.Source != "" || s.b.Sync.SQL != "" }

func (s *source) own() rel.Name { return s.table(ledgerTable(s.name)) }

// run opens a session, sees to the sync's own table and calls f.
func (s *source) run(ctx context.Context, what string, f func(*session) error) error {
	return s.with(ctx, what+" "+s.name, func(se *session) error {
		if err := s.bind(ctx, se); err != nil {
			return err
		}
		return f(se)
	})
}

// bind reads the sync's row of the ledgers table, or makes it, and checks that the ledger is
// about the place where the sync points.
func (s *source) bind(ctx context.Context, se *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bound != nil {
		return nil
	}
	b, err := s.readBound(ctx, se)
	if err != nil {
		return err
	}
	if b == nil {
		if b, err = s.newBound(ctx, se); err != nil {
			return err
		}
	}
	if b.account != s.b.Account || b.object != s.b.Object.Name || b.target != s.b.Sync.Into {
		was := Binding{Account: b.account, Object: destinations.Object{Name: b.object}, Sync: syncs.Sync{Into: b.target}}
		return &BoundError{Sync: s.name, Place: was.place()}
	}
	if !b.started {
		adopts, err := s.adopts(ctx, se)
		if err != nil {
			return err
		}
		if adopts {
			s.b.Sync.FirstRun = mild(s.b.Sync.Mode)
		}
	}
	columns, err := se.Columns(ctx, s.own())
	if err != nil {
		return err
	}
	marked := false
	for _, c := range columns {
		if strings.HasPrefix(c.Name, "id_") {
			b.room++
		}
		marked = marked || c.Name == "mark"
	}
	if !marked && len(columns) > 0 { // of an earlier weir: nobody is calm
		if err := se.do(ctx, rel.AddColumn{Table: s.own(), Column: rel.Field{Name: "mark", Type: models.Integer}}); err != nil {
			return err
		}
	}
	// A mapped identifier that has no slot yet takes the next one when a plan is published.
	for _, id := range s.b.Rows.IDs {
		if !slices.Contains(b.slots, id.Name) {
			b.slots = append(b.slots, id.Name)
		}
	}
	if len(b.slots) > b.room {
		return &SlotsError{Sync: s.name, Room: b.room}
	}
	s.bound = b
	return nil
}

// versionText is the version as plans carry it.
func (b *bound) versionText() string { return fmt.Sprint(b.version) }

func (s *source) readBound(ctx context.Context, se *session) (*bound, error) {
	var b *bound
	err := se.each(ctx, rel.Select{
		Columns: all(tables[tLedgers], "t"), From: rel.Table{Name: s.table(tLedgers), Alias: "t"},
		Where: rel.F(rel.Eq, rel.C("t", "sync"), rel.T(s.name)),
	}, func(r []any) error {
		b = &bound{account: asText(r[1]), object: asText(r[2]), target: asText(r[3]), print: asText(r[4]), columns: asText(r[5]),
			canary: asInt(r[7]), version: asInt(r[8]), started: r[9] != nil, began: asTime(r[9])}
		if names := asText(r[6]); names != "" {
			b.slots = strings.Split(names, ",")
		}
		return nil
	})
	return b, err
}

// newBound makes a sync's ledger, unless another sync has one on the same place.
func (s *source) newBound(ctx context.Context, se *session) (*bound, error) {
	room := max(len(s.b.Object.Identifiers), len(s.b.Rows.IDs)) + spareSlots
	if err := se.do(ctx, rel.CreateTable{Name: s.own(), IfNotExists: true, Columns: ledgerFields(room)}); err != nil {
		if have, herr := se.have(ctx, s.w.Schema()); herr != nil || !have[ledgerTable(s.name)] { // or another process was faster
			return nil, err
		}
	}
	canary, err := se.canary(ctx)
	if err != nil {
		return nil, err
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	err = s.locked(ctx, se, func(ctx context.Context) error {
		// Messages and rows of no target may come from several syncs; a membership has one owner.
		if !s.appends() {
			other := ""
			err := se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("sync", t("sync"))}, From: rel.Table{Name: s.table(tLedgers), Alias: "t"}, Limit: 1,
				Where: and(eq(t("account"), rel.T(s.b.Account)), eq(t("object"), rel.T(s.b.Object.Name)), eq(t("target"), rel.T(s.b.Sync.Into)), rel.F(rel.Ne, t("sync"), rel.T(s.name)))},
				func(r []any) error { other = asText(r[0]); return nil })
			if err != nil {
				return err
			}
			if other != "" {
				return &BoundError{Sync: s.name, Other: other, Place: s.b.place()}
			}
		}
		// What a copy that was never finished left in the table is nobody's.
		known := rel.Exists{Query: rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: s.table(tLedgers), Alias: "k"}, Where: eq(rel.C("k", "sync"), rel.T(s.name))}}
		if err := se.do(ctx, rel.Delete{From: s.own(), Where: not(known)}); err != nil {
			return err
		}
		// started stays NULL until the first run is settled.
		return se.insertNew(ctx, s.table(tLedgers), []rel.Column{
			rel.As("sync", rel.T(s.name)), rel.As("account", rel.T(s.b.Account)), rel.As("object", rel.T(s.b.Object.Name)), rel.As("target", rel.T(s.b.Sync.Into)),
			rel.As("print", rel.T("")), rel.As("columns", rel.T("")), rel.As("slots", rel.T("")), rel.As("canary", rel.I(canary)), rel.As("version", rel.I(0)),
		}, eq(t("sync"), rel.T(s.name)))
	})
	var taken *BoundError
	if errors.As(err, &taken) {
		err = errors.Join(err, se.do(ctx, rel.DropTable{Name: s.own()})) // nobody's ledger
	}
	if err != nil {
		return nil, err
	}
	b, err := s.readBound(ctx, se)
	if err == nil && b == nil {
		err = fmt.Errorf("the ledger of %s was dropped while it was being made", s.name)
	}
	return b, err
}

func names(cs []rel.Column) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.As
	}
	return out
}

// canaryText is hashed, beside a number and a NULL, to see whether the warehouse's hash is still the one that
// ledgers hold. Its form counts changes to what payload hashes.
const canaryText = "weir: canary of the hash, form 2"

func (s *session) canary(ctx context.Context) (int64, error) {
	return s.number(ctx, rel.Select{Columns: []rel.Column{rel.As("hash", rel.F(rel.HashRow, rel.T(canaryText), rel.Cast{Expr: rel.N("12.5"), Type: models.Number}, rel.Null(models.Text)))}})
}

// columns describes the columns that a plan is made from.
func (s *source) columns() string {
	of := slices.Clone(s.b.Columns)
	if of == nil {
		for _, c := range slices.Concat(s.b.Rows.IDs, s.b.Rows.Fields) {
			of = append(of, c.Name+" "+cmp.Or(string(c.Type), "unknown"))
		}
	}
	slices.Sort(of)
	return strings.Join(of, ", ")
}

// Version changes whenever the ledger does.
func (s *source) Version(ctx context.Context) (string, error) {
	var v string
	err := s.run(ctx, "reading the ledger of", func(se *session) error {
		b, err := s.readBound(ctx, se)
		if err == nil {
			v = b.versionText()
		}
		return err
	})
	return v, err
}

// id and field name the columns of desired rows and plans.
func id(i int) string    { return fmt.Sprintf("id_%d", i+1) }
func field(i int) string { return fmt.Sprintf("field_%d", i+1) }

// slotOf is the ledger's column of a mapped identifier.
func (s *source) slotOf(i int) string {
	return slot(slices.Index(s.bound.slots, s.b.Rows.IDs[i].Name))
}

func eq(a, b rel.Expr) rel.Expr        { return rel.F(rel.Eq, a, b) }
func and(es ...rel.Expr) rel.Expr      { return fold(rel.And, es) }
func or(es ...rel.Expr) rel.Expr       { return fold(rel.Or, es) }
func not(e rel.Expr) rel.Expr          { return rel.F(rel.Not, e) }
func isNull(e rel.Expr) rel.Expr       { return rel.F(rel.IsNull, e) }
func notNull(e rel.Expr) rel.Expr      { return rel.F(rel.NotNull, e) }
func isTrue(e rel.Expr) rel.Expr       { return rel.F(rel.IsTrue, e) }
func coalesce(es ...rel.Expr) rel.Expr { return fold(rel.Coalesce, es) }
func concat(es ...rel.Expr) rel.Expr   { return fold(rel.Concat, es) }
func text(e rel.Expr, from models.Type) rel.Expr {
	return rel.Cast{Expr: e, Type: models.Text, From: from}
}
func when(pairs ...rel.Expr) rel.Expr {
	var c rel.Case
	for len(pairs) > 1 {
		c.Whens = append(c.Whens, rel.When{If: pairs[0], Then: pairs[1]})
		pairs = pairs[2:]
	}
	if len(pairs) == 1 {
		c.Else = pairs[0]
	}
	return c
}

func fold(fn rel.Fn, es []rel.Expr) rel.Expr {
	es = slices.DeleteFunc(es, func(e rel.Expr) bool { return e == nil })
	if len(es) == 1 {
		return es[0]
	}
	return rel.F(fn, es...)
}
