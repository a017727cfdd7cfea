package cli

import (
	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) initCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a new project to begin from",
		Long:  "Writes a small project for the embedded warehouse, with a comment on every part, and the\nschema that editors complete from. Files that exist are never changed.",
		Example: `  weir init
  weir init ./crm`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := s.dir
			if len(args) == 1 {
				dir = args[0]
			}
			files, err := app.Init(dir)
			s.result = map[string]any{"dir": dir, "files": files}
			for _, f := range files {
				s.out("%s %s", s.ui.good("+"), f)
			}
			if err != nil {
				return err
			}
			s.out("\nNext: put your tables into %s, then\n  weir validate\n  weir plan", "sources.yml")
			return nil
		},
	}
	return c
}
