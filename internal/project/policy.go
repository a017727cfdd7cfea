package project

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/syncs"
)

// ledger reports a second sync with the ledger of another. Emissions are not bound: many syncs
// send messages from one account.
func (c *syncCheck) ledger(bound map[string]string) {
	if c.s.Mode == syncs.Append {
		return
	}
	key := fmt.Sprintf("%s %s %q", account(c.dest, c.spec), c.object.Name, c.s.Into)
	if first, taken := bound[key]; taken {
		what := c.object.Name
		if c.s.Into != "" {
			what += fmt.Sprintf(" %q", c.s.Into)
		}
		c.failKey(c.at, "syncs.doubled", "keep one of them, or name another list with into:",
			"two syncs keep the same %s of %s, and would undo each other; the first is at %s", what, c.dest.Name, place(c.p.owner(first), first))
		return
	}
	bound[key] = c.at
}

// purposes checks that people are reached for a purpose, and that its policies are about them.
func (c *syncCheck) purposes() {
	s := c.s
	if s.Purpose != "" {
		c.purpose(c.at+".purpose", s.Purpose, c.spec)
	}
	purpose := c.p.Purpose(s)
	if purpose == "" {
		fix := fmt.Sprintf("add purpose: to destination %s or to this sync", c.dest.Name)
		if c.spec.Kind.MayLackPurpose() {
			fix += "; none if nobody is reached"
		} else if known := c.p.Purposes(); len(known) > 0 {
			fix += "; policies guard " + strings.Join(known, ", ")
		}
		c.failKey(c.at, "syncs.no_purpose", fix, "sync %s says not for which purpose people are reached by %s (%s)", s.Name, c.spec.Title, c.spec.Kind)
		return
	}
	if purpose == "none" || !slices.Contains(c.p.Purposes(), purpose) {
		return
	}
	// Rows of a source or of sql are guarded by the profiles that their identifiers lead to, which
	// is for the compiler to find.
	if c.entity != nil && len(c.p.Policies(s)) == 0 {
		c.failKey(c.at, "syncs.unguarded_entity", fmt.Sprintf("add a policy with purpose: %s for the entity %s", purpose, c.entity.Name),
			"no policy guards the purpose %q for the entity %s", purpose, c.entity.Name)
	}
}

// denied reports data that a policy keeps from the destination's kind.
func (c *syncCheck) denied() {
	m := &c.p.Model
	for i := range m.Policies {
		deny, of := m.Policies[i].Deny, m.Policies[i].Entity
		if deny == nil || of != "" && (c.entity == nil || of != c.entity.Name) || !slices.Contains(deny.Kinds, string(c.spec.Kind)) {
			continue
		}
		forbidden := func(tags []string) string {
			for _, t := range tags {
				if slices.Contains(deny.PII, t) {
					return t
				}
			}
			return ""
		}
		report := func(path, what, tag string) {
			c.fail(path, "syncs.denied", "take it out, or send it to another kind of destination", "policy %s denies %s data to %s: %s tells of it", m.Policies[i].Name, tag, c.spec.Kind, what)
		}
		if c.seg != nil {
			if tag := forbidden(m.SegmentTags(c.seg.Name)); tag != "" {
				report(c.at+".segment", "who is in segment "+c.seg.Name, tag)
			}
		}
		if c.entity == nil {
			continue
		}
		for _, u := range c.uses() {
			if tag := forbidden(m.Tags(c.entity.Name, u.trait)); tag != "" {
				report(u.path, "trait "+u.trait, tag)
			}
		}
	}
}

// capped reports messages that a cap bounds and that belong to no profile, so that nothing could
// count them.
func (c *syncCheck) capped() {
	if c.s.Mode != syncs.Append || c.entity != nil {
		return
	}
	for i := range c.p.Model.Policies {
		p := &c.p.Model.Policies[i]
		if p.Cap != nil && slices.Contains(p.Cap.Kinds, string(c.spec.Kind)) {
			c.failKey(c.at, "syncs.cap_needs_profile", "sync a segment or an entity; or take "+string(c.spec.Kind)+" out of the kinds of policy "+p.Name,
				"policy %s bounds the messages that a %s gets by %s, and nothing tells whose the rows of sync %s are", p.Name, p.Entity, c.spec.Kind, c.s.Name)
			return
		}
	}
}
