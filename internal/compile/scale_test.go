package compile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-data/weir/internal/compile"
	"github.com/weir-data/weir/internal/compile/casetest"
)

// TestManySegments builds many segments beside each other, and many that stand on one another.
func TestManySegments(t *testing.T) { manySegments(t, casetest.DuckDB) }

func manySegments(t *testing.T, open casetest.Open) {
	for _, c := range []struct {
		name string
		n    int
		each func(i int) string
	}{
		{"wide", 600, func(i int) string {
			return fmt.Sprintf("{all: [{trait: n, at_least: %d}, {did: acts, where: {kind: k%d}, times: {at_least: %d}}]}", i%7, i%20, 1+i%3)
		}},
		{"deep", 60, func(i int) string {
			if i == 0 {
				return "{trait: n, at_least: 3}"
			}
			return fmt.Sprintf("{any: [{not: {segment: g%d}}, {trait: n, is: %d}]}", i-1, i%7)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(propertyModel + "segments:\n")
			for i := range c.n {
				fmt.Fprintf(&b, "  g%d: {entity: x, where: %s}\n", i, c.each(i))
			}
			in := input(t, b.String())
			w := newWorld(t, open(t))
			w.script(t, "CREATE TABLE people AS SELECT i AS id, 'w' || i AS who, 'a' AS word, CAST(i % 10 AS bigint) AS n, 1.5 AS num, true AS yes, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS seen, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS changed FROM generate_series(0, 999) AS t(i);\n"+
				"CREATE TABLE acts AS SELECT i AS id, 'w' || (i % 1000) AS who, 'k' || (i % 20) AS kind, 1.5 AS amount, TIMESTAMPTZ '2026-05-01 00:00:00+00' AS happened FROM generate_series(0, 9999) AS t(i)")
			for _, s := range []string{"people", "acts"} {
				w.columns(t, &in, s, "SELECT * FROM "+s)
			}
			program, problems := compile.Entity(in)
			if program == nil {
				t.Fatal(problemText(problems))
			}
			began := time.Now()
			stats := w.run(t, program)
			t.Logf("%d segments in %v", c.n, time.Since(began).Round(time.Millisecond))
			for i := range c.n {
				// wide: people of kind i%20 have n = i%10, and all their 10 acts are of one kind
				want := 0
				if c.name == "wide" && (i%20)%10 >= i%7 {
					want = 50
				}
				if c.name == "deep" {
					for n := range 10 {
						in := n >= 3
						for k := 1; k <= i; k++ {
							in = !in || n == k%7
						}
						if in {
							want += 100
						}
					}
				}
				if got := stats[fmt.Sprintf("segment.g%d", i)]; got != fmt.Sprint(want) {
					t.Errorf("g%d has %s members, want %d", i, got, want)
				}
			}
		})
	}
}
