package compile

import (
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// weak is whether an identifier type says which browser or machine was used, not who somebody is:
// one that only finds, or one that is called so.
func weak(id *models.Identifier) bool {
	if id.Role == "attach" {
		return true
	}
	for _, p := range []string{"anonymous", "cookie", "device"} {
		if strings.HasPrefix(id.Type, p) {
			return true
		}
	}
	return false
}

// nodeColumns are the columns of identifiers as they are stored.
var nodeColumns = []string{"node", "rank", "value", "src", "first_seen", "last_seen", "seen", "component", "cluster", "profile_id"}

// comparedColumns are those of them that a build may change, and node, which tells whether there was one.
var comparedColumns = []string{"node", "src", "first_seen", "last_seen", "seen", "component", "cluster", "profile_id"}

// results makes the tables of identity that stay, beside sequence and state.
func (x *identity) results() {
	x.clusters()
	t := func(name string) rel.Expr { return rel.C("t", name) }
	x.nodes()
	var records, tuples []rel.Query
	var do []rel.Statement
	for _, s := range x.sources {
		do = append(do, x.combos(s)...)
		own := rel.Select{From: from(x.table(Combos(s.Name)), "t")}
		tuple := rel.Select{From: from(x.table(Combos(s.Name)), "t"), Columns: []rel.Column{rel.As("source", rel.T(s.Name)), rel.As("key", rel.Null(models.Text))}}
		if !s.events() {
			tuple.Columns[1] = same("t", "key")
			records = append(records, rel.Select{Columns: []rel.Column{rel.As("source", rel.T(s.Name)), same("t", "key"), same("t", "profile_id")},
				From: from(x.table(Combos(s.Name)), "t"), Where: rel.F(rel.And, eq(t("nth"), rel.I(1)), notNull(t("profile_id")))})
		}
		node := map[int]rel.Expr{}
		for _, id := range s.ids {
			own.Columns = append(own.Columns, rel.As(id.Type, t(ranked("r", id.rank))))
			node[id.rank] = t(ranked("n", id.rank))
		}
		own.Columns = append(own.Columns, same("t", "profile_id"))
		if s.events() {
			do = append(do, rel.CreateView{Name: x.table(Owners(s.Name)), As: own})
		}
		for rank, id := range x.ids {
			tuple.Columns = append(tuple.Columns, rel.As("node_"+id.Type, either(append(present(node[rank]), rel.Null(models.Integer))...)))
		}
		for _, c := range []string{"node", "first_seen", "last_seen", "seen"} {
			tuple.Columns = append(tuple.Columns, same("t", c))
		}
		tuples = append(tuples, tuple)
	}
	if len(records) == 0 {
		records = append(records, rel.Select{Columns: []rel.Column{rel.As("source", rel.Null(models.Text)), rel.As("key", rel.Null(models.Text)), rel.As("profile_id", rel.Null(models.Text))}, Where: rel.B(false)})
	}
	do = append(do, rel.CreateView{Name: x.table(Records), As: union(records)}, rel.CreateView{Name: x.table(Tuples), As: union(tuples)})
	do = append(do, rel.CreateView{Name: x.table(Identifiers), As: rel.Select{
		Columns: []rel.Column{same("t", "type"), same("t", "value"), same("t", "profile_id"), same("t", "first_seen"), same("t", "last_seen"), same("t", "source")},
		From:    from(x.table(Nodes), "t"), Where: rel.F(rel.And, notNull(t("profile_id")), rel.F(rel.Ne, t("rank"), rel.I(int64(x.recordRank()))))}})
	do = append(do, rel.CreateView{Name: x.table(Map), As: rel.Select{
		Columns: []rel.Column{same("t", "node"), same("t", "component"), same("t", "cluster")}, From: from(x.table(Nodes), "t")}})
	x.step("tables", append(do, keep(x.table(DroppedLinks), x.droppedQuery())...)...)
}

// present is an expression if there is one.
func present(e rel.Expr) []rel.Expr {
	if e == nil {
		return nil
	}
	return []rel.Expr{e}
}

// clustersLayer is the table of profiles.
var clustersLayer = layered{what: Clusters, key: "cluster", columns: []string{"cluster", "number", "profile_id", "anonymous", "size"}}

// clusters makes the table of profiles, and that of what became of them.
func (x *identity) clusters() {
	columns := clustersLayer.columns
	made := rel.Select{From: from(x.work("ids"), "i")}
	for _, c := range columns {
		made.Columns = append(made.Columns, same("i", c))
	}
	changes := rel.Query(made)
	var do []rel.Statement
	x.profile = x.work("ids")
	if x.goesOn {
		made.Columns = append(made.Columns, rel.As("gone", rel.I(0)))
		gone := rel.Select{Columns: []rel.Column{same("o", "cluster"), same("o", "number"), same("o", "profile_id"), rel.As("anonymous", rel.Null(models.Boolean)), rel.As("size", rel.I(0)), rel.As("gone", rel.I(1))},
			From: from(x.work("olds"), "o"), Where: rel.F(rel.Not, inTable(x.work("ids"), "cluster", rel.C("o", "cluster")))}
		changed := []rel.Query{made, gone}
		if weak := x.ranks(func(id *models.Identifier) bool { return id.Role == "attach" }); len(weak) > 0 {
			do = append(do, temp(x.work("resized"), x.resized(weak))...)
			grown := rel.Select{Joins: []rel.Join{join(rel.Inner, from(x.work("resized"), "r"), eq(rel.C("r", "cluster"), rel.C("p", "cluster")))}}
			for _, c := range columns {
				grown.Columns = append(grown.Columns, same("p", c))
			}
			grown.Columns[len(columns)-1] = rel.As("size", rel.F(rel.Add, rel.C("p", "size"), rel.C("r", "more")))
			grown.Columns = append(grown.Columns, rel.As("gone", rel.I(0)))
			changed = append(changed, x.few(clustersLayer, grown))
		}
		changes = union(changed)
		// Neighbours that are not resolved again have the profiles that they had.
		x.profile = x.work("profile")
		p := func(name string) rel.Expr { return rel.C("p", name) }
		do = append(do, temp(x.profile, union([]rel.Query{
			rel.Select{Columns: []rel.Column{same("i", "cluster"), same("i", "profile_id")}, From: from(x.work("ids"), "i")},
			rel.Select{Distinct: true, Columns: []rel.Column{same("p", "cluster"), same("p", "profile_id")}, From: from(x.work("prior"), "p"),
				Where: rel.F(rel.And, notNull(p("profile_id")), notNull(p("cluster")), rel.F(rel.Not, inTable(x.work("olds"), "cluster", p("cluster"))),
					rel.F(rel.Not, inTable(x.work("ids"), "cluster", p("cluster"))))},
		}))...)
	}
	l := clustersLayer
	l.changed = x.work("profiles_changed")
	do = append(do, x.write(l, changes, nil)...)
	events := []string{"at", "kind", "from_id", "to_id", "type", "value", "build"}
	do = append(do, x.write(layered{what: Merges, columns: events}, rel.Select{Columns: columnsOf("e", events), From: from(x.work("events"), "e")}, nil)...)
	x.step("profiles with ids", do...)
}

// resized lists the profiles that are not resolved again and yet get or lose identifiers: those that
// only find may come to them and leave them without joining anything. Columns: cluster, more.
func (x *identity) resized(weak []int) rel.Query {
	n, p := func(name string) rel.Expr { return rel.C("n", name) }, func(name string) rel.Expr { return rel.C("p", name) }
	found := join(rel.Inner, from(x.found, "f"), eq(rel.C("f", "node"), n("node")))
	moved := func(cluster rel.Expr, more int64) rel.Query {
		return rel.Select{Columns: []rel.Column{rel.As("cluster", cluster), rel.As("more", rel.I(more))}, From: from(x.work("nodes"), "n"), Joins: []rel.Join{found},
			Where: rel.F(rel.And, x.rankIn(n("rank"), weak), notNull(cluster), rel.F(rel.Distinct, rel.C("f", "cluster"), n("was_cluster")))}
	}
	gone := rel.Select{Columns: []rel.Column{same("p", "cluster"), rel.As("more", rel.I(-1))}, From: from(x.work("prior"), "p"),
		Joins: []rel.Join{join(rel.Inner, from(x.work("touch"), "t"), eq(rel.C("t", "node"), p("node")), eq(rel.C("t", "gone"), rel.I(1)))},
		Where: rel.F(rel.And, x.rankIn(p("rank"), weak), notNull(p("cluster")), rel.F(rel.Not, inTable(x.work("nodes"), "node", p("node"))))}
	m := func(name string) rel.Expr { return rel.C("m", name) }
	return rel.Select{Columns: []rel.Column{same("m", "cluster"), rel.As("more", sum(m("more")))},
		From:    rel.Sub{Query: union([]rel.Query{moved(rel.C("f", "cluster"), 1), moved(n("was_cluster"), -1), gone}), Alias: "m"},
		Where:   rel.F(rel.And, rel.F(rel.Not, inTable(x.work("ids"), "cluster", m("cluster"))), rel.F(rel.Not, inTable(x.work("olds"), "cluster", m("cluster")))),
		GroupBy: []rel.Expr{m("cluster")}, Having: rel.F(rel.Ne, sum(m("more")), rel.I(0))}
}

func columnsOf(alias string, names []string) []rel.Column {
	var out []rel.Column
	for _, n := range names {
		out = append(out, same(alias, n))
	}
	return out
}

// nodesLayer is the table of identifiers.
func (x *identity) nodesLayer() layered {
	t := func(name string) rel.Expr { return rel.C("t", name) }
	return layered{what: Nodes, key: "node", columns: nodeColumns, changed: x.work("nodes_changed"), shown: []rel.Column{
		rel.As("type", x.typeOf(t("rank"))), rel.As("source", x.sourceName(t("src"))),
		rel.As("status", rel.Case{Whens: []rel.When{{If: isNull(t("cluster")), Then: rel.T("shared")}}, Else: rel.T("active")})}}
}

// nodes makes the table of identifiers.
func (x *identity) nodes() {
	l := x.nodesLayer()
	q := rel.Select{From: from(x.work("nodes"), "n"), Joins: []rel.Join{
		join(rel.Inner, from(x.found, "f"), eq(rel.C("f", "node"), rel.C("n", "node"))),
		join(rel.Left, from(x.profile, "c"), eq(rel.C("c", "cluster"), rel.C("f", "cluster")))}}
	of := map[string]string{"component": "f", "cluster": "f", "profile_id": "c"}
	for _, c := range nodeColumns {
		alias := of[c]
		if alias == "" {
			alias = "n"
		}
		q.Columns = append(q.Columns, same(alias, c))
	}
	if !x.goesOn {
		x.step("identifiers with profiles", x.write(l, q, nil)...)
		return
	}
	// Only what differs is written.
	differs := []rel.Expr{isNull(rel.C("n", "was_node"))}
	for _, c := range q.Columns {
		if c.As != "node" && slices.Contains(comparedColumns, c.As) {
			differs = append(differs, rel.F(rel.Distinct, c.Expr, rel.C("n", "was_"+c.As)))
		}
	}
	q.Where = or(differs)
	q.Columns = append(q.Columns, rel.As("gone", rel.I(0)))
	gone := rel.Select{From: from(x.work("prior"), "p"), Columns: append(columnsOf("p", nodeColumns), rel.As("gone", rel.I(1))),
		Joins: []rel.Join{join(rel.Inner, from(x.work("touch"), "t"), eq(rel.C("t", "node"), rel.C("p", "node")), eq(rel.C("t", "gone"), rel.I(1)))},
		Where: rel.F(rel.Not, inTable(x.work("nodes"), "node", rel.C("p", "node")))}
	changes := []rel.Query{q, gone}
	var do []rel.Statement
	if x.grows() {
		do = x.follow()
		changes = append(changes, rel.Select{From: from(x.work("follow"), "f"), Columns: append(columnsOf("f", nodeColumns), rel.As("gone", rel.I(0)))})
	}
	x.step("identifiers with profiles", append(do, x.write(l, union(changes), nil)...)...)
}

// combosLayer is the table of a source's combinations.
func (x *identity) combosLayer(s identitySource) layered {
	owner := []string{"node", "profile_id"}
	return layered{what: Combos(s.Name), key: "combo", columns: append(x.stored(s), owner...), light: owner, changed: x.work("combos_changed", s.n)}
}

// combos makes it.
func (x *identity) combos(s identitySource) []rel.Statement {
	l, stored := x.combosLayer(s), x.stored(s)
	owned := rel.Select{From: from(x.part(s), "q"), Joins: []rel.Join{join(rel.Inner, from(x.work("own", s.n), "o"), eq(rel.C("o", "combo"), rel.C("q", "combo"))),
		join(rel.Left, from(x.profile, "c"), eq(rel.C("c", "cluster"), rel.C("o", "cluster")))}}
	if !x.goesOn {
		if s.events() {
			return x.write(l, x.withTexts(s, owned), nil)
		}
		owned.Columns = append(columnsOf("q", stored), same("o", "node"), same("c", "profile_id"))
		return x.write(l, owned, nil)
	}
	owned = rel.Select{From: from(x.work("own", s.n), "o"), Joins: []rel.Join{join(rel.Left, from(x.profile, "c"), eq(rel.C("c", "cluster"), rel.C("o", "cluster")))},
		Columns: []rel.Column{same("o", "combo"), same("o", "changed"), same("o", "node"), same("c", "profile_id")},
		Where: rel.F(rel.Or, eq(rel.C("o", "changed"), rel.I(1)), rel.F(rel.Distinct, rel.C("o", "node"), rel.C("o", "was_node")),
			rel.F(rel.Distinct, rel.C("c", "profile_id"), rel.C("o", "was")))}
	all := rel.Query(owned)
	if x.grows() {
		all = union([]rel.Query{owned, x.followed(s)})
	}
	do := temp(x.work("owned", s.n), all)
	changed := rel.Select{From: from(x.work("upd", s.n), "u"),
		Joins:   []rel.Join{join(rel.Left, from(x.work("owned", s.n), "o"), eq(rel.C("o", "combo"), rel.C("u", "combo")))}, // what is gone has no owner
		Columns: append(columnsOf("u", stored), same("o", "node"), same("o", "profile_id"), same("u", "gone"))}
	return append(do, x.write(l, changed,
		rel.Select{From: from(x.work("owned", s.n), "o"), Columns: columnsOf("o", append([]string{"combo"}, l.light...)), Where: eq(rel.C("o", "changed"), rel.I(0))})...)
}

// The numbers that identity tells of a build, beside one per rule and per type.
const (
	StatProfiles = "profiles"
	StatRows     = "records"         // rows read, of all sources
	StatUnowned  = "events.unowned"  // events that belong to nobody
	StatKeyless  = "records.keyless" // records without a key
	StatLargest  = "profile.largest" // identifiers of the largest profile
	StatNew      = "merges.new"      // profiles that are new in this build
	StatMerged   = "merges.merge"    // profiles of before that were merged away
	StatSplit    = "merges.split"    // profiles split off
	StatBefore   = "profiles.before" // profiles of the build in force
	StatDropped  = "dropped."        // and a rule: rows of dropped_links
	StatInvalid  = "invalid."        // and an identifier type: values that have no normal form
)

// Rules are the rules of dropped_links.
var Rules = []string{"junk", "ignore", "invalid", "max_links", "limit", "contested"}

func (x *identity) stats() []Stat {
	one := func(name string, e rel.Expr, r rel.Relation, where rel.Expr) Stat {
		return Stat{Name: name, Query: rel.Select{Columns: []rel.Column{rel.As("n", e)}, From: r, Where: where}}
	}
	var rows, unowned, keyless []rel.Query
	for _, s := range x.sources {
		r := from(x.table(Combos(s.Name)), "o")
		seen := func(where rel.Expr) rel.Query {
			return rel.Select{Columns: []rel.Column{rel.As("n", sum(rel.C("o", "seen")))}, From: r, Where: where}
		}
		rows = append(rows, seen(nil))
		if s.events() {
			unowned = append(unowned, seen(isNull(rel.C("o", "profile_id"))))
		} else {
			keyless = append(keyless, seen(isNull(rel.C("o", "key"))))
		}
	}
	total := func(name string, qs []rel.Query) Stat {
		if len(qs) == 0 {
			return Stat{Name: name, Query: rel.Select{Columns: []rel.Column{rel.As("n", rel.I(0))}}}
		}
		return one(name, sum(rel.C("q", "n")), rel.Sub{Query: union(qs), Alias: "q"}, nil)
	}
	stats := []Stat{
		one(StatProfiles, count(), from(x.table(Clusters), "c"), nil),
		total(StatRows, rows), total(StatUnowned, unowned), total(StatKeyless, keyless),
		one(StatLargest, rel.F(rel.Coalesce, greatest(rel.C("c", "size")), rel.I(0)), from(x.table(Clusters), "c"), nil),
	}
	for _, kind := range []string{"new", "merge", "split"} {
		stats = append(stats, one("merges."+kind, count(), from(x.work("events"), "m"), eq(rel.C("m", "kind"), rel.T(kind))))
	}
	if !x.first() {
		stats = append(stats, one(StatBefore, count(), from(x.before(Clusters), "c"), nil))
	}
	d := from(x.table(DroppedLinks), "d")
	for _, rule := range Rules {
		stats = append(stats, one(StatDropped+rule, count(), d, eq(rel.C("d", "rule"), rel.T(rule))))
	}
	for _, id := range x.ids {
		stats = append(stats, one(StatInvalid+id.Type, count(), d,
			rel.F(rel.And, eq(rel.C("d", "rule"), rel.T("invalid")), eq(rel.C("d", "type"), rel.T(id.Type)))))
	}
	return stats
}
