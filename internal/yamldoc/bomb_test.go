package yamldoc

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestBounds throws files at the reader that are made to hurt. Each must be a finding, quickly
// and in little memory: the best of a few tries counts, since other work may share the machine.
func TestBounds(t *testing.T) {
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		p := string(c - 1)
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+p+",", 9) + "]\n"
	}
	var steps strings.Builder
	for i := range 1500 {
		steps.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for name, c := range map[string]struct{ in, code string }{
		"billion laughs":  {laughs, "yaml.too_large"},
		"self reference":  {"a: &a [*a]\n", "yaml.too_deep"},
		"merge of itself": {"a: &a\n  <<: *a\n", "yaml.too_deep"},
		"50 MB":           {strings.Repeat("a: b\n", 10<<20), "yaml.too_large"},
		"many values":     {"a: [" + strings.Repeat("b,", 1<<19) + "]", "yaml.too_large"},
		"10k lists":       {strings.Repeat("[", 10_000), "yaml.syntax"},
		"9k lists closed": {strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), "yaml.too_deep"},
		"10k maps":        {strings.Repeat("{a: ", 10_000), "yaml.syntax"},
		"10k items":       {strings.Repeat("- ", 10_000), "yaml.too_deep"},
		"100k items":      {strings.Repeat("- ", 100_000), "yaml.too_deep"},
		"100k questions":  {strings.Repeat("? ", 100_000), "yaml.too_deep"},
		"steps":           {steps.String(), "yaml.too_deep"},
		"100k lists":      {strings.Repeat("[", 100_000), "yaml.too_deep"},
		"2 MB text":       {"a: \"" + strings.Repeat("x", MaxBytes-10) + "\"", "yaml.unknown_key"},
	} {
		t.Run(name, func(t *testing.T) {
			data := []byte(c.in)
			best := time.Hour
			for try := 0; try < 5 && best > 100*time.Millisecond; try++ {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				start := time.Now()
				var into struct{}
				_, fs := Decode("x.yml", data, &into)
				best = min(best, time.Since(start))
				runtime.ReadMemStats(&after)
				if len(fs) == 0 || fs[0].Code != c.code {
					t.Fatalf("got %.2000v, want code %s", fs, c.code)
				}
				if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 64 {
					t.Errorf("allocated %d MB", got)
				}
			}
			t.Log(best.Round(time.Microsecond))
			if best > 20*time.Second { // a hang, not a slow machine: a quiet one takes 40 ms at most
				t.Errorf("took %v", best)
			}
		})
	}
}
