package cli

import (
	"strings"

	"github.com/weir-data/weir/internal/app"
)

// matched tells what matching came to, and what it needs; "" right after no build with matching.
func matched(b app.BuildResult) string {
	if _, ok := b.Stats["matching.records"]; !ok {
		return ""
	}
	parts := []string{"matching: " + plural(b.Stats["matching.join"], "pair joins", "pairs join")}
	if n := b.Stats["matching.review"]; n > 0 {
		parts = append(parts, plural(n, "waits", "wait")+" for weir identity review")
	}
	if n := b.Stats["matching.big_blocks"]; n > 0 {
		parts = append(parts, plural(n, "block")+" too large to compare: see "+b.Entity+"_big_blocks")
	}
	if n := b.Stats["matching.default_weights"]; n > 0 {
		parts = append(parts, plural(n, "field")+" with default weights: see "+b.Entity+"_weights")
	}
	return strings.Join(parts, " · ")
}
