package main_test

import (
	"database/sql"
	"fmt"
	"io"
	"os"
	"regexp"
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

// The test binary is weir when it is called by that name, and a small tool for warehouses.
func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){"weir": cli.Exec, "duckdb": duckdb})
}

// tidy removes what the tests share when they are over.
type tidy struct{ m *testing.M }

func (t tidy) Run() int {
	code := t.m.Run()
	if demoDir != "" {
		_ = os.RemoveAll(demoDir) // of no use to anybody, and in the folder for such
	}
	return code
}

// thorough reports whether WEIR_THOROUGH asks for all there is, as make proof does.
func thorough() bool { return os.Getenv("WEIR_THOROUGH") != "" }

// duckdb FILE SQL… executes statements and prints what the last one gives, a row a line.
// duckdb FILE hold keeps the file open until stdin ends.
func duckdb() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	db, err := sql.Open("duckdb", os.Args[1])
	fail(err)
	defer db.Close()
	fail(db.Ping())
	if os.Args[2] == "hold" {
		fmt.Println("held")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	for _, s := range os.Args[2 : len(os.Args)-1] {
		_, err := db.Exec(s)
		fail(err)
	}
	rows, err := db.Query(os.Args[len(os.Args)-1])
	fail(err)
	defer rows.Close()
	names, err := rows.Columns()
	fail(err)
	for rows.Next() {
		values := make([]any, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		fail(rows.Scan(into...))
		fmt.Println(values...)
	}
	fail(rows.Err())
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("WEIR_UPDATE") != "",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"capture": capture},
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			e.Setenv("CI", "true")
			return nil
		},
	})
}

// capture VAR PATTERN sets a variable to the first group of the pattern in the last stdout.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture VAR PATTERN")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 2 {
		ts.Fatalf("nothing matches %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}
