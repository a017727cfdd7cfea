package compile

import (
	"fmt"
	"time"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// span is a stretch of time, half open: From is in, To is not. A zero end is none.
type span struct{ From, To time.Time }

// window is a window's span as of the run, in UTC. A duration is of hours; a calendar window
// begins and ends at the first instant of a local date, so that a day of a clock change is as
// long as it is. No window reaches beyond the run.
func (in Input) window(w *models.Window) span {
	asOf := in.AsOf.UTC()
	if w == nil {
		return span{}
	}
	if w.Span.Last != 0 {
		return span{asOf.Add(-time.Duration(w.Span.Last)), asOf}
	}
	now := asOf.In(in.zone())
	y, m, d := now.Date()
	day := func(y int, m time.Month, d int) time.Time { return startOfDay(y, m, d, in.zone()) }
	week := d - (int(now.Weekday())+6)%7
	quarter := m - (m-1)%3
	var out span
	switch {
	case w.CalendarDays != 0:
		out.From = day(y, m, d-w.CalendarDays+1)
	case w.CalendarMonths != 0:
		first := time.Date(y, m-time.Month(w.CalendarMonths), 1, 0, 0, 0, 0, time.UTC)
		last := first.AddDate(0, 1, -1).Day()
		out.From = day(first.Year(), first.Month(), min(d, last))
	}
	switch w.Span.Named {
	case "today":
		out.From = day(y, m, d)
	case "yesterday":
		out = span{day(y, m, d-1), day(y, m, d)}
	case "this_week":
		out.From = day(y, m, week)
	case "last_week":
		out = span{day(y, m, week-7), day(y, m, week)}
	case "this_month":
		out.From = day(y, m, 1)
	case "last_month":
		out = span{day(y, m-1, 1), day(y, m, 1)}
	case "this_quarter":
		out.From = day(y, quarter, 1)
	case "last_quarter":
		out = span{day(y, quarter-3, 1), day(y, quarter, 1)}
	case "this_year":
		out.From = day(y, time.January, 1)
	case "last_year":
		out = span{day(y-1, time.January, 1), day(y, time.January, 1)}
	}
	if out.To.IsZero() {
		out.To = asOf
	}
	return out
}

// startOfDay is the first instant of a local date, in UTC: midnight, or the end of the gap where
// the clocks pass over it, or the first of two where they come back to it.
func startOfDay(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	date := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	onOrAfter := func(t time.Time) bool {
		ly, lm, ld := t.Date()
		return !time.Date(ly, lm, ld, 0, 0, 0, 0, time.UTC).Before(date)
	}
	// A local date begins within a day of where it would begin in UTC, zones being what they are.
	lo, hi := t.Add(-3*time.Hour), t.Add(3*time.Hour)
	for hi.Sub(lo) > time.Microsecond {
		mid := lo.Add(hi.Sub(lo) / 2)
		if onOrAfter(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi.UTC().Truncate(time.Second)
}

// bounds is the span between two dates or times.
func (in Input) bounds(path string, vs []models.Value) (span, *diag.Problem) {
	c := comparison{in: in, typ: models.Timestamp}
	var out []time.Time
	for _, v := range vs {
		t, _, ok := c.instant(v)
		if !ok {
			return span{}, &diag.Problem{Path: path, Code: "models.operator_type",
				What: fmt.Sprintf("%s is not a date or a time", v.Text), Fix: "write a date such as 2026-01-31, or a time such as 2026-01-31T09:30:00Z"}
		}
		out = append(out, t)
	}
	if len(out) != 2 {
		return span{}, &diag.Problem{Path: path, Code: "models.between", What: fmt.Sprintf("between takes two values, not %d", len(out)), Fix: "write two dates: [2026-01-01, 2026-02-01]"}
	}
	return span{out[0], out[1]}, nil
}
