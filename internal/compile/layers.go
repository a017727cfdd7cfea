package compile

import (
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
// What a layered table `what` consists of, as `what` of Build.Table:
const (
	baseOf  = "_base"
	deltaOf = "_delta"
)

// layered describes a layered table.
type layered struct {
	what    string
	key     string       // integer column; "" for a table that only grows
	columns []string     // as stored
	shown   []rel.Column // what the view adds, over the alias t
}

// write makes the table of this build from its changes: rows of the stored columns and, of a table
// with a key in a build that goes on from another, gone. Changes is read more than once.
func (x *identity) write(l layered, changes rel.Query) []rel.Statement {
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
			all = append(all, stored("p", from(x.before(l.what), "p"), unchanged))
		}
		base := x.table(l.what + baseOf)
		do = keep(base, union(all))
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
		all := []rel.Query{changed(nil, flag("c")...)}
		if x.in.Previous.ID != x.in.State.Base {
			var unchanged rel.Expr
			if l.key != "" {
				unchanged = missing(changes, l.key, rel.C("d", l.key))
			}
			all = append(all, stored("d", from(x.before(l.what+deltaOf), "d"), unchanged, flag("d")...))
		}
		do = keep(delta, union(all))
		var unchanged, there rel.Expr
		if l.key != "" {
			unchanged = rel.F(rel.Not, inTable(delta, l.key, rel.C("b", l.key)))
			there = eq(rel.C("d", "gone"), rel.I(0))
		}
		rows = union([]rel.Query{stored("b", from(base, "b"), unchanged), stored("d", from(delta, "d"), there)})
	}
	view := rel.Select{From: rel.Sub{Query: rows, Alias: "t"}}
	for _, c := range l.columns {
		view.Columns = append(view.Columns, same("t", c))
	}
	view.Columns = append(view.Columns, l.shown...)
	return append(do, rel.CreateView{Name: x.table(l.what), As: view})
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
		return strings.HasPrefix(what, prefix) && !strings.HasSuffix(what, baseOf) && !strings.HasSuffix(what, deltaOf)
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
	bare := strings.TrimSuffix(strings.TrimSuffix(what, baseOf), deltaOf)
	for _, n := range BuildTables {
		if n == bare {
			return true
		}
	}
	return strings.HasPrefix(bare, Owners("")) || strings.HasPrefix(bare, Combos(""))
}

// IsBase reports whether a relation, as `what` of Build.Table, is the base of a layered table.
func IsBase(what string) bool { return strings.HasSuffix(what, baseOf) }
