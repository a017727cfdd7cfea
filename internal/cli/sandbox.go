package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) sandboxCmd() *cobra.Command {
	var o app.SandboxOptions
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve local stand-ins of the project's vendors until stopped",
		Long:  "Starts a server that behaves as each vendor documents: authentication, limits, errors and\nasynchronous jobs. Targets with `send: sandbox` use it while it runs; otherwise each command\nstarts one of its own. What it holds is kept in .weir/sandbox.",
		Example: `  weir sandbox
  weir sandbox --addr 127.0.0.1:7734
  weir sandbox --faults 20% --seed 7   # one call in five fails, in the vendor's own ways`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			sb, err := a.Sandbox(c.Context(), o)
			if err != nil {
				return err
			}
			defer sb.Close()
			s.ui.say("sandbox on %s", sb.URL())
			for _, name := range sb.Names() {
				s.ui.say("  %-16s %s/%s   members: %s/%s/_members", name, sb.URL(), name, sb.URL(), name)
			}
			s.ui.say("Ctrl-C stops")
			<-c.Context().Done()
			members := sb.Members()
			s.result = map[string]any{"members": members}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&o.Addr, "addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	f.Float64Var(&o.Speed, "speed", 20, "how much faster than the vendors' own clocks and rate windows")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the faults")
	f.Func("faults", "share of calls that fail, such as 20%", func(v string) error {
		var p float64
		if _, err := fmt.Sscanf(v, "%f%%", &p); err != nil || p < 0 || p > 100 {
			return fmt.Errorf("%q is not a percentage such as 20%%", v)
		}
		o.FaultRate = p / 100
		return nil
	})
	return c
}
