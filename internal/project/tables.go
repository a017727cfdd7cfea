package project

import (
	"fmt"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/models"
)

// The longest tables that weir makes of an entity, and of a source of its identity, by their names in
// package compile: those of a build that is only looked at.
const (
	lookedAt     = "scratch_looked_at_"
	longest      = "_membership_history"
	ofSource     = "_combos_"
	ofSourcePart = "_delta"
)

// tables checks that names of entities and sources leave room for the names of tables that are made of
// them, where the target's warehouse has a limit: PostgreSQL keeps 63 bytes, and would cut what is more.
func (l *loader) tables() {
	kind, ok := warehouse.Lookup(l.p.Target.Type)
	if !ok {
		return
	}
	d := kind.Dialect()
	if d == nil {
		return
	}
	fault := func(table string) error {
		_, err := d.Statement(rel.DropTable{Name: rel.Name{table}})
		return err
	}
	// over is by how many characters a name must be shorter.
	over := func(table string) (n int) {
		for n = 1; n < len(table) && fault(table[n:]) != nil; n++ { //nolint:revive // it counts
		}
		return n
	}
	for i := range l.p.Model.Entities {
		e := &l.p.Model.Entities[i]
		if what, _ := models.NameProblem(e.Name); what != "" {
			continue
		}
		if table := lookedAt + e.Name + longest; fault(table) != nil {
			n := over(table)
			l.failKey(models.Path("entities", e.Name), "project.long_name", fmt.Sprintf("make it %d characters shorter", n),
				"the name of entity %s is too long for target %s: weir makes tables like %s of it, and %s keeps %d bytes of a name", e.Name, l.p.Target.Name, table, kind.Name(), len(table)-n)
			continue
		}
		for _, s := range e.Identity.From {
			table := lookedAt + e.Name + ofSource + s + ofSourcePart
			if what, _ := models.NameProblem(s); what != "" || fault(table) == nil {
				continue
			}
			n := over(table)
			l.fail(models.Path("entities", e.Name, "identity", "from"), "project.long_name", fmt.Sprintf("make one of them %d characters shorter, or both together", n),
				"the names of entity %s and source %s are too long for target %s: weir makes tables like %s of them, and %s keeps %d bytes of a name", e.Name, s, l.p.Target.Name, table, kind.Name(), len(table)-n)
		}
	}
}
