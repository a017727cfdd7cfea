package warehouse

import (
	"context"
	"time"
)

// Keeper is a Session of a warehouse that is a file, of which nobody else makes copies: what cannot
// be made again is copied to files beside it.
type Keeper interface {
	// Keep makes a copy of the tables, all of one moment. The last two copies stay; what a copy
	// shares with the one before is written once, so that it may rest on files of earlier ones. A
	// table that is not there is a *MissingError, and then no copy is made. It is no part of a
	// transaction.
	Keep(ctx context.Context, c Copied) error
	// Copies lists the copies that are there, newest first.
	Copies() ([]Copy, error)
	// Restore makes the tables of a copy those of the warehouse. It may be repeated, and it has to be
	// until it returns nil: a table that it did not come to is as it was.
	Restore(ctx context.Context, number int) error
}

// Copied is what goes into a copy.
type Copied struct {
	Tables []CopiedTable // in the order in which they are to be restored
	// Note is kept with the copy for whoever restores it. It holds nothing that is secret.
	Note string
	// Whole makes a copy that rests on no other one, so that what was deleted since is gone with the
	// copy after this one.
	Whole bool
}

// CopiedTable is a table of weir's schema.
type CopiedTable struct {
	Name string
	// Stamp is a SELECT of one text that is another one whenever the table is; "" where there is none,
	// and all rows are looked at.
	Stamp string
	// Change tells what differs from an earlier moment; nil if nobody knows.
	Change *Change
}

// Change is the difference of a table between two moments.
type Change struct {
	From, To string // what Stamp gave at each
	// Unit is a column that is never NULL, and Units a SELECT of the values that it has in the rows
	// that were added, changed or deleted, each of them at least once. It may name others too.
	Unit, Units string
	// Rows is a condition on the table, under the alias t, of just the rows that were added or
	// changed and are there now; "" if they are known by Units only.
	Rows string
}

// Copy is a copy that can be restored.
type Copy struct {
	Number int
	At     time.Time
	Note   string // "" for one that an earlier weir made
}

// KeeperOf is the Keeper of a session that may lie in others, which it has an Inner for.
func KeeperOf(s Session) (Keeper, bool) { return as[Keeper](s) }
