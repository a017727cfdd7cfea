package syncstest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
	"github.com/weir-data/weir/syncs"
)

func contractLessons(t *testing.T, c *contract) {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	spent := syncs.Lesson{About: syncs.AboutQuota + "calls", Until: now.Add(12 * time.Hour), Text: "the day's quota is spent"}
	small := syncs.Lesson{About: syncs.AboutRows + "list", Until: now.Add(24 * time.Hour), Rows: 250}
	want := func(what string, at time.Time, want ...syncs.Lesson) {
		t.Helper()
		got, err := c.j.Recall(ctx, "acme", at)
		c.must(err)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	want("at first", now)
	c.must(c.j.Learn(ctx, "acme", small, now))
	c.must(c.j.Learn(ctx, "acme", spent, now))
	c.must(c.j.Learn(ctx, "other", syncs.Lesson{About: syncs.AboutQuota, Until: now.Add(time.Hour)}, now))
	want("of one account, in order", now, spent, small)
	want("before it ends", spent.Until.Add(-time.Microsecond), spent, small)
	want("when it ends", spent.Until, small)
	small.Rows = 125
	c.must(c.j.Learn(ctx, "acme", small, now))
	want("the later word", now, spent, small)
	if c.again != nil {
		c.j = c.again(t)
		want("after a restart", now, spent, small)
	}
	c.must(c.j.Learn(ctx, "acme", syncs.Lesson{About: spent.About, Until: now}, now))
	want("taken back", now, small)
}

func contractQuota(t *testing.T, c *contract) {
	ctx := context.Background()
	day := destinations.Rate{N: 100, Per: 24 * time.Hour, Bucket: "calls"}
	now := time.Date(2026, 3, 1, 12, 10, 0, 0, time.UTC)
	spend := func(what, account string, q destinations.Rate, n, want int64, at, next time.Time) {
		t.Helper()
		a, err := c.j.Spend(ctx, account, q, n, at)
		c.must(err)
		if a.Got != want || !a.Next.Equal(next) {
			t.Errorf("%s: got %d, more at %s; want %d and %s", what, a.Got, a.Next, want, next)
		}
	}
	var none time.Time
	spend("some", "acme", day, 60, 60, now, none)
	spend("given back", "acme", day, -10, -10, now, none)
	spend("another account", "other", day, 60, 60, now, none)
	spend("another bucket", "acme", destinations.Rate{N: 5, Per: 24 * time.Hour, Bucket: "lists"}, 60, 5, now, now.Add(24*time.Hour+50*time.Minute))
	if c.again != nil {
		c.j = c.again(t)
	}
	later := now.Add(3 * time.Hour)
	next := time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC) // a day after the hour of the first calls
	spend("the rest", "acme", day, 60, 50, later, next)
	spend("nothing is left", "acme", day, 1, 0, later, next)
	spend("just before", "acme", day, 1, 0, next.Add(-time.Second), next)
	spend("the first have aged", "acme", day, 60, 50, next, next.Add(3*time.Hour))
	spend("more than was taken", "acme", day, -80, -50, next, none)
}
