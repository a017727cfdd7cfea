package project

import (
	"time"

	"github.com/weir-data/weir/models/diag"
)

// every checks the interval of a sync.
func (c *syncCheck) every() {
	s := c.s
	if s.Every == "" {
		return
	}
	at := c.at + ".every"
	if s.Schedule != "" {
		c.failKey(at, "syncs.too_many", "keep one of them", "sync %s has both schedule and every", s.Name)
	}
	if d, err := time.ParseDuration(s.Every); err != nil || d < time.Second {
		c.fail(at, "syncs.every", "write a number and s, m or h, such as 15m or 6h; at least 1s", "%q is not an interval", s.Every)
	}
}

// after checks the sync that another one follows: it exists, and following ends somewhere.
func (c *syncCheck) after() {
	s := c.s
	if s.After == "" {
		return
	}
	at := c.at + ".after"
	if s.Schedule != "" || s.Every != "" {
		c.failKey(at, "syncs.too_many", "keep one of them", "sync %s has both after and a schedule of its own", s.Name)
	}
	if c.p.Sync(s.After) == nil {
		var known []string
		for _, o := range c.p.Syncs {
			known = append(known, o.Name)
		}
		c.fail(at, "syncs.unknown", diag.DidYouMean(s.After, known), "unknown sync %q", s.After)
		return
	}
	// Whoever only leads into a circle is well; those in it are told.
	way := s.Name
	for i, o := 0, c.p.Sync(s.After); o != nil && i < len(c.p.Syncs); i, o = i+1, c.p.Sync(o.After) {
		way += " after " + o.Name
		if o.Name == s.Name {
			c.fail(at, "syncs.after_circle", "give one of them a schedule instead, or none", "sync %s waits for itself: %s", s.Name, way)
			return
		}
	}
}
