package compile

import (
	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// StartOfDay and FirstDate let tests ask when dates begin.
var (
	StartOfDay = startOfDay
	FirstDate  = firstDate
)

// WhoIs lets tests ask who passes a condition, by one query over the profiles of a build.
func WhoIs(in Input, w *models.Condition) (rel.Select, []diag.Problem) {
	c := profileConditions(in)
	passes := c.predicate("where", w)
	profile := rel.C("p", "profile_id")
	return rel.Select{
		Columns: []rel.Column{rel.As("profile_id", profile)},
		From:    rel.Table{Name: in.Build.Table(in.Entity, Profiles), Alias: "p"},
		Joins:   c.scans.joins(profile, true),
		Where:   passes,
	}, c.problems
}
