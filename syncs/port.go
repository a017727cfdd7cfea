package syncs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/weir-data/weir/destinations"
)

// Source is one sync's side of the warehouse: what should be at the destination, what the
// destination last accepted (the ledger), and the plans between the two. internal/ledger
// implements it, bound to one sync, one build and one as_of. Every method that writes takes a
// Grant and returns ErrFenced, having changed nothing, if its epoch is no longer the newest.
type Source interface {
	// Acquire allots the next epoch of the sync by one conditional update in the warehouse, if
	// nobody holds it, the holder's lease has expired by the warehouse's clock, or the holder is
	// a dead process on this host and store. Otherwise it returns a *HeldError.
	Acquire(ctx context.Context, h Holder, ttl time.Duration) (Grant, error)
	// Renew extends the lease by ttl from now.
	Renew(ctx context.Context, g Grant, ttl time.Duration) (Grant, error)
	// Release gives the lease up. clean is false if something may still be on its way to the
	// destination; the next run then waits before it sends.
	Release(ctx context.Context, g Grant, clean bool) error

	// Freeze computes the plan of run in one statement (one snapshot) and publishes it as a
	// table under the grant's epoch. A zero Grant makes a preview: it needs no lease and can not
	// be sent. If the plan of this run exists already, that one is returned; a preview of this
	// run is first published, as it is, under the epoch of a grant that is not zero. That is how
	// a saved plan comes to be sent: the engine compares Hash and Version itself.
	Freeze(ctx context.Context, g Grant, run string) (PlanRef, error)
	// Plan finds the plan of an earlier run. ok is false if there is none.
	Plan(ctx context.Context, run string) (ref PlanRef, ok bool, err error)
	// Open lists published plans whose run has no marker yet, oldest first, whoever made them.
	// Previews are not among them.
	Open(ctx context.Context) ([]PlanRef, error)
	// Read yields the changes with lo <= Seq < hi in order of Seq. It can be called again for
	// the same rows and gives the same ones, but for Barred, which says what erasures,
	// suppressions and consent say now.
	Read(ctx context.Context, ref PlanRef, lo, hi int64) iter.Seq2[Change, error]
	// Settle folds a run's verdicts into the ledger in one transaction with the run's marker:
	// applied rows are upserted or deleted; rows known not applied stay as they were, rejected
	// ones with their code and next try; rows in doubt are marked. Rows outside all ranges were
	// not attempted. With the marker there already it changes nothing. Then plan and staging
	// are dropped, but for the plan if v.Keep says so. The result counts rows by Verdict:
	// Applied as Delivered, Taken as Accepted, Rejected, InDoubt, Barred as Suppressed, Malformed
	// as Invalid, and all other rows of the plan as Due.
	Settle(ctx context.Context, g Grant, ref PlanRef, v Verdicts) (Counts, error)
	// Refine folds the final verdicts of a job into the ledger after its run was settled. The
	// plan is still there, since Settle was asked to keep it. A row that the job rejected is due
	// again with its code and next try, if the ledger still holds what that row sent; Applied
	// confirms. Refining again changes nothing.
	Refine(ctx context.Context, g Grant, ref PlanRef, final []Exception) error
	// Decide is a person's word on rows that run left in doubt at an object that is harmful to
	// repeat: sent makes them applied, otherwise they are as if never tried. No keys means all of
	// them. It returns how many rows it decided.
	Decide(ctx context.Context, g Grant, run string, sent bool, keys []string) (int64, error)
	// Discard drops a plan that was never sent, or one that was kept when it was settled.
	Discard(ctx context.Context, ref PlanRef) error
	// Version changes whenever the ledger does.
	Version(ctx context.Context) (string, error)
}

// Journal is the durable memory of runs on disk. internal/store implements it. A method that
// writes has reached the disk when it returns nil; an error means that nothing is known.
type Journal interface {
	// Begin records a run before anything else of it, and its plan when called again for the
	// same run.
	Begin(ctx context.Context, r RunRecord) error
	// Record records verdicts on attempts, and then attempts before they are sent, in one write:
	// all of it or nothing. A later verdict on the same attempt and rows replaces the earlier. An
	// intent supersedes every earlier verdict on its rows: until an Ack they count as in doubt.
	// ErrFenced if the run's epoch is old.
	Record(ctx context.Context, run string, epoch int64, acks []Ack, intents []Intent) error
	// Unsettled lists the runs of a sync that have begun and are not settled, oldest first.
	Unsettled(ctx context.Context, sync string) ([]RunRecord, error)
	// Verdicts derives the verdict on every attempted row of a run from intents and acks.
	Verdicts(ctx context.Context, run string) (Verdicts, error)
	// Jobs lists the open asynchronous jobs of a sync, oldest first.
	Jobs(ctx context.Context, sync string) ([]OpenJob, error)
	// CloseJob ends a job with the final verdicts on its rows, for people: the ledger has them.
	CloseJob(ctx context.Context, run string, id int64, final []Exception) error
	// Settled records that the ledger holds the run's verdicts.
	Settled(ctx context.Context, run string) error
	// End records how a run ended.
	End(ctx context.Context, run string, rep Report) error

	Memory
}

// ErrFenced says that a newer epoch has taken over: this run may do nothing more.
var ErrFenced = errors.New("a newer run has taken over")

// Holder names who holds a lease.
type Holder struct {
	Store string `json:"store"` // id of the store, so that two machines are told apart
	Host  string `json:"host"`
	PID   int    `json:"pid"`
}

// Grant is a held lease. The zero Grant holds nothing.
type Grant struct {
	Sync   string
	Epoch  int64
	Clean  bool      // the previous holder released cleanly
	Expiry time.Time // by the warehouse's clock
}

// HeldError says that somebody else runs the sync.
type HeldError struct {
	Sync   string
	Holder Holder
	Until  time.Time
}

// Error names the holder.
func (e *HeldError) Error() string {
	return fmt.Sprintf("sync %s is being run by process %d on %s until %s", e.Sync, e.Holder.PID, e.Holder.Host, e.Until.UTC().Format(time.RFC3339))
}

// PlanRef names a frozen plan.
type PlanRef struct {
	Sync    string
	Run     string
	Epoch   int64 // 0 for a preview
	Table   string
	Rows    int64  // changes, with Seq 0 to Rows-1
	Forced  int64  // the first Forced changes are erasures and removals by policy; no guard holds them
	Hash    string // of the sync's fingerprint and every change
	Version string // of the ledger that it was made against
	Tally   Tally
	Holds   []Hold // reasons to hold it that planning found, beside those of the guards
	AsOf    time.Time
}

// Tally is what planning counted: the numbers that guards and people look at.
type Tally struct {
	Ledger      int64 `json:"ledger"`  // rows in the ledger before the run
	Desired     int64 `json:"desired"` // people that should be at the destination
	Added       int64 `json:"added"`
	Resumed     int64 `json:"resumed,omitempty"` // of these at most, left over by a run that no guard held
	Updated     int64 `json:"updated"`
	Removed     int64 `json:"removed"`            // all removals
	Forced      int64 `json:"forced"`             // of these, by policy, suppression or erasure
	Erased      int64 `json:"erased,omitempty"`   // of forced, erasures
	Further     int64 `json:"further,omitempty"`  // of the others, further match values of somebody who is removed already: no guard counts them
	Replaced    int64 `json:"replaced,omitempty"` // of the others, members whom weir did not send, at a first run that replaces: it is held for them anyway
	Unchanged   int64 `json:"unchanged"`
	Invalid     int64 `json:"invalid"` // null and doubled keys included
	Suppressed  int64 `json:"suppressed"`
	Quarantined int64 `json:"quarantined"`
	Waiting     int64 `json:"waiting"`           // rejected before and not yet due
	InDoubt     int64 `json:"in_doubt"`          // harmful to repeat and left for a person
	Merged      int64 `json:"merged,omitempty"`  // rows of the ledger that pass to the profile that theirs became part of, with nothing sent
	Unbuilt     int64 `json:"unbuilt,omitempty"` // left to a later plan, since no build in force has their profile
	NullKeys    int64 `json:"null_keys"`
	DoubledKeys int64 `json:"doubled_keys"`
	SourceRows  int64 `json:"source_rows"` // rows before policies; 0 is an empty source
	// Reasons counts invalid rows by code.
	Reasons map[string]int64 `json:"reasons,omitempty"`
	// Mapping is true if the sync's fingerprint differs from the ledger's: rows change although
	// the people did not.
	Mapping bool `json:"mapping_changed,omitempty"`
	// Columns is true if the columns of the source are not those of the last run.
	Columns bool `json:"columns_changed,omitempty"`
}

// Change is one row of a plan.
type Change struct {
	Seq      int64
	Op       destinations.Op
	Move     Move
	Key      string // profile id, or profile id and entry number for append
	Group    string // rows that name the same person at the destination; adjacent, never in two calls at once; "" stands alone
	IDs      []any  // normalised match values in the order of Columns.IDs: string or destinations.Absent
	Fields   []any  // in the order of Columns.Fields
	RemoteID string
	Hash     int64 // of the rendered payload
	// Version is of the ledger's row of this match value, and part of the idempotency key: it
	// goes up when a row is applied or settled by a person, and when it is left in doubt while
	// another payload is in doubt already. It never repeats for a match value, so that a
	// destination that remembers keys does not take a later change for an earlier one.
	Version int64
	Doubt   bool   // an earlier attempt may have been applied
	Forced  bool   // erasure, or removal by policy or suppression
	Barred  string // code of what forbids sending this row now, or ""
	Consent destinations.Consent
}

// Move says how a change is counted.
type Move uint8

// The moves: someone new to the destination, one who is there already, one who goes.
const (
	Adding Move = iota + 1
	Updating
	Removing
)

// RunRecord is a run as the journal knows it.
type RunRecord struct {
	Run     string
	Sync    string
	Epoch   int64
	Plan    PlanRef
	Started time.Time
	Asked   string // who asked: "command", "schedule", …
}

// Intent is one attempt at the rows lo <= Seq < hi.
type Intent struct {
	// Attempt is the number of the attempt within the run, increasing. Intents on several ranges
	// that go into one batch share it.
	Attempt int64
	Lo, Hi  int64
	Key     string // the batch's idempotency key
}

// Ack is the verdict on an attempt: Rest for all its rows but the exceptions.
type Ack struct {
	Attempt    int64
	Lo, Hi     int64
	Rest       Verdict
	Exceptions []Exception
	Job        *OpenJob
}

// Verdict is what is known of a row. The order of the constants is the order of certainty.
type Verdict uint8

// The verdicts of the protocol.
const (
	NotTried  Verdict = iota // never attempted, or known not applied: due
	InDoubt                  // may have been applied
	Rejected                 // the destination said no to this row
	Barred                   // kept back at send time by erasure, suppression or consent, or by the destination
	Malformed                // could not be made ready for the wire: never sent
	Taken                    // accepted into a queue or job
	Applied                  // delivered or already so
)

// Exception is the verdict on one row that differs from its attempt's Rest, or that carries a
// code, a reason or a remote id.
type Exception struct {
	Seq       int64
	Verdict   Verdict
	Code      string
	Reason    string
	RemoteID  string
	Permanent bool // no retry can mend it
}

// Verdicts is what is known of all attempted rows of a run. Ranges do not overlap and are in
// order of Lo; Exceptions are in order of Seq and win over the range that they lie in.
type Verdicts struct {
	Ranges     []VerdictRange
	Exceptions iter.Seq2[Exception, error]
	// Keep asks Settle to leave the plan readable until Discard, because open jobs refer to it.
	// The engine sets it; a Journal leaves it false.
	Keep bool
}

// VerdictRange is one verdict on the rows lo <= Seq < hi.
type VerdictRange struct {
	Lo, Hi  int64
	Verdict Verdict
}

// OpenJob is an asynchronous job at a destination.
type OpenJob struct {
	ID      int64 // of the journal; 0 before it is recorded
	Run     string
	Plan    PlanRef
	Lo, Hi  int64  // the rows of it that this entry is about
	Offset  int64  // index in the batch of row Lo
	Batch   string // idempotency key of the batch that started it
	Job     destinations.Job
	Started time.Time
}
