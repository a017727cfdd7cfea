package compile

import (
	"github.com/weir-data/weir/internal/rel"
)

// pairLinks makes fuzzy(u, v, order): the identifiers of records that matching found to be one
// person, as links between the strongest that each has; nil if the entity declares no matching.
func (x *identity) pairLinks() []rel.Statement { return nil }

// pairsMoved lists the identifiers of records that matching links otherwise than before.
func (x *identity) pairsMoved() []rel.Query { return nil }

// paired reports whether records are matched.
func (x *identity) paired() bool { return false }
