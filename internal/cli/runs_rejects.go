package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) runsRejectsCmd() *cobra.Command {
	var values bool
	c := &cobra.Command{
		Use:   "rejects [SYNC]",
		Short: "What destinations refused and have not taken since, and what mends it",
		Long: "Rows that were refused are tried again by later runs after 1, 6 and 24 hours; then, or at once if\n" +
			"no repetition can mend it, they are quarantined until what is sent changes or a person asks.\n" +
			"Refusals are grouped by code and message, without what differs from row to row.",
		Example: `  weir runs rejects
  weir runs rejects vip_lapsed_email --json
  weir runs retry vip_lapsed_email`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			list, err := a.Rejects(c.Context(), strings.Join(args, ""), values)
			if err != nil {
				return err
			}
			s.result = map[string]any{"rejects": list}
			if len(list) == 0 {
				s.out("%s nothing is refused", s.ui.good("✔"))
			}
			for _, g := range list {
				s.printReject(g)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&values, "values", false, "show the keys of sources too, which may be personal data, also with --json")
	return c
}

func (s *session) printReject(g app.Rejects) {
	state := s.ui.warn("!") + " rejected"
	if g.Quarantined {
		state = s.ui.bad("✖") + " quarantined"
	}
	code := g.Code
	if code == "" {
		code = "no code"
	}
	s.out("%s  %s  %s × %s  %s", state, s.ui.bold(g.Sync), number(g.Rows), code, s.ui.dim(g.Message))
	at := func(t *time.Time) string {
		if t == nil {
			return "–"
		}
		return t.UTC().Format("2006-01-02 15:04 MST")
	}
	s.out("    first seen %s, last seen %s, such as %s", at(g.First), at(g.Last), strings.Join(g.Keys, ", "))
	s.out("    %s", g.Fix)
}

func (s *session) runsRetryCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "retry SYNC",
		Short:   "Make rows that were refused due at once, quarantined ones included",
		Example: "  weir runs rejects vip_lapsed_email\n  weir runs retry vip_lapsed_email",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			w, err := a.RetryRejects(c.Context(), args[0])
			if err != nil {
				return err
			}
			s.result = w
			if w.Done {
				s.out("%s %s: %s due again", s.ui.good("✔"), w.Sync, plural(w.Rows, "row is", "rows are"))
			} else {
				s.out("%s %s: nothing changed", s.ui.dim("·"), w.Sync)
			}
			s.printThen(w)
			return nil
		},
	}
}
