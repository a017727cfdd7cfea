package cli

import (
	"github.com/spf13/cobra"
)

func (s *session) explainCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain",
		Short: "Why things are as they are",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(s.explainIdentityCmd("identity"), s.explainSegmentCmd())
	return c
}

// explainIdentityCmd is `weir explain identity`, and `weir identity explain`.
func (s *session) explainIdentityCmd(name string) *cobra.Command {
	return &cobra.Command{
		Use:   name + " A [B]",
		Short: "Why two are one profile, or what keeps them apart; what holds one together",
		Long: `A and B are profile ids, identifiers as TYPE=VALUE, records as SOURCE=KEY, or bare values that
are an identifier of one type only. Values may be typed as people type them.

Of two in one profile it prints the shortest chain of evidence: which rows have which identifiers
in common, since when. Of two in different profiles, what was kept from joining them, and by which
rule. Of one, what it consists of and what it would fall into without one of its identifiers.

What it prints is personal data.`,
		Example: `  weir explain identity cus_00000017 email=ana@example.com
  weir explain identity email=ana@example.com "phone=06 39 98 00 11"
  weir explain identity crm_contacts=1017 crm_contacts=2044
  weir explain identity cus_00000017 --json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			other := ""
			if len(args) == 2 {
				other = args[1]
			}
			x, err := a.ExplainIdentity(c.Context(), args[0], other)
			if x == nil {
				return err
			}
			s.result = x
			p := s.sheet(x.Timezone)
			if err != nil {
				p.meant(x.Meant)
				return err
			}
			p.explanation(x)
			return nil
		},
	}
}
