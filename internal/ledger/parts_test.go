//go:build cgo && !noduckdb

package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// audience is a destination with a memory of what it was sent: as rows, of which a removal takes
// out all that have every value which it names, as an audience of ads does; and as single values,
// as a list does.
type audience struct {
	rows   map[string]bool // "email=… phone=…"
	values map[string]bool
}

func newAudience() *audience { return &audience{rows: map[string]bool{}, values: map[string]bool{}} }

func (a *audience) take(c syncs.Change, ids []string) {
	var values []string
	for i, v := range c.IDs {
		if !destinations.IsAbsent(v) {
			values = append(values, fmt.Sprintf("%s=%v", ids[i], v))
		}
	}
	if c.Move != syncs.Removing {
		a.rows[strings.Join(values, " ")] = true
		for _, v := range values {
			a.values[v] = true
		}
		return
	}
	for row := range a.rows {
		has := strings.Fields(row)
		if !slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(has, v) }) {
			delete(a.rows, row)
		}
	}
	for _, v := range values {
		delete(a.values, v)
	}
}

// inRows lists the values that any row has.
func (a *audience) inRows() []string {
	out := map[string]bool{}
	for row := range a.rows {
		for _, v := range strings.Fields(row) {
			out[v] = true
		}
	}
	return slices.Sorted(maps.Keys(out))
}

var audienceIDs = []string{"email", "phone"}

// deliver plans and sends. Each row is applied unless lose says otherwise.
func (w *world) deliver(a *audience, desired map[string]bool, lose func(syncs.Change) syncs.Verdict) (forced int64) {
	w.t.Helper()
	ref := w.freeze()
	var but []syncs.Exception
	for _, c := range w.read(ref) {
		if c.Move == syncs.Removing {
			for i, v := range c.IDs {
				if name := fmt.Sprintf("%s=%v", audienceIDs[i], v); desired[name] {
					w.t.Errorf("%s: %s is taken away, which somebody who is wanted has", ref.Run, name)
				}
			}
		}
		verdict := lose(c)
		switch verdict {
		case syncs.Applied:
			a.take(c, audienceIDs)
		case syncs.InDoubt: // it was applied, though nobody knows
			a.take(c, audienceIDs)
			but = append(but, syncs.Exception{Seq: c.Seq, Verdict: verdict})
		default:
			but = append(but, syncs.Exception{Seq: c.Seq, Verdict: verdict, Code: "no"})
		}
	}
	w.settle(ref, syncs.Applied, but...)
	return ref.Forced
}

func allApplied(syncs.Change) syncs.Verdict { return syncs.Applied }

// holds compares what the audience holds with what is wanted.
func (w *world) holds(a *audience, desired map[string]bool) {
	w.t.Helper()
	want := slices.Sorted(maps.Keys(desired))
	if diff := gocmp.Diff(want, a.inRows()); diff != "" {
		w.t.Fatalf("run %d: values of rows (-want +got):\n%s", w.runs, diff)
	}
	if diff := gocmp.Diff(want, slices.Sorted(maps.Keys(a.values))); diff != "" {
		w.t.Fatalf("run %d: values (-want +got):\n%s", w.runs, diff)
	}
}

// value is the match value under which somebody is known: the email, or else the phone.
func (p person) value() string {
	switch {
	case p.email != "":
		return "email=" + p.email
	case p.phone != "":
		return "phone=" + p.phone
	}
	return ""
}

// placed gives, of several with one match value, the one that has it: the lowest of those who can
// be sent.
func placed(ps []person) (out []person) {
	ps = slices.SortedFunc(slices.Values(ps), func(a, b person) int {
		return cmp.Or(strings.Compare(a.invalid, b.invalid), strings.Compare(a.key, b.key))
	})
	taken := map[string]bool{"": true}
	for _, p := range ps {
		if p.barred == "" && !taken[p.value()] {
			taken[p.value()] = true
			out = append(out, p)
		}
	}
	return out
}

// valuesOf are the values of those who are in place and can be sent.
func valuesOf(ps []person) map[string]bool {
	out := map[string]bool{}
	for _, p := range placed(ps) {
		if p.email != "" && p.invalid == "" {
			out["email="+p.email] = true
		}
		if p.phone != "" && p.invalid == "" {
			out["phone="+p.phone] = true
		}
	}
	return out
}

func TestNoOldPairStays(t *testing.T) {
	const one, two = "+33639980001", "+33639980002"
	for name, change := range map[string]func(*Binding){"mirror": nil, "add": func(b *Binding) { b.Sync.Mode = syncs.Add }} {
		t.Run(name, func(t *testing.T) {
			w, a := newWorld(t, list, change), newAudience()
			run := func(ps ...person) {
				w.want(ps...).deliver(a, valuesOf(ps), allApplied)
				w.holds(a, valuesOf(ps))
			}
			run(ann.on(one), bob.on(two))
			run(ann.at(bob.email).on(one), bob.at(ann.email).on(two)) // they swap addresses
			run(ann.at(bob.email).on(one), bob.at(ann.email).on(two).but("policy.x"))
			run(ann.at(bob.email).on(one).but("policy.x"), bob.at(ann.email).on(two).but("policy.x"))
		})
	}
}

func TestAValueThatPassedOnIsNotForgotten(t *testing.T) {
	const one, two = "+33639980001", "+33639980002"
	unfit := func(p person) person { p.invalid = "syncs.missing_field"; return p }
	t.Run("to somebody who cannot be sent", func(t *testing.T) {
		w := newWorld(t, list, nil)
		w.want(ann.on(one), unfit(bob.on(one))).sends("add p1 email=ann@example.com phone=" + one + " name=Ann")
		w.want(ann.on(two), unfit(bob.on(one))).sends("~add p1 email=ann@example.com phone=" + two + " name=Ann")
		w.want(ann.on(two), unfit(bob.on(one))).sends()
		w.want(ann.on(two)).sends("remove p1 phone=" + one)
		w.want(ann.on(two)).sends()
	})
	t.Run("of somebody who left, to somebody who cannot be sent", func(t *testing.T) {
		w := newWorld(t, list, nil)
		w.want(ann.on(one), unfit(bob.on(one))).sends("add p1 email=ann@example.com phone=" + one + " name=Ann")
		w.want(unfit(bob.on(one))).sends("remove p1 email=ann@example.com")
		w.want().sends("remove p1 phone=" + one)
	})
	t.Run("where nobody is taken out", func(t *testing.T) {
		w := newWorld(t, list, func(b *Binding) { b.Sync.Mode = syncs.Add })
		w.want(ann.on(one)).sends("add p1 email=ann@example.com phone=" + one + " name=Ann")
		w.want(ann.on(two)).sends("~add p1 email=ann@example.com phone=" + two + " name=Ann")
		w.want(ann.on(two).but("policy.x")).sends("remove p1 email=ann@example.com forced", "remove p1 phone="+one+" forced", "remove p1 phone="+two+" forced")
	})
	t.Run("which may have been sent", func(t *testing.T) {
		w := newWorld(t, list, nil)
		w.want(ann).sends(addAnn)
		w.settle(w.want(ann.on(one)).expect("~add p1 email=ann@example.com phone="+one+" name=Ann"), syncs.InDoubt)
		w.want(ann.on(two)).sends("remove p1 phone="+one, "~add p1 email=ann@example.com phone="+two+" name=Ann doubt")
		w.sends()
	})
}

// A removal of one value takes out every row that has it, and so must spare the row of somebody
// who stays as the destination knows them.
func TestARemovalSparesThoseWhoStay(t *testing.T) {
	const one, two = "+33639980001", "+33639980002"
	for name, other := range map[string]person{"a further value": cleo.on(one), "a first value": {key: "p3", phone: one}} {
		t.Run(name, func(t *testing.T) {
			w, a := newWorld(t, list, nil), newAudience()
			run := func(ps ...person) { w.want(ps...).deliver(a, valuesOf(ps), allApplied) }
			run(ann.on(one), other)
			unfit := ann.on(two)
			unfit.invalid = "syncs.missing_field"
			run(unfit)
			if diff := gocmp.Diff([]string{"email=ann@example.com", "phone=" + one}, a.inRows()); diff != "" {
				t.Errorf("while Ann cannot be sent (-want +got):\n%s", diff)
			}
			run(ann.on(two))
			w.holds(a, valuesOf([]person{ann.on(two)}))
			w.sends()
		})
	}
}

// What only helps to match finds nobody, so no removal names it.
func TestWhatOnlyHelpsToMatchIsNotRemoved(t *testing.T) {
	obj := list
	obj.Identifiers = []destinations.Identifier{{Name: "email", AnyOf: "who"}, {Name: "phone"}}
	w := newWorld(t, obj, nil)
	w.want(ann.on("+33639980001")).sends("add p1 email=ann@example.com phone=+33639980001 name=Ann")
	w.want(ann.on("+33639980002")).sends("~add p1 email=ann@example.com phone=+33639980002 name=Ann")
	w.want().sends("remove p1 email=ann@example.com")
	w.sends()
}

func TestGuardsCountPeople(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann.on("+33639980001"), bob.on("+33639980002"), cleo.on("+33639980003")).settle(w.freeze(), syncs.Applied)
	y := w.want(bob.on("+33639980002").but("policy.x"), cleo.on("+33639980004")).freeze().Tally
	// Ann goes with two values, Bob by policy with two, and Cleo's old number goes.
	if y.Removed != 5 || y.Forced != 2 || y.Further != 1 || y.Updated != 1 {
		t.Errorf("tally %+v", y)
	}
}

// crowd is a random world of a few people and fewer values.
type crowd struct {
	r      *rand.Rand
	people []person
	next   int
	merged [][2]string
	faulty bool // some cannot be sent for a while
}

func (c *crowd) value(prefix string) string {
	if c.r.IntN(6) == 0 {
		return ""
	}
	return fmt.Sprintf("%s%d", prefix, c.r.IntN(8))
}

func (c *crowd) step() {
	if len(c.people) < 3 || c.r.IntN(3) == 0 {
		c.next++
		c.people = append(c.people, person{key: fmt.Sprintf("p%02d", c.next), email: c.value("e"), phone: c.value("+3363998000")})
		return
	}
	i, j := c.r.IntN(len(c.people)), c.r.IntN(len(c.people))
	p, q := &c.people[i], &c.people[j]
	switch c.r.IntN(9) {
	case 0:
		p.email, q.email = q.email, p.email
	case 1:
		p.phone, q.phone = q.phone, p.phone
	case 2:
		p.email = c.value("e")
	case 3:
		p.phone = c.value("+3363998000")
	case 4, 5:
		p.barred = map[bool]string{true: "policy.x"}[p.barred == ""]
	case 6:
		if p.name += "x"; c.faulty {
			p.invalid = map[bool]string{true: "syncs.missing_field"}[p.invalid == ""]
		}
	case 7: // the younger becomes part of the older, who may take over what it had
		if i == j {
			return
		}
		if p.key > q.key {
			p, q, j = q, p, i
		}
		c.merged = append(c.merged, [2]string{q.key, p.key})
		if c.r.IntN(2) == 0 {
			p.email = q.email
		}
		if c.r.IntN(2) == 0 {
			p.phone = q.phone
		}
		c.people = slices.Delete(c.people, j, j+1)
	default:
		c.people = slices.Delete(c.people, i, i+1)
	}
}

// After any sequence of runs a mirror holds exactly the values of those who are wanted, whoever
// swapped what with whom, was merged, or said no, and no removal names what somebody still has.
func TestAMirrorHoldsWhatIsWanted(t *testing.T) {
	worlds, runs := 3, 10 // one of each kind; see testMirror
	if n, err := strconv.Atoi(os.Getenv("WEIR_LEDGER_WORLDS")); err == nil {
		worlds = n
	}
	for seed := range uint64(worlds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testMirror(t, seed, runs) })
	}
}

func testMirror(t *testing.T, seed uint64, runs int) {
	c := &crowd{r: rand.New(rand.NewPCG(seed, 3)), faulty: seed%3 == 2}
	w, a := newMergingWorld(t, "list", nil), newAudience()
	lose := allApplied
	if seed%3 == 1 { // some rows get lost, are refused, or nobody knows
		lose = func(syncs.Change) syncs.Verdict {
			return []syncs.Verdict{syncs.NotTried, syncs.Rejected, syncs.InDoubt, syncs.Applied, syncs.Applied, syncs.Applied}[c.r.IntN(6)]
		}
	}
	for range runs {
		for range 1 + c.r.IntN(6) {
			c.step()
		}
		w.merges(c.merged...).want(c.people...)
		c.merged = nil
		before := a.inRows()
		forced := w.deliver(a, valuesOf(c.people), lose)
		switch seed % 3 {
		case 0:
			w.holds(a, valuesOf(c.people))
		case 2: // who cannot be sent is not removed
			after := a.inRows()
			for _, p := range placed(c.people) {
				if v := p.value(); (p.invalid == "" || slices.Contains(before, v) && forced == 0) && !slices.Contains(after, v) {
					t.Fatalf("run %d: %s is not there any more: %v, before %v", w.runs, v, after, before)
				}
			}
		}
	}
	for i := range c.people {
		c.people[i].invalid = ""
	}
	w.want(c.people...)
	for range 2 { // what was left open is sent
		if _, err := w.l.Retry(ctx, "vip", w.g); err != nil {
			t.Fatal(err)
		}
		w.deliver(a, valuesOf(c.people), allApplied)
	}
	w.holds(a, valuesOf(c.people))
	w.expect()
	if dead := w.rows("SELECT DISTINCT l.key FROM weir.ledger_vip l JOIN shop.merged m ON m.from_id = l.key"); len(dead) > 0 {
		t.Errorf("the ledger names %v, who were merged away", dead)
	}
	w.want().deliver(a, nil, allApplied)
	w.holds(a, nil)
	if n := w.rows("SELECT count(*) FROM weir.ledger_vip WHERE state <> 'absent'"); n[0] != "0" {
		t.Errorf("%s rows are left in the ledger of nobody", n[0])
	}
}
