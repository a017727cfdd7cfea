package cli

import (
	"slices"
	"testing"

	"github.com/weir-data/weir/internal/app"
)

// TestUnpredicted warns of each trait that could not be predicted, and of no other.
func TestUnpredicted(t *testing.T) {
	got := unpredicted(app.BuildResult{Entity: "customer", Stats: map[string]int64{"profiles": 50, "predictions.absent.churn": 40, "predictions.absent.worth": 1}})
	want := []string{
		"warning: churn is absent for everybody: what 40 people bought tells too little; customer_predictions says why",
		"warning: worth is absent for everybody: what 1 person bought tells too little; customer_predictions says why",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
