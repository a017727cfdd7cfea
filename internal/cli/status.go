package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/syncs"
)

func (s *session) statusCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "How every sync stands",
		Example: `  weir status
  weir status --json
  weir status --target prod`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			st, err := a.Status(c.Context())
			if err != nil {
				return err
			}
			s.result = st
			if s.json {
				return nil
			}
			for _, b := range st.Builds {
				s.printBuild(b, keptApart(b))
			}
			var paused []app.PausedSync
			rows := [][]string{{"SYNC", "LAST", "ENDED", "HOLDS", "DESTINATION", "SCHEDULE"}}
			for _, x := range st.Syncs {
				last, ended := "never ran", ""
				if x.Last != nil {
					last = string(x.Last.Status)
					if !x.Last.Ended.IsZero() {
						ended = x.Last.Ended.Format("2006-01-02 15:04")
					}
				}
				if x.Running != "" {
					last = "running: " + x.Running
				}
				rows = append(rows, []string{x.Sync, last, ended, number(x.Ledger["rows"]), x.Destination, x.Schedule})
				if x.Paused != nil {
					paused = append(paused, app.PausedSync{Sync: x.Sync, Pause: *x.Paused})
				}
			}
			s.out("%s", strings.TrimSuffix(table(rows, 3), "\n"))
			s.printPaused(paused)
			s.printKept(st.Plans)
			s.printOrphans(st.Orphans)
			for _, q := range st.Quotas {
				s.out("%s %-24s takes nothing more before %s: %s", s.ui.warn("‖"), q.Destination, q.Resumes.Format("2006-01-02 15:04 MST"), q.Why)
			}
			for _, x := range st.Syncs {
				if x.Last != nil && x.Last.Status != syncs.OK {
					s.out("")
					s.printReports([]syncs.Report{*x.Last})
				}
				if n := x.Ledger["in_doubt"]; n > 0 {
					s.out("    %s of its rows may or may not have arrived", number(n))
				}
			}
			return nil
		},
	}
}

// printKept prints plans that were not sent and may be, with what sends them.
func (s *session) printKept(plans []app.KeptPlan) {
	for _, p := range plans {
		what := "saved plan " + p.Plan
		if p.Kind == "held" {
			what = "held by a guard"
		}
		c := p.Counts
		c.Due = 0 // everything is, before it is sent
		s.out("%s %s: %s  %s", p.Sync, what, counts(c), s.ui.dim("until "+p.Expires.Format("2006-01-02 15:04 UTC")))
		for _, h := range p.Holds {
			s.out("    held: %s", h.What)
		}
		switch {
		case p.Stale != "":
			s.out("    it cannot be sent any more: %s", p.Stale)
		case p.State == "begun":
			s.out("    a run is sending it, or was interrupted")
		default:
			s.out("    send exactly this: %s", p.Command)
		}
	}
}
