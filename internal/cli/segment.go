package cli

import (
	"github.com/spf13/cobra"
)

func (s *session) segmentCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "segment",
		Short: "Who is in a segment: how many, which of them, and how that changes",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(s.segmentCountCmd(), s.segmentPreviewCmd(), s.segmentOverlapCmd(), s.segmentDiffCmd(), s.segmentLiftCmd())
	return c
}
