package cli

import (
	"fmt"
	"maps"
	"math"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/syncs"
)

func (s *session) demoCmd() *cobra.Command {
	o := app.DemoOptions{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch weir do its whole job on an invented shop",
		Long:  "Invents a shop in an embedded warehouse, makes one profile per person, builds segments,\nplans, sends to local stand-ins of an email, an ad and an SMS tool, runs again with nothing\nto send, and shows what a changed model would do. Nothing leaves this machine.",
		Example: `  weir demo
  weir demo --once --json
  weir demo --people 1000000 --dir /tmp/big --once`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s.ui.brief = true
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
	head := func(n int, text, took string) {
		s.out("\n%s %s  %s", s.ui.bold(fmt.Sprintf("%d.", n)), s.ui.bold(text), took)
	}
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
		s.out("%s   The project that reads them is in %s: eight short YAML files.", table(rows, 1), r.Dir)
	case app.DemoBuilt:
		head(2, "One profile per person", took("build"))
		s.out("   %s rows → %s profiles of people, and %s of visitors who never said who they are.", number(r.Records), number(r.Known), number(r.Profiles-r.Known))
		s.out("   (Somebody whose rows have nothing in common has two: no data says that they are one person.)")
		if n := dropped(r.Stats); n > 0 {
			s.out("   %s shared or junk identifiers were kept from joining strangers.", number(n))
		}
		s.out("   The truth is known here, so it can be checked: of all pairs of rows put together, %s are one", percent(r.Identity.Precision))
		s.out("   person; of all pairs that the data can link, %s were put together.", percent(r.Identity.Recall))
		head(3, "Segments, which anyone can read in segments/segments.yml", "")
		var rows [][]string
		for _, k := range slices.Sorted(maps.Keys(r.Segments)) {
			rows = append(rows, []string{"     " + k, number(r.Segments[k])})
		}
		s.out("%s", strings.TrimRight(table(rows, 1), "\n"))
	case app.DemoPlanned:
		head(4, "The plan: what a run would send, before anything is sent", took("plan"))
		for _, p := range r.Plan {
			s.out("     %-18s %s for %-8s %s", p.Sync, s.ui.good("+"+number(p.Counts.Added)), p.Destination, s.ui.dim(leftOut(p.Counts)))
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
		s.out("   In a copy of segments.yml, vip begins at 800 instead of 500. The plan says who that moves, before")
		s.out("   anything is sent, and a guard holds what removes too many at once:")
		s.printSegments(r.Change)
		s.printSyncs(r.ChangePlan)
	case app.DemoDone:
		s.out("\n%s in %s. Yours to play with:", s.ui.good("Done"), seconds(r.Seconds["total"]))
		dir := r.Dir
		weir := "weir"
		if _, err := exec.LookPath("weir"); err != nil {
			weir = "go run ./cmd/weir"
		}
		for _, x := range [][2]string{
			{"edit " + dir + "/segments/segments.yml", "change who belongs"},
			{weir + " plan -p " + dir, "who joins, who leaves, what would be sent"},
			{weir + " run -p " + dir, "send exactly that"},
			{weir + " status -p " + dir, "how every sync stands"},
		} {
			s.out("     %-44s %s", x[0], s.ui.dim(x[1]))
		}
		if o.Once {
			return
		}
		s.out("\n   The sandboxes are on %s until Ctrl-C:", r.Address)
		for _, k := range slices.Sorted(maps.Keys(r.Sandbox)) {
			s.out("     %s/%s/_members", r.Address, k)
		}
	}
}

// leftOut says who a plan leaves out.
func leftOut(c syncs.Counts) string {
	var parts []string
	if c.Suppressed > 0 {
		parts = append(parts, number(c.Suppressed)+" suppressed: they did not say yes")
	}
	if c.Invalid > 0 {
		parts = append(parts, number(c.Invalid)+" invalid: nothing to reach them by")
	}
	return strings.Join(parts, "; ")
}

// percent never rounds up to 100 %.
func percent(x float64) string {
	if x == 1 {
		return "100%"
	}
	return fmt.Sprintf("%.2f%%", math.Floor(x*10000)/100)
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
