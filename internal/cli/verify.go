package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) verifyCmd() *cobra.Command {
	var fix bool
	c := &cobra.Command{
		Use:   "verify SYNC",
		Short: "Read a destination back and compare it with what it was told",
		Long: "Reads the members of a sync's destination and compares them with the ledger. It sends no row.\n" +
			"Exit code 1: somebody who was sent is not there. Members whom the ledger does not know are told of\n" +
			"and left alone. A destination that does not tell who is there is refused.",
		Example: `  weir verify vip_lapsed_email
  weir verify vip_lapsed_email --fix && weir run --select vip_lapsed_email`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			v, err := a.Verify(c.Context(), args[0], fix)
			if err != nil {
				return err
			}
			s.result = v
			s.printVerified(v)
			if v.Drifts() {
				s.code = exitFailed
			}
			return nil
		},
	}
	c.Flags().BoolVar(&fix, "fix", false, "note in the ledger who is missing, so that the next run adds those still wanted")
	return c
}

func (s *session) printVerified(v *app.Verified) {
	mark := s.ui.good("✔")
	switch {
	case v.Drifts():
		mark = s.ui.bad("✖")
	case v.Missing > 0 || v.Extra > 0:
		mark = s.ui.warn("!")
	}
	s.out("%s %s: %s told, %s there: %s missing, %s extra", mark, v.Sync, number(v.Told), number(v.There), number(v.Missing), number(v.Extra))
	if len(v.MissingKeys) > 0 {
		s.out("    missing, such as %s", strings.Join(v.MissingKeys, ", "))
	}
	if len(v.ExtraValues) > 0 {
		s.out("    extra, such as %s", strings.Join(v.ExtraValues, ", "))
	}
	for _, t := range v.Then {
		s.out("    %s", t)
	}
}
