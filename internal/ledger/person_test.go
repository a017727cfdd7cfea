//go:build cgo && !noduckdb

package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weir-data/weir/syncs"
)

// TestPerson holds that one person's ledger rows, deliveries and bars are found, by every id that
// the person ever had, and nobody else's.
func TestPerson(t *testing.T) {
	w := newWorld(t, list, nil)
	all := []string{w.b.Sync.Name, "never_ran"}
	if p, err := w.l.Person(ctx, all, []string{"p1"}, []Identifier{{"email", ann.email}}, 9); err != nil || len(p.Told)+len(p.Deliveries)+len(p.Bars) != 0 {
		t.Fatalf("before anything was sent: %+v, %v", p, err)
	}
	w.want(ann.on("+33639980001"), bob, cleo)
	w.settle(w.freeze(), syncs.Applied, syncs.Exception{Seq: 1, Verdict: syncs.Rejected, Code: "http.bad", Reason: "no such mailbox"})
	w.want(ann.on("+33639980001").named("Anna"), bob)
	w.settle(w.freeze(), syncs.Applied)
	if err := w.l.Suppress(ctx, []Suppression{{Channel: "email", Identifier: Identifier{"email", ann.email}, Source: "unsubscribe"}, {Channel: "all", Identifier: Identifier{"email", bob.email}, Source: "complaint"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.l.Erase(ctx, []Identifier{{"phone", "+33639980001"}}, nil); err != nil {
		t.Fatal(err)
	}

	got, err := w.l.Person(ctx, all, []string{"p1", "p9"}, []Identifier{{"email", ann.email}, {"phone", "+33639980001"}}, 9)
	if err != nil {
		t.Fatal(err)
	}
	told := []Told{{Sync: w.b.Sync.Name, Key: "p1", State: "sent", IDs: [][2]string{{"email", ann.email}, {"phone", "+33639980001"}}}}
	if diff := cmp.Diff(told, got.Told, cmpopts.IgnoreFields(Told{}, "SentAt", "Run")); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if x := got.Told[0]; x.SentAt.IsZero() || x.Run == "" {
		t.Errorf("it is not said when, or by which run: %+v", x)
	}
	var log []string
	for _, d := range got.Deliveries {
		log = append(log, d.Key+" "+d.State)
	}
	if diff := cmp.Diff([]string{"p1 delivered", "p1 delivered"}, log); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	bars := []Bar{{Code: CodeErased}, {Code: CodeSuppressed, Channel: "email", Source: "unsubscribe"}}
	if diff := cmp.Diff(bars, got.Bars, cmpopts.IgnoreFields(Bar{}, "At")); diff != "" {
		t.Errorf("bars (-want +got):\n%s", diff)
	}

	if got, err = w.l.Person(ctx, all, []string{"p2", "p3"}, nil, 1); err != nil {
		t.Fatal(err)
	}
	if len(got.Told) != 1 || len(got.Deliveries) != 1 || len(got.Bars) != 0 {
		t.Fatalf("the other two: %+v", got)
	}
	if x := got.Told[0]; x.Key != "p2" || x.State != "absent" || x.Code != "http.bad" || x.Reason != "no such mailbox" || x.Attempts != 1 || x.NextTry.IsZero() {
		t.Errorf("who was refused: %+v", x)
	}
}
