package app

import "time"

// ProfileOptions say how much of a profile is read. Zero values mean the defaults.
type ProfileOptions struct {
	Events     int // the newest rows of event sources. Defaults to 20; negative means none
	Deliveries int // the newest rows that runs planned. Defaults to 20; negative means none
}

// ProfileView is all that is known of one person: the single customer view.
type ProfileView struct {
	Entity    string    `json:"entity"`
	ProfileID string    `json:"profile_id"`
	Anonymous bool      `json:"anonymous"` // nothing says more than which browser was used
	Build     string    `json:"build"`
	AsOf      time.Time `json:"as_of"`
	Timezone  string    `json:"timezone"`
	Asked     *Found    `json:"asked"`

	Identifiers []Member         `json:"identifiers"` // strongest first
	Records     []Row            `json:"records"`     // rows of sources of records
	Traits      []TraitValue     `json:"traits"`
	Segments    []SegmentStay    `json:"segments"` // now
	Left        []SegmentStay    `json:"left"`     // newest first
	Arms        []Arm            `json:"arms"`
	Purposes    []Reach          `json:"purposes"`
	Bars        []PersonBar      `json:"bars"`   // erasures and suppressions
	Events      []EventRow       `json:"events"` // newest first
	Told        []Told           `json:"told"`   // what each destination was last told
	Deliveries  []PersonDelivery `json:"deliveries"`
	History     []IdentityEvent  `json:"history"`
	More        map[string]int64 `json:"more,omitempty"` // how much of each is not listed
	Notes       []string         `json:"notes,omitempty"`
	Meant
}

// Row is a row of a source by its key.
type Row struct {
	Source string `json:"source"`
	Key    string `json:"key"`
}

// TraitValue is a trait with the row that it came from. Aggregates come from many rows, and from
// none of them in particular.
type TraitValue struct {
	Name   string     `json:"name"`
	Type   string     `json:"type,omitempty"`
	Value  any        `json:"value"` // nil if absent; dates and times as text
	PII    string     `json:"pii,omitempty"`
	Source string     `json:"source,omitempty"`
	Key    string     `json:"key,omitempty"`
	At     *time.Time `json:"at,omitempty"`
}

// SegmentStay is a time in a segment.
type SegmentStay struct {
	Segment string     `json:"segment"`
	Entered *time.Time `json:"entered_at"`
	Left    *time.Time `json:"left_at"`
	Arm     string     `json:"arm,omitempty"` // of its split, holdout or priority
}

// Arm is the arm of a split or holdout that a profile was given, also of segments that it has
// left. The segment "*" is the entity's holdout.
type Arm struct {
	Segment      string     `json:"segment"`
	Arm          string     `json:"arm"`
	Since        *time.Time `json:"since"`
	Contaminated bool       `json:"contaminated"` // two arms met here when profiles merged
}

// Reach says whether a person may be reached for a purpose.
type Reach struct {
	Purpose   string   `json:"purpose"`
	Open      bool     `json:"open"`
	ClosedBy  []string `json:"closed_by"` // codes: policy.<name>, syncs.erased
	Unguarded bool     `json:"unguarded"` // no policy is about it
	Syncs     []string `json:"syncs"`
	// Suppressed are its destinations whose channel a suppression closes.
	Suppressed []string `json:"suppressed"`
}

// PersonBar is an erasure or a suppression of one of a person's identifiers.
type PersonBar struct {
	Code    string     `json:"code"` // syncs.erased or syncs.suppressed
	Channel string     `json:"channel,omitempty"`
	Source  string     `json:"source,omitempty"`
	At      *time.Time `json:"at"`
}

// EventRow is a row of an event source.
type EventRow struct {
	Source string     `json:"source"`
	At     *time.Time `json:"at"`
	Key    string     `json:"key,omitempty"`
	Values []Value    `json:"values"` // in the order of the source's columns
}

// Value is a column's value. Role is what the source says that the column is.
type Value struct {
	Column string `json:"column"`
	Value  any    `json:"value"`
	Role   string `json:"role,omitempty"` // time, key or identifier
}

// Told is what a sync's destination was last told of a person.
type Told struct {
	Sync        string     `json:"sync"`
	Destination string     `json:"destination"`
	Object      string     `json:"object"`
	Into        string     `json:"into,omitempty"`
	Key         string     `json:"key"`
	Match       []Value    `json:"match"` // as sent; empty where only hashes are kept
	State       string     `json:"state"` // sent, accepted, leaving, absent or skipped
	InDoubt     bool       `json:"in_doubt"`
	Attempts    int64      `json:"attempts"` // refused since
	NextTry     *time.Time `json:"next_try,omitempty"`
	Code        string     `json:"code,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	RemoteID    string     `json:"remote_id,omitempty"`
	SentAt      *time.Time `json:"sent_at"`
	Run         string     `json:"run,omitempty"`
}

// PersonDelivery is what a run planned for a person, and what came of it.
type PersonDelivery struct {
	At     *time.Time `json:"at"`
	Run    string     `json:"run"`
	Sync   string     `json:"sync"`
	Key    string     `json:"key"`
	Op     string     `json:"op"`
	State  string     `json:"state"`
	Code   string     `json:"code,omitempty"`
	Reason string     `json:"reason,omitempty"`
}
