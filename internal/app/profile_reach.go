package app

import (
	"context"
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// reach asks the policies about one person, as they stand in the models now.
func (l *lookup) reach(ctx context.Context, v *ProfileView) error {
	v.Purposes = []Reach{}
	at := func(purpose string) *Reach {
		i := slices.IndexFunc(v.Purposes, func(r Reach) bool { return r.Purpose == purpose })
		if i < 0 {
			i = len(v.Purposes)
			v.Purposes = append(v.Purposes, Reach{Purpose: purpose, Open: true, Unguarded: true, ClosedBy: []string{}, Syncs: []string{}, Suppressed: []string{}})
		}
		return &v.Purposes[i]
	}
	q, policies, problems := compile.Answers(l.in, v.ProfileID)
	if diag.HasError(l.a.p.Findings(problems)) {
		v.Notes = append(v.Notes, "what the policies say is not shown: they do not fit the warehouse")
		return nil
	}
	var lists []*models.Policy // that the person is on
	if q != nil {
		err := l.each(ctx, q, func(c cells) error {
			for i, p := range policies {
				if p.Suppress != nil {
					if !c.bool(i) {
						lists = append(lists, p)
					}
					continue
				}
				r := at(p.Purpose)
				r.Unguarded = false
				if !c.bool(i) {
					r.Open, r.ClosedBy = false, append(r.ClosedBy, "policy."+p.Name)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for i := range l.a.p.Syncs {
		s := &l.a.p.Syncs[i]
		if purpose := l.a.p.Purpose(s); l.a.entityOf(s) == l.in.Entity && purpose != "" && purpose != "none" {
			r := at(purpose)
			r.Syncs = append(r.Syncs, s.Name)
		}
	}
	l.a.applyLists(v, lists)
	return nil
}

// applyLists takes out of what is open what the lists of policies close: whole purposes, or the
// destinations of some kinds.
func (a *App) applyLists(v *ProfileView, lists []*models.Policy) {
	for _, p := range lists {
		for i := range v.Purposes {
			r := &v.Purposes[i]
			if p.Purpose != "" && p.Purpose != r.Purpose {
				continue
			}
			if len(p.Suppress.Kinds) == 0 {
				r.Open, r.ClosedBy = false, append(r.ClosedBy, "policy."+p.Name)
				continue
			}
			for _, name := range r.Syncs {
				s := a.p.Sync(name)
				if slices.Contains(p.Suppress.Kinds, string(a.channelOf(s))) && !slices.Contains(r.Suppressed, s.Destination) {
					r.Suppressed = append(r.Suppressed, s.Destination)
				}
			}
		}
	}
}

// ids are the person's ids, of now and of before merges.
func (v *ProfileView) ids() []string {
	ids := []string{v.ProfileID}
	for _, e := range v.History {
		if e.Kind == "merge" && !slices.Contains(ids, e.From) {
			ids = append(ids, e.From)
		}
	}
	return ids
}

// told adds what the ledger knows: what each destination was last told, what runs planned, and
// the erasures and suppressions of the person's identifiers.
func (a *App) told(ctx context.Context, v *ProfileView, deliveries int64) error {
	v.Told, v.Deliveries, v.Bars = []Told{}, []PersonDelivery{}, []PersonBar{}
	ids := v.ids()
	var names []string
	for i := range a.p.Syncs {
		if a.entityOf(&a.p.Syncs[i]) == v.Entity {
			names = append(names, a.p.Syncs[i].Name)
		}
	}
	p, err := a.led.Person(ctx, names, ids, identifiersOf(v.Identifiers), deliveries)
	if err != nil {
		return a.worldly(err)
	}
	for _, t := range p.Told {
		s := a.p.Sync(t.Sync)
		x := Told{Sync: t.Sync, Destination: s.Destination, Object: s.Object, Into: s.Into, Key: t.Key, State: t.State, InDoubt: t.InDoubt, Attempts: t.Attempts,
			NextTry: given(t.NextTry), Code: t.Code, Reason: t.Reason, RemoteID: t.RemoteID, SentAt: given(t.SentAt), Run: t.Run, Match: []Value{}}
		for _, id := range t.IDs {
			x.Match = append(x.Match, Value{Column: id[0], Value: id[1]})
		}
		v.Told = append(v.Told, x)
	}
	for _, d := range p.Deliveries {
		v.Deliveries = append(v.Deliveries, PersonDelivery{given(d.At), d.Run, d.Sync, d.Key, d.Op, d.State, d.Code, d.Reason})
	}
	for _, b := range p.Bars {
		v.Bars = append(v.Bars, PersonBar{b.Code, b.Channel, b.Source, given(b.At)})
	}
	a.applyBars(v)
	return nil
}

// applyBars takes erasures and suppressions out of what is open.
func (a *App) applyBars(v *ProfileView) {
	for i := range v.Purposes {
		r := &v.Purposes[i]
		for _, b := range v.Bars {
			if b.Code == ledger.CodeErased {
				if !slices.Contains(r.ClosedBy, b.Code) {
					r.Open, r.ClosedBy = false, append(r.ClosedBy, b.Code)
				}
				continue
			}
			for _, name := range r.Syncs {
				d := a.p.Destination(a.p.Sync(name).Destination)
				if d == nil || slices.Contains(r.Suppressed, d.Name) {
					continue
				}
				if dest, ok := destinations.Lookup(d.Type); ok && (b.Channel == "all" || b.Channel == string(dest.Spec().Kind)) {
					r.Suppressed = append(r.Suppressed, d.Name)
				}
			}
		}
	}
}

// given is nil for no time.
func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
