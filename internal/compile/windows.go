package compile

import (
	"fmt"
	"time"

	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// span is a stretch of time, half open: From is in, To is not.
type span struct{ From, To time.Time }

// window is a window's span as of the run, in UTC. A duration is of hours; a calendar window
// begins and ends at the first instant of a local date, so that a day of a clock change is as
// long as it is. No window reaches beyond the run.
func (in Input) window(w *models.Window) span {
	asOf := in.AsOf.UTC()
	if w.Span.Last != 0 {
		return span{asOf.Add(-time.Duration(w.Span.Last)), asOf}
	}
	now := asOf.In(in.zone())
	y, m, d := now.Date()
	day := func(y int, m time.Month, d int) time.Time { return startOfDay(y, m, d, in.zone()) }
	week := d - (int(now.Weekday())+6)%7
	quarter := m - (m-1)%3
	switch {
	case w.CalendarDays != 0:
		return span{day(y, m, d-w.CalendarDays+1), asOf}
	case w.CalendarMonths != 0:
		first := time.Date(y, m-time.Month(w.CalendarMonths), 1, 0, 0, 0, 0, time.UTC)
		last := first.AddDate(0, 1, -1).Day()
		return span{day(first.Year(), first.Month(), min(d, last)), asOf}
	}
	switch w.Span.Named {
	case "yesterday":
		return span{day(y, m, d-1), day(y, m, d)}
	case "this_week":
		return span{day(y, m, week), asOf}
	case "last_week":
		return span{day(y, m, week-7), day(y, m, week)}
	case "this_month":
		return span{day(y, m, 1), asOf}
	case "last_month":
		return span{day(y, m-1, 1), day(y, m, 1)}
	case "this_quarter":
		return span{day(y, quarter, 1), asOf}
	case "last_quarter":
		return span{day(y, quarter-3, 1), day(y, quarter, 1)}
	case "this_year":
		return span{day(y, time.January, 1), asOf}
	case "last_year":
		return span{day(y-1, time.January, 1), day(y, time.January, 1)}
	}
	return span{day(y, m, d), asOf} // today
}

// bounds is the span between two dates or times, also such as 30d ago.
func (in Input) bounds(path string, vs []models.Value) (span, *diag.Problem) {
	if len(vs) != 2 {
		return span{}, &diag.Problem{Path: path, Code: "models.between", What: fmt.Sprintf("between takes two values, not %d", len(vs)), Fix: "write two dates: [2026-01-01, 2026-02-01]"}
	}
	var out [2]time.Time
	for i, v := range vs {
		t, _, ok := in.instant(v)
		if r, relative := v.Relative(); relative {
			t, ok = r.From(in.AsOf), true
		}
		if !ok {
			return span{}, &diag.Problem{Path: fmt.Sprintf("%s[%d]", path, i), Code: "models.operator_type",
				What: fmt.Sprintf("%s is not a date or a time", v.Text), Fix: "write a date such as 2026-01-31, a time such as 2026-01-31T09:30:00Z, or 30d ago"}
		}
		out[i] = t
	}
	return span{out[0], out[1]}, nil
}

// instant is when a date, a time, or text that is one of them is: a bare date is its first
// instant in the project's zone, and date is then true.
func (in Input) instant(v models.Value) (t time.Time, date, ok bool) {
	t, date, ok = v.Time()
	if date {
		y, m, d := t.Date()
		t = startOfDay(y, m, d, in.zone())
	}
	return t, date, ok
}
