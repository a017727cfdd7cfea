package syncs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

func TestEstimates(t *testing.T) {
	perMinute := destinations.Rate{N: 10, Per: time.Minute, Bucket: "import"}
	list := destinations.Object{GroupBy: destinations.ByOp, Limits: destinations.Limits{Rows: 100, Concurrency: 2, Rates: []destinations.Rate{
		{N: 5, Per: time.Second, Bucket: "import"}, perMinute}}}
	mixed := destinations.Object{Limits: destinations.Limits{Rows: 100, Concurrency: 4}}
	message := destinations.Object{Limits: destinations.Limits{Rows: 1, Concurrency: 8}}
	sized := destinations.Object{Limits: destinations.Limits{Rows: 1000, Bytes: 10_000}}
	est := func(calls int64, seconds float64, text string) Estimate { return Estimate{calls, seconds, text} }
	tests := map[string]struct {
		loads []Load
		each  []Estimate
		all   Estimate
	}{
		"nothing to send": {[]Load{{Account: "a", Object: list}}, []Estimate{{}}, Estimate{}},
		"operations do not share a call": {
			[]Load{{Account: "a", Object: list, Added: 50, Updated: 51, Removed: 1}},
			[]Estimate{est(3, 1, "about 1 s")}, est(3, 1, "about 1 s")},
		"or they do": {
			[]Load{{Account: "a", Object: mixed, Added: 50, Updated: 49, Removed: 1}},
			[]Estimate{est(1, 0.5, "less than a second")}, est(1, 0.5, "less than a second")},
		"the slowest rate counts: the first ten leave at once, the 25th in the third minute": {
			[]Load{{Account: "a", Object: list, Added: 2401}},
			[]Estimate{est(25, 120, "about 2 min")}, est(25, 120, "about 2 min")},
		"an account is shared": {
			[]Load{{Account: "a", Object: list, Added: 1000}, {Account: "a", Object: list, Removed: 1000}, {Account: "b", Object: list, Added: 1000}},
			[]Estimate{est(10, 60, "about 60 s"), est(10, 60, "about 60 s"), est(10, 2.5, "about 3 s")}, est(30, 60, "about 60 s")},
		"without a rate, calls in flight": {
			[]Load{{Account: "a", Object: message, Added: 16_000}},
			[]Estimate{est(16_000, 1000, "about 17 min")}, est(16_000, 1000, "about 17 min")},
		"a call is bounded by its size": { // 16 + (4+6+32) + 2×(5+6+16) = 112 bytes: 89 rows
			[]Load{{Account: "a", Object: sized, Columns: destinations.Columns{IDs: []string{"mail"}, Fields: []string{"first", "other"}}, Added: 890}},
			[]Estimate{est(10, 5, "about 5 s")}, est(10, 5, "about 5 s")},
		"a batch may be several requests": { // 30 + 30 + 30 + 10 rows twice, 30 + 5 rows
			[]Load{{Account: "a", Object: mixed, RequestRows: 30, Added: 235}},
			[]Estimate{est(10, 1.5, "about 2 s")}, est(10, 1.5, "about 2 s")},
		"without limits, the engine's own": {
			[]Load{{Account: "a", Added: 10_001}},
			[]Estimate{est(2, 1, "about 1 s")}, est(2, 1, "about 1 s")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			each, all := Estimates(tt.loads)
			if d := cmp.Diff(tt.each, each); d != "" {
				t.Errorf("each (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.all, all); d != "" {
				t.Errorf("all (-want +got):\n%s", d)
			}
		})
	}
}

// An estimate is of the batches that a run makes: a run at an obedient destination needs as many calls.
func TestEstimateIsWhatARunNeeds(t *testing.T) {
	inItsTime(t, func(t *testing.T) {
		s := newScene(t, 400)
		each, _ := Estimates([]Load{{Account: "a", Object: s.task.Object, Columns: s.task.Columns, Added: 400}})
		if r := s.run(); r.Requests != each[0].Calls {
			t.Errorf("estimated %d calls, the run needed %d", each[0].Calls, r.Requests)
		}
	})
}

func TestAbout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "less than a second", time.Second: "about 1 s", 89 * time.Second: "about 89 s", 90 * time.Second: "about 2 min",
		12*time.Minute + 20*time.Second: "about 12 min", 100 * time.Minute: "about 2 hours", 35 * time.Hour: "about 35 hours", 70 * time.Hour: "about 3 days",
	} {
		if got := About(d); got != want {
			t.Errorf("About(%s) = %q, want %q", d, got, want)
		}
	}
}
