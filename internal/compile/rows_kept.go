package compile

import (
	"fmt"
	"strconv"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// bar compiles the policies over profiles under the alias p, which are joined already.
func (d *desired) bar(profile rel.Expr) {
	c := profileConditions(d.in)
	d.barred = barred(c, d.policies)
	if len(d.lists) > 0 {
		d.barred = rel.F(rel.Coalesce, d.barred, suppressed(c, d.lists))
	}
	d.rows.Joins = append(d.rows.Joins, c.scans.joins(profile, true)...)
	d.problems = append(d.problems, c.problems...)
	if d.source == nil && len(d.policies)+len(d.lists) > 0 {
		d.kept = rel.Select{
			Columns: []rel.Column{rel.As("key", rel.C("b", "key")), rel.As("barred", rel.C("b", "barred"))},
			From: rel.Sub{Alias: "b", Query: rel.Select{
				Columns: []rel.Column{rel.As("key", rel.C("p", "profile_id")), rel.As("barred", d.barred)},
				From:    rel.Table{Name: d.in.Build.Table(d.in.Entity, Profiles), Alias: "p"},
				Joins:   c.scans.joins(rel.C("p", "profile_id"), true),
			}},
			Where: rel.F(rel.NotNull, rel.C("b", "barred")),
		}
	}
}

// barByMatch finds the profile of a row that nobody owns by its match values. A row without a
// profile has no consent.
func (d *desired) barByMatch() (rel.Expr, []rel.Join) {
	var joins []rel.Join
	var profile []rel.Expr
	for i, f := range d.forms {
		for _, id := range d.in.Model.Entity(d.in.Entity).Identity.Identifiers {
			if normalizer(&id) != f.id.Normalize {
				continue
			}
			alias := "i" + strconv.Itoa(i+1)
			joins = append(joins, rel.Join{Kind: rel.Left, Rel: rel.Table{Name: d.in.Build.Table(d.in.Entity, Identifiers), Alias: alias},
				On: rel.F(rel.And, rel.F(rel.Eq, rel.C(alias, "type"), rel.T(id.Type)), rel.F(rel.Eq, rel.C(alias, "value"), rel.C("d", f.name)))})
			profile = append(profile, rel.C(alias, "profile_id"))
			break
		}
	}
	if len(profile) == 0 {
		d.fail(d.problem("purpose", "syncs.policy_needs_profile",
			fmt.Sprintf("nothing tells whose these rows are, so that policy %s cannot be kept", policyNames(d.policies)),
			"match by email or phone, or sync a segment"))
		return rel.T("policy." + d.policies[0].Name), nil
	}
	joins = append(joins, rel.Join{Kind: rel.Left, Rel: rel.Table{Name: d.in.Build.Table(d.in.Entity, Profiles), Alias: "p"},
		On: rel.F(rel.Eq, rel.C("p", "profile_id"), coalesced(profile))})
	c := profileConditions(d.in)
	bar := barred(c, d.policies)
	d.problems = append(d.problems, c.problems...)
	return bar, append(joins, c.scans.joins(rel.C("p", "profile_id"), true)...)
}

// invalid is the code of what a row lacks.
func (d *desired) invalid() rel.Expr {
	var without []rel.Expr
	groups := map[string][]rel.Expr{}
	var tags []string
	var all []rel.Expr
	for i, m := range d.sync.Match {
		missing := rel.F(rel.IsNull, rel.C("d", nth("id", i)))
		all = append(all, missing)
		for _, id := range d.obj.Identifiers {
			if id.Name != m.Identifier {
				continue
			}
			if id.Required {
				without = append(without, missing)
			} else if id.AnyOf != "" {
				if groups[id.AnyOf] == nil {
					tags = append(tags, id.AnyOf)
				}
				groups[id.AnyOf] = append(groups[id.AnyOf], missing)
			}
		}
	}
	for _, tag := range tags {
		without = append(without, and(groups[tag]))
	}
	if len(all) > 0 {
		without = append(without, and(all))
	}
	var c rel.Case
	if len(without) > 0 {
		c.Whens = append(c.Whens, rel.When{If: or(distinctExprs(without)), Then: rel.T(CodeMissingMatch)})
	}
	var fields []rel.Expr
	for _, i := range d.needed {
		f := rel.Expr(rel.C("d", nth("field", i)))
		if d.columns[i].Type == models.Text { // blank text says nothing
			f = rel.F(rel.NullIf, rel.F(rel.Trim, f), rel.T(""))
		}
		fields = append(fields, rel.F(rel.IsNull, f))
	}
	if len(fields) > 0 {
		c.Whens = append(c.Whens, rel.When{If: or(fields), Then: rel.T(CodeMissingField)})
	}
	if len(c.Whens) == 0 {
		return rel.Null(models.Text)
	}
	return c
}

func distinctExprs(es []rel.Expr) []rel.Expr {
	seen := map[string]bool{}
	var out []rel.Expr
	for _, e := range es {
		if k := fmt.Sprintf("%#v", e); !seen[k] {
			seen[k] = true
			out = append(out, e)
		}
	}
	return out
}

func coalesced(es []rel.Expr) rel.Expr {
	if len(es) == 1 {
		return es[0]
	}
	return rel.F(rel.Coalesce, es...)
}
