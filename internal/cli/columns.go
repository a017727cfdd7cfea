package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

func (s *session) columnsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "columns",
		Short: "Read the columns of every source, so that validate can check them",
		Long:  "Writes .weir/columns.<target>.json. With it `weir validate` checks columns and types\nwithout connecting.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			cols, path, err := a.Columns(c.Context())
			if err != nil {
				return err
			}
			s.result = map[string]any{"file": path, "columns": cols}
			for _, source := range slices.Sorted(maps.Keys(cols)) {
				s.out("%s", s.ui.bold(source))
				var rows [][]string
				for _, col := range cols[source] {
					rows = append(rows, []string{"  " + col.Name, string(col.Type)})
				}
				s.out("%s", table(rows))
			}
			s.out("written to %s", path)
			return nil
		},
	}
}
