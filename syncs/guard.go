package syncs

import (
	"fmt"
	"time"

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
	HoldStale       = "syncs.stale_source"
	HoldPolicyEmpty = "syncs.policy_source_empty"
	HoldSmall       = "syncs.min_size"
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
	if there := y.Ledger + y.Replaced; y.SourceRows == 0 && there > 0 && !g.AllowEmpty {
		add(HoldEmpty, "look at the source; if nobody is right, set guard.allow_empty",
			"the source is empty, while the destination has %d of its rows", there)
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
	if n, limit := y.Removed-y.Forced-y.Further-y.Replaced, g.MaxRemoved.Or(maxRemoved); over(n, y.Ledger, limit) {
		add(HoldMaxRemoved, "read the plan, then raise guard.max_removed or approve it",
			"%d of %d rows would be removed, more than %s", n, y.Ledger, percent(limit))
	}
	// What an interrupted run left over has passed the guard once: a first run that was stopped
	// half way can go on.
	if n, limit := y.Added-min(y.Resumed, y.Added), g.MaxAdded.Or(maxAdded); y.Ledger > 0 && over(n, y.Ledger, limit) {
		add(HoldMaxAdded, "read the plan, then raise guard.max_added or approve it",
			"%d rows would be added to %d, more than %s", n, y.Ledger, percent(limit))
	}
	for _, x := range t.Sources {
		if h, held := x.hold(ref); held {
			out = append(out, h)
		}
	}
	if least := g.MinSize; least > 0 && y.Desired < least && ref.Rows > ref.Forced {
		add(HoldSmall, "look at why there are so few, then lower guard.min_size or approve it",
			"%d are to be there, fewer than the %d that guard.min_size asks for", y.Desired, least)
	}
	return append(append(out, ref.Holds...), t.Holds...)
}

// SourceState is what is known of a source on which a plan rests.
type SourceState struct {
	Source string
	// Limit is how old its newest row may be; 0 is any age. Newest is the time of that row, as of
	// the plan; zero if there is none.
	Limit  time.Duration
	Newest time.Time
	// Policy names a policy that reads it to say who may be reached; "" if none does. It is Emptied
	// if it has no row, and had some when a run was last settled.
	Policy  string
	Emptied bool
}

// hold is the reason that a source gives not to send a plan.
func (x SourceState) hold(ref PlanRef) (h Hold, held bool) {
	switch age := ref.AsOf.Sub(x.Newest); {
	case x.Emptied && ref.Rows > 0:
		return Hold{Code: HoldPolicyEmpty, Fix: "load source " + x.Source + " again; if nobody is right, approve it",
			What: fmt.Sprintf("source %s, by which policy %s says who may be reached, was emptied: nothing but erasures is sent", x.Source, x.Policy)}, true
	case x.Limit <= 0 || ref.Rows == ref.Forced:
	case x.Newest.IsZero():
		return Hold{Code: HoldStale, Fix: "see why it is not loaded; or approve it",
			What: fmt.Sprintf("source %s has no row from before this run, and fresher_than asks for one of the last %s", x.Source, ageText(x.Limit))}, true
	case age > x.Limit:
		return Hold{Code: HoldStale, Fix: "see why it is not loaded; or approve it",
			What: fmt.Sprintf("the newest row of source %s is %s old, and fresher_than allows %s", x.Source, ageText(age), ageText(x.Limit))}, true
	}
	return h, false
}

// ageText writes a length of time as people say it: 3d 4h, 26h, 45m.
func ageText(d time.Duration) string {
	d = d.Truncate(time.Minute)
	h, m := int64(d/time.Hour), int64(d%time.Hour/time.Minute)
	switch {
	case h >= 48 && h%24 > 0:
		return fmt.Sprintf("%dd %dh", h/24, h%24)
	case h >= 48:
		return fmt.Sprintf("%dd", h/24)
	case h > 0 && m > 0:
		return fmt.Sprintf("%dh %dm", h, m)
	case h > 0:
		return fmt.Sprintf("%dh", h)
	}
	return fmt.Sprintf("%dm", m)
}

// past is how many rows of a plan its holds let through: erasures and what policies take out. A
// policy whose source was emptied says nothing of anybody, so that with it only erasures pass.
func past(ref PlanRef, hs []Hold) int64 {
	for _, h := range hs {
		if h.Code == HoldPolicyEmpty {
			return min(ref.Tally.Erased, ref.Forced)
		}
	}
	return ref.Forced
}

// Small warns that the vendor will not use the audience that a plan leaves there, since it has a
// minimum; "" if nothing is to be said.
func Small(t *Task, y Tally) string {
	least := int64(t.Object.MinAudience)
	if t.Sync.Mode != Mirror || y.Desired >= least {
		return ""
	}
	if y.Ledger >= least {
		return fmt.Sprintf("the %s falls from %d to %d members: %s uses none of fewer than %d", t.Object.Name, y.Ledger, y.Desired, t.Spec.Title, least)
	}
	return fmt.Sprintf("the %s has %d members: %s uses none of fewer than %d", t.Object.Name, y.Desired, t.Spec.Title, least)
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
