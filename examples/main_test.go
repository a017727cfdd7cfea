//go:build cgo && !noduckdb && unix

package examples_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/weir-data/weir/destinations/file"
	_ "github.com/weir-data/weir/destinations/http"
	_ "github.com/weir-data/weir/destinations/klaviyo"
	_ "github.com/weir-data/weir/destinations/meta"
	_ "github.com/weir-data/weir/destinations/twilio"
	"github.com/weir-data/weir/internal/cli"
	_ "github.com/weir-data/weir/internal/warehouse/bigquery"
	_ "github.com/weir-data/weir/internal/warehouse/duckdb"
	_ "github.com/weir-data/weir/internal/warehouse/postgres"
	_ "github.com/weir-data/weir/internal/warehouse/snowflake"
)

// programs are what the READMEs call beside the shell's own: the test binary is each of them when it is
// called by its name. snow, bq and duckdb do as much of the warehouses' own programs as the READMEs
// use, which is to run a file of statements; whatever else they are asked for fails.
var programs = map[string]func(args []string, in io.Reader) error{
	"weir":   nil,
	"duckdb": duckdb,
	"snow":   snow,
	"bq":     bq,
}

func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	run, ok := programs[name]
	switch {
	case ok && run == nil:
		cli.Exec()
	case ok:
		if err := run(os.Args[1:], os.Stdin); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// tools is a folder with the programs.
func tools(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name := range programs {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var comments = regexp.MustCompile(`--[^\n]*`)

// statements are those of a file, which has no semicolon inside of one.
func statements(in io.Reader) ([]string, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	var out []string
	for s := range strings.SplitSeq(comments.ReplaceAllString(string(text), ""), ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

func execute(driver, dsn string, in io.Reader) error {
	all, err := statements(in)
	if err != nil {
		return err
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // USE holds for what follows
	for _, s := range all {
		if _, err := db.Exec(s); err != nil {
			return fmt.Errorf("%w\n%s", err, s)
		}
	}
	return nil
}

// duckdb FILE runs the statements of stdin.
func duckdb(args []string, in io.Reader) error {
	if len(args) != 1 {
		return errors.New("this stand-in knows: duckdb FILE <statements")
	}
	return execute("duckdb", args[0], in)
}

// snow sql -f FILE runs the statements of a file on the stand-in that STANDIN names.
func snow(args []string, _ io.Reader) error {
	if len(args) != 3 || args[0] != "sql" || args[1] != "-f" {
		return errors.New("this stand-in knows: snow sql -f FILE")
	}
	f, err := os.Open(args[2])
	if err != nil {
		return err
	}
	defer f.Close()
	return execute("snowflake", os.Getenv("STANDIN"), f)
}

// bq query --use_legacy_sql=false runs the statements of stdin on the emulator that STANDIN names.
func bq(args []string, in io.Reader) error {
	if len(args) != 2 || args[0] != "query" || args[1] != "--use_legacy_sql=false" {
		return errors.New("this stand-in knows: bq query --use_legacy_sql=false <statements")
	}
	all, err := statements(in)
	if err != nil {
		return err
	}
	for _, s := range all {
		path, asked := "queries", map[string]any{"query": s, "useLegacySql": false}
		if name, ok := strings.CutPrefix(s, "CREATE SCHEMA IF NOT EXISTS "); ok { // the emulator makes datasets by its API alone
			path, asked = "datasets", map[string]any{"datasetReference": map[string]string{"datasetId": name}}
		}
		if err := post(os.Getenv("STANDIN")+"/bigquery/v2/projects/emulated/"+path, asked); err != nil {
			return fmt.Errorf("%w\n%s", err, s)
		}
	}
	return nil
}

// post sends JSON to the emulator.
func post(url string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	resp, err := http.Post(url, "application/json", bytes.NewReader(body)) //nolint:noctx // the program ends with it
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	return err
}
