package cli

import (
	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) doctorCmd() *cobra.Command {
	var adopt bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Whether everything that a run needs is there, and what to do if not",
		Long: "Connects to the warehouse, looks at its clock, proves each right that weir needs there and prints\n" +
			"the statement that gives one that is missing, makes and drops a table in weir's schema, reads a\n" +
			"row of each source, compares this machine's store with the ledger, and asks each destination\n" +
			"whether it takes the credentials. It sends nothing. Exits 3 if something is not there, 2 if\nsomething must be changed.",
		Example: `  weir doctor
  weir doctor --target prod --json
  weir doctor --adopt-store`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			x, err := a.Doctor(c.Context(), adopt)
			s.result = x
			for _, d := range x.Checks {
				s.printDiagnosis(d)
			}
			return err
		},
	}
	c.Flags().BoolVar(&adopt, "adopt-store", false, "let this machine run here though others did: what they were sending is in doubt then")
	return c
}

func (s *session) printDiagnosis(d app.Diagnosis) {
	mark := s.ui.bad("✖")
	switch d.State {
	case "ok":
		mark = s.ui.good("✔")
	case "note":
		mark = s.ui.dim("·")
	}
	s.out("%s %-22s %s", mark, d.Name, d.What)
	if d.Fix != "" {
		s.out("    %s", d.Fix)
	}
}
