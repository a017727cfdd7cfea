package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestToldIsKept records what was told, over a restart, and forgets it.
func TestToldIsKept(t *testing.T) {
	ctx, place := t.Context(), newPlace(t)
	at := time.Date(2026, 6, 1, 12, 0, 0, 1000, time.UTC)
	s := place.open(t)
	if err := s.Tell(ctx, []Told{
		{"ops", "b", "status", "failed", at}, {"ops", "a", "size", "grew", at}, {"mail", "b", "status", "held", at}, {"ops", "b", "status", "held", at.Add(time.Hour)},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = place.open(t)
	want := []Told{{"mail", "b", "status", "held", at}, {"ops", "a", "size", "grew", at}, {"ops", "b", "status", "held", at.Add(time.Hour)}}
	got, err := s.Told(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := s.Tell(ctx, []Told{{"ops", "b", "status", "", at}, {"ops", "c", "status", "", at}}); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Told(ctx); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want[:2], got); d != "" {
		t.Errorf("after it is well (-want +got):\n%s", d)
	}
}
