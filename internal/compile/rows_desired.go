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
// of a source or of sql the one whose policies guard the purpose, or whose holdout keeps some of
// them out. It is "" where no profiles are involved.
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
	for i := range m.Entities {
		if e := &m.Entities[i]; heldOutRows(e, s.Source, purpose) {
			return e.Name
		}
	}
	for i := range m.Policies { // whoever a list means must be known by all their identifiers
		if p := &m.Policies[i]; p.Suppress != nil && (p.Purpose == "" || p.Purpose == purpose) {
			return p.Entity
		}
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
	d.lists = suppressing(in.Model, "", purpose, kind)
	if s.Segment != "" || s.Entity != "" {
		d.lists = suppressing(in.Model, in.Entity, purpose, kind)
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
		Given:       d.given(),
		Source:      rowsIn(d.all, "a"),
		Barred:      d.kept,
		HeldOut:     d.heldOut,
		OtherArm:    d.otherArm,
		Merged:      d.merged(),
		IDs:         d.ids,
		Fields:      d.columns,
		Fingerprint: fingerprint(&s, obj, normalisersIn(in)),
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
	lists    []*models.Policy // with identifiers that are not to be reached
	problems []diag.Problem

	source   *models.Source // of source and sql syncs
	all      rel.Query      // rows before policies and holdout
	rows     rel.Select
	barred   rel.Expr  // in rows, unless it is made over it
	kept     rel.Query // every profile that a policy keeps out
	heldOut  rel.Query // everybody whom a holdout keeps out
	otherArm rel.Query // members in another arm of the segment's split
	forms    []form
	texts    []rel.Expr // the match values as texts, in the order of ids, before they are trimmed or normalised
	ids      []RowColumn
	columns  []RowColumn
	needed   []int // fields without which a row is invalid
	asks     bool  // barred asks of normalised match values
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
		if d.in.Model.Entity(d.in.Entity).HoldsOut() {
			d.rows.Where, d.heldOut = notHeld(d.in, rel.C("p", "profile_id")), keys(held(d.in, "u", rel.F(rel.Not, rel.C("u", "contaminated"))))
		}
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
	d.inArm(seg)
	d.rows.Joins = []rel.Join{{
		Rel: rel.Table{Name: d.in.Build.Table(d.in.Entity, Profiles), Alias: "p"},
		On:  rel.F(rel.Eq, rel.C("p", "profile_id"), rel.C("m", "profile_id")),
	}}
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
	holds := heldOutRows(d.in.Model.Entity(d.in.Entity), d.source.Name, d.purpose)
	if len(d.policies)+len(d.lists) == 0 && !holds || d.sync.Source == "" {
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
	if holds {
		d.holdOutOwners(r)
	}
	d.bar(rel.C("p", "profile_id"))
	d.policies = nil
	return true
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
		e, typ, problem := ownColumn(d.in, d.source, name)
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
	bar, joins := rel.Expr(rel.C("d", "barred")), []rel.Join(nil)
	if d.source != nil && len(d.policies) > 0 {
		bar, joins = d.barByMatch()
		d.asks = true
	}
	if listed := d.listedMatch(); listed != nil {
		bar = rel.F(rel.Coalesce, bar, listed)
		d.asks = true
	}
	return d.over(d.rows, d.forms, bar, joins)
}

// over puts barred and invalid over rows, past the layers that normalise forms. More columns of the
// rows come out as they are.
func (d *desired) over(rows rel.Select, forms []form, bar rel.Expr, joins []rel.Join, more ...string) rel.Query {
	out := rel.Select{Columns: []rel.Column{rel.As("key", rel.C("d", "key"))}}
	for i := range d.ids {
		out.Columns = append(out.Columns, rel.As(nth("id", i), rel.C("d", nth("id", i))))
	}
	for i := range d.columns {
		out.Columns = append(out.Columns, rel.As(nth("field", i), rel.C("d", nth("field", i))))
	}
	out.Columns = append(out.Columns, rel.As("barred", bar), rel.As("invalid", d.invalid()))
	for _, name := range more {
		out.Columns = append(out.Columns, rel.As(name, rel.C("d", name)))
	}
	out.Joins = joins
	out.From = rel.Sub{Query: normalForms(rows, "d", forms), Alias: "d"}
	return out
}

func nth(what string, i int) string { return what + "_" + strconv.Itoa(i+1) }

// normalisersIn says how values that are no identifiers are normalised, for the fingerprint.
func normalisersIn(in Input) string {
	e := in.Model.Entity(in.Entity)
	out := strings.ToUpper(likeIdentifiers(e, "phone").Country)
	if likeIdentifiers(e, "email").ProviderRules {
		out += " provider_rules"
	}
	return out
}
