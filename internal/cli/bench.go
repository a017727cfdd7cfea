package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) benchCmd() *cobra.Command {
	o := app.BenchOptions{}
	var part string
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast weir delivers on this machine",
		Long: "Makes people in a warehouse of its own and an endpoint in a process of its own, runs real syncs\n" +
			"between them, and shows CPU seconds and ratios beside a bare Go loop and SQL by hand that are\n" +
			"measured in the same run. The bars are those of ten million rows with a million changes; those\n" +
			"of whole syncs shrink with fewer. Nothing leaves this machine, and nothing stays on it.",
		Example: `  weir bench
  weir bench --rows 10000000 --changes 1000000
  weir bench --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if part != "" {
				return app.BenchPart(c.Context(), part, s.stdin, s.stdout)
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this program: %w", err)
			}
			o.Command = []string{self, "bench", "--part"}
			o.Progress = func(text string) { s.ui.event(app.Event{Kind: "step.started", Step: "bench", Text: text}) }
			r, err := app.Bench(c.Context(), o)
			if err != nil {
				return err
			}
			s.result = r
			s.printBench(r)
			return nil
		},
	}
	f := c.Flags()
	f.Int64Var(&o.Rows, "rows", 1_000_000, "people who were sent before")
	f.Int64Var(&o.Changes, "changes", 100_000, "of the sync that is measured")
	f.IntVar(&o.Workers, "workers", 16, "calls at once")
	f.DurationVar(&o.Latency, "latency", 50*time.Millisecond, "of the endpoint that takes its time")
	f.StringVar(&o.Memory, "memory", "256MB", "memory_limit of the warehouse")
	f.StringVar(&part, "part", "", "")
	_ = f.MarkHidden("part") // it is there
	return c
}

func (s *session) printBench(r *app.BenchResult) {
	s.out("%s people, %s changes, %d workers, warehouse limited to %s, %d processors\n", number(r.Rows), number(r.Changes), r.Workers, r.Memory, r.CPUs)
	rows := [][]string{{"", "", "", "bar", "", "beside"}}
	missed := 0
	for _, f := range r.Figures {
		sign := s.ui.good("✔")
		if !f.Kept {
			sign = s.ui.bad("✘")
			missed++
		}
		v := fmt.Sprintf("%.2f", f.Value)
		if f.Value >= 100 {
			v = number(int64(f.Value))
		}
		rows = append(rows, []string{f.What, v, f.Unit, f.Bar, sign, f.Baseline})
	}
	s.out("%s", table(rows, 1))
	if missed > 0 {
		s.out("%s below the bar: %d of %d. On a busy machine run it again.", s.ui.bad("✘"), missed, len(r.Figures))
	}
}
