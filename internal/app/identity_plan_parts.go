package app

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
)

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
	if a.p.Model.Entity(p.Entity).Identity.Fuzzy == nil {
		return nil
	}
	for row, err := range a.rows(ctx, s, compile.JoiningPairs(p.Entity, next, ids)) {
		if err != nil {
			return err
		}
		if p.Largest[at[text(row[0])]].Pairs, err = integer(row[1]); err != nil {
			return err
		}
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
