package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) segmentDiffCmd() *cobra.Command {
	var o app.DiffOptions
	c := &cobra.Command{
		Use:   "diff NAME",
		Short: "Who entered and left a segment since a build or a time",
		Long: `Compares who is in a segment by the build in force with who was in it at an earlier time, by the
history that builds keep: how many entered and left, with which build, and some of them with masked
values.`,
		Example: `  weir segment diff vip_lapsed
  weir segment diff vip_lapsed --since 7d
  weir segment diff vip_lapsed --since 2026-05-01 --limit 3`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := positive("limit", o.Limit); err != nil {
				return err
			}
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			d, err := a.DiffSegment(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			s.result = d
			s.sheet(d.Timezone).segmentDiff(d)
			return nil
		},
	}
	c.Flags().StringVar(&o.Since, "since", "", "a build's number, a time, a date, or how long ago: 7d; the build before if not given")
	c.Flags().IntVar(&o.Limit, "limit", 10, "how many people are shown of each kind")
	return c
}

func (p *sheet) segmentDiff(d *app.SegmentDiff) {
	p.out("%s  %s → %s  %s %s", p.ui.bold(d.Segment), number(d.Before), p.ui.bold(number(d.After)), p.ui.good("+"+number(d.Entered)), p.ui.bad("−"+number(d.Left)))
	p.out("  %s", p.ui.dim(fmt.Sprintf("from %s to %s, %s", p.moment(d.From), p.moment(d.To), p.zone)))
	if d.Merged > 0 {
		p.say("", fmt.Sprintf("Of those who left, %s merged into another profile.", wereMerged(d.Merged)))
	}
	if d.Came > 0 {
		p.say("", fmt.Sprintf("%s came and went in between.", number(d.Came)))
	}
	if len(d.Moves) > 0 {
		p.out("")
		var rows [][]string
		for _, m := range d.Moves {
			when := p.at(&m.At)
			if d.ByDay {
				when = p.day(&m.At)
			} else if m.Build != "" {
				when += "  build " + m.Build
			}
			rows = append(rows, []string{when, "+" + number(m.Entered), "−" + number(m.Left)})
		}
		p.rows(rows, 1, 2)
	}
	for _, x := range []struct {
		title string
		n     int64
		list  []app.PreviewPerson
	}{{"Entered", d.Entered, d.Joined}, {"Left", d.Left - d.Merged, d.Gone}} {
		if len(x.list) > 0 {
			more := ""
			if n := x.n - int64(len(x.list)); n > 0 {
				more = fmt.Sprintf("%s of them", number(int64(len(x.list))))
			}
			p.title(x.title, more)
			p.people(d.Traits, x.list)
		}
	}
}

// moment writes the time of a build.
func (p *sheet) moment(m app.BuildMoment) string {
	if m.Build == "" {
		return p.at(&m.At)
	}
	return p.at(&m.At) + " (build " + m.Build + ")"
}

func wereMerged(n int64) string {
	if n == 1 {
		return "1 was"
	}
	return number(n) + " were"
}
