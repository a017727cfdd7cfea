package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// segmentNamed finds a segment by its name.
func (a *App) segmentNamed(name string) (*models.Segment, error) {
	if s := a.p.Model.Segment(name); s != nil {
		return s, nil
	}
	fix := diag.DidYouMean(name, a.p.Model.SegmentNames(""))
	if fix == "" {
		fix = "see what there is: weir status"
	}
	return nil, &Error{Kind: Refused, Code: "models.unknown_segment", Message: fmt.Sprintf("there is no segment %q", name), Fix: fix}
}

// onSegment calls f with the build in force of a segment's entity. Times are those of the build
// unless another was asked for.
func (a *App) onSegment(ctx context.Context, seg *models.Segment, f func(*lookup) error) error {
	return a.lookups(ctx, func(ls []*lookup) error {
		for _, l := range ls {
			if l.in.Entity != seg.Entity {
				continue
			}
			if !a.o.AsOf.IsZero() {
				l.in.AsOf = a.o.AsOf
			}
			return f(l)
		}
		return &Error{Kind: Refused, Code: "build.none", Message: fmt.Sprintf("there is no build of %s to ask", seg.Entity), Fix: "make one: weir build"}
	})
}

// built holds that the build has what a query over it reads.
func (l *lookup) built(ctx context.Context, needs compile.Needs) error {
	have, err := l.s.Columns(ctx, l.in.Build.Table(l.in.Entity, compile.Profiles))
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, c := range have {
		names[c.Name] = true
	}
	for _, t := range needs.Traits {
		if !names[t] {
			return &Error{Kind: Refused, Code: "segments.not_built", Message: fmt.Sprintf("build %s of %s does not have the trait %s yet", l.in.Build.ID, l.in.Entity, t), Fix: "build it: weir build"}
		}
	}
	for _, s := range needs.Sources {
		if !l.has(compile.Owners(s)) {
			return &Error{Kind: Refused, Code: "segments.not_built", Message: fmt.Sprintf("build %s of %s has not read the source %s yet", l.in.Build.ID, l.in.Entity, s), Fix: "build it: weir build"}
		}
	}
	return nil
}

// misfit is the error that a condition does not fit what the warehouse has.
func (a *App) misfit(problems []diag.Problem) error {
	var unique []diag.Problem
	for _, p := range problems {
		if !slices.Contains(unique, p) {
			unique = append(unique, p)
		}
	}
	return a.mismatch(unique)
}

// purposeNamed is the purpose that somebody asks about, and the destination if one was named:
// a purpose that a policy guards or a sync has, or that of a destination.
func (a *App) purposeNamed(purpose, destination string) (string, *DestinationKind, error) {
	if purpose != "" && destination != "" {
		return "", nil, &Error{Kind: Refused, Code: "cli.usage", Message: "--purpose and --destination say the same thing", Fix: "give one of them"}
	}
	if destination != "" {
		d := a.p.Destination(destination)
		if d == nil {
			var names []string
			for _, x := range a.p.Destinations {
				names = append(names, x.Name)
			}
			return "", nil, &Error{Kind: Refused, Code: "syncs.unknown_destination", Message: fmt.Sprintf("there is no destination %q", destination), Fix: diag.DidYouMean(destination, names)}
		}
		if d.Purpose == "" {
			return "", nil, &Error{Kind: Refused, Code: "syncs.no_purpose", Message: fmt.Sprintf("destination %s says not for which purpose people are reached", d.Name), Fix: "give --purpose, or add purpose: to it"}
		}
		return d.Purpose, &DestinationKind{d.Name, a.kindOf(d.Name)}, nil
	}
	if purpose == "" {
		return "", nil, nil
	}
	known := a.p.Purposes()
	for i := range a.p.Syncs {
		if p := a.p.Purpose(&a.p.Syncs[i]); p != "" && p != "none" && !slices.Contains(known, p) {
			known = append(known, p)
		}
	}
	if !slices.Contains(known, purpose) {
		return "", nil, &Error{Kind: Refused, Code: "syncs.unknown_purpose", Message: fmt.Sprintf("there is no purpose %q", purpose), Fix: diag.DidYouMean(purpose, known)}
	}
	return purpose, nil, nil
}

// DestinationKind is a destination with what kind it is of.
type DestinationKind struct {
	Name string
	Kind destinations.Kind
}

// kindOf is the kind of a destination, or "".
func (a *App) kindOf(name string) destinations.Kind {
	if d := a.p.Destination(name); d != nil {
		if dest, ok := destinations.Lookup(d.Type); ok {
			return dest.Spec().Kind
		}
	}
	return ""
}

// purposesOf lists the purposes for which syncs send a segment, in the order of the project, and
// the syncs of each.
func (a *App) purposesOf(segment string) ([]string, map[string][]string) {
	var out []string
	by := map[string][]string{}
	for i := range a.p.Syncs {
		s := &a.p.Syncs[i]
		purpose := a.p.Purpose(s)
		if s.Segment != segment || purpose == "" || purpose == "none" {
			continue
		}
		if !slices.Contains(out, purpose) {
			out = append(out, purpose)
		}
		by[purpose] = append(by[purpose], s.Name)
	}
	return out, by
}

// reachOf are the destinations by which a purpose reaches people: one that was asked for, or those
// of syncs, or else all that have the purpose.
func (a *App) reachOf(purpose string, syncs []string, dest *DestinationKind) []DestinationKind {
	if dest != nil {
		return []DestinationKind{*dest}
	}
	var out []DestinationKind
	add := func(name string) {
		if !slices.ContainsFunc(out, func(k DestinationKind) bool { return k.Name == name }) {
			out = append(out, DestinationKind{name, a.kindOf(name)})
		}
	}
	for _, name := range syncs {
		add(a.p.Sync(name).Destination)
	}
	if len(out) > 0 || purpose == "" {
		return out
	}
	for _, d := range a.p.Destinations {
		if d.Purpose == purpose {
			add(d.Name)
		}
	}
	for i := range a.p.Syncs {
		if s := &a.p.Syncs[i]; a.p.Purpose(s) == purpose {
			add(s.Destination)
		}
	}
	return out
}

// kindsIn lists the kinds of destinations, each once.
func kindsIn(list []DestinationKind) []destinations.Kind {
	var out []destinations.Kind
	for _, d := range list {
		if !slices.Contains(out, d.Kind) {
			out = append(out, d.Kind)
		}
	}
	return out
}

// requiring lists the policies of an entity that require something for a purpose.
func (a *App) requiring(entity, purpose string) []*models.Policy {
	var out []*models.Policy
	for i := range a.p.Model.Policies {
		p := &a.p.Model.Policies[i]
		if p.Require != nil && p.Entity == entity && p.Purpose == purpose {
			out = append(out, p)
		}
	}
	return out
}

// deniedTo lists the policies by which who is in a segment may not be told to a destination.
func (a *App) deniedTo(seg *models.Segment, d DestinationKind) []DeniedData {
	var out []DeniedData
	for i := range a.p.Model.Policies {
		p := &a.p.Model.Policies[i]
		if p.Deny == nil || p.Entity != "" && p.Entity != seg.Entity || !slices.Contains(p.Deny.Kinds, string(d.Kind)) {
			continue
		}
		var tags []string
		for _, t := range compile.SegmentTags(&a.p.Model, seg.Name) {
			if slices.Contains(p.Deny.PII, t) {
				tags = append(tags, t)
			}
		}
		if len(tags) > 0 {
			out = append(out, DeniedData{Policy: p.Name, Destination: d.Name, Kind: string(d.Kind), PII: tags})
		}
	}
	return out
}

// place says where a path stands in the project's files; "" and 0 if that is not known.
func (a *App) place(path string) (file string, line int) {
	f := a.p.Findings([]diag.Problem{{Path: path}})
	return f[0].File, f[0].Line
}

// listed writes names for people.
func listed(names []string) string { return strings.Join(names, ", ") }
