package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// PreviewOptions say whom a preview shows, and how.
type PreviewOptions struct {
	Limit       int    // Defaults to 20
	Purpose     string // only people who may be reached for it
	Destination string // in place of Purpose: that of a destination
	// Reveal shows personal data as it is, which needs a purpose: only of people whom its policies
	// let pass, and nothing that is denied to where it goes.
	Reveal bool
}

// SegmentPreview is a sample of the people in a segment, with masked values.
type SegmentPreview struct {
	Segment  string          `json:"segment"`
	Entity   string          `json:"entity"`
	Build    string          `json:"build"`
	AsOf     time.Time       `json:"as_of"`
	Timezone string          `json:"timezone"`
	Size     int64           `json:"size"`
	Purpose  string          `json:"purpose,omitempty"`
	Purposes []PurposeCount  `json:"purposes"`
	Traits   []PreviewTrait  `json:"traits"`
	People   []PreviewPerson `json:"people"`
}

// PreviewTrait is a column of a preview.
type PreviewTrait struct {
	Name   string   `json:"name"`
	Type   string   `json:"type,omitempty"`
	PII    []string `json:"pii,omitempty"`
	Masked bool     `json:"masked,omitempty"`
}

// PreviewPerson is a person of a preview. Values stand in the order of the traits.
type PreviewPerson struct {
	ProfileID string     `json:"profile_id"`
	Since     *time.Time `json:"since,omitempty"` // in the build
	Arm       string     `json:"arm,omitempty"`
	Values    []any      `json:"values"`
}

// PreviewSegment shows a sample of the people in a segment by its conditions as they are written
// now. Who is in the sample does not change from one call to the next.
func (a *App) PreviewSegment(ctx context.Context, name string, o PreviewOptions) (*SegmentPreview, error) {
	seg, err := a.segmentNamed(name)
	if err != nil {
		return nil, err
	}
	purpose, dest, err := a.purposeNamed(o.Purpose, o.Destination)
	if err != nil {
		return nil, err
	}
	if o.Limit <= 0 {
		o.Limit = 20
	}
	kinds := a.reachOf(purpose, nil, dest)
	if o.Reveal {
		if purpose == "" {
			return nil, &Error{Kind: Refused, Code: "segments.reveal", Message: "personal data is shown for a purpose only", Fix: "say which: --purpose NAME, or --destination NAME"}
		}
		for _, k := range kinds {
			for _, d := range a.deniedTo(seg, k) {
				return nil, &Error{Kind: Refused, Code: "syncs.denied", Message: fmt.Sprintf("policy %s denies %s data to %s, and who is in this segment tells of it", d.Policy, listed(d.PII), d.Kind), Fix: "look at it without --reveal"}
			}
		}
	}
	out := &SegmentPreview{Segment: name, Entity: seg.Entity, Timezone: a.p.Timezone.String(), Purpose: purpose, Purposes: []PurposeCount{}, People: []PreviewPerson{}}
	shown := a.shownTraits(seg)
	count, err := a.CountSegment(ctx, name)
	if err != nil {
		return nil, err
	}
	out.Build, out.AsOf, out.Size = count.Build, count.AsOf, count.Size
	out.Purposes = count.Purposes
	for from, page := int64(0), int64(o.Limit); ; from, page = from+page, page*2 {
		people, values, err := a.sample(ctx, out, seg, compile.Purpose{Name: purpose, Kinds: kindsIn(kinds)}, shown, page, from)
		if err != nil {
			return nil, err
		}
		full := int64(len(people)) == page
		if purpose != "" {
			if people, err = a.reachable(ctx, people, values, kinds); err != nil {
				return nil, err
			}
		}
		out.People = append(out.People, people...)
		if !full || len(out.People) >= o.Limit {
			break
		}
	}
	out.People = out.People[:min(len(out.People), o.Limit)]
	a.veiled(out, seg, kinds, o.Reveal)
	return out, nil
}

// sample reads a page of the sample, and the identifiers of the people in it.
func (a *App) sample(ctx context.Context, out *SegmentPreview, seg *models.Segment, purpose compile.Purpose, shown []string, limit, offset int64) (people []PreviewPerson, values map[string][]ledger.Identifier, err error) {
	ask := compile.Asking{Traits: shown}
	if purpose.Name != "" {
		ask.Purposes = []compile.Purpose{purpose}
	}
	values = map[string][]ledger.Identifier{}
	err = a.onSegment(ctx, seg, func(l *lookup) error {
		x, problems := compile.Explain(l.in, seg.Name, ask)
		if x == nil {
			return a.misfit(problems)
		}
		if err := l.built(ctx, x.Needs); err != nil {
			return err
		}
		types := l.traitTypes(shown)
		out.Traits = nil
		for i, t := range shown {
			out.Traits = append(out.Traits, PreviewTrait{Name: t, Type: string(types[i]), PII: a.p.Model.Tags(seg.Entity, t)})
		}
		arms, err := l.hasArms(ctx)
		if err != nil {
			return err
		}
		err = l.each(ctx, compile.SampleSegment(l.in, x, seg.Name, purpose.Name, shown, arms, limit, offset), func(row cells) error {
			people = append(people, person(row, types))
			return nil
		})
		if err != nil || purpose.Name == "" || len(people) == 0 {
			return err
		}
		var ids []string
		for _, p := range people {
			ids = append(ids, p.ProfileID)
		}
		return l.each(ctx, rel.Select{Columns: columns("n", "profile_id", "type", "value"), From: l.table(compile.Nodes, "n"), Where: oneOf(rel.C("n", "profile_id"), ids)},
			func(row cells) error {
				values[row.text(0)] = append(values[row.text(0)], ledger.Identifier{Kind: row.text(1), Value: row.text(2)})
				return nil
			})
	})
	return people, values, err
}

// traitTypes are the types of traits, Unknown for what the warehouse alone knows.
func (l *lookup) traitTypes(names []string) []models.Type {
	var out []models.Type
	for _, n := range names {
		out = append(out, compile.TraitType(l.in, l.e.Trait(n)))
	}
	return out
}

// person reads a row of a sample: profile_id, since, arm, traits.
func person(row cells, types []models.Type) PreviewPerson {
	p := PreviewPerson{ProfileID: row.text(0), Since: row.time(1), Arm: row.text(2), Values: []any{}}
	for i, t := range types {
		p.Values = append(p.Values, plain(row[3+i], t))
	}
	return p
}

// reachable leaves out whom erasures and suppressions keep from being reached.
func (a *App) reachable(ctx context.Context, people []PreviewPerson, values map[string][]ledger.Identifier, kinds []DestinationKind) ([]PreviewPerson, error) {
	var out []PreviewPerson
	for _, p := range people {
		known, err := a.led.Person(ctx, nil, []string{p.ProfileID}, values[p.ProfileID], 0)
		if err != nil {
			return nil, a.worldly(err)
		}
		if !slices.ContainsFunc(known.Bars, func(b ledger.Bar) bool {
			return b.Code == ledger.CodeErased || b.Channel == "all" ||
				slices.ContainsFunc(kinds, func(k DestinationKind) bool { return string(k.Kind) == b.Channel })
		}) {
			out = append(out, p)
		}
	}
	return out, nil
}
