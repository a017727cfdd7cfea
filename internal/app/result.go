package app

import (
	"time"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
	"github.com/weir-data/weir/syncs"
)

// Summary is what a project holds.
type Summary struct {
	Project      string `json:"project"`
	Target       string `json:"target"`
	Warehouse    string `json:"warehouse"`
	Send         string `json:"send"`
	Files        int    `json:"files"`
	Sources      int    `json:"sources"`
	Entities     int    `json:"entities"`
	Segments     int    `json:"segments"`
	Policies     int    `json:"policies"`
	Destinations int    `json:"destinations"`
	Syncs        int    `json:"syncs"`
}

// BuildResult is what a build made.
type BuildResult struct {
	Entity   string             `json:"entity"`
	Build    string             `json:"build"`
	AsOf     time.Time          `json:"as_of"`
	Records  int64              `json:"records,omitempty"` // rows read; known right after a build
	Profiles int64              `json:"profiles"`
	Identity string             `json:"identity,omitempty"` // incremental or full; known right after a build
	Why      string             `json:"why,omitempty"`      // of a full one
	Segments map[string]int64   `json:"segments"`
	Arms     []ArmSize          `json:"arms,omitempty"`
	Stats    map[string]int64   `json:"stats"`
	Seconds  map[string]float64 `json:"seconds"`
}

// ArmSize is how many members of a segment are in an arm.
type ArmSize struct {
	Segment string `json:"segment"`
	Arm     string `json:"arm"`
	Members int64  `json:"members"`
}

// SegmentChange is what a plan does to one segment.
type SegmentChange struct {
	Segment string `json:"segment"`
	Before  int64  `json:"before"` // 0 if there is no build yet
	After   int64  `json:"after"`
	Join    int64  `json:"join"`
	Leave   int64  `json:"leave"`
	New     bool   `json:"new"` // not in the build in force
	// Arms are the sizes of its arms after it.
	Arms []ArmSize `json:"arms,omitempty"`
}

// PlanResult is what a run would do.
type PlanResult struct {
	Target   string          `json:"target"`
	AsOf     time.Time       `json:"as_of"`
	Segments []SegmentChange `json:"segments"`
	Plans    []SyncPlan      `json:"plans"`
	Paused   []PausedSync    `json:"paused,omitempty"`  // of these plans; a run leaves them out
	Orphans  []Orphan        `json:"orphans,omitempty"` // ledgers of syncs that are not in the project any more
	Estimate syncs.Estimate  `json:"estimate"`          // of all syncs side by side
	Scan     *ScanCost       `json:"scan,omitempty"`    // where the warehouse tells
	Saved    *SavedPlan      `json:"saved,omitempty"`
}

// SavedPlan says where a plan was saved.
type SavedPlan struct {
	Plan    string    `json:"plan"`
	File    string    `json:"file"`
	Expires time.Time `json:"expires"`
	Unbuilt int64     `json:"unbuilt"` // changes of people whom no build in force has: left to a later plan
}

// SyncPlan is what a run would send for one sync.
type SyncPlan struct {
	Sync        string       `json:"sync"`
	Segment     string       `json:"segment,omitempty"`
	Destination string       `json:"destination"`
	Object      string       `json:"object"`
	Into        string       `json:"into,omitempty"`
	Hash        string       `json:"hash"`
	Counts      syncs.Counts `json:"counts"`
	HeldBy      []string     `json:"held_by"` // codes
	Holds       []syncs.Hold `json:"holds"`
	Warnings    []string     `json:"warnings,omitempty"` // what holds nothing and somebody should know
	Tally       syncs.Tally  `json:"tally"`
	// Estimate is of calls and time at the destination's limits, shared with the other syncs.
	Estimate syncs.Estimate `json:"estimate"`
	Sample   []SampleChange `json:"sample,omitempty"`
}

// RunResult is what a run did.
type RunResult struct {
	Target string         `json:"target"`
	Plan   string         `json:"plan,omitempty"` // the saved plan that was sent
	Before []Before       `json:"before,omitempty"`
	Builds []BuildResult  `json:"builds"`
	Runs   []syncs.Report `json:"runs"`
	Paused []PausedSync   `json:"paused,omitempty"` // were picked, and left out
	// Skipped follow a sync that did not end well.
	Skipped []SkippedSync `json:"skipped,omitempty"`
	Scan    *ScanCost     `json:"scan,omitempty"` // of the sources, as it was expected; where the warehouse tells
	// Failures say why syncs did not begin that would have run, by sync.
	Failures map[string]error   `json:"-"`
	Seconds  map[string]float64 `json:"seconds"`
}

// Status is a sync as it stands.
type Status struct {
	Sync        string           `json:"sync"`
	Destination string           `json:"destination"`
	Schedule    string           `json:"schedule,omitempty"`
	Last        *syncs.Report    `json:"last"` // nil if it never ran
	Ledger      map[string]int64 `json:"ledger"`
	Running     string           `json:"running,omitempty"` // who holds it
	Paused      *Pause           `json:"paused,omitempty"`
}

// DemoResult is what `weir demo` showed.
type DemoResult struct {
	Dir        string             `json:"dir"`
	People     int                `json:"people"`
	Records    int64              `json:"records"`
	Rows       map[string]int64   `json:"rows"`  // by source
	Known      int64              `json:"known"` // profiles with more than a cookie
	Profiles   int64              `json:"profiles"`
	Identity   Quality            `json:"identity"`
	Segments   map[string]int64   `json:"segments"`
	FirstRun   []syncs.Report     `json:"first_run"`
	SecondRun  []syncs.Report     `json:"second_run"`
	Plan       []SyncPlan         `json:"plan"`
	Change     []SegmentChange    `json:"change"`      // what the plan of a changed model shows
	ChangePlan []SyncPlan         `json:"change_plan"` // and what its run would send
	Sandbox    map[string]int64   `json:"sandbox"`
	Seconds    map[string]float64 `json:"seconds"`
	Address    string             `json:"address,omitempty"`
	Stats      map[string]int64   `json:"stats"`
}

// Quality is pairwise precision and recall of identity.
type Quality struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

// Columns are the columns of each source as the warehouse has them.
type Columns map[string][]models.Column

// Event is progress, for terminals and logs. It carries no personal data.
type Event struct {
	Kind  string       `json:"event"` // step.started, step.progress, step.finished, or one of syncs.Event
	Step  string       `json:"step,omitempty"`
	Text  string       `json:"text,omitempty"`
	Done  int64        `json:"done,omitempty"`
	Total int64        `json:"total,omitempty"`
	Sync  *syncs.Event `json:"sync,omitempty"`
}

// Code says what kind of end an Error is; the command line turns it into an exit code.
type Code string

// The kinds of ends.
const (
	Failed      Code = "failed"      // something was tried and did not work
	Refused     Code = "refused"     // the project, a plan, a guard or the usage says no
	Unavailable Code = "unavailable" // the world is not there: warehouse, network, disk
)

// Error is a failure that people read.
type Error struct {
	Kind     Code
	Code     string // stable and dotted
	Message  string
	Fix      string
	Findings []diag.Finding
	Err      error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
