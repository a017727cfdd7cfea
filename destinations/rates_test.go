package destinations

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDeclaredRates(t *testing.T) {
	got := DeclaredRates(map[string]any{"calls_per_day": 5000, "calls_per_second": int64(10), "url": "https://example.com"})
	want := []Rate{{N: 10, Per: time.Second, Bucket: "declared"}, {N: 5000, Per: 24 * time.Hour, Bucket: "declared"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := DeclaredRates(map[string]any{"calls_per_minute": 0}); len(got) != 0 {
		t.Errorf("no calls at all: %v", got)
	}
	if _, problems := CheckSettings(RateSettings(), map[string]any{"calls_per_day": 0, "calls_per_minute": "many", "calls_per_second": 3}); len(problems) != 2 {
		t.Errorf("problems: %+v", problems)
	}
}
