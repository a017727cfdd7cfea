package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/weir-data/weir/internal/explain"
)

// ExplainIdentity says why two are one profile, or what keeps them apart; with b empty, what
// holds one profile together. Each is a profile id, TYPE=VALUE, SOURCE=KEY of a record, or a bare
// value that is an identifier of one type only. Where one of them is ambiguous or unknown, the
// explanation holds what may have been meant, and the error says so without personal data.
func (a *App) ExplainIdentity(ctx context.Context, first, second string) (*Explanation, error) {
	out := &Explanation{Timezone: a.p.Timezone.String(), Chain: []Link{}, Reasons: []Reason{}}
	err := a.lookups(ctx, func(ls []*lookup) error {
		l, found, err := a.choose(ctx, ls, &out.Meant, first, second)
		if err != nil {
			return err
		}
		out.Entity, out.Build, out.AsOf = l.in.Entity, l.in.Build.ID, l.in.AsOf
		out.A = found[0]
		if second == "" {
			return l.explainOne(ctx, out)
		}
		out.B = found[1]
		return l.explainTwo(ctx, out)
	})
	return out, err
}

// explainOne says what holds a profile together, or why an identifier finds nobody.
func (l *lookup) explainOne(ctx context.Context, out *Explanation) error {
	f := out.A
	if !f.clustered {
		if f.Type == "" {
			out.Verdict, out.Summary = VerdictUnlinked, f.name()+" is gone: none of its rows and identifiers are left"
			return nil
		}
		out.Verdict, out.Summary = VerdictApart, f.name()+" finds nobody"
		out.Reasons = barredReasons(f)
		return nil
	}
	p, err := l.people(ctx, scope{clusters: []int64{f.cluster}, profiles: []string{f.ProfileID}, around: true})
	if err != nil {
		return err
	}
	out.Cut, out.Verdict = p.cut, VerdictProfile
	if out.Profile, err = l.anatomy(ctx, f.ProfileID, f.cluster, p); err != nil {
		return err
	}
	out.Summary = summary(out.Profile)
	return nil
}

// explainTwo says why two are one profile, or what keeps them apart.
func (l *lookup) explainTwo(ctx context.Context, out *Explanation) error {
	a, b := out.A, out.B
	for _, f := range []*Found{a, b} {
		if !f.clustered && !f.hasNode {
			out.Verdict, out.Reasons = VerdictApart, barredReasons(f)
			out.Summary = f.name() + " finds nobody"
			if f.Type == "" {
				out.Verdict, out.Summary = VerdictUnlinked, f.name()+" is gone: none of its rows and identifiers are left"
			}
			return nil
		}
	}
	if a.clustered && b.clustered && a.cluster == b.cluster {
		same := a.hasNode && b.hasNode && a.node == b.node
		if same || a.Type+a.Source+b.Type+b.Source == "" && len(a.Followed)+len(b.Followed) == 0 {
			return l.explainOne(ctx, out)
		}
		return l.explainTogether(ctx, out)
	}
	return l.explainApart(ctx, out)
}

// explainTogether shows the chain between two of one profile.
func (l *lookup) explainTogether(ctx context.Context, out *Explanation) error {
	a, b := out.A, out.B
	p, err := l.people(ctx, scope{clusters: []int64{a.cluster}, profiles: []string{a.ProfileID}})
	if err != nil {
		return err
	}
	from := p.ends(a, b)
	to := p.ends(b, a)
	out.Cut, out.Verdict = p.cut, VerdictTogether
	steps := p.graph.Chain(from, to)
	out.Chain, out.Weakest = p.links(steps), p.weakest(steps)
	out.Summary = fmt.Sprintf("%s and %s are one profile: %s", a.name(), b.name(), a.ProfileID)
	if len(steps) == 0 {
		out.Summary += ", by rows that were not read"
	}
	return nil
}

// explainApart shows the chain that comes closest, and what was kept from joining on it.
func (l *lookup) explainApart(ctx context.Context, out *Explanation) error {
	a, b := out.A, out.B
	x := scope{around: true}
	for _, f := range []*Found{a, b} {
		if f.clustered {
			x.clusters, x.profiles = append(x.clusters, f.cluster), append(x.profiles, f.ProfileID)
		} else {
			x.nodes = append(x.nodes, f.node)
		}
	}
	var err error
	if len(x.clusters) > 0 {
		if x.components, err = l.components(ctx, x.clusters); err != nil {
			return err
		}
	}
	p, err := l.people(ctx, x)
	if err != nil {
		return err
	}
	out.Cut, out.Alike = p.cut, p.alike
	steps := p.graph.Chain(p.ends(a, b), p.ends(b, a))
	out.Chain = p.links(steps)
	if len(steps) > 0 {
		out.Verdict = VerdictApart
		out.Reasons, err = l.reasons(ctx, p, steps, x.clusters)
	} else if out.Reasons, err = l.sharedValues(ctx, a, b); len(out.Reasons) > 0 {
		out.Verdict = VerdictApart
	} else {
		out.Verdict = VerdictUnlinked
	}
	if err != nil {
		return err
	}
	switch {
	case !a.clustered || !b.clustered:
		bar := a
		if a.clustered {
			bar = b
		}
		out.Verdict, out.Summary = VerdictApart, bar.name()+" finds nobody"
		if len(out.Reasons) == 0 {
			out.Reasons = barredReasons(bar)
		}
	case out.Verdict == VerdictApart:
		out.Summary = fmt.Sprintf("%s and %s are two profiles, and something keeps them apart", a.whose(), b.whose())
	default:
		out.Summary = fmt.Sprintf("%s and %s are two profiles, and nothing links them: no row has anything of both", a.whose(), b.whose())
	}
	return nil
}

// name writes somebody as asked for.
func (f *Found) name() string {
	switch {
	case f.Type != "":
		return f.Type + " " + f.Value
	case f.Source != "":
		return f.Source + " " + f.Key
	}
	return f.Asked
}

// whose writes somebody with the profile.
func (f *Found) whose() string {
	if n := f.name(); n != f.ProfileID && f.ProfileID != "" {
		return n + " (" + f.ProfileID + ")"
	}
	return f.name()
}

// ends are where the chain of somebody begins: an identifier, a record, or of a profile all that
// it has; of two that are one, the identifier that founded the one that was merged away, or else
// the strongest.
func (p *people) ends(f, other *Found) explain.Ends {
	switch {
	case f.hasNode:
		return explain.Ends{Nodes: []int64{f.node}}
	case f.Source != "":
		var e explain.Ends
		for i, r := range p.rows {
			if r.source == f.Source && r.key == f.Key {
				e.Rows = append(e.Rows, i)
			}
		}
		return e
	}
	all := p.of(f.cluster)
	if other.clustered && other.cluster == f.cluster {
		taken := func(m *member) bool {
			return other.hasNode && other.node == m.node || other.founder == [2]string{m.Type, m.Value}
		}
		for _, fits := range []func(*member) bool{
			func(m *member) bool { return f.founder == [2]string{m.Type, m.Value} },
			func(m *member) bool { return !m.Attach && !taken(m) },
		} {
			if i := slices.IndexFunc(all, fits); i >= 0 {
				return explain.Ends{Nodes: []int64{all[i].node}}
			}
		}
	}
	var e explain.Ends
	for _, m := range all {
		e.Nodes = append(e.Nodes, m.node)
	}
	return e
}
