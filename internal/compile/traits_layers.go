package compile

import (
	"fmt"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// layers puts the traits in the order in which they can be computed: first those read from
// sources, then each sql trait after every trait that it names.
func (t *traits) layers() ([][]*models.Trait, []diag.Problem) {
	out := [][]*models.Trait{nil}
	done := map[string]bool{}
	var rest []*models.Trait
	for i := range t.entity.Traits {
		tr := &t.entity.Traits[i]
		if tr.SQL == "" {
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
			for _, name := range t.entity.SQLTraits(tr) {
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
				Path: t.path(later[0], "sql"),
				Code: "models.circle",
				What: fmt.Sprintf("trait %s is computed from itself", later[0].Name),
				Fix:  "break the circle of sql traits",
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
