package cli

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (s *session) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": "(devel)"}
			if bi, ok := debug.ReadBuildInfo(); ok {
				v["go"] = bi.GoVersion
				if bi.Main.Version != "" {
					v["version"] = bi.Main.Version
				}
				for _, st := range bi.Settings {
					if st.Key == "vcs.revision" {
						v["commit"] = st.Value
					}
				}
			}
			s.result = v
			s.out("weir %s %s", v["version"], v["go"])
			return nil
		},
	}
}
