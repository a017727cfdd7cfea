package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// Options say which project to work on, and how.
type Options struct {
	Dir      string
	Target   string      // "" means the project's default
	Select   []string    // models and syncs; none means all
	State    string      // earlier manifest, or its folder, that state: in Select compares with
	AsOf     time.Time   // zero means the warehouse's clock
	Approve  []string    // codes of guards that a person has read and agreed to
	Full     bool        // identity is built from nothing, with the ids of before
	Asked    string      // who asks, for the history; "" means "command"
	Limit    int         // syncs that run at once; 0 means the usual number
	Offline  bool        // check against the columns that Columns wrote: nothing will be connected to
	Progress func(Event) // called from several goroutines; may be nil
	Calls    func(Call)  // told of every call to a destination, from several goroutines; may be nil
}

// App is a project, checked and ready to work on. It connects when something needs it to, and is
// used by one command at a time.
type App struct {
	o      Options
	p      *project.Project
	picked map[node]bool

	mu      sync.Mutex
	w       warehouse.Warehouse
	st      *store.Store
	lent    bool // st is closed by somebody else
	led     *ledger.Ledger
	box     *Sandbox
	buckets *syncs.Buckets

	scan *ScanCost // of the last build, plan or run

	newestRows sync.Map // newestKey to time.Time: see newest
}

// Load reads and checks a project. Findings come back in every case; with an error among them,
// err is an *Error of kind Refused.
func Load(_ context.Context, o Options) (*App, []diag.Finding, error) {
	if o.Asked == "" {
		o.Asked = "command"
	}
	load := project.LoadLive
	if o.Offline {
		load = project.Load
	}
	p, findings := load(o.Dir, o.Target)
	if diag.HasError(findings) {
		n := 0
		for _, f := range findings {
			if f.Severity != diag.Warning {
				n++
			}
		}
		what := "the project has a finding"
		if n > 1 {
			what = fmt.Sprintf("the project has %d findings", n)
		}
		return nil, findings, &Error{Kind: Refused, Code: "project.findings", Message: what}
	}
	g := newGraph(&p.Model, p.Syncs)
	if err := g.compare(p, o.Select, o.State); err != nil {
		return nil, findings, err
	}
	picked, err := g.pick(o.Select)
	if err != nil {
		return nil, findings, err
	}
	return &App{o: o, p: p, picked: picked, buckets: syncs.NewBuckets()}, findings, nil
}

// Close gives back what was opened.
func (a *App) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	if a.box != nil {
		errs = append(errs, a.box.Close())
		a.box = nil
	}
	if a.st != nil && !a.lent {
		errs = append(errs, a.st.Close())
	}
	a.st = nil
	if a.w != nil {
		errs = append(errs, a.w.Close())
		a.w, a.led = nil, nil
	}
	return errors.Join(errs...)
}

// Summary says what the project holds.
func (a *App) Summary() Summary {
	m := &a.p.Model
	return Summary{
		Project: a.p.Name, Target: a.p.Target.Name, Warehouse: a.p.Target.Type, Send: a.p.Target.Send, Files: a.p.Files,
		Sources: len(m.Sources), Entities: len(m.Entities), Segments: len(m.Segments), Policies: len(m.Policies),
		Destinations: len(a.p.Destinations), Syncs: len(a.p.Syncs),
	}
}

// warehouse opens the target's warehouse. It does not connect.
func (a *App) warehouse() (warehouse.Warehouse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.w != nil {
		return a.w, nil
	}
	if a.p.Target.Type == "" {
		return nil, &Error{Kind: Refused, Code: "targets.none", Message: "the project has no target to work in", Fix: "add one to weir.yml: targets: {dev: {type: duckdb, path: NAME.duckdb, send: sandbox}}"}
	}
	cfg, err := a.p.WarehouseConfig()
	if err != nil {
		return nil, a.refused("targets.settings", err)
	}
	kind, _ := warehouse.Lookup(a.p.Target.Type) // checked when the project was read
	w, err := kind.Open(cfg)
	if err != nil {
		return nil, a.worldly(err)
	}
	key, err := a.secretKey()
	if err != nil {
		return nil, err
	}
	w = traced(w)
	a.w, a.led = w, ledger.New(w, ledger.Options{Key: key})
	return w, nil
}

// journal opens the store of the target.
func (a *App) journal(ctx context.Context) (*store.Store, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.st != nil {
		return a.st, nil
	}
	st, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	a.st = st
	return st, nil
}

// openStore opens the store of the target: on the server that it names, or in the file beside the
// project.
func (a *App) openStore(ctx context.Context) (*store.Store, error) {
	if text := a.p.Target.Store; text != "" {
		url, err := a.p.Resolve(text)
		if err != nil {
			return nil, a.refused("targets.store", err)
		}
		st, err := store.OpenServer(ctx, store.Server{URL: url.Reveal(), Owner: a.p.Name + "/" + a.p.Target.Name})
		var typed *store.OwnerError
		switch {
		case errors.As(err, &typed):
			return nil, &Error{Kind: Refused, Code: "targets.store", Message: typed.Error(), Fix: "give each project and target a schema of its own: add ?schema=NAME to the address", Err: err}
		case err != nil:
			return nil, a.worldly(err)
		}
		return st, nil
	}
	st, err := store.Open(ctx, filepath.Join(a.p.Dir, project.StateDir, a.p.Target.Name+".db"))
	if err != nil {
		return nil, a.worldly(err)
	}
	if aside := st.Aside(); aside != "" {
		a.emit(Event{Kind: "store.damaged", Step: "journal", Text: "the journal was damaged and put aside as " + aside + "; the warehouse's ledger is the truth now"})
	}
	return st, nil
}

// secretKey is the key of the hashes of people who were erased or suppressed: the project's
// secret_key, or one made at first use beside the journal.
func (a *App) secretKey() ([]byte, error) {
	if a.p.SecretKey != "" {
		s, err := a.p.Resolve(a.p.SecretKey)
		if err != nil {
			return nil, a.refused("project.secret_key", err)
		}
		return []byte(s.Reveal()), nil
	}
	key, err := ownKey(filepath.Join(a.p.Dir, project.StateDir, "secret.key"))
	if err != nil {
		return nil, a.worldly(err)
	}
	return key, nil
}

// runner is the engine over this project's journal.
func (a *App) runner(ctx context.Context) (*syncs.Runner, error) {
	st, err := a.journal(ctx)
	if err != nil {
		return nil, err
	}
	h, err := a.holder(ctx)
	if err != nil {
		return nil, err
	}
	r := &syncs.Runner{
		Journal: telling{st, a}, Holder: h, Buckets: a.buckets,
		Events: func(e syncs.Event) { a.emit(Event{Kind: e.Kind, Sync: &e}) },
		Watch:  a.watch,
	}
	if a.p.Target.Send == "sandbox" {
		r.Config.Hold = sandboxHold
	}
	return r, nil
}

// sandboxHold is how long a request of a killed run may still be on its way to a server on this
// machine.
const sandboxHold = time.Second

// Nothing reports whether there were selectors, and they picked nothing.
func (a *App) Nothing() bool { return len(a.o.Select) > 0 && len(a.picked) == 0 }

// picks reports whether the selectors picked something.
func (a *App) picks(kind, name string) bool { return a.picked[node{kind, name}] }

// chosenSyncs are the syncs that the selectors picked, in the order of the project.
func (a *App) chosenSyncs() []*syncs.Sync {
	var out []*syncs.Sync
	for i := range a.p.Syncs {
		if a.picks("sync", a.p.Syncs[i].Name) {
			out = append(out, &a.p.Syncs[i])
		}
	}
	return out
}

// chosenEntities are the entities that what was picked needs, in the order of the project.
func (a *App) chosenEntities() []string {
	need := map[string]bool{}
	m := &a.p.Model
	for _, e := range m.Entities {
		need[e.Name] = a.picks("entity", e.Name)
	}
	for _, s := range m.Segments {
		need[s.Entity] = need[s.Entity] || a.picks("segment", s.Name)
	}
	for _, s := range a.chosenSyncs() {
		need[a.entityOf(s)] = true
	}
	var out []string
	for _, e := range m.Entities {
		if need[e.Name] {
			out = append(out, e.Name)
		}
	}
	return out
}

// emit passes progress on.
func (a *App) emit(e Event) {
	if a.o.Progress != nil {
		a.o.Progress(e)
	}
}

// step tells that a step has begun; calling the result tells that it is done.
func (a *App) step(name, text string) (done func(text string)) {
	start := time.Now()
	a.emit(Event{Kind: "step.started", Step: name, Text: text})
	return func(text string) {
		took := time.Since(start).Round(100 * time.Millisecond).String()
		if text != "" {
			took = text + "  " + took
		}
		a.emit(Event{Kind: "step.finished", Step: name, Text: took})
	}
}

// progress tells how far a step is.
func (a *App) progress(name string, done, total int64) {
	a.emit(Event{Kind: "step.progress", Step: name, Done: done, Total: total})
}

// Worst turns the worst end among reports into an error, or nil: failed, then held, then stopped
// and degraded.
func Worst(reports []syncs.Report) error {
	order := []syncs.Status{syncs.OK, syncs.Degraded, syncs.Stopped, syncs.Held, syncs.Failed}
	worst := syncs.Report{Status: syncs.OK}
	bad := 0
	for _, r := range reports {
		if r.Status != syncs.OK {
			bad++
		}
		if slices.Index(order, r.Status) > slices.Index(order, worst.Status) {
			worst = r
		}
	}
	if bad == 0 {
		return nil
	}
	e := &Error{Kind: Failed, Code: "run." + string(worst.Status), Message: "sync " + worst.Sync + " " + ended[worst.Status]}
	if worst.Error != "" {
		e.Message += ": " + worst.Error
	}
	if bad > 1 {
		e.Message += fmt.Sprintf(" (%d of %d syncs did not end ok)", bad, len(reports))
	}
	switch worst.Status {
	case syncs.Held:
		e.Kind, e.Fix = Refused, "look at it: weir plan --select "+worst.Sync
	case syncs.Stopped:
		e.Fix = "go on with: weir run --select " + worst.Sync
	case syncs.Degraded:
		e.Fix = "see: weir runs show " + worst.Run
	case syncs.Failed:
		if worst.Fix != "" {
			e.Fix = worst.Fix
		}
		if unavailable[worst.Code] || strings.Contains(worst.Error, store.ErrNoSpace.Error()) || strings.Contains(worst.Error, warehouse.ErrNoSpace.Error()) {
			e.Kind = Unavailable
		}
	}
	return e
}

// ended says in words how a sync ended.
var ended = map[syncs.Status]string{
	syncs.Degraded: "ended degraded", syncs.Stopped: "was stopped", syncs.Held: "is held by a guard", syncs.Failed: "failed",
}

// unavailable are the codes of runs that failed because something was not there.
var unavailable = map[string]bool{"syncs.unavailable": true, "syncs.throttled": true}
