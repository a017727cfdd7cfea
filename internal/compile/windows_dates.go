package compile

import (
	"time"
)

// startOfDay is the first instant of a local date, in UTC: midnight, or the end of the gap where
// the clocks pass over it, or the first of two where they come back to it. A date that a zone
// leaves out, such as 30 December 2011 in Samoa, has the first instant of the date after it.
func startOfDay(y int, m time.Month, d int, zone *time.Location) time.Time {
	midnight := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	// Zones lie within a day of UTC, so that the date has not begun here.
	at := midnight.Add(-26 * time.Hour).In(zone)
	for {
		_, end := at.ZoneBounds()
		_, offset := at.Zone()
		first := midnight.Add(-time.Duration(offset) * time.Second)
		if first.Before(at) {
			first = at // the clocks were put forward over midnight
		}
		if end.IsZero() || first.Before(end) {
			return first.UTC()
		}
		at = end
	}
}

// firstDate is the first local date that begins at t or later, as its midnight in UTC. A date is
// in a span of time if its first instant is, so that d is in [from, to) exactly where
// firstDate(from) <= d < firstDate(to).
func firstDate(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	for startOfDay(y, m, d, zone).Before(t) {
		d++
	}
	for !startOfDay(y, m, d-1, zone).Before(t) {
		d--
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// localDate is the date of an instant in a zone, as its midnight in UTC.
func localDate(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
