package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// Orphan is a ledger whose sync is not in the project any more: what it sent is still there.
type Orphan struct {
	Sync  string    `json:"sync"`
	Place string    `json:"place"`          // object and account
	Rows  int64     `json:"rows"`           // that the destination has, as far as is known
	Since time.Time `json:"since,omitzero"` // its last run that was settled
	Then  []string  `json:"then"`           // what can be done, a sentence each
}

// orphans lists the ledgers of syncs that were renamed or deleted.
func (a *App) orphans(ctx context.Context) ([]Orphan, error) {
	h, err := a.holder(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	is, err := a.led.Health(ctx, h)
	if err != nil {
		return nil, a.worldly(err)
	}
	var out []Orphan
	for _, name := range slices.Sorted(maps.Keys(is.Bound)) {
		if a.p.Sync(name) != nil {
			continue
		}
		o := Orphan{Sync: name, Place: is.Bound[name].Place(), Then: []string{"if it was renamed: weir sync rename " + name + " NEW", "if it was deleted: weir sync drop " + name + " --remove takes out whom it put there, --leave forgets them"}}
		held, err := a.ledgerOf(ctx, name)
		if err != nil {
			return nil, err
		}
		o.Rows = held["rows"]
		out = append(out, o)
	}
	if len(out) == 0 {
		return nil, nil
	}
	known, err := a.led.Definitions(ctx)
	if err != nil {
		return nil, a.worldly(err)
	}
	for i := range out {
		out[i].Since = known[out[i].Sync].At
	}
	return out, nil
}

// orphan finds the ledger of a sync that is not declared, by name.
func (a *App) orphan(ctx context.Context, name, verb string) (ledger.Binding, error) {
	none := ledger.Binding{}
	if a.p.Sync(name) != nil {
		return none, &Error{Kind: Refused, Code: "syncs.declared", Message: "sync " + name + " is in the project",
			Fix: "to " + verb + " it, first do so in the project"}
	}
	h, err := a.holder(ctx)
	if err != nil {
		return none, err
	}
	if _, err := a.warehouse(); err != nil {
		return none, err
	}
	is, err := a.led.Health(ctx, h)
	if err != nil {
		return none, a.worldly(err)
	}
	b, ok := is.Bound[name]
	if !ok {
		return none, &Error{Kind: Refused, Code: "syncs.unknown", Message: "there is no ledger of a sync " + name, Fix: "see: weir status"}
	}
	return b, nil
}

// unsettled is the error that this machine's journal knows of something of a sync that is open.
func (a *App) unsettled(ctx context.Context, name string) error {
	st, err := a.journal(ctx)
	if err != nil {
		return err
	}
	open, err := st.Unsettled(ctx, name)
	if err != nil {
		return a.worldly(err)
	}
	jobs, err := st.Jobs(ctx, name)
	if err != nil {
		return a.worldly(err)
	}
	if len(open)+len(jobs) > 0 {
		return &Error{Kind: Refused, Code: "syncs.unsettled", Message: "a run of " + name + " is not settled, or a job of it is open",
			Fix: "give it its old name back in the project and run it; then rename it"}
	}
	return nil
}

// RenameSync carries the ledger of a sync that has another name in the project now over to that
// name: what its destination was told, what people said of it, and its history, also in the
// journal. Nothing is sent.
func (a *App) RenameSync(ctx context.Context, from, to string) (*SyncWord, error) {
	s, _, err := a.lifeOf(ctx, to)
	if err != nil {
		return nil, err
	}
	b, err := a.orphan(ctx, from, "rename")
	if err != nil {
		return nil, err
	}
	d := a.p.Destination(s.Destination)
	dest, _ := destinations.Lookup(d.Type) // checked when the project was read
	if account := a.account(d, dest.Spec()); b.Account != account || b.Object.Name != s.Object || b.Sync.Into != s.Into {
		return nil, &Error{Kind: Refused, Code: "syncs.other_place", Message: fmt.Sprintf("the ledger of %s is about %s, and %s writes elsewhere", from, b.Place(), to),
			Fix: "point " + to + " there, or see to " + from + " by itself: weir sync drop"}
	}
	if err := a.unsettled(ctx, from); err != nil {
		return nil, err
	}
	held, err := a.ledgerOf(ctx, from)
	if err != nil {
		return nil, err
	}
	st, err := a.journal(ctx)
	if err != nil {
		return nil, err
	}
	also := func(ctx context.Context) error { return st.Rename(ctx, from, to) }
	err = a.leased(ctx, from, func(old syncs.Grant) (syncs.Grant, error) {
		return old, a.leased(ctx, to, func(next syncs.Grant) (syncs.Grant, error) { return next, a.led.Rename(ctx, old, next, also) })
	})
	if err != nil {
		return nil, err
	}
	return &SyncWord{Sync: to, Action: "rename", Done: true, Rows: held["rows"], Then: []string{
		fmt.Sprintf("it goes on from %s that were sent as %s", count(held["rows"], "row"), from),
		"see what its next run would do: weir plan --select " + to,
	}}, nil
}

// DropWords tells what dropping a sync that is not declared any more would do. It changes nothing.
func (a *App) DropWords(ctx context.Context, name string, remove bool) (*SyncWord, error) {
	b, err := a.orphan(ctx, name, "drop")
	if err != nil {
		return nil, err
	}
	held, err := a.ledgerOf(ctx, name)
	if err != nil {
		return nil, err
	}
	w := &SyncWord{Sync: name, Action: "drop", Rows: held["rows"]}
	if remove {
		if err := a.sends(); err != nil {
			return nil, err
		}
		if _, err := a.dropTask(ctx, name, b); err != nil {
			return nil, err
		}
		w.Then = []string{fmt.Sprintf("%s that weir put into %s are taken out there, then their ledger is forgotten", count(w.Rows, "row"), b.Place())}
		return w, nil
	}
	w.Then = []string{fmt.Sprintf("weir forgets that it sent %s to %s; they stay there", count(w.Rows, "row"), b.Place())}
	if n := held["in_doubt"]; n > 0 {
		w.Then = append(w.Then, count(n, "row")+" may or may not have arrived; that is forgotten too")
	}
	return w, nil
}

// DropSync lets go of a sync that is not declared any more. With remove, everybody whom it put
// there is taken out first, by a run of which the report tells; its ledger is forgotten once nobody
// is left in it.
func (a *App) DropSync(ctx context.Context, name string, remove bool) (*SyncWord, *syncs.Report, error) {
	w, err := a.DropWords(ctx, name, remove)
	if err != nil {
		return nil, nil, err
	}
	var report *syncs.Report
	if remove {
		b, err := a.orphan(ctx, name, "drop")
		if err != nil {
			return nil, nil, err
		}
		task, err := a.dropTask(ctx, name, b)
		if err != nil {
			return nil, nil, err
		}
		runner, err := a.runner(ctx)
		if err != nil {
			return nil, nil, err
		}
		if report, err = runner.Run(ctx, task, syncs.RunOptions{Asked: a.o.Asked, Approved: []string{syncs.HoldColumns, syncs.HoldMaxRejected}}); err != nil {
			return nil, nil, a.worldly(err)
		}
		held, err := a.ledgerOf(ctx, name)
		if err != nil {
			return nil, report, err
		}
		if left := held["rows"] + held["in_doubt"]; left > 0 || report.Status != syncs.OK {
			w.Rows, w.Then = left, []string{fmt.Sprintf("%s could not be taken out yet, and its ledger stays; go on with: weir sync drop %s --remove", count(left, "row"), name)}
			return w, report, Worst([]syncs.Report{*report})
		}
	}
	err = a.leased(ctx, name, func(g syncs.Grant) (syncs.Grant, error) { return g, a.led.Leave(ctx, g) })
	if err != nil {
		return nil, report, err
	}
	w.Done = true
	return w, report, nil
}

// dropTask is the task that takes out everybody whom a sync that is not declared any more put at its
// destination: as a sync that wants nobody.
func (a *App) dropTask(ctx context.Context, name string, b ledger.Binding) (*syncs.Task, error) {
	refuse := func(format string, args ...any) error {
		return &Error{Kind: Refused, Code: "syncs.cannot_remove", Message: "nobody can be taken out for " + name + ": " + fmt.Sprintf(format, args...), Fix: "to forget its ledger and leave them there: weir sync drop " + name + " --leave"}
	}
	known, err := a.led.Definitions(ctx)
	if err != nil {
		return nil, a.worldly(err)
	}
	def, _ := definedAs(known[name])
	if def.Mode == syncs.Append {
		return nil, refuse("it sent messages, and what was sent cannot be taken back")
	}
	d, dest, ok := a.holding(b.Account, def.Destination)
	if !ok {
		return nil, refuse("its destination, %s, is not declared any more", b.Place())
	}
	spec := dest.Spec()
	obj, ok := spec.Object(b.Object.Name)
	if !ok || !obj.Supports(destinations.Remove) && !obj.Supports(destinations.Delete) {
		return nil, refuse("%s removes nothing", b.Place())
	}
	ids, err := a.led.Slots(ctx, name)
	if err != nil {
		return nil, a.worldly(err)
	}
	s := syncs.Sync{Name: name, Destination: d.Name, Object: obj.Name, Into: b.Sync.Into, With: def.With, Mode: syncs.Mirror, OnLeave: syncs.Remove, FirstRun: syncs.Adopt,
		Guard: syncs.Guard{AllowEmpty: true, MaxRemoved: models.Percent{BasisPoints: 10_000, Set: true}}}
	if !obj.Supports(destinations.Add) { // records
		s.Mode = syncs.Upsert
	}
	st, err := a.journal(ctx)
	if err != nil {
		return nil, err
	}
	epoch, err := st.Epoch(ctx, name)
	if err != nil {
		return nil, a.worldly(err)
	}
	now, err := a.now(ctx)
	if err != nil {
		return nil, err
	}
	t := &syncs.Task{Sync: s, Spec: spec, Object: obj, Account: b.Account, Columns: destinations.Columns{IDs: ids}}
	rows := compile.Rows{Query: ledger.Nobody(ids), Fingerprint: "dropped"}
	for _, id := range ids {
		rows.IDs = append(rows.IDs, compile.RowColumn{Name: id, Type: models.Text})
	}
	t.Source = a.led.Source(ledger.Binding{Sync: s, Object: obj, Rows: rows, Account: b.Account, Channel: spec.Kind, AsOf: now, Epoch: epoch, Definition: known[name].Text})
	t.Session = func() (destinations.Session, error) { return a.open(ctx, dest, d) }
	return t, nil
}

// holding finds the declared destination of an account, the one called name if there are several.
func (a *App) holding(account, name string) (*project.Destination, destinations.Destination, bool) {
	var found *project.Destination
	var of destinations.Destination
	for i := range a.p.Destinations {
		d := &a.p.Destinations[i]
		if dest, ok := destinations.Lookup(d.Type); ok && a.account(d, dest.Spec()) == account && (found == nil || d.Name == name) {
			found, of = d, dest
		}
	}
	return found, of, found != nil
}
