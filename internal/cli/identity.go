package cli

import (
	"fmt"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) identityCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "identity",
		Short: "Who is who: prove it, try other rules on it, review it",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(s.identityCheckCmd(), s.identityPlanCmd(), s.explainIdentityCmd("explain"), s.identityReviewCmd())
	return c
}

func (s *session) identityCheckCmd() *cobra.Command {
	var o app.IdentityOptions
	var first bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Rebuild identity from nothing beside the live one, and compare",
		Long: "Builds identity from nothing at the time of the build in force, beside it, and compares: the\n" +
			"same identifiers and records must make the same profiles with the same ids, and the same\n" +
			"links must be dropped. What was built is thrown away. Exits 1 if anything differs.\n\n" +
			"Rows that came after the live build differ rightly: --build builds first, so that both see\nthe same.",
		Example: `  weir identity check
  weir identity check --build
  weir identity check --select customer --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := positive("limit", o.Limit); err != nil {
				return err
			}
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			checks, err := a.CheckIdentity(c.Context(), first, o)
			if err != nil {
				return err
			}
			s.result = map[string]any{"checks": checks}
			for i := range checks {
				s.printCheck(&checks[i])
			}
			return app.Differing(checks, first)
		},
	}
	s.approvals(c)
	c.Flags().BoolVar(&first, "build", false, "build and publish first, so that both see the same rows")
	identityFlags(c, &o, 10, "how many examples of each difference")
	return c
}

func (s *session) identityPlanCmd() *cobra.Command {
	var o app.IdentityOptions
	var detailed bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what changed rules would do to profiles and segments; change nothing",
		Long: "Builds the entity as its YAML says now, beside the live one, and compares: how large profiles\n" +
			"get, which would be merged and split, what holds the largest together, which links each rule\n" +
			"drops, how each segment's size changes and which guard would hold the build. With fuzzy\n" +
			"matching also what each threshold would join. What was built is thrown away.\n\n" +
			"The time is that of the live build, so that no window moves; --as-of sets another.",
		Example: `  weir identity plan
  weir identity plan --select customer --values
  weir identity plan --detailed-exitcode   # 4 if something would change`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := positive("limit", o.Limit); err != nil {
				return err
			}
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			plans, err := a.PlanIdentity(c.Context(), o)
			if err != nil {
				return err
			}
			s.result = map[string]any{"plans": plans}
			for i := range plans {
				s.printIdentityPlan(&plans[i])
				if detailed && plans[i].Something() {
					s.code = exitChanges
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 4 if something would change")
	identityFlags(c, &o, 5, "how many examples, and how many of the largest profiles")
	return c
}

func (s *session) identityReviewCmd() *cobra.Command {
	var o app.IdentityOptions
	var same, different, undo bool
	var by string
	c := &cobra.Command{
		Use:   "review [SOURCE:KEY SOURCE:KEY]",
		Short: "List pairs of records that may be one person, and decide",
		Long: "Lists the pairs below the threshold of fuzzy matching that are likely enough for a person to\n" +
			"look at. With two records and --same or --different records what a person decided; --undo\n" +
			"takes it back. A decision takes effect at the next build, and stays.",
		Example: `  weir identity review
  weir identity review --values --limit 5
  weir identity review --same crm_contacts:17 support_tickets:4
  weir identity review --undo crm_contacts:17 support_tickets:4`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := positive("limit", o.Limit); err != nil {
				return err
			}
			n := 0
			for _, b := range []bool{same, different, undo} {
				if b {
					n++
				}
			}
			switch {
			case len(args) == 0 && n > 0, len(args) == 1:
				return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "a decision is about two records", Fix: "name both: weir identity review --same SOURCE:KEY SOURCE:KEY"}
			case len(args) == 2 && n != 1:
				return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "say one of --same, --different and --undo", Fix: "weir identity review --same " + args[0] + " " + args[1]}
			}
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			if len(args) == 2 {
				if by == "" {
					by = whoami()
				}
				d, err := a.Decide(c.Context(), args[0], args[1], same, undo, by)
				if err != nil {
					return err
				}
				s.result = d
				s.printDecision(d)
				return nil
			}
			list, err := a.Review(c.Context(), o)
			if err != nil {
				return err
			}
			s.result = map[string]any{"reviews": list}
			for i := range list {
				s.printReview(&list[i])
			}
			return nil
		},
	}
	f := c.Flags()
	f.BoolVar(&same, "same", false, "the two records are one person")
	f.BoolVar(&different, "different", false, "the two records are two people")
	f.BoolVar(&undo, "undo", false, "take back what was said of the two records")
	f.StringVar(&by, "by", "", "who decides, for the record; the user of this machine if not given")
	identityFlags(c, &o, 20, "how many pairs, the likeliest first")
	return c
}

// identityFlags gives a command the flags that say how much of people it may tell.
func identityFlags(c *cobra.Command, o *app.IdentityOptions, limit int, what string) {
	c.Flags().BoolVar(&o.Values, "values", false, "show values too, which are personal data, also with --json")
	c.Flags().IntVar(&o.Limit, "limit", limit, what)
}

// positive refuses a count below 1.
func positive(flag string, n int) error {
	if n > 0 {
		return nil
	}
	return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: fmt.Sprintf("--%s %d shows nothing", flag, n), Fix: "give a number from 1"}
}

// whoami is the user of this machine.
func whoami() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

func (s *session) printDecision(d *app.ReviewDecision) {
	pair := d.A.String() + " and " + d.B.String()
	said := map[bool]string{true: "same", false: "different"}[d.Same]
	switch {
	case d.Undone:
		s.out("taken back: %s were said to be %s", pair, map[string]string{"same": "one person", "different": "two people"}[d.Was])
	case d.Was == said:
		s.out("said already: %s", pair)
		return
	default:
		s.out("recorded: %s are %s", pair, map[bool]string{true: "one person", false: "two people"}[d.Same])
	}
	s.out("%s", s.ui.dim("It takes effect at the next build:  weir build"))
}

func (s *session) printReview(r *app.IdentityReview) {
	if s.json {
		return
	}
	line := fmt.Sprintf("%s: %s to look at  %s", s.ui.bold(r.Entity), plural(r.Open, "pair"), s.ui.dim("build "+r.Build))
	s.out("%s", line)
	if r.Waiting > 0 {
		s.out("  %s for the next build:  weir build", plural(r.Waiting, "decision waits", "decisions wait"))
	}
	for _, p := range r.Pairs {
		s.out("\n  %s  %s · %s", s.ui.bold(likely(p.Probability)), p.A, p.B)
		s.out("    %s", s.ui.dim(p.A.Profile+" · "+p.B.Profile))
		if p.Reasons != "" {
			s.out("    %s", p.Reasons)
		}
		var rows [][]string
		for _, f := range p.Fields {
			mark := " "
			if f.A != f.B {
				mark = "≠"
			}
			rows = append(rows, []string{"    " + f.Field, f.A, mark, f.B})
		}
		if len(rows) > 0 {
			s.out("%s", strings.TrimSuffix(table(rows), "\n"))
		}
	}
	if len(r.Pairs) > 0 {
		p := r.Pairs[0]
		s.out("\n%s", s.ui.dim(fmt.Sprintf("Decide:  weir identity review --same %s %s   (or --different)", p.A, p.B)))
	}
}
