//go:build cgo && !noduckdb

package ledger

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// plainList is list as a vendor that finds people by either value has it.
func plainList() destinations.Object {
	o := list
	o.Listed = true
	o.Identifiers = []destinations.Identifier{{Name: "email", AnyOf: "who", Normalise: "email.basic"}, {Name: "phone", AnyOf: "who"}}
	return o
}

// replacing is a world whose first run replaces these members.
func replacing(t *testing.T, members *[][2]any) *world {
	return newWorld(t, plainList(), func(b *Binding) {
		b.Sync.FirstRun = syncs.Replace
		b.Members = func(_ context.Context, _ destinations.Columns, yield func([]any) bool) error {
			for _, m := range *members {
				if !yield(m[:]) {
					break
				}
			}
			return nil
		}
	})
}

var memberKey = regexp.MustCompile(`member:-?\d+`)

// plans plans the next run and compares, whatever the numbers of members are.
func (w *world) plans(want ...string) syncs.PlanRef {
	w.t.Helper()
	ref := w.freeze()
	got := w.lines(w.read(ref))
	for i := range got {
		got[i] = memberKey.ReplaceAllString(got[i], "member")
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
		w.t.Fatalf("plan of %s (-want +got):\n%s", ref.Run, diff)
	}
	return ref
}

func TestFirstRunReplaces(t *testing.T) { // SEMANTICS 23
	none := destinations.Absent
	members := [][2]any{
		{ann.email, none}, {none, "+33639980002"}, // Ann, and Bob by his number alone
		{"x@example.com", "+33639980077"}, {"y@example.com", none}, {"z@example.com", none}, {none, "+33639980088"},
		{none, none}, // whom nothing names
	}
	w := replacing(t, &members)
	all := person{key: "p2", email: bob.email, phone: "+33639980002", name: "Bob"}
	w.want(ann, all, person{key: "p3", email: "y@example.com", barred: "policy.consent"})
	strangers := []string{"remove member email=x@example.com", "remove member phone=+33639980077", "remove member email=z@example.com", "remove member phone=+33639980088"}
	consent, bobs := "remove member email=y@example.com forced", "add p2 email=bob@example.com phone=+33639980002 name=Bob"
	whole := append([]string{consent, addAnn, bobs}, strangers...)

	// A plan that is held, or only looked at, leaves nothing behind.
	for range 2 {
		ref := w.plans(whole...)
		if len(ref.Holds) != 1 || ref.Holds[0].Code != HoldReplace || !strings.Contains(ref.Holds[0].What, "of 7 members 4 are taken out; 1 have none") {
			t.Errorf("holds: %+v", ref.Holds)
		}
		if y := ref.Tally; y.Ledger != 0 || y.Removed != 5 || y.Forced != 1 || y.Further != 1 || y.Replaced != 3 {
			t.Errorf("tally: %+v", y)
		}
		if err := w.src.Discard(ctx, ref); err != nil {
			t.Fatal(err)
		}
		if got := w.rows("SELECT count(*) FROM weir.ledger_vip"); got[0] != "0" {
			t.Errorf("%s rows of the ledger before the first run", got[0])
		}
	}

	// What policies forbid goes out though the plan is held. The next run is the first all the same.
	ref := w.plans(whole...)
	held := verdicts(ref, syncs.Applied)
	held.Ranges = []syncs.VerdictRange{{Lo: 0, Hi: ref.Forced, Verdict: syncs.Applied}}
	if c, err := w.src.Settle(ctx, w.g, ref, held); err != nil || c.Delivered != 1 || c.Due != 6 {
		t.Fatalf("held: %+v, %v", c, err)
	}
	members = slices.Delete(members, 3, 4)
	w.rebind()
	whole = slices.DeleteFunc(whole, func(line string) bool { return line == consent })

	// Half of it is sent: one is refused, one is in doubt, two were not tried.
	ref = w.plans(whole...)
	if len(ref.Holds) != 1 {
		t.Errorf("holds of a first run after one that was held: %+v", ref.Holds)
	}
	var refused, doubted int64
	var untried []syncs.Exception
	for _, c := range w.read(ref) {
		switch c.IDs[0] {
		case "x@example.com":
			refused = c.Seq
		case "z@example.com":
			doubted = c.Seq
		}
		if c.IDs[1] == "+33639980088" || c.Key == "p2" {
			untried = append(untried, syncs.Exception{Seq: c.Seq, Verdict: syncs.NotTried})
		}
	}
	but := append(untried, syncs.Exception{Seq: refused, Verdict: syncs.Rejected, Code: "busy"}, syncs.Exception{Seq: doubted, Verdict: syncs.InDoubt})
	slices.SortFunc(but, func(a, b syncs.Exception) int { return int(a.Seq - b.Seq) })
	w.settle(ref, syncs.Applied, but...)

	// Who is left is due, whatever the members are by now: they are not read again.
	members = [][2]any{{"new@example.com", none}}
	ref = w.plans(bobs, "remove member phone=+33639980088", "remove member email=z@example.com doubt")
	if len(ref.Holds) != 0 || ref.Tally.Replaced != 0 {
		t.Errorf("the second run: %+v, %+v", ref.Holds, ref.Tally)
	}
	w.settle(ref, syncs.Applied)
	w.b.AsOf = time.Now().Add(48 * time.Hour) // refusals count from the real clock
	w.rebind()
	w.plans("remove member email=x@example.com")
}

// Nobody is asked where the target sends nothing, where a reset said to adopt, or once it started.
func TestFirstRunReplacesNobody(t *testing.T) {
	asked := 0
	w := newWorld(t, plainList(), func(b *Binding) { b.Sync.FirstRun = syncs.Replace })
	if ref := w.want(ann).plans(addAnn); len(ref.Holds) != 1 || !strings.Contains(ref.Holds[0].What, "was not read") {
		t.Errorf("holds: %+v", ref.Holds)
	}
	w.b.Members = func(context.Context, destinations.Columns, func([]any) bool) error { asked++; return nil }
	if err := w.reset(true); err != nil {
		t.Fatal(err)
	}
	w.sends(addAnn)
	w.sends()
	if asked != 0 {
		t.Errorf("members were read %d times", asked)
	}
}

// Somebody who was erased is erased where a first run finds them.
func TestFirstRunReplacesTheErased(t *testing.T) {
	members := [][2]any{{"x@example.com", destinations.Absent}}
	w := replacing(t, &members)
	if err := w.l.Erase(ctx, []Identifier{{"email", "x@example.com"}}, nil); err != nil {
		t.Fatal(err)
	}
	w.want(ann).plans("erase member email=x@example.com forced", addAnn)
}

// A member has many forms at a vendor; who is wanted is known by what is sent for them.
func TestFirstRunKnowsWhoIsWanted(t *testing.T) {
	members := [][2]any{{"dora@example.com", destinations.Absent}}
	w := replacing(t, &members)
	w.want(person{key: "p4", email: "Dora@Example.com", name: "Dora"}).plans("add p4 email=Dora@Example.com name=Dora")
}
