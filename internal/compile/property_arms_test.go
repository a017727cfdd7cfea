package compile_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weir-data/weir/models"
)

// somePriority lists one to four of the segments, each once.
func somePriority(r *rand.Rand, segments []string) []string {
	var out []string
	for range 1 + r.IntN(4) {
		if s := segments[r.IntN(len(segments))]; !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// firstFits holds that each member of a priority is in the arm of the first segment that they are
// in, and that nobody else has an arm.
func firstFits(t *testing.T, w *world, m *models.Model, holds func(who string, s *models.Segment) bool) {
	t.Helper()
	seen := map[string]bool{}
	for _, row := range w.rows(t, "SELECT m.segment, p.who, m.arm FROM weir.x_memberships_b17 m JOIN weir.x_profiles_b17 p USING (profile_id)") {
		want := "-"
		for _, name := range m.Segment(row[0]).Priority {
			if holds(row[1], m.Segment(name)) {
				want = name
				seen[want] = true
				break
			}
		}
		if row[2] != want {
			t.Errorf("%s of %s is in the arm %s, want %s", row[1], row[0], row[2], want)
		}
	}
	if len(seen) < 3 {
		t.Errorf("only the arms %v were seen", seen)
	}
}
