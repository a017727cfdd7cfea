package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/models"
)

// ExplainOptions say what of a person is told.
type ExplainOptions struct {
	Purpose     string // only this one; "" for those of the segment's syncs
	Destination string // in place of Purpose: that of a destination
	Reveal      bool   // show personal data as it is
	Latest      int    // how many rows are listed at a condition about rows. Defaults to 5
}

// ExplainSegment says why a person is in a segment, or is not: condition by condition, with what
// the person has. who is as in Profile. Where nobody is found, or several, the explanation holds
// who may have been meant, and the error says so without personal data.
func (a *App) ExplainSegment(ctx context.Context, segment, who string, o ExplainOptions) (*SegmentExplanation, error) {
	seg, err := a.segmentNamed(segment)
	if err != nil {
		return nil, err
	}
	purposes, bySync := a.purposesOf(segment)
	purpose, dest, err := a.purposeNamed(o.Purpose, o.Destination)
	if err != nil {
		return nil, err
	}
	if purpose != "" {
		purposes = []string{purpose}
	}
	reach := map[string][]DestinationKind{}
	for _, p := range purposes {
		reach[p] = a.reachOf(p, bySync[p], dest)
	}
	if o.Latest <= 0 {
		o.Latest = 5
	}
	out := &SegmentExplanation{Segment: segment, Entity: seg.Entity, Timezone: a.p.Timezone.String(), Arms: []Arm{}, Purposes: []PurposeVerdict{}, Bars: []PersonBar{}, Sent: []SentState{}}
	v := &ProfileView{More: map[string]int64{}}
	err = a.onSegment(ctx, seg, func(l *lookup) error {
		if _, err := a.person(ctx, []*lookup{l}, who, v); err != nil {
			return err
		}
		for _, part := range []func(context.Context, *ProfileView) error{l.identifiers, l.segments, func(ctx context.Context, v *ProfileView) error { return l.armOf(ctx, out, v.ProfileID) }} {
			if err := part(ctx, v); err != nil {
				return err
			}
		}
		if v.History, err = l.history(ctx, v.ProfileID); err != nil {
			return err
		}
		out.ProfileID, out.Build, out.AsOf = v.ProfileID, l.in.Build.ID, l.in.AsOf
		x := &segmentExplainer{lookup: l, seg: seg, out: out, veil: veil{o.Reveal}, latest: int64(o.Latest), reach: reach}
		return x.explain(ctx, purposes, bySync)
	})
	if err != nil {
		out.Meant = o.hide(v.Meant)
		return out, err
	}
	for _, e := range v.Asked.Followed {
		out.Followed = append(out.Followed, fmt.Sprintf("%s was merged into %s", e.From, e.To))
	}
	a.stay(out, v)
	if err := a.told(ctx, v, 0); err != nil {
		return nil, err
	}
	a.barred(out, v, seg, reach)
	out.Caps, err = a.capsOf(ctx, seg.Name, v, out.AsOf)
	return out, err
}

// hide masks who may have been meant.
func (o ExplainOptions) hide(m Meant) Meant {
	for _, list := range [][]*Found{m.Candidates, m.Near} {
		for _, f := range list {
			f.Asked, f.Followed = "", nil
			if v, ok := (veil{o.Reveal}).over([]string{f.Type}, f.Value); ok {
				f.Value = fmt.Sprint(v)
			}
			for i := range f.Barred {
				if !o.Reveal {
					f.Barred[i].Value, f.Barred[i].Text = hidden, "this value joins nobody ("+f.Barred[i].Rule+")"
				}
			}
		}
	}
	return m
}

// segmentExplainer reads the answers of one person.
type segmentExplainer struct {
	*lookup
	seg    *models.Segment
	out    *SegmentExplanation
	veil   veil
	latest int64
	reach  map[string][]DestinationKind // by purpose
	rows   map[int]*MatchedRows

	questions []compile.RowQuestion
}

// explain asks two kinds of questions: one query for the answers to all conditions, and one for
// each source whose rows are looked at.
func (x *segmentExplainer) explain(ctx context.Context, purposes []string, bySync map[string][]string) error {
	ask := compile.Asking{Profile: x.out.ProfileID}
	at := map[string]int{}
	for _, purpose := range purposes {
		ask.Purposes = append(ask.Purposes, compile.Purpose{Name: purpose, Kinds: kindsIn(x.reach[purpose])})
		for _, p := range x.a.requiring(x.seg.Entity, purpose) {
			at[p.Name] = len(ask.Policies)
			ask.Policies = append(ask.Policies, p)
		}
	}
	e, problems := compile.Explain(x.in, x.seg.Name, ask)
	if e == nil {
		return x.a.misfit(problems)
	}
	if err := x.built(ctx, e.Needs); err != nil {
		return err
	}
	if err := x.matching(ctx, e.Rows); err != nil {
		return err
	}
	found := false
	err := x.each(ctx, e.Query, func(row cells) error {
		found = true
		x.out.In = row.bool(e.In)
		if row.bool(1) && x.e.Anonymous == "exclude" {
			x.out.Excluded = fmt.Sprintf("nothing but weak identifiers is known of them, and %s keeps such profiles out of segments (anonymous: exclude)", x.seg.Entity)
		}
		x.out.Tree = x.node(e.Tree, row)
		trees := make([]*ConditionNode, len(e.Policies))
		for i, t := range e.Policies {
			trees[i] = x.node(t, row)
		}
		for _, purpose := range purposes {
			v := PurposeVerdict{Purpose: purpose, ClosedBy: []string{}, Policies: []PolicyVerdict{}, Denied: []DeniedData{}, Lists: []ListedBy{}, Syncs: bySync[purpose], Suppressed: []string{}}
			if v.Syncs == nil {
				v.Syncs = []string{}
			}
			bars := e.Bars[purpose]
			if code := row.text(bars.Any); code != "" {
				v.ClosedBy = append(v.ClosedBy, code)
			}
			for i, kind := range kindsIn(x.reach[purpose]) {
				if code := row.text(bars.Lists[i]); code != "" {
					v.Lists = append(v.Lists, ListedBy{Policy: strings.TrimPrefix(code, "policy."), Kind: string(kind)})
				}
			}
			for _, p := range x.a.requiring(x.seg.Entity, purpose) {
				tree := trees[at[p.Name]]
				v.Policies = append(v.Policies, PolicyVerdict{Policy: p.Name, Passes: tree.Holds, Tree: tree})
				if code := "policy." + p.Name; !tree.Holds && !slices.Contains(v.ClosedBy, code) {
					v.ClosedBy = append(v.ClosedBy, code)
				}
			}
			v.Unguarded = len(v.Policies)+len(v.ClosedBy)+len(v.Lists) == 0
			x.out.Purposes = append(x.out.Purposes, v)
		}
		return nil
	})
	if err == nil && !found {
		err = &Error{Kind: Refused, Code: "identity.gone", Message: "this profile has no row in the profiles of the build", Fix: "build again: weir build"}
	}
	return err
}

// matching reads the newest rows that count for each question, source by source.
func (x *segmentExplainer) matching(ctx context.Context, questions []compile.RowQuestion) error {
	x.rows, x.questions = map[int]*MatchedRows{}, questions
	var sources []string
	by := map[string][]int{}
	for i, q := range questions {
		x.rows[i] = &MatchedRows{Source: q.Source, Step: q.Step, Failing: q.Failing, Latest: []EventRow{}}
		if by[q.Source] == nil {
			sources = append(sources, q.Source)
		}
		by[q.Source] = append(by[q.Source], i)
	}
	for _, source := range sources {
		var asked []compile.RowQuestion
		for _, i := range by[source] {
			asked = append(asked, questions[i])
		}
		q, columns, problems := compile.MatchingRows(x.in, source, x.out.ProfileID, asked, x.latest)
		if len(problems) > 0 {
			return x.a.misfit(problems)
		}
		err := x.each(ctx, q, func(row cells) error {
			i := by[source][row.int(0)]
			m := x.rows[i]
			m.Count = row.int(1)
			shown := func(column string, v any) any {
				v, _ = x.veil.over(compile.ColumnTags(&x.a.p.Model, x.seg.Entity, source, column), v)
				return v
			}
			e := EventRow{Source: source, At: row.time(2), Values: []Value{}}
			if key := x.in.Model.Source(source).Key; key != "" {
				e.Key = fmt.Sprint(shown(key, row.text(3)))
			}
			for j, c := range columns {
				if slices.Contains(questions[i].Columns, c.Name) {
					e.Values = append(e.Values, Value{Column: c.Name, Value: shown(c.Name, plain(row[4+j], c.Type))})
				}
			}
			m.Latest = append(m.Latest, e)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
