package cli

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) alertsCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "alerts",
		Short: "Who is told when a sync is not as it should be, and what was told",
		Long: "Lists the alerts of the project, and of which syncs they have told something that still holds.\n" +
			"weir serve tells them of its runs, and weir run does with --alert.",
		Example: "  weir alerts\n  weir alerts test team",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			list, err := a.Alerts(c.Context())
			if err != nil {
				return err
			}
			s.result = map[string]any{"alerts": list}
			if len(list) == 0 {
				s.out(`the project has no alerts; add one: alerts: {team: {type: slack, url: "${env:SLACK_URL}"}}`)
			}
			for _, x := range list {
				s.printAlert(x)
			}
			return nil
		},
	}
	c.AddCommand(&cobra.Command{
		Use:     "test NAME",
		Short:   "Send a message by an alert",
		Long:    "Sends a message, whatever the alert tells and of which targets. Exits 3 if the receiver is away or\nrefuses it.",
		Example: "  weir alerts test team",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			t, err := a.TestAlert(c.Context(), args[0])
			if err != nil {
				return err
			}
			s.result = t
			s.out("%s sent: %s", s.ui.good("✔"), t.Title)
			return nil
		},
	})
	return c
}

func (s *session) printAlert(x app.AlertStatus) {
	about := "all syncs"
	if len(x.Syncs) > 0 {
		about = strings.Join(x.Syncs, ", ")
	}
	s.out("%-20s %-6s %s: %s", x.Alert, x.Type, about, strings.Join(x.On, ", "))
	if !x.Active {
		where := "targets that send live"
		if len(x.Targets) > 0 {
			where = strings.Join(x.Targets, ", ")
		}
		s.out("    %s", s.ui.dim("not told of this target: it is for "+where))
	}
	for _, t := range x.Told {
		s.out("    %-20s %s since %s", cmp.Or(t.Sync, "the changed project"), t.State, t.Since.UTC().Format("2006-01-02 15:04 UTC"))
	}
}

// tell tells people what came of runs, if the command was asked to. That somebody could not be told
// changes nothing of how the command ends.
func (s *session) tell(ctx context.Context, a *app.App, res *app.RunResult, err error) {
	if !s.alert {
		return
	}
	if ctx.Err() != nil {
		if err = nil; res != nil {
			res.Failures = nil
		}
	}
	var names []string
	for _, t := range a.Timings() {
		names = append(names, t.Sync)
	}
	told, terr := a.Tell(context.WithoutCancel(ctx), names, res, err)
	for _, t := range told {
		if t.Error == "" {
			s.ui.say("%s", "told "+t.Alert+": "+t.Title)
			continue
		}
		s.ui.say("%s", "alert "+t.Alert+" did not arrive: "+t.Error)
	}
	if terr != nil {
		s.ui.say("%s", "alerts: "+app.Unnamed(terr.Error()))
	}
}
