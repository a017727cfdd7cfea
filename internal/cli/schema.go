package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) schemaCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a project's YAML files",
		Long:  "Prints a draft-07 JSON Schema, for completion and checks in an editor. `weir init` writes\nit to .weir/schema.json and names it on top of each file.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b, err := app.Schema()
			if err != nil {
				return err
			}
			s.result = json.RawMessage(b)
			s.out("%s", b)
			return nil
		},
	}
}
