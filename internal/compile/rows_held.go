package compile

import (
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// heldOutRows tells whether an entity's holdout keeps rows of a source out: those that belong to
// one of its profiles, unless the sync says that it reaches nobody.
func heldOutRows(e *models.Entity, source, purpose string) bool {
	return e != nil && e.HoldsOut() && purpose != "none" && slices.Contains(e.Identity.From, source)
}

// held is a query of profile_id: whom the entity's holdout keeps out.
func held(in Input, alias string, more ...rel.Expr) rel.Select {
	return rel.Select{
		Columns: []rel.Column{same(alias, "profile_id")},
		From:    rel.Table{Name: in.Build.Table(in.Entity, Assignments), Alias: alias},
		Where: rel.F(rel.And, append([]rel.Expr{eq(rel.C(alias, "segment"), rel.T(models.UniversalSegment)),
			eq(rel.C(alias, "arm"), rel.T(ArmHoldout))}, more...)...),
	}
}

// notHeld is true for a profile that the entity's holdout does not keep out, and for NULL.
func notHeld(in Input, profile rel.Expr) rel.Expr {
	return rel.F(rel.Not, rel.Exists{Query: held(in, "u", eq(rel.C("u", "profile_id"), profile))})
}

// keys makes a query of profile_id one of key.
func keys(q rel.Select) rel.Query {
	q.Columns = []rel.Column{rel.As("key", q.Columns[0].Expr)}
	return q
}

// inArm takes the members of a segment who are in the sync's arm, or in none that is held out. The
// members stand under the alias m.
func (d *desired) inArm(seg *models.Segment) {
	arm := rel.C("m", "arm")
	table := rel.Table{Name: d.in.Build.Table(d.in.Entity, Memberships), Alias: "m"}
	mine := eq(rel.C("m", "segment"), rel.T(seg.Name))
	in := func(arms ...string) rel.Expr {
		list := rel.InList{Expr: arm}
		for _, a := range arms {
			list.List = append(list.List, rel.T(a))
		}
		return list
	}
	d.rows.From = table
	d.rows.Where = mine
	everybody := rel.Select{Columns: []rel.Column{same("m", "profile_id")}, From: table, Where: mine}
	d.all = everybody
	// A merge may put somebody who was sent into another arm; that is no change of the holdout or
	// the split.
	mixed := rel.Exists{Query: rel.Select{
		Columns: []rel.Column{rel.As("one", rel.I(1))}, From: rel.Table{Name: d.in.Build.Table(d.in.Entity, Assignments), Alias: "x"},
		Where: rel.F(rel.And, eq(rel.C("x", "profile_id"), rel.C("m", "profile_id")), rel.C("x", "contaminated"),
			rel.InList{Expr: rel.C("x", "segment"), List: []rel.Expr{rel.T(seg.Name), rel.T(models.UniversalSegment)}}),
	}}
	of := func(which rel.Expr) rel.Query {
		q := everybody
		q.Where = rel.F(rel.And, mine, which, rel.F(rel.Not, mixed))
		return keys(q)
	}
	holds := seg.HoldsOut() || d.in.Model.Entity(d.in.Entity).HoldsOut()
	if holds {
		d.heldOut = of(in(ArmHoldout, ArmUniversal))
	}
	switch {
	case d.sync.Arm != "":
		d.rows.Where = rel.F(rel.And, mine, in(d.sync.Arm))
		everybody.Where = d.rows.Where
		d.all = everybody
		if len(seg.Split) > 1 {
			d.otherArm = of(in(without(seg.Arms(), d.sync.Arm)...))
		}
	case holds:
		d.rows.Where = rel.F(rel.And, mine, rel.F(rel.Not, rel.F(rel.IsTrue, in(ArmHoldout, ArmUniversal))))
	}
}

func without(xs []string, x string) []string {
	return slices.DeleteFunc(slices.Clone(xs), func(y string) bool { return y == x })
}

// holdOutOwners leaves out the rows of a source whose owner the entity's holdout keeps out.
func (d *desired) holdOutOwners(r *rows) {
	own := *r
	own.join.Kind = rel.Inner
	key, problem := rowKey(d.in, d.source)
	if problem != nil {
		return // the key is reported where it is read
	}
	d.rows.Where = notHeld(d.in, rel.C(ownAlias, "profile_id"))
	d.heldOut = own.read(func(profile rel.Expr) rel.Select {
		return rel.Select{Columns: []rel.Column{rel.As("key", key)},
			Where: rel.Exists{Query: held(d.in, "u", eq(rel.C("u", "profile_id"), profile), rel.F(rel.Not, rel.C("u", "contaminated")))}}
	})
}
