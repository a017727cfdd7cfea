package project

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// large generates a project with n segments, and with syncs of a tenth of them, over a few files.
func large(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	base := map[string]*strings.Builder{}
	for i := range n {
		name := fmt.Sprintf("models/part_%02d.yml", i/100)
		if base[name] == nil {
			base[name] = &strings.Builder{}
			base[name].WriteString("segments:\n")
		}
		b := base[name]
		fmt.Fprintf(b, "  segment_%04d:\n    entity: customer\n    description: Segment number %d.\n    where:\n      all:\n", i, i)
		fmt.Fprintf(b, "        - {trait: spent, at_least: %d}\n        - {did: orders, where: {status: paid}, times: {at_least: %d}, within: 90d}\n", i, 1+i%5)
		fmt.Fprintf(b, "        - any:\n            - {trait: first_name, in: [Ada, Bob, Cleo]}\n")
		if i > 0 {
			fmt.Fprintf(b, "            - not: {segment: segment_%04d}\n", i/2)
		}
	}
	var syncs strings.Builder
	syncs.WriteString("syncs:\n")
	for i := 0; i < n; i += 10 {
		fmt.Fprintf(&syncs, "  sync_%04d: {segment: segment_%04d, destination: mail, into: List %d, match: {email: email}, fields: {first_name: first_name, hi: {text: \"Hi {first_name|you}\"}}}\n", i, i, i)
	}
	files := []fileData{{"syncs.yml", syncs.String()}}
	for name, b := range base {
		files = append(files, fileData{name, b.String()})
	}
	writeBase(t, dir, files)
	return dir
}

// TestThousandModels loads 1,000 segments and 100 syncs within a bound that is loose enough
// for a busy machine; the benchmark tells the time that matters.
func TestThousandModels(t *testing.T) {
	dir := large(t, 1000)
	start := time.Now()
	p, fs := Load(dir, "")
	took := time.Since(start)
	if len(fs) > 0 || len(p.Model.Segments) != 1001 || len(p.Syncs) != 100 {
		t.Fatalf("%d segments, %d syncs: %s", len(p.Model.Segments), len(p.Syncs), render(fs))
	}
	t.Log(took)
	if took > time.Second {
		t.Errorf("loading 1,000 models took %v", took)
	}
}

func BenchmarkLoadThousandModels(b *testing.B) {
	dir := large(b, 1000)
	for b.Loop() {
		if _, fs := Load(dir, ""); len(fs) > 0 {
			b.Fatal(render(fs))
		}
	}
}
