package app

import (
	"context"
	"fmt"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/demo"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/syncs"
)

// live describes the builds in force of the entities that were picked.
func (a *App) live(ctx context.Context) ([]BuildResult, error) {
	out := []BuildResult{}
	err := a.session(ctx, func(s warehouse.Session) error {
		for _, e := range a.chosenEntities() {
			b, ok, err := build.Live(ctx, s, a.w, e)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			r := BuildResult{Entity: e, Build: b.ID, Segments: map[string]int64{}, Stats: map[string]int64{}}
			if r.AsOf, err = build.AsOf(ctx, s, a.w, e); err != nil {
				return err
			}
			count := func(what string, into *int64) error {
				return a.row(ctx, s, rel.Select{Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})}, From: rel.Table{Name: b.Table(e, what), Alias: "t"}}, into)
			}
			if err := count(compile.Profiles, &r.Profiles); err != nil {
				return err
			}
			for _, g := range a.p.Model.Segments {
				if g.Entity == e {
					r.Segments[g.Name] = 0
				}
			}
			text, err := a.w.Kind().Dialect().Query(compile.Sizes(e, b))
			if err != nil {
				return err
			}
			for row, err := range s.Query(ctx, text) {
				if err != nil {
					return err
				}
				name, _ := row[0].(string)
				n, _ := row[1].(int64)
				r.Segments[name] = n
			}
			if err := a.liveArms(ctx, s, &r, b); err != nil {
				return err
			}
			if err := a.keptApart(ctx, s, e, b, r.Stats); err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

// keptApart counts what a build keeps from joining people, by rule and, of what has no normal form,
// by type, and the identifiers of its largest profile. The names are those of a build's numbers.
func (a *App) keptApart(ctx context.Context, s warehouse.Session, entity string, b compile.Build, stats map[string]int64) error {
	for _, rule := range compile.Rules {
		stats[compile.StatDropped+rule] = 0
	}
	list, err := a.dropped(ctx, s, entity, b)
	if err != nil {
		return err
	}
	for _, d := range list {
		stats[compile.StatDropped+d.Rule] += d.N
		if d.Rule == "invalid" {
			stats[compile.StatInvalid+d.Type] += d.N
		}
	}
	stats[compile.StatLargest] = 0
	for row, err := range a.rows(ctx, s, compile.LargestProfiles(entity, b, 1)) {
		if err != nil {
			return err
		}
		if stats[compile.StatLargest], err = integer(row[1]); err != nil {
			return err
		}
	}
	return nil
}

// ledgerOf counts the rows of a sync's ledger.
func (a *App) ledgerOf(ctx context.Context, sync string) (map[string]int64, error) {
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	n, err := a.led.Standing(ctx, sync)
	return n, a.worldly(err)
}

// shownInDoubt bounds how many keys are listed.
const shownInDoubt = 1000

// inDoubt lists the keys that a run left in doubt.
func (a *App) inDoubt(ctx context.Context, sync, run string) ([]string, error) {
	if _, err := a.warehouse(); err != nil {
		return nil, err
	}
	keys, err := a.led.InDoubt(ctx, sync, run, shownInDoubt)
	return keys, a.worldly(err)
}

// inForce is the build in force of a sync's entity, as if it had just been made.
func (a *App) inForce(ctx context.Context, s *syncs.Sync) (map[string]built, error) {
	made := map[string]built{}
	entity := a.entityOf(s)
	if entity == "" {
		return made, nil
	}
	err := a.session(ctx, func(se warehouse.Session) error {
		b, ok, err := build.Live(ctx, se, a.w, entity)
		if err != nil {
			return err
		}
		if !ok {
			return &Error{Kind: Refused, Code: "build.none", Message: fmt.Sprintf("there is no build of %s", entity), Fix: "make one: weir build"}
		}
		at, err := build.AsOf(ctx, se, a.w, entity)
		if err != nil {
			return err
		}
		made[entity] = built{&build.Result{Build: b, AsOf: at}, b}
		return nil
	})
	return made, err
}

// judge compares the customer's build in force with the truth of the demonstration, and counts the
// profiles that are more than a cookie.
func (a *App) judge(ctx context.Context, r *DemoResult) error {
	in, err := a.input(ctx)
	if err != nil {
		return err
	}
	in.Entity = "customer"
	return a.session(ctx, func(s warehouse.Session) error {
		if in.Build, _, err = build.Live(ctx, s, a.w, in.Entity); err != nil {
			return err
		}
		owners, problems := compile.RowOwners(in)
		if err := a.mismatch(problems); err != nil {
			return err
		}
		q, err := demo.Measure(ctx, s, a.w.Kind().Dialect(), owners)
		if err != nil {
			return err
		}
		r.Identity = Quality(q)
		return a.row(ctx, s, rel.Select{
			Columns: []rel.Column{rel.As("n", rel.Agg{Fn: rel.CountRows})},
			From:    rel.Table{Name: in.Build.Table(in.Entity, compile.Profiles), Alias: "p"},
			Where:   rel.F(rel.Not, rel.F(rel.IsTrue, rel.C("p", "anonymous"))),
		}, &r.Known)
	})
}
