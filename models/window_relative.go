package models

import (
	"regexp"
	"time"
)

// Relative is a time told by its distance from the run: "30d ago", or "in 30d".
type Relative struct {
	Distance Duration
	Ago      bool
}

var relativeRE = regexp.MustCompile(`^(?:(\d{1,6}[wdhms]) ago|in (\d{1,6}[wdhms]))$`)

// Relative reads text such as "30d ago" or "in 30d"; ok is false for any other value.
func (v Value) Relative() (r Relative, ok bool) {
	if v.Type != Text {
		return r, false
	}
	m := relativeRE.FindStringSubmatch(v.Text)
	if m == nil {
		return r, false
	}
	r.Ago = m[1] != ""
	return r, r.Distance.UnmarshalText([]byte(m[1]+m[2])) == nil
}

// From is the time at the distance from the run.
func (r Relative) From(asOf time.Time) time.Time {
	if r.Ago {
		return asOf.Add(-time.Duration(r.Distance))
	}
	return asOf.Add(time.Duration(r.Distance))
}

// timeLayouts are how times are written in YAML; those without a zone are UTC.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// Time reads a date, a time, or text that is one of them, in quotes. A bare date is given as its
// midnight in UTC, with date true; a time is in UTC to the microsecond.
func (v Value) Time() (t time.Time, date, ok bool) {
	if v.Type != Date && v.Type != Timestamp && v.Type != Text {
		return t, false, false
	}
	if t, err := time.Parse(time.DateOnly, v.Text); err == nil {
		return t, true, true
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, v.Text); err == nil {
			return t.UTC().Truncate(time.Microsecond), false, true
		}
	}
	return t, false, false
}
