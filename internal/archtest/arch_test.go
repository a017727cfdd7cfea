package archtest

import (
	"bufio"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/weir-data/weir/"

// layers of internal, from the top. A package may import packages of lower layers and the public
// ones; packages of one layer only what peers says.
var layers = [][]string{
	{"cli"},
	{"schedule", "server"},
	{"app"},
	{"modeltests"},
	{"demo", "build", "jobs", "bench"},
	{"project", "compile", "ledger", "store"},
	{"warehouse", "dbt"},
	{"dialect"},
	{"rel", "yamldoc", "explain", "lift", "purchases", "alert", "trace"},
}

// peers are the imports inside a layer, or below it past the rule, that the drawing shows.
var peers = map[string][]string{
	"internal/ledger": {"internal/compile"}, // compiled rows come in, changes go out
}

// private are rooms that only some may enter.
var private = map[string][]string{
	"github.com/hashicorp/go-retryablehttp":          {"destinations/rest", "internal/alert"},
	"github.com/prometheus/client_golang/prometheus": {"internal/server"},
	"go.opentelemetry.io/otel":                       {"internal/trace"},
	"go.opentelemetry.io/otel/trace":                 {"internal/trace"},
	"github.com/wneessen/go-mail":                    {"internal/alert"},
	"github.com/duckdb/duckdb-go/v2":                 {"internal/warehouse/duckdb"},
	"github.com/jackc/pgx/v5":                        {"internal/warehouse/postgres", "internal/warehouse/redshift", "internal/store", "internal/jobs"},
	"github.com/databricks/databricks-sql-go":        {"internal/warehouse/databricks"},
	"github.com/snowflakedb/gosnowflake":             {"internal/warehouse/snowflake"},
	"github.com/riverqueue/river":                    {"internal/jobs"},
	"modernc.org/sqlite":                             {"internal/store"},
	"github.com/spf13/cobra":                         {"internal/cli"},
	"gopkg.in/yaml.v3":                               {"internal/yamldoc", "internal/project"},
	module + "examples":                              {"internal/app", "internal/demo", "internal/cli"},
}

type source struct {
	file, pkg string // slash paths from the root; pkg is the folder
	test      bool
	imports   []string
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	dir := root(t)
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(p) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, p), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{file: p, pkg: path.Dir(p), test: strings.HasSuffix(p, "_test.go") || isKit(path.Dir(p))}
		for _, im := range f.Imports {
			v, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, v)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d Go files found below %s", len(out), dir)
	}
	return out
}

func layerOf(pkg string) int {
	room, _, _ := strings.Cut(strings.TrimPrefix(pkg, "internal/"), "/")
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, room) })
}

func under(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

// isKit tells that a package of internal is there for tests alone, by its name.
func isKit(pkg string) bool { return under(pkg, "internal") && strings.HasSuffix(pkg, "test") }

// fault says why pkg may not import target (both without the module), or "".
func fault(pkg, target string) string {
	switch {
	case isKit(target):
		return "what is there for tests is imported by tests"
	case under(target, pkg) || under(pkg, target) && !strings.HasPrefix(pkg, "destinations/") && !strings.HasPrefix(pkg, "internal/"):
		return "" // inside one room
	case under(pkg, "models"):
		if !under(target, "models") {
			return "models knows nothing of weir's"
		}
	case pkg == "destinations":
		return "the contract imports nothing of weir's"
	case under(pkg, "destinations"):
		if !under(target, "destinations") {
			return "a destination knows the contract and its helpers only"
		}
	case under(pkg, "syncs"):
		if !under(target, "models") && target != "destinations" && !under(target, "syncs") {
			return "syncs knows models and destinations only"
		}
	case under(pkg, "examples"):
		return "examples holds files"
	case under(pkg, "cmd"):
		if !under(target, "internal/cli") && !under(target, "internal/warehouse") && !under(target, "destinations") {
			return "cmd is a list of imports and one call"
		}
	case under(pkg, "internal"):
		if !under(target, "internal") {
			if strings.HasPrefix(target, "destinations/") && !under(target, "destinations/rest") && !under(target, "destinations/sandbox") {
				return "only cmd/weir knows vendors"
			}
			return ""
		}
		from, to := layerOf(pkg), layerOf(target)
		switch {
		case slices.Contains(peers[pkg], target):
			return ""
		case from < 0 || to < 0:
			return "a room of internal that the drawing does not show"
		case under(target, "internal/warehouse") && target != "internal/warehouse" && !under(pkg, "internal/warehouse"):
			return "only cmd/weir knows the kinds of warehouses"
		case under(pkg, "internal/warehouse") && under(target, "internal/warehouse"):
			return ""
		case from >= to:
			return "imports run downwards only"
		case from < layerOf("internal/app") && to > layerOf("internal/app"):
			return "nobody above app touches what is below it"
		}
	}
	return ""
}

func TestImportsRunDownwards(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.pkg == "internal/archtest" {
			continue
		}
		for _, im := range s.imports {
			if only, ok := private[im]; ok && !slices.ContainsFunc(only, func(dir string) bool { return under(s.pkg, dir) }) {
				t.Errorf("%s imports %s, which only %s may", s.file, im, strings.Join(only, " and "))
			}
			if target, ours := strings.CutPrefix(im, module); ours {
				if why := fault(s.pkg, target); why != "" {
					t.Errorf("%s imports %s: %s", s.file, target, why)
				}
			}
		}
	}
}

func TestPublicTestsDoNotKnowInternal(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test || under(s.pkg, "internal") || under(s.pkg, "cmd") || s.pkg == "examples" { // the examples are run as cmd/weir is
			continue
		}
		for _, im := range s.imports {
			if strings.HasPrefix(im, module+"internal/") {
				t.Errorf("%s imports %s: a public package could then not move out", s.file, im)
			}
		}
	}
}

// The rules themselves are held by imports that must be refused.
func TestFaultRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{"models", "internal/rel"}, {"models", "destinations"}, {"destinations", "models"}, {"destinations/klaviyo", "syncs"},
		{"destinations/klaviyo", "internal/app"}, {"syncs", "internal/ledger"}, {"syncs", "destinations/rest"}, {"internal/rel", "internal/dialect"},
		{"internal/dialect", "internal/warehouse"}, {"internal/cli", "internal/ledger"}, {"internal/server", "internal/compile"},
		{"internal/compile", "internal/warehouse/duckdb"}, {"internal/app", "internal/cli"}, {"internal/app", "destinations/klaviyo"},
		{"cmd/weir", "internal/app"}, {"internal/store", "internal/project"}, {"internal/newroom", "internal/rel"},
		{"internal/dialect", "internal/dialect/dialecttest"},
	} {
		if fault(c[0], c[1]) == "" {
			t.Errorf("%s may import %s, and should not", c[0], c[1])
		}
	}
	for _, c := range [][2]string{
		{"models", "models/diag"}, {"syncs", "models"}, {"syncs", "destinations"}, {"destinations/klaviyo", "destinations/rest"}, {"destinations/klaviyo", "destinations"},
		{"internal/cli", "internal/app"}, {"internal/cli", "destinations"}, {"internal/app", "internal/ledger"}, {"internal/warehouse/duckdb", "internal/warehouse"},
		{"internal/ledger", "internal/compile"}, {"internal/dialect", "internal/rel"}, {"cmd/weir", "destinations/klaviyo"}, {"cmd/weir", "internal/warehouse/duckdb"},
	} {
		if why := fault(c[0], c[1]); why != "" {
			t.Errorf("%s may not import %s (%s), and should", c[0], c[1], why)
		}
	}
}

// skips is a call that leaves a test out.
var skips = regexp.MustCompile(`\b(t|b|f|tb)\.Skip(f|Now)?\(`)

// One function leaves tests out, which fails where everything is required: no test is skipped unseen.
func TestOneFunctionSkips(t *testing.T) {
	const there = "internal/warehouse/warehousetest/outside/outside.go"
	for call, want := range map[string]bool{"\tt.Skip(why)": true, "w.t.SkipNow()": true, "tb.Skipf(why)": true, "l.w.Skip(ctx, late)": false, "in.Skip(ctx, typ)": false} {
		if skips.MatchString(call) != want {
			t.Errorf("%q: %v is wrong", call, !want)
		}
	}
	for _, s := range sources(t) {
		b, err := os.ReadFile(filepath.Join(root(t), s.file))
		if err != nil {
			t.Fatal(err)
		}
		if s.test && s.pkg != "internal/archtest" && skips.Match(b) != (s.file == there) {
			t.Errorf("%s: outside.LeaveOut is what leaves tests out, and nothing else", s.file)
		}
	}
}

// Every package says what it is, and no hand-written file is a wall.
func TestPackagesExplainThemselves(t *testing.T) {
	dir := root(t)
	documented, seen := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		f, err := os.Open(filepath.Join(dir, s.file))
		if err != nil {
			t.Fatal(err)
		}
		lines, generated := 0, false
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			lines++
			if lines <= 3 && strings.Contains(sc.Text(), "Code generated") {
				generated = true
			}
			if strings.HasPrefix(sc.Text(), "// Package ") || strings.HasPrefix(sc.Text(), "// Command ") {
				documented[s.pkg] = true
			}
		}
		if err := sc.Err(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if !s.test {
			seen[s.pkg] = true
			if lines > 600 && !generated {
				t.Errorf("%s has %d lines: 600 is a wall", s.file, lines)
			}
		}
	}
	for pkg := range seen {
		if !documented[pkg] {
			t.Errorf("%s has no package comment", pkg)
		}
	}
}
