package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) doctorCmd() *cobra.Command {
	var adopt, back bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Whether everything that a run needs is there, and what to do if not",
		Long: "Connects to the warehouse, looks at its clock, proves each right that weir needs there and prints\n" +
			"the statement that gives one that is missing, makes and drops a table in weir's schema, reads a\n" +
			"row of each source, compares this machine's store with the ledger, and asks each destination\n" +
			"whether it takes the credentials. It sends nothing. Exits 3 if something is not there, 2 if\nsomething must be changed.",
		Example: `  weir doctor
  weir doctor --target prod --json
  weir doctor --adopt-store
  weir doctor --restore-ledger`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			if back {
				r, err := a.RestoreLedger(c.Context())
				if err != nil {
					return err
				}
				s.result = r
				s.printRestored(r)
				return nil
			}
			x, err := a.Doctor(c.Context(), adopt)
			s.result = x
			for _, d := range x.Checks {
				s.printDiagnosis(d)
			}
			return err
		},
	}
	c.Flags().BoolVar(&adopt, "adopt-store", false, "let this machine run here though others did: what they were sending is in doubt then")
	c.Flags().BoolVar(&back, "restore-ledger", false, "bring the ledgers of a lost DuckDB file back from the newest copy beside it, and do nothing else")
	return c
}

func (s *session) printRestored(r *app.RestoredLedger) {
	s.out("%s the ledgers are those of %s (copy %d): %s", s.ui.good("✔"), r.Of.Format("2006-01-02 15:04:05 UTC"), r.Copy, strings.Join(r.Syncs, ", "))
	if !r.Newest {
		s.out("    newer copies cannot be read: %s", strings.Join(r.Notes, "; "))
	}
	for _, name := range r.Unknown {
		s.out("    %s sent more after that, which is not known any more: send all of it again with  weir sync full %s", name, name)
	}
	s.out("    go on with:  weir run")
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
