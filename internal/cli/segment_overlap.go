package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-data/weir/internal/app"
)

func (s *session) segmentOverlapCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "overlap [NAME NAME…]",
		Short: "How far segments have the same people in them",
		Long: `Compares segments by the members that the build in force has: how many are in both of each two, in
all of them, and in exactly which. Without names, the largest segments of the entity, up to 20.`,
		Example: `  weir segment overlap
  weir segment overlap vip newsletter_readers
  weir segment overlap vip newsletter_readers cart_abandoners --json`,
		RunE: func(c *cobra.Command, args []string) error {
			a, err := s.load(c.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			o, err := a.OverlapSegments(c.Context(), args)
			if err != nil {
				return err
			}
			s.result = o
			s.sheet(o.Timezone).overlap(o)
			return nil
		},
	}
}

func (p *sheet) overlap(o *app.SegmentOverlap) {
	p.out("%s  %s in at least one, %s in every one  %s", p.ui.bold(o.Entity), number(o.Any), number(o.All),
		p.ui.dim(fmt.Sprintf("as of %s %s, build %s", p.at(&o.AsOf), p.zone, o.Build)))
	both := map[[2]string]app.OverlapPair{}
	for _, x := range o.Pairs {
		both[[2]string{x.A, x.B}], both[[2]string{x.B, x.A}] = x, x
	}
	p.out("")
	head := []string{"", "SIZE", "ALONE"}
	for i := range o.Segments {
		head = append(head, fmt.Sprintf("%d", i+1))
	}
	rows := [][]string{head}
	var right []int
	for i, a := range o.Segments {
		row := []string{fmt.Sprintf("%d %s", i+1, a.Segment), number(a.Size), number(a.Alone)}
		for j, b := range o.Segments {
			switch {
			case i == j:
				row = append(row, "■")
			case a.Size == 0:
				row = append(row, "·")
			default:
				row = append(row, portion(both[[2]string{a.Segment, b.Segment}].Both, a.Size))
			}
		}
		rows = append(rows, row)
	}
	for i := range head[1:] {
		right = append(right, i+1)
	}
	p.rows(rows, right...)
	p.out("  %s", p.ui.dim("how much of the segment on the left is in the other one too"))
	if o.NotShown > 0 {
		p.out("  %s", p.ui.dim(fmt.Sprintf("%s not shown", counted(int64(o.NotShown), "smaller segment"))))
	}
	p.pairs(o)
	if len(o.Segments) > 2 && len(o.Exactly) > 0 {
		p.title("In exactly these", "")
		rows = nil
		for _, g := range o.Exactly {
			rows = append(rows, []string{number(g.Size), strings.Join(g.Segments, " + ")})
		}
		p.rows(rows, 0)
	}
}

// pairs lists each two that have somebody in common.
func (p *sheet) pairs(o *app.SegmentOverlap) {
	rows := [][]string{{"", "", "BOTH", "ONLY FIRST", "ONLY SECOND", "JACCARD"}}
	for _, x := range o.Pairs {
		if x.Both > 0 || len(o.Segments) == 2 {
			rows = append(rows, []string{x.A, x.B, number(x.Both), number(x.OnlyA), number(x.OnlyB), fmt.Sprintf("%.3f", x.Jaccard)})
		}
	}
	if len(rows) > 1 {
		p.title("Pairs", "")
		p.rows(rows, 2, 3, 4, 5)
	}
}

// portion writes a part of a whole; whole numbers, and < 1% for what is there.
func portion(n, of int64) string {
	switch {
	case n == 0:
		return "·"
	case 100*n < of:
		return "<1%"
	}
	return fmt.Sprintf("%d%%", 100*n/of)
}
