package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) testCmd() *cobra.Command {
	var junit string
	c := &cobra.Command{
		Use:   "test [NAME…]",
		Short: "Run the tests of the models",
		Long: "Runs the tests of the project, or those whose names match: each in a warehouse of its own in\n" +
			"memory, with the rows that it gives and a clock that stands still. Nothing of the target is\n" +
			"touched. Shows what was expected and did not come out, and what came out unexpected.",
		Example: `  weir test
  weir test 'vip_*'
  weir test --junit report.xml`,
		RunE: func(c *cobra.Command, names []string) error {
			start := time.Now()
			s.offline = true
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			res, err := a.Test(c.Context(), names, s.testDone)
			if err != nil {
				return err
			}
			s.result = res
			if junit != "" {
				if err := writeJUnit(junit, a.Summary().Project, res); err != nil {
					return err
				}
			}
			if len(res.Tests) == 0 {
				s.out("there are no tests: write one under tests: in any file of the project")
				return nil
			}
			mark, failed := s.ui.good("✔"), ""
			if res.Failed > 0 {
				mark, failed = s.ui.bad("✖"), fmt.Sprintf(", %d failed", res.Failed)
				s.code = exitFailed
			}
			s.out("%s %d passed%s  %s", mark, res.Passed, failed, s.ui.dim(seconds(time.Since(start).Seconds())))
			return nil
		},
	}
	c.Flags().StringVar(&junit, "junit", "", "also write the results as JUnit XML to this file")
	return c
}

// testDone prints what came of one test.
func (s *session) testDone(t app.TestResult) {
	if t.OK {
		s.out("%s %s  %s", s.ui.good("✔"), t.Name, s.ui.dim(seconds(t.Seconds)))
		return
	}
	s.out("%s %s  %s", s.ui.bad("✖"), s.ui.bold(t.Name), s.ui.dim(fmt.Sprintf("%s:%d", t.File, t.Line)))
	for _, f := range t.Failures {
		for _, line := range failureLines(f) {
			switch line[0] {
			case '-':
				line = s.ui.bad(line)
			case '+':
				line = s.ui.good(line)
			}
			s.out("    %s", line)
		}
	}
}

// failureLines are a failure for people: a headline, then expected rows that are missing after -
// and rows that were not expected after +.
func failureLines(f app.TestFailure) []string {
	head := f.Message
	if f.Of != "" {
		head = f.Of + ": " + head
	}
	out := []string{fmt.Sprintf("%s  (%s:%d)", head, f.File, f.Line)}
	for _, d := range f.Missing {
		out = append(out, "- "+d.Row)
		if d.Nearest != "" {
			out = append(out, "      nearest: "+d.Nearest)
		}
		for _, why := range d.Why {
			out = append(out, "      "+why)
		}
	}
	for _, u := range f.Unexpected {
		out = append(out, "+ "+u)
	}
	return out
}
