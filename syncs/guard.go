package syncs

import (
	"fmt"

	"github.com/weir-data/weir/destinations"
)

// The codes of what holds a plan.
const (
	HoldMaxRemoved  = "syncs.max_removed"
	HoldMaxAdded    = "syncs.max_added"
	HoldMaxRejected = "syncs.max_rejected"
	HoldEmpty       = "syncs.empty_source"
	HoldNullKeys    = "syncs.null_keys"
	HoldDoubledKeys = "syncs.doubled_keys"
	HoldColumns     = "syncs.columns_changed"
)

// The defaults of guards, in hundredths of a percent.
const (
	maxRemoved  = 2000
	maxAdded    = 5000
	maxRejected = 500
)

// floor is the number of rows below which no share holds anything: one person of a segment of
// three is a third.
const floor = 100

// holds returns the reasons not to send a plan. Removals by policy, suppression and erasure are
// not held against it, since they are sent whatever it says.
func holds(t *Task, ref PlanRef) []Hold {
	var out []Hold
	g, y := t.Sync.Guard, ref.Tally
	add := func(code, fix, format string, args ...any) {
		out = append(out, Hold{Code: code, What: fmt.Sprintf(format, args...), Fix: fix})
	}
	if y.SourceRows == 0 && y.Ledger > 0 && !g.AllowEmpty {
		add(HoldEmpty, "look at the source; if nobody is right, set guard.allow_empty",
			"the source is empty, while the destination has %d of its rows", y.Ledger)
	}
	if y.NullKeys > 0 {
		add(HoldNullKeys, "leave rows without a key out of the source", "%d rows have no key", y.NullKeys)
	}
	if y.DoubledKeys > 0 {
		add(HoldDoubledKeys, "choose a key that each row has to itself", "%d rows share their key with another row", y.DoubledKeys)
	}
	if y.Columns {
		add(HoldColumns, "read the plan, then approve it", "the columns of the source are not those of the last run")
	}
	if n, limit := y.Removed-y.Forced-y.Further, g.MaxRemoved.Or(maxRemoved); over(n, y.Ledger, limit) {
		add(HoldMaxRemoved, "read the plan, then raise guard.max_removed or approve it",
			"%d of %d rows would be removed, more than %s", n, y.Ledger, percent(limit))
	}
	// What an interrupted run left over has passed the guard once: a first run that was stopped
	// half way can go on.
	if n, limit := y.Added-min(y.Resumed, y.Added), g.MaxAdded.Or(maxAdded); y.Ledger > 0 && over(n, y.Ledger, limit) {
		add(HoldMaxAdded, "read the plan, then raise guard.max_added or approve it",
			"%d rows would be added to %d, more than %s", n, y.Ledger, percent(limit))
	}
	return append(append(out, ref.Holds...), t.Holds...)
}

// over reports whether n rows are more than the share of all; exactly the share is not.
func over(n, all int64, basisPoints int) bool {
	return n >= floor && n*10_000 > all*int64(basisPoints)
}

func percent(basisPoints int) string {
	if basisPoints%100 == 0 {
		return fmt.Sprintf("%d%%", basisPoints/100)
	}
	return fmt.Sprintf("%d.%02d%%", basisPoints/100, basisPoints%100)
}

// unapproved leaves out the holds that a person has agreed to.
func unapproved(hs []Hold, approved []string) []Hold {
	var out []Hold
	for _, h := range hs {
		agreed := false
		for _, code := range approved {
			agreed = agreed || code == h.Code
		}
		if !agreed {
			out = append(out, h)
		}
	}
	return out
}

// harmful reports whether repeating a write to the object can do harm, so that a row in doubt
// there waits for a person.
func harmful(o destinations.Object) bool { return !o.Idempotent }

func (y Tally) counts() Counts {
	return Counts{Added: y.Added, Updated: y.Updated, Removed: y.Removed, Unchanged: y.Unchanged,
		Invalid: y.Invalid, Suppressed: y.Suppressed, Quarantined: y.Quarantined}
}
