package project

import (
	"fmt"
	"math"
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

// patience is how long a test waits before it calls a load hung. What a load takes is told by
// BenchmarkLoadThousandModels: no test fails because a machine is slow.
const patience = 30 * time.Second

// TestThousandModels loads 1,000 segments and 100 syncs.
func TestThousandModels(t *testing.T) {
	dir := large(t, 1000)
	best := time.Duration(math.MaxInt64)
	for range 3 {
		start := time.Now()
		p, fs := Load(dir, "")
		best = min(best, time.Since(start))
		if len(fs) > 0 || len(p.Model.Segments) != 1001 || len(p.Syncs) != 100 {
			t.Fatalf("%d segments, %d syncs: %s", len(p.Model.Segments), len(p.Syncs), render(fs))
		}
		if best < patience {
			t.Log(best)
			return
		}
	}
	t.Errorf("loading 1,000 models took %v", best)
}

// TestThousandTraits holds that sql traits, which name each other in text, are no slower.
func TestThousandTraits(t *testing.T) {
	var b strings.Builder
	b.WriteString("entities:\n  person:\n    identity: {identifiers: {customer_id: {}, email: {}}, from: [contacts, orders]}\n    traits:\n      t0000: {from: orders, sum: amount}\n")
	for i := 1; i < 1000; i++ {
		fmt.Fprintf(&b, "      t%04d: {sql: \"t%04d + t%04d * 2\", type: number, pii: health}\n", i, i-1, i/2)
	}
	b.WriteString("segments:\n  deep: {entity: person, where: {trait: t0999, at_least: 5}}\nsyncs:\n  s: {segment: deep, destination: files, into: a, match: {id: t0999}}\n")
	b.WriteString("policies:\n  no_health: {deny: {pii: health, kinds: [file]}}\n")
	dir := t.TempDir()
	writeBase(t, dir, []fileData{{"traits.yml", b.String()}})
	best := time.Duration(math.MaxInt64)
	for range 3 {
		start := time.Now()
		_, fs := Load(dir, "")
		best = min(best, time.Since(start))
		if len(fs) != 2 || fs[0].Code != "syncs.denied" || fs[1].Code != "syncs.denied" {
			t.Fatal(render(fs))
		}
		if best < patience {
			t.Log(best)
			return
		}
	}
	t.Errorf("loading 1,000 traits took %v", best)
}

func BenchmarkLoadThousandModels(b *testing.B) {
	dir := large(b, 1000)
	for b.Loop() {
		if _, fs := Load(dir, ""); len(fs) > 0 {
			b.Fatal(render(fs))
		}
	}
}
