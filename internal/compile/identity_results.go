package compile

import (
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

// results makes the tables of identity that stay, beside clusters, sequence and merges.
func (x *identity) results() {
	found := from(x.work("found"), "f")
	node := join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("f", "node")))
	profile := join(rel.Inner, from(x.table(Clusters), "c"), eq(rel.C("c", "cluster"), rel.C("f", "cluster")))
	do := keep(x.table(Identifiers), rel.Select{
		Columns: []rel.Column{rel.As("type", x.typeOf(rel.C("n", "rank"))), same("n", "value"), same("c", "profile_id"),
			same("n", "first_seen"), same("n", "last_seen"), rel.As("source", x.sourceName(rel.C("n", "src")))},
		From: found, Joins: []rel.Join{node, profile},
	})
	do = append(do, keep(x.table(Nodes), rel.Select{
		Columns: []rel.Column{same("n", "node"), rel.As("type", x.typeOf(rel.C("n", "rank"))), same("n", "value"),
			rel.As("status", rel.Case{Whens: []rel.When{{If: isNull(rel.C("f", "cluster")), Then: rel.T("shared")}}, Else: rel.T("active")}),
			same("n", "first_seen"), same("n", "last_seen"), same("n", "seen")},
		From: found, Joins: []rel.Join{node},
	})...)
	do = append(do, keep(x.table(Map), rel.Select{Columns: []rel.Column{same("f", "node"), same("f", "component"), same("f", "cluster")}, From: found})...)
	tuples := rel.Select{Columns: []rel.Column{rel.As("source", x.sourceName(rel.C("t", "src")))}, From: from(x.work("tuples"), "t")}
	for rank, id := range x.ids {
		tuples.Columns = append(tuples.Columns, rel.As("node_"+id.Type, rel.C("t", ranked("n", rank))))
	}
	for _, c := range seenColumns {
		tuples.Columns = append(tuples.Columns, same("t", c))
	}
	do = append(do, keep(x.table(Tuples), tuples)...)
	do = append(do, keep(x.table(Records), rel.Select{
		Columns: []rel.Column{rel.As("source", x.sourceName(rel.C("r", "src"))), same("r", "key"), same("c", "profile_id")},
		From:    from(x.work("rec"), "r"), Joins: []rel.Join{join(rel.Inner, from(x.table(Clusters), "c"), eq(rel.C("c", "cluster"), rel.C("r", "cluster")))},
	})...)
	for _, s := range x.sources {
		if !s.events() {
			continue
		}
		q := rel.Select{From: from(x.work("own", s.n), "o"), Joins: []rel.Join{join(rel.Left, from(x.table(Clusters), "c"), eq(rel.C("c", "cluster"), rel.C("o", "cluster")))}}
		for _, id := range s.ids {
			q.Columns = append(q.Columns, rel.As(id.Type, rel.C("o", ranked("r", id.rank))))
		}
		q.Columns = append(q.Columns, same("c", "profile_id"))
		do = append(do, keep(x.table(Owners(s.Name)), q)...)
	}
	x.step("tables", append(do, keep(x.table(DroppedLinks), x.droppedQuery())...)...)
}

// droppedQuery lists what was kept from joining people, with the rule.
func (x *identity) droppedQuery() rel.Query {
	row := func(typ, value, rule, profile, detail rel.Expr) []rel.Column {
		return []rel.Column{rel.As("type", typ), rel.As("value", value), rel.As("rule", rule), rel.As("profile_id", profile), rel.As("detail", detail)}
	}
	var refused []rel.Query
	for _, s := range x.sources {
		for _, id := range s.ids {
			refused = append(refused, rel.Select{
				Columns: []rel.Column{rel.As("type", rel.T(id.Type)), rel.As("value", rel.C("n", ranked("r", id.rank))), rel.As("rule", rel.C("n", ranked("x", id.rank))), same("n", "seen")},
				From:    from(x.work("norm", s.n), "n"), Where: notNull(rel.C("n", ranked("x", id.rank)))})
		}
	}
	var all []rel.Query
	if len(refused) > 0 {
		r := func(name string) rel.Expr { return rel.C("r", name) }
		all = append(all, rel.Select{
			Columns: row(r("type"), r("value"), r("rule"), rel.Null(models.Text), rel.F(rel.Concat, rel.T("rows: "), digits(sum(r("seen"))))),
			From:    rel.Sub{Query: union(refused), Alias: "r"}, GroupBy: []rel.Expr{r("type"), r("value"), r("rule")},
		})
	}
	all = append(all, rel.Select{
		Columns: row(x.typeOf(rel.C("n", "rank")), rel.C("n", "value"), rel.T("max_links"), rel.Null(models.Text),
			rel.F(rel.Concat, rel.T("seen with "), digits(rel.C("s", "links")), rel.T(" values of "), x.typeOf(rel.C("s", "by_rank")), rel.T(", the most is "), digits(rel.C("s", "allowed")))),
		From: from(x.work("shared"), "s"), Joins: []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("s", "node")))},
	})
	if x.limited() {
		all = append(all, rel.Select{
			Columns: row(x.typeOf(rel.C("b", "rank")), rel.C("b", "value"), rel.T("limit"), rel.C("c", "profile_id"),
				rel.F(rel.Concat, rel.T("kept from "), x.typeOf(rel.C("a", "rank")), rel.T(" "), rel.C("a", "value"))),
			From: from(x.work("near"), "p"),
			Joins: []rel.Join{
				join(rel.Inner, from(x.work("found"), "u"), eq(rel.C("u", "node"), rel.C("p", "u"))),
				join(rel.Inner, from(x.work("found"), "v"), eq(rel.C("v", "node"), rel.C("p", "v"))),
				join(rel.Inner, from(x.work("nodes"), "a"), eq(rel.C("a", "node"), rel.C("p", "u"))),
				join(rel.Inner, from(x.work("nodes"), "b"), eq(rel.C("b", "node"), rel.C("p", "v"))),
				join(rel.Left, from(x.table(Clusters), "c"), eq(rel.C("c", "cluster"), rel.C("u", "cluster"))),
			},
			Where: rel.F(rel.Ne, rel.C("u", "cluster"), rel.C("v", "cluster")),
		})
	}
	contested := rel.Select{
		Columns: row(x.typeOf(rel.C("n", "rank")), rel.C("n", "value"), rel.T("contested"), rel.Null(models.Text), rel.T("seen with several profiles")),
		From:    from(x.work("found"), "f"),
		Joins: []rel.Join{join(rel.Inner, from(x.work("nodes"), "n"), eq(rel.C("n", "node"), rel.C("f", "node"))),
			join(rel.Left, from(x.work("hubs"), "h"), eq(rel.C("h", "node"), rel.C("f", "node")))},
		Where: rel.F(rel.And, isNull(rel.C("f", "cluster")), isNull(rel.C("h", "node"))),
	}
	return union(append(all, contested))
}

// limited reports whether any limit can be broken.
func (x *identity) limited() bool {
	return len(x.linking()) > 1 && len(x.ranks(func(id *models.Identifier) bool { return id.Limit.Max > 0 && id.Role != "attach" })) > 0
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
		r := from(x.work("own", s.n), "o")
		rows = append(rows, rel.Select{Columns: []rel.Column{rel.As("n", sum(rel.C("o", "seen")))}, From: r})
		if s.events() {
			unowned = append(unowned, rel.Select{Columns: []rel.Column{rel.As("n", sum(rel.C("o", "seen")))}, From: r, Where: isNull(rel.C("o", "cluster"))})
			continue
		}
		key, _ := rowKey(x.in, s.Source)
		keyless = append(keyless, rel.Select{Columns: []rel.Column{rel.As("n", count())}, From: sourceRelation(s.Source, rowAlias), Where: isNull(key)})
	}
	total := func(name string, qs []rel.Query) Stat {
		if len(qs) == 0 {
			return Stat{Name: name, Query: rel.Select{Columns: []rel.Column{rel.As("n", rel.I(0))}}}
		}
		return one(name, sum(rel.C("q", "n")), rel.Sub{Query: union(qs), Alias: "q"}, nil)
	}
	sizes := rel.Select{Columns: []rel.Column{rel.As("k", count())}, From: from(x.table(Identifiers), "i"), GroupBy: []rel.Expr{rel.C("i", "profile_id")}}
	stats := []Stat{
		one(StatProfiles, count(), from(x.table(Clusters), "c"), nil),
		total(StatRows, rows), total(StatUnowned, unowned), total(StatKeyless, keyless),
		one(StatLargest, rel.F(rel.Coalesce, greatest(rel.C("s", "k")), rel.I(0)), rel.Sub{Query: sizes, Alias: "s"}, nil),
	}
	for _, kind := range []string{"new", "merge", "split"} {
		stats = append(stats, one("merges."+kind, count(), from(x.table(Merges), "m"),
			rel.F(rel.And, eq(rel.C("m", "build"), rel.T(x.in.Build.ID)), eq(rel.C("m", "kind"), rel.T(kind)))))
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
