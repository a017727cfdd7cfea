package app

import (
	"slices"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/ledger"
	"github.com/weir-data/weir/syncs"
)

// caps are the policies that bound the messages of a sync as of a time: those of its entity that
// count its destination's kind. All syncs of those kinds that send messages to the entity's
// profiles are counted together.
func (a *App) caps(s *syncs.Sync, kind destinations.Kind, asOf time.Time) []ledger.Cap {
	if s.Mode != syncs.Append {
		return nil
	}
	var out []ledger.Cap
	for i := range a.p.Model.Policies {
		p := &a.p.Model.Policies[i]
		if p.Cap == nil || p.Entity != a.p.EntityOf(s) || !slices.Contains(p.Cap.Kinds, string(kind)) {
			continue
		}
		c := ledger.Cap{Code: "policy." + p.Name, Max: p.Cap.Max, Since: asOf.Add(-time.Duration(p.Cap.Within)).UTC()}
		for j := range a.p.Syncs {
			o := &a.p.Syncs[j]
			if o.Mode == syncs.Append && a.p.EntityOf(o) == p.Entity && slices.Contains(p.Cap.Kinds, string(a.channelOf(o))) {
				c.Syncs = append(c.Syncs, o.Name)
			}
		}
		out = append(out, c)
	}
	return out
}

// channelOf is the kind of a sync's destination.
func (a *App) channelOf(s *syncs.Sync) destinations.Kind {
	d := a.p.Destination(s.Destination)
	if d == nil {
		return ""
	}
	dest, ok := destinations.Lookup(d.Type)
	if !ok {
		return ""
	}
	return dest.Spec().Kind
}
