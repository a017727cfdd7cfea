package app

import (
	"context"
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

// MergeCause counts the merges, splits or new profiles that identifiers of a type, or pairs, caused.
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
	Pairs       int64            `json:"pairs"` // of its records, that matching joins
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
				p.Held = append(p.Held, BuildHold{Code: h.Code, What: h.What, Fix: a.heldFix(h)})
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
