package project

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/models/diag"
)

var update = flag.Bool("update", false, "rewrite the findings in testdata")

// TestCases loads the projects in testdata/cases. Each archive holds files that are put over
// those of testdata/base.txtar, and under "want" the findings as people see them. The comment on
// top says what is at fault.
func TestCases(t *testing.T) {
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(cases) < 60 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		name := strings.TrimSuffix(filepath.Base(c), ".txtar")
		t.Run(name, func(t *testing.T) {
			ar, err := txtar.ParseFile(c)
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(ar.Comment)) == 0 {
				t.Error("the archive has no comment that says what is at fault")
			}
			dir, want, at := t.TempDir(), "", -1
			write(t, dir, base.Files)
			for i, f := range ar.Files {
				if f.Name == "want" {
					want, at = string(f.Data), i
					continue
				}
				write(t, dir, []txtar.File{f})
			}
			_, fs := Load(dir, "")
			got := render(fs)
			if got == want {
				return
			}
			if *update {
				f := txtar.File{Name: "want", Data: []byte(got)}
				if at < 0 {
					ar.Files = append(ar.Files, f)
				} else {
					ar.Files[at] = f
				}
				if err := os.WriteFile(c, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Error(cmp.Diff(want, got))
		})
	}
}

// TestBase holds the ground that the cases stand on: without a fault there is no finding.
func TestBase(t *testing.T) {
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, base.Files)
	if p, fs := Load(dir, ""); len(fs) > 0 || p.Name != "shop" || p.Target.Name != "dev" {
		t.Errorf("%s %s: %s", p.Name, p.Target.Name, render(fs))
	}
}

type fileData struct{ name, data string }

// writeBase writes the base project with files over it.
func writeBase(t testing.TB, dir string, files []fileData) {
	t.Helper()
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, base.Files)
	for _, f := range files {
		write(t, dir, []txtar.File{{Name: f.name, Data: []byte(f.data)}})
	}
}

func write(t testing.TB, dir string, files []txtar.File) {
	t.Helper()
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func render(fs []diag.Finding) string {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString(f.String())
	}
	return b.String()
}
