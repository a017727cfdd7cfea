package cli

import (
	"fmt"
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
			s.out("%s %d files: %s  %s", s.ui.good("✔"), sum.Files,
				fmt.Sprintf("%d sources, %d segments, %d policies, %d destinations, %d syncs", sum.Sources, sum.Segments, sum.Policies, sum.Destinations, sum.Syncs),
				s.ui.dim(seconds(time.Since(start).Seconds())))
			return nil
		},
	}
}
