package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// Where the warehouse is a file, what cannot be made again is copied beside it after each settle. Of
// the ledger that was settled the copy has the rows that changed only, of every other table all or
// nothing. That rests on its version: every transaction that changes a ledger under a lease changes
// it too, and what the copy before has is known by it.

// copyNote is what is known of a copy without opening it.
type copyNote struct {
	Epochs   map[string]int64 `json:"epochs"`   // the newest of each sync
	Started  []string         `json:"started"`  // syncs of which a run was settled
	Erasures string           `json:"erasures"` // names those there are
}

// stampOf names the rows of a ledger by what its row of ledgers says. Moments are told by the
// version as well: a ledger that was reset begins at another time.
func stampOf(version rel.Expr) rel.Expr {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	return concat(text(version, models.Integer), rel.T("/"), text(t("canary"), models.Integer), rel.T("/"), coalesce(text(t("started"), models.Timestamp), rel.T("")))
}

func (s *source) stampQuery(sync string, version rel.Expr) rel.Query {
	return rel.Select{Columns: []rel.Column{rel.As("stamp", stampOf(version))}, From: rel.Table{Name: s.table(tLedgers), Alias: "t"}, Where: eq(rel.C("t", "sync"), rel.T(sync))}
}

// stamps notes what the ledger was before this settle and what it is after, in its transaction.
func (f *folding) stamps(ctx context.Context) (err error) {
	version := rel.C("t", "version")
	for _, x := range []struct {
		into    *string
		version rel.Expr
	}{{&f.was, rel.F(rel.Add, version, rel.I(-1))}, {&f.is, version}} {
		if err = f.se.each(ctx, f.stampQuery(f.name, x.version), func(r []any) error { *x.into = asText(r[0]); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// change is what this settle did to the ledger.
func (f *folding) change() (*warehouse.Change, error) {
	from, unit, where := rel.Relation(foldRows), f.foldUnit(), rel.Expr(nil)
	written := f.amended == 0 // every row that this run changed it took out, and wrote anew if it stays
	switch {
	case written:
		where = f.goes()
	case f.single:
		from, unit = rel.Sub{Alias: "f", Query: rel.Union{All: true, Queries: f.mayTouch()}}, fc("unit")
	}
	q := rel.Select{Columns: []rel.Column{rel.As("unit", unit)}, From: from, Where: and(notNull(unit), where)}
	if f.ref.Rows+f.Noted == 0 { // there is no foldTable
		q = rel.Select{Columns: []rel.Column{rel.As("unit", rel.Null(models.Text))}, Where: rel.B(false)}
	}
	units, err := f.d.Query(q)
	if err != nil {
		return nil, err
	}
	c := &warehouse.Change{From: f.was, To: f.is, Unit: f.unit(), Units: units}
	if written {
		c.Rows, err = f.d.Expr(eq(rel.C("t", "run"), rel.T(f.ref.Run)))
	}
	return c, err
}

// mayTouch is the units of all rows that this settle may have changed: those of the plan, those of
// single values, and those that had a value which was taken away, among others of which it is not known
// either what they were told.
func (f *folding) mayTouch() []rel.Query {
	one := func(e rel.Expr, from rel.Relation, where rel.Expr) rel.Query {
		return rel.Select{Columns: []rel.Column{rel.As("unit", e)}, From: from, Where: where}
	}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	of := []rel.Query{one(f.foldUnit(), foldRows, nil), one(t(f.unit()), rel.Table{Name: f.own(), Alias: "t"}, isNull(t("hash")))}
	for _, i := range f.alone() {
		of = append(of, one(concat(rel.T(f.b.Rows.IDs[i].Name+":"), fc(id(i))), foldRows, and(notNull(fc(id(i))), or(action(doNote), verdict(syncs.InDoubt)))))
	}
	return of
}

// copyAll copies what cannot be made again, where nobody else does. f is nil if the settle was
// committed by a process that did not come to the copy.
func (s *source) copyAll(ctx context.Context, se *session, f *folding) error {
	keeper, ok := warehouse.KeeperOf(se.Session)
	if !ok {
		return nil
	}
	c, err := s.precious(ctx, se, f)
	if err != nil {
		return err
	}
	note, err := s.copyNote(ctx, se)
	if err != nil {
		return err
	}
	text, err := json.Marshal(note)
	if err != nil {
		return err
	}
	c.Note = string(text)
	// Nobody who was erased stays in a copy for long.
	if c.Whole = f == nil || f.acts(doErase); !c.Whole {
		had, err := keeper.Copies()
		if err != nil {
			return err
		}
		var before copyNote
		c.Whole = len(had) == 0 || json.Unmarshal([]byte(cmp.Or(had[0].Note, "{}")), &before) != nil || before.Erasures != note.Erasures
	}
	return keeper.Keep(ctx, *c)
}

// precious lists the tables that cannot be made again. The one that says which ledgers there are is
// the last.
func (s *source) precious(ctx context.Context, se *session, f *folding) (*warehouse.Copied, error) {
	have, err := se.have(ctx, s.w.Schema())
	if err != nil {
		return nil, err
	}
	c := &warehouse.Copied{}
	for _, name := range []string{tEpochs, tStores, tDefinitions, tRuns, tErasures, tSuppressions, tSecret, tControls} {
		c.Tables = append(c.Tables, warehouse.CopiedTable{Name: name})
	}
	err = se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("sync", rel.C("t", "sync"))}, From: rel.Table{Name: s.table(tLedgers), Alias: "t"}}, func(r []any) error {
		sync := asText(r[0])
		t := warehouse.CopiedTable{Name: ledgerTable(sync)}
		if !have[t.Name] {
			return nil
		}
		var err error
		if t.Stamp, err = se.d.Query(s.stampQuery(sync, rel.C("t", "version"))); err == nil && f != nil && sync == s.name {
			t.Change, err = f.change()
		}
		c.Tables = append(c.Tables, t)
		return err
	})
	c.Tables = append(c.Tables, warehouse.CopiedTable{Name: tLedgers})
	return c, err
}

// copyNote reads what the note of a copy says.
func (l *Ledger) copyNote(ctx context.Context, se *session) (n copyNote, err error) {
	n.Epochs = map[string]int64{}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	err = se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("sync", t("sync")), rel.As("epoch", t("epoch"))}, From: rel.Table{Name: l.table(tEpochs), Alias: "t"}},
		func(r []any) error { n.Epochs[asText(r[0])] = max(n.Epochs[asText(r[0])], asInt(r[1])); return nil })
	if err != nil {
		return n, err
	}
	err = se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("sync", t("sync"))}, From: rel.Table{Name: l.table(tLedgers), Alias: "t"}, Where: notNull(t("started")), OrderBy: []rel.Order{{Expr: t("sync")}}},
		func(r []any) error { n.Started = append(n.Started, asText(r[0])); return nil })
	if err != nil {
		return n, err
	}
	err = se.each(ctx, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows}), rel.As("bits", rel.Agg{Fn: rel.BitXor, Arg: rel.F(rel.HashRow, t("hash"))})}, From: rel.Table{Name: l.table(tErasures), Alias: "t"}},
		func(r []any) error { n.Erasures = fmt.Sprintf("%d:%d", asInt(r[0]), asInt(r[1])); return nil })
	return n, err
}

// Restored is what was brought back from a copy.
type Restored struct {
	Copy    warehouse.Copy
	Newest  bool             // there is no newer copy that could not be read
	Broken  []error          // why newer ones could not be
	Epochs  map[string]int64 // of the copy
	Started []string         // the syncs whose ledgers are back
}

// NoCopyError says why no copy of the ledgers can be brought back.
type NoCopyError struct{ Why, Then string }

// Error says why.
func (e *NoCopyError) Error() string { return "no copy of the ledgers can be brought back: " + e.Why }

// Code is the stable code of the finding.
func (*NoCopyError) Code() string { return "ledger.no_copy" }

// Fix says what to do.
func (e *NoCopyError) Fix() string { return e.Then }

// Restore brings the newest copy of the ledgers back that can be read, into a warehouse that lost
// them or has older ones. It is refused if a sync was settled here since. It can be repeated. seen
// are, by sync, the epochs that this machine's store has seen; of syncs that did nothing since the
// newest copy, so that it is all that there is to know of them, theirs go on from those. h is who asks.
func (l *Ledger) Restore(ctx context.Context, h syncs.Holder, seen map[string]int64) (*Restored, error) {
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	keeper, ok := warehouse.KeeperOf(s.Session)
	if !ok {
		return nil, &NoCopyError{"this warehouse makes its own", "restore it as its maker says"}
	}
	had, err := keeper.Copies()
	if err != nil {
		return nil, err
	}
	if len(had) == 0 {
		return nil, &NoCopyError{"there is none beside the file of the warehouse", "put the files *.ledger-* that were beside the lost one there"}
	}
	now := copyNote{}
	have, err := s.have(ctx, l.w.Schema())
	if err == nil && have[tLedgers] && have[tEpochs] && have[tErasures] {
		now, err = l.copyNote(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	for _, sync := range slices.Sorted(maps.Keys(now.Epochs)) {
		if held, err := l.Running(ctx, sync, h); err != nil || held != nil {
			if err == nil {
				err = held
			}
			return nil, err
		}
	}
	out := &Restored{}
	for i, c := range had {
		var note copyNote
		if c.Note != "" {
			if err := json.Unmarshal([]byte(c.Note), &note); err != nil {
				out.Broken = append(out.Broken, fmt.Errorf("copy %d: %w", c.Number, err))
				continue
			}
		}
		for _, sync := range now.Started {
			if now.Epochs[sync] > note.Epochs[sync] {
				return nil, &NoCopyError{fmt.Sprintf("%s was run in this warehouse since the copy of %s", sync, c.At.Format("2006-01-02 15:04:05 UTC")), "nothing is lost of it: weir status"}
			}
		}
		if err := keeper.Restore(ctx, c.Number); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			out.Broken = append(out.Broken, err)
			continue
		}
		out.Copy, out.Newest, out.Started = c, i == 0, note.Started
		return out, l.restored(ctx, s, out, seen)
	}
	return out, &NoCopyError{"none of them can be read: " + out.Broken[0].Error(), "put the files *.ledger-* back as they were"}
}

// restored makes what a copy does not have, and lets syncs of which nothing is unknown go on.
func (l *Ledger) restored(ctx context.Context, s *session, out *Restored, seen map[string]int64) error {
	l.mu.Lock()
	l.prepared = false
	l.mu.Unlock()
	if err := l.prepareOn(ctx, s); err != nil {
		return err
	}
	// Whoever held a lease when the copy was made was still at it, and is no more.
	free := rel.Update{Table: l.table(tEpochs), Set: []rel.Assign{{Column: "pid", Value: rel.I(0)}, {Column: "clean", Value: rel.B(false)}, {Column: "expires", Value: rel.Null(models.Timestamp)}}}
	sts := []rel.Statement{rel.Delete{From: l.table(tCalm)}, free}
	if out.Newest {
		for sync, epoch := range seen {
			t := func(c string) rel.Expr { return rel.C("t", c) }
			sts = append(sts, rel.Update{Table: l.table(tEpochs), Set: []rel.Assign{{Column: "epoch", Value: rel.I(epoch)}}, Where: and(eq(t("sync"), rel.T(sync)), rel.F(rel.Lt, t("epoch"), rel.I(epoch)))})
		}
	}
	if err := s.do(ctx, sts...); err != nil {
		return err
	}
	note, err := l.copyNote(ctx, s)
	out.Epochs, out.Started = maps.Clone(note.Epochs), note.Started
	return err
}
