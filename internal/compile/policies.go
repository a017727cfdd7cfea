package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// guards are the policies that stand between an entity's profiles and a purpose.
func guards(m *models.Model, entity, purpose string) []*models.Policy {
	var out []*models.Policy
	for i := range m.Policies {
		p := &m.Policies[i]
		if p.Require != nil && purpose != "" && purpose != "none" && p.Purpose == purpose && (entity == "" || p.Entity == entity) {
			out = append(out, p)
		}
	}
	return out
}

// barred is the code of the first policy of a purpose that keeps a profile, under the alias p,
// out: policy.<name>. It is NULL where all of them are true. Unknown is not consent: a policy
// that is neither true nor false keeps out too.
func barred(c *conditions, policies []*models.Policy) rel.Expr {
	if len(policies) == 0 {
		return rel.Null(models.Text)
	}
	var out rel.Case
	for _, p := range policies {
		allowed := c.predicate(models.Path("policies", p.Name, "require"), p.Require)
		out.Whens = append(out.Whens, rel.When{
			If:   rel.F(rel.Not, rel.F(rel.IsTrue, allowed)),
			Then: rel.T("policy." + p.Name),
		})
	}
	return out
}

// profileConditions compiles conditions on profiles of the build, under the alias p, outside the
// program that made it: segments by membership, sources by reading them inline.
func profileConditions(in Input) *conditions {
	c := &conditions{in: in, entity: in.Model.Entity(in.Entity), scans: newScans(in, "events")}
	c.trait = func(name string) rel.Expr { return rel.C("p", name) }
	c.segment = func(name string) rel.Expr {
		return rel.Exists{Query: rel.Select{
			Columns: []rel.Column{rel.As("one", rel.I(1))},
			From:    rel.Table{Name: in.Build.Table(in.Entity, Memberships), Alias: "g"},
			Where: rel.F(rel.And, rel.F(rel.Eq, rel.C("g", "profile_id"), rel.C("p", "profile_id")),
				rel.F(rel.Eq, rel.C("g", "segment"), rel.T(name))),
		}}
	}
	return c
}

// denied reports the data that policies keep from a kind of destination: the tags of every trait
// that a sync of profiles sends, and of what its segment is made of, since being in it tells.
func denied(m *models.Model, s *syncs.Sync, entity string, traits []string, kind destinations.Kind) []diag.Problem {
	var out []diag.Problem
	refuse := func(path, what string, tags []string) {
		for i := range m.Policies {
			p := &m.Policies[i]
			if p.Deny == nil || p.Entity != "" && p.Entity != entity || !slices.Contains(p.Deny.Kinds, string(kind)) {
				continue
			}
			for _, tag := range tags {
				if slices.Contains(p.Deny.PII, tag) {
					out = append(out, diag.Problem{
						Path: path, Code: "syncs.denied_data",
						What: fmt.Sprintf("policy %s keeps %s data from %s destinations, and %s tells it", p.Name, tag, kind, what),
						Fix:  "take it out of the sync, or send to a destination of another kind",
					})
				}
			}
		}
	}
	if s.Segment != "" {
		refuse(models.Path("syncs", s.Name, "segment"), "being in segment "+s.Segment, m.SegmentTags(s.Segment))
	}
	slices.Sort(traits)
	for _, name := range slices.Compact(traits) {
		refuse(models.Path("syncs", s.Name), "trait "+name, m.Tags(entity, name))
	}
	return out
}

// traitsOf lists the traits, or columns, that a sync names.
func traitsOf(s *syncs.Sync) []string {
	var out []string
	for _, m := range s.Match {
		out = append(out, m.Trait)
	}
	for _, f := range s.Fields {
		if f.Trait != "" {
			out = append(out, f.Trait)
		}
		if parts, err := syncs.ParseText(f.Text); err == nil {
			for _, p := range parts {
				if p.Trait != "" {
					out = append(out, p.Trait)
				}
			}
		}
	}
	return out
}

// policyNames is for messages.
func policyNames(ps []*models.Policy) string {
	var names []string
	for _, p := range ps {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}
