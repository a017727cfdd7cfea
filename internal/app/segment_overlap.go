package app

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
)

// maxOverlap is how many segments are compared at once.
const maxOverlap = 20

// SegmentOverlap is how far segments of an entity have the same people in them, by a build.
type SegmentOverlap struct {
	Entity   string        `json:"entity"`
	Build    string        `json:"build"`
	AsOf     time.Time     `json:"as_of"`
	Timezone string        `json:"timezone"`
	Segments []SegmentSize `json:"segments"`
	Pairs    []OverlapPair `json:"pairs"` // each two once, in the order of the segments
	Any      int64         `json:"any"`   // in at least one of them
	All      int64         `json:"all"`   // in every one of them
	// Exactly are the largest groups of people by which of the segments they are in.
	Exactly []OverlapGroup `json:"exactly"`
	// NotShown is how many smaller segments are left out.
	NotShown int `json:"not_shown,omitempty"`
}

// SegmentSize is how many are in a segment.
type SegmentSize struct {
	Segment string `json:"segment"`
	Size    int64  `json:"size"`
	Alone   int64  `json:"alone"` // in none of the others
}

// OverlapPair compares two segments.
type OverlapPair struct {
	A       string  `json:"a"`
	B       string  `json:"b"`
	Both    int64   `json:"both"`
	Either  int64   `json:"either"`
	OnlyA   int64   `json:"only_a"`
	OnlyB   int64   `json:"only_b"`
	Jaccard float64 `json:"jaccard"` // both / either; 0 if both are empty
}

// OverlapGroup are the people who are in exactly some segments.
type OverlapGroup struct {
	Segments []string `json:"segments"`
	Size     int64    `json:"size"`
}

// OverlapSegments compares segments by the members that the build has. Without names it takes the
// largest segments of the entity.
func (a *App) OverlapSegments(ctx context.Context, names []string) (*SegmentOverlap, error) {
	entity, err := a.overlapEntity(names)
	if err != nil {
		return nil, err
	}
	out := &SegmentOverlap{Entity: entity, Timezone: a.p.Timezone.String(), Segments: []SegmentSize{}, Pairs: []OverlapPair{}, Exactly: []OverlapGroup{}}
	err = a.onSegment(ctx, &models.Segment{Entity: entity}, func(l *lookup) error {
		out.Build, out.AsOf = l.in.Build.ID, l.in.AsOf
		if len(names) == 0 {
			if names, out.NotShown, err = l.largestSegments(ctx); err != nil {
				return err
			}
		}
		masks := map[uint64]int64{}
		if len(names) == 0 {
			return nil
		}
		err := l.each(ctx, compile.MembershipMasks(entity, l.in.Build, names), func(row cells) error {
			masks[uint64(row.int(0))] = row.int(1)
			return nil
		})
		out.fill(names, masks)
		return err
	})
	return out, err
}

// overlapEntity is the entity of the segments that are compared.
func (a *App) overlapEntity(names []string) (string, error) {
	if len(names) > maxOverlap {
		return "", &Error{Kind: Refused, Code: "cli.usage", Message: fmt.Sprintf("%d segments are too many to compare", len(names)), Fix: fmt.Sprintf("name at most %d", maxOverlap)}
	}
	var entities []string
	add := func(e string) {
		if !slices.Contains(entities, e) {
			entities = append(entities, e)
		}
	}
	for i, n := range names {
		seg, err := a.segmentNamed(n)
		if err != nil {
			return "", err
		}
		if slices.Contains(names[:i], n) {
			return "", &Error{Kind: Refused, Code: "cli.usage", Message: fmt.Sprintf("segment %s is named twice", n), Fix: "name each once"}
		}
		add(seg.Entity)
	}
	if len(names) > 0 && len(entities) > 1 {
		return "", &Error{Kind: Refused, Code: "segments.two_entities", Message: "these are segments of " + listed(entities) + ", which have no profiles in common", Fix: "compare segments of one entity"}
	}
	if len(names) == 1 {
		return "", &Error{Kind: Refused, Code: "cli.usage", Message: "one segment has nothing to be compared with", Fix: "name two or more, or none for all"}
	}
	if len(names) > 0 {
		return entities[0], nil
	}
	for _, s := range a.p.Model.Segments {
		if slices.Contains(a.chosenEntities(), s.Entity) {
			add(s.Entity)
		}
	}
	switch len(entities) {
	case 0:
		return "", &Error{Kind: Refused, Code: "segments.none", Message: "the project has no segments", Fix: "declare some: segments: {NAME: {entity: …, where: …}}"}
	case 1:
		return entities[0], nil
	}
	return "", &Error{Kind: Refused, Code: "segments.two_entities", Message: "there are segments of " + listed(entities), Fix: "say which: --select " + entities[0]}
}

// largestSegments lists the largest segments of the entity, largest first, and how many others
// there are.
func (l *lookup) largestSegments(ctx context.Context) ([]string, int, error) {
	sizes := map[string]int64{}
	err := l.each(ctx, compile.Sizes(l.in.Entity, l.in.Build), func(row cells) error {
		sizes[row.text(0)] = row.int(1)
		return nil
	})
	names := l.in.Model.SegmentNames(l.in.Entity)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(sizes[b], sizes[a]) })
	n := min(len(names), maxOverlap)
	return names[:n], len(names) - n, err
}

// fill adds up how many are in exactly which segments.
func (o *SegmentOverlap) fill(names []string, masks map[uint64]int64) {
	sum := func(is func(mask uint64) bool) (n int64) {
		for mask, k := range masks {
			if is(mask) {
				n += k
			}
		}
		return n
	}
	every := uint64(1)<<len(names) - 1
	o.Any, o.All = sum(func(m uint64) bool { return m != 0 }), sum(func(m uint64) bool { return m == every })
	for i, a := range names {
		bit := uint64(1) << i
		o.Segments = append(o.Segments, SegmentSize{Segment: a, Size: sum(func(m uint64) bool { return m&bit != 0 }), Alone: masks[bit]})
	}
	for i, a := range names {
		for j := i + 1; j < len(names); j++ {
			both := uint64(1)<<i | uint64(1)<<j
			p := OverlapPair{A: a, B: names[j], Both: sum(func(m uint64) bool { return m&both == both })}
			p.OnlyA, p.OnlyB = o.Segments[i].Size-p.Both, o.Segments[j].Size-p.Both
			p.Either = p.Both + p.OnlyA + p.OnlyB
			if p.Either > 0 {
				p.Jaccard = float64(p.Both) / float64(p.Either)
			}
			o.Pairs = append(o.Pairs, p)
		}
	}
	o.groups(names, masks)
}

// groups lists the largest groups by which segments exactly people are in.
func (o *SegmentOverlap) groups(names []string, masks map[uint64]int64) {
	type group struct {
		mask uint64
		n    int64
	}
	var all []group
	for mask, n := range masks {
		if mask != 0 {
			all = append(all, group{mask, n})
		}
	}
	slices.SortFunc(all, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(bits.OnesCount64(a.mask), bits.OnesCount64(b.mask)), cmp.Compare(a.mask, b.mask))
	})
	for _, g := range all[:min(len(all), 10)] {
		x := OverlapGroup{Size: g.n}
		for i, name := range names {
			if g.mask&(1<<i) != 0 {
				x.Segments = append(x.Segments, name)
			}
		}
		o.Exactly = append(o.Exactly, x)
	}
}
