package schedule

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestF40CronOverClockChanges(t *testing.T) {
	for _, c := range []struct {
		zone, cron, from string
		want             []string
	}{
		{"Europe/Paris", "30 2 * * *", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"Europe/Paris", "*/30 * * * *", "2026-03-29T00:15:00Z", []string{"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
		{"Europe/Paris", "30 2 * * *", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"Europe/Paris", "30 2 * * *", "2026-10-25T01:10:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"America/New_York", "30 2 * * *", "2026-03-08T05:00:00Z", []string{"2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}},
		{"America/New_York", "30 1 * * *", "2026-11-01T04:00:00Z", []string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		{"America/New_York", "0 * * * *", "2026-11-01T04:30:00Z", []string{"2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z"}},
		{"UTC", "0 0 29 2 *", "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z"}},
	} {
		s, err := Cron(c.cron, zone(t, c.zone))
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range c.want {
			at = s.Next(at)
			got = append(got, at.UTC().Format(time.RFC3339))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s in %s (-want +got):\n%s", c.cron, c.zone, d)
		}
	}
}

// TestYear runs a daily schedule in every hour, in virtual time, over both changes of the clock:
// each runs once on each of 365 days.
func TestYear(t *testing.T) {
	for _, name := range []string{"Europe/Paris", "America/New_York"} {
		synctest.Test(t, func(t *testing.T) {
			z := zone(t, name)
			var entries []Entry
			for h := range 24 {
				s, err := Cron(fmt.Sprintf("30 %d * * *", h), z)
				if err != nil {
					t.Fatal(err)
				}
				entries = append(entries, Entry{Sync: fmt.Sprintf("at_%02d", h), Slots: s})
			}
			days := map[string]map[string]int{}
			runFor(t, entries, 365*24*time.Hour, func(due []Due) {
				for _, d := range due {
					if days[d.Sync] == nil {
						days[d.Sync] = map[string]int{}
					}
					days[d.Sync][d.Slot.In(z).Format(time.DateOnly)]++
				}
			})
			for _, e := range entries {
				if len(days[e.Sync]) != 365 {
					t.Errorf("%s in %s ran on %d days", e.Sync, name, len(days[e.Sync]))
				}
				for day, n := range days[e.Sync] {
					if n != 1 {
						t.Errorf("%s in %s ran %d times on %s", e.Sync, name, n, day)
					}
				}
			}
		})
	}
}

// runFor runs a loop for a time whose groups take a millisecond. That no goroutine is left behind
// is judged by synctest.
func runFor(t *testing.T, entries []Entry, length time.Duration, group func([]Due)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	Run(ctx, NewBook(entries, nil, 0, time.Now()), Work{
		Take: func(context.Context, []Due) error { return nil },
		Group: func(due []Due) func(context.Context, func(string, bool)) {
			return func(_ context.Context, ended func(string, bool)) {
				group(due)
				time.Sleep(time.Millisecond)
				for _, d := range due {
					ended(d.Sync, true)
				}
			}
		},
		Skip: func(_ context.Context, s []Skip) error { t.Errorf("skipped %v", s); return nil },
	}, nil)
}

func TestBook(t *testing.T) {
	t0 := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	entries := []Entry{{Sync: "a", Slots: Every(time.Hour)}, {Sync: "b", After: "a"}, {Sync: "c"}}
	t.Run("F39 missed slots are one run", func(t *testing.T) {
		b := NewBook(entries, map[string]time.Time{"a": t0}, 0, t0.Add(5*time.Hour+time.Minute))
		want := []Due{{"a", t0.Add(5 * time.Hour), true}}
		due := b.Due(t0.Add(5*time.Hour + time.Minute))
		if d := cmp.Diff(want, due); d != "" {
			t.Error(d)
		}
		b.Begin(due)
		if got := b.Wake(); !got.Equal(t0.Add(6 * time.Hour)) {
			t.Errorf("wakes at %s", got)
		}
	})
	t.Run("F38 overlap is skipped", func(t *testing.T) {
		b := NewBook(entries, nil, 0, t0)
		b.Begin(b.Due(t0.Add(time.Hour)))
		if due := b.Due(t0.Add(2 * time.Hour)); len(due) > 0 {
			t.Errorf("due while it runs: %v", due)
		}
		late := b.Late(t0.Add(2 * time.Hour))
		if d := cmp.Diff([]Skip{{"a", t0.Add(2 * time.Hour)}}, late); d != "" {
			t.Error(d)
		}
		b.Drop(late)
		if late := b.Late(t0.Add(2 * time.Hour)); len(late) > 0 {
			t.Errorf("said twice: %v", late)
		}
		b.Done("a", t0.Add(2*time.Hour+time.Minute), true)
		if d := cmp.Diff([]Due{{"b", t0.Add(2*time.Hour + time.Minute), false}}, b.Due(t0.Add(2*time.Hour+time.Minute))); d != "" {
			t.Error(d)
		}
	})
	t.Run("after a failure nothing follows", func(t *testing.T) {
		b := NewBook(entries, nil, 0, t0)
		b.Begin(b.Due(t0.Add(time.Hour)))
		b.Done("a", t0.Add(time.Hour+time.Minute), false)
		if due := b.Due(t0.Add(time.Hour + time.Minute)); len(due) > 0 {
			t.Errorf("%v", due)
		}
	})
	t.Run("a jitter keeps every slot", func(t *testing.T) {
		b := NewBook(entries, nil, 10*time.Minute, t0)
		at := b.Next("a")
		if late := at.Sub(t0.Add(time.Hour)); late <= 0 || late >= 10*time.Minute {
			t.Fatalf("late by %s", late)
		}
		if due := b.Due(at.Add(-1)); len(due) > 0 {
			t.Errorf("early: %v", due)
		}
		if d := cmp.Diff([]Due{{"a", t0.Add(time.Hour), false}}, b.Due(at)); d != "" {
			t.Error(d)
		}
	})
	t.Run("what did not end is owed", func(t *testing.T) {
		b := NewBook(entries, map[string]time.Time{"a": t0}, 0, t0.Add(time.Minute))
		b.Owe([]Due{{Sync: "a", Slot: t0}, {Sync: "gone", Slot: t0}})
		if d := cmp.Diff([]Due{{"a", t0, false}}, b.Due(t0.Add(time.Minute))); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]Due{{"a", t0.Add(time.Hour), true}}, b.Due(t0.Add(time.Hour))); d != "" {
			t.Errorf("with a slot that passed since: %s", d)
		}
		b.Begin(b.Due(t0.Add(time.Hour)))
		b.Done("a", t0.Add(time.Hour), true)
		if due := b.Due(t0.Add(time.Hour)); len(due) != 1 || due[0].Sync != "b" {
			t.Errorf("owed twice: %v", due)
		}
	})
	t.Run("a clock that was far ahead is got over", func(t *testing.T) {
		b := NewBook(entries, map[string]time.Time{"a": t0.AddDate(1, 0, 0)}, 0, t0)
		if due := b.Due(t0.Add(time.Minute)); len(due) > 0 {
			t.Errorf("early: %v", due)
		}
		if due := b.Due(t0.Add(time.Hour)); len(due) != 1 {
			t.Errorf("due: %v", due)
		}
	})
	t.Run("F40 a clock set back doubles nothing", func(t *testing.T) {
		b := NewBook(entries, map[string]time.Time{"a": t0}, 0, t0)
		if due := b.Due(t0.Add(-time.Hour)); len(due) > 0 {
			t.Errorf("%v", due)
		}
	})
}
