package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) segmentCountCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "count NAME",
		Short: "How many are in a segment, and for how many each condition is true",
		Long: `Counts by the conditions as they are written now, on the build in force, in one query. Beside each
condition stand how many it is true for alone, and how many are left by it together with those above
it. An edited or new segment can be counted before it is built; how the build has it is said too.`,
		Example: `  weir segment count vip_lapsed
  weir segment count vip_lapsed --as-of 2026-06-01T00:00:00Z
  weir segment count vip_lapsed --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			n, err := a.CountSegment(c.Context(), args[0])
			if err != nil {
				return err
			}
			s.result = n
			s.sheet(n.Timezone).segmentCount(n)
			return nil
		},
	}
}

func (p *sheet) segmentCount(n *app.SegmentCount) {
	head := p.ui.bold(n.Segment) + "  " + p.ui.bold(number(n.Size)) + " of " + number(n.Total) + share(n.Size, n.Total)
	asOf := fmt.Sprintf("as of %s %s, build %s", p.at(&n.AsOf), p.zone, n.Build)
	if onTerminal(p.stdout) {
		asOf += ", counted in " + seconds(n.Seconds)
	}
	p.out("%s  %s", head, p.ui.dim(asOf))
	p.out("")
	list := []branch{{cells: []string{"alone", "left"}}}
	p.branches(p.countBranches(list, n.Tree, "", ""), 0, 1)
	if text := n.Differs(); text != "" {
		p.out("")
		p.say(p.ui.warn("!"), text)
	}
	if len(n.Purposes) > 0 {
		p.title("May be reached for", "")
		var rows [][]string
		for _, x := range n.Purposes {
			rows = append(rows, []string{x.Purpose, number(x.Left), number(x.KeptOut) + " kept out" + barredToo(x)})
		}
		p.rows(rows, 1, 2)
	}
}

// barredToo says how many are erased or suppressed, beside those whom policies keep out.
func barredToo(x app.PurposeCount) string {
	if x.Barred == 0 {
		return ""
	}
	return ", " + number(x.Barred) + " erased or suppressed"
}

// countBranches lays a tree of counts out.
func (p *sheet) countBranches(list []branch, n *app.CountNode, lead, under string) []branch {
	b := branch{lead: lead, text: n.Text, cells: []string{number(n.Alone), ""}, place: place(n.File, n.Line)}
	if n.Together != nil {
		b.cells[1] = number(*n.Together)
	}
	if n.Again {
		b.text += " (as above)"
	}
	list = append(list, b)
	for i, c := range n.Children {
		own, next := below(under, i == len(n.Children)-1)
		list = p.countBranches(list, c, own, next)
	}
	return list
}

// share writes a part of a whole as a percentage in brackets.
func share(n, of int64) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.1f%%)", 100*float64(n)/float64(of))
}
