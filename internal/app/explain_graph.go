package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/explain"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// How much is read to explain two profiles. A component of this size is a mistake in the data,
// whose reasons show in any part of it.
const (
	maxNodes      = 200_000
	maxRows       = 400_000
	maxNeighbours = 20_000 // identifiers of other components on the same rows
	maxPairs      = 10_000
)

// people are the identifiers and rows of a few profiles, as the build has them.
type people struct {
	nodes map[int64]*member
	rows  []evidence
	pairs []Alike // those that matches of the graph stand for
	alike []Alike // other pairs that matching looked at
	graph *explain.Graph
	cut   string
}

// member is an identifier.
type member struct {
	Member
	node      int64
	rank      int
	component int64
	cluster   int64
	found     bool
	profile   string
}

// evidence is a record, or events with the same identifiers.
type evidence struct {
	source, key string
	first, last *time.Time
	seen        int64
	nodes       []int64
	owner       int64 // of nodes, whose profile has the row; 0 for nobody's
}

// scope says whose rows are read.
type scope struct {
	clusters   []int64
	components []int64 // of which all is read
	nodes      []int64 // that are in none of them
	profiles   []string
	around     bool // also what else stands on their rows
}

func (x scope) where() rel.Expr {
	var any []rel.Expr
	for _, part := range []struct {
		column string
		ids    []int64
	}{{"cluster", x.clusters}, {"component", x.components}, {"node", x.nodes}} {
		if len(part.ids) > 0 {
			any = append(any, among(rel.C("n", part.column), part.ids))
		}
	}
	return anyOf(any)
}

// components lists those that hold a cluster: more than one where matches joined them.
func (l *lookup) components(ctx context.Context, clusters []int64) ([]int64, error) {
	var out []int64
	err := l.each(ctx, rel.Select{Distinct: true, Columns: columns("n", "component"), From: l.table(compile.Nodes, "n"),
		Where: among(rel.C("n", "cluster"), clusters), OrderBy: []rel.Order{{Expr: rel.C("n", "component")}}, Limit: 1000},
		func(c cells) error { out = append(out, c.int(0)); return nil })
	return out, err
}

// people reads a scope: one query for its identifiers, one for its rows, and with around one for
// each thousand identifiers beside them.
func (l *lookup) people(ctx context.Context, x scope) (*people, error) {
	p := &people{nodes: map[int64]*member{}}
	picked := rel.Select{From: l.table(compile.Nodes, "n"), Where: x.where(), Limit: maxNodes,
		OrderBy: []rel.Order{{Expr: rel.C("n", "node")}}}
	if len(x.clusters) > 0 { // what matters most comes first
		mine := rel.Case{Whens: []rel.When{{If: among(rel.C("n", "cluster"), x.clusters), Then: rel.I(0)}}, Else: rel.I(1)}
		picked.OrderBy = slices.Insert(picked.OrderBy, 0, rel.Order{Expr: mine})
	}
	if err := l.members(ctx, picked, p); err != nil {
		return nil, err
	}
	if err := l.evidence(ctx, picked, p); err != nil {
		return nil, err
	}
	if len(p.nodes) == maxNodes || len(p.rows) == maxRows {
		p.cut = fmt.Sprintf("only %d identifiers and %d rows were read of what hangs together here", len(p.nodes), len(p.rows))
	}
	if x.around {
		if err := l.neighbours(ctx, p); err != nil {
			return nil, err
		}
	}
	if err := l.alike(ctx, x.profiles, p); err != nil {
		return nil, err
	}
	p.make()
	return p, nil
}

// members reads identifiers.
func (l *lookup) members(ctx context.Context, q rel.Select, p *people) error {
	q.Columns = columns("n", "node", "type", "value", "source", "first_seen", "last_seen", "seen", "component", "cluster", "profile_id")
	return l.each(ctx, q, func(c cells) error {
		m := &member{Member: Member{Type: c.text(1), Value: c.text(2), Source: c.text(3), FirstSeen: c.time(4), LastSeen: c.time(5), Seen: c.int(6)},
			node: c.int(0), component: c.int(7), cluster: c.int(8), found: c[8] != nil, profile: c.text(9), rank: len(l.e.Identity.Identifiers)}
		if id, rank := l.e.Identifier(m.Type); id != nil {
			m.rank, m.Attach = rank, id.Role == "attach"
		}
		p.nodes[m.node] = m
		return nil
	})
}

// evidence reads the rows that have one of the identifiers picked.
func (l *lookup) evidence(ctx context.Context, picked rel.Select, p *people) error {
	t := func(c string) rel.Expr { return rel.C("t", c) }
	picked.Columns = columns("n", "node")
	q := rel.Select{With: []rel.CTE{{Name: "picked", Query: picked}}, From: l.table(compile.Tuples, "t"), Limit: maxRows,
		Columns: columns("t", "source", "key", "first_seen", "last_seen", "seen", "node"),
		OrderBy: []rel.Order{{Expr: t("source")}, {Expr: t("key")}, {Expr: t("first_seen")}}}
	var has []rel.Expr
	for i, name := range append([]string{"node"}, nodeColumns(l.e.Identity.Identifiers)...) {
		alias := fmt.Sprintf("p%d", i)
		q.Joins = append(q.Joins, rel.Join{Kind: rel.Left, Rel: rel.Table{Name: rel.Name{"picked"}, Alias: alias}, On: equal(rel.C(alias, "node"), t(name))})
		has = append(has, rel.F(rel.NotNull, rel.C(alias, "node")))
		if i > 0 {
			q.Columns = append(q.Columns, rel.As(name, t(name)))
			q.OrderBy = append(q.OrderBy, rel.Order{Expr: t(name)})
		}
	}
	q.Where = anyOf(has)
	return l.each(ctx, q, func(c cells) error {
		e := evidence{source: c.text(0), key: c.text(1), first: c.time(2), last: c.time(3), seen: c.int(4), owner: c.int(5)}
		for i := 5; i < len(c); i++ {
			if n := c.int(i); c[i] != nil && !slices.Contains(e.nodes, n) {
				e.nodes = append(e.nodes, n)
			}
		}
		p.rows = append(p.rows, e)
		return nil
	})
}

// nodeColumns are the columns of tuples that hold an identifier of each type.
func nodeColumns(ids []models.Identifier) []string {
	var out []string
	for _, id := range ids {
		out = append(out, "node_"+id.Type)
	}
	return out
}

// neighbours reads the identifiers of the rows that are not known yet.
func (l *lookup) neighbours(ctx context.Context, p *people) error {
	missing := map[int64]bool{}
	for _, r := range p.rows {
		for _, n := range r.nodes {
			if p.nodes[n] == nil {
				missing[n] = true
			}
		}
	}
	ids := slices.Sorted(maps.Keys(missing))
	if len(ids) > maxNeighbours {
		ids, p.cut = ids[:maxNeighbours], fmt.Sprintf("only %d of %d identifiers beside these profiles were read", maxNeighbours, len(ids))
	}
	for chunk := range slices.Chunk(ids, 1000) {
		if err := l.members(ctx, rel.Select{From: l.table(compile.Nodes, "n"), Where: among(rel.C("n", "node"), chunk)}, p); err != nil {
			return err
		}
	}
	return nil
}

// alike reads the pairs of records of some profiles that matching looked at.
func (l *lookup) alike(ctx context.Context, profiles []string, p *people) error {
	if !l.has(compile.Pairs) || len(profiles) == 0 {
		return nil
	}
	q := rel.Select{
		Columns: append(columns("p", "source_a", "key_a", "source_b", "key_b", "decision", "by", "weight", "probability", "reasons"),
			rel.As("owner_a", rel.C("a", "profile_id")), rel.As("owner_b", rel.C("b", "profile_id"))),
		From: l.table(compile.Pairs, "p"), Limit: maxPairs,
		OrderBy: []rel.Order{{Expr: rel.C("p", "probability"), Desc: true}, {Expr: rel.C("p", "source_a")}, {Expr: rel.C("p", "key_a")}, {Expr: rel.C("p", "source_b")}, {Expr: rel.C("p", "key_b")}},
	}
	for _, end := range []string{"a", "b"} {
		q.Joins = append(q.Joins, rel.Join{Rel: l.table(compile.Records, end), On: rel.F(rel.And,
			equal(rel.C(end, "source"), rel.C("p", "source_"+end)), equal(rel.C(end, "key"), rel.C("p", "key_"+end)), oneOf(rel.C(end, "profile_id"), profiles))})
	}
	return l.each(ctx, q, func(c cells) error {
		x := Alike{SourceA: c.text(0), KeyA: c.text(1), SourceB: c.text(2), KeyB: c.text(3), Decision: c.text(4), By: c.text(5), Weight: c.float(6), Probability: c.float(7), Why: c.text(8)}
		switch {
		case x.Decision == "join":
			p.pairs = append(p.pairs, x)
		case c.text(9) != c.text(10):
			p.alike = append(p.alike, x)
		}
		return nil
	})
}

// make makes the graph.
func (p *people) make() {
	var nodes []explain.Node
	for _, id := range slices.Sorted(maps.Keys(p.nodes)) {
		m := p.nodes[id]
		nodes = append(nodes, explain.Node{ID: id, Rank: m.rank, Found: m.found, Cluster: m.cluster, Attach: m.Attach})
	}
	rows := make([]explain.Row, len(p.rows))
	at := map[[2]string]int{}
	for i, r := range p.rows {
		rows[i] = explain.Row{Nodes: r.nodes, Seen: r.seen, Alone: r.key != ""}
		if r.key != "" {
			at[[2]string{r.source, r.key}] = i
		}
	}
	var matches []explain.Match
	p.pairs = slices.DeleteFunc(p.pairs, func(x Alike) bool {
		a, ok := at[[2]string{x.SourceA, x.KeyA}]
		b, also := at[[2]string{x.SourceB, x.KeyB}]
		if ok && also {
			matches = append(matches, explain.Match{A: a, B: b})
		}
		return !ok || !also
	})
	p.graph = explain.New(nodes, rows, matches)
}

// of lists the identifiers of a profile, the strongest first, of equals the oldest.
func (p *people) of(cluster int64) []*member {
	var out []*member
	for _, m := range p.nodes {
		if m.found && m.cluster == cluster {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b *member) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.node, b.node)) })
	return out
}

// name writes an identifier. A row without identifiers is named by itself.
func (m *member) name() string {
	if m.Type == compile.RecordType {
		source, key, _ := strings.Cut(m.Value, ":")
		return source + " " + key
	}
	return m.Type + " " + m.Value
}
