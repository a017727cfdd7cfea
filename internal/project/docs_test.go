package project

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/weir-data/weir/internal/yamldoc"
	"github.com/weir-data/weir/models"
)

// TestSegmentsInDocs reads the examples of docs/segments.md: every key and value in them is one
// that the language has. An example that is no part of a model by itself is a list of segments.
func TestSegmentsInDocs(t *testing.T) {
	const file = "../../docs/segments.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) < 8 {
		t.Fatalf("%d examples", len(blocks))
	}
	kind := regexp.MustCompile(`(?m)^(sources|entities|segments|policies|traits):`)
	conditions := 0
	for _, b := range blocks {
		text := string(b[1])
		switch {
		case !kind.MatchString(text):
			text = "segments:\n  " + strings.ReplaceAll(text, "\n", "\n  ")
		case strings.Contains("\n"+text, "\ntraits:"):
			text = strings.ReplaceAll("\n"+text, "\n", "\n    ")
			text = strings.ReplaceAll(text, "\n    segments:", "\nsegments:")
			text = "entities:\n  customer:\n    identity: {identifiers: {n: {}}, from: [orders]}" + text
		}
		m := &models.Model{}
		_, findings := yamldoc.Decode("docs/segments.md", []byte(text), m)
		for _, f := range findings {
			t.Errorf("%s\n%s", f, text)
		}
		for i := range m.Segments {
			m.Segments[i].Where.Conditions("", func(*models.Condition, string) { conditions++ })
		}
	}
	if conditions < 25 {
		t.Errorf("%d conditions were read", conditions)
	}
}
