package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) syncCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "sync",
		Short: "The life of one sync: pause, resume, reset, send everything again, rename, drop",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(s.syncPauseCmd(), s.syncResumeCmd(), s.syncResetCmd(), s.syncFullCmd(), s.syncRenameCmd(), s.syncDropCmd())
	return c
}

// word runs a person's word on a sync and prints what follows.
func (s *session) word(ctx context.Context, done string, f func(*app.App) (*app.SyncWord, error)) error {
	a, err := s.load(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	w, err := f(a)
	if err != nil {
		return err
	}
	s.result = w
	mark := s.ui.good("✔")
	if !w.Done {
		mark, done = s.ui.dim("·"), "nothing changed"
	}
	s.out("%s %s: %s", mark, w.Sync, done)
	s.printThen(w)
	return nil
}

func (s *session) printThen(w *app.SyncWord) {
	for _, t := range w.Then {
		s.out("    %s", t)
	}
}

// printPaused says which syncs are left out.
func (s *session) printPaused(list []app.PausedSync) {
	for _, p := range list {
		why := "by " + p.By
		if p.Reason != "" {
			why += ": " + p.Reason
		}
		s.out("%s %-24s paused    since %s %s; go on with: weir sync resume %s", s.ui.warn("‖"), p.Sync, p.Since.UTC().Format("2006-01-02 15:04 MST"), why, p.Sync)
	}
}

func (s *session) syncPauseCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "pause NAME",
		Short: "Keep a sync from running until it is resumed",
		Long: "Runs leave the sync out and say so, on every machine that uses the same warehouse: the pause is\n" +
			"kept there. A run that is under way goes on to its end.",
		Example: `  weir sync pause vip_lapsed_email --reason "the list is being moved"
  weir sync resume vip_lapsed_email`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.word(c.Context(), "paused", func(a *app.App) (*app.SyncWord, error) {
				return a.PauseSync(c.Context(), args[0], whoami(), reason)
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at weir status")
	return c
}

func (s *session) syncResumeCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "resume NAME",
		Short:   "Let a paused sync run again",
		Example: "  weir sync resume vip_lapsed_email",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.word(c.Context(), "resumed", func(a *app.App) (*app.SyncWord, error) { return a.ResumeSync(c.Context(), args[0]) })
		},
	}
}

func (s *session) syncFullCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "full NAME",
		Short: "Send every row once more with the next run",
		Long: "The next run sends every row that is wanted, whether it changed or not. It is for a destination\n" +
			"that has lost or changed what it was told, and for a warehouse that was restored to an earlier\ntime. Messages are never sent twice: for a sync that sends them it is refused.",
		Example: "  weir sync full vip_lapsed_email",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.word(c.Context(), "everything is due again", func(a *app.App) (*app.SyncWord, error) { return a.FullSync(c.Context(), args[0]) })
		},
	}
}

func (s *session) syncResetCmd() *cobra.Command {
	var adopt, yes bool
	c := &cobra.Command{
		Use:   "reset NAME",
		Short: "Forget what a sync's destination was told",
		Long: "The next run of the sync is its first. Nothing is removed at the destination. It says what\n" +
			"would follow and asks; where nobody can be asked, it does it only with --yes.",
		Example: `  weir sync reset vip_lapsed_email
  weir sync reset welcome_sms --adopt --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			w, err := a.ResetWords(c.Context(), args[0], adopt)
			if err != nil {
				return err
			}
			s.result = w
			s.out("reset %s:", w.Sync)
			s.printThen(w)
			if err := s.confirm(yes, "Reset "+w.Sync+"?"); err != nil {
				return err
			}
			if w, err = a.ResetSync(c.Context(), args[0], adopt); err != nil {
				return err
			}
			s.result = w
			s.out("%s %s: reset", s.ui.good("✔"), w.Sync)
			return nil
		},
	}
	c.Flags().BoolVar(&adopt, "adopt", false, "the next run touches nobody who is there already, whatever first_run says")
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return c
}
