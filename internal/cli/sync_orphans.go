package cli

import (
	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

// printOrphans tells of ledgers whose syncs are not in the project any more.
func (s *session) printOrphans(list []app.Orphan) {
	for _, o := range list {
		since := ""
		if !o.Since.IsZero() {
			since = ", last run " + o.Since.UTC().Format("2006-01-02 15:04 MST")
		}
		s.out("%s %-24s is not in the project any more; %d rows of it are still at %s%s", s.ui.warn("!"), o.Sync, o.Rows, o.Place, since)
		for _, t := range o.Then {
			s.out("    %s", t)
		}
	}
}

func (s *session) syncRenameCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Carry the ledger of a renamed sync over to its new name",
		Long: "The sync has its new name in the project already, and points where it pointed. What its\n" +
			"destination was told, pauses and history follow; nothing is sent.",
		Example: "  weir sync rename vip_email vip_lapsed_email",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return s.word(c.Context(), "renamed", func(a *app.App) (*app.SyncWord, error) { return a.RenameSync(c.Context(), args[0], args[1]) })
		},
	}
}

func (s *session) syncDropCmd() *cobra.Command {
	var remove, leave, yes bool
	c := &cobra.Command{
		Use:   "drop NAME",
		Short: "Let go of a sync that was deleted from the project",
		Long: "--remove takes everybody out whom the sync put at its destination, then forgets its ledger.\n" +
			"--leave forgets the ledger; whoever is there stays. It says what would follow and asks; where\nnobody can be asked, it does it only with --yes.",
		Example: `  weir sync drop vip_email --remove
  weir sync drop vip_email --leave --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			w, err := a.DropWords(c.Context(), args[0], remove)
			if err != nil {
				return err
			}
			s.result = w
			s.out("drop %s:", w.Sync)
			s.printThen(w)
			if err := s.confirm(yes, "Drop "+w.Sync+"?"); err != nil {
				return err
			}
			w, _, err = a.DropSync(c.Context(), args[0], remove)
			if w != nil {
				s.result = w
			}
			if err != nil {
				if w != nil {
					s.printThen(w)
				}
				return err
			}
			s.out("%s %s: dropped", s.ui.good("✔"), w.Sync)
			return nil
		},
	}
	c.Flags().BoolVar(&remove, "remove", false, "take out whom it put there")
	c.Flags().BoolVar(&leave, "leave", false, "leave them there and forget them")
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	c.MarkFlagsOneRequired("remove", "leave")
	c.MarkFlagsMutuallyExclusive("remove", "leave")
	return c
}
