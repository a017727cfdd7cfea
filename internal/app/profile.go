package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/rel"
)

// Profile gathers all that is known of one person: a profile id, TYPE=VALUE, SOURCE=KEY of a
// record, or a bare value that leads to one profile. The id of a profile that was merged away
// leads to the one that it was merged into. Where nobody is found, or several, the view holds who
// may have been meant, and the error says so without personal data.
func (a *App) Profile(ctx context.Context, who string, o ProfileOptions) (*ProfileView, error) {
	o.Events, o.Deliveries = cmp.Or(o.Events, 20), cmp.Or(o.Deliveries, 20)
	v := &ProfileView{Timezone: a.p.Timezone.String(), More: map[string]int64{}}
	err := a.lookups(ctx, func(ls []*lookup) error {
		l, err := a.person(ctx, ls, who, v)
		if err != nil {
			return err
		}
		for _, part := range []func(context.Context, *ProfileView) error{l.identifiers, l.records, l.traits, l.segments, l.reach} {
			if err := part(ctx, v); err != nil {
				return err
			}
		}
		if o.Events > 0 {
			if err := l.recent(ctx, v, int64(o.Events)); err != nil {
				return err
			}
		}
		v.History, err = l.history(ctx, v.ProfileID)
		return err
	})
	if err != nil {
		return v, err
	}
	return v, a.told(ctx, v, int64(max(o.Deliveries, 0)))
}

// person finds whom the words mean.
func (a *App) person(ctx context.Context, ls []*lookup, who string, v *ProfileView) (*lookup, error) {
	q, err := readAsked(ls, who)
	if err != nil {
		return nil, err
	}
	var of *lookup
	var f *Found
	for _, l := range ls {
		list, err := l.find(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			v.Candidates = append(v.Candidates, x)
			if f == nil || !f.clustered && x.clustered {
				of, f = l, x
			}
		}
	}
	if f == nil {
		return nil, a.unknown(ctx, ls, &v.Meant, who)
	}
	if !f.clustered {
		return nil, a.nobody(ctx, of, f, v)
	}
	for _, x := range v.Candidates {
		if x.clustered && (x.ProfileID != f.ProfileID || x.Entity != f.Entity) {
			v.Candidates = slices.DeleteFunc(v.Candidates, func(x *Found) bool { return !x.clustered })
			return nil, ambiguous(v.Candidates)
		}
	}
	v.Candidates = nil
	v.Asked, v.Entity, v.ProfileID = f, f.Entity, f.ProfileID
	v.Build, v.AsOf = of.in.Build.ID, of.in.AsOf
	return of, nil
}

// nobody is the error that an identifier finds nobody, or that a profile is gone.
func (a *App) nobody(ctx context.Context, l *lookup, f *Found, v *ProfileView) error {
	v.Candidates = []*Found{f}
	if f.Type == "" {
		return &Error{Kind: Refused, Code: "identity.gone", Message: "this profile is gone: none of its rows and identifiers are left", Fix: "see what became of it: weir explain identity " + f.Asked}
	}
	rule := "shared"
	if len(f.Barred) > 0 {
		rule = f.Barred[0].Rule
	}
	if f.hasNode {
		if err := l.beside(ctx, f, v); err != nil {
			return err
		}
	}
	e := &Error{Kind: Refused, Code: "identity.finds_nobody", Message: fmt.Sprintf("this value of %s finds nobody (%s)", f.Type, rule), Fix: "name the person by another identifier"}
	if len(v.Near) > 0 {
		e.Fix = "name one of the profiles whose rows have it"
	}
	return e
}

// beside lists profiles that have rows with an identifier that finds nobody.
func (l *lookup) beside(ctx context.Context, f *Found, v *ProfileView) error {
	return l.each(ctx, rel.Select{Distinct: true, Columns: columns("n", "profile_id"), From: l.table(compile.Tuples, "t"),
		Joins:   []rel.Join{{Rel: l.table(compile.Nodes, "n"), On: equal(rel.C("n", "node"), rel.C("t", "node"))}},
		Where:   rel.F(rel.And, equal(rel.C("t", "node_"+f.Type), rel.I(f.node)), rel.F(rel.NotNull, rel.C("n", "profile_id"))),
		OrderBy: []rel.Order{{Expr: rel.C("n", "profile_id")}}, Limit: 10},
		func(c cells) error {
			v.Near = append(v.Near, &Found{Asked: f.Asked, Entity: f.Entity, ProfileID: c.text(0)})
			return nil
		})
}
