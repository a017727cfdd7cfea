package cli

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/app"
	"github.com/weir-data/weir/syncs"
)

func TestPlanMarkdown(t *testing.T) {
	got := planMarkdown(&app.PlanResult{
		Target: "dev", AsOf: time.Date(2026, 3, 1, 4, 5, 6, 0, time.UTC),
		Segments: []app.SegmentChange{{Segment: "vip", Before: 1000, After: 700, Leave: 300}, {Segment: "all", Before: 9, After: 9}},
		Estimate: syncs.Estimate{Calls: 30, Seconds: 720, Text: "about 12 min"},
		Saved:    &app.SavedPlan{Plan: "plan_abc", File: "a.plan", Expires: time.Date(2026, 3, 4, 4, 5, 6, 0, time.UTC)},
		Plans: []app.SyncPlan{{
			Estimate: syncs.Estimate{Calls: 30, Seconds: 720, Text: "about 12 min"},
			Sync:     "vip_mail", Destination: "mail", Object: "list", Into: "A|B\n<b>", HeldBy: []string{"syncs.max_removed"},
			Counts: syncs.Counts{Removed: 300, Unchanged: 700},
			Holds:  []syncs.Hold{{Code: "syncs.max_removed", What: "300 of 1000 rows would be removed", Fix: "read the plan"}},
		}},
	})
	want := `### weir plan on target dev

**0 to add, 0 to update, 300 to remove** · **1 held by a guard**

As of 2026-03-01 04:05:06 UTC. Nothing was sent. At the destinations' limits: 30 calls, about 12 min.

Saved until 2026-03-04 04:05 UTC; to send exactly this: ` + "`weir run --plan a.plan`" + `

- **vip\_mail is held** (syncs.max\_removed): 300 of 1000 rows would be removed. What to do: read the plan

<details><summary>Segments: 1 changed, 1 unchanged</summary>

| segment | before | after | join | leave |
|---|--:|--:|--:|--:|
| vip | 1,000 | 700 | +0 | −300 |

</details>

<details><summary>Syncs: 1</summary>

| sync | destination | add | update | remove | unchanged | invalid | suppressed | calls | time | held by |
|---|---|--:|--:|--:|--:|--:|--:|--:|---|---|
| vip\_mail | mail list “A\|B &lt;b&gt;” | 0 | 0 | 300 | 700 | 0 | 0 | 30 | about 12 min | syncs.max\_removed |

</details>
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
