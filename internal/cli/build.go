package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) buildCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "build",
		Short: "Build profiles and segments in the warehouse; send nothing",
		Example: `  weir build
  weir build --target prod
  weir build --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			builds, err := a.Build(c.Context())
			s.result = map[string]any{"builds": builds}
			for _, b := range builds {
				s.printBuild(b)
			}
			return err
		},
	}
	s.approvals(c)
	return c
}

func (s *session) printBuild(b app.BuildResult) {
	from := ""
	if b.Records > 0 { // known right after a build only
		from = number(b.Records) + " records → "
	}
	s.out("%s: %s%s profiles  %s", s.ui.bold(b.Entity), from, number(b.Profiles), s.ui.dim("build "+b.Build+" as of "+b.AsOf.Format("2006-01-02 15:04 MST")))
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(b.Segments)) {
		rows = append(rows, []string{"  " + name, number(b.Segments[name])})
	}
	if len(rows) > 0 && !s.json {
		s.out("%s", table(rows, 1))
	}
}
