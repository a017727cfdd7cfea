package app

import (
	"context"
	"slices"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/warehouse"
)

// armsOf lists the arms of an entity's segments, or of those named, with how many are in each.
func (a *App) armsOf(entity string, members func(segment, arm string) int64, segments ...string) []ArmSize {
	var out []ArmSize
	for i := range a.p.Model.Segments {
		s := &a.p.Model.Segments[i]
		if s.Entity != entity || len(segments) > 0 && !slices.Contains(segments, s.Name) {
			continue
		}
		for _, arm := range a.p.Model.AllArms(s) {
			out = append(out, ArmSize{s.Name, arm, members(s.Name, arm)})
		}
	}
	return out
}

// liveArms reads how many are in each arm by a build.
func (a *App) liveArms(ctx context.Context, s warehouse.Session, r *BuildResult, b compile.Build) error {
	r.Arms = a.armsOf(r.Entity, func(string, string) int64 { return 0 })
	if len(r.Arms) == 0 {
		return nil
	}
	have, err := s.Columns(ctx, b.Table(r.Entity, compile.Memberships))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(have, func(c warehouse.Column) bool { return c.Name == "arm" }) {
		r.Arms = nil // a build from before there were arms
		return nil
	}
	for row, err := range a.rows(ctx, s, compile.ArmSizes(r.Entity, b)) {
		if err != nil {
			return err
		}
		c := cells(row)
		for i := range r.Arms {
			if r.Arms[i].Segment == c.text(0) && r.Arms[i].Arm == c.text(1) {
				r.Arms[i].Members = c.int(2)
			}
		}
	}
	return nil
}
