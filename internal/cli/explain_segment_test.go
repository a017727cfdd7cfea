package cli

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-data/weir/internal/app"
)

// TestReveal holds that personal data is shown where nobody keeps it: on a terminal, and nowhere
// else.
func TestReveal(t *testing.T) {
	before := onTerminal
	defer func() { onTerminal = before }()
	for _, c := range []struct{ reveal, terminal, json, may bool }{
		{reveal: false, may: true}, {reveal: false, json: true, may: true}, {reveal: true},
		{reveal: true, terminal: true, may: true}, {reveal: true, terminal: true, json: true},
	} {
		onTerminal = func(any) bool { return c.terminal }
		err := (&session{json: c.json}).mayReveal(c.reveal)
		var e *app.Error
		if c.may != (err == nil) || err != nil && (!errors.As(err, &e) || e.Code != "cli.reveal") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestSegmentOnPaper prints what keeps a person out in every way.
func TestSegmentOnPaper(t *testing.T) {
	x := &app.SegmentExplanation{
		Segment: "vip", Entity: "customer", ProfileID: "cus_1", Build: "3", AsOf: *moment("2026-06-01T00:00:00Z"), Member: true, Since: moment("2026-05-01T00:00:00Z"),
		Moved: "build 3 has them in it", Excluded: "kept out of segments (anonymous: exclude)", Followed: []string{"cus_2 was merged into cus_1"},
		Tree: &app.ConditionNode{Kind: "any", Text: "any of", File: "weir.yml", Line: 3, Children: []*app.ConditionNode{
			{Kind: "segment", Text: "in segment staff", Segment: "staff", Again: true},
			{Kind: "every", Text: "every row of tickets where rating at least 4", Has: "3 rows, 1 row that does not pass", Rows: []app.MatchedRows{
				{Source: "tickets", Count: 7, Latest: []app.EventRow{{At: moment("2026-05-02T10:00:00Z"), Key: "8", Values: []app.Value{{Column: "rating", Value: int64(5)}}}}},
				{Source: "tickets", Failing: true, Count: 1, Latest: []app.EventRow{{At: moment("2026-05-01T10:00:00Z"), Key: "7", Values: []app.Value{{Column: "rating", Value: int64(1)}}}}},
			}},
			{Kind: "sequence", Text: "did carts, then never orders within 3d", Has: "reached step 1 of 2", Rows: []app.MatchedRows{
				{Source: "carts", Step: 1, Count: 1, Latest: []app.EventRow{{At: moment("2026-05-01T10:00:00Z"), Key: "c1"}}}, {Source: "orders", Step: 2},
			}},
		}},
		Arms: []app.Arm{{Segment: "vip", Arm: "holdout", Since: moment("2026-05-01T00:00:00Z")}, {Segment: "*", Arm: "treatment", Since: moment("2026-05-01T00:00:00Z"), Contaminated: true}},
		Purposes: []app.PurposeVerdict{
			{Purpose: "letters", ClosedBy: []string{"policy.letters", "syncs.suppressed"}, Syncs: []string{"vip_post"}, Suppressed: []string{"post"}, Lists: []app.ListedBy{{Policy: "complaints", Kind: "email"}},
				Policies: []app.PolicyVerdict{{Policy: "letters", Tree: &app.ConditionNode{Text: "consent is yes", Has: "no"}}}},
			{Purpose: "ads", ClosedBy: []string{"policy.health"}, Denied: []app.DeniedData{{Policy: "health", Destination: "meta", Kind: "ads", PII: []string{"health"}}}},
			{Purpose: "service", Open: true, Unguarded: true},
		},
		Bars: []app.PersonBar{{Code: "syncs.suppressed", Channel: "email", Source: "unsubscribe", At: moment("2026-05-01T00:00:00Z")}},
		Caps: []app.CapState{
			{Policy: "fatigue", Syncs: []string{"vip_text", "vip_call"}, Had: 2, Max: 2, Within: "7d", Free: moment("2026-06-03T08:00:00Z")},
			{Policy: "loud", Syncs: []string{"vip_text"}, Had: 1, Max: 3, Within: "30d"},
		},
		Sent: []app.SentState{{Sync: "vip_post", State: "sent", SentAt: moment("2026-05-01T00:00:00Z")}},
	}
	want := `cus_2 was merged into cus_1
✗ cus_1 is not in vip  as of 2026-06-01 02:00 Europe/Paris, build 3
  ! build 3 has them in it
  ✗ kept out of segments (anonymous: exclude)

  ✗ any of                                                                             weir.yml:3
  ├─ ✗ in segment staff                              as above
  ├─ ✗ every row of tickets where rating at least 4  3 rows, 1 row that does not pass
  │       pass: 7 rows
  │         2026-05-02 12:00  8  rating 5
  │         … and 6 more
  │       do not pass: 1 row
  │         2026-05-01 12:00  7  rating 1
  └─ ✗ did carts, then never orders within 3d        reached step 1 of 2
          step 1, carts of any time: 1 row
            2026-05-01 12:00  c1

Arms
  vip                        holdout    since 2026-05-01 02:00  held out: no sync sends them
  every segment of customer  treatment  since 2026-05-01 02:00  contaminated: two arms met when profiles merged

May be reached for
  ✗ letters  vip_post  kept out by policy.letters, syncs.suppressed
    └─ ✗ policy letters: consent is yes  no
  ✗ the list of policy complaints has an identifier of theirs (email)
  ✗ suppressed for post
  ✗ ads  kept out by policy.health
  ✗ policy health denies health data to ads (meta), and who is in this segment tells of it
  ✓ service  no policy is about it
  ✗ suppressed for email on 2026-05-01 02:00, by unsubscribe
  ✗ fatigue: had 2 of 2 messages in 7d, the next from 2026-06-03 10:00; until then nothing by vip_text, vip_call
  ✓ loud: had 1 of 3 messages in 30d

What destinations were last told
  vip_post  sent  2026-05-01 02:00
`
	p, b := sheetOf(t, "")
	p.segmentExplanation(x)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDiffOnPaper prints movements by day, merges and those who came and went.
func TestDiffOnPaper(t *testing.T) {
	d := &app.SegmentDiff{Segment: "vip", From: app.BuildMoment{At: *moment("2026-05-01T00:00:00Z")}, To: app.BuildMoment{Build: "9", At: *moment("2026-05-03T00:00:00Z")},
		Before: 1200, After: 1100, Entered: 3, Left: 103, Merged: 1, Came: 2, ByDay: true,
		Moves:  []app.MoveCount{{At: time.Date(2026, 5, 1, 22, 0, 0, 0, time.UTC), Entered: 3, Left: 103}},
		Traits: []app.PreviewTrait{{Name: "spent", Type: "number"}}, Joined: []app.PreviewPerson{{ProfileID: "cus_1", Values: []any{2.5}}}}
	want := `vip  1,200 → 1,100  +3 −103
  from 2026-05-01 02:00 to 2026-05-03 02:00 (build 9), Europe/Paris
  Of those who left, 1 was merged into another profile.
  2 came and went in between.

  2026-05-02  +3  −103

Entered  1 of them
  PROFILE  spent
  cus_1      2.5
`
	p, b := sheetOf(t, "")
	p.segmentDiff(d)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
