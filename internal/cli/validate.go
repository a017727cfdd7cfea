package cli

import (
	"time"

	"github.com/spf13/cobra"
)

func (s *session) validateCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the project without connecting to anything",
		Long:  "Reads every YAML file of the project and reports all that is wrong at once, each with its\nplace and what to do. Columns are checked if `weir columns` was run before or a source\ndeclares them.",
		Example: `  weir validate
  weir validate --project ./shop --target prod
  weir validate --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			start := time.Now()
			s.offline = true
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			sum := a.Summary()
			s.result = sum
			n := func(n int, one string, many ...string) string { return plural(int64(n), one, many...) }
			s.out("%s %s: %s, %s, %s, %s, %s  %s", s.ui.good("✔"), n(sum.Files, "file"), n(sum.Sources, "source"), n(sum.Segments, "segment"),
				n(sum.Policies, "policy", "policies"), n(sum.Destinations, "destination"), n(sum.Syncs, "sync"),
				s.ui.dim(seconds(time.Since(start).Seconds())))
			return nil
		},
	}
}
