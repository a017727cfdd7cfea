package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/explain"
	"github.com/weir-data/weir/internal/rel"
)

// links writes the steps of a chain.
func (p *people) links(steps []explain.Step) []Link {
	out := []Link{}
	for _, s := range steps {
		switch s.Kind {
		case explain.AtNode:
			m := p.nodes[s.Node]
			out = append(out, Link{Kind: "identifier", Type: m.Type, Value: m.Value, ProfileID: m.profile, FirstSeen: m.FirstSeen, LastSeen: m.LastSeen})
		case explain.AtRow:
			r := p.rows[s.Index]
			out = append(out, Link{Kind: "row", Source: r.source, Key: r.key, Rows: r.seen, FirstSeen: r.first, LastSeen: r.last, Apart: s.Crossed})
		case explain.AtMatch:
			out = append(out, Link{Kind: "match", Match: &p.pairs[s.Index], Apart: s.Crossed})
		}
	}
	return out
}

// weakest says which step of a chain is the weakest: a match, or else the identifier between two
// rows of the weakest type and with the fewest rows.
func (p *people) weakest(steps []explain.Step) string {
	var worst *member
	for i, s := range steps {
		switch {
		case s.Kind == explain.AtMatch:
			x := p.pairs[s.Index]
			if x.By == "person" {
				return "what a person said of two records"
			}
			return fmt.Sprintf("two records that look alike, with a probability of %s", Probable(x.Probability))
		case s.Kind == explain.AtNode && i > 0 && i < len(steps)-1:
			if m := p.nodes[s.Node]; worst == nil || m.rank > worst.rank || m.rank == worst.rank && m.Seen < worst.Seen {
				worst = m
			}
		}
	}
	if worst == nil {
		return ""
	}
	return worst.name()
}

// barredReasons says why an identifier finds nobody.
func barredReasons(f *Found) []Reason {
	out := []Reason{}
	for i := range f.Barred {
		out = append(out, reasonOf(&f.Barred[i]))
	}
	if len(out) == 0 && f.Type != "" {
		out = append(out, Reason{Rule: "shared", Text: f.name() + " finds nobody in this build"})
	}
	return out
}

// reasonOf is a dropped link as a reason, with what to do if it should not be one.
func reasonOf(d *Dropped) Reason {
	r := Reason{Rule: d.Rule, Text: d.Text, Detail: d}
	switch d.Rule {
	case "ignore":
		r.Fix = "if it is somebody's own, take its pattern out of ignore of " + d.Type
	case "max_links":
		r.Fix = "if it is one person's own, raise max_links of " + d.Type
	case "invalid":
		r.Fix = "look at normalize and country of " + d.Type
	case "limit":
		r.Fix = "if one person may have that many, raise the limit"
	}
	return r
}

// reasons says what each crossing of a chain is: an identifier that finds nobody, a link that a
// limit refused, or a match that was.
func (l *lookup) reasons(ctx context.Context, p *people, steps []explain.Step, clusters []int64) ([]Reason, error) {
	var near []int64
	type crossing struct{ before, after *member }
	var all []crossing
	matched := false
	for i, s := range steps {
		if !s.Crossed {
			continue
		}
		if s.Kind == explain.AtMatch {
			matched = true
			continue
		}
		var x crossing
		if i > 0 && steps[i-1].Kind == explain.AtNode {
			x.before = p.nodes[steps[i-1].Node]
		}
		if i+1 < len(steps) && steps[i+1].Kind == explain.AtNode {
			x.after = p.nodes[steps[i+1].Node]
		}
		all = append(all, x)
		for _, n := range p.rows[s.Index].nodes {
			if p.nodes[n] != nil && !slices.Contains(near, n) {
				near = append(near, n)
			}
		}
	}
	list, err := l.droppedAround(ctx, p, near)
	if err != nil {
		return nil, err
	}
	out := []Reason{}
	tell := func(d *Dropped) {
		if !slices.ContainsFunc(out, func(r Reason) bool { return r.Text == d.Text }) {
			out = append(out, reasonOf(d))
		}
	}
	limited := matched
	for _, x := range all {
		outcast := false
		for _, m := range []*member{x.before, x.after} {
			if m == nil || m.found {
				continue
			}
			outcast = true
			told := false
			for i := range list {
				if list[i].Rule != "limit" && list[i].Type == m.Type && list[i].Value == m.Value {
					tell(&list[i])
					told = true
				}
			}
			if !told {
				tell(&Dropped{Type: m.Type, Value: m.Value, Rule: "shared", Text: m.name() + " is shared, and finds nobody"})
			}
		}
		if outcast {
			continue
		}
		limited = true
		for i := range list {
			if list[i].Rule == "limit" && list[i].between(p, x.before, x.after) {
				tell(&list[i])
			}
		}
	}
	if limited {
		out = append(out, l.together(p, clusters)...)
	}
	if limited && len(out) == 0 {
		out = append(out, Reason{Rule: "limit", Text: "a limit kept the link between them from joining them", Fix: "see the limits of this entity's identifiers"})
	}
	return out, nil
}

// droppedAround reads the dropped links of some identifiers.
func (l *lookup) droppedAround(ctx context.Context, p *people, nodes []int64) ([]Dropped, error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	slices.Sort(nodes)
	nodes = nodes[:min(len(nodes), 1000)]
	d := func(c string) rel.Expr { return rel.C("d", c) }
	is := []rel.Expr{among(d("node"), nodes), among(d("other"), nodes)}
	for _, n := range nodes {
		if m := p.nodes[n]; !m.found {
			is = append(is, rel.F(rel.And, equal(d("type"), rel.T(m.Type)), equal(d("value"), rel.T(m.Value))))
		}
	}
	return l.dropped(ctx, anyOf(is), 1000)
}

// between reports whether a refused link is one of those between two identifiers' profiles.
func (d *Dropped) between(p *people, a, b *member) bool {
	u, v := p.nodes[d.node], p.nodes[d.other]
	if u == nil || v == nil || a == nil || b == nil {
		return false
	}
	return u.cluster == a.cluster && v.cluster == b.cluster || u.cluster == b.cluster && v.cluster == a.cluster
}

// together lists the limits that profiles would break as one.
func (l *lookup) together(p *people, clusters []int64) []Reason {
	var out []Reason
	for _, id := range l.e.Identity.Identifiers {
		if id.Limit.Max == 0 || id.Role == "attach" {
			continue
		}
		n := 0
		for _, m := range p.nodes {
			if m.Type != id.Type || !m.found || !slices.Contains(clusters, m.cluster) {
				continue
			}
			if w := id.Limit.Within; w > 0 && m.LastSeen != nil && m.LastSeen.Before(l.in.AsOf.Add(-time.Duration(w))) {
				continue
			}
			n++
		}
		if n > id.Limit.Max {
			out = append(out, Reason{Rule: "together", Text: fmt.Sprintf("as one profile they would have %d values of %s, and the most is %d (limit)", n, id.Type, id.Limit.Max),
				Fix: "if one person may have that many, raise the limit of " + id.Type})
		}
	}
	return out
}

// sharedValues lists the values that rows of both have and that join nobody, since they are junk,
// ignored or without a normal form.
func (l *lookup) sharedValues(ctx context.Context, a, b *Found) ([]Reason, error) {
	out := []Reason{}
	if !a.clustered || !b.clustered {
		return out, nil
	}
	owners := map[[2]string]map[string]bool{} // type and folded value: profiles
	written := map[[2]string][]string{}       // as sources have it
	for _, source := range l.e.Identity.From {
		q, problem := compile.RawOwners(l.in, source, []string{a.ProfileID, b.ProfileID})
		if problem != nil || q == nil {
			continue // the source has changed since
		}
		err := l.each(ctx, q, func(c cells) error {
			k := [2]string{c.text(0), strings.ToLower(strings.TrimSpace(c.text(1)))}
			if owners[k] == nil {
				owners[k] = map[string]bool{}
			}
			owners[k][c.text(2)] = true
			if !slices.Contains(written[k], c.text(1)) {
				written[k] = append(written[k], c.text(1))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var is []rel.Expr
	for k, who := range owners {
		if len(who) > 1 {
			is = append(is, rel.F(rel.And, equal(rel.C("d", "type"), rel.T(k[0])), oneOf(rel.C("d", "value"), written[k])))
		}
	}
	if len(is) == 0 {
		return out, nil
	}
	list, err := l.dropped(ctx, anyOf(is), 20)
	slices.SortFunc(list, func(a, b Dropped) int { return strings.Compare(a.Text, b.Text) })
	told := map[[3]string]bool{}
	for i := range list {
		d := &list[i]
		if k := [3]string{d.Type, d.Rule, strings.ToLower(strings.TrimSpace(d.Value))}; !told[k] {
			told[k] = true
			out = append(out, reasonOf(d))
		}
	}
	return out, err
}

// Probable writes a probability with three digits; what is nearly 1 keeps those that tell it from 1.
func Probable(p float64) string {
	for digits := 3; digits < 9; digits++ {
		if s := strconv.FormatFloat(p, 'g', digits, 64); s != "1" || p == 1 {
			return s
		}
	}
	return "more than 0.9999999"
}
