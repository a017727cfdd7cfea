package compile

import (
	"fmt"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// layers puts the traits in the order in which they can be computed: first those read from
// sources, then each that is computed from others after every one of them.
func (t *traits) layers() ([][]*models.Trait, []diag.Problem) {
	out := [][]*models.Trait{nil}
	done := map[string]bool{}
	var rest []*models.Trait
	for i := range t.entity.Traits {
		tr := &t.entity.Traits[i]
		if !tr.Derived() {
			out[0] = append(out[0], tr)
			done[tr.Name] = true
		} else {
			rest = append(rest, tr)
		}
	}
	for len(rest) > 0 {
		var layer, later []*models.Trait
		for _, tr := range rest {
			ready := true
			for _, name := range t.entity.TraitsOf(tr) {
				ready = ready && done[name]
			}
			if ready {
				layer = append(layer, tr)
			} else {
				later = append(later, tr)
			}
		}
		if len(layer) == 0 {
			return out, []diag.Problem{{
				Path: models.Path("entities", t.entity.Name, "traits", later[0].Name), OnKey: true,
				Code: "models.circle",
				What: fmt.Sprintf("trait %s is computed from itself", later[0].Name),
				Fix:  "compute it from traits that are not computed from it",
			}}
		}
		for _, tr := range layer {
			done[tr.Name] = true
		}
		out = append(out, layer)
		rest = later
	}
	return out, nil
}
