package main_test

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	_ "github.com/weir-data/weir/destinations/file"
	_ "github.com/weir-data/weir/destinations/http"
	_ "github.com/weir-data/weir/destinations/klaviyo"
	_ "github.com/weir-data/weir/destinations/meta"
	_ "github.com/weir-data/weir/destinations/twilio"
	"github.com/weir-data/weir/internal/cli"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb"
)

// The test binary is weir when it is called by that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"weir": cli.Exec})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("WEIR_UPDATE") != "",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			e.Setenv("CI", "true")
			return nil
		},
	})
}
