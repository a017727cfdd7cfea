package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func (s *session) dbtCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "dbt",
		Short: "What weir tells dbt",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(s.exposuresCmd())
	return c
}

func (s *session) exposuresCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "exposures",
		Short: "Write exposures, so that segments and syncs stand in dbt's lineage",
		Long:  "Writes one exposure for each entity, segment and sync that comes from models or sources of\ndbt, with what it depends on, as YAML for a folder of dbt's models. The same project gives the\nsame text. A file that weir did not write is never changed.",
		Example: `  weir dbt exposures
  weir dbt exposures --out ../dbt/models/weir_exposures.yml
  weir dbt exposures --select tag:email`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s.offline = true
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			r, err := a.Exposures(out)
			if err != nil {
				return err
			}
			s.result = r
			if out == "" {
				s.out("%s", strings.TrimSuffix(r.Text, "\n"))
				return nil
			}
			s.out("%s %s written to %s", s.ui.good("✔"), plural(int64(len(r.Exposures)), "exposure"), out)
			if len(r.Left) > 0 {
				s.out("  %s", s.ui.dim("from nothing of dbt's, and left out: "+strings.Join(r.Left, ", ")))
			}
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "write to this file, in a folder of dbt's models, in place of the terminal")
	return c
}
