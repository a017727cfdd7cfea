package models

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Window is a stretch of time that ends at the run, or a calendar one in the project's time zone.
// Exactly one field is set. Windows are half open: the beginning is in, the end is not.
type Window struct {
	Span           Span `yaml:"last,scalar" doc:"90d, or today, yesterday, this_week, last_week, this_month, last_month, this_quarter, last_quarter, this_year, last_year."`
	CalendarDays   int  `yaml:"calendar_days" doc:"This many local dates, the last of them the date of the run." like:"days"`
	CalendarMonths int  `yaml:"calendar_months" doc:"From the beginning of the local date this many months before the run; 31 March less one month is the last of February." like:"months"`
}

// Span is a Duration, or the name of a calendar window.
type Span struct {
	Last  Duration
	Named string
}

// NamedWindows are the calendar windows that have a name. Weeks begin on Monday.
var NamedWindows = []string{"today", "yesterday", "this_week", "last_week", "this_month", "last_month",
	"this_quarter", "last_quarter", "this_year", "last_year"}

// UnmarshalText reads "90d" or "this_month".
func (s *Span) UnmarshalText(b []byte) error {
	if slices.Contains(NamedWindows, string(b)) {
		*s = Span{Named: string(b)}
		return nil
	}
	if err := s.Last.UnmarshalText(b); err != nil {
		return fmt.Errorf("%q is not a window; write a number and w, d, h, m or s, such as 90d, or one of %s", b, strings.Join(NamedWindows, ", "))
	}
	return nil
}

// String writes the span as UnmarshalText reads it.
func (s Span) String() string {
	if s.Named != "" {
		return s.Named
	}
	return s.Last.String()
}

// MarshalText writes what UnmarshalText reads.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Pattern is the regular expression of the written form, for the JSON Schema.
func (Span) Pattern() string {
	return durationRE.String() + "|^(" + strings.Join(NamedWindows, "|") + ")$"
}

// Share is a number of profiles, or a share of them.
type Share struct {
	Count   int
	Percent Percent
}

var shareRE = regexp.MustCompile(`^\d{1,9}$`)

// UnmarshalText reads "1000" or "10%".
func (s *Share) UnmarshalText(b []byte) error {
	if shareRE.Match(b) {
		n, _ := strconv.Atoi(string(b))
		*s = Share{Count: n}
		return nil
	}
	if err := s.Percent.UnmarshalText(b); err != nil {
		return fmt.Errorf("%q is neither a number of profiles, such as 1000, nor a share, such as 10%%", b)
	}
	return nil
}

// String writes the share as UnmarshalText reads it.
func (s Share) String() string {
	if s.Percent.Set {
		return s.Percent.String()
	}
	return strconv.Itoa(s.Count)
}

// Pattern is the regular expression of the written form, for the JSON Schema.
func (Share) Pattern() string { return shareRE.String() + "|" + percentRE.String() }

// Distance is a length on the earth, in metres.
type Distance float64

var distanceRE = regexp.MustCompile(`^(\d{1,5}(?:\.\d{1,3})?)(km|mi|m)$`)

// UnmarshalText reads "25km", "10mi" or "500m".
func (d *Distance) UnmarshalText(b []byte) error {
	m := distanceRE.FindSubmatch(b)
	if m == nil {
		return fmt.Errorf("%q is not a distance; write a number and km, mi or m, such as 25km", b)
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return err
	}
	*d = Distance(n * map[string]float64{"km": 1000, "mi": 1609.344, "m": 1}[string(m[2])])
	return nil
}

// Pattern is the regular expression of the written form, for the JSON Schema.
func (Distance) Pattern() string { return distanceRE.String() }
