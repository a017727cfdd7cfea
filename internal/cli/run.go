package cli

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/syncs"
)

func (s *session) runCmd() *cobra.Command {
	var plan, release string
	c := &cobra.Command{
		Use:   "run",
		Short: "Build, then send exactly what changed",
		Long:  "Builds profiles and segments, compares them with what each destination last accepted, and\nsends the difference. The first Ctrl-C stops after what is on its way and records it; the\nnext run goes on from there.\n\nA sync with after: begins when the one that it follows has ended ok or degraded, if both were picked,\nand is skipped otherwise.\n\n--plan sends exactly what weir plan --out saved, and --release exactly what a guard held, after a\nperson has looked at it; both refuse, and say what moved, if it does not fit any more.",
		Example: `  weir run
  weir run --select vip_lapsed+
  weir run --target prod --json
  weir run --plan plan.json
  weir run --release 20261122_140003_x7k2ab`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			var r *app.RunResult
			switch {
			case plan != "" || release != "":
				r, err = s.runSaved(c.Context(), a, plan, release)
			default:
				r, err = a.Run(c.Context())
			}
			if r != nil {
				s.result = r
				for _, b := range r.Before {
					s.out("%s %-24s %s", s.ui.dim("·"), b.Sync, b.How)
				}
				for _, b := range r.Builds {
					s.printBuild(b)
				}
				s.printScan(r.Scan)
				s.printReports(r.Runs)
				s.printPaused(r.Paused)
				for _, k := range r.Skipped {
					s.out("%s %-24s skipped   it comes after %s, and %s", s.ui.warn("‖"), k.Sync, k.After, k.Reason)
				}
			}
			if r != nil || plan == "" && release == "" {
				s.tell(c.Context(), a, r, err)
			}
			if err != nil {
				return err
			}
			return app.Worst(r.Runs)
		},
	}
	s.approvals(c)
	c.Flags().BoolVar(&s.alert, "alert", false, "tell the project's alerts how it went, as weir serve does")
	c.Flags().StringVar(&plan, "plan", "", "send exactly this saved plan: a file of weir plan --out")
	c.Flags().StringVar(&release, "release", "", "send exactly what a guard held: the id of the held run, or of a saved plan")
	return c
}

// runSaved sends a plan that was saved, or held.
func (s *session) runSaved(ctx context.Context, a *app.App, plan, release string) (*app.RunResult, error) {
	if plan != "" && release != "" || len(s.selects) > 0 || s.asOf != "" {
		return nil, &app.Error{Kind: app.Refused, Code: "cli.usage", Message: "a saved plan is sent as it is: --plan and --release go with none of the other, --select and --as-of", Fix: "plan again for anything else: weir plan --select NAME --out FILE"}
	}
	var f *app.PlanFile
	var err error
	if plan != "" {
		f, err = app.ReadPlan(plan)
	} else {
		f, err = a.KeptPlan(ctx, release)
	}
	if err != nil {
		return nil, err
	}
	return a.RunSaved(ctx, f, app.SavedOptions{File: plan, Release: release != "", By: whoami()})
}

// approvals gives a command the flag by which a person accepts what a guard held.
func (s *session) approvals(c *cobra.Command) {
	c.Flags().StringSliceVar(&s.approve, "approve", nil, "codes of guards whose plan or build was read and is accepted, this once")
}

// printReports prints how runs ended.
func (s *session) printReports(reports []syncs.Report) {
	if s.json {
		return
	}
	for _, r := range reports {
		s.out("%s %-24s %-9s %s  %s", s.ui.mark(r.Status), r.Sync, r.Status, counts(r.Counts), s.ui.dim(seconds(r.Ended.Sub(r.Started).Seconds())))
		if r.Tally != nil {
			s.printFurther(*r.Tally)
		}
		for _, h := range r.Holds {
			s.out("    held: %s\n      %s", h.What, h.Fix)
		}
		if r.Error != "" && len(r.Holds) == 0 {
			s.out("    %s %s", r.Error, s.ui.dim(r.Code))
			if r.Fix != "" {
				s.out("      %s", r.Fix)
			}
		}
		for _, code := range slices.Sorted(maps.Keys(r.Rejects)) {
			reason := r.Reasons[code]
			if reason == "" {
				reason = meaning[code]
			}
			s.out("    %s × %s  %s", number(r.Rejects[code]), code, s.ui.dim(reason))
		}
		for _, n := range r.Notes {
			s.out("    %s", s.ui.dim(n))
		}
		if r.Status == syncs.Stopped {
			s.out("    go on with: weir run --select %s", r.Sync)
		}
		if r.Counts.InDoubt > 0 {
			s.out("    %s may or may not have arrived; see: weir runs show %s", number(r.Counts.InDoubt), r.Run)
		}
	}
}

// meaning says in words why rows of a code were not sent, where no vendor has said it.
var meaning = map[string]string{
	"syncs.missing_match":    "the person has no value to be found by there",
	"syncs.missing_field":    "a required field is empty",
	"syncs.shared_match":     "another profile has the same address or number, and was sent",
	"syncs.cannot_normalise": "the value is not one that the destination can take",
	"syncs.null_key":         "the row has no key",
	"syncs.doubled_key":      "another row has the same key",
}
