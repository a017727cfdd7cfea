package project

import (
	"fmt"

	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// within reports what the project asks for that the chosen target's kind of warehouse cannot do. Syncs
// are warned of only: what is not sent can be built all the same.
func (l *loader) within() {
	kind, ok := warehouse.Lookup(l.p.Target.Type)
	if !ok {
		return
	}
	limits := warehouse.LimitsOf(kind)
	if limits.Similarity != "" {
		for i := range l.p.Model.Entities {
			l.alike(&l.p.Model.Entities[i], limits.Similarity)
		}
	}
	if limits.Syncs != "" && len(l.p.Syncs) > 0 {
		l.warn(models.Path("targets", l.p.Target.Name)+".type", "targets.no_syncs", "choose another target for weir plan and weir run; weir build and weir compile work here",
			"nothing can be synced from target %s: %s", l.p.Target.Name, limits.Syncs)
	}
}

// alike reports the levels of an entity's fuzzy rules that compare how alike texts are.
func (l *loader) alike(e *models.Entity, why string) {
	if e.Identity.Fuzzy == nil {
		return
	}
	for _, c := range e.Identity.Fuzzy.Compare {
		for i, level := range c.Levels {
			if level.JaroWinkler == 0 && level.Levenshtein == 0 {
				continue
			}
			at := models.Path("entities", e.Name, "identity", "fuzzy", "compare", c.Field)
			l.fail(fmt.Sprintf("%s[%d]", at, i), "targets.no_similarity", "compare this field by exact, first, days or swapped, or choose a target of another kind",
				"how alike texts are cannot be computed on target %s: %s", l.p.Target.Name, why)
		}
	}
}
