package ledger

import (
	"fmt"
)

// BoundError says that a sync's ledger cannot be used: another sync has a ledger on the same
// place, or the sync's own ledger is about another place.
type BoundError struct {
	Sync  string
	Other string // the sync that has the place; "" if the sync's own ledger is about another one
	Place string // account, object and target
}

// Error says what is bound to what.
func (e *BoundError) Error() string {
	if e.Other != "" {
		return fmt.Sprintf("sync %s and sync %s both write to %s: one of them would undo what the other does", e.Sync, e.Other, e.Place)
	}
	return fmt.Sprintf("the ledger of sync %s is about %s", e.Sync, e.Place)
}

// Code is the stable code of the finding.
func (e *BoundError) Code() string {
	if e.Other != "" {
		return "ledger.shared_target"
	}
	return "ledger.moved"
}

// Fix says what to do.
func (e *BoundError) Fix() string {
	if e.Other != "" {
		return "point one of them elsewhere; if " + e.Other + " has only got another name: weir sync rename " + e.Other + " " + e.Sync
	}
	return "undo the change of destination, object or into, or of the target's send; to start anew there: weir sync reset " + e.Sync
}

// Code is the stable code.
func (e *RenameError) Code() string { return "ledger.rename" }

// Fix says what to do.
func (e *RenameError) Fix() string {
	return "see weir status; where something of " + e.From + " is open, give it its old name back in the project, run it, then rename it"
}

// UnknownStoreError says that no store of this machine has ever run anything in this warehouse,
// while one of another machine has.
type UnknownStoreError struct {
	Store string
	Open  int64 // plans that were published and not settled, whose answers only the lost store knew
}

// Error names the store.
func (e *UnknownStoreError) Error() string {
	return fmt.Sprintf("the store %s of this machine is new to this warehouse, which other stores have used (%d plans are open)", e.Store, e.Open)
}

// Code is the stable code of the finding.
func (e *UnknownStoreError) Code() string { return "ledger.unknown_store" }

// Fix says what to do.
func (e *UnknownStoreError) Fix() string {
	return "run on the machine that ran it before, or copy its .weir folder here; if that is lost: weir doctor --adopt-store"
}

// RestoredError says that the warehouse allots epochs that this store has seen already: it was
// restored to an earlier time, and its ledger no longer says what the destination holds.
type RestoredError struct {
	Sync       string
	Have, Seen int64
}

// Error names both epochs.
func (e *RestoredError) Error() string {
	return fmt.Sprintf("the warehouse is older than this machine's memory of sync %s (epoch %d, seen %d): it was restored to an earlier time", e.Sync, e.Have, e.Seen)
}

// Code is the stable code of the finding.
func (e *RestoredError) Code() string { return "ledger.restored" }

// Fix says what to do.
func (e *RestoredError) Fix() string {
	return "bring the newer copy of the warehouse back; on DuckDB, that of the ledgers lies beside the file: weir doctor --restore-ledger; if there is none, send everything again from the older one: weir sync full " + e.Sync
}

// KeyError says that the project's secret is not the one that erasures and suppressions in the
// warehouse were written with, so that none of them would be recognised.
type KeyError struct{}

// Error says so.
func (*KeyError) Error() string {
	return "the project's secret key is not the one that erasures and suppressions in this warehouse were written with"
}

// Code is the stable code of the finding.
func (*KeyError) Code() string { return "ledger.secret_key" }

// Fix says what to do.
func (*KeyError) Fix() string {
	return "copy .weir/secret.key from the machine that wrote them"
}

// SlotsError says that a sync maps more identifiers than its ledger has room for.
type SlotsError struct {
	Sync string
	Room int
}

// Error says so.
func (e *SlotsError) Error() string {
	return fmt.Sprintf("the ledger of sync %s has room for %d identifiers, counting those that it mapped before", e.Sync, e.Room)
}

// Code is the stable code of the finding.
func (*SlotsError) Code() string { return "ledger.too_many_identifiers" }

// Fix says what to do.
func (e *SlotsError) Fix() string {
	return "give the sync another name: it then has a ledger of its own"
}
