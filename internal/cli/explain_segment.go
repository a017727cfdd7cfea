package cli

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weir-data/weir/internal/app"
)

// onTerminal reports whether a stream is a terminal. It is a variable for tests.
var onTerminal = func(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (s *session) explainSegmentCmd() *cobra.Command {
	var o app.ExplainOptions
	var near bool
	c := &cobra.Command{
		Use:   "segment NAME [WHO]",
		Short: "Why a person is in a segment, or is not; who misses only one condition",
		Long: `WHO is a profile id, an identifier as TYPE=VALUE, a record as SOURCE=KEY, or a bare value, as in
weir profile get.

It prints the conditions of the segment as a tree: ✓ or ✗, what the person has, and the rows behind
it; then the policies that keep the person out. It asks the build in force, at its time, by the
conditions as they are written now; where the build has the person otherwise, it says so.

Values of traits with a pii tag are masked; --reveal shows them, on a terminal only. With --near
and no WHO it counts who misses only one condition.`,
		Example: `  weir explain segment vip_lapsed email=ana@example.com
  weir explain segment vip_lapsed cus_00000017 --destination klaviyo
  weir explain segment vip_lapsed --near`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case near && len(args) == 2:
				return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "--near counts everybody, and is not about one person", Fix: "leave " + args[1] + " out, or --near"}
			case !near && len(args) == 1:
				return &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "whom to explain it for is not said", Fix: "weir explain segment " + args[0] + " email=ana@example.com, or --near for who misses only one condition"}
			}
			if err := positive("latest", o.Latest); err != nil {
				return err
			}
			if err := s.mayReveal(o.Reveal); err != nil {
				return err
			}
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			if near {
				n, err := a.CountSegment(c.Context(), args[0])
				if err != nil {
					return err
				}
				s.result = n
				s.sheet(n.Timezone).nearMisses(n)
				return nil
			}
			x, err := a.ExplainSegment(c.Context(), args[0], args[1], o)
			if x == nil {
				return err
			}
			p := s.sheet(x.Timezone)
			if err != nil {
				s.result = x.Meant
				p.meant(x.Meant)
				return err
			}
			s.result = x
			p.segmentExplanation(x)
			return nil
		},
	}
	f := c.Flags()
	f.BoolVar(&near, "near", false, "count who misses only one condition")
	f.StringVar(&o.Purpose, "purpose", "", "only this purpose; those of the segment's syncs if not given")
	f.StringVar(&o.Destination, "destination", "", "the purpose of this destination, and what may not go there")
	f.BoolVar(&o.Reveal, "reveal", false, "show personal data as it is; on a terminal only")
	f.IntVar(&o.Latest, "latest", 5, "how many rows are listed at a condition about rows")
	return c
}

// mayReveal refuses to show personal data anywhere but on a terminal, where it is not kept.
func (s *session) mayReveal(reveal bool) error {
	if !reveal || !s.json && onTerminal(s.stdout) {
		return nil
	}
	return &app.Error{Kind: app.Refused, Code: "cli.reveal", Message: "--reveal shows personal data on a terminal only", Fix: "run it on a terminal, without --json"}
}
