package app

import "time"

// SegmentExplanation says why a person is in a segment, or is not.
type SegmentExplanation struct {
	Segment   string    `json:"segment"`
	Entity    string    `json:"entity"`
	ProfileID string    `json:"profile_id"`
	Build     string    `json:"build"`
	AsOf      time.Time `json:"as_of"` // of windows
	Timezone  string    `json:"timezone"`

	In       bool       `json:"in"`              // by the conditions as they are written now
	Member   bool       `json:"member"`          // in the build
	Since    *time.Time `json:"since,omitempty"` // of a member
	LeftAt   *time.Time `json:"left_at,omitempty"`
	Moved    string     `json:"moved,omitempty"`    // why the two differ, in words
	Excluded string     `json:"excluded,omitempty"` // why no condition counts, in words
	Followed []string   `json:"followed,omitempty"` // merges that lead from who was asked for to the profile, in words

	Tree     *ConditionNode   `json:"tree"`
	Arm      string           `json:"arm,omitempty"` // of the segment's split or holdout
	Arms     []Arm            `json:"arms"`
	Purposes []PurposeVerdict `json:"purposes"`
	Bars     []PersonBar      `json:"bars"` // erasures and suppressions
	Sent     []SentState      `json:"sent"` // what the syncs of the segment last told their destinations
	Caps     []CapState       `json:"caps"` // policies that bound the messages of these syncs
	Meant
}

// ConditionNode is a condition with its answer for one person.
type ConditionNode struct {
	Kind    string `json:"kind"` // the condition's key: all, any, not, trait, segment, did, …
	Path    string `json:"path"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Text    string `json:"text"` // the condition in words
	Holds   bool   `json:"holds"`
	Has     string `json:"has,omitempty"` // what the person has, in words
	Segment string `json:"segment,omitempty"`
	// Again says that the condition of this segment stands further up.
	Again    bool             `json:"again,omitempty"`
	Facts    []ConditionFact  `json:"facts,omitempty"`
	Rows     []MatchedRows    `json:"rows,omitempty"`
	Children []*ConditionNode `json:"children,omitempty"`
}

// ConditionFact is something that a condition looks at.
type ConditionFact struct {
	Name   string `json:"name"` // value, rows, position, distance, step, …
	Type   string `json:"type,omitempty"`
	Value  any    `json:"value"`
	Masked bool   `json:"masked,omitempty"`
}

// MatchedRows are the rows of a source that count for a condition.
type MatchedRows struct {
	Source  string     `json:"source"`
	Step    int        `json:"step,omitempty"`    // of a sequence, from 1
	Failing bool       `json:"failing,omitempty"` // every: rows that do not pass
	Count   int64      `json:"count"`
	Latest  []EventRow `json:"latest"` // newest first, with the columns that are tested
	// Ever is the time of the newest row that would count without the window, where none counts.
	Ever *time.Time `json:"ever,omitempty"`
}

// PurposeVerdict says whether the person may be reached for a purpose.
type PurposeVerdict struct {
	Purpose   string          `json:"purpose"`
	Open      bool            `json:"open"`
	Unguarded bool            `json:"unguarded,omitempty"` // no policy is about it
	ClosedBy  []string        `json:"closed_by"`           // codes: policy.<name>, syncs.erased, syncs.suppressed
	Policies  []PolicyVerdict `json:"policies"`
	Denied    []DeniedData    `json:"denied"`
	Lists     []ListedBy      `json:"lists"` // suppression lists with an identifier of theirs
	Syncs     []string        `json:"syncs"` // of the segment, for this purpose
	// Suppressed are destinations of the purpose whose channel a suppression closes.
	Suppressed []string `json:"suppressed"`
}

// PolicyVerdict is a policy with its condition's answer.
type PolicyVerdict struct {
	Policy string         `json:"policy"`
	Passes bool           `json:"passes"`
	Tree   *ConditionNode `json:"tree"`
}

// ListedBy is a suppression list that keeps a person from a kind of destination.
type ListedBy struct {
	Policy string `json:"policy"`
	Kind   string `json:"kind"`
}

// DeniedData says that membership itself tells what may not go to a destination.
type DeniedData struct {
	Policy      string   `json:"policy"`
	Destination string   `json:"destination"`
	Kind        string   `json:"kind"`
	PII         []string `json:"pii"`
}

// SentState is what a sync last told its destination of the person.
type SentState struct {
	Sync   string     `json:"sync"`
	State  string     `json:"state"`
	SentAt *time.Time `json:"sent_at"`
	Code   string     `json:"code,omitempty"`
}

// CapState is how many of the messages that a policy allows a person has had.
type CapState struct {
	Policy string   `json:"policy"`
	Syncs  []string `json:"syncs"` // of the segment that it bounds
	Had    int      `json:"had"`   // from all syncs that are counted together
	Max    int      `json:"max"`
	Within string   `json:"within"`
	// Free is when the next may be sent, if Had is Max or more.
	Free *time.Time `json:"free,omitempty"`
}
