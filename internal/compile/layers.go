package compile

import (
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
)

// A layered table is too large to be written again by a build that changes little of it. It is a
// view over two tables that are never changed: the base, which a full build made, and the delta,
// the rows that differ from the base by now. A row of the delta takes the place of that with the
// same key in the base, or with gone = 1 removes it. Each build writes the whole delta, which is
// what makes a build one consistent thing that can be read while the next is made; when the deltas
// have grown to a part of the base that is felt, the next build writes a base again.
//
// Where a few narrow columns change on their own, and often, a third table has the key and these:
// the patch. It lies over the other two, so that wide rows need not be read to be written again.
//
// What a layered table `what` consists of, as `what` of Build.Table:
const (
	baseOf  = "_base"
	deltaOf = "_delta"
	patchOf = "_patch"
)

// layered describes a layered table.
type layered struct {
	what    string
	key     string       // integer column; "" for a table that only grows
	columns []string     // as stored
	light   []string     // of these, the ones that a patch has
	shown   []rel.Column // what the view adds, over the alias t
	changed rel.Name     // of a temporary table for changes that are read more than once
}

// write makes the table of this build from its changes: rows of the stored columns and, of a table
// with a key in a build that goes on from another, gone. Where only the light columns differ, patches
// has rows of the key and these, which are read more than once; it is nil for a table without.
func (x *identity) write(l layered, changes, patches rel.Query) []rel.Statement {
	stored := func(alias string, r rel.Relation, where rel.Expr, more ...rel.Column) rel.Select {
		q := rel.Select{From: r, Where: where}
		for _, c := range l.columns {
			q.Columns = append(q.Columns, same(alias, c))
		}
		q.Columns = append(q.Columns, more...)
		return q
	}
	changed := func(where rel.Expr, more ...rel.Column) rel.Query {
		return stored("c", rel.Sub{Query: changes, Alias: "c"}, where, more...)
	}
	keyed := l.key != "" && x.goesOn
	var do []rel.Statement
	var rows rel.Query
	if x.rebase {
		if keyed {
			do = temp(l.changed, changes)
			changes = rel.Select{From: from(l.changed, "g"), Columns: append(columnsOf("g", l.columns), same("g", "gone"))}
		}
		all := []rel.Query{changed(nil)}
		if keyed {
			all[0] = changed(eq(rel.C("c", "gone"), rel.I(0)))
		}
		// A history is kept by a build from nothing too.
		if x.goesOn || l.key == "" && !x.first() {
			var unchanged rel.Expr
			if keyed {
				unchanged = missing(changes, l.key, rel.C("p", l.key))
			}
			old := stored("p", from(x.before(l.what), "p"), unchanged)
			if patches != nil {
				old = l.patched(old, "p", rel.Sub{Query: patches, Alias: "o"})
			}
			all = append(all, old)
		}
		base := x.table(l.what + baseOf)
		do = append(do, keep(base, union(all))...)
		rows = stored("b", from(base, "b"), nil)
	} else {
		base := Build{Schema: x.in.Build.Schema, ID: x.in.State.Base}.Table(x.in.Entity, l.what+baseOf)
		delta := x.table(l.what + deltaOf)
		flag := func(alias string) []rel.Column {
			if l.key == "" {
				return nil
			}
			return []rel.Column{same(alias, "gone")}
		}
		further := x.in.Previous.ID != x.in.State.Base
		do = []rel.Statement{rel.CreateTable{Name: delta, As: changed(nil, flag("c")...)}}
		if patches != nil {
			do = append(do, x.patch(l, delta, patches, further)...)
		}
		if further { // what lay over the base before, and is not what has just been written
			old := stored("d", from(x.before(l.what+deltaOf), "d"), nil, flag("d")...)
			if l.key != "" {
				old.Where = rel.F(rel.Not, inTable(delta, l.key, rel.C("d", l.key)))
			}
			do = append(do, rel.Insert{Into: delta, Columns: namesOf(old.Columns), From: old})
		}
		do = append(do, rel.Analyze{Name: delta})
		var unchanged, there rel.Expr
		if l.key != "" {
			unchanged = rel.F(rel.Not, inTable(delta, l.key, rel.C("b", l.key)))
			there = eq(rel.C("d", "gone"), rel.I(0))
		}
		rows = union([]rel.Query{stored("b", from(base, "b"), unchanged), stored("d", from(delta, "d"), there)})
		if patches != nil {
			rows = l.patched(stored("r", rel.Sub{Query: rows, Alias: "r"}, nil), "r", from(x.table(l.what+patchOf), "o"))
		}
	}
	view := rel.Select{From: rel.Sub{Query: rows, Alias: "t"}}
	for _, c := range l.columns {
		view.Columns = append(view.Columns, same("t", c))
	}
	view.Columns = append(view.Columns, l.shown...)
	return append(do, rel.CreateView{Name: x.table(l.what), As: view})
}

// patch makes the patch of this build. What has been written to the delta needs none.
func (x *identity) patch(l layered, delta rel.Name, patches rel.Query, further bool) []rel.Statement {
	patch := x.table(l.what + patchOf)
	columns := append([]string{l.key}, l.light...)
	do := []rel.Statement{rel.CreateTable{Name: patch, As: rel.Select{From: rel.Sub{Query: patches, Alias: "o"}, Columns: columnsOf("o", columns)}}}
	if further {
		there := func(name rel.Name) rel.Expr { return inTable(name, l.key, rel.C("o", l.key)) }
		do = append(do, rel.Insert{Into: patch, Columns: columns, From: rel.Select{From: from(x.before(l.what+patchOf), "o"), Columns: columnsOf("o", columns),
			Where: rel.F(rel.And, rel.F(rel.Not, there(patch)), rel.F(rel.Not, there(delta)))}})
	}
	return append(do, rel.Analyze{Name: patch})
}

// namesOf are the names of columns.
func namesOf(columns []rel.Column) []string {
	var out []string
	for _, c := range columns {
		out = append(out, c.As)
	}
	return out
}

// patched lays a patch, under the alias o, over rows of the stored columns.
func (l layered) patched(q rel.Select, alias string, patch rel.Relation) rel.Select {
	q.Joins = append(q.Joins, join(rel.Left, patch, eq(rel.C("o", l.key), rel.C(alias, l.key))))
	for i, c := range q.Columns {
		if slices.Contains(l.light, c.As) {
			q.Columns[i].Expr = rel.Case{Whens: []rel.When{{If: isNull(rel.C("o", l.key)), Then: c.Expr}}, Else: rel.C("o", c.As)}
		}
	}
	return q
}

// few reads rows of a layered table of the build in force, of which the joins and the test of a query
// leave few: q is without From, and has the table as p. Base and delta are searched each by itself, so
// that rows are few before they are put together. The test has no light columns; where q shows one
// it shows the key too.
func (x *identity) few(l layered, q rel.Select) rel.Query {
	base := Build{Schema: x.in.Build.Schema, ID: x.in.State.Base}.Table(x.in.Entity, l.what+baseOf)
	q.From = from(base, "p")
	if x.in.Previous.ID == x.in.State.Base {
		return q
	}
	delta := x.before(l.what + deltaOf)
	key := rel.C("p", l.key)
	under, over := q, q
	under.Where = and(append(present(q.Where), rel.F(rel.Not, inTable(delta, l.key, key))))
	over.From, over.Where = from(delta, "p"), and(append(present(q.Where), eq(rel.C("p", "gone"), rel.I(0))))
	both := union([]rel.Query{under, over})
	out := rel.Select{From: rel.Sub{Query: both, Alias: "p"}}
	light := false
	for _, c := range q.Columns {
		e := rel.Expr(rel.C("p", c.As))
		for _, name := range l.light {
			if c.Expr == rel.C("p", name) {
				light = true
				e = rel.Case{Whens: []rel.When{{If: isNull(rel.C("o", l.key)), Then: e}}, Else: rel.C("o", name)}
			}
		}
		out.Columns = append(out.Columns, rel.As(c.As, e))
	}
	if !light {
		return both
	}
	out.Joins = []rel.Join{join(rel.Left, from(x.before(l.what+patchOf), "o"), eq(rel.C("o", l.key), key))}
	return out
}

// topOf is the largest key of a layered table of the build in force, as top of u; 0 if it is empty. Keys
// of rows that are gone count too, and nothing is laid over anything.
func (x *identity) topOf(l layered) rel.Sub {
	keys := func(part rel.Name) rel.Query {
		return rel.Select{Columns: []rel.Column{rel.As("top", rel.C("p", l.key))}, From: from(part, "p")}
	}
	parts := []rel.Query{keys(Build{Schema: x.in.Build.Schema, ID: x.in.State.Base}.Table(x.in.Entity, l.what+baseOf))}
	if x.in.Previous.ID != x.in.State.Base {
		parts = append(parts, keys(x.before(l.what+deltaOf)))
	}
	return rel.Sub{Alias: "u", Query: rel.Select{Columns: []rel.Column{rel.As("top", rel.F(rel.Coalesce, greatest(rel.C("k", "top")), rel.I(0)))},
		From: rel.Sub{Query: union(parts), Alias: "k"}}}
}

// missing is true where no row of a query has the key.
func missing(q rel.Query, key string, is rel.Expr) rel.Expr {
	return rel.F(rel.Not, rel.Exists{Query: rel.Select{
		Columns: []rel.Column{rel.As("one", rel.I(1))},
		From:    rel.Sub{Query: q, Alias: "w"}, Where: eq(rel.C("w", key), is),
	}})
}

// inTable is true where some row of a table has the key.
func inTable(name rel.Name, key string, is rel.Expr) rel.Expr {
	return rel.Exists{Query: rel.Select{
		Columns: []rel.Column{rel.As("one", rel.I(1))},
		From:    from(name, "w"), Where: eq(rel.C("w", key), is),
	}}
}

// Combos names the layered table of the combinations of identifiers in a source: for events the
// distinct ones with what is counted of them, for records one per row.
func Combos(source string) string { return "combos_" + source }

// The views of a build that read other views, and those that read tables: a warehouse that minds
// wants them dropped in this order, before the tables.
var (
	upperViews = []string{Identifiers, Records, Tuples, Map}
	lowerViews = []string{Nodes, Clusters, Merges}
)

// Rank says in which order the relations of a build are dropped, and whether one is a view:
// 0 and 1 are views, 2 is a table.
func Rank(what string) int {
	is := func(names []string, prefix string) bool {
		for _, n := range names {
			if n == what {
				return true
			}
		}
		return strings.HasPrefix(what, prefix) && bareOf(what) == what
	}
	switch {
	case is(upperViews, Owners("")):
		return 0
	case is(lowerViews, Combos("")):
		return 1
	}
	return 2
}

// Made reports whether a build makes a relation of that name, as `what` of Build.Table.
func Made(what string) bool {
	bare := bareOf(what)
	for _, n := range BuildTables {
		if n == bare {
			return true
		}
	}
	return strings.HasPrefix(bare, Owners("")) || strings.HasPrefix(bare, Combos(""))
}

// bareOf is the layered table that a relation is part of, or else itself.
func bareOf(what string) string {
	for _, part := range []string{baseOf, deltaOf, patchOf} {
		if bare, ok := strings.CutSuffix(what, part); ok {
			return bare
		}
	}
	return what
}

// IsBase reports whether a relation, as `what` of Build.Table, is the base of a layered table.
func IsBase(what string) bool { return strings.HasSuffix(what, baseOf) }
