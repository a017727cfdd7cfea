package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/models"
)

func TestBin(t *testing.T) {
	for size, want := range map[int64][2]int64{0: {0, 0}, 1: {1, 1}, 2: {2, 2}, 3: {3, 4}, 4: {3, 4}, 5: {5, 8}, 8: {5, 8}, 9: {9, 16}, 500: {257, 512}, 513: {513, 1024}} {
		if lo, hi := bin(size); [2]int64{lo, hi} != want {
			t.Errorf("bin(%d) = %d to %d, want %v", size, lo, hi, want)
		}
	}
}

func TestLimitsOf(t *testing.T) {
	for _, c := range []struct {
		threshold, review float64
		want              []string
	}{
		{0, 0, []string{"0.5", "0.8", "0.9", "0.95", "0.99", "0.999"}},
		{0.97, 0.85, []string{"0.85", "0.9", "0.95", "0.97", "0.99", "0.999"}},
		{0.4, 0, []string{"0.4", "0.5", "0.8", "0.9", "0.95", "0.99", "0.999"}},
	} {
		if diff := cmp.Diff(c.want, limitsOf(&models.Fuzzy{Threshold: c.threshold, Review: c.review})); diff != "" {
			t.Errorf("threshold %v, review %v (-want +got):\n%s", c.threshold, c.review, diff)
		}
	}
}

// TestProbable: nothing that is reckoned is certain.
func TestProbable(t *testing.T) {
	for p, want := range map[float64]string{1: "1", 0.999986206: "0.99999", 0.99996: "0.99996", 0.9994: "0.999", 0.97: "0.97", 0.688703761: "0.689", 1 - 1e-12: "more than 0.9999999", 0.00012: "0.00012"} {
		if got := Probable(p); got != want {
			t.Errorf("%v is written %s, want %s", p, got, want)
		}
	}
}

// TestSets: a chain of profiles becomes one; what is linked already is not counted again.
func TestSets(t *testing.T) {
	s := newSets()
	type state struct{ Joined, Largest, Most int64 }
	for _, c := range []struct {
		a, b     string
		ofA, ofB int64
		want     state
	}{
		{"p1", "p2", 1, 3, state{1, 2, 4}},
		{"p3", "p4", 9, 1, state{2, 2, 10}},
		{"p2", "p1", 3, 1, state{2, 2, 10}},
		{"p2", "p5", 3, 1, state{3, 3, 10}},
		{"p4", "p1", 1, 1, state{4, 5, 15}},
		{"p3", "p5", 9, 1, state{4, 5, 15}},
	} {
		s.join(c.a, c.b, c.ofA, c.ofB)
		if diff := cmp.Diff(c.want, state{s.joined, s.largest, s.most}); diff != "" {
			t.Errorf("%s with %s (-want +got):\n%s", c.a, c.b, diff)
		}
	}
}
