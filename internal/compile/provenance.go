package compile

import (
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// ProvenanceOf lists the traits of an entity that have provenance, in the order in which they are
// written: those that keep the value of a column. What is computed from many rows, and sql traits,
// have none; nor has any trait of an entity with provenance: false. Of each the table Provenance
// has the columns that ProvenanceColumns names; it is not made if there is no such trait.
func ProvenanceOf(e *models.Entity) []string {
	if !e.KeepsProvenance() {
		return nil
	}
	var out []string
	for i := range e.Traits {
		if _, columns := e.Traits[i].Columns(); len(columns) > 0 && e.Traits[i].SQL == "" {
			out = append(out, e.Traits[i].Name)
		}
	}
	return out
}

// ProvenanceColumns names a trait's columns of the table Provenance: the source, the key of its
// row as text, and the row's time. All are NULL where the trait is absent; the time is also NULL
// if the row has none, and the key if the source has none.
func ProvenanceColumns(trait string) (source, key, at string) {
	return trait + "__source", trait + "__key", trait + "__at"
}

// origin is where the value of a trait comes from.
type origin struct {
	trait           string
	source, key, at rel.Expr
	readings        []string // aliases of the scans that are named
}

// note keeps where a trait's value comes from: from the winner that its value is from.
func (t *traits) note(tr *models.Trait, value rel.Expr, ws []winner) {
	if !t.entity.KeepsProvenance() {
		return
	}
	of := func(f func(winner) rel.Expr) rel.Expr {
		if len(ws) == 1 {
			return f(ws[0])
		}
		return pick(arms(tr.Keep, ws), f)
	}
	o := origin{
		trait:  tr.Name,
		source: of(func(w winner) rel.Expr { return rel.T(w.source) }),
		key:    of(func(w winner) rel.Expr { return w.key }),
		at:     of(func(w winner) rel.Expr { return w.at }),
	}
	// The row of values that come together may lack this one.
	there := rel.F(rel.NotNull, value)
	if len(ws) == 1 || !ws[0].alone {
		o.source = when(there, o.source)
	}
	if !ws[0].alone {
		o.key, o.at = when(there, o.key), when(there, o.at)
	}
	t.noted(o, value)
}

// noted keeps an origin together with the scans that the value is read from.
func (t *traits) noted(o origin, value rel.Expr) {
	walk(value, func(e rel.Expr) {
		if c, ok := e.(rel.Col); ok && !slices.Contains(o.readings, c.Table) {
			o.readings = append(o.readings, c.Table)
		}
	})
	t.origins = append(t.origins, o)
}

// provenance makes the table Provenance of the scans that the profiles are made of. Profiles that
// no kept value can belong to are left out.
func (t *traits) provenance() []Step {
	if len(t.origins) == 0 {
		return nil
	}
	q := rel.Select{
		Columns: []rel.Column{rel.As("profile_id", rel.C("c", "profile_id"))},
		From:    rel.Table{Name: t.in.Build.Table(t.in.Entity, Clusters), Alias: "c"},
	}
	var used []string
	for _, o := range t.origins {
		source, key, at := ProvenanceColumns(o.trait)
		q.Columns = append(q.Columns, rel.As(source, o.source), rel.As(key, o.key), rel.As(at, o.at))
		used = append(used, o.readings...)
	}
	var any []rel.Expr
	for _, sc := range t.scans.parts {
		if slices.Contains(used, sc.alias) {
			q.Joins = append(q.Joins, t.scans.join(sc, rel.C("c", "profile_id"), false))
			any = append(any, rel.F(rel.NotNull, rel.C(sc.alias, "profile_id")))
		}
	}
	q.Where = rel.F(rel.Or, any...)
	name := t.in.Build.Table(t.in.Entity, Provenance)
	return []Step{{Name: "traits: provenance", Do: []rel.Statement{
		rel.CreateTable{Name: name, As: q, Comment: "the rows that the traits of " + t.in.Entity + " profiles come from"},
		rel.Analyze{Name: name},
	}}}
}
