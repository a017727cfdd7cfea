package destinations

import "time"

// Op is what the engine wants done with one row.
type Op uint8

// The operations. An Object lists those that it supports.
const (
	Upsert Op = iota + 1 // create or change a record
	Add                  // enter an audience, or change a member of it
	Remove               // leave an audience
	Delete               // take the record out of the destination
	Erase                // data-subject erasure; irreversible
	Emit                 // an event or message; repeating it has a visible effect
	Clear                // set the mapped fields to null; the record stays
)

var opNames = [...]string{"", "upsert", "add", "remove", "delete", "erase", "emit", "clear"}

// String returns the lower-case name used in YAML, JSON and tables.
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return "op?"
}

// Columns names what the slices of a Row hold, once for the whole batch.
type Columns struct {
	IDs    []string // identifier names of the object, in the sync's order
	Fields []string // destination field names, in the sync's order
}

type absent struct{}

// Absent marks an identifier or field of a row that is not there: it is left out of the call,
// whereas nil asks the destination to clear it.
var Absent any = absent{}

// IsAbsent reports whether v is the Absent mark.
func IsAbsent(v any) bool { _, ok := v.(absent); return ok }

// Row is one change. IDs are normalised and hashed as the Object asks: strings ready for the
// wire, or Absent. Fields hold nil, bool, int64, float64, string, time.Time (UTC), []any,
// map[string]any or Absent; a decimal that float64 cannot hold arrives as json.Number.
type Row struct {
	Key      string // the profile; for logs of the engine, never sent unless mapped
	Op       Op
	IDs      []any
	Fields   []any
	RemoteID string  // the vendor's own id, if an earlier Result gave one
	Consent  Consent //
	Dedup    string  // idempotency key of the row: stable over retries and restarts
}

// Consent says what the person agreed to. Unknown is not a no, and never a yes.
type Consent struct {
	Marketing, AdUserData, AdPersonalization Decision
	At                                       time.Time
	Source                                   string
}

// Decision is tri-state.
type Decision int8

// The three decisions.
const (
	Denied  Decision = -1
	Unknown Decision = 0
	Granted Decision = 1
)

// Batch is the work of one call. It never mixes objects, targets or Object.GroupBy values, and
// never exceeds the object's Limits. Rows are not kept by the destination after Write returns.
type Batch struct {
	ID      string // idempotency key of the batch: stable over retries and restarts
	Object  string
	Target  string         // the vendor's id of the list, from AudienceManager.Ensure, or ""
	With    map[string]any // the sync's `with:`, such as an SMS body's template or a sender; nobody changes it
	Columns Columns
	Rows    []Row
	Replay  bool // an earlier attempt may have been applied
}
