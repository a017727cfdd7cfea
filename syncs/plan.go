package syncs

import (
	"time"

	"github.com/weir-data/weir/destinations"
)

// Task is a sync with everything resolved that the engine needs to plan and run it.
type Task struct {
	Sync    Sync // with its defaults filled in
	Spec    destinations.Spec
	Object  destinations.Object
	Columns destinations.Columns
	Account string // the destination's account: what rate buckets are shared by
	Source  Source
	Holds   []Hold        // reasons to hold the plan that the caller knows, beside those of the guards
	Sources []SourceState // what the plan rests on, of which a guard is to know
	// Session opens the destination. It is called once per run that has something to send.
	Session func() (destinations.Session, error)
}

// Status is how a run ended.
type Status string

// The ends of a run.
const (
	OK       Status = "ok"
	Degraded Status = "degraded" // some rows were rejected, malformed, left due or in doubt; not: somebody has no match value
	Held     Status = "held"     // a guard held it; only forced removals were sent
	Failed   Status = "failed"
	Stopped  Status = "stopped" // asked to stop; what was sent is recorded
)

// Counts are the numbers of a plan or run. added + updated + removed = delivered + accepted +
// rejected + due + in_doubt of this run; invalid, suppressed and quarantined stand outside the
// plan. These names stand in code, JSON, tables and page.
type Counts struct {
	Added       int64 `json:"added"`
	Updated     int64 `json:"updated"`
	Removed     int64 `json:"removed"`
	Unchanged   int64 `json:"unchanged"`
	Delivered   int64 `json:"delivered"`
	Accepted    int64 `json:"accepted"`
	Rejected    int64 `json:"rejected"`
	Invalid     int64 `json:"invalid"`
	Suppressed  int64 `json:"suppressed"`
	Due         int64 `json:"due"`
	InDoubt     int64 `json:"in_doubt"`
	Quarantined int64 `json:"quarantined"`
}

// Hold is a reason why a plan is not sent.
type Hold struct {
	Code string `json:"code"` // such as "syncs.max_removed"
	What string `json:"what"` // one sentence with the numbers
	Fix  string `json:"fix"`
}

// Plan is a value: what one run is to send.
type Plan struct {
	Sync     string    `json:"sync"`
	Hash     string    `json:"hash"`
	Counts   Counts    `json:"counts"`
	Tally    Tally     `json:"tally"`
	Holds    []Hold    `json:"holds"`
	Warnings []string  `json:"warnings,omitempty"` // what holds nothing and somebody should know
	AsOf     time.Time `json:"as_of"`
	Ref      PlanRef   `json:"-"`
}

// Report is how a run ended.
type Report struct {
	Run      string            `json:"run"`
	Sync     string            `json:"sync"`
	Status   Status            `json:"status"`
	Counts   Counts            `json:"counts"`
	Holds    []Hold            `json:"holds,omitempty"`
	Code     string            `json:"code,omitempty"`  // of what ended a failed run
	Error    string            `json:"error,omitempty"` // in the vendor's own words where there are any
	Fix      string            `json:"fix,omitempty"`
	Resumes  time.Time         `json:"resumes,omitzero"`  // code syncs.quota: when the destination takes more
	Rejects  map[string]int64  `json:"rejects,omitempty"` // rejected and invalid rows by code
	Reasons  map[string]string `json:"reasons,omitempty"` // one reason for each code of Rejects
	Requests int64             `json:"requests"`          // calls to Write
	Tally    *Tally            `json:"tally,omitempty"`   // what planning counted; nil if there was no plan
	Notes    []string          `json:"notes,omitempty"`
	Started  time.Time         `json:"started"`
	Ended    time.Time         `json:"ended"`
}

// Event is progress of a run, for terminals, logs and streams. It carries no personal data.
type Event struct {
	Kind   string        `json:"event"` // run.started, run.planned, run.progress, run.waiting, run.finished, …
	At     time.Time     `json:"at"`
	Run    string        `json:"run"`
	Sync   string        `json:"sync"`
	Done   int64         `json:"done,omitempty"`
	Total  int64         `json:"total,omitempty"`
	Text   string        `json:"text,omitempty"`
	Wait   time.Duration `json:"wait,omitempty"`
	Counts *Counts       `json:"counts,omitempty"`
	Status Status        `json:"status,omitempty"`
}
