package schedule

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/weir-data/weir/internal/app"
)

// Slots are the instants at which something is due.
type Slots interface {
	// Next returns the first slot after t; zero if there is none.
	Next(t time.Time) time.Time
}

// Cron reads a cron expression on the wall clock of zone.
func Cron(expression string, zone *time.Location) (Slots, error) {
	s, err := app.ParseSchedule(expression)
	if err != nil {
		return nil, fmt.Errorf("reading the schedule %q: %w", expression, err)
	}
	if c, ok := s.(cron.ConstantDelaySchedule); ok { // @every
		return Every(c.Delay), nil
	}
	spec, ok := s.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("reading the schedule %q: it is of no known kind", expression)
	}
	spec.Location = time.UTC // it is asked about wall clocks that are written as if in UTC
	return clock{spec, zone}, nil
}

// clock are the slots of a cron expression.
type clock struct {
	spec *cron.SpecSchedule
	zone *time.Location
}

// Next implements Slots.
func (c clock) Next(t time.Time) time.Time {
	for wall := wallOf(t, c.zone); ; {
		wall = c.spec.Next(wall)
		if wall.IsZero() {
			return wall
		}
		// In the second pass of a doubled hour, and right behind a gap, slots lie behind.
		if at := instantOf(wall, c.zone); at.After(t) {
			return at
		}
	}
}

// Every are the multiples of an interval.
type Every time.Duration

// Next implements Slots.
func (e Every) Next(t time.Time) time.Time {
	return t.Truncate(time.Duration(e)).Add(time.Duration(e))
}

// wallOf is what the wall clock of zone shows at t, written as if it were UTC.
func wallOf(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instantOf is when the wall clock of zone shows wall: the first of two such instants, and the one
// right after the gap if it never does.
func instantOf(wall time.Time, zone *time.Location) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	start, end := t.ZoneBounds()
	shown := wallOf(t, zone)
	switch {
	case shown.After(wall): // read with the offset of before the gap
		return start.UTC()
	case shown.Before(wall): // read with the offset of after it
		return end.UTC()
	}
	if !start.IsZero() {
		_, before := start.Add(-time.Second).Zone()
		if first := wall.Add(-time.Duration(before) * time.Second); first.Before(start) {
			return first
		}
	}
	return t.UTC()
}
