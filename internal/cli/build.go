package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) buildCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "build",
		Short: "Build profiles and segments in the warehouse; send nothing",
		Example: `  weir build
  weir build --target prod
  weir build --full   # identity from nothing; profiles keep their ids
  weir build --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			builds, err := a.Build(c.Context())
			res := map[string]any{"builds": builds}
			if c := a.Scanned(); c != nil {
				res["scan"] = c
			}
			s.result = res
			for _, b := range builds {
				s.printBuild(b)
			}
			s.printScan(a.Scanned())
			return err
		},
	}
	s.approvals(c)
	c.Flags().BoolVar(&s.full, "full", false, "build identity from nothing in place of going on from the last build; ids are kept")
	return c
}

// printScan tells what the sources cost to read, where the warehouse tells.
func (s *session) printScan(c *app.ScanCost) {
	if line := scanned(c); line != "" {
		s.out("%s", s.ui.dim(line))
	}
}

// scanned says how many bytes of the sources are scanned, and most of which; "" if that is not known.
func scanned(c *app.ScanCost) string {
	if c == nil || len(c.Sources) == 0 {
		return ""
	}
	if c.Bytes == 0 && len(c.Untold) == len(c.Sources) {
		return "The warehouse does not tell how much of " + strings.Join(c.Untold, ", ") + " is scanned"
	}
	line := "Scans " + app.Bytes(c.Bytes) + " of the sources"
	if c.MaxBytes > 0 {
		line += " of at most " + app.Bytes(c.MaxBytes)
	}
	if big := c.Sources[0]; big.Bytes > 0 && len(c.Sources) > 1 {
		line += ", most of " + big.Source + " (" + app.Bytes(big.Bytes) + ")"
	}
	if len(c.Untold) > 0 {
		line += "; not told for " + strings.Join(c.Untold, ", ")
	}
	return line
}

// keptApart tells what a build kept from joining people, and how large a profile got.
func keptApart(b app.BuildResult) string {
	var apart, invalid []string
	for _, name := range slices.Sorted(maps.Keys(b.Stats)) {
		n := b.Stats[name]
		rule, isRule := strings.CutPrefix(name, "dropped.")
		typ, isType := strings.CutPrefix(name, "invalid.")
		switch {
		case n == 0:
		case isRule && rule != "invalid":
			apart = append(apart, number(n)+" "+rule)
		case isType:
			invalid = append(invalid, number(n)+" "+typ)
		}
	}
	parts := []string{"largest profile: " + plural(b.Stats["profile.largest"], "identifier")}
	if len(apart) > 0 {
		parts = append(parts, "kept apart: "+strings.Join(apart, ", "))
	}
	if len(invalid) > 0 {
		parts = append(parts, "invalid: "+strings.Join(invalid, ", "))
	}
	return strings.Join(parts, " · ")
}

// printBuild prints a build, then lines about it, then its segments.
func (s *session) printBuild(b app.BuildResult, lines ...string) {
	from := ""
	if b.Records > 0 { // known right after a build only
		from = number(b.Records) + " records → "
	}
	s.out("%s: %s%s profiles  %s", s.ui.bold(b.Entity), from, number(b.Profiles), s.ui.dim("build "+b.Build+" as of "+b.AsOf.Format("2006-01-02 15:04 MST")))
	switch b.Identity {
	case "incremental":
		s.out("  identity: gone on from the build before")
	case "full":
		s.out("  identity: from nothing (%s)", b.Why)
	}
	if line := matched(b); line != "" {
		s.out("  %s", line)
	}
	for _, line := range append(unpredicted(b), lines...) {
		s.out("  %s", line)
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(b.Segments)) {
		rows = append(rows, []string{"  " + name, number(b.Segments[name]), armWords(name, b.Arms)})
	}
	if len(rows) > 0 && !s.json {
		s.out("%s", table(rows, 1))
	}
}

// armWords lists the arms of a segment with how many are in each; "" for one without arms.
func armWords(segment string, arms []app.ArmSize) string {
	var out []string
	for _, a := range arms {
		if a.Segment == segment {
			out = append(out, a.Arm+" "+number(a.Members))
		}
	}
	return strings.Join(out, " · ")
}
