//go:build cgo && !noduckdb

package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/store"
	"github.com/weir-data/weir/syncs"
)

// vendor is a destination with a memory that answers badly at times.
type vendor struct {
	mu      sync.Mutex
	members map[string]string // email to name
	emitted map[string]int
	rand    *rand.Rand
	faulty  bool
	calls   int
}

func (v *vendor) Check(context.Context) error { return nil }
func (v *vendor) Close(context.Context) error { return nil }

func (v *vendor) Write(_ context.Context, b destinations.Batch) (destinations.Outcome, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls++
	apply := func(rows []destinations.Row) {
		for _, r := range rows {
			email, _ := r.IDs[0].(string)
			switch r.Op {
			case destinations.Add, destinations.Upsert:
				name, _ := r.Fields[0].(string)
				v.members[email] = name
			case destinations.Emit:
				v.emitted[email]++
			default:
				delete(v.members, email)
			}
		}
	}
	o := destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}}
	if !v.faulty {
		apply(b.Rows)
		return o, nil
	}
	switch v.rand.IntN(8) {
	case 0:
		return o, &destinations.Fault{Class: destinations.Throttled, RetryAfter: time.Second}
	case 1:
		return o, &destinations.Fault{Class: destinations.Transient}
	case 2:
		return o, &destinations.Fault{Class: destinations.Ambiguous}
	case 3:
		apply(b.Rows)
		return o, &destinations.Fault{Class: destinations.Ambiguous}
	case 4:
		apply(b.Rows[:len(b.Rows)/2])
		return o, &destinations.Fault{Class: destinations.Ambiguous}
	case 5:
		bad := v.rand.IntN(len(b.Rows))
		o.Rows = map[int]destinations.Result{bad: {Status: destinations.Rejected, Code: "bad"}}
		apply(b.Rows[:bad])
		apply(b.Rows[bad+1:])
		return o, nil
	}
	apply(b.Rows)
	return o, nil
}

// engine is the real engine over the real journal and ledger, and a vendor.
type engine struct {
	w  *world
	st *store.Store
	v  *vendor
}

// openStore opens the journal under test, empty.
var openStore = openFileStore

func openFileStore(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(ctx, filepath.Join(t.TempDir(), "dev.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func (e *engine) runner() *syncs.Runner {
	return &syncs.Runner{Journal: e.st, Holder: syncs.Holder{Store: e.st.ID(), Host: "here", PID: os.Getpid()}, Buckets: syncs.NewBuckets()}
}

func (e *engine) task() *syncs.Task {
	spec := destinations.Spec{Type: "vendor", Kind: destinations.Email, Title: "Vendor", Objects: []destinations.Object{e.w.b.Object}}
	t := &syncs.Task{Sync: e.w.b.Sync, Spec: spec, Object: e.w.b.Object, Source: e.w.src, Account: "acme",
		Session: func() (destinations.Session, error) { return e.v, nil }}
	for _, c := range e.w.b.Rows.IDs {
		t.Columns.IDs = append(t.Columns.IDs, c.Name)
	}
	for _, c := range e.w.b.Rows.Fields {
		t.Columns.Fields = append(t.Columns.Fields, c.Name)
	}
	return t
}

func (e *engine) run(ctx context.Context) (*syncs.Report, error) {
	// As of now, so that what was refused comes to be due.
	e.w.b.AsOf = time.Now().UTC().Add(1000 * time.Hour).Truncate(time.Microsecond)
	e.w.rebind()
	return e.runner().Run(ctx, e.task(), syncs.RunOptions{})
}

func newEngine(t *testing.T, obj destinations.Object, seed uint64, change func(*Binding)) *engine {
	obj.Limits = destinations.Limits{Rows: 5, Concurrency: 3}
	obj.Identifiers = obj.Identifiers[:1]
	e := &engine{w: newWorld(t, obj, change), v: &vendor{members: map[string]string{}, emitted: map[string]int{}, rand: rand.New(rand.NewPCG(seed, 1))}}
	e.st = openStore(t)
	return e
}

func some(r *rand.Rand, suffix string) (out []person, names map[string]string) {
	names = map[string]string{}
	for i := range 40 {
		if r.IntN(3) == 0 {
			continue
		}
		p := person{key: fmt.Sprintf("p%02d%s", i, suffix), email: fmt.Sprintf("person%d@example.com", i+r.IntN(2)*100), name: fmt.Sprintf("N%d", r.IntN(3))}
		names[p.email] = p.name
		out = append(out, p)
	}
	return out, names
}

func TestEngineConverges(t *testing.T) {
	for seed := range uint64(casetest.Rounds(1, 3)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(t, list, seed, nil)
				var names map[string]string
				for i := range 4 {
					var ps []person
					ps, names = some(e.v.rand, "")
					e.w.want(ps...)
					e.v.faulty = true
					rctx, cancel := context.WithCancel(ctx)
					if i%2 == 1 { // asked to stop somewhere in the middle
						time.AfterFunc(time.Duration(e.v.rand.IntN(2000))*time.Millisecond, cancel)
					}
					rep, err := e.run(rctx)
					cancel()
					if err != nil {
						t.Fatal(err)
					}
					if c := rep.Counts; c.Added+c.Updated+c.Removed != c.Delivered+c.Accepted+c.Rejected+c.Due+c.InDoubt {
						t.Errorf("counts do not add up: %+v", c)
					}
				}
				e.v.faulty = false
				for i := range 3 {
					rep, err := e.run(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if rep.Status != syncs.OK && rep.Status != syncs.Degraded {
						t.Fatalf("run %d: %+v", i, rep)
					}
					// What was refused is due by the clock of the warehouse, which does not jump.
					if _, err := e.w.l.Retry(ctx, "vip", e.lease(t)); err != nil {
						t.Fatal(err)
					}
					e.release(t)
				}
				if diff := cmp.Diff(names, e.v.members); diff != "" {
					t.Errorf("members (-want +got):\n%s", diff)
				}
				calls := e.v.calls
				rep, err := e.run(ctx)
				if err != nil || rep.Status != syncs.OK || e.v.calls != calls || rep.Counts.Unchanged != int64(len(names)) {
					t.Errorf("a run with nothing to send: %+v, %v, %d calls", rep, err, e.v.calls-calls)
				}
			})
		})
	}
}

func (e *engine) lease(t *testing.T) syncs.Grant {
	g, err := e.w.l.Acquire(ctx, "vip", syncs.Holder{Store: e.st.ID(), Host: "here", PID: os.Getpid()}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	e.w.g = g
	return g
}

func (e *engine) release(t *testing.T) {
	if err := e.w.l.Release(ctx, e.w.g); err != nil {
		t.Fatal(err)
	}
}

func TestEngineNeverRepeatsAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, message, 7, appendWith("", syncs.Send))
		for range 4 {
			ps, _ := some(e.v.rand, ":1")
			for i := range ps { // one address each, so that what is sent twice is seen
				ps[i].email = strings.Split(ps[i].key, ":")[0] + "@example.com"
			}
			e.w.want(ps...)
			e.v.faulty = true
			if _, err := e.run(ctx); err != nil {
				t.Fatal(err)
			}
		}
		sent := 0
		for email, n := range e.v.emitted {
			sent += n
			if n > 1 {
				t.Errorf("%s was sent to %d times", email, n)
			}
		}
		if sent == 0 {
			t.Error("nothing was sent")
		}
	})
}

func TestF45EngineAfterALostJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, list, 1, nil)
		ps, names := some(e.v.rand, "")
		e.w.want(ps...)
		if _, err := e.run(ctx); err != nil {
			t.Fatal(err)
		}
		// A run that planned, sent and then died with its journal.
		e.w.want(ps[1:]...)
		delete(names, ps[0].email)
		g := e.lease(t)
		if _, err := e.w.src.Freeze(ctx, g, "lost"); err != nil {
			t.Fatal(err)
		}
		e.release(t)
		e.st = openStore(t)
		rep, err := e.run(ctx)
		if err != nil || rep.Status != syncs.OK || len(rep.Notes) == 0 {
			t.Fatalf("with a new store: %+v, %v", rep, err)
		}
		if diff := cmp.Diff(names, e.v.members); diff != "" {
			t.Errorf("members (-want +got):\n%s", diff)
		}
	})
}
