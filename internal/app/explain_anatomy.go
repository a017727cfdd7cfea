package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/weir-data/weir/internal/explain"
	"github.com/weir-data/weir/internal/rel"
)

// What of a large profile is listed.
const (
	listedMembers = 200
	listedBridges = 20
)

// anatomy says what a profile consists of and hangs together by.
func (l *lookup) anatomy(ctx context.Context, id string, cluster int64, p *people) (*Anatomy, error) {
	x := &Anatomy{ProfileID: id, Identifiers: []Member{}, Sources: map[string]int64{}, Bridges: []AnatomyBridge{}, Shared: []Dropped{}, More: map[string]int{}}
	bridges := p.graph.Bridges(cluster)
	isBridge := map[int64]bool{}
	for _, b := range bridges {
		if b.Kind == explain.AtNode {
			isBridge[b.Node] = true
		}
		if len(x.Bridges) == listedBridges {
			x.More["bridges"]++
			continue
		}
		out := AnatomyBridge{Rows: b.Seen}
		if b.Kind == explain.AtMatch {
			out.Match = &p.pairs[b.Index]
		} else {
			out.Type, out.Value = p.nodes[b.Node].Type, p.nodes[b.Node].Value
		}
		for _, part := range b.Parts {
			out.Parts = append(out.Parts, Part{part.Nodes, part.Rows})
		}
		x.Bridges = append(x.Bridges, out)
	}
	for _, m := range p.of(cluster) {
		if len(x.Identifiers) == listedMembers {
			x.More["identifiers"]++
			continue
		}
		m.Bridge = isBridge[m.node]
		x.Identifiers = append(x.Identifiers, m.Member)
	}
	var outcasts []int64
	for _, r := range p.rows {
		if owner := p.nodes[r.owner]; owner == nil || !owner.found || owner.cluster != cluster {
			continue
		}
		x.Sources[r.source] += r.seen
		for _, n := range r.nodes {
			if m := p.nodes[n]; m != nil && !m.found && !slices.Contains(outcasts, n) {
				outcasts = append(outcasts, n)
			}
		}
	}
	list, err := l.droppedAround(ctx, p, outcasts)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if d.Rule != "limit" && len(x.Shared) < listedBridges {
			x.Shared = append(x.Shared, d)
		}
	}
	if x.History, err = l.history(ctx, id); err != nil {
		return nil, err
	}
	return x, nil
}

// history is what happened to a profile, with what was merged into those that were merged into it.
func (l *lookup) history(ctx context.Context, id string) ([]IdentityEvent, error) {
	out := []IdentityEvent{}
	known := []string{id}
	for next := known; len(next) > 0 && len(out) < maxHistory; {
		list, err := l.events(ctx, rel.F(rel.Or, oneOf(rel.C("m", "to_id"), next), oneOf(rel.C("m", "from_id"), next)))
		if err != nil {
			return nil, err
		}
		next = nil
		for _, e := range list {
			if slices.Contains(out, e) {
				continue
			}
			out = append(out, e)
			if e.Kind == "merge" && !slices.Contains(known, e.From) {
				known, next = append(known, e.From), append(next, e.From)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b IdentityEvent) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(order[a.Kind], order[b.Kind]), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return out, nil
}

// order is that of events at one time: what is born comes before what happens to it.
var order = map[string]int{"new": 1, "split": 2, "merge": 3}

// summary says how well a profile hangs together.
func summary(x *Anatomy) string {
	n := len(x.Identifiers) + x.More["identifiers"]
	what := fmt.Sprintf("%s has %d identifiers", x.ProfileID, n)
	if n == 1 {
		what = x.ProfileID + " has one identifier"
	}
	switch bridges := len(x.Bridges) + x.More["bridges"]; {
	case bridges == 0 && n > 1:
		return what + ", and stays one without any one of them"
	case bridges == 0:
		return what
	case bridges == 1:
		return what + ", and would fall into parts without one of them"
	default:
		return fmt.Sprintf("%s, and would fall into parts without any one of %d", what, bridges)
	}
}
