package project

import "github.com/weir-data/weir/models"

// arm checks that the segment has the arm that a sync names.
func (c *syncCheck) arm() {
	switch s := c.s; {
	case s.Arm == "":
	case s.Segment == "":
		c.failKey(c.at+".arm", "syncs.not_beside", "take it out, or send a segment with a split: or a priority:", "arm goes with segment")
	case c.seg != nil:
		if what, fix := models.CheckArm(c.seg, s.Arm); what != "" {
			c.fail(c.at+".arm", "syncs.unknown_arm", fix, "%s", what)
		}
	}
}

// unheld warns of rows that reach people past an entity's holdout, since nothing tells whose they
// are.
func (c *syncCheck) unheld() {
	if c.s.SQL == "" || c.p.Purpose(c.s) == "none" {
		return
	}
	for i := range c.p.Model.Entities {
		if e := &c.p.Model.Entities[i]; e.HoldsOut() {
			c.warn(c.at+".sql", "syncs.unheld", "send a segment, or purpose: none if nobody is reached",
				"nothing tells whose the rows of sql are, so that the holdout of %s keeps nobody out of this sync", e.Name)
		}
	}
}
