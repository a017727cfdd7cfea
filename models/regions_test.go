package models

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite what is generated from the code")

// TestRegionsInDocs holds the list of regions in the documentation against the code.
func TestRegionsInDocs(t *testing.T) {
	const file, begin, end = "../docs/segments.md", "-run RegionsInDocs -update -->\n", "<!-- /regions -->"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for regions", file)
	}
	var table strings.Builder
	table.WriteString("| region | what it is | countries |\n|---|---|---|\n")
	for i, r := range Regions() {
		of := strings.Join(r.Countries, " ")
		for _, word := range strings.Fields(areas[i].of) {
			if word == strings.ToLower(word) { // made of others
				of = strings.ReplaceAll(areas[i].of, " ", ", ")
			}
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", r.Name, r.Doc, of)
	}
	table.WriteString("\nMemberships are those of January 2026 and of states: a territory with a code of its own, such as RE\nor AX, is in the geographical regions only, which are those of the United Nations (M49).\n\n")
	if want := before + begin + table.String() + end + after; want != string(b) {
		if !*update {
			t.Fatalf("the regions in %s are not those of the code: go test ./models -run RegionsInDocs -update", file)
		}
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
