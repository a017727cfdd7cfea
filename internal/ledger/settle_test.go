//go:build cgo && !noduckdb

package ledger

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/syncs"
)

func refused(seq int64, code string) syncs.Exception {
	return syncs.Exception{Seq: seq, Verdict: syncs.Rejected, Code: code, Reason: "no"}
}

// later makes the source plan as of a time after now.
func (w *world) later(d time.Duration) *world {
	w.b.AsOf = time.Now().UTC().Truncate(time.Microsecond).Add(d)
	w.rebind()
	return w
}

func TestVerdictsAreFoldedIn(t *testing.T) {
	w := newWorld(t, list, nil)
	ref := w.want(ann, bob, cleo, ann.as("p4").at("d@example.com"), ann.as("p5").at("e@example.com"), ann.as("p6").at("f@example.com"), ann.as("p7").at("g@example.com")).freeze()
	v := verdicts(ref, syncs.Applied, syncs.Exception{Seq: 0, Verdict: syncs.Applied, RemoteID: "r1"}, refused(1, "bad"), syncs.Exception{Seq: 2, Verdict: syncs.InDoubt})
	v.Ranges = []syncs.VerdictRange{{Lo: 0, Hi: 3, Verdict: syncs.Applied}, {Lo: 4, Hi: 5, Verdict: syncs.Taken}, {Lo: 5, Hi: 6, Verdict: syncs.Malformed}}
	c, err := w.src.Settle(ctx, w.g, ref, v)
	if err != nil {
		t.Fatal(err)
	}
	want := syncs.Counts{Added: 7, Delivered: 1, Rejected: 1, InDoubt: 1, Accepted: 1, Invalid: 1, Due: 2}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p1 sent false 1 r1 -", "p2 absent false 0 - bad", "p3 absent true 0 - -", "p5 accepted false 1 - -", "p6 absent false 0 - -"},
		w.rows("SELECT key, state, doubt, version, remote_id, code FROM weir.ledger_vip ORDER BY key")); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p1 add delivered -", "p2 add rejected bad", "p3 add in_doubt -", "p4 add due -", "p5 add accepted -", "p6 add invalid -", "p7 add due -"},
		w.rows("SELECT key, op, state, code FROM weir.deliveries WHERE run = 'run_1' ORDER BY key")); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	// F48: settling again changes nothing and gives the same counts, though the verdicts differ.
	again, err := w.src.Settle(ctx, w.g, ref, verdicts(ref, syncs.Rejected))
	if err != nil || again != c {
		t.Errorf("a second settle: %+v, %v", again, err)
	}
	if n := w.rows("SELECT count(*) FROM weir.deliveries"); n[0] != "7" {
		t.Errorf("%s deliveries", n)
	}
	for _, table := range w.rows("SELECT table_name FROM information_schema.tables WHERE starts_with(table_name, 'plan_')") {
		t.Errorf("table %s is left", table)
	}
	// What was refused waits, what is in doubt and what is due is sent; what the row was not made ready for stays invalid.
	next := w.expect("add p3 email=cleo@example.com name=Cleo doubt", "add p4 email=d@example.com name=Ann", "add p7 email=g@example.com name=Ann")
	if y := next.Tally; y.Waiting != 1 || y.Invalid != 1 || y.Unchanged != 2 || y.Ledger != 2 {
		t.Errorf("tally %+v", y)
	}
}

// A run that was settled is settled: whatever its verdicts are said to be when the answer got lost,
// its counts are the same again, and nothing changes.
func TestF48SettlingAgainChangesNothing(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob).sends(addAnn, addBob)
	ref := w.want(ann.named("Anna"), cleo).expect("remove p2 email=bob@example.com", "~add p1 email=ann@example.com name=Anna", addCleo)
	state := func() []string {
		return append(w.rows("SELECT * EXCLUDE (sent_at) FROM weir.ledger_vip ORDER BY key"), w.rows("SELECT run, key, op, state FROM weir.deliveries ORDER BY 1, 2")...)
	}
	first := w.settle(ref, syncs.Applied, syncs.Exception{Seq: 2, Verdict: syncs.InDoubt})
	is := state()
	for _, v := range []syncs.Verdict{syncs.Applied, syncs.NotTried, syncs.Rejected} {
		if again := w.settle(ref, v); again != first {
			t.Errorf("settled with %+v, and again with %+v", first, again)
		}
		if d := cmp.Diff(is, state()); d != "" {
			t.Errorf("after settling again with verdict %d (-once +twice):\n%s", v, d)
		}
	}
}

func TestF22F23InDoubtIsSentAgainThoughTheSourceWentBack(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob).sends(addAnn, addBob)
	ref := w.want(ann.named("Anna")).expect("remove p2 email=bob@example.com", "~add p1 email=ann@example.com name=Anna")
	w.settle(ref, syncs.InDoubt)
	w.want(ann, bob).sends("~add p1 email=ann@example.com name=Ann doubt", "~add p2 email=bob@example.com name=Bob doubt")
	w.sends()
}

func TestF24AnAddInDoubtOfSomebodyWhoLeft(t *testing.T) {
	w := newWorld(t, list, nil)
	w.settle(w.want(ann).expect(addAnn), syncs.InDoubt)
	w.want().sends("remove p1 email=ann@example.com doubt")
	w.sends()
}

func TestF15RefusedRowsAreTriedAgain(t *testing.T) { // SEMANTICS 35
	w := newWorld(t, list, nil)
	w.want(ann).later(0)
	for i, wait := range waits {
		w.settle(w.expect(addAnn), syncs.Rejected, refused(0, "full"))
		if ref := w.later(wait - time.Minute).expect(); ref.Tally.Waiting != 1 {
			t.Fatalf("after try %d: %+v", i+1, ref.Tally)
		}
		w.later(wait + time.Minute)
	}
	w.settle(w.expect(addAnn), syncs.Rejected, refused(0, "full"))
	if ref := w.later(1000 * time.Hour).expect(); ref.Tally.Quarantined != 1 || ref.Tally.Waiting != 0 {
		t.Fatalf("after four tries: %+v", ref.Tally)
	}
	// A changed payload is tried at once, and counts anew.
	ref := w.want(ann.named("Anna")).expect("add p1 email=ann@example.com name=Anna")
	w.settle(ref, syncs.Rejected, refused(0, "full"))
	if ref := w.later(0).expect(); ref.Tally.Waiting != 1 {
		t.Fatalf("after the change: %+v", ref.Tally)
	}
	// So is a changed mapping, and what a person asks for.
	w.b.Rows.Fingerprint = "map-2"
	w.later(0).expect("add p1 email=ann@example.com name=Anna")
	w.b.Rows.Fingerprint = "map-1"
	w.later(0).expect()
	if n, err := w.l.Retry(ctx, "vip", w.g); n != 1 || err != nil {
		t.Fatalf("retry: %d, %v", n, err)
	}
	w.expect("add p1 email=ann@example.com name=Anna")
}

func TestAPermanentRefusalIsQuarantinedAtOnce(t *testing.T) {
	w := newWorld(t, list, nil)
	ref := w.want(ann, bob).expect(addAnn, addBob)
	w.settle(ref, syncs.Applied, syncs.Exception{Seq: 1, Verdict: syncs.Rejected, Code: "dead", Permanent: true})
	if ref := w.later(1000 * time.Hour).expect(); ref.Tally.Quarantined != 1 {
		t.Fatalf("tally %+v", ref.Tally)
	}
	// A refused update leaves what the destination holds; a refused removal waits too.
	w.settle(w.want(ann.named("Anna")).expect("~add p1 email=ann@example.com name=Anna"), syncs.Rejected, refused(0, "bad"))
	w.want().later(0)
	w.settle(w.expect("remove p1 email=ann@example.com"), syncs.Rejected, refused(0, "bad"))
	if ref := w.expect(); ref.Tally.Waiting != 1 || ref.Tally.Ledger != 1 {
		t.Fatalf("tally %+v", ref.Tally)
	}
}

func TestWhatWeirKeptBackNeedsNoMemory(t *testing.T) {
	w := newWorld(t, list, nil)
	ref := w.want(ann, bob).expect(addAnn, addBob)
	c := w.settle(ref, syncs.Barred, syncs.Exception{Seq: 0, Verdict: syncs.Barred, Code: CodeSuppressed}, syncs.Exception{Seq: 1, Verdict: syncs.Barred, Code: "vendor_suppressed"})
	if c.Suppressed != 2 {
		t.Errorf("counts %+v", c)
	}
	if ref := w.expect(addAnn); ref.Tally.Quarantined != 1 {
		t.Errorf("tally %+v: what the vendor suppresses waits for a change", ref.Tally)
	}
}

func TestHarmfulRowsInDoubtWaitForAPerson(t *testing.T) { // SEMANTICS 33
	w := newWorld(t, message, appendWith("", syncs.Send))
	a, b, c := ann.as("p1:1"), bob.as("p2:1"), cleo.as("p3:1")
	w.settle(w.want(a, b, c).expect("emit p1:1 email=ann@example.com name=Ann", "emit p2:1 email=bob@example.com name=Bob", "emit p3:1 email=cleo@example.com name=Cleo"), syncs.InDoubt)
	if ref := w.expect(); ref.Tally.InDoubt != 3 {
		t.Fatalf("tally %+v", ref.Tally)
	}
	if n, err := w.src.Decide(ctx, w.g, "run_1", true, []string{"p1:1"}); n != 1 || err != nil {
		t.Fatalf("decided %d, %v", n, err)
	}
	if n, err := w.src.Decide(ctx, w.g, "run_1", false, []string{"p2:1"}); n != 1 || err != nil {
		t.Fatalf("decided %d, %v", n, err)
	}
	ref := w.sends("emit p2:1 email=bob@example.com name=Bob")
	if ref.Tally.InDoubt != 1 {
		t.Errorf("tally %+v", ref.Tally)
	}
	if n, err := w.src.Decide(ctx, w.g, "run_1", true, nil); n != 1 || err != nil {
		t.Fatalf("decided %d, %v", n, err)
	}
	w.sends()
	if diff := cmp.Diff([]string{"p1:1 delivered", "p2:1 due", "p3:1 delivered"}, w.rows("SELECT key, state FROM weir.deliveries WHERE run = 'run_1' ORDER BY key")); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

func TestF55HalfOfAChangedValue(t *testing.T) {
	before, after := ann.on("+33639980001"), ann.on("+33639980002")
	lines := []string{"remove p1 phone=+33639980001", "~add p1 email=ann@example.com phone=+33639980002 name=Ann"}
	t.Run("the removal only, and the source goes back", func(t *testing.T) {
		w := newWorld(t, list, nil)
		w.want(before).sends("add p1 email=ann@example.com phone=+33639980001 name=Ann")
		ref := w.want(after).expect(lines...)
		w.settle(ref, syncs.NotTried, syncs.Exception{Seq: 0, Verdict: syncs.Applied})
		w.want(before).sends("~add p1 email=ann@example.com phone=+33639980001 name=Ann")
		w.sends()
	})
	t.Run("the addition only", func(t *testing.T) {
		w := newWorld(t, list, nil)
		w.want(before).sends("add p1 email=ann@example.com phone=+33639980001 name=Ann")
		ref := w.want(after).expect(lines...)
		w.settle(ref, syncs.Applied, syncs.Exception{Seq: 0, Verdict: syncs.NotTried})
		w.sends("remove p1 phone=+33639980001")
		w.sends()
	})
	t.Run("the first identifier", func(t *testing.T) {
		w := newWorld(t, list, nil)
		w.want(ann).sends(addAnn)
		ref := w.want(ann.at("new@example.com")).expect("remove p1 email=ann@example.com", "add p1 email=new@example.com name=Ann")
		w.settle(ref, syncs.NotTried, syncs.Exception{Seq: 0, Verdict: syncs.Applied})
		w.want(ann).sends(addAnn)
	})
}

func TestF51F56Erasure(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob, cleo).sends(addAnn, addBob, addCleo)
	if err := w.l.Erase(ctx, []Identifier{{"email", "bob@example.com"}, {"phone", "+33639980009"}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.l.Erase(ctx, []Identifier{{"email", "bob@example.com"}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range w.rows("SELECT hash FROM weir.erasures") {
		if strings.Contains(r, "@") || len(r) != 64 {
			t.Errorf("erasures hold %q", r)
		}
	}
	if n := w.rows("SELECT count(*) FROM weir.erasures"); n[0] != "2" {
		t.Errorf("%s erasures", n)
	}
	ref := w.want(ann.named("Anna"), bob.named("Robert"), cleo.but("policy.x")).sends(
		"erase p2 email=bob@example.com forced", "remove p3 email=cleo@example.com forced", "~add p1 email=ann@example.com name=Anna")
	if ref.Forced != 2 || ref.Tally.Suppressed != 2 {
		t.Errorf("forced %d, tally %+v", ref.Forced, ref.Tally)
	}
	w.sends()
	for _, q := range []string{"SELECT count(*) FROM weir.deliveries WHERE key = 'p2'", "SELECT count(*) FROM weir.ledger_vip WHERE key = 'p2' OR id_1 LIKE 'bob%'"} {
		if n := w.rows(q); n[0] != "0" {
			t.Errorf("%s: %s", q, n)
		}
	}
}

// Two kinds of identifiers may have equal values that are two people's: only the erased kind bars,
// when a plan is made, when somebody left, and when a row is about to be sent.
func TestErasureIsOfAKind(t *testing.T) {
	kinds := func(kinds ...[]string) func(*Binding) { return func(b *Binding) { b.Kinds = kinds } }
	card := Identifier{"card", "12345"}
	t.Run("another kind", func(t *testing.T) {
		w := newWorld(t, list, kinds([]string{"customer_id"}, []string{"phone"}))
		w.want(ann.at("12345"), bob).sends("add p1 email=12345 name=Ann", addBob)
		if err := w.l.Erase(ctx, []Identifier{card}, nil); err != nil {
			t.Fatal(err)
		}
		ref := w.want(ann.at("12345").named("Anna"), bob).expect("~add p1 email=12345 name=Anna")
		w.src.(*source).page.checked = time.Time{}
		if got := w.lines(w.read(ref)); len(got) != 1 || strings.Contains(got[0], "barred") {
			t.Errorf("about to be sent: %q", got)
		}
		w.settle(ref, syncs.Applied)
		w.want(bob).sends("remove p1 email=12345") // of herself, as the guards count it
	})
	t.Run("one of several kinds", func(t *testing.T) {
		w := newWorld(t, list, kinds([]string{"customer_id", "card"}, []string{"phone"}))
		w.want(ann.at("12345"), bob).sends("add p1 email=12345 name=Ann", addBob)
		if err := w.l.Erase(ctx, []Identifier{card}, nil); err != nil {
			t.Fatal(err)
		}
		w.want(ann.at("12345"), bob).sends("erase p1 email=12345 forced")
	})
	t.Run("what names nobody", func(t *testing.T) {
		w := newWorld(t, list, kinds([]string{"email"}, nil))
		w.want(ann.on("FR"), bob.on("FR"))
		if err := w.l.Suppress(ctx, []Suppression{{Channel: "all", Identifier: Identifier{"phone", "FR"}}}); err != nil {
			t.Fatal(err)
		}
		w.sends("add p1 email=ann@example.com phone=FR name=Ann", "add p2 email=bob@example.com phone=FR name=Bob")
	})
	t.Run("a ledger of hashes", func(t *testing.T) {
		w := newWorld(t, message, appendWith("", syncs.Send))
		w.want(ann.as("p1:1")).sends("emit p1:1 email=ann@example.com name=Ann")
		for _, x := range []struct {
			kind string
			rows string
		}{{"card", "1"}, {"email", "0"}} {
			if err := w.l.Erase(ctx, []Identifier{{x.kind, ann.email}}, nil); err != nil {
				t.Fatal(err)
			}
			if n := w.rows("SELECT count(*) FROM weir.ledger_vip"); n[0] != x.rows {
				t.Errorf("erased as %s: %s rows are left", x.kind, n)
			}
		}
	})
}

func TestErasureOfAChangedAddress(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob).sends(addAnn, addBob)
	if err := w.l.Erase(ctx, []Identifier{{"email", "ann@example.com"}}, nil); err != nil {
		t.Fatal(err)
	}
	// The source has a new address that is not erased: the old one still is.
	w.want(ann.at("new@example.com"), bob).sends("erase p1 email=ann@example.com forced", "add p1 email=new@example.com name=Ann")
}

func TestSuppression(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob).sends(addAnn, addBob)
	err := w.l.Suppress(ctx, []Suppression{{Channel: "sms", Identifier: Identifier{"email", "ann@example.com"}, Source: "stop"}, {Channel: "email", Identifier: Identifier{"email", "bob@example.com"}, Source: "unsubscribe"}})
	if err != nil {
		t.Fatal(err)
	}
	w.sends("remove p2 email=bob@example.com forced")
	w.sends()
	if err := w.l.Unsuppress(ctx, "email", Identifier{"email", "bob@example.com"}); err != nil {
		t.Fatal(err)
	}
	w.sends(addBob)
	if err := w.l.Suppress(ctx, []Suppression{{Channel: "all", Identifier: Identifier{"email", "ann@example.com"}}}); err != nil {
		t.Fatal(err)
	}
	w.sends("remove p1 email=ann@example.com forced")
}

func TestF52ASuppressionBetweenPlanAndSend(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob).sends(addAnn, addBob)
	ref := w.want(ann.named("Anna"), cleo).expect("remove p2 email=bob@example.com", "~add p1 email=ann@example.com name=Anna", addCleo)
	if err := w.l.Suppress(ctx, []Suppression{{Channel: "email", Identifier: Identifier{"email", "ann@example.com"}}, {Channel: "email", Identifier: Identifier{"email", "bob@example.com"}}}); err != nil {
		t.Fatal(err)
	}
	w.src.(*source).page.checked = time.Time{} // as after two seconds
	if diff := cmp.Diff([]string{"remove p2 email=bob@example.com", "~add p1 email=ann@example.com name=Anna barred=syncs.suppressed", addCleo}, w.lines(w.read(ref))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConsentWithdrawnBeforeASavedPlanIsSent(t *testing.T) {
	w := newWorld(t, list, nil)
	ref, err := w.want(ann, bob).src.Freeze(ctx, syncs.Grant{}, "saved")
	if err != nil {
		t.Fatal(err)
	}
	w.want(ann.but("policy.x"), bob).later(time.Hour)
	g := w.acquire()
	found, ok, err := w.src.Plan(ctx, "saved")
	if err != nil || !ok || found.Hash != ref.Hash || found.Epoch != 0 {
		t.Fatalf("the saved plan: %+v, %v, %v", found, ok, err)
	}
	open, err := w.src.Open(ctx)
	if err != nil || len(open) != 0 {
		t.Fatalf("a preview is open: %v, %v", open, err)
	}
	ref, err = w.src.Freeze(ctx, g, "saved")
	if err != nil || ref.Epoch != g.Epoch || ref.Hash != found.Hash {
		t.Fatalf("publishing it: %+v, %v", ref, err)
	}
	if diff := cmp.Diff([]string{addAnn + " barred=policy.x", addBob}, w.lines(w.read(ref))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if open, err = w.src.Open(ctx); err != nil || len(open) != 1 || open[0].Run != "saved" {
		t.Errorf("open: %v, %v", open, err)
	}
}

func TestAnotherSecret(t *testing.T) {
	w := newWorld(t, list, nil)
	if err := w.want(ann).l.Erase(ctx, []Identifier{{"email", "ann@example.com"}}, nil); err != nil {
		t.Fatal(err)
	}
	var ke *KeyError
	for name, key := range map[string][]byte{"another": []byte("not the secret it was"), "none": nil} {
		w.l = New(w.w, Options{Key: key})
		w.rebind()
		if _, err := w.src.Freeze(ctx, syncs.Grant{}, "r"); !errors.As(err, &ke) {
			t.Errorf("planning with %s: %v, want *KeyError", name, err)
		}
		if err := w.l.Erase(ctx, []Identifier{{"email", "bob@example.com"}}, nil); !errors.As(err, &ke) {
			t.Errorf("erasing with %s: %v, want *KeyError", name, err)
		}
	}
}

func TestSecretKeyFile(t *testing.T) {
	path := t.TempDir() + "/.weir/secret.key"
	a, err := SecretKey(path)
	if err != nil || len(a) != 32 {
		t.Fatal(a, err)
	}
	b, err := SecretKey(path)
	if err != nil || string(a) != string(b) {
		t.Errorf("read again: %x, %v; want %x", b, err, a)
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := SecretKey(path); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a key that is none: %v", err)
	}
}

func TestJobs(t *testing.T) { // SEMANTICS 34
	w := newWorld(t, list, nil)
	d, e := person{key: "p4", email: "d@example.com"}, person{key: "p5", email: "e@example.com"}
	w.want(bob, cleo, d, e).sends(addBob, addCleo, "add p4 email=d@example.com", "add p5 email=e@example.com")
	ref := w.want(ann, bob.named("Rob"), cleo.named("Cleopatra")).expect("remove p4 email=d@example.com", "remove p5 email=e@example.com",
		"~add p2 email=bob@example.com name=Rob", "~add p3 email=cleo@example.com name=Cleopatra", addAnn)
	v := verdicts(ref, syncs.Taken)
	v.Keep = true
	if _, err := w.src.Settle(ctx, w.g, ref, v); err != nil {
		t.Fatal(err)
	}
	if got := w.read(ref); len(got) != 5 {
		t.Fatalf("the plan was not kept: %v", got)
	}
	// Nothing of the open job is planned again, though people change and leave meanwhile.
	w.want(ann, bob.named("Bobby")).expect()
	final := []syncs.Exception{refused(4, "bounce"), {Seq: 0, Verdict: syncs.Applied}, refused(1, "locked"), {Seq: 2, Verdict: syncs.Applied, RemoteID: "r2"}, refused(3, "bounce")}
	for range 2 { // the second time changes nothing
		if err := w.src.Refine(ctx, w.g, ref, final); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"p1 absent bounce 1", "p2 sent - 0", "p3 sent bounce 1", "p5 sent locked 1"},
			w.rows("SELECT key, state, code, attempts FROM weir.ledger_vip ORDER BY key")); diff != "" {
			t.Fatalf("ledger (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]string{"p1 rejected", "p2 delivered", "p3 rejected", "p4 delivered", "p5 rejected"},
		w.rows("SELECT key, state FROM weir.deliveries WHERE run = '"+ref.Run+"' ORDER BY key")); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	if err := w.src.Discard(ctx, ref); err != nil {
		t.Fatal(err)
	}
	w.want(ann, bob.named("Rob"), cleo.named("Cleopatra")).expect() // all that was refused waits
	w.later(2*time.Hour).expect("remove p5 email=e@example.com", "~add p3 email=cleo@example.com name=Cleopatra", addAnn)
}

func TestAJobThatIsGivenUp(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob).sends(addAnn, addBob)
	ref := w.want(ann.named("Anna")).expect("remove p2 email=bob@example.com", "~add p1 email=ann@example.com name=Anna")
	v := verdicts(ref, syncs.Taken)
	v.Keep = true
	if _, err := w.src.Settle(ctx, w.g, ref, v); err != nil {
		t.Fatal(err)
	}
	if err := w.src.Discard(ctx, ref); err != nil {
		t.Fatal(err)
	}
	w.sends() // accepted is final
	if got := w.rows("SELECT key, state FROM weir.ledger_vip"); len(got) != 1 || got[0] != "p1 accepted" {
		t.Errorf("ledger %v", got)
	}
}

func TestLease(t *testing.T) {
	w := newWorld(t, list, nil)
	me := syncs.Holder{Store: "store-a", Host: "here", PID: os.Getpid()}
	g, err := w.src.Acquire(ctx, me, 10*time.Minute)
	if err != nil || g.Epoch != 1 || !g.Clean || time.Until(g.Expiry) < 5*time.Minute {
		t.Fatalf("the first grant: %+v, %v", g, err)
	}
	var held *syncs.HeldError
	if _, err := w.src.Acquire(ctx, me, time.Minute); !errors.As(err, &held) || held.Holder != me || held.Sync != "vip" {
		t.Fatalf("while it is held: %v", err)
	}
	if g, err = w.src.Renew(ctx, g, time.Hour); err != nil || time.Until(g.Expiry) < 30*time.Minute {
		t.Fatalf("renewed: %+v, %v", g, err)
	}
	if err := w.src.Release(ctx, g, true); err != nil {
		t.Fatal(err)
	}
	if err := w.src.Release(ctx, g, true); err != nil { // nobody else has it
		t.Errorf("giving it up twice: %v", err)
	}
	g2, err := w.src.Acquire(ctx, me, time.Minute)
	if err != nil || g2.Epoch != 2 || !g2.Clean {
		t.Fatalf("after a clean release: %+v, %v", g2, err)
	}
	_, err = w.src.Renew(ctx, g, time.Hour)
	w.isFenced("renewing an old grant", err)
	w.isFenced("releasing an old grant", w.src.Release(ctx, g, true))
	_, err = w.src.Freeze(ctx, g, "r")
	w.isFenced("planning under an old grant", err)
	if got := w.rows("SELECT count(*) FROM weir.plans"); got[0] != "0" {
		t.Errorf("%s plans are noted", got)
	}
	ref, err := w.want(ann).src.Freeze(ctx, g2, "r2")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.src.Release(ctx, g2, false); err != nil {
		t.Fatal(err)
	}
	g3, err := w.src.Acquire(ctx, me, -time.Second) // expires at once
	if err != nil || g3.Clean {
		t.Fatalf("after a release that was not clean: %+v, %v", g3, err)
	}
	_, err = w.src.Settle(ctx, g2, ref, verdicts(ref, syncs.Applied))
	w.isFenced("settling under an old grant", err)
	g4, err := w.src.Acquire(ctx, syncs.Holder{Store: "store-a", Host: "there", PID: 1}, time.Minute)
	if err != nil || g4.Epoch != 4 || g4.Clean {
		t.Fatalf("after it expired: %+v, %v", g4, err)
	}
	if open, err := w.src.Open(ctx); err != nil || len(open) != 1 || open[0].Run != "r2" {
		t.Fatalf("open plans: %+v, %v", open, err)
	}
	if _, err := w.src.Settle(ctx, g4, ref, verdicts(ref, syncs.Applied)); err != nil {
		t.Fatalf("the newest may settle the plan of another: %v", err)
	}
}

func TestADeadHolderIsTakenOverAtOnce(t *testing.T) {
	w := newWorld(t, list, nil)
	dead := syncs.Holder{Store: "store-a", Host: "here", PID: 1 << 22} // above the largest process id
	if _, err := w.src.Acquire(ctx, dead, time.Hour); err != nil {
		t.Fatal(err)
	}
	var held *syncs.HeldError
	if _, err := w.src.Acquire(ctx, syncs.Holder{Store: "store-a", Host: "there", PID: 7}, time.Hour); !errors.As(err, &held) {
		t.Fatalf("from another host: %v", err)
	}
	g, err := w.src.Acquire(ctx, syncs.Holder{Store: "store-a", Host: "here", PID: os.Getpid()}, time.Hour)
	if err != nil || g.Clean || g.Epoch != 2 {
		t.Fatalf("from its host: %+v, %v", g, err)
	}
	// A process that has the id of a dead one is another.
	w.exec("UPDATE weir.epochs SET born = 'long ago'")
	if g, err := w.src.Acquire(ctx, syncs.Holder{Store: "store-a", Host: "here", PID: os.Getpid()}, time.Hour); err != nil || g.Epoch != 3 {
		t.Fatalf("from a process with the same id: %+v, %v", g, err)
	}
}

func TestAnUnknownStoreIsRefused(t *testing.T) { // SEMANTICS 31
	w := newWorld(t, list, nil)
	w.want(ann).freeze()
	if err := w.src.Release(ctx, w.g, false); err != nil {
		t.Fatal(err)
	}
	other := syncs.Holder{Store: "store-b", Host: "there", PID: 1}
	var ue *UnknownStoreError
	if _, err := w.src.Acquire(ctx, other, time.Minute); !errors.As(err, &ue) || ue.Open != 1 || ue.Store != "store-b" {
		t.Fatalf("got %v", err)
	}
	if err := w.l.AdoptStore(ctx, other); err != nil {
		t.Fatal(err)
	}
	if g, err := w.src.Acquire(ctx, other, time.Minute); err != nil || g.Epoch != 2 {
		t.Fatalf("adopted: %+v, %v", g, err)
	}
}

func TestF49ARestoredWarehouseIsRefused(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).sends(addAnn)
	if err := w.src.Release(ctx, w.g, true); err != nil {
		t.Fatal(err)
	}
	w.b.Epoch, w.g = 7, syncs.Grant{}
	w.rebind()
	var re *RestoredError
	if _, err := w.src.Acquire(ctx, syncs.Holder{Store: "store-a", Host: "here", PID: 1}, time.Minute); !errors.As(err, &re) || re.Have != 1 || re.Seen != 7 {
		t.Fatalf("got %v", err)
	}
	g, err := w.l.Acquire(ctx, "vip", syncs.Holder{Store: "store-a", Host: "here", PID: os.Getpid()}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if g, err = w.l.Full(ctx, "vip", g, 7); err != nil {
		t.Fatal(err)
	}
	if err := w.l.Release(ctx, g); err != nil {
		t.Fatal(err)
	}
	w.acquire()
	if w.g.Epoch != 8 {
		t.Errorf("epoch %d, want 8", w.g.Epoch)
	}
	w.sends("~add p1 email=ann@example.com name=Ann")
}

func TestReset(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).sends(addAnn)
	w.b.Sync.Into = "elsewhere"
	w.rebind()
	if err := w.src.Release(ctx, w.g, true); err == nil {
		t.Fatal("a sync that moved is not refused")
	}
	w.exec("UPDATE weir.epochs SET pid = 0")
	g, err := w.l.Acquire(ctx, "vip", syncs.Holder{Store: "store-a", Host: "here", PID: 1}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.l.Reset(ctx, "vip", g, false), w.l.Release(ctx, g)); err != nil {
		t.Fatal(err)
	}
	w.g = syncs.Grant{}
	w.rebind()
	ref := w.sends(addAnn)
	if ref.Tally.Ledger != 0 {
		t.Errorf("tally %+v", ref.Tally)
	}
}

func TestF14TheSamePlanIsGivenAgain(t *testing.T) {
	w := newWorld(t, list, nil)
	ref := w.want(ann).expect(addAnn)
	w.want(ann, bob)
	again, err := w.src.Freeze(ctx, w.g, ref.Run)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ref, again); diff != "" {
		t.Errorf("-first +second:\n%s", diff)
	}
	if got := w.rows("SELECT count(*) FROM weir.plans"); got[0] != "1" {
		t.Errorf("%s plans", got)
	}
}

func TestGarbageIsCollected(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).acquire()
	// What a process leaves that died while it made a plan, and previews that nobody fetched.
	w.exec("CREATE TABLE weir.plan_vip_dead (x INTEGER)", "CREATE TABLE weir.plan_vip_old (x INTEGER)", "CREATE TABLE weir.plan_vip_new (x INTEGER)",
		"INSERT INTO weir.plans (sync, run, epoch, state, table_name, made) VALUES ('vip', 'dead', 1, 'making', 'plan_vip_dead', now())",
		"INSERT INTO weir.plans (sync, run, epoch, state, table_name, made, tally, holds) VALUES ('vip', 'old', 0, 'preview', 'plan_vip_old', now() - INTERVAL 73 HOUR, '{}', 'null')",
		"INSERT INTO weir.plans (sync, run, epoch, state, table_name, made) VALUES ('vip', 'new', 0, 'making', 'plan_vip_new', now())")
	w.freeze()
	if diff := cmp.Diff([]string{"plan_vip_new", "plan_vip_run_1"}, w.rows("SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'plan_vip%' ORDER BY 1")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestF11AFailedPlanLeavesNothing(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).sends(addAnn)
	w.exec("DROP TABLE shop.people")
	if _, err := w.src.Freeze(ctx, w.g, "broken"); err == nil || !strings.Contains(err.Error(), "planning vip") {
		t.Fatalf("got %v", err)
	}
	if _, ok, err := w.src.Plan(ctx, "broken"); ok || err != nil {
		t.Errorf("the plan is there: %v", err)
	}
	if got := w.rows("SELECT table_name FROM information_schema.tables WHERE starts_with(table_name, 'plan_') OR starts_with(table_name, 'weir_')"); len(got) != 0 {
		t.Errorf("tables %v are left", got)
	}
}

func TestF59Preview(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann, bob)
	ref, err := w.src.Freeze(ctx, syncs.Grant{}, "look")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{addAnn, addBob}, w.lines(w.read(ref))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	real := w.freeze()
	if real.Hash != ref.Hash || real.Tally.Added != ref.Tally.Added {
		t.Errorf("preview %s and plan %s differ", ref.Hash, real.Hash)
	}
	if _, err := w.src.Settle(ctx, w.g, ref, verdicts(ref, syncs.Applied)); err == nil {
		t.Error("a preview was settled")
	}
	if err := w.src.Discard(ctx, ref); err != nil {
		t.Fatal(err)
	}
	if got := w.rows("SELECT table_name FROM information_schema.tables WHERE starts_with(table_name, 'plan_')"); fmt.Sprint(got) != "[plan_vip_run_1]" {
		t.Errorf("tables %v", got)
	}
}

func TestVersion(t *testing.T) {
	w := newWorld(t, list, nil)
	version := func() string {
		v, err := w.src.Version(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	a := version()
	ref := w.want(ann).freeze()
	if b := version(); a != b || ref.Version != a {
		t.Errorf("planning changed version %s to %s, the plan has %s", a, b, ref.Version)
	}
	w.settle(ref, syncs.Applied)
	if version() == a {
		t.Error("settling did not change the version")
	}
}

func TestVerdictsOutOfOrder(t *testing.T) {
	w := newWorld(t, list, nil)
	ref := w.want(ann, bob).freeze()
	for name, v := range map[string]syncs.Verdicts{
		"exceptions":     verdicts(ref, syncs.Applied, refused(1, "x"), refused(0, "x")),
		"beyond the end": verdicts(ref, syncs.Applied, refused(2, "x")),
		"ranges":         {Ranges: []syncs.VerdictRange{{Lo: 1, Hi: 2, Verdict: syncs.Applied}, {Lo: 0, Hi: 1, Verdict: syncs.Applied}}},
	} {
		if _, err := w.src.Settle(ctx, w.g, ref, v); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	w.settle(ref, syncs.Applied)
}

func TestF37TwoTakeTheLeaseAtOnce(t *testing.T) {
	w := newWorld(t, list, nil)
	if err := w.l.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		var wg sync.WaitGroup
		grants, errs := make([]syncs.Grant, 4), make([]error, 4)
		for i := range grants {
			wg.Go(func() {
				grants[i], errs[i] = w.l.Source(w.b).Acquire(ctx, syncs.Holder{Store: "store-a", Host: "here", PID: os.Getpid()}, time.Hour)
			})
		}
		wg.Wait()
		won := -1
		for i, err := range errs {
			var held *syncs.HeldError
			switch {
			case err == nil && won < 0:
				won = i
			case err == nil:
				t.Errorf("round %d: two have the lease: %+v and %+v", round, grants[won], grants[i])
			case !errors.As(err, &held) || held.Holder.PID != os.Getpid() || held.Holder.Store != "store-a":
				t.Errorf("round %d: %v", round, err)
			}
		}
		if won < 0 {
			t.Fatalf("round %d: nobody has the lease: %v", round, errs)
		}
		if err := w.src.Release(ctx, grants[won], true); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever renews a lease that is over keeps it, unless another has it by then: whenever between the
// other's statements that is.
func TestF37RenewedWhileItIsTaken(t *testing.T) {
	w := newWorld(t, list, nil)
	if err := w.l.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	old, other := syncs.Holder{Store: "store-a", Host: "there", PID: 7}, syncs.Holder{Store: "store-a", Host: "here", PID: os.Getpid()}
	kept, taken := 0, 0
	for at, through := 1, false; !through; at++ {
		g, err := w.src.Acquire(ctx, old, time.Nanosecond)
		if err != nil {
			t.Fatal(err)
		}
		renewed := errors.New("was not asked")
		s := &stopping{Warehouse: w.w, at: at}
		s.stop = func() {
			_, renewed = w.src.Renew(ctx, g, time.Hour)
		}
		got, err := New(s, Options{Key: []byte("a secret of sixteen bytes or more")}).Source(w.b).Acquire(ctx, other, time.Hour)
		through = s.calls < at
		var held *syncs.HeldError
		switch {
		case renewed == nil && err == nil:
			t.Fatalf("call %d: both have the lease: %+v and %+v", at, g, got)
		case renewed == nil && (!errors.As(err, &held) || held.Holder.Host != "there"):
			t.Fatalf("call %d: the other is told %v", at, err)
		case renewed != nil && err != nil:
			t.Fatalf("call %d: nobody has the lease: %v, %v", at, renewed, err)
		case renewed == nil:
			kept++
		default:
			taken, g = taken+1, got
		}
		if err := w.src.Release(ctx, g, true); err != nil {
			t.Fatal(err)
		}
	}
	if kept == 0 || taken == 0 {
		t.Errorf("kept %d times and taken %d times", kept, taken)
	}
}

func TestConsentWithdrawnAfterLeaving(t *testing.T) { // SEMANTICS 19
	w := newWorld(t, list, func(b *Binding) {
		b.Sync.Mode = syncs.Add
		// The policy speaks of everybody, the rows only of those in the segment.
		p := func(c string) rel.Expr { return rel.C("p", c) }
		b.Rows.Barred = rel.Select{Columns: []rel.Column{rel.As("key", p("key")), rel.As("barred", p("barred"))}, From: rel.Table{Name: people, Alias: "p"}, Where: notNull(p("barred"))}
		q := b.Rows.Query.(rel.Select)
		q.Where = rel.F(rel.Ne, coalesce(p("name"), rel.T("")), rel.T("left"))
		b.Rows.Query = q
	})
	w.want(ann, bob).sends(addAnn, addBob)
	w.want(ann.named("left"), bob).sends()
	w.want(ann.named("left").but("policy.x"), bob).sends("remove p1 email=ann@example.com forced")
}

func TestForget(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).sends(addAnn)
	w.want(ann, bob).sends("add p2 email=bob@example.com name=Bob")
	w.exec("UPDATE weir.runs SET \"at\" = \"at\" - interval '2' hour WHERE run = 'run_1'", "UPDATE weir.deliveries SET \"at\" = \"at\" - interval '2' hour WHERE run = 'run_1'")
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	for _, c := range []struct {
		name             string
		deliveries, runs time.Time
		want             int64
		left             []string
	}{
		{"nothing is old", ago(3 * time.Hour), ago(3 * time.Hour), 0, []string{"deliveries run_1", "deliveries run_2", "runs run_1", "runs run_2"}},
		{"nothing is asked", time.Time{}, time.Time{}, 0, []string{"deliveries run_1", "deliveries run_2", "runs run_1", "runs run_2"}},
		{"deliveries", ago(time.Hour), time.Time{}, 1, []string{"deliveries run_2", "runs run_1", "runs run_2"}},
		{"runs", time.Time{}, ago(time.Hour), 1, []string{"deliveries run_2", "runs run_2"}},
		{"all but the last run", ago(-time.Hour), ago(-time.Hour), 1, []string{"runs run_2"}},
	} {
		if n, err := w.l.Forget(ctx, c.deliveries, c.runs); n != c.want || err != nil {
			t.Errorf("%s: %d, %v; want %d", c.name, n, err, c.want)
		}
		got := w.rows("SELECT 'deliveries', run FROM weir.deliveries UNION ALL SELECT 'runs', run FROM weir.runs ORDER BY 1, 2")
		if diff := cmp.Diff(c.left, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	w.sends()
}

func TestF56ErasureOfSomebodyWhoWasWrittenTo(t *testing.T) {
	w := newWorld(t, message, appendWith("", syncs.Send))
	w.want(ann.as("p1:1"), bob.as("p2:1")).sends("emit p1:1 email=ann@example.com name=Ann", "emit p2:1 email=bob@example.com name=Bob")
	if err := w.l.Erase(ctx, []Identifier{{"email", ann.email}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"SELECT key FROM weir.ledger_vip", "SELECT key FROM weir.deliveries"} {
		if diff := cmp.Diff([]string{"p2:1"}, w.rows(q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", q, diff)
		}
	}
	w.sends()
}

func TestAMachineThatLostItsStoreGoesOn(t *testing.T) {
	w := newWorld(t, list, nil)
	w.want(ann).freeze()
	if err := w.src.Release(ctx, w.g, false); err != nil {
		t.Fatal(err)
	}
	if g, err := w.src.Acquire(ctx, syncs.Holder{Store: "store-b", Host: "here", PID: os.Getpid()}, time.Minute); err != nil || g.Epoch != 2 {
		t.Fatalf("got %+v, %v", g, err)
	}
	if open, err := w.src.Open(ctx); err != nil || len(open) != 1 {
		t.Errorf("open plans: %v, %v", open, err)
	}
}
