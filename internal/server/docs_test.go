package server

import (
	"os"
	"testing"
)

// readDocs reads the page that promises the names of metrics.
func readDocs(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
