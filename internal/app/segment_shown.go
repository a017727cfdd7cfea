package app

import (
	"slices"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/syncs"
)

// shownTraits are the traits that a preview of a segment shows: those that its syncs send, then
// those that its conditions look at, or else the first few.
func (a *App) shownTraits(seg *models.Segment) []string {
	const most = 8
	e := a.p.Model.Entity(seg.Entity)
	var out []string
	add := func(names ...string) {
		for _, n := range names {
			if t := e.Trait(n); t != nil && len(out) < most && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for i := range a.p.Syncs {
		s := &a.p.Syncs[i]
		if s.Segment != seg.Name {
			continue
		}
		for _, m := range s.Match {
			add(m.Trait)
		}
		for _, f := range s.Fields {
			add(f.Trait)
			parts, _ := syncs.ParseText(f.Text) // checked when the project was read
			for _, p := range parts {
				add(p.Trait)
			}
		}
	}
	seen := map[string]bool{}
	var look func(s *models.Segment)
	look = func(s *models.Segment) {
		if s == nil || seen[s.Name] {
			return
		}
		seen[s.Name] = true
		s.Where.Conditions("", func(w *models.Condition, _ string) {
			add(w.Trait, w.By)
			add(sqlTraits(e, w.SQL)...)
			look(a.p.Model.Segment(w.Segment))
		})
		for _, name := range s.Priority {
			look(a.p.Model.Segment(name))
		}
	}
	look(seg)
	if len(out) == 0 {
		for i := range e.Traits[:min(len(e.Traits), 5)] {
			add(e.Traits[i].Name)
		}
	}
	return out
}

// veiled masks the values of a preview. What a policy denies to where a purpose goes is masked
// also where the rest is revealed.
func (a *App) veiled(out *SegmentPreview, seg *models.Segment, kinds []DestinationKind, reveal bool) {
	for i := range out.Traits {
		t := &out.Traits[i]
		v := veil{reveal && !a.deniedTags(seg.Entity, t.PII, kinds)}
		for j := range out.People {
			value, hid := v.over(t.PII, out.People[j].Values[i])
			out.People[j].Values[i] = value
			t.Masked = t.Masked || hid
		}
	}
}

// deniedTags reports whether a policy denies one of some kinds of personal data to one of some
// destinations, or to any where none is known.
func (a *App) deniedTags(entity string, tags []string, kinds []DestinationKind) bool {
	for i := range a.p.Model.Policies {
		p := &a.p.Model.Policies[i]
		if p.Deny == nil || p.Entity != "" && p.Entity != entity || !slices.ContainsFunc(p.Deny.PII, func(t string) bool { return slices.Contains(tags, t) }) {
			continue
		}
		if len(kinds) == 0 || slices.ContainsFunc(kinds, func(k DestinationKind) bool { return slices.Contains(p.Deny.Kinds, string(k.Kind)) }) {
			return true
		}
	}
	return false
}
