//go:build cgo && !noduckdb

package ledger

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

// verify compares the ledger with members, each given by address and number.
func (w *world) verify(fix bool, members ...[2]any) (*Drift, error) {
	v := Verifying{Sync: "vip", Object: hashedList(), Account: w.b.Account, Into: w.b.Sync.Into,
		Members: func(_ context.Context, columns destinations.Columns, yield func([]any) bool) error {
			if want := []string{"email", "phone"}; !slices.Equal(columns.IDs, want) {
				w.t.Errorf("asked for %v", columns.IDs)
			}
			for _, m := range members {
				if !yield(m[:]) {
					return nil
				}
			}
			return nil
		}}
	if fix {
		v.Leased = func(_ context.Context, f func(syncs.Grant) error) error { return f(w.acquire()) }
	}
	return w.l.Verify(ctx, v)
}

// hashedList is list as a vendor that is sent hashes of addresses has it.
func hashedList() destinations.Object {
	o := list
	o.Identifiers = []destinations.Identifier{{Name: "email", AnyOf: "who", Normalise: "email.basic", Hash: "sha256.hex"}, {Name: "phone", AnyOf: "who"}}
	return o
}

func hashed(t *testing.T, email string) any {
	t.Helper()
	h, err := destinations.Prepare(hashedList().Identifiers[0], email)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestVerify(t *testing.T) {
	w := newWorld(t, hashedList(), nil)
	none := destinations.Absent
	if d, err := w.verify(false); err != nil || d.Told != 0 {
		t.Fatalf("before it ran: %+v, %v", d, err)
	}
	dora := person{key: "p4", email: "Dora@Example.com", phone: "+33639980004", name: "Dora"}
	ref := w.want(ann, bob, cleo, dora).freeze()
	w.settle(ref, syncs.Applied, syncs.Exception{Seq: 1, Verdict: syncs.Rejected, Code: "full", Reason: "list is full"}, syncs.Exception{Seq: 2, Verdict: syncs.InDoubt})
	// Ann is there by her hashed address; Dora by her number alone, and then not at all.
	for name, c := range map[string]struct {
		members [][2]any
		want    Drift
	}{
		"all are there": {[][2]any{{hashed(t, ann.email), none}, {none, "+33639980004"}}, Drift{Told: 2, There: 2, InDoubt: 1}},
		"one is missing, two are extra": {[][2]any{{hashed(t, ann.email), "+33639980099"}, {hashed(t, "x@example.com"), none}, {"b", nil}},
			Drift{Told: 2, There: 3, Missing: 1, Extra: 2, InDoubt: 1, Keys: []string{"p4"}}},
		"a plain address is not its hash": {[][2]any{{ann.email, none}}, Drift{Told: 2, There: 1, Missing: 2, Extra: 1, InDoubt: 1, Keys: []string{"p1", "p4"}}},
		"those refused and in doubt are known": {[][2]any{{hashed(t, ann.email), none}, {hashed(t, bob.email), none}, {hashed(t, cleo.email), none}, {none, "+33639980004"}},
			Drift{Told: 2, There: 4, InDoubt: 1}},
	} {
		d, err := w.verify(false, c.members...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := int64(len(d.Strangers)); n != c.want.Extra {
			t.Errorf("%s: a sample of %d", name, n)
		}
		d.Strangers = nil
		if diff := cmp.Diff(&c.want, d); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestVerifyMends(t *testing.T) {
	w := newWorld(t, hashedList(), nil)
	w.want(ann, bob, cleo).sends(addAnn, addBob, addCleo)
	there := [2]any{hashed(t, ann.email), destinations.Absent}
	w.want(ann, bob) // cleo left meanwhile
	d, err := w.verify(true, there)
	if err != nil || d.Missing != 2 || d.Due != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	// The next run adds who is still wanted, and takes nobody out who is not there.
	w.sends(addBob)
	if d, err = w.verify(true, there, [2]any{hashed(t, bob.email), nil}); err != nil || d.Missing != 0 || d.Due != 0 {
		t.Errorf("after it: %+v, %v", d, err)
	}
}

func TestVerifyTellsJobsApart(t *testing.T) {
	w := newWorld(t, hashedList(), nil)
	ref := w.want(ann).freeze()
	v := verdicts(ref, syncs.Taken)
	v.Keep = true
	if _, err := w.src.Settle(ctx, w.g, ref, v); err != nil {
		t.Fatal(err)
	}
	if d, err := w.verify(true); err != nil || d.Pending != 1 || d.Told != 0 || d.Missing != 0 || d.Due != 0 {
		t.Errorf("while its job is open: %+v, %v", d, err)
	}
	w = newWorld(t, hashedList(), nil)
	w.settle(w.want(ann).freeze(), syncs.Taken)
	if d, err := w.verify(false); err != nil || d.Pending != 0 || d.Missing != 1 || d.Unconfirmed != 1 {
		t.Errorf("taken, without a job: %+v, %v", d, err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	w := newWorld(t, hashedList(), nil)
	w.want(ann).sends(addAnn)
	v := Verifying{Sync: "vip", Object: hashedList(), Account: w.b.Account, Into: "Elsewhere",
		Members: func(context.Context, destinations.Columns, func([]any) bool) error {
			t.Error("another place was read")
			return nil
		}}
	var bound *BoundError
	if _, err := w.l.Verify(ctx, v); !errors.As(err, &bound) {
		t.Errorf("another place: %v", err)
	}
	v.Into = w.b.Sync.Into
	v.Members = func(context.Context, destinations.Columns, func([]any) bool) error {
		w.want(ann, bob).sends(addBob) // a run meanwhile
		return nil
	}
	if _, err := w.l.Verify(ctx, v); !errors.Is(err, ErrMoved) {
		t.Errorf("a run meanwhile: %v", err)
	}
	broken := errors.New("broken")
	v.Members = func(context.Context, destinations.Columns, func([]any) bool) error { return broken }
	if _, err := w.l.Verify(ctx, v); !errors.Is(err, broken) {
		t.Errorf("half of a list: %v", err)
	}
}
