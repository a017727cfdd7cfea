//go:build cgo && !noduckdb

package ledger

import (
	"slices"
	"testing"
	"time"

	"github.com/weir-data/weir/syncs"
)

// newCappedWorld is a world of two syncs that append: vip, and news, whose deliveries are written
// by hand. A profile gets at most max messages of both in a week.
func newCappedWorld(t *testing.T, most int) *world {
	return newMergingWorld(t, "message", func(b *Binding) {
		appendWith("on_reentry", syncs.Send)(b)
		b.Caps = []Cap{{Code: "policy.seldom", Syncs: []string{"vip", "news"}, Max: most, Since: b.AsOf.Add(-7 * 24 * time.Hour)}}
	})
}

// told writes that another sync sent something.
func (w *world) told(key, state string, at time.Time) {
	w.t.Helper()
	w.exec("INSERT INTO weir.deliveries (run, sync, key, op, state, \"at\") VALUES ('n1', 'news', '" + key + "', 'emit', '" + state + "', '" + at.Format(time.RFC3339) + "')")
}

const emitAnn, emitBob = "emit p1:1 email=ann@example.com name=Ann", "emit p2:1 email=bob@example.com name=Bob"

func TestACapKeepsMessagesBack(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		told  func(*world)
		sends []string
	}{
		"nothing was sent": {func(*world) {}, []string{emitAnn, emitBob}},
		"as many as are allowed": {func(w *world) {
			w.told("p1:1", "delivered", noon.Add(-day))
			w.told("p1:2", "accepted", noon.Add(-day))
		}, []string{emitBob}},
		"one fewer":                        {func(w *world) { w.told("p1:1", "delivered", noon.Add(-day)) }, []string{emitAnn, emitBob}},
		"what may have been sent counts":   {func(w *world) { w.told("p1:1", "in_doubt", noon.Add(-day)); w.told("p1:2", "in_doubt", noon.Add(-day)) }, []string{emitBob}},
		"what was not sent does not":       {func(w *world) { w.told("p1:1", "rejected", noon.Add(-day)); w.told("p1:2", "due", noon.Add(-day)) }, []string{emitAnn, emitBob}},
		"the beginning of the time counts": {func(w *world) { w.told("p1:1", "delivered", noon.Add(-7*day)); w.told("p1:2", "delivered", noon) }, []string{emitBob}},
		"what is older does not": {func(w *world) {
			w.told("p1:1", "delivered", noon.Add(-7*day-time.Second))
			w.told("p1:2", "delivered", noon)
		}, []string{emitAnn, emitBob}},
		"another's messages do not": {func(w *world) { w.told("p11:1", "delivered", noon); w.told("p11:2", "delivered", noon) }, []string{emitAnn, emitBob}},
		"what was sent to a profile that is part of this one now does": {func(w *world) {
			w.merges([2]string{"p9", "p8"}, [2]string{"p8", "p1"})
			w.told("p9:1", "delivered", noon)
			w.told("p1:1", "delivered", noon)
		}, []string{emitBob}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCappedWorld(t, 2)
			w.sends() // the tables are there
			c.told(w)
			ref := w.want(ann.as("p1:1"), bob.as("p2:1")).sends(c.sends...)
			if kept := int64(2 - len(c.sends)); ref.Tally.Suppressed != kept {
				t.Errorf("%d suppressed, want %d", ref.Tally.Suppressed, kept)
			}
		})
	}
}

// A message that was kept back goes when the cap lets it, and what the sync itself sent counts.
func TestACapLetsGoLater(t *testing.T) {
	w := newCappedWorld(t, 1)
	w.b.AsOf = time.Now().UTC()
	w.b.Caps[0].Since = w.b.AsOf.Add(-7 * 24 * time.Hour)
	w.rebind()
	w.want(ann.as("p1:1")).sends(emitAnn)
	if ref := w.want(ann.as("p1:1")).sends(); ref.Tally.Unchanged != 1 || ref.Tally.Suppressed != 0 {
		t.Errorf("tally %+v: what was sent is done with, not suppressed", ref.Tally)
	}
	w.want().sends()
	again := ann.as("p1:2")
	if ref := w.want(again).sends(); ref.Tally.Suppressed != 1 {
		t.Errorf("%d suppressed, want 1", ref.Tally.Suppressed)
	}
	w.b.AsOf = w.b.AsOf.Add(8 * 24 * time.Hour)
	w.b.Caps[0].Since = w.b.Caps[0].Since.Add(8 * 24 * time.Hour)
	w.rebind()
	w.want(again).sends("emit p1:2 email=ann@example.com name=Ann")
}

// Another sync may send between the plan and its sending.
func TestACapIsAskedAgainWhenAPlanIsSent(t *testing.T) {
	w := newCappedWorld(t, 1)
	ref := w.want(ann.as("p1:1"), bob.as("p2:1")).freeze()
	w.told("p1:1", "delivered", noon)
	got := w.lines(w.read(ref))
	want := []string{emitAnn + " barred=policy.seldom", emitBob}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
