package sftest

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/dialect/dialecttest"
)

// comments are lines that are only a comment, as a program that is printed has them between statements.
var comments = regexp.MustCompile(`(?m)^--.*\n`)

// ParseGolden has all golden text of a dialect parsed: every function of the algebra, every statement,
// and whole programs. natives are the pairs of a type in the cases and what it is called here. What
// cannot be rendered is refused with one of the reasons; a case that has another warehouse's array in it
// is left out. Without WEIR_THOROUGH it is one text in five.
func ParseGolden(t *testing.T, d dialect.Dialect, natives, refused []string) {
	t.Helper()
	var all []string
	known := strings.NewReplacer(natives...)
	for _, c := range dialecttest.Cases() {
		sql, err := d.Query(c.Query)
		switch {
		case err != nil && !among(err.Error(), refused):
			t.Errorf("%s: %v", c.Name, err)
		case err == nil && !strings.Contains(sql, "ARRAY["):
			all = append(all, known.Replace(sql))
		}
	}
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..", "..")
	for _, file := range []string{"dialect/testdata/statements.txtar", "compile/testdata/cases/identity_account.txtar"} {
		a, err := txtar.ParseFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			switch {
			case strings.HasSuffix(f.Name, " · "+d.Name()):
				all = append(all, strings.TrimSpace(string(f.Data)))
			case strings.HasSuffix(f.Name, "sql/"+d.Name()+".sql"):
				all = append(all, statements(string(f.Data))...)
			}
		}
	}
	program, err := os.ReadFile(filepath.Join(root, "compile", "testdata", "print_"+d.Name()+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, statements(string(program))...)
	part := 5 // one in so many, which takes a parser in Python seconds
	if os.Getenv("WEIR_THOROUGH") != "" {
		part = 1
	}
	if len(all) < 400 {
		t.Fatalf("only %d statements", len(all))
	}
	var texts []string
	for i, sql := range all {
		if sql != "" && i%part == 0 {
			texts = append(texts, sql)
		}
	}
	t.Logf("%d statements", len(texts))
	ParseAs(t, d.Name(), texts)
}

func among(text string, reasons []string) bool {
	for _, r := range reasons {
		if strings.Contains(text, r) {
			return true
		}
	}
	return false
}

// statements are those of a program that is printed.
func statements(program string) []string {
	var out []string
	for one := range strings.SplitSeq(program, ";\n") {
		if strings.TrimSpace(comments.ReplaceAllString(one+"\n", "")) != "" {
			out = append(out, strings.TrimSpace(one))
		}
	}
	return out
}
