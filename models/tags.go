package models

import (
	"slices"
)

// PIITags lists the tags that traits have, sorted.
func (m *Model) PIITags() []string {
	var out []string
	for i := range m.Entities {
		for _, t := range m.Entities[i].Traits {
			if t.PII != "" && !slices.Contains(out, t.PII) {
				out = append(out, t.PII)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Tags lists the kinds of personal data that a trait tells of, sorted: its own tag, and
// those of every trait that it is computed from.
func (m *Model) Tags(entity, trait string) []string {
	e := m.Entity(entity)
	if e == nil {
		return nil
	}
	tags := map[string]bool{}
	e.collectTags(trait, tags, map[string]bool{})
	return sorted(tags)
}

// SegmentTags lists the kinds of personal data that membership of a segment tells of, sorted:
// the tags of every trait and every other segment in its condition.
func (m *Model) SegmentTags(segment string) []string {
	tags := map[string]bool{}
	m.collectSegmentTags(segment, tags, map[string]bool{})
	return sorted(tags)
}

func (e *Entity) collectTags(trait string, tags, seen map[string]bool) {
	t := e.Trait(trait)
	if t == nil || seen[trait] {
		return
	}
	seen[trait] = true
	if t.PII != "" {
		tags[t.PII] = true
	}
	for _, other := range e.TraitsOf(t) {
		e.collectTags(other, tags, seen)
	}
}

func (m *Model) collectSegmentTags(segment string, tags, seen map[string]bool) {
	s := m.Segment(segment)
	if s == nil || seen[segment] {
		return
	}
	seen[segment] = true
	e := m.Entity(s.Entity)
	traits := map[string]bool{}
	s.Rule().Conditions("", func(w *Condition, _ string) {
		if e != nil {
			for _, t := range w.Traits(e, "") {
				e.collectTags(t.Name, tags, traits)
			}
		}
		if other := or(w.Segment, w.Of); other != "" {
			m.collectSegmentTags(other, tags, seen)
		}
	})
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
