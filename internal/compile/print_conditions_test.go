package compile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/dialect"
	"github.com/weir-data/weir/internal/rel"
)

// TestPrintConditions holds the SQL of conditions, each by itself, in every dialect. What the SQL
// says is held by the cases that run it.
func TestPrintConditions(t *testing.T) {
	const file = "testdata/print_conditions.txtar"
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := input(t, string(archive.Files[0].Data))
	in.AsOf, in.Timezone = when(t, "2026-06-15T09:00:00+02:00 Europe/Paris")
	have := &txtar.Archive{Comment: archive.Comment, Files: archive.Files[:1]}
	for _, name := range dialect.Names() {
		d, _ := dialect.ByName(name)
		var b strings.Builder
		for i := range in.Model.Segments {
			s := &in.Model.Segments[i]
			q, problems := compile.WhoIs(in, &s.Where)
			if len(problems) > 0 {
				t.Fatal(problemText(problems))
			}
			q.Comment = s.Name
			text, err := d.Query(rel.Query(q))
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(strings.TrimSpace(text) + ";\n\n")
		}
		have.Files = append(have.Files, txtar.File{Name: d.Name() + ".sql", Data: []byte(strings.TrimSpace(b.String()) + "\n")})
	}
	got := txtar.Format(have)
	if updating() {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: %s", file, diff)
	}
}
