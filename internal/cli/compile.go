package cli

import (
	"github.com/spf13/cobra"
)

func (s *session) compileCmd() *cobra.Command {
	var dialect string
	c := &cobra.Command{
		Use:   "compile [ENTITY]",
		Short: "Print the SQL that the models become",
		Long:  "Prints every statement of a build, in order, with the model that it comes from. Nothing is\nexecuted. Columns come from `weir columns` or the warehouse.",
		Example: `  weir compile
  weir compile customer --dialect postgres
  weir compile > build.sql`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			entity := ""
			if len(args) == 1 {
				entity = args[0]
			}
			programs, err := a.Compile(c.Context(), entity, dialect)
			if err != nil {
				return err
			}
			s.result = map[string]any{"programs": programs}
			for _, p := range programs {
				s.out("%s", p.SQL)
			}
			return nil
		},
	}
	c.Flags().StringVar(&dialect, "dialect", "", "dialect to print: duckdb, postgres, bigquery or snowflake; the target's own if not given")
	return c
}
