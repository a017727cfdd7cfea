package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
)

// The names of what leaves tell of a profile.
const (
	FactValue     = "value"     // of a trait, or of an aggregate over rows
	FactRows      = "rows"      // integer: how many rows count
	FactFailing   = "failing"   // integer: how many rows do not pass what each must pass
	FactDays      = "days"      // integer: on how many days
	FactPosition  = "position"  // integer from 1: where a profile stands in a ranking; NULL if it is not in it
	FactRanked    = "ranked"    // integer: how many are ranked
	FactThreshold = "threshold" // the value of the last who is in
	FactDistance  = "distance"  // number: metres
	FactLatitude  = "latitude"  // number
	FactLongitude = "longitude" // number
	FactStep      = "step"      // integer: how many steps of a sequence were reached
	FactAt        = "at"        // timestamp: when the last step was reached that was
	FactTrait     = "trait."    // and the name of a trait: its value, of an expression that names several
)

// fact is what a leaf looks at of a profile.
type fact struct {
	path string // of the leaf
	name string
	expr rel.Expr // where the leaf's own predicate stands
	typ  models.Type
}

// tell keeps what a leaf looks at for whoever explains it. Leaves tell all that a person needs to
// see why they are true or false; a leaf that is compiled again tells the same again.
func (c *conditions) tell(path, name string, e rel.Expr, typ models.Type) {
	if c.told != nil {
		c.told(fact{path: path, name: name, expr: e, typ: typ})
	}
}

// tellRows tells how many rows count, and the aggregate over them if it is another one.
func (c *conditions) tellRows(source *models.Source, path string, filter rel.Expr, kind string, m measure) {
	if c.told == nil {
		return
	}
	if kind == "" {
		c.tell(path, FactRows, m.expr, m.typ)
		return
	}
	c.tell(path, FactValue, m.expr, m.typ)
	c.tellCount(source, path, filter)
}

// tellDays tells on how many days rows count, and how many there are.
func (c *conditions) tellDays(source *models.Source, path string, filter rel.Expr, m measure) {
	if c.told != nil {
		c.tell(path, FactDays, m.expr, m.typ)
		c.tellCount(source, path, filter)
	}
}

func (c *conditions) tellCount(source *models.Source, path string, filter rel.Expr) {
	if n, problems := c.scans.aggregate(source, path, models.Aggregate{Count: true}, filter); len(problems) == 0 {
		c.tell(path, FactRows, n.expr, n.typ)
	}
}
