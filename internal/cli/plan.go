package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) planCmd() *cobra.Command {
	var detailed, markdown bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show who joins and leaves and what would be sent; send nothing",
		Long:  "Builds the changed models beside the live ones, compares, and drops them again. Shows for\nevery segment who joins and who leaves, for every sync what a run would send, and which\nguard would hold it.",
		Example: `  weir plan
  weir plan --select vip_lapsed+
  weir plan --detailed-exitcode   # 4 if there is something to do
  weir plan --markdown >plan.md   # for a pull request`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			p, err := a.Plan(c.Context())
			if err != nil {
				return err
			}
			s.result = p
			if markdown && !s.json {
				s.out("%s", strings.TrimSuffix(planMarkdown(p), "\n"))
			} else {
				s.printPlan(p)
			}
			if detailed && p.Something() {
				s.code = exitChanges
			}
			return nil
		},
	}
	s.approvals(c)
	c.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 4 if a run would do something")
	c.Flags().BoolVar(&markdown, "markdown", false, "print it as Markdown for a pull request (--json goes before it)")
	return c
}

func (s *session) printPlan(p *app.PlanResult) {
	if s.json {
		return
	}
	s.out("weir would do this on target %s:\n", s.ui.bold(p.Target))
	s.printSegments(p.Segments)
	s.printSyncs(p.Plans)
	s.printPaused(p.Paused)
	var add, update, remove, held int64
	for _, x := range p.Plans {
		add, update, remove = add+x.Counts.Added, update+x.Counts.Updated, remove+x.Counts.Removed
		if len(x.Holds) > 0 {
			held++
		}
	}
	line := fmt.Sprintf("\nPlan: %s to add, %s to update, %s to remove", number(add), number(update), number(remove))
	if held > 0 {
		line += s.ui.bad(fmt.Sprintf(" · %d held by a guard", held))
	}
	s.out("%s", line)
	if add+update+remove > 0 {
		s.out("%s", s.ui.dim("Nothing was sent. Send it:  weir run"))
	}
}

// printSyncs prints what a run would send for each sync, and what would hold it.
func (s *session) printSyncs(plans []app.SyncPlan) {
	if s.json {
		return
	}
	for _, x := range plans {
		c := x.Counts
		c.Due = 0 // everything is, before it is sent
		mark := s.ui.dim("·")
		if c.Added+c.Updated+c.Removed > 0 {
			mark = s.ui.warn("~")
		}
		into := x.Object
		if x.Into != "" {
			into += " “" + x.Into + "”"
		}
		s.out("  %s sync %-24s %s → %s", mark, x.Sync, counts(c), x.Destination+" "+into)
		for _, h := range x.Holds {
			s.out("      %s %s", s.ui.bad("held:"), h.What)
			if h.Fix != "" {
				s.out("            %s", h.Fix)
			}
		}
	}
}

// printSegments prints the segments that change, and how.
func (s *session) printSegments(all []app.SegmentChange) {
	if s.json {
		return
	}
	still := 0
	for _, g := range all {
		arms := armWords(g.Segment, g.Arms)
		if g.Join == 0 && g.Leave == 0 && !g.New && arms == "" {
			still++
			continue
		}
		mark, size := s.ui.warn("~"), number(g.Before)+" → "+number(g.After)
		if g.New {
			mark, size = s.ui.good("+"), number(g.After)+" people"
		} else if g.Join == 0 && g.Leave == 0 {
			mark = s.ui.dim("·")
		}
		s.out("  %s segment %-21s %s   %s %s", mark, g.Segment, size, s.ui.good("+"+number(g.Join)), s.ui.bad("−"+number(g.Leave)))
		if arms != "" {
			s.out("      %s", s.ui.dim(arms))
		}
	}
	if still > 0 {
		what := "segments"
		if still == 1 {
			what = "segment"
		}
		s.out("  %s %d %s unchanged", s.ui.dim("·"), still, what)
	}
	s.out("")
}
