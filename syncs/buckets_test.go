package syncs

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-data/weir/destinations"
)

// through counts the calls that buckets let through in a stretch of time, asking as often as it can.
func through(b *Buckets, at *time.Time, stretch time.Duration, account string, rates ...destinations.Rate) int {
	n := 0
	for end := at.Add(stretch); at.Before(end); {
		next := b.Take(*at, account, rates)
		if next.IsZero() {
			n++
			next = at.Add(time.Millisecond)
		}
		*at = next
		if next.After(end) {
			*at = end
		}
	}
	return n
}

func TestF20RateHalvesOnceAndRecovers(t *testing.T) {
	rate := destinations.Rate{N: 80, Per: time.Second, Bucket: "calls"}
	other := destinations.Rate{N: 80, Per: time.Second, Bucket: "lists"}
	b := NewBuckets()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if n := through(b, &at, time.Second, "acme", rate); n != 80 {
		t.Fatalf("%d calls in a second", n)
	}
	through(b, &at, time.Second, "acme", other)
	left := at.Add(-100 * time.Millisecond)
	for range 16 { // all that were on their way
		b.Throttled(at, left, "acme", "calls", at.Add(2*time.Second))
	}
	if n := through(b, &at, 2*time.Second, "acme", rate); n != 0 {
		t.Errorf("%d calls while it was asked to wait", n)
	}
	if n := through(b, &at, time.Second, "acme", rate); n < 39 || n > 60 {
		t.Errorf("%d calls in the second after it; want about half", n)
	}
	if n := through(b, &at, time.Second, "acme", other); n != 80 {
		t.Errorf("another bucket: %d calls", n)
	}
	if n := through(b, &at, time.Second, "other", rate); n != 80 {
		t.Errorf("another account: %d calls", n)
	}
	through(b, &at, 5*time.Second, "acme", rate)
	if n := through(b, &at, time.Second, "acme", rate); n != 80 {
		t.Errorf("%d calls in a second, eight windows later", n)
	}
	b.Throttled(at, at, "acme", "", at) // a call that left since: another time, for all of the account
	for _, r := range []destinations.Rate{rate, other} {
		if n := through(b, &at, time.Second, "acme", r); n > 60 {
			t.Errorf("%s: %d calls", r.Bucket, n)
		}
	}
	for range 40 { // it never stops altogether
		at = at.Add(time.Second)
		b.Throttled(at, at, "acme", "calls", at)
	}
	at = at.Add(time.Second)
	if n := through(b, &at, time.Second, "acme", rate); n < 1 {
		t.Error("nothing goes through any more")
	}
}

// No stretch of Per ever has more than N calls, whatever happens in between.
func TestBucketsHoldInEveryWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := destinations.Rate{N: rapid.IntRange(1, 30).Draw(t, "n"), Per: time.Duration(rapid.IntRange(1, 5).Draw(t, "per")) * time.Second, Bucket: "calls"}
		b := NewBuckets()
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var calls []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				b.Throttled(at, at.Add(-time.Second), "acme", "calls", at.Add(time.Duration(rapid.IntRange(-1, 3).Draw(t, "wait"))*time.Second))
			case 1, 2:
				at = at.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			default:
				next := b.Take(at, "acme", []destinations.Rate{rate})
				if next.IsZero() {
					calls = append(calls, at)
				} else if !next.After(at) {
					t.Fatalf("asked to come again at %s, which is now", next)
				} else {
					at = next
				}
			}
		}
		for i := rate.N; i < len(calls); i++ {
			if d := calls[i].Sub(calls[i-rate.N]); d < rate.Per {
				t.Fatalf("%d calls within %s", rate.N+1, d)
			}
		}
	})
}
