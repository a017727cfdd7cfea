package syncstest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	failureLine = regexp.MustCompile(`^\| (F\d\d) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)
	namedTest   = regexp.MustCompile("`([a-z0-9/_]+)\\.(Test\\w+)((?:/[^`]+)?)`")
)

// TestFailuresAreTested holds docs/failures.md: each of its failures has a test that exists and
// says which failure it is, or a reason why it has none.
func TestFailuresAreTested(t *testing.T) {
	const page = "../../docs/failures.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for n, line := range strings.Split(string(text), "\n") {
		m := failureLine.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "| F") {
				t.Errorf("%s:%d: not a line of four columns: %s", page, n+1, line)
			}
			continue
		}
		id, proof := m[1], m[4]
		if seen[id] {
			t.Errorf("%s:%d: %s is there twice", page, n+1, id)
		}
		seen[id] = true
		tests := namedTest.FindAllStringSubmatch(proof, -1)
		if len(tests) == 0 && !strings.HasPrefix(proof, "not tested: ") {
			t.Errorf("%s:%d: %s has neither a test nor a reason", page, n+1, id)
		}
		if len(tests) != strings.Count(proof, "`")/2 {
			t.Errorf("%s:%d: %s has something in code style that is no test", page, n+1, id)
		}
		for _, x := range tests {
			if err := holds(id, x[1], x[2], strings.TrimPrefix(x[3], "/")); err != nil {
				t.Errorf("%s:%d: %v", page, n+1, err)
			}
		}
	}
	for i := 1; i <= 60; i++ {
		if id := fmt.Sprintf("F%02d", i); !seen[id] {
			t.Errorf("%s is missing in %s", id, page)
		}
	}
}

// holds reports what is wrong with a test that a line names: the folder of its package, its name, and
// that of its subtest.
func holds(id, folder, test, sub string) error {
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there is no test in %s", folder)
	}
	if !strings.Contains(test+sub, id) {
		return fmt.Errorf("%s.%s does not say that it is %s", folder, test, id)
	}
	found := false
	subs := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				found = found || n.Recv == nil && n.Name.Name == test
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					subs[s] = true
				}
			}
			return true
		})
	}
	switch script := filepath.Join("../..", folder, "testdata/script", sub+".txtar"); {
	case !found:
		return fmt.Errorf("%s has no test %s", folder, test)
	case sub == "" || subs[sub]:
	default:
		if _, err := os.Stat(script); err != nil {
			return fmt.Errorf("%s of %s has no subtest %q", test, folder, sub)
		}
	}
	return nil
}
