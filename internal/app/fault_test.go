package app

import (
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/build"
	"github.com/weir-data/weir/internal/project"
)

// TestHeldFix: what lets a held build through is a command that the target allows.
func TestHeldFix(t *testing.T) {
	for send, want := range map[string]string{"": "build", "none": "build", "sandbox": "run", "live": "run"} {
		a := &App{p: &project.Project{Target: project.Target{Name: "dev", Send: send}}}
		got := a.heldFix(&build.HeldError{Entity: "customer", Code: build.CodeMerged})
		if want := "let it through once: weir " + want + " --approve identity.max_merged"; !strings.HasSuffix(got, want) {
			t.Errorf("send %q: %s, want %s", send, got, want)
		}
	}
}
