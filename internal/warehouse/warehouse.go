// Package warehouse is what weir asks of a place that runs SQL: sessions that query, execute,
// load and tell columns. Each kind lives in a package of its own below this one and registers
// itself; cmd/weir imports them.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/models"
)

// Kind is one kind of warehouse, such as DuckDB.
type Kind interface {
	// Name is the `type:` of a target.
	Name() string
	// Dialect is the warehouse's SQL.
	Dialect() dialect.Dialect
	// Settings are the keys of a target beside type and send.
	Settings() []Setting
	// Open prepares a warehouse. It does not connect.
	Open(cfg Config) (Warehouse, error)
}

// Ephemeral is a Kind that can be had without a place: an empty warehouse in memory, for tests of
// models.
type Ephemeral interface {
	Kind
	// Memory opens an empty warehouse that is gone when it is closed.
	Memory(schema string) (Warehouse, error)
}

// Unmetered is a Kind whose estimates never tell bytes: max_bytes means nothing there.
type Unmetered interface {
	Kind
	TellsNoBytes()
}

// Limited is a Kind that cannot do all that a project may ask for.
type Limited interface {
	Kind
	Limits() Limits
}

// Limits says why something cannot be done, as the middle of a sentence; "" if it can.
type Limits struct {
	// Syncs: nothing is sent from there, since the ledger of what a destination accepted needs
	// transactions of several statements.
	Syncs string
	// Similarity: texts are not compared by how alike they are.
	Similarity string
}

// LimitsOf are the limits of a kind.
func LimitsOf(k Kind) Limits {
	if l, ok := k.(Limited); ok {
		return l.Limits()
	}
	return Limits{}
}

// Setting is one key of a target.
type Setting struct {
	Name     string
	Doc      string
	Required bool
	Secret   bool
	Default  string
}

// Config is a target with its references resolved.
type Config struct {
	Target   string            // its name, for messages
	Dir      string            // relative paths are relative to it: the project folder
	Settings map[string]string // by Setting.Name, defaults filled in
	Label    string            // put on every statement where the warehouse can
	MaxBytes int64             // that a statement may scan, where the warehouse can be told; 0 for any number
}

// Warehouse is one place to run SQL. It is safe for concurrent use.
type Warehouse interface {
	Kind() Kind
	// Schema is where weir's own tables lie: in the default, "weir".
	Schema() string
	// Identity names the place for binding ledgers to it: no secrets, stable over restarts.
	Identity() string
	// Session takes one connection, on which temporary tables live. It waits for a lock held by
	// another process for at most ten seconds, then returns a *LockedError. Close gives it back.
	Session(ctx context.Context) (Session, error)
	Close() error
}

// Session is one connection. It is used from one goroutine at a time.
type Session interface {
	// Exec runs one statement and returns the number of rows changed, or -1 if not told.
	Exec(ctx context.Context, sql string) (int64, error)
	// Query runs one SELECT and yields its rows. The slice is reused: copy what you keep. Values
	// are nil, bool, int64, float64, string, time.Time (UTC) or json.Number for other decimals,
	// which have no zeros at the end; a list is the text of a JSON array. Some engines keep the whole result in memory until it is
	// read (DuckDB: about 180 bytes for each row of 8 columns, outside of Go's heap), so what can
	// be large is read in pages of a range of keys.
	Query(ctx context.Context, sql string) iter.Seq2[[]any, error]
	// Load appends rows to a table in bulk, columns in the order given. Values as in Query.
	Load(ctx context.Context, table []string, columns []string, rows iter.Seq2[[]any, error]) (int64, error)
	// Tx runs f in one transaction: committed if f returns nil, rolled back otherwise.
	Tx(ctx context.Context, f func(ctx context.Context) error) error
	// Columns lists the columns of a table or view by its name in parts. A *MissingError names
	// the nearest tables.
	Columns(ctx context.Context, table []string) ([]Column, error)
	// QueryColumns lists the columns that a SELECT would give, without running it.
	QueryColumns(ctx context.Context, sql string) ([]Column, error)
	// Tables lists the tables and views of a schema; of all schemas if it is empty, as schema.table.
	Tables(ctx context.Context, schema string) ([]string, error)
	// Now is the warehouse's clock, UTC, in microseconds.
	Now(ctx context.Context) (time.Time, error)
	Close() error
}

// Column is a column as the warehouse has it.
type Column struct {
	Name   string      `json:"name"`
	Type   models.Type `json:"type"` // Unknown if it is none of them: JSON, bytes; List for arrays of any scalar type
	Native string      `json:"native"`
	Naive  bool        `json:"naive,omitempty"` // a timestamp without a zone
}

// LockedError says that another process holds the warehouse.
type LockedError struct {
	Path   string
	Holder string // "process 4711 (weir)" as far as it is known
	Err    error
}

// Error names the holder.
func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is locked by %s", e.Path, e.Holder)
}

// Unwrap returns the driver's error.
func (e *LockedError) Unwrap() error { return e.Err }

// UnreachableError says that a warehouse could not be opened or connected to: it is not there, it
// is none, or it does not let this user in.
type UnreachableError struct {
	Doing string // "opening shop.duckdb"
	Err   error
}

// Error says what was tried, and the reason.
func (e *UnreachableError) Error() string { return e.Doing + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *UnreachableError) Unwrap() error { return e.Err }

// MissingError says that a table or column is not there.
type MissingError struct {
	What    string   // "table" or "column"
	Name    string   // as asked for
	Nearest []string // what it may have meant, best first
	Err     error
}

// Error names what is missing.
func (e *MissingError) Error() string { return fmt.Sprintf("%s %s does not exist", e.What, e.Name) }

// Unwrap returns the driver's error.
func (e *MissingError) Unwrap() error { return e.Err }

// DeniedError says that the user of the target lacks a right.
type DeniedError struct {
	What  string // "read shop.orders"
	Grant string // the statement by which somebody with the right to do so gives it; "" if not known
	Err   error
}

// Error names the right.
func (e *DeniedError) Error() string { return "the warehouse does not allow to " + e.What }

// Unwrap returns the driver's error.
func (e *DeniedError) Unwrap() error { return e.Err }

// Estimator is a Session that tells what a statement would cost without running it.
type Estimator interface {
	// Estimate reads the warehouse's own reckoning: a dry run, or EXPLAIN.
	Estimate(ctx context.Context, sql string) (Estimate, error)
}

// Estimate is what a warehouse expects of a statement.
type Estimate struct {
	Bytes int64 // read from storage; -1 where the warehouse does not tell
	Rows  int64 // that come out; -1 where it does not tell
}

// EstimatorOf is the Estimator of a session that may lie in others, which it has an Inner for.
func EstimatorOf(s Session) (Estimator, bool) { return as[Estimator](s) }

// ExaminerOf is the Examiner of a session that may lie in others, which it has an Inner for.
func ExaminerOf(s Session) (Examiner, bool) { return as[Examiner](s) }

func as[T any](s Session) (T, bool) {
	for {
		if t, ok := s.(T); ok {
			return t, true
		}
		outer, ok := s.(interface{ Inner() Session })
		if !ok {
			var none T
			return none, false
		}
		s = outer.Inner()
	}
}

// Examiner is a Session that knows the rights of its user. Rights proves each by asking the
// warehouse, and changes nothing.
type Examiner interface {
	// Rights lists what weir needs: to read the sources (names in parts, in the order given), and to
	// make and change tables in its own schema.
	Rights(ctx context.Context, sources [][]string) ([]Right, error)
}

// Right is one right that weir needs.
type Right struct {
	What  string // "read shop.orders"
	Held  bool
	Grant string // the exact statement that gives it, if it is not held
}

// ErrNoSpace says that the disk is full.
var ErrNoSpace = errors.New("no space left on the disk of the warehouse")

var registry = struct {
	sync.RWMutex
	m map[string]Kind
}{m: map[string]Kind{}}

// Register makes a kind known. It is for init functions only and panics on a name that is taken.
func Register(k Kind) {
	registry.Lock()
	defer registry.Unlock()
	if _, taken := registry.m[k.Name()]; taken {
		panic("warehouse: " + k.Name() + " is registered twice")
	}
	registry.m[k.Name()] = k
}

// Lookup returns the kind of that name.
func Lookup(name string) (Kind, bool) {
	registry.RLock()
	defer registry.RUnlock()
	k, ok := registry.m[name]
	return k, ok
}

// Kinds returns the names of the registered kinds, sorted.
func Kinds() []string {
	registry.RLock()
	defer registry.RUnlock()
	return slices.Sorted(maps.Keys(registry.m))
}
