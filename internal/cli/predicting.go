package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/weir-data/weir/internal/app"
)

// unpredicted tells of the predicted traits that are absent for everybody, since what people bought
// tells too little.
func unpredicted(b app.BuildResult) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(b.Stats)) {
		if trait, ok := strings.CutPrefix(name, "predictions.absent."); ok {
			out = append(out, "warning: "+trait+" is absent for everybody: what "+plural(b.Stats[name], "person", "people")+" bought tells too little; "+b.Entity+"_predictions says why")
		}
	}
	return out
}
