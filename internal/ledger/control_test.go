//go:build cgo && !noduckdb

package ledger

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/syncs"
)

func TestPauses(t *testing.T) {
	w := newWorld(t, list, nil)
	if p, err := w.l.Paused(ctx); err != nil || len(p) != 0 {
		t.Fatalf("before there is anything: %v, %v", p, err)
	}
	if err := errors.Join(w.l.Pause(ctx, "vip", "eve", "holiday"), w.l.Pause(ctx, "other", "eve", "")); err != nil {
		t.Fatal(err)
	}
	first, err := w.l.Paused(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.l.Pause(ctx, "vip", "tom", "longer"); err != nil {
		t.Fatal(err)
	}
	second, err := w.l.Paused(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Pause{"vip": {Since: first["vip"].Since, By: "tom", Reason: "longer"}, "other": first["other"]}
	if diff := cmp.Diff(want, second); diff != "" || first["vip"].Reason != "holiday" || first["vip"].Since.IsZero() {
		t.Errorf("-want +got:\n%s\nfirst %+v", diff, first)
	}
	for i, want := range []bool{true, false} {
		if was, err := w.l.Resume(ctx, "vip"); err != nil || was != want {
			t.Errorf("resume %d: %v, %v; want %v", i+1, was, err, want)
		}
	}
	if p, err := w.l.Paused(ctx); err != nil || len(p) != 1 || p["other"].By != "eve" {
		t.Errorf("after resuming one of two: %v, %v", p, err)
	}
	// A reset leaves a pause as it is.
	if err := errors.Join(w.l.Pause(ctx, "vip", "eve", "why"), w.reset(true)); err != nil {
		t.Fatal(err)
	}
	if p, err := w.l.Paused(ctx); err != nil || p["vip"].Reason != "why" {
		t.Errorf("after a reset: %v, %v", p, err)
	}
}

func TestWhoRuns(t *testing.T) {
	w := newWorld(t, list, nil)
	asks := syncs.Holder{Store: "store-a", Host: "here", PID: 1}
	if held, err := w.l.Running(ctx, "vip", asks); err != nil || held != nil {
		t.Fatalf("before anything: %v, %v", held, err)
	}
	w.acquire()
	held, err := w.l.Running(ctx, "vip", asks)
	if err != nil || held == nil || held.Holder.PID != os.Getpid() || !held.Until.Equal(w.g.Expiry) {
		t.Fatalf("while it is held: %+v, %v", held, err)
	}
	if err := w.src.Release(ctx, w.g, true); err != nil {
		t.Fatal(err)
	}
	if held, err := w.l.Running(ctx, "vip", asks); err != nil || held != nil {
		t.Errorf("after it was given up: %+v, %v", held, err)
	}
}

// reset resets the sync as a person does, and gives the world a lease of its own again.
func (w *world) reset(adopt bool) error {
	h := syncs.Holder{Store: w.store, Host: "here", PID: os.Getpid()}
	if w.g.Epoch > 0 {
		if err := w.src.Release(ctx, w.g, true); err != nil {
			return err
		}
	}
	g, err := w.l.Acquire(ctx, "vip", h, time.Minute)
	if err != nil {
		return err
	}
	err = errors.Join(w.l.Reset(ctx, "vip", g, adopt), w.l.Release(ctx, g))
	w.g = syncs.Grant{}
	w.rebind()
	return err
}

func TestResetForgetsAndAdopts(t *testing.T) { // SEMANTICS 23, 24
	// A mirror that replaces who is there is held at its first run; one that adopts is not.
	w := newWorld(t, list, func(b *Binding) { b.Sync.FirstRun = syncs.Replace })
	for _, adopt := range []bool{false, true, false} {
		if err := w.want(ann).reset(adopt); err != nil {
			t.Fatal(err)
		}
		ref := w.expect(addAnn)
		if held := len(ref.Holds) > 0; held == adopt {
			t.Errorf("adopt %v: holds %+v", adopt, ref.Holds)
		}
		w.settle(ref, syncs.Applied)
		w.sends()
	}
	// Messages go to nobody who is in already.
	w = newWorld(t, message, appendWith("never", syncs.Send))
	w.want(ann.as("p1:1")).sends("emit p1:1 email=ann@example.com name=Ann")
	if err := w.reset(true); err != nil {
		t.Fatal(err)
	}
	w.sends()
	w.want(ann.as("p1:1"), bob.as("p2:1")).sends("emit p2:1 email=bob@example.com name=Bob")
	if err := w.reset(false); err != nil {
		t.Fatal(err)
	}
	w.sends("emit p1:1 email=ann@example.com name=Ann", "emit p2:1 email=bob@example.com name=Bob")
}

func TestResetGivesUpOpenPlans(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).expect(addAnn)
	if err := w.reset(false); err != nil {
		t.Fatal(err)
	}
	w.acquire()
	if open, err := w.src.Open(ctx); err != nil || len(open) != 0 {
		t.Fatalf("open plans after a reset: %+v, %v", open, err)
	}
	w.sends(addAnn)
	if got := w.rows("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'weir' AND table_name LIKE 'plan!_%' ESCAPE '!'"); got[0] != "0" {
		t.Errorf("%s tables of plans are left over", got[0])
	}
}

func TestRefused(t *testing.T) {
	w := newWorld(t, list, nil)
	read := func() (out []Refusal) {
		t.Helper()
		if err := w.l.Refused(ctx, "vip", func(r Refusal) error { out = append(out, r); return nil }); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := read(); got != nil {
		t.Fatalf("before it ran: %+v", got)
	}
	ref := w.want(ann, bob, cleo).expect(addAnn, addBob, addCleo)
	w.settle(ref, syncs.Applied, syncs.Exception{Seq: 0, Verdict: syncs.Rejected, Code: "full", Reason: "list is full"},
		syncs.Exception{Seq: 1, Verdict: syncs.Rejected, Code: "full", Reason: "list is full"},
		syncs.Exception{Seq: 2, Verdict: syncs.Rejected, Code: "dead", Reason: "no such box", Permanent: true})
	got := map[string]Refusal{}
	for _, r := range read() {
		got[r.Code] = r
	}
	full, dead := got["full"], got["dead"]
	if diff := cmp.Diff([]string{"p1", "p2"}, full.Keys); diff != "" || full.Rows != 2 || full.Reason != "list is full" || full.Quarantined || full.First.IsZero() || !full.Next.Equal(full.First.Add(time.Hour)) {
		t.Errorf("full: %+v\n%s", full, diff)
	}
	if diff := cmp.Diff([]string{"p3"}, dead.Keys); diff != "" || dead.Rows != 1 || !dead.Quarantined || !dead.Next.IsZero() || dead.Last.IsZero() {
		t.Errorf("dead: %+v\n%s", dead, diff)
	}
	if n, err := w.l.Retry(ctx, "vip", w.g); n != 3 || err != nil {
		t.Fatalf("retry: %d, %v", n, err)
	}
	if got := read(); got != nil {
		t.Errorf("what is due again is still refused: %+v", got)
	}
	w.sends(addAnn, addBob, addCleo)
	if got := read(); got != nil {
		t.Errorf("what was taken since: %+v", got)
	}
}
