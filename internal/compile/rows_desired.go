package compile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// The codes of rows that cannot be sent.
const (
	CodeMissingMatch = "syncs.missing_match" // no match value, or not all that the object requires
	CodeMissingField = "syncs.missing_field" // a required field, or a trait of a text without fallback
)

// EntityOf is the entity whose build a sync reads: that of its segment or its own, and for rows
// of a source or of sql the one whose policies guard the purpose. It is "" where no profiles are
// involved.
func EntityOf(m *models.Model, s syncs.Sync, purpose string) string {
	switch {
	case s.Entity != "":
		return s.Entity
	case s.Segment != "":
		if seg := m.Segment(s.Segment); seg != nil {
			return seg.Entity
		}
		return ""
	}
	policies := guards(m, "", purpose)
	for _, p := range policies {
		if e := m.Entity(p.Entity); e != nil && slices.Contains(e.Identity.From, s.Source) {
			return e.Name // it owns the rows
		}
	}
	if len(policies) > 0 {
		return policies[0].Entity
	}
	return ""
}

// ownersOf lists the sources whose rows belong to an entity's profiles.
func ownersOf(m *models.Model, entity string) []string {
	if e := m.Entity(entity); e != nil {
		return e.Identity.From
	}
	return nil
}

// SQLSource is the rows of an sql sync as a source. Its name is the one under which Input.Columns
// and Input.Naive may tell their columns.
func SQLSource(s syncs.Sync) *models.Source {
	return &models.Source{Name: "sync " + s.Name, SQL: s.SQL, Key: s.Key}
}

// Desired compiles what a sync wants at an object of a destination. in is for the entity that
// EntityOf names, with the build to read; purpose is the sync's or its destination's.
func Desired(in Input, s syncs.Sync, obj destinations.Object, kind destinations.Kind, purpose string) (Rows, []diag.Problem) {
	in.Entity = EntityOf(in.Model, s, purpose)
	d := &desired{in: in, sync: &s, obj: obj, purpose: purpose}
	d.policies = guards(in.Model, "", purpose)
	if in.Entity != "" {
		all := len(d.policies)
		d.policies = guards(in.Model, in.Entity, purpose)
		if s.Segment == "" && s.Entity == "" && len(d.policies) < all && !slices.Contains(ownersOf(in.Model, in.Entity), s.Source) {
			d.fail(d.problem("purpose", "syncs.policy_needs_profile",
				fmt.Sprintf("the policies of purpose %s are about several entities, and nothing tells whose these rows are", purpose),
				"sync a segment of the entity that is meant"))
			return Rows{}, d.problems
		}
		if in.Model.Entity(in.Entity) == nil {
			return Rows{}, []diag.Problem{d.problem("entity", "models.unknown_entity", fmt.Sprintf("there is no entity %q", in.Entity), "")}
		}
	}
	if !d.begin() {
		return Rows{}, d.problems
	}
	d.key()
	d.match()
	d.fields()
	q := d.finish()
	d.problems = append(d.problems, denied(in.Model, &s, in.Entity, kind)...)
	return Rows{
		Query:       q,
		Source:      rowsIn(d.all, "a"),
		Barred:      d.kept,
		IDs:         d.ids,
		Fields:      d.columns,
		Fingerprint: fingerprint(&s, obj, countryIn(in)),
	}, d.problems
}

// desired builds the query in two selects: the rows with their values as the warehouse has them,
// and over it, past the layers that normalise, who is barred and what is invalid.
type desired struct {
	in       Input
	sync     *syncs.Sync
	obj      destinations.Object
	purpose  string
	policies []*models.Policy
	problems []diag.Problem

	source  *models.Source // of source and sql syncs
	all     rel.Query      // rows before policies and holdout
	rows    rel.Select
	barred  rel.Expr  // in rows, unless it is made over it
	kept    rel.Query // every profile that a policy keeps out
	forms   []form
	ids     []RowColumn
	columns []RowColumn
	needed  []int // fields without which a row is invalid
}

func (d *desired) problem(key, code, what, fix string) diag.Problem {
	return diag.Problem{Path: models.Path("syncs", d.sync.Name, key), Code: code, What: what, Fix: fix}
}

func (d *desired) fail(p diag.Problem) { d.problems = append(d.problems, p) }

// begin says where the rows come from.
func (d *desired) begin() bool {
	switch s := d.sync; {
	case s.Segment != "":
		return d.fromSegment()
	case s.Entity != "":
		profiles := rel.Table{Name: d.in.Build.Table(d.in.Entity, Profiles), Alias: "p"}
		d.rows.From = profiles
		d.all = rel.Select{Columns: []rel.Column{rel.As("profile_id", rel.C("p", "profile_id"))}, From: profiles}
		d.bar(rel.C("p", "profile_id"))
	case s.Source != "":
		if d.source = d.in.Model.Source(s.Source); d.source == nil {
			d.fail(unknownSource(d.in, models.Path("syncs", s.Name, "source"), s.Source))
			return false
		}
		return d.fromSource("source")
	default:
		d.source = SQLSource(*s)
		return d.fromSource("sql")
	}
	return true
}

func (d *desired) fromSegment() bool {
	seg := d.in.Model.Segment(d.sync.Segment)
	if seg == nil {
		d.fail(d.problem("segment", "models.unknown_segment", fmt.Sprintf("there is no segment %q", d.sync.Segment),
			diag.DidYouMean(d.sync.Segment, d.in.Model.SegmentNames(""))))
		return false
	}
	d.all = members(d.in.Build, d.in.Entity, seg.Name)
	d.rows.From = rel.Sub{Query: d.all, Alias: "m"}
	d.rows.Joins = []rel.Join{{
		Rel: rel.Table{Name: d.in.Build.Table(d.in.Entity, Profiles), Alias: "p"},
		On:  rel.F(rel.Eq, rel.C("p", "profile_id"), rel.C("m", "profile_id")),
	}}
	if seg.Holdout.BasisPoints > 0 {
		d.rows.Where = rel.F(rel.Not, rel.Exists{Query: rel.Select{
			Columns: []rel.Column{rel.As("one", rel.I(1))},
			From:    rel.Table{Name: d.in.Build.Table(d.in.Entity, Assignments), Alias: "a"},
			Where: rel.F(rel.And, rel.F(rel.Eq, rel.C("a", "profile_id"), rel.C("m", "profile_id")),
				rel.F(rel.Eq, rel.C("a", "segment"), rel.T(seg.Name)), rel.F(rel.Eq, rel.C("a", "arm"), rel.T(ArmHoldout))),
		}})
	}
	d.bar(rel.C("p", "profile_id"))
	return true
}

// fromSource takes the rows of a source or of sql. Where policies guard the purpose, each row
// needs a profile that says yes: the one that owns it, or else the one that has its match values.
func (d *desired) fromSource(key string) bool {
	if d.source.Key == "" {
		d.fail(d.problem(key, "syncs.no_key", "the rows have no key, so nothing tells which of them changed", "name the key column under key:"))
		return false
	}
	d.rows.From = sourceRelation(d.source, rowAlias)
	d.all = rel.Select{Columns: []rel.Column{rel.As("one", rel.I(1))}, From: d.rows.From}
	d.barred = rel.Null(models.Text)
	if len(d.policies) == 0 || d.sync.Source == "" {
		return true
	}
	r, problem := rowsOf(d.in, d.source)
	if problem != nil { // nobody owns them
		return true
	}
	r.join.Kind = rel.Left
	d.rows.Joins = append(d.rows.Joins, r.join, rel.Join{
		Kind: rel.Left, Rel: rel.Table{Name: d.in.Build.Table(d.in.Entity, Profiles), Alias: "p"},
		On: rel.F(rel.Eq, rel.C("p", "profile_id"), rel.C(ownAlias, "profile_id")),
	})
	d.bar(rel.C("p", "profile_id"))
	d.policies = nil
	return true
}

// bar compiles the policies over profiles under the alias p, which are joined already.
func (d *desired) bar(profile rel.Expr) {
	c := profileConditions(d.in)
	d.barred = barred(c, d.policies)
	d.rows.Joins = append(d.rows.Joins, c.scans.joins(profile, true)...)
	d.problems = append(d.problems, c.problems...)
	if d.source == nil && len(d.policies) > 0 {
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

// key names each row. For append it is the profile and the number of the entry, so that each
// entry is a row of its own: "p7:2".
func (d *desired) key() {
	var key rel.Expr
	switch {
	case d.source != nil:
		c, problem := sourceColumn(d.in, d.source, d.source.Key)
		if problem != nil {
			problem.Path = models.Path("syncs", d.sync.Name, "key")
			d.fail(*problem)
			c.Name = d.source.Key
		}
		key = rel.Cast{Expr: rel.C(rowAlias, c.Name), Type: models.Text, From: c.Type}
	case d.sync.Mode == syncs.Append && d.sync.Segment != "":
		d.rows.Joins = append(d.rows.Joins, rel.Join{Kind: rel.Left, Rel: rel.Sub{Query: entries(d.in, d.sync.Segment), Alias: "e"},
			On: rel.F(rel.Eq, rel.C("e", "profile_id"), rel.C("m", "profile_id"))})
		n := rel.Cast{Expr: rel.F(rel.Coalesce, rel.C("e", "entries"), rel.I(1)), Type: models.Text, From: models.Integer}
		key = rel.F(rel.Concat, rel.C("p", "profile_id"), rel.T(":"), n)
	case d.sync.Mode == syncs.Append:
		key = rel.F(rel.Concat, rel.C("p", "profile_id"), rel.T(":1"))
	default:
		key = rel.C("p", "profile_id")
	}
	d.rows.Columns = append(d.rows.Columns, rel.As("key", key))
}

// entries counts how often each profile has entered a segment.
func entries(in Input, segment string) rel.Query {
	return rel.Select{
		Columns: []rel.Column{rel.As("profile_id", rel.C("h", "profile_id")), rel.As("entries", rel.Agg{Fn: rel.CountRows})},
		From:    rel.Table{Name: in.Build.Table(in.Entity, History), Alias: "h"},
		Where:   rel.F(rel.Eq, rel.C("h", "segment"), rel.T(segment)),
		GroupBy: []rel.Expr{rel.C("h", "profile_id")},
	}
}

// value is a trait, or a column where the sync has a source or sql.
func (d *desired) value(key, name string) (rel.Expr, models.Type, bool) {
	if d.source != nil {
		e, typ, problem := columnExpr(d.in, d.source, name)
		if problem != nil {
			problem.Path = models.Path("syncs", d.sync.Name, key)
			d.fail(*problem)
			return rel.Null(models.Text), "", false
		}
		return e, typ, true
	}
	entity := d.in.Model.Entity(d.in.Entity)
	if tr := entity.Trait(name); tr != nil {
		return rel.C("p", name), TraitType(d.in, tr), true
	}
	d.fail(d.problem(key, "syncs.unknown_trait", fmt.Sprintf("%s has no trait %q", d.in.Entity, name), diag.DidYouMean(name, entity.TraitNames())))
	return rel.Null(models.Text), "", false
}

// finish puts barred and invalid over the normalised rows.
func (d *desired) finish() rel.Query {
	d.rows.Columns = append(d.rows.Columns, rel.As("barred", d.barred))
	out := rel.Select{Columns: []rel.Column{rel.As("key", rel.C("d", "key"))}}
	for i := range d.ids {
		out.Columns = append(out.Columns, rel.As(nth("id", i), rel.C("d", nth("id", i))))
	}
	for i := range d.columns {
		out.Columns = append(out.Columns, rel.As(nth("field", i), rel.C("d", nth("field", i))))
	}
	bar := rel.Expr(rel.C("d", "barred"))
	if d.source != nil && len(d.policies) > 0 {
		bar, out.Joins = d.barByMatch()
	}
	out.Columns = append(out.Columns, rel.As("barred", bar), rel.As("invalid", d.invalid()))
	out.From = rel.Sub{Query: normalForms(d.rows, "d", d.forms), Alias: "d"}
	return out
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

func nth(what string, i int) string { return what + "_" + strconv.Itoa(i+1) }

func countryIn(in Input) string {
	if e := in.Model.Entity(in.Entity); e != nil {
		return strings.ToUpper(countryOf(e))
	}
	return ""
}
