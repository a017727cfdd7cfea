package destinations

import (
	"time"
)

// Kind groups destinations for policies and people.
type Kind string

// The kinds. Those up to Messaging reach people and need a purpose.
const (
	Email     Kind = "email"
	Ads       Kind = "ads"
	SMS       Kind = "sms"
	CRM       Kind = "crm"
	Messaging Kind = "messaging"
	File      Kind = "file"
	Table     Kind = "table"
	HTTP      Kind = "http"
)

// Kinds lists all kinds.
func Kinds() []Kind { return []Kind{Email, Ads, SMS, CRM, Messaging, File, Table, HTTP} }

// MayLackPurpose reports whether `purpose: none` is allowed.
func (k Kind) MayLackPurpose() bool { return k == File || k == Table || k == HTTP }

// Spec describes a destination: what it asks of its user and what it can do. Settings forms,
// docs, schema and checks are all made from it.
type Spec struct {
	Type       string // the name in YAML, snake_case
	Kind       Kind
	Title      string   // for people: "Klaviyo"
	Docs       string   // the vendor's documentation that this was built from
	APIVersion string   // pinned vendor version, or ""
	Sunset     string   // RFC 3339 date when that version ends, or ""
	Proof      string   // how this was tested: "sandbox", "round trip", "live"
	Hosts      []string // hosts that requests may go to: exact, or "*.example.com"; see also Setting.Host
	Settings   []Setting
	Objects    []Object
}

// Object returns the object called name; the first one if name is empty.
func (s Spec) Object(name string) (Object, bool) {
	for _, o := range s.Objects {
		if o.Name == name || name == "" {
			return o, true
		}
	}
	return Object{}, false
}

// SettingType is the type of a setting's value in YAML.
type SettingType string

// The setting types. Duration is a string such as "30s".
const (
	String   SettingType = "string"
	Integer  SettingType = "integer"
	Boolean  SettingType = "boolean"
	Duration SettingType = "duration"
	Tree     SettingType = "tree" // any YAML value
)

// Setting is one key under a destination in YAML, or one key under `with:` of a sync.
type Setting struct {
	Name     string
	Type     SettingType
	Doc      string // one sentence
	Required bool
	Secret   bool // must be a reference, such as ${env:NAME}; never printed
	Account  bool // identifies the account; part of what a ledger is bound to
	Host     bool // an URL whose host requests may go to
	Default  any
	Enum     []string
	Min      int64  // of an Integer: the smallest value; 0 means that any will do
	Pattern  string // RE2 that a string must match as a whole
}

// Object is one thing that rows can become at the destination.
type Object struct {
	Name        string // "profile", "list", "audience", "message"
	Title       string
	Ops         []Op
	Target      bool // rows go into a named list: the sync's `into:` is required
	Identifiers []Identifier
	Fields      []Field
	OpenFields  bool      // other field names than Fields are allowed
	With        []Setting // parameters of a sync, under `with:`
	Limits      Limits
	GroupBy     GroupBy
	Granularity Granularity
	Idempotent  bool // repeating the same batch is harmless
	Queued      bool // success means "queued"
	NullClears  bool
	// RemovalNeedsMatch is true when a removal needs the plain match value again; otherwise
	// the ledger may keep only an HMAC of it, because RemoteID or the hash does.
	RemovalNeedsMatch bool
	Listed            bool     // who is there can be read back: the session is a Lister
	MinAudience       int      // below this the vendor targets nobody; a warning
	Permanent         []string // codes of rejections that no retry can mend: quarantined at once
}

// Supports reports whether the object has op.
func (o Object) Supports(op Op) bool {
	for _, x := range o.Ops {
		if x == op {
			return true
		}
	}
	return false
}

// Identifier is a way to name a person to the destination.
type Identifier struct {
	Name      string // in YAML, under `match:`
	Normalise string // a normaliser of this package, such as "meta.email"; "" means trim
	Hash      string // "", "sha256.hex", "sha256.base64" or "md5.hex"
	Required  bool
	AnyOf     string // at least one of the identifiers with this tag must be there
	Doc       string
}

// Field is a value that the destination knows by name.
type Field struct {
	Name     string
	Type     SettingType
	Required bool
	Doc      string
}

// GroupBy says which rows may not share a call.
type GroupBy uint8

// The groupings.
const (
	ByNothing GroupBy = iota
	ByOp              // rows of one Op only
)

// Limits bound one call and the flow of calls. Zero means unlimited, but for Concurrency,
// where it means 1.
type Limits struct {
	Rows        int // rows in one call
	Bytes       int // encoded size of one call
	RowBytes    int // encoded size of one row
	Concurrency int // calls in flight
	Rates       []Rate
	UniqueIDs   bool          // the same person twice in one call is an error at the vendor
	Timeout     time.Duration // of one call; 0 means 30 s
}

// Rate allows N calls per Per. Calls that share a Bucket share the limit over all syncs of the
// account.
type Rate struct {
	N      int
	Per    time.Duration
	Bucket string
}

// Granularity says how finely a destination reports errors.
type Granularity string

// The granularities.
const (
	PerRow     Granularity = "row"
	CountsOnly Granularity = "counts"
	WholeBatch Granularity = "batch"
	Silent     Granularity = "silent"
)
