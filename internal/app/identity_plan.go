package app

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
)

// IdentityPlan is what a build would do to the profiles of an entity.
type IdentityPlan struct {
	Entity   string          `json:"entity"`
	Build    string          `json:"build"` // in force; "" if there is none
	AsOf     time.Time       `json:"as_of"`
	Before   IdentityShape   `json:"before"`
	After    IdentityShape   `json:"after"`
	New      int64           `json:"new"`
	Merged   int64           `json:"merged"` // profiles that go into others
	Split    int64           `json:"split"`  // profiles that come out of others
	Gone     int64           `json:"gone"`   // profiles of which no row is left
	Causes   []MergeCause    `json:"causes"`
	Merges   []MergeRow      `json:"examples"`
	Sizes    []SizeBin       `json:"sizes"`
	Largest  []LargeProfile  `json:"largest"`
	Dropped  []DroppedChange `json:"dropped_links"`
	Segments []SegmentChange `json:"segments"`
	Held     []BuildHold     `json:"held"`
	Moved    []SourceMoved   `json:"sources_moved"`   // what changes may come from them, not from the YAML
	Fuzzy    *FuzzyPlan      `json:"fuzzy,omitempty"` // where fuzzy matching is declared
}

// IdentityShape is how many profiles there are and how large they get.
type IdentityShape struct {
	Profiles    int64 `json:"profiles"`
	Identifiers int64 `json:"identifiers"` // that find a profile
	Largest     int64 `json:"largest"`     // identifiers of the largest profile
}

// MergeCause counts the merges, splits or new profiles that identifiers of a type caused.
type MergeCause struct {
	Kind string `json:"kind"`
	Type string `json:"type"` // "" where none did
	N    int64  `json:"n"`
}

// MergeRow is one merge or split.
type MergeRow struct {
	Kind  string `json:"kind"`
	From  string `json:"from"`
	To    string `json:"to"`
	Type  string `json:"type"`
	Value string `json:"value,omitempty"`
}

// SizeBin counts profiles with From to To identifiers.
type SizeBin struct {
	From   int64 `json:"from"`
	To     int64 `json:"to"`
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// LargeProfile is one of the largest profiles that a build would make.
type LargeProfile struct {
	Profile     string           `json:"profile_id"`
	Identifiers int64            `json:"identifiers"`
	Before      int64            `json:"before"` // identifiers now; 0 if the id is new
	Types       map[string]int64 `json:"types"`
	Ties        []Tie            `json:"ties"`
}

// Tie is an identifier that holds a profile together, with how many others it was seen.
type Tie struct {
	Type   string `json:"type"`
	Value  string `json:"value,omitempty"`
	Others int64  `json:"others"`
}

// DroppedChange counts what a rule keeps from joining people.
type DroppedChange struct {
	Rule   string `json:"rule"`
	Type   string `json:"type"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// BuildHold is a guard that would hold the build.
type BuildHold struct {
	Code string `json:"code"`
	What string `json:"what"`
	Fix  string `json:"fix"`
}

// Something reports whether a build would change who is who, or who is in a segment.
func (p *IdentityPlan) Something() bool {
	if p.Before != p.After || p.New+p.Merged+p.Split+p.Gone > 0 {
		return true
	}
	for _, d := range p.Dropped {
		if d.Before != d.After {
			return true
		}
	}
	for _, g := range p.Segments {
		if g.Join+g.Leave > 0 || g.New {
			return true
		}
	}
	return false
}

// PlanIdentity builds each entity that was picked as its YAML says now, beside the build in force
// and at its time unless another was asked for, and tells what would change. It publishes nothing.
func (a *App) PlanIdentity(ctx context.Context, o IdentityOptions) ([]IdentityPlan, error) {
	in, names, err := a.identityInput(ctx)
	if err != nil {
		return nil, err
	}
	out := []IdentityPlan{}
	for _, name := range names {
		in := in
		in.Entity = name
		at := a.o.AsOf
		if at.IsZero() { // of a build at another time, its windows would change things too
			err := a.session(ctx, func(s warehouse.Session) (err error) {
				at, err = build.AsOf(ctx, s, a.w, name)
				return err
			})
			if err != nil {
				return out, err
			}
		}
		done := a.step(name, "building beside")
		p := IdentityPlan{Entity: name, Causes: []MergeCause{}, Merges: []MergeRow{}, Sizes: []SizeBin{}, Largest: []LargeProfile{}, Dropped: []DroppedChange{},
			Segments: []SegmentChange{}, Held: []BuildHold{}}
		err := a.beside(ctx, in, build.Options{AsOf: at}, func(s warehouse.Session, live compile.Build, res *build.Result) error {
			p.Build, p.AsOf = live.ID, res.AsOf
			for i := range res.Held {
				h := &res.Held[i]
				p.Held = append(p.Held, BuildHold{Code: h.Code, What: h.What, Fix: heldFix(h)})
			}
			for _, part := range []func(context.Context, warehouse.Session, *IdentityPlan, compile.Build, compile.Build, IdentityOptions) error{
				a.planSizes, a.planMerges, a.planLargest, a.planDropped, a.planSegments,
			} {
				if err := part(ctx, s, &p, live, res.Build, o); err != nil {
					return err
				}
			}
			if p.Moved, err = a.moved(ctx, s, name, live, res.Build); err != nil {
				return err
			}
			return a.planFuzzy(ctx, in, &p, res)
		})
		if err != nil {
			return out, err
		}
		done("compared")
		out = append(out, p)
	}
	return out, nil
}

// planSizes compares how many profiles have how many identifiers.
func (a *App) planSizes(ctx context.Context, s warehouse.Session, p *IdentityPlan, live, next compile.Build, _ IdentityOptions) error {
	bins := map[int64]*SizeBin{}
	var top int64
	read := func(b compile.Build, shape *IdentityShape, into func(*SizeBin) *int64) error {
		for row, err := range a.rows(ctx, s, compile.ProfileSizes(p.Entity, b)) {
			if err != nil {
				return err
			}
			size, err := integer(row[0])
			if err != nil {
				return err
			}
			n, err := integer(row[1])
			if err != nil {
				return err
			}
			shape.Profiles += n
			shape.Identifiers += n * size
			shape.Largest = max(shape.Largest, size)
			lo, hi := bin(size)
			if bins[lo] == nil {
				bins[lo] = &SizeBin{From: lo, To: hi}
			}
			*into(bins[lo]) += n
			top = max(top, lo)
		}
		return nil
	}
	if live.ID != "" {
		if err := read(live, &p.Before, func(b *SizeBin) *int64 { return &b.Before }); err != nil {
			return err
		}
	}
	if err := read(next, &p.After, func(b *SizeBin) *int64 { return &b.After }); err != nil {
		return err
	}
	for lo := int64(0); lo <= top; {
		_, hi := bin(lo)
		b := bins[lo]
		if b == nil {
			b = &SizeBin{From: lo, To: hi}
		}
		if len(p.Sizes) > 0 || b.Before+b.After > 0 {
			p.Sizes = append(p.Sizes, *b)
		}
		lo = hi + 1
	}
	return nil
}

// bin is the bin of a size: 0, 1, 2, 3 to 4, 5 to 8, 9 to 16, …
func bin(size int64) (lo, hi int64) {
	if size <= 2 {
		return size, size
	}
	hi = 1 << bits.Len64(uint64(size-1)) // at least 3, so not negative
	return hi/2 + 1, hi
}

// planMerges counts and lists what would be merged and split.
func (a *App) planMerges(ctx context.Context, s warehouse.Session, p *IdentityPlan, live, next compile.Build, o IdentityOptions) error {
	by := map[string]*int64{"new": &p.New, "merge": &p.Merged, "split": &p.Split}
	for row, err := range a.rows(ctx, s, compile.MergeCauses(p.Entity, next)) {
		if err != nil {
			return err
		}
		n, err := integer(row[2])
		if err != nil {
			return err
		}
		kind := text(row[0])
		if into := by[kind]; into != nil {
			*into += n
		}
		p.Causes = append(p.Causes, MergeCause{Kind: kind, Type: text(row[1]), N: n})
	}
	if live.ID == "" {
		return nil
	}
	for row, err := range a.rows(ctx, s, compile.MergeRows(p.Entity, next, o.Limit)) {
		if err != nil {
			return err
		}
		m := MergeRow{Kind: text(row[0]), From: text(row[1]), To: text(row[2]), Type: text(row[3])}
		if o.Values {
			m.Value = text(row[4])
		}
		p.Merges = append(p.Merges, m)
	}
	if err := a.row(ctx, s, compile.Gone(p.Entity, live, next), &p.Gone); err != nil {
		return err
	}
	p.Gone = max(0, p.Gone-p.Merged)
	return nil
}

// tiesShown is how many identifiers are named that hold a large profile together.
const tiesShown = 3

// planLargest lists the largest profiles and what holds them together.
func (a *App) planLargest(ctx context.Context, s warehouse.Session, p *IdentityPlan, live, next compile.Build, o IdentityOptions) error {
	var ids []string
	at := map[string]int{}
	for row, err := range a.rows(ctx, s, compile.LargestProfiles(p.Entity, next, o.Limit)) {
		if err != nil {
			return err
		}
		n, err := integer(row[1])
		if err != nil {
			return err
		}
		id := text(row[0])
		at[id] = len(ids)
		ids = append(ids, id)
		p.Largest = append(p.Largest, LargeProfile{Profile: id, Identifiers: n, Types: map[string]int64{}, Ties: []Tie{}})
	}
	if len(ids) == 0 {
		return nil
	}
	types := func(b compile.Build, f func(x *LargeProfile, typ string, n int64)) error {
		for row, err := range a.rows(ctx, s, compile.ProfileTypes(p.Entity, b, ids)) {
			if err != nil {
				return err
			}
			n, err := integer(row[2])
			if err != nil {
				return err
			}
			f(&p.Largest[at[text(row[0])]], text(row[1]), n)
		}
		return nil
	}
	if err := types(next, func(x *LargeProfile, typ string, n int64) { x.Types[typ] = n }); err != nil {
		return err
	}
	if live.ID != "" {
		if err := types(live, func(x *LargeProfile, _ string, n int64) { x.Before += n }); err != nil {
			return err
		}
	}
	for row, err := range a.rows(ctx, s, compile.Ties(a.p.Model.Entity(p.Entity), next, ids, tiesShown)) {
		if err != nil {
			return err
		}
		n, err := integer(row[3])
		if err != nil {
			return err
		}
		tie := Tie{Type: text(row[1]), Others: n}
		if o.Values {
			tie.Value = text(row[2])
		}
		x := &p.Largest[at[text(row[0])]]
		x.Ties = append(x.Ties, tie)
	}
	return nil
}

// planDropped compares what each rule keeps from joining people.
func (a *App) planDropped(ctx context.Context, s warehouse.Session, p *IdentityPlan, live, next compile.Build, _ IdentityOptions) error {
	before := []DroppedCount{}
	var err error
	if live.ID != "" {
		if before, err = a.dropped(ctx, s, p.Entity, live); err != nil {
			return err
		}
	}
	after, err := a.dropped(ctx, s, p.Entity, next)
	if err != nil {
		return err
	}
	type key struct{ rule, typ string }
	at := map[key]int{}
	for i, list := range [][]DroppedCount{before, after} {
		for _, d := range list {
			k := key{d.Rule, d.Type}
			if _, ok := at[k]; !ok {
				at[k] = len(p.Dropped)
				p.Dropped = append(p.Dropped, DroppedChange{Rule: d.Rule, Type: d.Type})
			}
			x := &p.Dropped[at[k]]
			*[]*int64{&x.Before, &x.After}[i] = d.N
		}
	}
	slices.SortFunc(p.Dropped, func(a, b DroppedChange) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Type, b.Type)) })
	return nil
}

// planSegments compares the segments of the entity, all of them: identity moves any.
func (a *App) planSegments(ctx context.Context, s warehouse.Session, p *IdentityPlan, live, next compile.Build, _ IdentityOptions) error {
	for _, g := range a.p.Model.Segments {
		if g.Entity != p.Entity {
			continue
		}
		c, err := a.change(ctx, s, p.Entity, g.Name, live, next)
		if err != nil {
			return err
		}
		p.Segments = append(p.Segments, c)
	}
	return nil
}
