package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) forgetCmd() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "forget WHO",
		Short: "Erase one person: nothing is sent any more, and destinations take them out",
		Long: `WHO is a profile id, an identifier as TYPE=VALUE, a record as SOURCE=KEY, or a bare value, as with
weir profile get. Only keyed hashes of the identifiers are kept, by which they are recognised, also
when they come back. It cannot be undone. It says what would follow and asks; where nobody can be
asked, it does it only with --yes.

Rows of sources stay: weir only reads those.`,
		Example: `  weir forget email=ana@example.com
  weir forget cus_00000017 --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			f, err := a.Forget(c.Context(), args[0], false)
			if f == nil {
				return err
			}
			s.result = f
			if err != nil {
				if f.ProfileID == "" {
					s.result = f.Meant
					s.sheet("").meant(f.Meant)
				}
				return err
			}
			s.printForget(f)
			if f.Already {
				s.out("%s erased before: nothing changed", s.ui.dim("·"))
				return nil
			}
			if err := s.confirm(yes, "Erase "+f.ProfileID+" for good?"); err != nil {
				return err
			}
			if f, err = a.Forget(c.Context(), f.ProfileID, true); err != nil {
				return err
			}
			s.result = f
			s.out("%s %s is erased: nothing is sent any more", s.ui.good("✔"), f.ProfileID)
			if slices.ContainsFunc(f.Told, func(p app.ForgetPlace) bool { return p.Does != "nothing" && !p.Paused }) {
				s.out("    tell the destinations now:  weir run")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return c
}

func (s *session) printForget(f *app.Forgotten) {
	var ids []string
	for _, t := range slices.Sorted(maps.Keys(f.Identifiers)) {
		ids = append(ids, fmt.Sprintf("%s × %s", number(f.Identifiers[t]), t))
	}
	s.out("%s  %s, known by %s", s.ui.bold(f.ProfileID), f.Entity, strings.Join(ids, ", "))
	for _, p := range f.Told {
		place := p.Destination + " " + p.Object
		if p.Into != "" {
			place += " “" + p.Into + "”"
		}
		what := map[string]string{
			"erase":   "is told to erase the person with the next run of " + p.Sync,
			"delete":  "deletes the person's record with the next run of " + p.Sync,
			"remove":  "takes the person out with the next run of " + p.Sync,
			"nothing": "cannot take back what " + p.Sync + " sent (" + plural(p.Rows, "row") + "): delete it there by hand",
		}[p.Does]
		if p.Paused && p.Does != "nothing" {
			what += ", which is paused: weir sync resume " + p.Sync
		}
		s.out("    %s %s", place, what)
	}
	if len(f.Told) == 0 {
		s.out("    no destination was sent this person")
	}
	for _, r := range f.Remains {
		s.out("    source %s keeps %s: weir only reads it, delete them there", r.Source, plural(r.Rows, "row"))
	}
	if len(f.Remains) > 0 {
		s.out("    weir's own tables are made from those: the person leaves them with the build after")
	}
	for _, n := range f.Notes {
		s.out("    %s", n)
	}
}
