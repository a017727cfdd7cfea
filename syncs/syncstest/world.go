package syncstest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// Variant names a rule that the world breaks.
type Variant int

// The variants. Sound breaks none.
const (
	Sound              Variant = iota
	NotAppliedSurvives         // an attempt that was not applied hides a later one without a verdict
	AckAtPlan                  // the ledger is told when the plan is made
	SnapshotAtEnd              // the ledger becomes the plan at the end, whatever failed
	NoDoubt                    // what may have been applied counts as not applied
	MarkerApart                // the marker of a settled run is written before the ledger
	NoFence                    // leases exclude nobody
	NoHold                     // nobody waits for requests that may still arrive
	ForgetfulJournal           // an intent is lost in a crash
	OverdueSend                // calls leave after the lease is over
	RepeatsHarm                // a message in doubt is planned again, without a person
	FreshKeys                  // a row in doubt is sent again under another key
	BlindGuard                 // guards do not learn that the source is empty
)

func (v Variant) String() string {
	return [...]string{"sound", "not applied survives", "ack at plan", "snapshot at end", "no doubt", "marker apart",
		"no fence", "no hold", "forgetful journal", "overdue send", "repeats harm", "fresh keys", "blind guard"}[v]
}

// Variants lists those that break something.
func Variants() []Variant {
	return []Variant{NotAppliedSurvives, AckAtPlan, SnapshotAtEnd, NoDoubt, MarkerApart, NoFence, NoHold, ForgetfulJournal, OverdueSend, RepeatsHarm, FreshKeys, BlindGuard}
}

// poison is a value that the destination refuses.
const poison = 9

// world is everything outside the machines.
type world struct {
	rng     *rand.Rand
	now     time.Time
	variant Variant

	emit      bool // rows are messages: harmful to repeat
	jobs      bool // the destination works asynchronously
	wholeBad  bool // the destination refuses whole batches and does not say which row is bad
	dedupe    bool // the destination knows the keys of batches it has applied
	mayLose   bool // the journal may be lost
	faults    float64
	infra     float64 // faults of warehouse and journal
	chaos     bool
	task      *syncs.Task
	config    syncs.Config
	timeout   time.Duration
	rate      destinations.Rate
	keys      map[string]string            // what batches said, by idempotency key
	since     map[string]map[string]string // keys of rows by what they say, by person, since something was last known of the person
	plot      *plot                        // nothing is left to chance, but this happens
	trip      int                          // of a plot: 1 lets the next write fail, 2 lets it fail once it was done
	warehouse *warehouse
	journal   *journal
	dest      *receiver
	packets   []*packet
	leftEpoch int64 // newest epoch of which something left
	procs     [2]*proc
	stats     Stats
	broken    error // the first rule that was seen broken
	trace     []string
	tracing   bool
}

// Stats say what a simulation went through.
type Stats struct {
	Steps, Runs, Crashes, Freezes, Calls, Ambiguous, InDoubt, Rejected, Held, Decided, LostJournals int
}

func newWorld(seed uint64, v Variant) *world {
	r := rand.New(rand.NewPCG(seed, 0x77656972))
	w := empty(v)
	w.rng, w.chaos = r, true
	w.emit = r.IntN(4) == 0
	w.jobs = !w.emit && r.IntN(5) == 0
	w.wholeBad = r.IntN(3) == 0
	w.dedupe = r.IntN(2) == 0
	w.mayLose = r.IntN(10) == 0
	w.faults = []float64{0.05, 0.2, 0.4}[r.IntN(3)]
	w.infra = []float64{0, 0.02, 0.05}[r.IntN(3)]
	o := destinations.Object{Limits: destinations.Limits{Rows: 2 + r.IntN(2), Concurrency: 1 + r.IntN(3), UniqueIDs: r.IntN(2) == 0}}
	if r.IntN(3) == 0 {
		o.GroupBy = destinations.ByOp
	}
	if r.IntN(3) == 0 {
		w.rate = destinations.Rate{N: 2, Per: 3 * time.Second, Bucket: "calls"}
		o.Limits.Rates = []destinations.Rate{w.rate}
	}
	w.furnish(o)
	return w
}

// empty is a world with nothing in it.
func empty(v Variant) *world {
	return &world{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), variant: v, timeout: 10 * time.Second,
		keys: map[string]string{}, since: map[string]map[string]string{},
		config: syncs.Config{TTL: time.Minute, Margin: 2 * time.Second, Hold: 15 * time.Second, Grace: 5 * time.Second,
			Patience: time.Minute, PollFor: 20 * time.Second, Retries: 6}}
}

// furnish puts warehouse, journal, destination and processes into it; o has the limits.
func (w *world) furnish(o destinations.Object) {
	o.Name, o.Ops, o.Idempotent = "list", []destinations.Op{destinations.Add, destinations.Remove}, true
	o.Identifiers, o.Limits.Timeout = []destinations.Identifier{{Name: "id"}}, w.timeout
	s := syncs.Sync{Name: "vip", Mode: syncs.Mirror}
	if w.emit {
		o.Ops, o.Idempotent = []destinations.Op{destinations.Emit}, false
		s.Mode = syncs.Append
	}
	w.journal = newJournal(w)
	w.warehouse = newWarehouse(w)
	w.dest = newReceiver(w)
	w.task = &syncs.Task{Sync: s, Object: o, Columns: destinations.Columns{IDs: []string{"id"}, Fields: []string{"v"}},
		Account: "acme", Source: w.warehouse, Session: func() (destinations.Session, error) { return w.dest, nil }}
	for i := range w.procs {
		w.procs[i] = newProc(w, i)
	}
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.rng.Int64N(int64(d) + 1))
}

func (w *world) violated(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
	}
}

func (w *world) log(format string, args ...any) {
	if w.tracing {
		w.trace = append(w.trace, w.now.Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}
