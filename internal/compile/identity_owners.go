package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// owners says whose the rows are. A row belongs to the cluster of its strongest identifier that
// has one. A row of a source of records without any is alone, and named by its key; an event
// without any is nobody's.
//
//	own_<n>   r_<rank> …, seen, cluster (NULL for none), per source
//	rec       src, key, cluster: every key of the sources of records once
//	live      cluster: those that own rows
func (x *identity) owners() {
	var owned, keys, alone []rel.Query
	x.step("owners", temp(x.work("nobody"), rel.Select{Columns: []rel.Column{same("f", "node")}, From: from(x.work("found"), "f"), Where: isNull(rel.C("f", "cluster"))})...)
	for _, s := range x.sources {
		q := rel.Select{From: from(x.work("ids", s.n), "q")}
		var nodes []rel.Expr
		for _, id := range s.ids {
			q.Columns = append(q.Columns, same("q", ranked("r", id.rank)))
			node := rel.Expr(rel.C("q", ranked("n", id.rank)))
			if len(id.MaxLinks) > 0 || id.Role == "attach" { // others always find somebody
				u := ranked("u", id.rank)
				q.Joins = append(q.Joins, join(rel.Left, from(x.work("nobody"), u), eq(rel.C(u, "node"), node)))
				node = rel.Case{Whens: []rel.When{{If: isNull(rel.C(u, "node")), Then: node}}}
			}
			nodes = append(nodes, node)
		}
		cluster := rel.Expr(rel.Null(models.Integer))
		if len(nodes) > 0 {
			q.Joins = append(q.Joins, join(rel.Left, from(x.work("found"), "f"), eq(rel.C("f", "node"), either(nodes...))))
			cluster = rel.C("f", "cluster")
		}
		q.Columns = append(q.Columns, same("q", "seen"), rel.As("cluster", cluster))
		x.step("owners of "+s.Name, temp(x.work("own", s.n), q)...)
		owned = append(owned, rel.Select{Distinct: true, Columns: []rel.Column{same("o", "cluster")}, From: from(x.work("own", s.n), "o"), Where: notNull(rel.C("o", "cluster"))})
		if !s.events() {
			keys = append(keys, x.keysQuery(s))
		}
	}
	noKeys := rel.Select{Columns: []rel.Column{rel.As("src", rel.I(0)), rel.As("key", rel.T("")), rel.As("cluster", rel.I(0))}, Where: rel.B(false)}
	if len(keys) == 0 {
		keys = append(keys, noKeys)
	}
	do := temp(x.work("keys"), union(keys))
	// Rows that are alone get clusters beyond the nodes', in the order of their keys.
	top := rel.Select{Columns: []rel.Column{rel.As("top", rel.F(rel.Coalesce, greatest(rel.C("n", "node")), rel.I(0)))}, From: from(x.work("nodes"), "n")}
	single := rel.Select{
		Columns: []rel.Column{same("k", "src"), same("k", "key"), rel.As("cluster", rel.F(rel.Add, rel.C("t", "top"),
			rel.Over{Rank: rel.RowNumber, OrderBy: []rel.Order{{Expr: rel.C("k", "src")}, {Expr: text(rel.C("k", "key"))}}}))},
		From: from(x.work("keys"), "k"), Joins: []rel.Join{{Kind: rel.Cross, Rel: rel.Sub{Query: top, Alias: "t"}}},
		Where: isNull(rel.C("k", "cluster")),
	}
	do = append(do, temp(x.work("alone"), single)...)
	alone = []rel.Query{
		rel.Select{Columns: []rel.Column{same("k", "src"), same("k", "key"), same("k", "cluster")}, From: from(x.work("keys"), "k"), Where: notNull(rel.C("k", "cluster"))},
		rel.Select{Columns: []rel.Column{same("a", "src"), same("a", "key"), same("a", "cluster")}, From: from(x.work("alone"), "a")},
	}
	do = append(do, temp(x.work("rec"), union(alone))...)
	owned = append(owned, rel.Select{Distinct: true, Columns: []rel.Column{same("r", "cluster")}, From: from(x.work("rec"), "r")})
	do = append(do, temp(x.work("live"), rel.Union{Queries: owned})...)
	x.step("profiles", do...)
}

// keysQuery lists the keys of a source of records with the cluster that owns them, the oldest if
// rows with the same key have several.
func (x *identity) keysQuery(s identitySource) rel.Query {
	key, _ := rowKey(x.in, s.Source)
	on := []rel.Expr{}
	for i, id := range s.ids {
		on = append(on, eq(s.raw[i], rel.C("o", ranked("r", id.rank))))
	}
	j := rel.Join{Kind: rel.Cross, Rel: from(x.work("own", s.n), "o")}
	if len(on) > 0 {
		j = join(rel.Inner, from(x.work("own", s.n), "o"), on...)
	}
	return rel.Select{
		Columns: []rel.Column{rel.As("src", rel.I(int64(s.n))), rel.As("key", key), rel.As("cluster", least(rel.C("o", "cluster")))},
		From:    sourceRelation(s.Source, rowAlias), Joins: []rel.Join{j},
		Where: notNull(key), GroupBy: []rel.Expr{key},
	}
}
