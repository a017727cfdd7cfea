package destinations

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// Destination is one kind of receiver. It is registered once, in init, and holds no state.
type Destination interface {
	// Spec describes the destination. It is a constant: equal at every call.
	Spec() Spec
	// Open prepares a session. It makes no request and starts no goroutine that Close does
	// not end. Problems with the settings are returned as a *Fault of class Config.
	Open(ctx context.Context, env Env) (Session, error)
}

// Session is a destination with its settings and credentials. The engine calls Write from
// several goroutines at once, at most Limits.Concurrency of them; all other methods from one.
type Session interface {
	// Check proves that credentials and permissions are right. It changes nothing.
	Check(ctx context.Context) error
	// Write sends one batch and returns a verdict on every row, or a *Fault about the call as
	// a whole. Any other error counts as Ambiguous if a request may have left.
	Write(ctx context.Context, b Batch) (Outcome, error)
	// Close frees what Open took.
	Close(ctx context.Context) error
}

// Env is everything a session may touch of the world.
type Env struct {
	// Settings holds the values of Spec.Settings that are not secret, by name, with defaults
	// filled in. Values are string, bool, int64, float64, []any or map[string]any.
	Settings map[string]any
	// Secret resolves a setting that is marked secret. The value must not be logged, put into
	// an error, or kept longer than the session.
	Secret func(name string) (string, error)
	// HTTP performs requests. It refuses hosts that the spec and the settings do not name,
	// does not follow redirects to other hosts, and never repeats a write.
	HTTP Doer
	// Dir is the folder that relative paths of settings are relative to: the project's.
	Dir string
	Now func() time.Time
	Log *slog.Logger
}

// Doer performs one HTTP request.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// AudienceManager is a session that can make the list, audience or table that rows go to.
type AudienceManager interface {
	// Ensure finds or creates the audience called name for object and returns the vendor's id
	// for it, which arrives in Batch.Target. Calling it again finds the same one.
	Ensure(ctx context.Context, object, name string, with map[string]any) (target string, err error)
}

// Lister is a session that can read members back, of the objects that are Listed.
type Lister interface {
	// Find is the target that Ensure would find, or "" where it would make one. It makes none.
	Find(ctx context.Context, object, name string) (target string, err error)
	// Members calls yield for each member of target until it returns false. A member is given
	// by the identifiers that Write would send for it, in the order of columns.
	Members(ctx context.Context, object, target string, columns Columns, yield func(ids []any) bool) error
}

// Poller is a session whose writes become asynchronous jobs.
type Poller interface {
	// Poll asks for the state of a job. While done is false the outcome is empty. When done,
	// the outcome gives a verdict on every row of the batch that started the job, by its index
	// there; columns are that batch's. Rows that the job never took may be missing in b: they are
	// empty, or b ends before them.
	Poll(ctx context.Context, j Job, b Batch) (o Outcome, done bool, err error)
}

// Replacer is a session that can swap the whole membership of a target at once. Abort leaves
// the old membership in place.
type Replacer interface {
	Begin(ctx context.Context, object, target string, estimate int) (session string, err error)
	Append(ctx context.Context, session string, seq int, last bool, b Batch) (Outcome, error)
	Abort(ctx context.Context, session string) error
}

// Previewer is a session that can build the exact requests of a batch without sending them.
// Their headers carry "redacted" in place of secrets.
type Previewer interface {
	Preview(ctx context.Context, b Batch) ([]*http.Request, error)
}

// Refresher is a session with credentials that expire. The engine calls Refresh once after a
// Fault of class Expired and then repeats the same call once.
type Refresher interface {
	Refresh(ctx context.Context) error
}

// Sandboxer is a destination that brings a local server which behaves as the vendor documents.
type Sandboxer interface {
	Sandbox(SandboxOptions) Sandbox
}

// SandboxOptions shape a sandbox. The zero value is a well-behaved vendor.
type SandboxOptions struct {
	Seed      uint64           // of the injected faults
	FaultRate float64          // share of write calls answered by a fault, 0 to 1
	Now       func() time.Time // nil means time.Now
	// Speed divides the vendor's rate windows and job times, so that a demonstration does not
	// wait minutes. 0 means 1: the documented times.
	Speed float64
}

// Sandbox is a running vendor in memory. It is safe for concurrent use.
type Sandbox interface {
	http.Handler
	// Settings returns what to put over a destination's own settings so that it talks to the
	// sandbox served at base ("http://127.0.0.1:4711/klaviyo"), secrets included.
	Settings(base string) map[string]any
	// Members returns what the vendor holds now, for each target (list, audience, sender) by
	// its name: the distinct members by their identifiers as sent, sorted.
	Members() map[string][]string
	// Snapshot and Restore carry the memory over a restart of the process that serves it.
	Snapshot() (json.RawMessage, error)
	Restore(json.RawMessage) error
}
