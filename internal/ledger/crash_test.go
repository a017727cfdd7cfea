//go:build cgo && !noduckdb

package ledger

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/syncs"
)

// dying is a warehouse whose process dies at a given call: that call, and every one after it,
// fails. A commit dies after it was done, as when its answer is lost.
type dying struct {
	warehouse.Warehouse
	at, calls int
}

var errDied = errors.New("the process died")

func (d *dying) dies() bool {
	d.calls++
	return d.at > 0 && d.calls >= d.at
}

func (d *dying) Session(ctx context.Context) (warehouse.Session, error) {
	s, err := d.Warehouse.Session(ctx)
	if err != nil {
		return nil, err
	}
	return &dyingSession{s, d}, nil
}

type dyingSession struct {
	warehouse.Session
	d *dying
}

// Inner is the session in this one, for what only some sessions can.
func (s *dyingSession) Inner() warehouse.Session { return s.Session }

func (s *dyingSession) Exec(ctx context.Context, sql string) (int64, error) {
	if s.d.dies() {
		return -1, errDied
	}
	return s.Session.Exec(ctx, sql)
}

func (s *dyingSession) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	if s.d.dies() {
		return func(yield func([]any, error) bool) { yield(nil, errDied) }
	}
	return s.Session.Query(ctx, sql)
}

func (s *dyingSession) Load(ctx context.Context, table, columns []string, rows iter.Seq2[[]any, error]) (int64, error) {
	if s.d.dies() {
		return -1, errDied
	}
	return s.Session.Load(ctx, table, columns, rows)
}

func (s *dyingSession) Tx(ctx context.Context, f func(context.Context) error) error {
	if err := s.Session.Tx(ctx, f); err != nil {
		return err
	}
	if s.d.dies() {
		return errDied
	}
	return nil
}

// stopping is a warehouse in which a plan is given up at a given call: the context ends before it.
type stopping struct {
	warehouse.Warehouse
	at, calls int
	stop      context.CancelFunc
}

func (s *stopping) Session(ctx context.Context) (warehouse.Session, error) {
	se, err := s.Warehouse.Session(ctx)
	return &stoppingSession{se, s}, err
}

type stoppingSession struct {
	warehouse.Session
	s *stopping
}

// Inner is the session in this one, for what only some sessions can.
func (s *stoppingSession) Inner() warehouse.Session { return s.Session }

func (s *stoppingSession) counts() {
	if s.s.calls++; s.s.calls == s.s.at {
		s.s.stop()
	}
}

func (s *stoppingSession) Exec(ctx context.Context, sql string) (int64, error) {
	s.counts()
	return s.Session.Exec(ctx, sql)
}

func (s *stoppingSession) Query(ctx context.Context, sql string) iter.Seq2[[]any, error] {
	s.counts()
	return s.Session.Query(ctx, sql)
}

// A plan that is given up, before whichever of its calls, leaves neither a table nor a line, and the
// ledger as it was.
func TestF11GivenUpAtEveryStep(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob).sends(addAnn, addBob)
	w.want(ann.named("Anna"), cleo)
	state := func() []string {
		return append(w.rows("SELECT key, state, doubt, version, hash FROM weir.ledger_vip ORDER BY key"),
			w.rows("SELECT table_name FROM information_schema.tables WHERE starts_with(table_name, 'plan_') UNION ALL SELECT state || ' ' || run FROM weir.plans WHERE run = 'given up'")...)
	}
	before := state()
	for at, through := 1, false; !through; at++ {
		cctx, cancel := context.WithCancel(ctx)
		s := &stopping{Warehouse: w.w, at: at, stop: cancel}
		_, err := New(s, Options{Key: []byte("a secret of sixteen bytes or more")}).Source(w.b).Freeze(cctx, w.g, "given up")
		if through = s.calls < at; through != (err == nil) {
			t.Fatalf("given up at call %d of %d: %v", at, s.calls, err)
		}
		cancel()
		if d := cmp.Diff(before, state()); d != "" && !through {
			t.Fatalf("given up at call %d (-before +after):\n%s", at, d)
		}
	}
}

// TestF34DeathAtEveryStep plans and settles with a death at each call in turn, does the same again
// in a new process, and expects what happens without any.
func TestF34DeathAtEveryStep(t *testing.T) {
	step := 4
	switch {
	case casetest.Thorough():
		step = 1 // every step
	case testing.Short():
		step = 9
	}
	const query = "SELECT key, grp, id_1, id_2, hash, doubt, version, state, attempts, code, remote_id, run FROM weir.ledger_vip ORDER BY key, grp"
	run := func(t *testing.T, plan, settle int) (ledger []string, calls int) {
		w := newWorld(t, list, nil)
		w.want(ann.on("+33639980001"), bob, cleo).sends("add p1 email=ann@example.com phone=+33639980001 name=Ann", addBob, addCleo)
		if err := w.l.Erase(ctx, []Identifier{{"email", cleo.email}}, nil); err != nil {
			t.Fatal(err)
		}
		w.want(ann.on("+33639980002"), bob.at("new@example.com"), cleo, person{key: "p4", email: "dan@example.com"})
		real, g := w.w, w.g
		process := func(at int) (*dying, syncs.Source) {
			d := &dying{Warehouse: real, at: at}
			return d, New(d, Options{Key: []byte("a secret of sixteen bytes or more")}).Source(w.b)
		}
		d, src := process(plan)
		ref, err := src.Freeze(ctx, g, "run_2")
		if calls = d.calls; plan > 0 {
			if err == nil && calls >= plan {
				t.Fatalf("death at call %d of planning was not noticed", plan)
			}
			_, src = process(0)
			if ref, err = src.Freeze(ctx, g, "run_2"); err != nil {
				t.Fatalf("planning again after a death at call %d: %v", plan, err)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		v := func() syncs.Verdicts {
			return verdicts(ref, syncs.Applied, refused(1, "bad"), syncs.Exception{Seq: 3, Verdict: syncs.InDoubt}, syncs.Exception{Seq: 4, Verdict: syncs.Applied, RemoteID: "r4"})
		}
		d, src = process(settle)
		c, err := src.Settle(ctx, g, ref, v())
		if settle > 0 {
			calls = d.calls
			if err == nil && calls >= settle {
				t.Fatalf("death at call %d of settling was not noticed", settle)
			}
			_, src = process(0)
			if c, err = src.Settle(ctx, g, ref, v()); err != nil {
				t.Fatalf("settling again after a death at call %d: %v", settle, err)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := (syncs.Counts{Added: 2, Updated: 1, Removed: 3, Delivered: 4, Rejected: 1, InDoubt: 1}); c != want {
			t.Fatalf("counts %+v, want %+v (death at %d, %d)", c, want, plan, settle)
		}
		if open, err := src.Open(ctx); err != nil || len(open) != 0 {
			t.Fatalf("open plans: %v, %v", open, err)
		}
		if left := w.rows("SELECT table_name FROM information_schema.tables WHERE starts_with(table_name, 'plan_')"); len(left) != 0 {
			t.Fatalf("tables are left: %v (death at %d, %d)", left, plan, settle)
		}
		if n := w.rows("SELECT count(*) FROM weir.deliveries WHERE run = 'run_2'"); n[0] != "6" {
			t.Fatalf("%s deliveries (death at %d, %d)", n[0], plan, settle)
		}
		return w.rows(query), calls
	}
	want, calls := run(t, 0, 0)
	if len(want) != 5 {
		t.Fatalf("ledger: %q", want)
	}
	for at := 1; at <= calls; at += step {
		if got, _ := run(t, at, 0); cmp.Diff(want, got) != "" {
			t.Errorf("death at call %d of planning (-want +got):\n%s", at, cmp.Diff(want, got))
		}
	}
	_, calls = run(t, 0, 1_000_000)
	for at := 1; at <= calls; at += step {
		if got, _ := run(t, 0, at); cmp.Diff(want, got) != "" {
			t.Errorf("death at call %d of settling (-want +got):\n%s", at, cmp.Diff(want, got))
		}
	}
}
