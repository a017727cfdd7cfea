package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) initCmd() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a new project to begin from",
		Long:  "Writes a small project for the embedded warehouse, with a comment on every part, and the\nschema that editors complete from. Files that exist are never changed.\n\nWith --from-dbt it proposes a project over the tables of dbt's instead: sources, keys, times and\nidentifiers by tests, relationships, names and types in target/manifest.json and catalog.json,\nand a target by dbt's profile. Each line says why it is there.",
		Example: `  weir init
  weir init ./crm
  weir init ./crm --from-dbt ../analytics`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := s.dir
			if len(args) == 1 {
				dir = args[0]
			}
			if from != "" {
				return s.initFromDBT(c.Context(), dir, from)
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
	c.Flags().StringVar(&from, "from-dbt", "", "propose a project from the dbt project in this folder")
	return c
}

func (s *session) initFromDBT(ctx context.Context, dir, from string) error {
	r, err := app.InitFromDBT(ctx, dir, from)
	if r != nil {
		s.result = r
		for _, f := range r.Files {
			s.out("%s %s", s.ui.good("+"), f)
		}
	}
	if err != nil {
		return err
	}
	seen := "manifest and catalog"
	if !r.DBT.Catalog {
		seen = "manifest; without a catalog only described and tested columns are known: dbt docs generate"
	}
	s.out("\nFrom dbt's %s:", seen)
	wide := 0
	for _, x := range r.Sources {
		wide = max(wide, len(x.Name))
	}
	for _, x := range r.Sources {
		line := fmt.Sprintf("  %-*s  key %s", wide, x.Name, x.Key)
		if t := cmp.Or(x.Time, x.UpdatedAt); t != "" {
			line += ", time " + t
		}
		if len(x.Identifiers) > 0 {
			line += ", " + strings.Join(slices.Sorted(maps.Keys(x.Identifiers)), " ")
		}
		s.out("%s", line)
	}
	if n := len(r.Left); n > 0 {
		s.out("  %s", s.ui.dim(fmt.Sprintf("%d left out; sources.yml says why", n)))
	}
	if r.DBT.Profile == "" {
		s.out("  %s", s.ui.dim("dbt's profile is not to be had: set the variables in weir.yml, which says why"))
	}
	at := ""
	if dir != "." {
		at = " -p " + dir
	}
	s.out("\nNext: read sources.yml and people.yml, then\n  weir doctor%s\n  weir build%s", at, at)
	return nil
}
