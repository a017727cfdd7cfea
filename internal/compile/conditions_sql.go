package compile

import (
	"fmt"
	"slices"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// expression is a condition in the warehouse's own SQL: true where that is true, false elsewhere.
// It is computed where nothing but the profiles' columns can be named.
func (c *conditions) expression(path, sql string) rel.Expr {
	if what, fix := models.ExpressionProblem(sql, c.entity.TraitNames()); what != "" {
		return c.fail(diag.Problem{Path: path + ".sql", Code: "models.sql", What: "sql is not one expression: " + what, Fix: fix})
	}
	truth := rel.Case{Whens: []rel.When{{If: rel.RawExpr{SQL: sql}, Then: rel.B(true)}}, Else: rel.B(false)}
	if !c.inline {
		return c.raw(truth)
	}
	return c.scans.askQuery("sql", rel.Select{
		Columns: []rel.Column{rel.As("profile_id", rel.C("p", "profile_id")), rel.As("v", truth)},
		From:    rel.Table{Name: c.in.Build.Table(c.in.Entity, Profiles), Alias: "p"},
	})
}

// raw computes an expression beside the profiles' columns, below everything else of the flags.
func (f *flags) raw(e rel.Expr) rel.Expr {
	i := slices.IndexFunc(f.raws, func(r rel.Expr) bool { return fmt.Sprintf("%#v", r) == fmt.Sprintf("%#v", e) })
	if i < 0 {
		i = len(f.raws)
		f.raws = append(f.raws, e)
	}
	return rel.C("p", fmt.Sprintf("x%d", i+1))
}

// profiles is where the flags find the profiles: their table, or with sql conditions a query of what
// is used of it and of their truth. The names of traits are not those of the flags' own columns
// there, so these come from outside of the reach of a trait that is called alike.
func (f *flags) profiles(in Input) rel.Relation {
	table := rel.Table{Name: in.Build.Table(in.Entity, Profiles), Alias: "p"}
	if len(f.raws) == 0 {
		return table
	}
	q := rel.Select{From: table}
	for _, name := range append([]string{"profile_id", "anonymous"}, f.traits...) {
		q.Columns = append(q.Columns, rel.As(name, rel.C("p", name)))
	}
	for i, e := range f.raws {
		q.Columns = append(q.Columns, rel.As(fmt.Sprintf("weir_x%d", i+1), e))
	}
	return rel.Sub{Query: q, Alias: "p"}
}
