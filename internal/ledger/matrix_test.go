//go:build cgo && !noduckdb

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// logged is a destination that keeps what it was sent, and does with each call what it is told.
type logged struct {
	members map[string]string // email to name
	log     []string          // "add ann@example.com Ann", in the order of arrival
	keys    []string          // idempotency keys, beside log
	calls   int
	does    func(call int, b destinations.Batch) (apply bool, o destinations.Outcome, err error)
}

func (v *logged) Check(context.Context) error { return nil }
func (v *logged) Close(context.Context) error { return nil }

func (v *logged) Write(ctx context.Context, b destinations.Batch) (destinations.Outcome, error) {
	v.calls++
	apply, o, err := true, destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}}, error(nil)
	if v.does != nil {
		apply, o, err = v.does(v.calls, b)
	}
	if ctx.Err() != nil { // whoever called has hung up
		err = noAnswer
	}
	for i, r := range b.Rows {
		email, _ := r.IDs[0].(string)
		line := r.Op.String() + " " + email
		if len(r.Fields) > 0 && r.Op == destinations.Add {
			line += fmt.Sprint(" ", r.Fields[0])
		}
		v.log, v.keys = append(v.log, line), append(v.keys, r.Dedup)
		if !apply || o.Rows[i].Status == destinations.Rejected {
			continue
		}
		if r.Op == destinations.Add {
			v.members[email], _ = r.Fields[0].(string)
			continue
		}
		delete(v.members, email)
	}
	return o, err
}

// produced is the engine over the real ledger and the real journal, one call at a time.
type produced struct {
	*engine
	dest *logged
}

func produce(t *testing.T, rows int, change func(*Binding)) *produced {
	p := &produced{engine: newEngine(t, list, 1, change), dest: &logged{members: map[string]string{}}}
	p.w.b.Object.Limits = destinations.Limits{Rows: rows, Concurrency: 1}
	p.w.rebind()
	return p
}

func (p *produced) run(ctx context.Context) *syncs.Report {
	p.w.t.Helper()
	p.w.rebind()
	t := p.task()
	t.Session = func() (destinations.Session, error) { return p.dest, nil }
	r, err := p.runner().Run(ctx, t, syncs.RunOptions{})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return r
}

// sent runs, wants the run to end ok, and returns what arrived in it.
func (p *produced) sent() []string {
	p.w.t.Helper()
	before := len(p.dest.log)
	if r := p.run(ctx); r.Status != syncs.OK {
		p.w.t.Fatalf("%+v", r)
	}
	return p.dest.log[before:]
}

// held runs, wants the run to be held with a code, nothing to be sent, and the ledger to stay.
func (p *produced) held(code string) {
	p.w.t.Helper()
	calls, ledger := p.dest.calls, p.ledger()
	r := p.run(ctx)
	if r.Status != syncs.Held || !slices.ContainsFunc(r.Holds, func(h syncs.Hold) bool { return h.Code == code && h.What != "" && h.Fix != "" }) {
		p.w.t.Errorf("%s, %+v, want it held with %s", r.Status, r.Holds, code)
	}
	if p.dest.calls != calls {
		p.w.t.Errorf("%d calls of a run that is held", p.dest.calls-calls)
	}
	if d := cmp.Diff(ledger, p.ledger()); d != "" {
		p.w.t.Errorf("the ledger of a run that was held (-before +after):\n%s", d)
	}
}

func (p *produced) ledger() []string {
	return p.w.rows("SELECT key, state, doubt, version, hash, code FROM weir.ledger_vip ORDER BY key")
}

func (p *produced) equal(what string, want, got any) {
	p.w.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		p.w.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// several people.
func several(n int) (out []person) {
	for i := range n {
		out = append(out, person{key: fmt.Sprintf("p%03d", i), email: fmt.Sprintf("p%03d@example.com", i), name: "N"})
	}
	return out
}

// first keys by record, so that the source chooses the keys.
func byRecord(b *Binding) { b.Sync.Segment, b.Sync.Source = "", "crm" }

// answers is what a call is given, and whether it was applied.
func answers(apply bool, err error) func(int, destinations.Batch) (bool, destinations.Outcome, error) {
	return func(int, destinations.Batch) (bool, destinations.Outcome, error) {
		return apply, destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered}}, err
	}
}

var noAnswer = &destinations.Fault{Class: destinations.Ambiguous, Code: "timeout", Text: "no answer in time"}

// TestMatrix produces failures of docs/failures.md on the real ledger and the real journal.
func TestMatrix(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"F01 doubled keys": func(t *testing.T) {
			p := produce(t, 5, byRecord)
			p.w.want(ann, bob).equalSent(t, p, "add ann@example.com Ann", "add bob@example.com Bob")
			p.w.want(ann, bob, bob.at("other@example.com"))
			p.held(syncs.HoldDoubledKeys)
		},
		"F02 null keys": func(t *testing.T) {
			p := produce(t, 5, byRecord)
			p.w.want(ann).equalSent(t, p, "add ann@example.com Ann")
			p.w.want(ann, person{email: "nobody@example.com"})
			p.held(syncs.HoldNullKeys)
		},
		"F03 an empty source": func(t *testing.T) {
			p := produce(t, 5, nil)
			p.w.want(ann, bob)
			p.sent()
			p.w.want()
			p.held(syncs.HoldEmpty)
			p.w.want(ann, bob)
			p.equal("once it is full again", 0, len(p.sent()))
		},
		"F04 removals at the threshold": func(t *testing.T) {
			p := produce(t, 600, nil)
			p.w.exec("INSERT INTO shop.people SELECT 'p' || i, 'p' || i || '@example.com', NULL, 'N', NULL, NULL FROM range(600) t(i)")
			p.sent()
			p.w.exec("CREATE TABLE shop.gone AS SELECT * FROM shop.people WHERE key = 'p120'", "DELETE FROM shop.people WHERE substr(key, 2)::INT <= 120")
			p.held(syncs.HoldMaxRemoved) // 121 of 600: 20 % and one
			p.w.exec("INSERT INTO shop.people FROM shop.gone")
			p.equal("exactly the threshold", 120, len(p.sent()))
		},
		"F05 the source changes during the run": func(t *testing.T) {
			p := produce(t, 2, nil)
			p.w.want(several(6)...)
			p.dest.does = func(call int, _ destinations.Batch) (bool, destinations.Outcome, error) {
				if call == 1 {
					changed := several(7)[1:]
					for i := range changed {
						changed[i].name = "M"
					}
					slices.Reverse(changed)
					p.w.want(changed...)
				}
				return answers(true, nil)(call, destinations.Batch{})
			}
			want := []string{}
			for i := range 6 {
				want = append(want, fmt.Sprintf("add p%03d@example.com N", i))
			}
			p.equal("what was planned is what was sent, each once", want, p.sent())
			p.dest.does = nil
			p.equal("the next run", 7, len(p.sent()))
		},
		"F09 leaving and coming back": func(t *testing.T) {
			p := produce(t, 5, nil)
			p.w.want(ann, bob)
			p.sent()
			p.w.want(bob)
			p.equal("leaves", []string{"remove ann@example.com"}, p.sent())
			p.equal("is gone", 0, len(p.sent()))
			p.w.want(ann, bob)
			p.equal("comes back", []string{"add ann@example.com Ann"}, p.sent())
			p.equal("is there", 0, len(p.sent()))
		},
		"F12 columns of the source change": func(t *testing.T) {
			p := produce(t, 5, func(b *Binding) { b.Columns = []string{"email text", "name text"} })
			p.w.want(ann)
			p.sent()
			p.w.b.Columns = []string{"email text", "name integer"}
			p.w.want(ann.named("7"))
			p.held(syncs.HoldColumns)
		},
		"F13 nothing changes": func(t *testing.T) {
			p := produce(t, 5, nil)
			p.w.want(ann, bob)
			p.sent()
			before, calls := p.ledger(), p.dest.calls
			const written = "SELECT (SELECT count(*) FROM weir.deliveries), version, started FROM weir.ledgers"
			deliveries := p.w.rows(written)
			if r := p.run(ctx); r.Status != syncs.OK || r.Requests != 0 || r.Counts.Unchanged != 2 {
				t.Errorf("%+v", r)
			}
			p.equal("calls", calls, p.dest.calls)
			p.equal("ledger", before, p.ledger())
			p.equal("deliveries and version", deliveries, p.w.rows(written))
		},
		"F15 a row is refused for good": func(t *testing.T) {
			p := produce(t, 5, nil)
			p.w.want(ann, bob)
			p.sent()
			p.w.want(ann.named("Anna"), bob.named("Robert"))
			p.dest.does = func(int, destinations.Batch) (bool, destinations.Outcome, error) {
				return true, destinations.Outcome{Rest: destinations.Result{Status: destinations.Delivered},
					Rows: map[int]destinations.Result{0: {Status: destinations.Rejected, Code: "bad_name", Reason: "no such name"}}}, nil
			}
			if r := p.run(ctx); r.Status != syncs.Degraded || r.Counts.Rejected != 1 || r.Counts.Delivered != 1 {
				t.Fatalf("%+v", r)
			}
			p.dest.does = nil
			p.equal("as long as nothing changes", 0, len(p.sent()))
			p.w.want(ann, bob.named("Robert"))
			p.equal("as the destination has it still", 0, len(p.sent()))
			p.equal("the destination", map[string]string{"ann@example.com": "Ann", "bob@example.com": "Robert"}, p.dest.members)
			p.w.want(ann.named("Annie"), bob.named("Robert"))
			p.equal("once it changes", []string{"add ann@example.com Annie"}, p.sent())
		},
		"F22 applied without an answer, and the source goes back": func(t *testing.T) { reverted(t, true) },
		"F23 lost without an answer, and the source goes back":    func(t *testing.T) { reverted(t, false) },
		"F24 added without an answer, and the person leaves": func(t *testing.T) {
			p := produce(t, 5, nil)
			p.w.want(ann, bob)
			p.dest.does = answers(true, noAnswer)
			if r := p.run(ctx); r.Counts.InDoubt == 0 {
				t.Fatalf("%+v", r)
			}
			p.dest.does = nil
			p.w.want(bob)
			p.equal("what is sent", []string{"remove ann@example.com", "add bob@example.com Bob"}, p.sent())
			p.equal("the destination", map[string]string{"bob@example.com": "Bob"}, p.dest.members)
		},
		"F25 without an answer the same is sent again": func(t *testing.T) {
			p := produce(t, 5, nil)
			p.w.want(ann, bob)
			p.dest.does = func(call int, b destinations.Batch) (bool, destinations.Outcome, error) {
				if call == 1 {
					return answers(true, noAnswer)(call, b)
				}
				return answers(true, nil)(call, b)
			}
			all := p.sent()
			p.equal("rows", all[:2], all[2:])
			p.equal("idempotency keys", p.dest.keys[:2], p.dest.keys[2:])
		},
		"F42 cancelled": func(t *testing.T) {
			p := produce(t, 2, nil)
			p.w.want(several(10)...)
			rctx, cancel := context.WithCancel(ctx)
			p.dest.does = func(call int, b destinations.Batch) (bool, destinations.Outcome, error) {
				if call == 2 {
					cancel()
					synctest.Wait() // until the run has heard of it
				}
				return answers(true, nil)(call, b)
			}
			r := p.run(rctx)
			cancel()
			if r.Status != syncs.Stopped || r.Counts.InDoubt != 0 || r.Counts.Delivered != int64(len(p.dest.log)) || r.Counts.Due == 0 {
				t.Errorf("%d rows arrived, %+v", len(p.dest.log), r)
			}
			sent := fmt.Sprint(len(p.dest.log))
			p.equal("the ledger", []string{sent}, p.w.rows("SELECT count(*) FROM weir.ledger_vip WHERE state = 'sent' AND NOT doubt"))
			p.dest.does = nil
			p.sent()
			p.equal("rows in all: each once", 10, len(p.dest.log))
		},
		"F51 an erasure comes before everything else": func(t *testing.T) {
			p := produce(t, 1, nil)
			p.w.want(ann, bob)
			p.sent()
			if err := p.w.l.Erase(ctx, []Identifier{{"email", "bob@example.com"}}, nil); err != nil {
				t.Fatal(err)
			}
			p.w.want(ann.named("Anna"), bob.named("Robert"), cleo)
			p.equal("what is sent", []string{"erase bob@example.com", "add ann@example.com Anna", "add cleo@example.com Cleo"}, p.sent())
			p.equal("though the row is still there", 0, len(p.sent()))
			// Whatever holds the plan, an erasure is sent, and nothing else.
			if err := p.w.l.Erase(ctx, []Identifier{{"email", "ann@example.com"}}, nil); err != nil {
				t.Fatal(err)
			}
			p.w.want()
			before := len(p.dest.log)
			if r := p.run(ctx); r.Status != syncs.Held || r.Counts.Delivered != 1 {
				t.Errorf("%+v", r)
			}
			p.equal("while the plan is held", []string{"erase ann@example.com"}, p.dest.log[before:])
			p.equal("the destination", map[string]string{"cleo@example.com": "Cleo"}, p.dest.members)
		},
		"F53 suppressions cannot be read": func(t *testing.T) {
			p := produce(t, 1, nil)
			p.w.want(ann, bob)
			p.sent()
			if err := p.w.l.Suppress(ctx, []Suppression{{Channel: "email", Identifier: Identifier{"email", "dan@example.com"}}}); err != nil {
				t.Fatal(err)
			}
			p.w.want(ann.named("Anna"), bob.named("Robert"))
			p.w.exec("ALTER TABLE weir.suppressions RENAME COLUMN hash TO hidden")
			calls := p.dest.calls
			if r := p.run(ctx); r.Status != syncs.Failed || p.dest.calls != calls {
				t.Errorf("%d calls, %+v", p.dest.calls-calls, r)
			}
			p.w.exec("ALTER TABLE weir.suppressions RENAME COLUMN hidden TO hash")
			p.w.exec("ALTER TABLE weir.suppressions RENAME TO away")
			if r := p.run(ctx); r.Status != syncs.Failed || p.dest.calls != calls {
				t.Errorf("without the table: %d calls, %+v", p.dest.calls-calls, r)
			}
			p.w.exec("ALTER TABLE weir.away RENAME TO suppressions")
			p.equal("once they can be read", []string{"add ann@example.com Anna", "add bob@example.com Robert"}, p.sent())
		},
		"F54 removals before additions": func(t *testing.T) {
			p := produce(t, 1, nil)
			p.w.want(ann, bob)
			p.sent()
			p.w.want(bob.named("Robert"), cleo)
			p.equal("what is sent", []string{"remove ann@example.com", "add bob@example.com Robert", "add cleo@example.com Cleo"}, p.sent())
		},
		"F55 an email changes, and the run dies in between": func(t *testing.T) {
			p := produce(t, 1, nil)
			p.w.want(ann)
			p.sent()
			p.w.want(ann.at("new@example.com"))
			p.dest.does = func(call int, b destinations.Batch) (bool, destinations.Outcome, error) {
				if call == 2 {
					return answers(true, nil)(call, b)
				}
				return answers(false, &destinations.Fault{Class: destinations.Config, Code: "400"})(call, b)
			}
			if r := p.run(ctx); r.Status != syncs.Failed {
				t.Fatalf("%+v", r)
			}
			p.equal("half of it", map[string]string{}, p.dest.members)
			p.dest.does = nil
			p.equal("the rest", []string{"add new@example.com Ann"}, p.sent())
			p.equal("the destination", map[string]string{"new@example.com": "Ann"}, p.dest.members)
		},
		"F59 a preview": func(t *testing.T) {
			p := produce(t, 5, nil)
			p.w.want(ann, bob)
			p.w.rebind()
			task := p.task()
			task.Session = func() (destinations.Session, error) { return nil, errors.New("a preview asked for a session") }
			plan, err := p.runner().Plan(ctx, task, syncs.PlanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			c := p.run(ctx).Counts
			if plan.Tally.Added != c.Added || plan.Tally.Updated != c.Updated || plan.Tally.Removed != c.Removed || c.Added != 2 {
				t.Errorf("planned %+v, done %+v", plan.Tally, c)
			}
		},
		"F60 the source moves after a plan was saved": func(t *testing.T) {
			p := produce(t, 5, nil)
			p.w.want(ann, bob)
			save := func() *syncs.Plan {
				t.Helper()
				p.w.rebind()
				plan, err := p.runner().Plan(ctx, p.task(), syncs.PlanOptions{Keep: true})
				if err != nil {
					t.Fatal(err)
				}
				return plan
			}
			send := func(plan *syncs.Plan) (*syncs.Report, error) {
				p.w.rebind()
				task := p.task()
				task.Session = func() (destinations.Session, error) { return p.dest, nil }
				return p.runner().Run(ctx, task, syncs.RunOptions{Saved: plan})
			}
			one, two := save(), save()
			p.w.want(ann.named("Anna"), cleo)
			if r, err := send(one); err != nil || r.Status != syncs.OK {
				t.Fatalf("%+v, %v", r, err)
			}
			p.equal("what is sent", []string{"add ann@example.com Ann", "add bob@example.com Bob"}, p.dest.log)
			_, err := send(two)
			var stale *syncs.StaleError
			if !errors.As(err, &stale) || !strings.Contains(stale.Why, "told other things") || len(p.dest.log) != 2 {
				t.Errorf("once the ledger has moved: %v, %q arrived", err, p.dest.log)
			}
			p.equal("what is new", []string{"remove bob@example.com", "add ann@example.com Anna", "add cleo@example.com Cleo"}, p.sent())
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, test)
		})
	}
}

// reverted sends a change to which nobody answers, and turns the source back.
func reverted(t *testing.T, applied bool) {
	p := produce(t, 5, nil)
	p.w.want(ann, bob)
	p.sent()
	p.w.want(ann.named("Anna"), bob)
	p.dest.does = answers(applied, noAnswer)
	if r := p.run(ctx); r.Status == syncs.OK || r.Counts.InDoubt != 1 {
		t.Fatalf("%+v", r)
	}
	p.equal("the ledger says that it does not know", []string{"p1 true", "p2 false"}, p.w.rows("SELECT key, doubt FROM weir.ledger_vip ORDER BY key"))
	p.dest.does = nil
	p.w.want(ann, bob)
	p.equal("sent though the source is as it was", []string{"add ann@example.com Ann"}, p.sent())
	p.equal("the destination", map[string]string{"ann@example.com": "Ann", "bob@example.com": "Bob"}, p.dest.members)
}

// equalSent runs and compares what arrived.
func (w *world) equalSent(t *testing.T, p *produced, want ...string) {
	t.Helper()
	p.equal("what is sent", want, p.sent())
}

// A plan that is cancelled is given up at once, and leaves nothing.
func TestF11CancelledWhileItPlans(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).sends(addAnn)
	w.exec("DROP TABLE shop.people", `CREATE VIEW shop.people AS SELECT 'p' || sum(hash(a.i * b.i)) AS key, 'x@example.com' AS email, NULL AS phone, 'X' AS name, NULL AS barred, NULL AS invalid
		FROM range(1000000) a(i), range(1000000) b(i)`)
	cctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := w.src.Freeze(cctx, w.g, "cancelled"); err == nil {
		t.Fatal("it was planned")
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("given up after %s", d)
	}
	if got := w.rows("SELECT table_name FROM information_schema.tables WHERE starts_with(table_name, 'plan_')"); len(got) != 0 {
		t.Errorf("tables %v are left", got)
	}
	if got := w.rows("SELECT key, state, doubt FROM weir.ledger_vip"); fmt.Sprint(got) != "[p1 sent false]" {
		t.Errorf("ledger %v", got)
	}
}

// Suppressions that can no longer be read between plan and sending stop the sending.
func TestF53SuppressionsCannotBeReadWhenSending(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob).sends(addAnn, addBob)
	if err := w.l.Suppress(ctx, []Suppression{{Channel: "email", Identifier: Identifier{"email", "dan@example.com"}}}); err != nil {
		t.Fatal(err)
	}
	ref := w.want(ann.named("Anna"), bob).expect("~add p1 email=ann@example.com name=Anna")
	w.exec("ALTER TABLE weir.suppressions RENAME TO away")
	w.src.(*source).page.checked = time.Time{} // as after two seconds
	for c, err := range w.src.Read(ctx, ref, 0, ref.Rows) {
		if err == nil {
			t.Errorf("%s was given out to be sent", c.Key)
		}
	}
}

// Of rows that were read to be sent it is asked again, at most two seconds later, who is kept out.
func TestF52ASuppressionWhileAPageIsSent(t *testing.T) {
	email := func(p person) Identifier { return Identifier{"email", p.email} }
	for name, there := range map[string]bool{"the first": false, "one that is lifted while another comes": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, list, nil)
			if there {
				if err := w.l.Suppress(ctx, []Suppression{{Channel: "email", Identifier: email(cleo)}}); err != nil {
					t.Fatal(err)
				}
			}
			ref := w.want(ann, bob).expect(addAnn, addBob)
			read := func(lo, hi int64) (out []string) {
				for c, err := range w.src.Read(ctx, ref, lo, hi) {
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, c.Key+" "+c.Barred)
				}
				return out
			}
			first := read(0, 1)
			if there {
				if err := w.l.Unsuppress(ctx, "email", email(cleo)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.l.Suppress(ctx, []Suppression{{Channel: "email", Identifier: email(bob)}}); err != nil {
				t.Fatal(err)
			}
			w.src.(*source).page.checked = time.Time{} // as after two seconds
			if d := cmp.Diff([]string{"p1 ", "p2 " + CodeSuppressed}, append(first, read(1, 2)...)); d != "" {
				t.Errorf("what is sent (-want +got):\n%s", d)
			}
		})
	}
}
