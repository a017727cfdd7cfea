package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// Forgotten is what erasing one person does, and what it leaves. It holds no value of theirs.
type Forgotten struct {
	Entity      string           `json:"entity"`
	ProfileID   string           `json:"profile_id"`
	Identifiers map[string]int64 `json:"identifiers"` // how many, by type
	Done        bool             `json:"done"`        // false if it only tells what would be done
	Already     bool             `json:"already"`     // all of it was erased before
	Told        []ForgetPlace    `json:"told"`        // where the person was sent to
	Remains     []SourceRows     `json:"remains"`     // in sources, which weir only reads
	Notes       []string         `json:"notes"`
	Meant
}

// ForgetPlace is what becomes of a person where a sync has sent them to.
type ForgetPlace struct {
	Sync        string `json:"sync"`
	Destination string `json:"destination"`
	Object      string `json:"object"`
	Into        string `json:"into,omitempty"`
	Rows        int64  `json:"rows"`
	Does        string `json:"does"` // erase, delete, remove: with the next run; nothing: by hand
	Paused      bool   `json:"paused,omitempty"`
}

// SourceRows is how many rows a source has.
type SourceRows struct {
	Source string `json:"source"`
	Rows   int64  `json:"rows"`
}

// doesNothing is what a destination does that cannot take back what it was sent.
const doesNothing = "nothing"

// Forget erases one person: none of their identifiers is ever sent again, and each destination
// that they were sent to takes them out with the next run of its sync. Who is found as Profile
// finds people, and nobody else is touched; who may have been meant stands in the result of an
// error. With do false it only tells what would be done. Erasing somebody again changes nothing.
func (a *App) Forget(ctx context.Context, who string, do bool) (*Forgotten, error) {
	f := &Forgotten{Identifiers: map[string]int64{}, Told: []ForgetPlace{}, Remains: []SourceRows{}, Notes: []string{}}
	v := &ProfileView{More: map[string]int64{}}
	var values []ledger.Identifier
	err := a.lookups(ctx, func(ls []*lookup) error { // one session, so that all of it is of one build
		l, err := a.person(ctx, ls, who, v)
		if err != nil {
			return err
		}
		for _, part := range []func(context.Context, *ProfileView) error{l.allIdentifiers, l.traits} {
			if err := part(ctx, v); err != nil {
				return err
			}
		}
		for _, id := range v.Identifiers {
			f.Identifiers[id.Type]++
		}
		if v.History, err = l.history(ctx, v.ProfileID); err != nil {
			return err
		}
		if values, err = l.matchValues(ctx, v); err != nil {
			return err
		}
		f.Remains, err = l.rowsBySource(ctx, v.Asked.cluster)
		return err
	})
	f.Entity, f.ProfileID, f.Meant = v.Entity, v.ProfileID, v.Meant
	if err != nil {
		return f, err
	}
	for _, x := range values {
		if !slices.ContainsFunc(v.Identifiers, func(m Member) bool { return m.Type == x.Kind && m.Value == x.Value }) {
			v.Identifiers = append(v.Identifiers, Member{Type: x.Kind, Value: x.Value}) // for the bars that told reads
		}
	}
	if err := a.told(ctx, v, 0); err != nil {
		return f, err
	}
	values = a.sentValues(v, values)
	if err := a.forgetPlaces(ctx, f, v); err != nil {
		return f, err
	}
	erased := int64(0)
	for _, b := range v.Bars {
		if b.Code == ledger.CodeErased {
			erased++
		}
	}
	f.Already = erased > 0 && erased >= int64(len(values))
	if !do {
		return f, nil
	}
	if err := a.led.Erase(ctx, values, a.kindsOf); err != nil {
		return f, a.worldly(err)
	}
	f.Done = true
	return f, nil
}

// allIdentifiers reads every identifier of a profile.
func (l *lookup) allIdentifiers(ctx context.Context, v *ProfileView) error {
	v.Identifiers = []Member{}
	return l.each(ctx, rel.Select{Columns: columns("n", "type", "value"), From: l.table(compile.Nodes, "n"), Where: equal(rel.C("n", "cluster"), rel.I(v.Asked.cluster))},
		func(c cells) error {
			if c.text(0) != compile.RecordType { // a row without identifiers
				v.Identifiers = append(v.Identifiers, Member{Type: c.text(0), Value: c.text(1)})
			}
			return nil
		})
}

// matchValues are the identifiers of a person, and the values by which syncs would send them.
func (l *lookup) matchValues(ctx context.Context, v *ProfileView) ([]ledger.Identifier, error) {
	out := identifiersOf(v.Identifiers)
	for i := range l.a.p.Syncs {
		s := &l.a.p.Syncs[i]
		if l.a.entityOf(s) != l.in.Entity {
			continue
		}
		kinds := l.a.kinds(s)
		for _, m := range s.Match {
			at := slices.IndexFunc(v.Traits, func(t TraitValue) bool { return t.Name == m.Trait })
			if at < 0 || v.Traits[at].Value == nil || len(kinds[m.Identifier]) == 0 {
				continue
			}
			forms, err := l.forms(ctx, fmt.Sprint(v.Traits[at].Value))
			if err != nil {
				return nil, err
			}
			for _, list := range forms {
				for _, x := range list {
					out = identified(out, kinds[m.Identifier], x)
				}
			}
		}
	}
	return out, nil
}

// identified adds a value as an identifier of some kinds, where it is not among them.
func identified(list []ledger.Identifier, kinds []string, value string) []ledger.Identifier {
	for _, k := range kinds {
		if x := (ledger.Identifier{Kind: k, Value: value}); value != "" && !slices.Contains(list, x) {
			list = append(list, x)
		}
	}
	return list
}

// naming are the mapped identifiers of a sync by which a person is known at the destination. Others
// only help to find somebody, as a country does, and are many people's. An object that does not
// tell them apart is known by all.
func (a *App) naming(s *syncs.Sync) map[string]bool {
	out := map[string]bool{}
	obj, _ := a.objectOf(s)
	told := slices.ContainsFunc(obj.Identifiers, func(id destinations.Identifier) bool { return id.Required || id.AnyOf != "" })
	for _, m := range s.Match {
		helps := func(id destinations.Identifier) bool {
			return id.Name == m.Identifier && !id.Required && id.AnyOf == ""
		}
		out[m.Identifier] = !told || !slices.ContainsFunc(obj.Identifiers, helps)
	}
	return out
}

func (a *App) objectOf(s *syncs.Sync) (destinations.Object, bool) {
	dest, ok := destinations.Lookup(a.p.Destination(s.Destination).Type)
	if !ok {
		return destinations.Object{}, false
	}
	return dest.Spec().Object(s.Object)
}

// sentValues adds the values by which a person was sent, which may be older than those of now.
func (a *App) sentValues(v *ProfileView, values []ledger.Identifier) []ledger.Identifier {
	for _, t := range v.Told {
		kinds := a.kinds(a.p.Sync(t.Sync))
		for _, m := range t.Match {
			if x, ok := m.Value.(string); ok {
				values = identified(values, kinds[m.Column], x)
			}
		}
	}
	return values
}

// rowsBySource counts the rows of a profile in each source.
func (l *lookup) rowsBySource(ctx context.Context, cluster int64) ([]SourceRows, error) {
	out := []SourceRows{}
	t := func(c string) rel.Expr { return rel.C("t", c) }
	err := l.each(ctx, rel.Select{
		Columns: []rel.Column{rel.As("source", t("source")), rel.As("n", rel.Agg{Fn: rel.Sum, Arg: t("seen")})}, From: l.table(compile.Tuples, "t"),
		Joins: []rel.Join{{Rel: l.table(compile.Nodes, "n"), On: equal(rel.C("n", "node"), t("node"))}}, Where: equal(rel.C("n", "cluster"), rel.I(cluster)),
		GroupBy: []rel.Expr{t("source")}, OrderBy: []rel.Order{{Expr: t("source")}},
	}, func(c cells) error {
		out = append(out, SourceRows{c.text(0), c.int(1)})
		return nil
	})
	return out, err
}

// forgetPlaces says what each destination does that the person was sent to.
func (a *App) forgetPlaces(ctx context.Context, f *Forgotten, v *ProfileView) error {
	paused, err := a.paused(ctx)
	if err != nil {
		return err
	}
	at := map[string]int{}
	for _, t := range v.Told {
		if t.State == "skipped" || t.State == "absent" && !t.InDoubt {
			continue // it never arrived there
		}
		if i, ok := at[t.Sync]; ok {
			f.Told[i].Rows++
			continue
		}
		s := a.p.Sync(t.Sync)
		_, isPaused := paused[t.Sync]
		at[t.Sync] = len(f.Told)
		f.Told = append(f.Told, ForgetPlace{Sync: t.Sync, Destination: t.Destination, Object: t.Object, Into: t.Into, Rows: 1, Does: a.takesBack(s), Paused: isPaused})
	}
	for i := range a.p.Syncs {
		if s := &a.p.Syncs[i]; s.Source != "" || s.SQL != "" {
			f.Notes = append(f.Notes, "sync "+s.Name+" sends rows of its own: those that name the person by one of these identifiers are left out and taken back too")
		}
	}
	if a.sends() != nil && len(f.Told) > 0 {
		f.Notes = append(f.Notes, "target "+a.p.Target.Name+" sends nothing: run the syncs on a target that does")
	}
	return nil
}

// takesBack is by what a sync takes an erased person out of its destination.
func (a *App) takesBack(s *syncs.Sync) string {
	obj, ok := a.objectOf(s)
	if !ok || s.Mode == syncs.Append {
		return doesNothing
	}
	for _, op := range []destinations.Op{destinations.Erase, destinations.Delete, destinations.Remove} {
		if obj.Supports(op) {
			return op.String()
		}
	}
	return doesNothing
}
