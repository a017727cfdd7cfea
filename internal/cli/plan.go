package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/syncs"
)

func (s *session) planCmd() *cobra.Command {
	var detailed, markdown bool
	var o app.PlanOptions
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show who joins and leaves and what would be sent; send nothing",
		Long:  "Builds the changed models beside the live ones, compares, and drops them again. Shows for\nevery segment who joins and who leaves, for every sync what a run would send, and which\nguard would hold it, and how many calls and how much time that takes at the destinations' limits.\n\n--out saves the plan: its rows stay in the warehouse for three days, and weir run --plan sends\nexactly them, or says what moved.",
		Example: `  weir plan
  weir plan --select vip_lapsed+
  weir plan --detailed-exitcode   # 4 if there is something to do
  weir plan --markdown >plan.md   # for a pull request
  weir plan --sample 3            # some of the changes, masked
  weir plan --out plan.json       # for weir run --plan plan.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			o.By = whoami()
			p, err := a.Plan(c.Context(), o)
			if err != nil {
				if cost := a.Scanned(); cost != nil { // it may be why
					s.result = map[string]any{"scan": cost}
				}
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
	c.Flags().StringVar(&o.Out, "out", "", "save the plan to this file, for weir run --plan")
	c.Flags().IntVar(&o.Sample, "sample", 0, "show up to so many changes of each sync, masked")
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
	s.printOrphans(p.Orphans)
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
	if p.Estimate.Calls > 0 {
		s.out("%s", s.ui.dim("At the destinations' limits: "+estimate(p.Estimate)))
	}
	s.printScan(p.Scan)
	switch {
	case p.Saved != nil:
		s.out("Nothing was sent. Until %s:  weir run --plan %s", p.Saved.Expires.Format("2006-01-02 15:04 UTC"), p.Saved.File)
		if p.Saved.Unbuilt > 0 {
			s.out("%s", s.ui.dim(fmt.Sprintf("%s of people who are new since the last build are left to a later plan; to have them in it: weir build, then weir plan --out %s", plural(p.Saved.Unbuilt, "change"), p.Saved.File)))
		}
	case add+update+remove > 0:
		s.out("%s", s.ui.dim("Nothing was sent. Send it:  weir run"))
	}
}

// estimate says how many calls and how long.
func estimate(e syncs.Estimate) string { return plural(e.Calls, "call") + ", " + e.Text }

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
		s.printFurther(x.Tally)
		if x.Estimate.Calls > 0 {
			s.out("      %s", s.ui.dim(estimate(x.Estimate)))
		}
		for _, v := range x.Sample {
			s.out("      %s", sampleLine(v))
		}
		for _, w := range x.Warnings {
			s.out("      %s %s", s.ui.warn("note:"), w)
		}
		for _, h := range x.Holds {
			s.out("      %s %s", s.ui.bad("held:"), h.What)
			if h.Fix != "" {
				s.out("            %s", h.Fix)
			}
		}
	}
}

// printFurther says how many removals take out nobody else: where a destination forgets a person by one match
// value at a time, each is a removal.
func (s *session) printFurther(y syncs.Tally) {
	switch y.Further {
	case 0:
	case 1:
		s.out("      %s", s.ui.dim("1 of the removals is a further match value of somebody who is removed"))
	default:
		s.out("      %s", s.ui.dim(number(y.Further)+" of the removals are further match values of people who are removed"))
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

// sampleLine is one change of a plan in a line.
func sampleLine(v app.SampleChange) string {
	var parts []string
	for _, m := range v.Match {
		parts = append(parts, fmt.Sprintf("%s=%v", m.Name, m.Is))
	}
	for _, f := range v.Fields {
		switch {
		case v.Move == "update":
			parts = append(parts, fmt.Sprintf("%s: %s → %s", f.Name, sampleValue(f.Was), sampleValue(f.Is)))
		case f.Is != nil:
			parts = append(parts, fmt.Sprintf("%s: %s", f.Name, sampleValue(f.Is)))
		}
	}
	if v.Why != "" {
		parts = append(parts, "("+v.Why+")")
	}
	mark := map[string]string{"add": "+", "update": "~", "remove": "−"}[v.Move]
	return fmt.Sprintf("%s %-7s %s  %s", mark, v.Op, v.Key, strings.Join(parts, "  "))
}

func sampleValue(v any) string {
	if v == nil {
		return "nothing"
	}
	return fmt.Sprint(v)
}
