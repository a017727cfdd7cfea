package syncs

import (
	"context"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Memory is what a Journal keeps about the accounts of destinations, for all syncs of the store
// and over restarts: what is left of long quotas, and what a destination said of its limits. An
// account is Task.Account. Rows are not what it is about, and nothing of it is needed for the
// promises: a memory that is lost costs requests that are refused.
type Memory interface {
	// Recall lists the lessons about an account that have not ended at now, in order of About.
	Recall(ctx context.Context, account string, now time.Time) ([]Lesson, error)
	// Learn remembers a lesson in place of the one with the same About. One that has ended at
	// now is forgotten, which is how a lesson is taken back.
	Learn(ctx context.Context, account string, l Lesson, now time.Time) error
	// Spend takes up to n calls out of a quota of an account and says how many it got. It is one
	// transaction: processes that share the store spend one quota together. A negative n gives
	// back calls that were taken and not made. Slots and their use are those of TakeQuota.
	Spend(ctx context.Context, account string, quota destinations.Rate, n int64, now time.Time) (Allowance, error)
}

// Lesson is what a run learned of an account and later runs need to know before they send.
type Lesson struct {
	About string    // AboutQuota or AboutRows, with what follows it
	Until time.Time // when it ends, in microseconds
	Rows  int       // AboutRows: the most rows of a call that the destination takes
	Text  string    // AboutQuota: the destination's words, without personal data
}

// What a lesson is about.
const (
	AboutQuota = "quota:" // and the Rate.Bucket that is spent, or nothing for all of the account
	AboutRows  = "rows:"  // and the name of the object
)

// Allowance is what Spend gave.
type Allowance struct {
	Slot   int64     // where the calls were counted
	Got    int64     // negative if calls were given back
	Next   time.Time // if it got fewer than asked for: when there is more
	Oldest int64     // slots before it count no more and can be dropped
}

// quotaFrom is the shortest Rate.Per that is a quota: a run does not wait for it, and what was
// spent of it is remembered in the journal.
const quotaFrom = time.Hour

// quotaSlots is into how many slots the time of a quota is cut.
const quotaSlots = 24

// IsQuota reports whether a rate is kept in the journal, and not in the memory of one process.
func IsQuota(r destinations.Rate) bool { return r.Per >= quotaFrom }

// TakeQuota decides how many of n calls a quota has room for at now. spent holds the calls that
// were counted, by slot; a slot is a 24th of quota.Per, numbered from 1970. Calls count until a
// whole quota.Per has passed since the end of their slot, so that no stretch of that length,
// wherever the vendor lets it begin, ever has more than quota.N of them. The caller adds Got to
// slot Slot and may drop the slots before Oldest.
func TakeQuota(quota destinations.Rate, spent map[int64]int64, n int64, now time.Time) Allowance {
	width := quota.Per.Microseconds() / quotaSlots
	slot := now.UnixMicro() / width
	a := Allowance{Slot: slot, Oldest: slot - quotaSlots}
	if n < 0 {
		a.Got = max(n, -spent[slot]) // what was taken in an earlier slot stays taken
		return a
	}
	var used int64
	first := slot
	for s, k := range spent {
		if s >= a.Oldest && k > 0 {
			used += k
			first = min(first, s)
		}
	}
	a.Got = min(n, max(0, int64(quota.N)-used))
	if a.Got < n {
		a.Next = time.UnixMicro((first + quotaSlots + 1) * width).UTC()
	}
	return a
}
