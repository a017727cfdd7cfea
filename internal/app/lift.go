package app

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/lift"
	"github.com/weir-data/weir/models"
)

// LiftOptions say what the arms of a segment are compared on.
type LiftOptions struct {
	Goal   string // a source, or source.column to compare sums as well
	Since  string // only rows from then on: a build's number, a time, a date, or how long ago: 7d
	Within string // only rows so long after a person was given the arm: 30d
}

// SegmentLift is how the arms of a segment did on a goal, each against the base.
type SegmentLift struct {
	Segment  string     `json:"segment"`
	Entity   string     `json:"entity"`
	Build    string     `json:"build"`
	AsOf     time.Time  `json:"as_of"`
	Timezone string     `json:"timezone"`
	Goal     string     `json:"goal"`
	Since    *time.Time `json:"since,omitempty"`
	Within   string     `json:"within,omitempty"`
	Base     string     `json:"base"` // the arm that the others are compared with
	Arms     []LiftArm  `json:"arms"` // the base first
	Notes    []string   `json:"notes"`
}

// LiftArm is how one arm did. What can not be said is nil.
type LiftArm struct {
	Arm          string `json:"arm"`
	Given        int64  `json:"given"` // who was ever given the arm
	People       int64  `json:"people"`
	Contaminated int64  `json:"contaminated"` // left out: two arms met when profiles merged
	Universal    int64  `json:"universal"`    // left out: the entity's holdout keeps them out
	Early        int64  `json:"early"`        // left out: the time of within is not over

	Converted int64         `json:"converted"`       // people with at least one row
	Rate      *float64      `json:"rate"`            // of the people
	Total     *float64      `json:"total,omitempty"` // with a column
	Mean      *float64      `json:"mean,omitempty"`  // per person
	Rates     *LiftCompared `json:"rates,omitempty"` // nil for the base
	Means     *LiftCompared `json:"means,omitempty"`
	Verdict   string        `json:"verdict,omitempty"` // in plain words
	group     lift.Group    // what is compared
}

// LiftCompared is one measure of an arm against the base. Intervals are of 95 %.
type LiftCompared struct {
	Difference   float64  `json:"difference"`
	Low          *float64 `json:"low"`
	High         *float64 `json:"high"`
	Relative     *float64 `json:"relative"` // 0.12 is 12 % more
	RelativeLow  *float64 `json:"relative_low"`
	RelativeHigh *float64 `json:"relative_high"`
	P            *float64 `json:"p"` // how often chance alone makes a difference as large
	Significant  bool     `json:"significant"`
	Needed       int64    `json:"needed,omitempty"` // rates: people in each arm that tell a difference of this size from chance in four of five cases
}

// Significance is the p below which a difference is called significant.
const Significance = 0.05

// Lift compares the arms of a segment on a goal, by what people did after they were given the arm.
func (a *App) Lift(ctx context.Context, name string, o LiftOptions) (*SegmentLift, error) {
	seg, err := a.segmentNamed(name)
	if err != nil {
		return nil, err
	}
	if err := drawnByChance(seg); err != nil {
		return nil, err
	}
	out := &SegmentLift{Segment: name, Entity: seg.Entity, Timezone: a.p.Timezone.String(), Goal: o.Goal, Within: o.Within, Notes: []string{}}
	err = a.onSegment(ctx, seg, func(l *lookup) error {
		out.Build, out.AsOf = l.in.Build.ID, l.in.AsOf
		ask, err := a.liftAsk(ctx, l, seg, o)
		if err != nil {
			return err
		}
		if !ask.Since.IsZero() {
			out.Since = &ask.Since
		}
		q, problems := compile.Lift(l.in, ask)
		if len(problems) > 0 {
			return &Error{Kind: Refused, Code: problems[0].Code, Message: problems[0].What, Fix: problems[0].Fix}
		}
		out.arms(seg)
		return l.each(ctx, q, func(row cells) error {
			out.read(row, ask.Column != "")
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	out.compare(strings.Contains(o.Goal, "."))
	return out, nil
}

// drawnByChance refuses a segment whose members are not divided by chance.
func drawnByChance(s *models.Segment) error {
	switch {
	case len(s.Split) > 0 || s.HoldsOut():
		return nil
	case len(s.Priority) > 0:
		return &Error{Kind: Refused, Code: "segments.no_arms", Message: "the arms of a priority are not given by chance, so that comparing them tells nothing of what was sent",
			Fix: fmt.Sprintf("give segments.%s a holdout:, and compare after some time", s.Name)}
	}
	return &Error{Kind: Refused, Code: "segments.no_arms", Message: fmt.Sprintf("segment %s has neither a split nor a holdout, so that there is nothing to compare", s.Name),
		Fix: "add holdout: 10%, or split: {a: 50%, b: 50%}, and compare after some time"}
}

// liftAsk reads what is asked.
func (a *App) liftAsk(ctx context.Context, l *lookup, seg *models.Segment, o LiftOptions) (compile.LiftAsk, error) {
	ask := compile.LiftAsk{Segment: seg.Name}
	if o.Goal == "" {
		return ask, &Error{Kind: Refused, Code: "cli.usage", Message: "nothing says what the arms are compared on", Fix: "name a source, or a column of it: --goal orders.amount"}
	}
	ask.Source, ask.Column, _ = strings.Cut(o.Goal, ".")
	if o.Since != "" && o.Within != "" {
		return ask, &Error{Kind: Refused, Code: "cli.usage", Message: "--since and --within say different windows", Fix: "give one of them"}
	}
	if o.Within != "" {
		var d models.Duration
		if err := d.UnmarshalText([]byte(o.Within)); err != nil || d == 0 {
			return ask, &Error{Kind: Refused, Code: "cli.usage", Message: fmt.Sprintf("%q is not a length of time", o.Within), Fix: "write it as 30d, 12h or 2w"}
		}
		ask.Within = time.Duration(d)
	}
	if o.Since != "" {
		builds, err := build.List(ctx, l.s, a.w, seg.Entity)
		if err != nil {
			return ask, err
		}
		from, err := since(o.Since, builds, l.in.AsOf, a.p.Timezone)
		if err != nil {
			return ask, err
		}
		ask.Since = from.At
	}
	return ask, nil
}

// arms puts the arms in their order, the base first: the holdout, or else the first of the split.
func (x *SegmentLift) arms(s *models.Segment) {
	names := []string{compile.ArmTreatment} // of a priority, too: what is compared is given by chance
	if len(s.Split) > 0 {
		names = s.Arms()
	}
	if s.HoldsOut() {
		names = append([]string{compile.ArmHoldout}, names...)
	}
	x.Base = names[0]
	for _, n := range names {
		x.Arms = append(x.Arms, LiftArm{Arm: n})
	}
}

// read takes one row of compile.Lift.
func (x *SegmentLift) read(row cells, sums bool) {
	for i := range x.Arms {
		m := &x.Arms[i]
		if m.Arm != row.text(0) {
			continue
		}
		m.Given, m.Contaminated, m.Universal, m.Early, m.People, m.Converted = row.int(1), row.int(2), row.int(3), row.int(4), row.int(5), row.int(6)
		n := float64(m.People)
		m.group = lift.Group{N: m.People, Converted: m.Converted, Variance: math.NaN()}
		if m.People == 0 {
			continue
		}
		m.Rate = finite(m.group.Rate())
		if !sums {
			continue
		}
		total, squares := row.float(7), row.float(8)
		m.Total, m.Mean = &total, finite(total/n)
		m.group.Mean = total / n
		if m.People > 1 {
			m.group.Variance = math.Max(0, squares-n*m.group.Mean*m.group.Mean) / (n - 1)
		}
	}
}

// finite is nil for what is no number.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func liftCompared(c lift.Comparison) *LiftCompared {
	out := &LiftCompared{Difference: c.Difference, Relative: finite(c.Relative), P: finite(c.P)}
	if c.Interval.OK {
		out.Low, out.High = finite(c.Interval.Low), finite(c.Interval.High)
	}
	if c.Ratio.OK {
		out.RelativeLow, out.RelativeHigh = finite(c.Ratio.Low), finite(c.Ratio.High)
	}
	out.Significant = out.P != nil && *out.P < Significance
	return out
}

// compare compares every arm with the base.
func (x *SegmentLift) compare(sums bool) {
	if x.Arms[0].Given == 0 && len(x.Arms) > 2 { // a holdout that came after the split has nobody at first
		x.Arms = append(x.Arms[1:], x.Arms[0])
		x.Notes = append(x.Notes, fmt.Sprintf("Nobody is in %s yet, so that the arms are compared with %s.", x.Base, x.Arms[0].Arm))
		x.Base = x.Arms[0].Arm
	}
	base := &x.Arms[0]
	for i := range x.Arms[1:] {
		m := &x.Arms[i+1]
		if m.People > 0 && base.People > 0 {
			m.Rates = liftCompared(lift.Rates(m.group, base.group))
			if !m.Rates.Significant {
				m.Rates.Needed = lift.Needed(m.group.Rate(), base.group.Rate())
			}
			if sums {
				m.Means = liftCompared(lift.Means(m.group, base.group))
			}
		}
		m.Verdict = m.verdict(base)
	}
	x.notes()
}
