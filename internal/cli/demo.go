package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) demoCmd() *cobra.Command {
	o := app.DemoOptions{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch weir do its whole job on a shop of its own",
		Long:  "Invents a shop in an embedded warehouse, makes one profile per person, builds segments,\nplans, sends to local stand-ins of an email, an ad and an SMS tool, runs again with nothing\nto send, and shows what a changed model would do. Nothing leaves this machine.",
		Example: `  weir demo
  weir demo --once --json
  weir demo --people 1000000 --dir /tmp/big --once`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Progress = s.ui.event
			o.Say = func(d app.DemoStage, r *app.DemoResult) { s.printStage(d, r, o) }
			r, err := app.Demo(c.Context(), o)
			if r != nil {
				s.result = r
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "dir", "weir-demo", "folder for the project and its warehouse; made anew")
	f.IntVar(&o.People, "people", 20000, "how many people to invent")
	f.Uint64Var(&o.Seed, "seed", 1, "the same seed gives the same shop")
	f.BoolVar(&o.Once, "once", false, "end after the story instead of serving the sandboxes")
	f.StringVar(&o.Addr, "addr", "127.0.0.1:0", "address of the sandboxes; port 0 takes a free one")
	return c
}

// printStage tells one part of the story as soon as it has happened.
func (s *session) printStage(stage app.DemoStage, r *app.DemoResult, o app.DemoOptions) {
	if s.json {
		return
	}
	took := func(phases ...string) string {
		var x float64
		for _, p := range phases {
			x += r.Seconds[p]
		}
		return s.ui.dim(seconds(x))
	}
	head := func(n int, text, took string) { s.out("\n%s %s  %s", s.ui.bold(fmt.Sprintf("%d.", n)), s.ui.bold(text), took) }
	switch stage {
	case app.DemoHello:
		s.out("%s · everything stays on this machine (%s, 127.0.0.1 only)", s.ui.bold("weir demo"), r.Dir)
	case app.DemoData:
		head(1, "A shop with five tables", took("data"))
		s.out("   %s people left %s rows behind, typed by hand, doubled, shared and half empty:", number(int64(r.People)), number(r.Records))
		var rows [][]string
		for _, k := range slices.Sorted(maps.Keys(r.Rows)) {
			rows = append(rows, []string{"     " + k, number(r.Rows[k])})
		}
		s.out("%s   The project that reads them is in %s: seven short YAML files.", table(rows, 1), r.Dir)
	case app.DemoBuilt:
		head(2, "One profile per person", took("build"))
		s.out("   %s rows → %s profiles, found inside the warehouse.", number(r.Records), number(r.Profiles))
		s.out("   Checked against the truth: of the pairs put together %.3f %% are one person; of the", r.Identity.Precision*100)
		s.out("   pairs that the data can join, %.2f %% were joined.", r.Identity.Recall*100)
		if n := dropped(r.Stats); n > 0 {
			s.out("   %s shared or junk identifiers were kept from joining strangers.", number(n))
		}
		head(3, "Segments", "")
		var rows [][]string
		for _, k := range slices.Sorted(maps.Keys(r.Segments)) {
			rows = append(rows, []string{"     " + k, number(r.Segments[k])})
		}
		s.out("%s", strings.TrimRight(table(rows, 1), "\n"))
	case app.DemoPlanned:
		head(4, "The plan: what a run would send, before anything is sent", took("plan"))
		for _, p := range r.Plan {
			s.out("     %-18s %s %s  → %s", p.Sync, s.ui.good("+"+number(p.Counts.Added)), s.ui.bad("−"+number(p.Counts.Removed)), p.Destination)
			if p.Counts.Suppressed > 0 {
				s.out("     %-18s %s left out: they did not say yes", "", number(p.Counts.Suppressed))
			}
		}
	case app.DemoFirst:
		head(5, "The run", took("first_run"))
		s.printReports(r.FirstRun)
		s.out("   The sandboxes hold now:")
		for _, k := range slices.Sorted(maps.Keys(r.Sandbox)) {
			s.out("     %-18s %s", k, number(r.Sandbox[k]))
		}
	case app.DemoSecond:
		head(6, "The same run again: nothing to do", took("second_run"))
		s.printReports(r.SecondRun)
	case app.DemoChanged:
		head(7, "A changed model", took("change"))
		s.out("   In a copy of segments.yml, vip now begins at 600 instead of 500. The plan says who that moves,")
		s.out("   and nothing is sent:")
		s.printSegments(r.Change)
	case app.DemoDone:
		s.out("%s in %s. Yours to play with:", s.ui.good("Done"), seconds(r.Seconds["total"]))
		dir := r.Dir
		s.out("     %-48s %s", "cd "+dir, "")
		s.out("     %-48s %s", "edit segments/segments.yml, then: weir plan", s.ui.dim("who joins, who leaves"))
		s.out("     %-48s %s", "weir run", s.ui.dim("send exactly that"))
		s.out("     %-48s %s", "weir status", s.ui.dim("how every sync stands"))
		if o.Once {
			return
		}
		s.out("\n   The sandboxes are on %s until Ctrl-C:", r.Address)
		for _, k := range slices.Sorted(maps.Keys(r.Sandbox)) {
			s.out("     %s/%s/_members", r.Address, k)
		}
	}
}

// dropped sums what limits, junk and sharing kept apart.
func dropped(stats map[string]int64) int64 {
	var n int64
	for k, v := range stats {
		if strings.HasPrefix(k, "dropped.") {
			n += v
		}
	}
	return n
}
