package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) segmentPreviewCmd() *cobra.Command {
	var o app.PreviewOptions
	c := &cobra.Command{
		Use:   "preview NAME",
		Short: "Some of the people in a segment, with masked values",
		Long: `Shows some of the people in a segment by its conditions as they are written now, always the same
ones, with the traits that its syncs send and that its conditions look at.

Without a purpose everybody in it may be shown, with masked values, and how many the policies of
each purpose would keep out is said. With --purpose or --destination only people are shown who may
be reached. --reveal shows values as they are: for a purpose, on a terminal only, and nothing that
a policy denies.`,
		Example: `  weir segment preview vip_lapsed
  weir segment preview vip_lapsed --limit 5 --destination klaviyo
  weir segment preview vip_lapsed --purpose marketing_email --reveal`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := positive("limit", o.Limit); err != nil {
				return err
			}
			if err := s.mayReveal(o.Reveal); err != nil {
				return err
			}
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			v, err := a.PreviewSegment(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			s.result = v
			s.sheet(v.Timezone).preview(v)
			return nil
		},
	}
	f := c.Flags()
	f.IntVar(&o.Limit, "limit", 20, "how many people")
	f.StringVar(&o.Purpose, "purpose", "", "only people who may be reached for it")
	f.StringVar(&o.Destination, "destination", "", "only people who may be reached by this destination")
	f.BoolVar(&o.Reveal, "reveal", false, "show personal data as it is; needs a purpose and a terminal")
	return c
}

func (p *sheet) preview(v *app.SegmentPreview) {
	what := fmt.Sprintf("%s of %s", number(int64(len(v.People))), counted(v.Size, "member"))
	if v.Purpose != "" {
		what += ", who may be reached for " + v.Purpose
	}
	p.out("%s  %s  %s", p.ui.bold(v.Segment), what, p.ui.dim(fmt.Sprintf("as of %s %s, build %s", p.at(&v.AsOf), p.zone, v.Build)))
	if len(v.People) > 0 {
		p.out("")
		p.people(v.Traits, v.People)
	}
	if v.Purpose == "" && len(v.Purposes) > 0 {
		p.out("")
		for _, x := range v.Purposes {
			p.say("", fmt.Sprintf("For %s, %s may be reached: %s kept out%s.", x.Purpose, number(x.Left), number(x.KeptOut), barredToo(x)))
		}
	}
}

// people prints a table of people with some of their traits.
func (p *sheet) people(traits []app.PreviewTrait, list []app.PreviewPerson) {
	head := []string{"PROFILE"}
	for _, t := range traits {
		head = append(head, t.Name)
	}
	arms, since := false, false
	for _, x := range list {
		arms, since = arms || x.Arm != "", since || x.Since != nil
	}
	if since {
		head = append(head, "SINCE")
	}
	if arms {
		head = append(head, "ARM")
	}
	rows := [][]string{head}
	for _, x := range list {
		row := []string{x.ProfileID}
		for i, t := range traits {
			row = append(row, p.value(x.Values[i], t.Type))
		}
		if since {
			row = append(row, p.day(x.Since))
		}
		if arms {
			row = append(row, x.Arm)
		}
		rows = append(rows, row)
	}
	var right []int
	for i, t := range traits {
		if t.Type == "integer" || t.Type == "number" {
			right = append(right, i+1)
		}
	}
	p.rows(rows, right...)
}
