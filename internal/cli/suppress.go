package cli

import (
	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) suppressCmd() *cobra.Command {
	var channel string
	var lift bool
	c := &cobra.Command{
		Use:   "suppress TYPE=VALUE",
		Short: "Keep one address or number out of a channel, or let it in again",
		Long: "Every sync to a destination of the channel leaves the identifier out and takes it out where it\n" +
			"was sent, from its next run on. Only a keyed hash is kept. The value need not be anybody's yet.",
		Example: `  weir suppress email=ana@example.com
  weir suppress "phone=06 39 98 00 11" --channel sms
  weir suppress email=ana@example.com --lift`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			x, err := a.Suppress(c.Context(), args[0], channel, whoami(), lift)
			if err != nil {
				return err
			}
			s.result = x
			what := "one " + x.Type + " of channel " + x.Channel
			switch {
			case !x.Changed && lift:
				s.out("%s %s was not suppressed: nothing changed", s.ui.dim("·"), what)
			case !x.Changed:
				s.out("%s %s is suppressed since %s: nothing changed", s.ui.dim("·"), what, x.Since.UTC().Format("2006-01-02 15:04 MST"))
			case lift:
				s.out("%s %s may be sent to again, where policies allow it", s.ui.good("✔"), what)
			default:
				s.out("%s %s is suppressed; destinations that have it are told with the next run", s.ui.good("✔"), what)
			}
			return nil
		},
	}
	c.Flags().StringVar(&channel, "channel", app.EveryChannel, "all, or a kind of destinations: email, ads, sms, …")
	c.Flags().BoolVar(&lift, "lift", false, "let it in again")
	return c
}
