package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/models"
)

func (s *session) columnsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "columns",
		Short: "Read the columns of every source, so that validate can check them",
		Long:  "Writes .weir/columns.<target>.json. With it `weir validate` checks columns and types\nwithout connecting. Where the models do not fit the columns, both are shown.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			cols, path, err := a.Columns(c.Context())
			if cols == nil {
				return err
			}
			type column struct {
				Name string      `json:"name"`
				Type models.Type `json:"type"`
			}
			read := map[string][]column{}
			for source := range cols {
				read[source] = []column{}
				for _, col := range cols[source] {
					read[source] = append(read[source], column{col.Name, col.Type})
				}
			}
			s.result = map[string]any{"file": path, "columns": read}
			for _, source := range slices.Sorted(maps.Keys(cols)) {
				s.out("%s", s.ui.bold(source))
				var rows [][]string
				for _, col := range cols[source] {
					rows = append(rows, []string{"  " + col.Name, string(col.Type)})
				}
				s.out("%s", table(rows))
			}
			s.out("written to %s", path)
			return err
		},
	}
}
