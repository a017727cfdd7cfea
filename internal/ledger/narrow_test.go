//go:build cgo && !noduckdb

package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/internal/compile/casetest"
	"github.com/weir-data/weir/internal/warehouse"
	"github.com/weir-data/weir/syncs"
)

// twins are two worlds to which the same happens. One plans by marks, the other looks at every row
// in every plan. Nobody can tell them apart.
type twins struct {
	t            *testing.T
	marked, full *world
	narrow, idle int // plans of the one that looked at some rows, and at none
}

func newTwins(t *testing.T, object string, change func(*Binding)) *twins {
	w := &twins{t: t, marked: newMergingWorld(t, object, change), full: newMergingWorld(t, object, change)}
	w.full.plain = true
	w.full.rebind()
	return w
}

func (w *twins) both(f func(*world)) {
	w.t.Helper()
	f(w.marked)
	f(w.full)
}

func (w *twins) same(what string, of func(*world) any) {
	w.t.Helper()
	if d := cmp.Diff(of(w.full), of(w.marked)); d != "" {
		w.t.Fatalf("run %d: %s of a plan by marks (-all rows +by marks):\n%s", w.marked.runs, what, d)
	}
}

// run plans, compares, settles with the verdicts that verdict gives, and compares again.
func (w *twins) run(verdict func(i int) syncs.Verdict) {
	w.t.Helper()
	refs := map[*world]syncs.PlanRef{}
	w.both(func(x *world) { x.rebind(); refs[x] = x.freeze() })
	facts := w.marked.rows(fmt.Sprintf("SELECT tally FROM weir.plans WHERE run = 'run_%d'", w.marked.runs))[0]
	if strings.Contains(facts, `"narrow":true`) {
		w.narrow++
	}
	if strings.Contains(facts, `"idle":true`) {
		w.idle++
	}
	w.same("tally", func(x *world) any { return refs[x].Tally })
	w.same("holds", func(x *world) any { return refs[x].Holds })
	lines := map[*world][]string{}
	w.both(func(x *world) { lines[x] = x.lines(x.read(refs[x])) })
	w.same("changes", func(x *world) any {
		if w.marked.l.ordered < 0 {
			return slices.Sorted(slices.Values(lines[x]))
		}
		return lines[x]
	})
	w.same("hash", func(x *world) any { return refs[x].Hash })
	said := map[string]syncs.Verdict{}
	for i, l := range lines[w.full] {
		said[l] = verdict(i)
	}
	counts := map[*world]syncs.Counts{}
	w.both(func(x *world) {
		var but []syncs.Exception
		for i, l := range lines[x] {
			e := syncs.Exception{Seq: int64(i), Verdict: said[l]}
			if e.Verdict == syncs.Rejected || e.Verdict == syncs.Malformed {
				e.Code = "vendor.no"
			}
			but = append(but, e)
		}
		counts[x] = x.settle(refs[x], syncs.Applied, but...)
	})
	w.same("counts", func(x *world) any { return counts[x] })
	w.same("ledger", func(x *world) any {
		return x.rows("SELECT key, profile, grp, id_1, id_2, hash, doubt, version, state, attempts, next_try IS NULL, code, tried, tried_hash, remote_id FROM weir.ledger_vip ORDER BY key, grp")
	})
}

// TestPlanByMarks holds that a plan that looks at some rows is the plan of all of them: row by
// row, by count, and in what the ledger knows afterwards.
func TestPlanByMarks(t *testing.T) {
	worlds := casetest.Rounds(3, 5)
	if n, err := strconv.Atoi(os.Getenv("WEIR_LEDGER_WORLDS")); err == nil {
		worlds = n
	}
	kinds := []struct {
		name, object string
		change       func(*Binding)
	}{
		{"mirror", "list", nil},
		{"add", "list", func(b *Binding) { b.Sync.Mode = syncs.Add }},
		{"rows of a source", "list", func(b *Binding) { b.Sync.Segment, b.Sync.Source, b.Rows.Merged, b.Rows.Barred = "", "crm", nil, nil }},
		{"records", "record", func(b *Binding) { b.Sync.Mode, b.Sync.OnLeave = syncs.Upsert, syncs.Remove }},
		{"keep", "list", func(b *Binding) { b.Sync.OnLeave = syncs.Keep }},
	}
	for seed := range uint64(worlds) {
		k := kinds[int(seed)%len(kinds)]
		t.Run(fmt.Sprintf("%s %d", k.name, seed), func(t *testing.T) {
			w := newTwins(t, k.object, k.change)
			w.marked.l.cut = func(context.Context, warehouse.Session, int64) (int, error) { return 1 + int(seed)%4, nil }
			if seed%2 == 0 { // else every plan is in the order of keys
				w.marked.l.ordered = -1
			}
			w.lives(rand.New(rand.NewPCG(seed, 11)), w.marked.b.Rows.Merged != nil)
			t.Logf("%d plans by marks, %d idle", w.narrow, w.idle)
			if w.narrow == 0 || w.idle == 0 && w.marked.b.Sync.Mode != syncs.Add && w.marked.b.Sync.OnLeave == syncs.Remove {
				t.Error("nothing was compared")
			}
		})
	}
}

// lives is a random life of people, some of whom are merged, suppressed, refused or in doubt.
func (w *twins) lives(r *rand.Rand, merging bool) {
	c := &crowd{r: r, faulty: true}
	value := func(prefix string) string { // rarer than those that crowd gives: most rows are calm
		return fmt.Sprintf("%s%d", prefix, 100+r.IntN(400))
	}
	for i := range 24 {
		c.people = append(c.people, person{key: fmt.Sprintf("p%02d", i), email: value("e"), phone: value("+336399800"), name: "N"})
	}
	c.next = len(c.people)
	all := func(int) syncs.Verdict { return syncs.Applied }
	some := func(int) syncs.Verdict {
		return []syncs.Verdict{syncs.NotTried, syncs.Rejected, syncs.InDoubt, syncs.Malformed, syncs.Applied, syncs.Applied, syncs.Applied}[r.IntN(7)]
	}
	var listed []Identifier
	for round := range 14 {
		for range []int{0, 1, 2, 4}[r.IntN(4)] {
			c.step()
			if r.IntN(4) == 0 && len(c.people) > 0 { // somebody takes what somebody else has
				i, j := r.IntN(len(c.people)), r.IntN(len(c.people))
				c.people[i].email = c.people[j].email
			}
		}
		rows := slices.Clone(c.people)
		if !merging {
			c.merged = nil
			for range r.IntN(3) { // a key twice, with the same values or others, and rows without one
				if len(rows) > 0 {
					p := rows[r.IntN(len(rows))]
					switch r.IntN(4) {
					case 0:
						rows = append(rows, p)
					case 1:
						rows = append(rows, p.at(value("e")))
					case 2:
						rows = append(rows, p.as(""))
					}
				}
			}
		}
		switch r.IntN(6) {
		case 0:
			if len(c.people) > 0 {
				p := c.people[r.IntN(len(c.people))]
				x := Identifier{Kind: "email", Value: p.email}
				listed = append(listed, x)
				w.both(func(x2 *world) {
					if err := x2.l.Suppress(ctx, []Suppression{{Channel: string(destinations.Email), Identifier: x, Source: "test"}}); err != nil {
						w.t.Fatal(err)
					}
				})
			}
		case 1:
			if len(listed) > 0 {
				x := listed[r.IntN(len(listed))]
				w.both(func(y *world) {
					if err := y.l.Unsuppress(ctx, string(destinations.Email), x); err != nil {
						w.t.Fatal(err)
					}
				})
			}
		case 2:
			w.both(func(x *world) {
				if _, err := x.l.Retry(ctx, "vip", x.acquire()); err != nil {
					w.t.Fatal(err)
				}
			})
		case 3:
			w.both(func(x *world) { x.b.AsOf = x.b.AsOf.Add(2 * time.Hour) })
		}
		w.both(func(x *world) { x.merges(c.merged...).want(rows...) })
		c.merged = nil
		verdict := all
		if round%3 == 1 {
			verdict = some
		}
		w.run(verdict)
	}
	for i := range c.people {
		c.people[i].invalid, c.people[i].barred = "", ""
	}
	w.both(func(x *world) { x.want(c.people...) })
	for range 4 { // until nothing is left to do
		w.both(func(x *world) {
			if _, err := x.l.Retry(ctx, "vip", x.acquire()); err != nil {
				w.t.Fatal(err)
			}
		})
		w.run(all)
	}
	w.run(all)
	w.run(all)
}
