package destinations

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Status is the verdict on one row.
type Status uint8

// The verdicts.
const (
	Delivered  Status = iota + 1 // the destination confirmed this row
	Accepted                     // taken into a queue or job; Poll may refine it
	Unchanged                    // nothing to do: already a member, already gone, same values
	Rejected                     // this row is wrong; it is tried again later, or when it changes
	Suppressed                   // the destination or consent forbids it; not an error
	Later                        // known not applied; send this row again, not before RetryAfter
	Uncertain                    // may or may not have been applied
)

var statusNames = [...]string{"", "delivered", "accepted", "unchanged", "rejected", "suppressed", "later", "uncertain"}

// String returns the lower-case name used in JSON and tables.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "status?"
}

// Result is the verdict on one row with its reason.
type Result struct {
	Status     Status
	Code       string // the vendor's code, verbatim
	Reason     string // one plain sentence without personal data
	RemoteID   string // the vendor's id of the row, kept in the ledger and given back
	RetryAfter time.Duration
}

// Outcome gives a verdict on every row of a batch: Rows[i] where present, otherwise Rest. An
// outcome without a verdict on some row is refused by the engine and counts as Uncertain.
type Outcome struct {
	Rows   map[int]Result
	Rest   Result
	Job    *Job           // set when rows are Accepted into a job that can be polled
	Counts map[string]int // reports by number only: reason to count of rows
	Notes  []string       // for people; no personal data
}

// Of returns the verdict on row i.
func (o Outcome) Of(i int) Result {
	if r, ok := o.Rows[i]; ok {
		return r
	}
	return o.Rest
}

// Job is an asynchronous job at the vendor.
type Job struct {
	Ref   json.RawMessage // opaque to the engine, which stores it
	After time.Duration   // wait before the first poll, and between polls
	Until time.Duration   // give up after this long; the rows stay "accepted"
}

// Class says what a Fault means for the call, and so what the engine does.
type Class uint8

// The classes of faults.
const (
	Throttled Class = iota + 1 // not applied: wait RetryAfter, then the same call
	Transient                  // not applied: back off, then the same call
	Expired                    // not applied: refresh the credential once, then the same call
	Refused                    // credential or permission is wrong: stop the run, tell a person
	Config                     // settings are wrong: stop the run, tell a person
	Gone                       // the list or audience no longer exists: stop the run
	TooLarge                   // split in two
	BadBatch                   // some row is bad and the vendor does not say which: bisect
	Ambiguous                  // sent, no usable answer: may have been applied
)

var classNames = [...]string{"", "throttled", "transient", "expired", "refused", "config", "gone", "too_large", "bad_batch", "ambiguous"}

// String returns the lower-case name used in JSON and tables.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "class?"
}

// Fault is an error about a whole call. It says nothing about single rows.
type Fault struct {
	Class      Class
	RetryAfter time.Duration // Throttled: 0 means the vendor did not say
	Bucket     string        // Throttled: the Rate.Bucket that is exhausted; "" means all
	Code       string        // the vendor's code, verbatim, or the HTTP status
	Text       string        // the vendor's own words, cut and without personal data or secrets
	Err        error
}

// Error returns class, code and text.
func (f *Fault) Error() string {
	s := f.Class.String()
	if f.Code != "" {
		s += " (" + f.Code + ")"
	}
	if f.Text != "" {
		s += ": " + f.Text
	} else if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// AsFault returns err as a *Fault; any other error becomes Ambiguous, since nothing is known
// of what the destination did.
func AsFault(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Class: Ambiguous, Text: fmt.Sprint(err), Err: err}
}
