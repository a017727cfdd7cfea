package app

import (
	"github.com/weir-data/weir/internal/warehouse"
)

// syncable refuses to sync from a warehouse on which a ledger would not be safe.
func (a *App) syncable() error {
	kind, ok := warehouse.Lookup(a.p.Target.Type)
	if !ok || len(a.p.Syncs) == 0 {
		return nil
	}
	if why := warehouse.LimitsOf(kind).Syncs; why != "" {
		return &Error{Kind: Refused, Code: "targets.no_syncs", Message: "nothing can be synced from target " + a.p.Target.Name + ": " + why,
			Fix: "choose another target with --target; weir build and weir compile work here"}
	}
	return nil
}
