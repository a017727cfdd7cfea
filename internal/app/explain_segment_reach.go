package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// armOf reads the arm that the build has a member in.
func (l *lookup) armOf(ctx context.Context, out *SegmentExplanation, profile string) error {
	arms, err := l.hasArms(ctx)
	if err != nil || !arms {
		return err
	}
	m := func(c string) rel.Expr { return rel.C("m", c) }
	return l.each(ctx, rel.Select{Columns: columns("m", "arm"), From: l.table(compile.Memberships, "m"),
		Where: rel.F(rel.And, equal(m("profile_id"), rel.T(profile)), equal(m("segment"), rel.T(out.Segment)))},
		func(c cells) error { out.Arm = c.text(0); return nil })
}

// hasArms reports whether the build's memberships tell arms.
func (l *lookup) hasArms(ctx context.Context) (bool, error) {
	have, err := l.s.Columns(ctx, l.in.Build.Table(l.in.Entity, compile.Memberships))
	return slices.ContainsFunc(have, func(c warehouse.Column) bool { return c.Name == "arm" }), err
}

// stay adds what the build knows of the person in the segment.
func (a *App) stay(out *SegmentExplanation, v *ProfileView) {
	for _, s := range v.Segments {
		if s.Segment == out.Segment {
			out.Member, out.Since = true, s.Entered
		}
	}
	for _, s := range v.Left {
		if s.Segment == out.Segment && out.LeftAt == nil { // the newest stands first
			out.LeftAt = s.Left
		}
	}
	for _, arm := range v.Arms {
		switch arm.Segment {
		case out.Segment:
			if out.Arm == "" {
				out.Arm = arm.Arm
			}
			out.Arms = append(out.Arms, arm)
		case models.UniversalSegment:
			out.Arms = append(out.Arms, arm)
		}
	}
	switch {
	case out.In && !out.Member:
		out.Moved = "build " + out.Build + " does not have them in it: rows or rules have changed since, or the time is another one; the next build will"
	case !out.In && out.Member:
		out.Moved = "build " + out.Build + " has them in it: rows or rules have changed since, or the time is another one; the next build will not"
	}
}

// capsOf tells of each policy that bounds messages of a segment's syncs how many the person has had.
func (a *App) capsOf(ctx context.Context, segment string, v *ProfileView, asOf time.Time) ([]CapState, error) {
	out := []CapState{}
	for i := range a.p.Syncs {
		s := &a.p.Syncs[i]
		if s.Segment != segment {
			continue
		}
		for _, c := range a.caps(s, a.channelOf(s), asOf) {
			name := strings.TrimPrefix(c.Code, "policy.")
			if at := slices.IndexFunc(out, func(x CapState) bool { return x.Policy == name }); at >= 0 {
				out[at].Syncs = append(out[at].Syncs, s.Name)
				continue
			}
			had, err := a.led.Messages(ctx, c, v.ids())
			if err != nil {
				return nil, a.worldly(err)
			}
			within := asOf.Sub(c.Since)
			x := CapState{Policy: name, Syncs: []string{s.Name}, Had: len(had), Max: c.Max, Within: models.Duration(within).String()}
			if len(had) >= c.Max && c.Max > 0 {
				free := had[len(had)-c.Max].Add(within)
				x.Free = &free
			}
			out = append(out, x)
		}
	}
	return out, nil
}

// barred adds what the ledger knows, and the data that may not leave.
func (a *App) barred(out *SegmentExplanation, v *ProfileView, seg *models.Segment, reach map[string][]DestinationKind) {
	out.Bars = v.Bars
	for _, t := range v.Told {
		if a.p.Sync(t.Sync).Segment == seg.Name {
			out.Sent = append(out.Sent, SentState{Sync: t.Sync, State: t.State, SentAt: t.SentAt, Code: t.Code})
		}
	}
	for i := range out.Purposes {
		p := &out.Purposes[i]
		reach := reach[p.Purpose]
		for _, d := range reach {
			p.Denied = append(p.Denied, a.deniedTo(seg, d)...)
			for _, b := range v.Bars {
				if b.Code == ledger.CodeSuppressed && (b.Channel == "all" || b.Channel == string(d.Kind)) && !slices.Contains(p.Suppressed, d.Name) {
					p.Suppressed = append(p.Suppressed, d.Name)
				}
			}
		}
		for _, b := range v.Bars {
			if b.Code == ledger.CodeErased && !slices.Contains(p.ClosedBy, b.Code) {
				p.ClosedBy = append(p.ClosedBy, b.Code)
			}
		}
		if len(reach) > 0 && len(p.Suppressed) == len(reach) {
			p.ClosedBy = append(p.ClosedBy, ledger.CodeSuppressed)
		}
		for _, d := range p.Denied {
			if code := "policy." + d.Policy; !slices.Contains(p.ClosedBy, code) {
				p.ClosedBy = append(p.ClosedBy, code)
			}
		}
		p.Open = len(p.ClosedBy) == 0
	}
}
