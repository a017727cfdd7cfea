package app

import "time"

// Found is somebody who was asked for: a profile, an identifier, or a row of a source of records.
// Exactly one of them: an identifier has a Type, a row a Source, a profile neither.
type Found struct {
	Asked     string `json:"asked"`
	Entity    string `json:"entity"`
	ProfileID string `json:"profile_id,omitempty"` // whose it is now; "" for nobody's
	Type      string `json:"type,omitempty"`
	Value     string `json:"value,omitempty"` // in its normal form, where it has one
	Source    string `json:"source,omitempty"`
	Key       string `json:"key,omitempty"`
	// Followed are the merges that lead from the profile that was asked for to ProfileID.
	Followed []IdentityEvent `json:"followed,omitempty"`
	// Barred says why the identifier finds nobody, or why it joins nobody.
	Barred []Dropped `json:"barred,omitempty"`

	node      int64 // of an identifier that has one
	hasNode   bool
	component int64
	cluster   int64
	clustered bool
	founder   [2]string // of a profile that was merged away: type and value of its oldest identifier
}

// IdentityEvent is a line of the history of profiles.
type IdentityEvent struct {
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"` // new, merge or split
	From  string    `json:"from,omitempty"`
	To    string    `json:"to,omitempty"`
	Type  string    `json:"type,omitempty"` // of the identifier that caused it
	Value string    `json:"value,omitempty"`
}

// Dropped is an identifier that was kept from joining people, or a link that was refused.
type Dropped struct {
	Type   string `json:"type"`
	Value  string `json:"value"`
	Rule   string `json:"rule"` // junk, ignore, invalid, max_links, limit or contested
	Detail string `json:"detail,omitempty"`
	Other  string `json:"other,omitempty"` // "type value" of the identifier that it was kept from
	Text   string `json:"text"`            // the whole in words

	node, other int64
}

// The verdicts of an explanation.
const (
	VerdictTogether = "together" // one profile: Chain is the evidence
	VerdictApart    = "apart"    // something was kept from joining them: Reasons
	VerdictUnlinked = "unlinked" // no row has anything of both
	VerdictProfile  = "profile"  // one profile was asked for: Profile says what holds it together
)

// Explanation says why two are one profile, or what keeps them apart.
type Explanation struct {
	Verdict  string    `json:"verdict"`
	Summary  string    `json:"summary"`
	Entity   string    `json:"entity"`
	Build    string    `json:"build"`
	AsOf     time.Time `json:"as_of"`
	Timezone string    `json:"timezone"`
	A        *Found    `json:"a"`
	B        *Found    `json:"b,omitempty"`
	// Chain is the best chain of evidence; where the two are apart, the one that comes closest.
	Chain   []Link   `json:"chain"`
	Weakest string   `json:"weakest,omitempty"` // of the chain, in words
	Reasons []Reason `json:"reasons"`
	// Alike are pairs of records, one of each, that matching has looked at.
	Alike   []Alike  `json:"alike,omitempty"`
	Profile *Anatomy `json:"profile,omitempty"`
	Cut     string   `json:"cut,omitempty"` // what was left unread, because it is too much
	Meant
}

// Meant is what comes with the error that somebody is not known, or that several may be meant. It
// is the answer's, since an error holds no personal data.
type Meant struct {
	Candidates []*Found `json:"candidates,omitempty"` // what an ambiguous value may be
	Near       []*Found `json:"near,omitempty"`       // what an unknown value may have been meant to be
}

// Link is a step of a chain: an identifier, a row, or a match between the rows before and after.
type Link struct {
	Kind      string     `json:"kind"` // identifier, row or match
	Type      string     `json:"type,omitempty"`
	Value     string     `json:"value,omitempty"`
	ProfileID string     `json:"profile_id,omitempty"` // of an identifier
	Source    string     `json:"source,omitempty"`
	Key       string     `json:"key,omitempty"`  // of a record
	Rows      int64      `json:"rows,omitempty"` // of events with the same identifiers
	FirstSeen *time.Time `json:"first_seen,omitempty"`
	LastSeen  *time.Time `json:"last_seen,omitempty"`
	Match     *Alike     `json:"match,omitempty"`
	// Apart is set where the chain passes from one profile to another.
	Apart bool `json:"apart,omitempty"`
}

// Reason is one thing that keeps two apart.
type Reason struct {
	Rule   string   `json:"rule"` // of Dropped; or "together" for a limit that they would break as one; or "match"
	Text   string   `json:"text"`
	Fix    string   `json:"fix,omitempty"`
	Detail *Dropped `json:"detail,omitempty"`
}

// Alike is what matching says of two records.
type Alike struct {
	SourceA     string  `json:"source_a"`
	KeyA        string  `json:"key_a"`
	SourceB     string  `json:"source_b"`
	KeyB        string  `json:"key_b"`
	Decision    string  `json:"decision"` // join, review or apart
	By          string  `json:"by"`       // weight or person
	Weight      float64 `json:"weight"`   // log2 of the odds
	Probability float64 `json:"probability"`
	Why         string  `json:"why,omitempty"`
}

// Anatomy is what a profile consists of and hangs together by.
type Anatomy struct {
	ProfileID   string           `json:"profile_id"`
	Identifiers []Member         `json:"identifiers"` // strongest first
	Sources     map[string]int64 `json:"sources"`     // rows by source
	// Bridges are the identifiers, or matches, without which the profile would fall into parts;
	// the first is its weakest link.
	Bridges []AnatomyBridge `json:"bridges"`
	Shared  []Dropped       `json:"shared"` // on its rows, and joining nobody
	History []IdentityEvent `json:"history"`
	More    map[string]int  `json:"more,omitempty"` // how many identifiers, bridges are not listed
}

// Member is an identifier of a profile.
type Member struct {
	Type      string     `json:"type"`
	Value     string     `json:"value"`
	Source    string     `json:"source"` // that had it first
	FirstSeen *time.Time `json:"first_seen,omitempty"`
	LastSeen  *time.Time `json:"last_seen,omitempty"`
	Seen      int64      `json:"seen"`
	Bridge    bool       `json:"bridge,omitempty"`
	Attach    bool       `json:"attach,omitempty"` // it finds the profile and joins nobody
}

// AnatomyBridge is what a profile would fall into without an identifier or a match.
type AnatomyBridge struct {
	Type  string `json:"type,omitempty"`
	Value string `json:"value,omitempty"`
	Match *Alike `json:"match,omitempty"`
	Rows  int64  `json:"rows"` // that it stands on
	Parts []Part `json:"parts"`
}

// Part is a part of a profile: its identifiers, and the records among its rows.
type Part struct {
	Identifiers int `json:"identifiers"`
	Records     int `json:"records"`
}
