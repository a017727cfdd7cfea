package compile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
)

// when reads a time and a zone: "2026-03-29T10:00:00+02:00 Europe/Paris".
func when(t testing.TB, text string) (time.Time, *time.Location) {
	t.Helper()
	at, where, _ := strings.Cut(text, " ")
	asOf, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation(where)
	if err != nil {
		t.Fatal(err)
	}
	return asOf.UTC(), zone
}

// elsewhen is the project built from nothing at another time, in another zone.
func (c *project) elsewhen(t testing.TB, at string) *project {
	t.Helper()
	c.n++
	other := *c
	other.built = false
	other.in.Previous, other.in.Build = compile.Build{}, compile.Build{Schema: "weir", ID: fmt.Sprint(c.n)}
	other.in.AsOf, other.in.Timezone = when(t, at)
	other.build(t)
	if len(other.found) > 0 {
		t.Fatal(problemText(other.found))
	}
	return &other
}

// TestStartOfDay holds of every date of sixty years that it begins when it says, in zones where
// midnight comes twice, not at all, or a minute before the clock goes back over it.
func TestStartOfDay(t *testing.T) {
	for _, name := range append([]string{"America/St_Johns", "Atlantic/Azores", "Asia/Amman", "America/Asuncion", "Pacific/Kwajalein", "Asia/Manila"}, timeZones...) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		date := func(t time.Time) time.Time {
			y, m, d := t.In(zone).Date()
			return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		}
		for day := time.Date(1975, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2035; day = day.AddDate(0, 0, 1) {
			at := compile.StartOfDay(day.Year(), day.Month(), day.Day(), zone)
			if date(at).Before(day) || !date(at.Add(-1)).Before(day) {
				t.Fatalf("%s: %s begins %s, on %s after %s", name, day.Format(time.DateOnly), at, date(at), date(at.Add(-1)))
			}
			if date(at).After(day) && compile.FirstDate(at, zone).After(day) {
				t.Fatalf("%s: %s was left out, and does not begin with the date after it", name, day.Format(time.DateOnly))
			}
			if got := compile.FirstDate(at, zone); date(at).Equal(day) && got.After(day) {
				t.Fatalf("%s: the first date from %s on is %s", name, at, got)
			}
			if got := compile.FirstDate(at.Add(time.Microsecond), zone); !got.After(day) {
				t.Fatalf("%s: the first date after the beginning of %s is %s", name, day.Format(time.DateOnly), got)
			}
		}
	}
}
