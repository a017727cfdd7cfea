//go:build cgo && !noduckdb

package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

// knownProfiles makes a table of profiles and its query.
func knownProfiles(w *world, ids ...string) rel.Query {
	w.exec("DROP TABLE IF EXISTS shop.known", "CREATE TABLE shop.known (profile_id VARCHAR)")
	for _, id := range ids {
		w.exec("INSERT INTO shop.known VALUES ('" + id + "')")
	}
	return rel.Select{Columns: []rel.Column{rel.As("profile_id", rel.C("k", "profile_id"))}, From: rel.Table{Name: rel.Name{"shop", "known"}, Alias: "k"}}
}

func TestASavedPlanNamesKnownProfiles(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).sends(addAnn)
	// Ann changed, Bob and Cleo are new; no build has Cleo yet.
	w.b.Known = knownProfiles(w, "p1", "p2")
	w.rebind()
	ref, err := w.want(ann.named("Anna"), bob, cleo).src.Freeze(ctx, syncs.Grant{}, "saved")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"~add p1 email=ann@example.com name=Anna", addBob}, w.lines(w.read(ref))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if y := ref.Tally; y.Added != 1 || y.Updated != 1 || y.Unbuilt != 1 || y.Unchanged != 0 || y.Desired != 3 {
		t.Errorf("tally %+v", y)
	}
	// When it is sent, Bob is nobody any more: who he is part of now may not want this.
	w.b.Known = knownProfiles(w, "p1", "p3")
	w.later(time.Hour)
	g := w.acquire()
	if ref, err = w.src.Freeze(ctx, g, "saved"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"~add p1 email=ann@example.com name=Anna", addBob + " barred=" + CodeNobody}, w.lines(w.read(ref))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestKeptPlans(t *testing.T) {
	w := newWorld(t, list, nil)
	freeze := func(run string) syncs.PlanRef {
		t.Helper()
		ref, err := w.src.Freeze(ctx, syncs.Grant{}, run)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	now := func() time.Time {
		var at time.Time
		s, err := w.w.Session(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if at, err = s.Now(ctx); err != nil {
			t.Fatal(err)
		}
		return at
	}
	keep := func(made time.Time, plan, run, kind string) {
		t.Helper()
		if err := w.l.Keep(ctx, made, Kept{Plan: plan, Sync: "vip", Run: run, Kind: kind, Origin: "held-" + run, Asked: "ann", About: `{"n": 1}`}); err != nil {
			t.Fatal(err)
		}
	}
	states := func() string {
		t.Helper()
		ks, err := w.l.Kept(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, k := range ks {
			out = append(out, k.Run+" "+k.State)
		}
		return strings.Join(out, ", ")
	}
	want := func(want string) {
		t.Helper()
		if got := states(); got != want {
			t.Errorf("kept: %s; want %s", got, want)
		}
	}
	if ks, err := w.l.Kept(ctx); err != nil || len(ks) != 0 {
		t.Fatalf("at first: %v, %v", ks, err)
	}
	w.want(ann, bob)
	ref := freeze("one")
	made := now()
	keep(made, "plan_a", "one", KindSaved)
	keep(made, "plan_b", "two", KindHeld) // whose table somebody has dropped
	want("one ready, two gone")
	ks, _ := w.l.Kept(ctx)
	if k := ks[0]; k.Hash != ref.Hash || k.Version != ref.Version || k.Plan != "plan_a" || k.Kind != KindSaved || k.Asked != "ann" || k.About != `{"n": 1}` || !k.Ends.Equal(k.Made.Add(72*time.Hour)) {
		t.Errorf("kept %+v, of %+v", k, ref)
	}
	version, run, _, err := w.l.Moved(ctx, "vip", made)
	if err != nil || version != ref.Version || run != "" {
		t.Errorf("before a run: %q, %q, %v", version, run, err)
	}

	// It is begun, then settled.
	g := w.acquire()
	if ref, err = w.src.Freeze(ctx, g, "one"); err != nil {
		t.Fatal(err)
	}
	want("one begun, two gone")
	if err := w.l.Drop(ctx, func(Kept) bool { return true }); err != nil { // what is being sent stays
		t.Fatal(err)
	}
	want("one begun, two gone")
	if _, err := w.src.Settle(ctx, g, ref, verdicts(ref, syncs.Applied)); err != nil {
		t.Fatal(err)
	}
	want("one sent, two gone")
	version, run, at, err := w.l.Moved(ctx, "vip", made)
	if err != nil || version == ref.Version || run != "one" || at.Before(made) {
		t.Errorf("after a run: %q, %q at %s, %v", version, run, at, err)
	}

	// Those that nobody wants any more go with their tables; those that ended are forgotten.
	w.want(ann)
	freeze("three")
	freeze("four")
	keep(now(), "plan_c", "three", KindHeld)
	keep(now().Add(-KeptFor-time.Minute), "plan_d", "four", KindSaved)
	tables := func() string {
		return strings.Join(w.rows("SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'plan_vip%' ORDER BY 1"), " ")
	}
	if got := tables(); got != "plan_vip_four plan_vip_three" {
		t.Errorf("tables %s", got)
	}
	if err := w.l.Drop(ctx, func(k Kept) bool { return k.Kind == KindSaved }); err != nil {
		t.Fatal(err)
	}
	want("one sent, two gone, three ready")
	if got := tables(); got != "plan_vip_three" {
		t.Errorf("tables %s", got)
	}
	if err := w.l.Drop(ctx, func(k Kept) bool { return k.Kind == KindHeld && k.Sync == "vip" }); err != nil {
		t.Fatal(err)
	}
	if got := tables() + "|" + states(); got != "|one sent, two gone" {
		t.Errorf("tables and states %s", got)
	}
}
