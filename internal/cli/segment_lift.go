package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) segmentLiftCmd() *cobra.Command {
	var o app.LiftOptions
	c := &cobra.Command{
		Use:   "lift NAME --goal SOURCE[.COLUMN]",
		Short: "What the arms of a split or a holdout brought about, and how sure that is",
		Long: `Compares the arms of a segment on what people did after they were given their arm: the share of them
with at least one row in a source, and with a column its sum per person. Each arm is compared with the
holdout, or without one with the first arm of the split. Everybody who was given an arm counts, whether
they are members still; whom a merge put into two arms, and whom the entity's holdout keeps out, are
left out.`,
		Example: `  weir segment lift vip_lapsed --goal orders
  weir segment lift vip_lapsed --goal orders.amount --within 30d
  weir segment lift vip_lapsed --goal orders.amount --since 2026-05-01 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			x, err := a.Lift(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			s.result = x
			s.sheet(x.Timezone).lift(x)
			return nil
		},
	}
	c.Flags().StringVar(&o.Goal, "goal", "", "a source, or SOURCE.COLUMN to compare sums as well")
	c.Flags().StringVar(&o.Since, "since", "", "only rows from then on: a build's number, a time, a date, or how long ago: 7d")
	c.Flags().StringVar(&o.Within, "within", "", "only rows so long after a person was given the arm, of those whose time is over: 30d")
	return c
}

func (p *sheet) lift(x *app.SegmentLift) {
	window := "since each person was given the arm"
	switch {
	case x.Since != nil:
		window = "since " + p.at(x.Since)
	case x.Within != "":
		window = "within " + x.Within + " of being given the arm"
	}
	p.out("%s  %s on %s, %s", p.ui.bold(x.Segment), p.ui.bold("lift"), x.Goal, window)
	p.out("  %s", p.ui.dim(fmt.Sprintf("as of %s %s, build %s", p.at(&x.AsOf), p.zone, x.Build)))
	p.out("")
	rows := [][]string{{"arm", "people", "reached", "share", "difference", "lift", "p"}}
	for _, m := range x.Arms {
		row := []string{m.Arm, number(m.People), number(m.Converted), told(m.Rate, percentage)}
		rows = append(rows, append(row, comparison(m.Rates, m.Arm == x.Base, points)...))
	}
	p.rows(rows, 1, 2, 3)
	if x.Arms[0].Mean != nil || x.Arms[len(x.Arms)-1].Mean != nil {
		p.out("")
		rows = [][]string{{"arm", "people", "sum", "per person", "difference", "lift", "p"}}
		for _, m := range x.Arms {
			row := []string{m.Arm, number(m.People), told(m.Total, twoDecimals), told(m.Mean, twoDecimals)}
			rows = append(rows, append(row, comparison(m.Means, m.Arm == x.Base, signed)...))
		}
		p.rows(rows, 1, 2, 3)
	}
	p.out("")
	for _, m := range x.Arms {
		if m.Verdict != "" {
			p.say("", m.Verdict)
		}
	}
	for _, n := range x.Notes {
		p.say(p.ui.warn("!"), n)
	}
}

// comparison are the cells of a comparison with the base.
func comparison(c *app.LiftCompared, base bool, unit func(float64) string) []string {
	switch {
	case base:
		return []string{"compared with", "", ""}
	case c == nil:
		return []string{"–", "", ""}
	}
	difference := unit(c.Difference)
	if c.Low != nil && c.High != nil {
		difference += fmt.Sprintf(" (%s to %s)", unit(*c.Low), unit(*c.High))
	}
	relative := told(c.Relative, change)
	if c.RelativeLow != nil && c.RelativeHigh != nil {
		relative += fmt.Sprintf(" (%s to %s)", change(*c.RelativeLow), change(*c.RelativeHigh))
	}
	chance := told(c.P, pValue)
	if c.Significant {
		chance += " ✔"
	}
	return []string{difference, relative, chance}
}

func told(v *float64, how func(float64) string) string {
	if v == nil {
		return "–"
	}
	return how(*v)
}

func percentage(v float64) string  { return strconv.FormatFloat(100*v, 'f', 2, 64) + "%" }
func points(v float64) string      { return fmt.Sprintf("%+.2f", 100*v) }
func signed(v float64) string      { return fmt.Sprintf("%+.2f", v) }
func twoDecimals(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
func change(v float64) string      { return fmt.Sprintf("%+.1f%%", 100*v) }

func pValue(v float64) string {
	if v < 0.0001 {
		return "<0.0001"
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}
