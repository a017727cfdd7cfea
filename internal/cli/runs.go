package cli

import (
	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) runsCmd() *cobra.Command {
	var sync string
	var limit int
	c := &cobra.Command{
		Use:   "runs",
		Short: "What ran, and how it ended",
		Example: `  weir runs
  weir runs --sync vip_lapsed_email --limit 5
  weir runs show 20261122-140003-x7k2
  weir runs settle 20261122-140003-x7k2 --sent`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			list, err := a.Runs(c.Context(), sync, limit)
			if err != nil {
				return err
			}
			s.result = map[string]any{"runs": list}
			if s.json {
				return nil
			}
			rows := [][]string{{"RUN", "SYNC", "STATUS", "STARTED", "CHANGES"}}
			for _, r := range list {
				rows = append(rows, []string{r.Run, r.Sync, string(r.Status), r.Started.Format("2006-01-02 15:04:05"), counts(r.Counts)})
			}
			s.out("%s", table(rows))
			return nil
		},
	}
	c.Flags().StringVar(&sync, "sync", "", "only runs of this sync")
	c.Flags().IntVar(&limit, "limit", 20, "how many, newest first")
	c.AddCommand(s.runsShowCmd(), s.runsSettleCmd(), s.runsRejectsCmd(), s.runsRetryCmd())
	return c
}

func (s *session) runsShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN",
		Short: "One run, with the rows that are in doubt",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			d, err := a.RunDetail(c.Context(), args[0])
			if err != nil {
				return err
			}
			s.result = d
			s.printReports(d.Reports())
			for _, k := range d.InDoubt {
				s.out("    in doubt: %s", k)
			}
			if d.Asked != "" && d.Asked != "command" {
				s.out("    %s", s.ui.dim("asked for by: "+d.Asked))
			}
			if d.Held != nil && !s.json {
				s.printKept([]app.KeptPlan{*d.Held})
			}
			return nil
		},
	}
}

func (s *session) runsSettleCmd() *cobra.Command {
	var sent, notSent bool
	c := &cobra.Command{
		Use:   "settle RUN [KEY…]",
		Short: "Say what became of rows that may or may not have arrived",
		Long:  "Messages that were sent without an answer are never repeated on their own. Look at the\nvendor's log, then say whether they arrived. Without keys, all of the run's rows in doubt.",
		Example: `  weir runs settle 20261122-140003-x7k2 --sent
  weir runs settle 20261122-140003-x7k2 --not-sent cus_0000000000a7`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if sent == notSent {
				return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "say either --sent or --not-sent", Fix: "look at the vendor's log first: weir runs show " + args[0]}
			}
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			n, err := a.Settle(c.Context(), args[0], sent, args[1:])
			if err != nil {
				return err
			}
			s.result = map[string]any{"run": args[0], "settled": n}
			s.out("%s %s rows settled", s.ui.good("✔"), number(n))
			return nil
		},
	}
	c.Flags().BoolVar(&sent, "sent", false, "they arrived")
	c.Flags().BoolVar(&notSent, "not-sent", false, "they did not arrive; send them with the next run")
	return c
}
