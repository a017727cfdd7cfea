package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/project"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// Examination is what Doctor found.
type Examination struct {
	Target string      `json:"target"`
	Checks []Diagnosis `json:"checks"`
}

// Diagnosis is one thing that was looked at.
type Diagnosis struct {
	Name  string `json:"name"`
	State string `json:"state"` // ok, note, bad: something must be changed, or away: the world is not there
	What  string `json:"what"`
	Fix   string `json:"fix,omitempty"`
}

// The states of a Diagnosis.
const (
	fine = "ok"
	note = "note"
	bad  = "bad"
	away = "away"
)

// worstClock is how far the clocks of machine and warehouse may be apart before schedules, which
// go by the first, and builds, which go by the second, mean different days to people.
const worstClock = time.Minute

// checkTime bounds what one destination may take to answer.
const checkTime = 30 * time.Second

// Doctor looks at everything that a run needs, in the order in which a run needs it: it makes and
// drops one small table, and changes nothing else. With adopt, it first makes this machine's store
// known to the warehouse. The error is nil if a run can begin; it says so of kind Unavailable if
// something is not there, else Refused if something must be changed.
func (a *App) Doctor(ctx context.Context, adopt bool) (*Examination, error) {
	x := &Examination{Target: a.p.Target.Name, Checks: []Diagnosis{}}
	for _, part := range []func(context.Context, *Examination) bool{
		a.doctorWarehouse, a.doctorClock, a.doctorRights, a.doctorSchema, a.doctorSources,
		func(ctx context.Context, x *Examination) bool { return a.doctorStore(ctx, x, adopt) }, a.doctorDestinations, a.doctorQuotas,
	} {
		if goOn := part(ctx, x); !goOn {
			break
		}
		if err := ctx.Err(); err != nil {
			return x, err
		}
	}
	return x, x.verdict()
}

func (x *Examination) verdict() error {
	n := map[string]int64{}
	for _, c := range x.Checks {
		n[c.State]++
	}
	e := &Error{Kind: Refused, Code: "doctor.unwell", Message: count(n[bad]+n[away], "check") + " failed", Fix: "do what stands under each, then: weir doctor"}
	switch {
	case n[away] > 0:
		e.Kind = Unavailable
	case n[bad] == 0:
		return nil
	}
	return e
}

func (x *Examination) add(name, state, fix, format string, args ...any) {
	x.Checks = append(x.Checks, Diagnosis{Name: name, State: state, What: fmt.Sprintf(format, args...), Fix: fix})
}

// fail adds an error as it would be told anywhere else.
func (a *App) doctorFail(x *Examination, name string, err error) {
	err = a.worldly(err)
	d := Diagnosis{Name: name, State: bad, What: firstLine(err)}
	var e *Error
	if errors.As(err, &e) {
		d.Fix = e.Fix
		if e.Kind == Unavailable {
			d.State = away
		}
		for _, f := range e.Findings {
			d.What += "; " + f.What
			if d.Fix == "" {
				d.Fix = f.Fix
			}
		}
	}
	x.Checks = append(x.Checks, d)
}

// doctorWarehouse connects. Nothing else can be looked at if it does not.
func (a *App) doctorWarehouse(ctx context.Context, x *Examination) bool {
	w, err := a.warehouse()
	if err == nil {
		err = a.session(ctx, func(warehouse.Session) error { return nil })
	}
	if err != nil {
		a.doctorFail(x, "warehouse", err)
		return false
	}
	x.add("warehouse", fine, "", "%s answers", w.Identity())
	return true
}

// doctorClock compares the warehouse's clock with this machine's, taking the middle of the call.
func (a *App) doctorClock(ctx context.Context, x *Examination) bool {
	var off time.Duration
	err := a.session(ctx, func(s warehouse.Session) error {
		before := time.Now()
		now, err := s.Now(ctx)
		off = now.Sub(before.Add(time.Since(before) / 2)).Round(time.Millisecond)
		return err
	})
	switch {
	case err != nil:
		a.doctorFail(x, "clock", err)
	case off.Abs() > worstClock:
		x.add("clock", bad, "set the clock of this machine, or of the warehouse, by a time server", "the warehouse's clock is %s from this machine's", off)
	default:
		x.add("clock", fine, "", "the warehouse's clock is %s from this machine's", off)
	}
	return true
}

// doctorSchema makes a table where weir's own lie, writes to it, and drops it.
func (a *App) doctorSchema(ctx context.Context, x *Examination) bool {
	d, schema := a.w.Kind().Dialect(), a.w.Schema()
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	name := rel.Name{schema, "doctor_" + hex.EncodeToString(random[:])}
	doing := ""
	err := a.session(ctx, func(s warehouse.Session) error {
		do := func(what string, st rel.Statement) error {
			doing = what
			text, err := d.Statement(st)
			if err == nil && text != "" {
				_, err = s.Exec(ctx, text)
			}
			return err
		}
		if err := do("make the schema", rel.CreateSchema{Name: rel.Name{schema}}); err != nil {
			return err
		}
		if err := do("make a table", rel.CreateTable{Name: name, Columns: []rel.Field{{Name: "n", Type: models.Integer}}}); err != nil {
			return err
		}
		err := do("write to a table", rel.Insert{Into: name, Columns: []string{"n"}, From: rel.Select{Columns: []rel.Column{rel.As("n", rel.I(1))}}})
		wrote := doing
		if derr := do("drop a table", rel.DropTable{Name: name}); err == nil {
			return derr
		}
		doing = wrote
		return err
	})
	var own *Error
	var denied *warehouse.DeniedError
	switch {
	case errors.As(err, &denied) && denied.Grant != "":
		x.add("schema", bad, denied.Grant, "weir may not %s in %s: %s", doing, schema, denied)
	case err == nil:
		x.add("schema", fine, "", "weir may make, write and drop tables in %s", schema)
	case errors.As(err, &own) && own.Kind == Unavailable:
		a.doctorFail(x, "schema", err)
	default:
		x.add("schema", bad, "let weir's user make schemas, or make "+schema+" and give it to that user", "weir may not %s in %s: %s", doing, schema, firstLine(err))
	}
	return true
}

// doctorSources reads a row of every source, and checks that the models fit their columns.
func (a *App) doctorSources(ctx context.Context, x *Examination) bool {
	missing := false
	for _, s := range a.p.Model.Sources {
		in := compile.Input{Model: &a.p.Model}
		err := a.session(ctx, func(se warehouse.Session) error {
			problems, err := build.Sources(ctx, se, &in, []string{s.Name})
			if err != nil || len(problems) > 0 {
				return errors.Join(err, a.mismatch(problems))
			}
			var from rel.Relation = rel.Table{Name: compile.TableName(s.Table), Alias: "s"}
			if s.SQL != "" {
				from = rel.Sub{Query: rel.RawQuery{SQL: s.SQL}, Alias: "s"}
			}
			text, err := a.w.Kind().Dialect().Query(rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: from, Limit: 1})
			if err != nil {
				return err
			}
			for _, err := range se.Query(ctx, text) {
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			missing = true
			a.doctorFail(x, "source "+s.Name, err)
			continue
		}
		x.add("source "+s.Name, fine, "", "%s can be read", count(int64(len(in.Columns[s.Name])), "column"))
	}
	if !missing {
		if _, err := a.input(ctx); err != nil {
			a.doctorFail(x, "models", err)
		} else {
			x.add("models", fine, "", "fit the columns of the sources")
		}
	}
	return true
}

// doctorStore compares what this machine remembers with what the warehouse does.
func (a *App) doctorStore(ctx context.Context, x *Examination, adopt bool) bool {
	st, err := a.journal(ctx)
	if err != nil {
		a.doctorFail(x, "store", err)
		return true
	}
	h, err := a.holder(ctx)
	if err != nil {
		a.doctorFail(x, "store", err)
		return true
	}
	if adopt {
		if err := a.led.AdoptStore(ctx, h); err != nil {
			a.doctorFail(x, "store", err)
			return true
		}
		x.add("store", fine, "", "the store %s of this machine is known to the warehouse now", h.Store)
	}
	is, err := a.led.Health(ctx, h)
	if err != nil {
		a.doctorFail(x, "store", err)
		return true
	}
	switch {
	case !is.Known:
		x.add("store", bad, "run on the machine that ran it before, or copy its "+project.StateDir+" folder here; if that is lost: weir doctor --adopt-store, which leaves in doubt what was being sent",
			"the store %s of this machine is new to this warehouse, which %s used", h.Store, count(is.Stores, "other store"))
	case !adopt:
		x.add("store", fine, "", "the store %s of this machine may run here; %s", h.Store, a.storePlace())
	}
	if is.Open > 0 {
		x.add("runs", note, "the next run of each settles it", "%s not settled: under way, or interrupted", map[bool]string{true: "1 run is", false: fmt.Sprintf("%d runs are", is.Open)}[is.Open == 1])
	}
	if is.Key != nil {
		a.doctorFail(x, "secret key", is.Key)
	}
	for i := range a.p.Syncs {
		s := &a.p.Syncs[i]
		seen, err := st.Epoch(ctx, s.Name)
		if err != nil {
			a.doctorFail(x, "sync "+s.Name, err)
			continue
		}
		d := a.p.Destination(s.Destination)
		dest, _ := destinations.Lookup(d.Type) // checked when the project was read
		b, ran := is.Bound[s.Name]
		switch account := a.account(d, dest.Spec()); {
		case is.Epochs[s.Name] < seen:
			x.add("sync "+s.Name, bad, (&ledger.RestoredError{Sync: s.Name}).Fix(),
				"the warehouse is older than this machine's memory: it was restored to an earlier time")
		case ran && (b.Account != account || b.Object.Name != s.Object || b.Sync.Into != s.Into):
			x.add("sync "+s.Name, bad, "undo the change of destination, object or into; to start anew there: weir sync reset "+s.Name, "its ledger is about %s", b.Place())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is.Bound)) {
		if a.p.Sync(name) == nil {
			x.add("sync "+name, note, "if it was renamed: weir sync rename "+name+" NEW; if it was deleted: weir sync drop "+name+" --remove, or --leave", "it is not in the project any more; what it sent to %s stays there", is.Bound[name].Place())
		}
	}
	return true
}

// storePlace says where the store is, and who runs schedules, without what is secret in an address.
func (a *App) storePlace() string {
	if a.p.Target.Store == "" {
		return "it is the file " + filepath.ToSlash(filepath.Join(project.StateDir, a.p.Target.Name+".db")) + ", and one weir serve on this machine runs the schedules"
	}
	return "it is on the PostgreSQL of store:, where every weir serve on it shares the jobs of schedules"
}

// doctorDestinations asks every destination whether it would take what this target sends.
func (a *App) doctorDestinations(ctx context.Context, x *Examination) bool {
	for i := range a.p.Destinations {
		d := &a.p.Destinations[i]
		name := "destination " + d.Name
		if a.sends() != nil {
			x.add(name, note, "to send, say where: send: sandbox, or send: live", "not asked: target %s sends nothing", a.p.Target.Name)
			continue
		}
		dest, _ := destinations.Lookup(d.Type) // checked when the project was read
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, checkTime)
			defer cancel()
			s, err := a.open(ctx, dest, d)
			if err != nil {
				return err
			}
			return errors.Join(s.Check(ctx), s.Close(context.WithoutCancel(ctx)))
		}()
		var f *destinations.Fault
		switch {
		case err == nil:
			x.add(name, fine, "", "%s takes these credentials", map[bool]string{true: "the sandbox", false: dest.Spec().Title}[a.p.Target.Send == "sandbox"])
		case errors.As(err, &f):
			state, fix := bad, "correct its settings in the project, or its permissions at "+dest.Spec().Title
			switch f.Class {
			case destinations.Throttled, destinations.Transient, destinations.Ambiguous:
				state, fix = away, "try again later: it does not answer now"
			}
			x.add(name, state, fix, "%s", firstLine(f))
		default:
			a.doctorFail(x, name, err)
		}
	}
	return true
}
