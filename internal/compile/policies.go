package compile

import (
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
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
	c := &conditions{in: in, entity: in.Model.Entity(in.Entity), scans: newScans(in, "events"), inline: true}
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

// policyNames is for messages.
func policyNames(ps []*models.Policy) string {
	var names []string
	for _, p := range ps {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// allows is true for a profile, under the alias p, that passes a policy which requires something or
// has a list.
func allows(c *conditions, p *models.Policy) rel.Expr {
	if p.Suppress != nil {
		return rel.F(rel.IsNull, suppressed(c, []*models.Policy{p}))
	}
	return c.predicate(models.Path("policies", p.Name, "require"), p.Require)
}

// Allowed is a query of profile_id: the profiles of a build that a policy lets pass.
func Allowed(in Input, p *models.Policy) (rel.Query, []diag.Problem) {
	in.Entity = p.Entity
	c := profileConditions(in)
	allowed := allows(c, p)
	return rel.Select{
		Columns: []rel.Column{rel.As("profile_id", rel.C("p", "profile_id"))},
		From:    rel.Table{Name: in.Build.Table(in.Entity, Profiles), Alias: "p"},
		Joins:   c.scans.joins(rel.C("p", "profile_id"), true),
		Where:   rel.F(rel.IsTrue, allowed),
	}, c.problems
}
