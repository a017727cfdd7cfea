package cli

import (
	"testing"

	"github.com/weir-data/weir/internal/app"
)

func TestMatched(t *testing.T) {
	for _, c := range []struct {
		stats map[string]int64
		want  string
	}{
		{map[string]int64{"profiles": 3}, ""},
		{map[string]int64{"matching.records": 5, "matching.join": 1}, "matching: 1 pair joins"},
		{map[string]int64{"matching.records": 5, "matching.join": 1200, "matching.review": 2, "matching.big_blocks": 1, "matching.default_weights": 3},
			"matching: 1,200 pairs join · 2 wait for weir identity review · 1 block too large to compare: see customer_big_blocks · 3 fields with default weights: see customer_weights"},
	} {
		if got := matched(app.BuildResult{Entity: "customer", Stats: c.stats}); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
