package syncs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/destinations"
)

func TestSourcesHold(t *testing.T) {
	asOf := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ref := PlanRef{Rows: 10, Forced: 2, AsOf: asOf, Tally: Tally{Ledger: 500, Desired: 500, SourceRows: 500, Erased: 1}}
	limit := 26 * time.Hour
	for name, c := range map[string]struct {
		source SourceState
		change func(*PlanRef)
		code   string
		says   string
		past   int64
	}{
		"fresh to the second":          {source: SourceState{Source: "orders", Limit: limit, Newest: asOf.Add(-limit)}},
		"older":                        {source: SourceState{Source: "orders", Limit: limit, Newest: asOf.Add(-limit - time.Second)}, code: HoldStale, says: "orders is 26h old, and fresher_than allows 26h", past: 2},
		"much older":                   {source: SourceState{Source: "orders", Limit: limit, Newest: asOf.Add(-76 * time.Hour)}, code: HoldStale, says: "is 3d 4h old", past: 2},
		"no row":                       {source: SourceState{Source: "orders", Limit: limit}, code: HoldStale, says: "no row from before this run", past: 2},
		"any age":                      {source: SourceState{Source: "orders", Newest: asOf.Add(-1e6 * time.Hour)}},
		"stale, and nothing to hold":   {source: SourceState{Source: "orders", Limit: limit}, change: func(r *PlanRef) { r.Rows = 2 }},
		"a policy's source is emptied": {source: SourceState{Source: "consents", Policy: "asked", Emptied: true}, code: HoldPolicyEmpty, says: "source consents, by which policy asked", past: 1},
		"emptied, and nobody goes":     {source: SourceState{Source: "consents", Policy: "asked", Emptied: true}, change: func(r *PlanRef) { r.Rows, r.Forced = 0, 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			r := ref
			if c.change != nil {
				c.change(&r)
			}
			got := holds(&Task{Sources: []SourceState{c.source}}, r)
			if c.code == "" {
				if len(got) > 0 {
					t.Errorf("held: %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Code != c.code || !strings.Contains(got[0].What, c.says) {
				t.Fatalf("holds %+v, want %s with %q", got, c.code, c.says)
			}
			if n := past(r, got); n != c.past {
				t.Errorf("%d rows pass, want %d", n, c.past)
			}
		})
	}
}

func TestSmallAudiences(t *testing.T) {
	task := &Task{Sync: Sync{Mode: Mirror}, Spec: destinations.Spec{Title: "Ads"}, Object: destinations.Object{Name: "audience", MinAudience: 100}}
	for name, c := range map[string]struct {
		mode   Mode
		least  int64
		tally  Tally
		rows   int64
		warns  string
		holds  []string
		forced int64
	}{
		"exactly":          {mode: Mirror, tally: Tally{Desired: 100}, rows: 1},
		"one fewer":        {mode: Mirror, tally: Tally{Desired: 99}, rows: 99, warns: "the audience has 99 members: Ads uses none of fewer than 100"},
		"falls below":      {mode: Mirror, tally: Tally{Desired: 99, Ledger: 110}, rows: 11, warns: "falls from 110 to 99"},
		"nobody ever goes": {mode: Add, tally: Tally{Desired: 5, Ledger: 110}, rows: 1},
		"held":             {mode: Mirror, least: 1000, tally: Tally{Desired: 999, Ledger: 1100}, rows: 101, holds: []string{HoldSmall}},
		"exactly enough":   {mode: Mirror, least: 1000, tally: Tally{Desired: 1000, Ledger: 1100}, rows: 100},
		"policies go on":   {mode: Mirror, least: 1000, tally: Tally{Desired: 999, Ledger: 1000, Forced: 1, Removed: 1}, rows: 1, forced: 1},
	} {
		t.Run(name, func(t *testing.T) {
			x := *task
			x.Sync.Mode, x.Sync.Guard.MinSize = c.mode, c.least
			c.tally.SourceRows = 1
			ref := PlanRef{Rows: c.rows, Forced: c.forced, Tally: c.tally}
			p := NewPlan(&x, ref, nil)
			if got := strings.Join(p.Warnings, "\n"); got != c.warns && (c.warns == "" || !strings.Contains(got, c.warns)) {
				t.Errorf("warns %q, want %q", got, c.warns)
			}
			var codes []string
			for _, h := range p.Holds {
				codes = append(codes, h.Code)
			}
			if diff := cmp.Diff(c.holds, codes); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
