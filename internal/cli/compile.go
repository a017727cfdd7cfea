package cli

import (
	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) compileCmd() *cobra.Command {
	var dialect, manifest string
	c := &cobra.Command{
		Use:   "compile [ENTITY]",
		Short: "Print the SQL that the models become",
		Long:  "Prints every statement of a build, in order, with the model that it comes from. Nothing is\nexecuted. Columns come from `weir columns` or the warehouse. With --manifest the meaning of\neach source, entity, segment and sync is written to a file instead, without connecting: the\nselectors state:modified and state:new compare with it later, by --state.",
		Example: `  weir compile
  weir compile customer --dialect postgres
  weir compile > build.sql
  weir compile --manifest state/manifest.json
  weir plan --select state:modified+ --state state`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if manifest != "" && (len(args) > 0 || dialect != "") {
				return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "--manifest is of the whole project, on any warehouse", Fix: "leave the entity and --dialect out"}
			}
			s.offline = manifest != ""
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			if manifest != "" {
				r, err := a.WriteManifest(manifest)
				if err != nil {
					return err
				}
				s.result = r
				s.out("%s %s written to %s", s.ui.good("✔"), plural(int64(r.Nodes), "model and sync", "models and syncs"), r.File)
				return nil
			}
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
	c.Flags().StringVar(&dialect, "dialect", "", "dialect to print: duckdb, postgres, bigquery, snowflake, redshift or databricks; the target's own if not given")
	c.Flags().StringVar(&manifest, "manifest", "", "write what each model and sync means to this file, or as manifest.json into this folder")
	return c
}
