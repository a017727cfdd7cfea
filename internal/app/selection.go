package app

import (
	"slices"
	"strings"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// node is one named thing in the graph of a project. Names are unique per kind, so a node's name
// carries its kind.
type node struct{ kind, name string }

// graph knows what depends on what: source → entity → segment → sync.
type graph struct {
	nodes []node
	down  map[node][]node // what uses it
	tags  map[node][]string
	// was and same are about an earlier manifest, where a selector asks for it: what it has, and
	// what means the same there.
	was, same map[node]bool
}

func newGraph(m *models.Model, list []syncs.Sync) *graph {
	g := &graph{down: map[node][]node{}, tags: map[node][]string{}}
	add := func(n node, tags []string, uses ...node) {
		g.nodes = append(g.nodes, n)
		g.tags[n] = tags
		for _, u := range uses {
			g.down[u] = append(g.down[u], n)
		}
	}
	for _, s := range m.Sources {
		add(node{"source", s.Name}, nil)
	}
	for _, e := range m.Entities {
		var uses []node
		for _, s := range m.SourcesOf(&e) {
			uses = append(uses, node{"source", s})
		}
		add(node{"entity", e.Name}, nil, uses...)
	}
	for _, s := range m.Segments {
		uses := []node{{"entity", s.Entity}}
		for _, other := range s.Refers() {
			uses = append(uses, node{"segment", other})
		}
		add(node{"segment", s.Name}, s.Tags, uses...)
	}
	for _, s := range list {
		add(node{"sync", s.Name}, s.Tags, node{"segment", s.Segment}, node{"entity", s.Entity}, node{"source", s.Source})
	}
	return g
}

// pick resolves selectors: name, +name (and all it needs), name+ (and all that uses it), tag:x,
// state:modified and its like, and kind.name or kind:name where a name alone would mean two things.
// No selector picks all. Only state: may pick nothing: that nothing changed is no mistake.
func (g *graph) pick(selectors []string) (map[node]bool, error) {
	picked := map[node]bool{}
	if len(selectors) == 0 {
		for _, n := range g.nodes {
			picked[n] = true
		}
		return picked, nil
	}
	up := g.up()
	for _, sel := range selectors {
		body := bare(sel)
		found := g.find(body)
		if _, state := stateOf(body); len(found) == 0 && !state {
			var names []string
			for _, n := range g.nodes {
				names = append(names, n.name)
			}
			return nil, &Error{Kind: Refused, Code: "select.unknown", Message: "nothing is called " + body, Fix: diag.DidYouMean(body, names)}
		}
		for _, n := range found {
			picked[n] = true
			if strings.HasSuffix(sel, "+") {
				spread(n, g.down, picked)
			}
			if strings.HasPrefix(sel, "+") {
				spread(n, up, picked)
			}
		}
	}
	return picked, nil
}

// up is what each thing needs.
func (g *graph) up() map[node][]node {
	up := map[node][]node{}
	for from, tos := range g.down {
		for _, to := range tos {
			up[to] = append(up[to], from)
		}
	}
	return up
}

func (g *graph) find(body string) []node {
	var found []node
	for _, n := range g.nodes {
		tag, isTag := strings.CutPrefix(body, "tag:")
		state, isState := stateOf(body)
		switch {
		case isTag && slices.Contains(g.tags[n], tag),
			isState && states[state] != nil && states[state](g.was[n], g.same[n]),
			!isTag && !isState && (n.name == body || n.kind+"."+n.name == body || n.kind+":"+n.name == body):
			found = append(found, n)
		}
	}
	return found
}

func spread(from node, edges map[node][]node, into map[node]bool) {
	for _, n := range edges[from] {
		if n.name != "" && !into[n] {
			into[n] = true
			spread(n, edges, into)
		}
	}
}
